package slacktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Said is something that a person says.
type Said struct {
	Person  string
	Text    string // as Slack has it: <@U0BOT>, &amp;
	Channel string // empty: to the bot directly
	Thread  string // ts of the message that began the thread
	Files   []File
	Twice   bool // the mention comes before the message
	Ago     time.Duration
}

// File is a file of a person's.
type File struct {
	Name, Type string
	Data       []byte
}

// Shown is a message as a person sees it.
type Shown struct {
	TS, Text, Thread string
	Hidden           bool // this person alone sees it
	Streaming        bool
	Controls         []Control
	Blocks           json.RawMessage
	Files            []string
}

// Control is a button, or an option of a menu.
type Control struct {
	Label, URL string
	action     string
	value      string
	menu       bool
}

// Person gives a person's id.
func (s *Server) Person(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.person(name)
}

// Direct gives the bot's conversation with a person.
func (s *Server) Direct(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.direct(s.person(name)).id
}

// at finds a channel, the direct one if none is named, and the person's id.
func (s *Server) at(person, channel string) (*room, string) {
	user := s.person(person)
	if channel == "" {
		return s.direct(user), user
	}
	return s.rooms[channel], user
}

// Say says something and gives its ts. In channels a mention is told twice, as Slack does.
func (s *Server) Say(in Said) string {
	s.mu.Lock()
	r, user := s.at(in.Person, in.Channel)
	if r == nil {
		s.mu.Unlock()
		panic("slacktest: no such channel")
	}
	m := &message{ts: s.stamp(), user: user, text: in.Text, thread: in.Thread}
	if in.Ago > 0 {
		m.ts = fmt.Sprintf("%d.000001", time.Now().Add(-in.Ago).Unix())
	}
	for _, f := range in.Files {
		m.files, m.subtype = append(m.files, s.keepFile(user, f)), "file_share"
	}
	r.messages = append(r.messages, m)
	e := r.wire(m)
	e["channel"], e["channel_type"], e["event_ts"] = r.id, r.kind, m.ts
	mention := object{}
	for k, v := range e {
		mention[k] = v
	}
	mention["type"] = "app_mention"
	delete(mention, "subtype")
	delete(mention, "channel_type")
	s.mu.Unlock()
	mentioned := r.kind != "im" && strings.Contains(in.Text, "<@"+BotUser+">")
	if mentioned && in.Twice {
		s.Event(mention)
	}
	s.Event(e)
	if mentioned && !in.Twice {
		s.Event(mention)
	}
	return m.ts
}

// Event tells the app an event.
func (s *Server) Event(e any) {
	s.mu.Lock()
	id := s.id("Ev")
	s.mu.Unlock()
	s.tell("events_api", object{"token": "unused", "team_id": Team, "api_app_id": AppID, "type": "event_callback", "event": e, "event_id": id,
		"event_time": time.Now().Unix(), "is_ext_shared_channel": false,
		"authorizations": []object{{"team_id": Team, "user_id": BotUser, "is_bot": true}}})
}

// Change edits what a person said.
func (s *Server) Change(person, channel, ts, text string) {
	s.mu.Lock()
	r, user := s.at(person, channel)
	m := r.find(ts)
	before := r.wire(m)
	m.text = text
	after := r.wire(m)
	after["edited"] = object{"user": user, "ts": s.stamp()}
	stamp := s.stamp()
	s.mu.Unlock()
	s.Event(object{"type": "message", "subtype": "message_changed", "hidden": true, "channel": r.id, "channel_type": r.kind, "ts": stamp,
		"event_ts": stamp, "message": after, "previous_message": before})
}

// Assistant opens an assistant thread and gives its ts.
func (s *Server) Assistant(person string) string {
	s.mu.Lock()
	r, user := s.at(person, "")
	m := &message{ts: s.stamp(), user: BotUser, text: "New Assistant Thread", subtype: "assistant_app_thread"}
	m.thread = m.ts
	r.messages = append(r.messages, m)
	s.mu.Unlock()
	s.Event(object{"type": "assistant_thread_started", "event_ts": m.ts,
		"assistant_thread": object{"user_id": user, "channel_id": r.id, "thread_ts": m.ts, "context": object{}}})
	return m.ts
}

// AssistantState tells a thread's status line, title and suggested prompts.
func (s *Server) AssistantState(channel, thread string) (status, title string, prompts []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := channel + ":" + thread
	return s.status[at], s.titles[at], s.prompts[at]
}

// See lists what the bot posted in a channel, as a person sees it.
func (s *Server) See(person, channel string) (list []Shown) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, user := s.at(person, channel)
	for _, m := range r.messages {
		if m.user != BotUser || m.subtype == "assistant_app_thread" || m.only != "" && m.only != user {
			continue
		}
		sh := Shown{TS: m.ts, Text: m.text, Thread: m.thread, Hidden: m.only != "", Streaming: m.streaming, Blocks: m.blocks}
		for _, f := range m.files {
			sh.Files = append(sh.Files, f.name+"="+string(f.data))
		}
		for _, b := range parse(m.blocks) {
			for _, e := range b.Elements {
				if e.Type == "button" {
					sh.Controls = append(sh.Controls, Control{Label: e.text().Text, URL: e.URL, action: e.ActionID, value: e.Value})
				}
				for _, o := range e.Options {
					sh.Controls = append(sh.Controls, Control{Label: o.Text.Text, action: e.ActionID, value: o.Value, menu: true})
				}
			}
		}
		list = append(list, sh)
	}
	return list
}

// Exists reports whether a message, "channel/ts", is there.
func (s *Server) Exists(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch, ts, _ := strings.Cut(id, "/")
	r, ok := s.rooms[ch]
	return ok && r.find(ts) != nil
}

// Press presses a button, or chooses an option, of a message. It gives the trigger, by which a form may be opened.
func (s *Server) Press(person, channel, ts, label string) (triggerID string, err error) {
	var c *Control
	for _, m := range s.See(person, channel) {
		for _, b := range m.Controls {
			if m.TS == ts && b.Label == label {
				c = &b
			}
		}
	}
	if c == nil {
		return "", fmt.Errorf("slacktest: %s sees no button %q", person, label)
	}
	s.mu.Lock()
	r, user := s.at(person, channel)
	m := r.find(ts)
	t := s.newTrigger(user)
	a := object{"action_id": c.action, "block_id": "b1", "type": "button", "value": c.value, "action_ts": s.stamp()}
	if c.menu {
		delete(a, "value")
		a["type"], a["selected_option"] = "static_select", object{"text": object{"type": "plain_text", "text": label}, "value": c.value}
	}
	container := object{"type": "message", "message_ts": ts, "channel_id": r.id, "is_ephemeral": m.only != ""}
	payload := object{"type": "block_actions", "user": object{"id": user, "username": person, "name": person, "team_id": Team}, "api_app_id": AppID,
		"container": container, "trigger_id": t, "team": object{"id": Team, "domain": "team"}, "channel": object{"id": r.id, "name": "x"},
		"actions": []object{a}, "response_url": s.newReply(r, user, m)}
	if m.thread != "" {
		container["thread_ts"] = m.thread
	}
	if m.only == "" {
		payload["message"] = r.wire(m)
	}
	s.mu.Unlock()
	s.tell("interactive", payload)
	return t, nil
}

// Slash gives a slash command in a channel; empty: to the bot directly.
func (s *Server) Slash(person, channel, command, text string) {
	s.mu.Lock()
	r, user := s.at(person, channel)
	p := s.slash(r, user, person, command, text)
	s.mu.Unlock()
	s.tell("slash_commands", p)
}

// slash is a command's payload. s.mu is held.
func (s *Server) slash(r *room, user, person, command, text string) object {
	name := "general"
	if r.kind == "im" {
		name = "directmessage"
	}
	return object{"token": "unused", "team_id": Team, "team_domain": "team", "channel_id": r.id, "channel_name": name, "user_id": user, "user_name": person,
		"command": command, "text": text, "api_app_id": AppID, "is_enterprise_install": "false", "response_url": s.newReply(r, user, nil),
		"trigger_id": s.newTrigger(user)}
}

// Foreign makes a conversation of two people without the bot, in which commands can be given, and gives its id.
func (s *Server) Foreign(a, b string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &room{id: s.id("D"), kind: "im", members: map[string]bool{s.person(a): true, s.person(b): true}}
	s.rooms[r.id] = r
	return r.id
}

// Submit sends a form and waits for what the app says to it: what is wrong, by block.
func (s *Server) Submit(person string, f *Form, value string) (map[string]string, error) {
	s.mu.Lock()
	user := s.person(person)
	s.mu.Unlock()
	e := s.tell("interactive", object{"type": "view_submission", "team": object{"id": Team}, "user": object{"id": user, "name": person, "team_id": Team},
		"api_app_id": AppID, "trigger_id": "", "view": object{"id": f.ID, "type": "modal", "callback_id": f.Callback, "private_metadata": f.Private,
			"state": object{"values": object{f.Block: object{f.Field: object{"type": "plain_text_input", "value": value}}}}}})
	select {
	case p := <-e.acked:
		var said struct {
			Action string            `json:"response_action"`
			Errors map[string]string `json:"errors"`
		}
		if len(p) > 0 && string(p) != "null" {
			if err := json.Unmarshal(p, &said); err != nil {
				return nil, fmt.Errorf("slacktest: the answer to a form: %w", err)
			}
		}
		return said.Errors, nil
	case <-time.After(s.o.Redeliver):
		return nil, errors.New("slacktest: the form was not acknowledged in time")
	}
}
