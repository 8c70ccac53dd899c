package slacktest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// trigger is the right to open a form.
type trigger struct {
	user string
	till time.Time
	used bool
}

// Form is a form that was opened.
type Form struct {
	ID, Title, Callback, Private string
	Block, Field                 string // of its input
	Raw                          json.RawMessage
}

// newTrigger makes one. s.mu is held.
func (s *Server) newTrigger(user string) string {
	id := s.id("trigger.")
	s.trigger[id] = &trigger{user: user, till: time.Now().Add(triggerTime)}
	return id
}

func (s *Server) openView(a args) (object, error) {
	t := s.trigger[a["trigger_id"]]
	switch {
	case t == nil:
		return nil, no("invalid_trigger_id")
	case t.used:
		return nil, no("exchanged_trigger_id")
	case time.Now().After(t.till):
		return nil, no("expired_trigger_id")
	}
	var v struct {
		Type     string          `json:"type"`
		Title    *textObject     `json:"title"`
		Submit   *textObject     `json:"submit"`
		Callback string          `json:"callback_id"`
		Private  string          `json:"private_metadata"`
		Blocks   json.RawMessage `json:"blocks"`
	}
	if json.Unmarshal(a.raw("view"), &v) != nil || v.Type != "modal" || !v.Title.fits(24) || len(v.Private) > 3000 || len(v.Callback) > 255 ||
		checkBlocks(v.Blocks, true) != nil {
		return nil, no("invalid_arguments")
	}
	f := &Form{ID: s.id("V"), Title: v.Title.Text, Callback: v.Callback, Private: v.Private, Raw: a.raw("view")}
	for _, b := range parse(v.Blocks) {
		if b.Type == "input" {
			if !v.Submit.fits(24) {
				return nil, no("invalid_arguments")
			}
			f.Block, f.Field = b.BlockID, b.Element.ActionID
		}
	}
	t.used = true
	s.forms[a["trigger_id"]] = f
	return object{"view": object{"id": f.ID, "type": "modal", "callback_id": f.Callback}}, nil
}

// Form gives the form that was opened by a trigger; nil: none, as yet.
func (s *Server) Form(triggerID string) *Form {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.forms[triggerID]
}

// replyURL is the address that comes with a command or a press.
type replyURL struct {
	room *room
	user string
	by   *message // that bears the button; nil: a command
	left int
	till time.Time
}

// newReply makes one. s.mu is held.
func (s *Server) newReply(r *room, user string, by *message) string {
	id := s.id("reply-secret-")
	s.replies[id] = &replyURL{room: r, user: user, by: by, left: 5, till: time.Now().Add(30 * time.Minute)}
	return s.http.URL + "/reply/" + id
}

// Expire ends the time of every address that was given so far.
func (s *Server) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.replies {
		r.till = time.Time{}
	}
}

// replyURL serves such an address.
func (s *Server) replyURL(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	to := s.replies[strings.TrimPrefix(r.URL.Path, "/reply/")]
	var in struct {
		Text    string          `json:"text"`
		Blocks  json.RawMessage `json:"blocks"`
		Kind    string          `json:"response_type"`
		Replace bool            `json:"replace_original"`
		Delete  bool            `json:"delete_original"`
		Thread  string          `json:"thread_ts"`
	}
	if f := s.faults.replies; f.status != 0 {
		w.WriteHeader(f.status)
		_, _ = io.WriteString(w, f.body)
		return
	}
	refuse := func(code string) {
		w.WriteHeader(http.StatusNotFound)
		answer(w, nil, no(code))
	}
	switch {
	case err != nil || json.Unmarshal(data, &in) != nil:
		refuse("invalid_payload")
		return
	case to == nil || time.Now().After(to.till):
		refuse("expired_url")
		return
	case to.left == 0:
		refuse("used_url")
		return
	case in.Text == "" && in.Blocks == nil && !in.Delete:
		refuse("no_text")
		return
	}
	if checkBlocks(in.Blocks, false) != nil {
		refuse("invalid_blocks")
		return
	}
	to.left--
	switch {
	case in.Delete && to.by != nil:
		to.room.remove(to.by)
	case in.Replace && to.by != nil:
		to.by.text, to.by.blocks = in.Text, in.Blocks
	default:
		m := &message{user: BotUser, text: in.Text, blocks: in.Blocks, thread: in.Thread}
		if in.Kind != "in_channel" {
			m.only = to.user
		}
		s.post(to.room, m)
	}
	_, _ = w.Write([]byte("ok"))
}
