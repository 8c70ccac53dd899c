package discordtest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Said is a message of a person's.
type Said struct {
	Person  string
	Text    string // may hold mentions: "<@id>"
	Channel string // empty: the direct channel with the bot
	Answers string // the message that it replies to
	Ping    bool   // the reply notifies its author
	Files   map[string][]byte
	Bot     bool // said by another bot
	Ago     time.Duration
}

// Shown is a message as a person sees it.
type Shown struct {
	ID, Text, Author string
	Controls         []Control
	Hidden, Loading  bool
	Pings            []string
	Raw              map[string]any
	Reference        string
	Files            []string
}

// Control is a button, or an option of a menu.
type Control struct{ Label, ID, Value, URL string }

var mentioned = regexp.MustCompile(`<@!?(\d+)>`)

// Say makes a person write, and gives the message's id.
func (s *Server) Say(in Said) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.person(in.Person)
	u.bot = in.Bot
	c := s.channels[in.Channel]
	if in.Channel == "" {
		c = s.direct(u.id)
	}
	m := &message{channel: c.id, author: u.id, content: in.Text}
	if in.Ago > 0 {
		m.id = strconv.FormatUint(snowflake(time.Now().Add(-in.Ago)), 10)
	}
	for _, id := range mentioned.FindAllStringSubmatch(in.Text, -1) {
		if !slices.Contains(m.mentions, id[1]) {
			m.mentions = append(m.mentions, id[1])
		}
	}
	if in.Answers != "" {
		m.kind, m.reference = 19, in.Answers
		if r := c.find(in.Answers); r != nil && in.Ping {
			m.mentions = append(m.mentions, r.author)
		}
	}
	for name, data := range in.Files {
		id := s.newID()
		s.files[id] = data
		m.files = append(m.files, object{"id": id, "filename": name, "content_type": "image/png", "size": len(data)})
	}
	s.keep(c, m)
	s.tell("MESSAGE_CREATE", m)
	return m.id
}

// Edit changes a person's message.
func (s *Server) Edit(channel, id, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.channels[channel].find(id)
	m.content, m.edited = text, time.Now()
	s.tell("MESSAGE_UPDATE", m)
}

// Preview makes Discord add a link's preview to a message, which looks like an edit.
func (s *Server) Preview(channel, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell("MESSAGE_UPDATE", s.channels[channel].find(id))
}

// User gives the id of a person.
func (s *Server) User(person string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.person(person).id
}

// Roles gives a person roles in the guild.
func (s *Server) Roles(person string, roles ...string) {
	s.set(func() { s.person(person).roles = roles })
}

// Direct gives the direct channel of a person with the bot.
func (s *Server) Direct(person string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.direct(s.person(person).id).id
}

// NewChannel adds a text channel to the guild.
func (s *Server) NewChannel(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.newChannel(channel{name: name, kind: guildText})
	s.dispatch("CHANNEL_CREATE", c, func(int) object { return s.channelJSON(c) })
	return c.id
}

// NewThread opens a thread as a person.
func (s *Server) NewThread(person, parent, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.newChannel(channel{name: name, kind: publicThread, parent: parent, owner: s.person(person).id})
	s.dispatch("THREAD_CREATE", c, func(int) object { return s.channelJSON(c) })
	return c.id
}

// See lists what a person sees of the bot's messages in a channel, oldest first.
func (s *Server) See(person, channel string) []Shown {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.person(person)
	c, ok := s.channels[channel]
	if !ok || c.kind == direct && c.people[0] != u.id {
		return nil
	}
	var out []Shown
	for _, m := range c.messages {
		if m.author == s.Bot && (m.hiddenFor == "" || m.hiddenFor == u.id) && m.kind != 21 {
			out = append(out, s.shown(m))
		}
	}
	return out
}

// Exists reports whether a message is there.
func (s *Server) Exists(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.channels {
		if c.find(id) != nil {
			return true
		}
	}
	return false
}

func (s *Server) shown(m *message) Shown {
	out := Shown{ID: m.id, Text: m.content, Author: m.author, Hidden: m.hiddenFor != "", Loading: m.flags&loading != 0, Pings: m.pings, Reference: m.reference,
		Raw: s.messageJSON(m, false)}
	for _, f := range m.files {
		out.Files = append(out.Files, fmt.Sprint(f["filename"]))
	}
	for _, row := range m.components {
		list, _ := row.(object)["components"].([]any)
		for _, e := range list {
			c := e.(object)
			text := func(o object, k string) string { v, _ := o[k].(string); return v }
			if options, ok := c["options"].([]any); ok {
				for _, o := range options {
					out.Controls = append(out.Controls, Control{text(o.(object), "label"), text(c, "custom_id"), text(o.(object), "value"), ""})
				}
				continue
			}
			out.Controls = append(out.Controls, Control{text(c, "label"), text(c, "custom_id"), "", text(c, "url")})
		}
	}
	return out
}

// errNoAnswer is what a person sees when the bot did not answer in time.
var errNoAnswer = errors.New("the application did not respond")

// ask sends an interaction to the bot and waits for its first answer.
func (s *Server) ask(person, channelID string, kind int, on *message, data object) (*Interaction, error) {
	s.mu.Lock()
	u := s.person(person)
	c := s.channels[channelID]
	if channelID == "" {
		c = s.direct(u.id)
	}
	i := &Interaction{ID: s.newID(), user: u, channel: c.id, on: on, kind: kind, made: time.Now(), answered: make(chan struct{})}
	i.Token = "interaction-token-" + i.ID + strings.Repeat("x", 40)
	s.asked[i.Token] = i
	o := object{"id": i.ID, "application_id": s.App, "type": kind, "token": i.Token, "version": 1, "channel_id": c.id, "channel": s.channelJSON(c), "data": data,
		"locale": "en-US", "entitlements": []any{}, "authorizing_integration_owners": object{"0": s.Guild}, "app_permissions": "274877975552",
		"attachment_size_limit": 10485760, "context": 0}
	if c.kind == direct {
		o["user"], o["context"] = s.userJSON(u), 1
	} else {
		m := s.memberJSON(u)
		m["user"], m["permissions"] = s.userJSON(u), "0"
		o["member"], o["guild_id"], o["guild"] = m, s.Guild, object{"id": s.Guild, "locale": "en-US", "features": []any{}}
	}
	if on != nil {
		o["message"] = s.messageJSON(on, false)
	}
	s.dispatch("INTERACTION_CREATE", c, func(int) object { return o })
	s.mu.Unlock()
	select {
	case <-i.answered:
		return i, nil
	case <-time.After(s.o.Answer):
		return i, errNoAnswer
	}
}

// Slash gives a command. channel "": in private. options are name, value, name, value, …
func (s *Server) Slash(person, channel, name string, options ...string) (*Interaction, error) {
	data, err := s.commandData(name, options, "")
	if err != nil {
		return nil, err
	}
	return s.ask(person, channel, 2, nil, data)
}

// Complete types into an option, and gives what is offered.
func (s *Server) Complete(person, channel, name, option, typed string) ([]string, error) {
	data, err := s.commandData(name, []string{option, typed}, option)
	if err != nil {
		return nil, err
	}
	i, err := s.ask(person, channel, 4, nil, data)
	return i.Choices, err
}

func (s *Server) commandData(name string, options []string, focused string) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.commandNamed(name, 1.0)
	if n < 0 {
		return nil, fmt.Errorf("there is no command /%s", name)
	}
	list := []object{}
	for i := 0; i+1 < len(options); i += 2 {
		o := object{"name": options[i], "type": 3, "value": options[i+1]}
		if options[i] == focused {
			o["focused"] = true
		}
		list = append(list, o)
	}
	return object{"id": s.commands[n]["id"], "name": name, "type": 1, "options": list}, nil
}

// Press presses the button, or takes the option, that bears a label. It fails if there is none.
func (s *Server) Press(person, channel, id, label string) (*Interaction, error) {
	s.mu.Lock()
	u := s.person(person)
	c := s.channels[channel]
	if channel == "" {
		c = s.direct(u.id)
	}
	m := c.find(id)
	if m == nil || m.hiddenFor != "" && m.hiddenFor != u.id {
		s.mu.Unlock()
		return nil, errors.New("the person does not see the message")
	}
	controls := s.shown(m).Controls
	s.mu.Unlock()
	for _, k := range controls {
		if k.Label != label || k.URL != "" {
			continue
		}
		data := object{"custom_id": k.ID, "component_type": 2}
		if k.Value != "" {
			data["component_type"], data["values"] = 3, []string{k.Value}
		}
		return s.ask(person, c.id, 3, m, data)
	}
	return nil, fmt.Errorf("there is no %q among %v", label, controls)
}

// Submit fills in the form that an interaction opened.
func (s *Server) Submit(person string, form *Interaction, text string) (*Interaction, error) {
	if form.Modal == nil {
		return nil, errors.New("no form was opened")
	}
	parts := []any{}
	for _, p := range form.Modal["components"].([]any) {
		c := p.(object)
		if in, ok := c["component"].(object); ok {
			parts = append(parts, object{"type": 18, "id": 1, "component": object{"type": 4, "id": 2, "custom_id": in["custom_id"], "value": text}})
			continue
		}
		in := c["components"].([]any)[0].(object)
		parts = append(parts, object{"type": 1, "id": 1, "components": []any{object{"type": 4, "id": 2, "custom_id": in["custom_id"], "value": text}}})
	}
	return s.ask(person, form.channel, 5, form.on, object{"custom_id": form.Modal["custom_id"], "components": parts})
}

// Again tells of an interaction a second time, as after a connection was resumed.
func (s *Server) Again(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ss := range s.sessions {
		for n := len(ss.events) - 1; n >= 0; n-- {
			if *ss.events[n].T == kind {
				p := ss.events[n]
				ss.seq++
				seq := ss.seq
				p.S = &seq
				ss.events = append(ss.events, p)
				if ss.conn != nil {
					ss.conn.send(p)
				}
				break
			}
		}
	}
}

// Commands gives the commands that the bot has published.
func (s *Server) Commands() []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

// Requests gives the requests that came in so far whose method and path hold these texts. Connections to the gateway
// are among them, with the method GATEWAY.
func (s *Server) Requests(method, path string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Request
	for _, r := range s.log {
		if strings.Contains(r.Method, method) && strings.Contains(r.Path, path) {
			out = append(out, r)
		}
	}
	return out
}

// Counts tells what happened at the gateway so far.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Online reports whether a bot is connected.
func (s *Server) Online() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ss := range s.sessions {
		if ss.conn != nil {
			return true
		}
	}
	return false
}
