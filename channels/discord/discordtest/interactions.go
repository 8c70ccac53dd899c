package discordtest

import (
	"time"
	"unicode/utf8"
)

// Interaction is a command or a press of a person's, and what the bot made of it.
type Interaction struct {
	ID, Token string
	Type      int // of the answer: 4, 5, 6, 7, 8 or 9; 0: none came in time
	Modal     map[string]any
	Choices   []string
	Hidden    bool // the answer was to be seen by the person alone

	user     *user
	channel  string
	on       *message // the message that bears the control
	original *message // the answer
	kind     int
	made     time.Time
	over     bool
	answered chan struct{}
}

var (
	unknownInteraction = &refusal{404, 10062, "Unknown interaction", nil}
	unknownWebhook     = &refusal{404, 10015, "Unknown Webhook", nil}
	tokenOver          = &refusal{401, 50027, "Invalid Webhook Token", nil}
	alreadyAnswered    = &refusal{400, 40060, "Interaction has already been acknowledged.", nil}
)

func (s *Server) postCallback(r *request) (any, *refusal) {
	i, ok := s.asked[r.path[2]]
	switch {
	case !ok || i.ID != r.path[1] || time.Since(i.made) > s.o.Answer:
		return nil, unknownInteraction
	case i.Type != 0:
		return nil, alreadyAnswered
	}
	kind, _ := r.body["type"].(float64)
	data, _ := r.body["data"].(object)
	if no := s.take(i, int(kind), data, r); no != nil {
		return nil, no
	}
	i.Type = int(kind)
	close(i.answered)
	if r.URL.Query().Get("with_response") != "true" {
		return nil, nil
	}
	out := object{"interaction": object{"id": i.ID, "type": i.kind}}
	if i.original != nil {
		out["resource"] = object{"type": int(kind), "message": s.messageJSON(i.original, false)}
	}
	return out, nil
}

// take carries out a first answer.
func (s *Server) take(i *Interaction, kind int, data object, r *request) *refusal {
	flags, _ := data["flags"].(float64)
	switch {
	case kind == 4 || kind == 5:
		if i.kind == 4 {
			return invalid("type", "Interaction response type is not valid for autocomplete.")
		}
		i.Hidden = int(flags)&ephemeral != 0
		m := s.reply(i, i.Hidden)
		if kind == 5 {
			m.flags |= loading
		}
		if no := s.fill(m, &request{Request: r.Request, body: data, files: r.files}, true); no != nil {
			return no
		}
		s.post(m)
		i.original = m
	case (kind == 6 || kind == 7) && i.on != nil:
		i.original = i.on
		if kind == 7 {
			return s.change(i.on, &request{Request: r.Request, body: data})
		}
	case kind == 8 && i.kind == 4:
		choices, _ := data["choices"].([]any)
		if len(choices) > 25 {
			return invalid("choices", "Must be 25 or fewer in length.")
		}
		for _, c := range choices {
			v, _ := c.(object)["value"].(string)
			if n := utf8.RuneCountInString(v); n < 1 || n > 100 {
				return invalid("choices", "Must be between 1 and 100 in length.")
			}
			i.Choices = append(i.Choices, v)
		}
	case kind == 9 && i.kind != 5 && i.kind != 4:
		return i.takeModal(data)
	default:
		return invalid("type", "Interaction response type is not valid here.")
	}
	return nil
}

func (i *Interaction) takeModal(data object) *refusal {
	id, _ := data["custom_id"].(string)
	title, _ := data["title"].(string)
	parts, _ := data["components"].([]any)
	if id == "" || len(id) > 100 || title == "" || utf8.RuneCountInString(title) > 45 || len(parts) == 0 || len(parts) > 5 {
		return invalid("data", "A modal has a custom id, a title of at most 45 characters, and between 1 and 5 components.")
	}
	for _, p := range parts {
		c, _ := p.(object)
		label, _ := c["label"].(string)
		switch c["type"] {
		case 1.0: // the older form
		case 18.0:
			in, _ := c["component"].(object)
			if n := utf8.RuneCountInString(label); n < 1 || n > 45 || in["custom_id"] == nil || in["type"] != 4.0 || in["label"] != nil {
				return invalid("components", "A label has a text of at most 45 characters and one component.")
			}
		default:
			return invalid("components", "The specified component type is invalid in this context.")
		}
	}
	i.Modal = data
	return nil
}

// reply makes the message of an answer.
func (s *Server) reply(i *Interaction, hidden bool) *message {
	m := &message{channel: i.channel, author: s.Bot, asked: i}
	if i.kind == 2 {
		m.kind = 20
	}
	if hidden {
		m.flags, m.hiddenFor = ephemeral, i.user.id
	}
	return m
}

// post shows the message of an answer.
func (s *Server) post(m *message) {
	s.keep(s.channels[m.channel], m)
	if m.hiddenFor == "" {
		s.tell("MESSAGE_CREATE", m)
	}
}

// byToken finds the interaction whose token a request bears.
func (s *Server) byToken(r *request) (*Interaction, *refusal) {
	i, ok := s.asked[r.path[2]]
	switch {
	case !ok || r.path[1] != s.App || i.Type == 0:
		return nil, unknownWebhook
	case i.over || time.Since(i.made) > 15*time.Minute:
		return nil, tokenOver
	}
	return i, nil
}

func (s *Server) postFollowup(r *request) (any, *refusal) {
	i, no := s.byToken(r)
	if no != nil {
		return nil, no
	}
	if i.Type == 5 && i.original != nil && i.original.flags&loading != 0 {
		// The first one takes the place of the answer that is being made; who sees it was settled there.
		if no := s.change(i.original, r); no != nil {
			return nil, no
		}
		return s.messageJSON(i.original, false), nil
	}
	flags, _ := r.body["flags"].(float64)
	m := s.reply(i, int(flags)&ephemeral != 0)
	m.kind = 0
	if i.original != nil {
		m.kind, m.reference = 19, i.original.id
	}
	if no := s.fill(m, r, true); no != nil {
		return nil, no
	}
	s.post(m)
	return s.messageJSON(m, false), nil
}

// followup finds the message of a request.
func (s *Server) followup(r *request) (*Interaction, *message, *refusal) {
	i, no := s.byToken(r)
	if no != nil {
		return nil, nil, no
	}
	m := i.original
	if r.path[4] != "@original" {
		if m = s.channels[i.channel].find(r.path[4]); m == nil || m.asked != i && m != i.on {
			return nil, nil, unknownMessage
		}
	}
	if m == nil || s.channels[m.channel].find(m.id) == nil {
		return nil, nil, unknownMessage
	}
	return i, m, nil
}

func (s *Server) getFollowup(r *request) (any, *refusal) {
	_, m, no := s.followup(r)
	if no != nil {
		return nil, no
	}
	return s.messageJSON(m, false), nil
}

func (s *Server) patchFollowup(r *request) (any, *refusal) {
	_, m, no := s.followup(r)
	if no != nil {
		return nil, no
	}
	if no := s.change(m, r); no != nil {
		return nil, no
	}
	return s.messageJSON(m, false), nil
}

func (s *Server) deleteFollowup(r *request) (any, *refusal) {
	_, m, no := s.followup(r)
	if no != nil {
		return nil, no
	}
	s.erase(s.channels[m.channel], m)
	return nil, nil
}
