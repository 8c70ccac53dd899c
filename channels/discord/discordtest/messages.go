package discordtest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	ephemeral = 1 << 6
	loading   = 1 << 7
)

// channelOf finds the channel of a request, and checks what the bot may do there.
func (s *Server) channelOf(r *request, needs ...string) (*channel, *refusal) {
	c, ok := s.channels[r.path[1]]
	if !ok {
		return nil, unknownChannel
	}
	if c.kind != direct && s.away || c.lacks["view"] {
		return nil, noAccess
	}
	for _, n := range needs {
		if c.lacks[n] {
			return nil, noPermission
		}
	}
	return c, nil
}

func (s *Server) getChannel(r *request) (any, *refusal) {
	c, no := s.channelOf(r)
	if no != nil {
		return nil, no
	}
	return s.channelJSON(c), nil
}

func (s *Server) getMessages(r *request) (any, *refusal) {
	c, no := s.channelOf(r)
	if no != nil {
		return nil, no
	}
	q := r.URL.Query()
	limit := 50
	if v := q.Get("limit"); v != "" {
		limit, _ = strconv.Atoi(v)
	}
	if limit < 1 || limit > 100 {
		return nil, invalid("limit", "Value must be between 1 and 100.")
	}
	after, _ := strconv.ParseUint(q.Get("after"), 10, 64)
	before, _ := strconv.ParseUint(q.Get("before"), 10, 64)
	var found []*message
	for _, m := range c.messages {
		id, _ := strconv.ParseUint(m.id, 10, 64)
		if m.hiddenFor == "" && id > after && (before == 0 || id < before) {
			found = append(found, m)
		}
	}
	if len(found) > limit { // those next to the id asked for
		if q.Has("after") {
			found = found[:limit]
		} else {
			found = found[len(found)-limit:]
		}
	}
	slices.Reverse(found) // the newest first
	out := []object{}
	for _, m := range found {
		out = append(out, s.veiled(s.messageJSON(m, false), m, !s.o.NoContent))
	}
	return out, nil
}

func (s *Server) getMessage(r *request) (any, *refusal) {
	c, no := s.channelOf(r)
	if no != nil {
		return nil, no
	}
	m := c.find(r.path[3])
	if m == nil || m.hiddenFor != "" {
		return nil, unknownMessage
	}
	return s.veiled(s.messageJSON(m, false), m, !s.o.NoContent), nil
}

func (s *Server) postMessage(r *request) (any, *refusal) {
	c, no := s.channelOf(r, "send")
	if no != nil {
		return nil, no
	}
	if c.kind == direct && s.byID(c.people[0]).closed {
		return nil, &refusal{403, 50007, "Cannot send messages to this user", nil}
	}
	nonce := ""
	if r.body["nonce"] != nil {
		nonce = fmt.Sprint(r.body["nonce"])
	}
	if len(nonce) > 25 {
		return nil, invalid("nonce", "Must be 25 or fewer in length.")
	}
	enforce, _ := r.body["enforce_nonce"].(bool)
	if m, ok := s.nonces[nonce]; ok && enforce && nonce != "" && time.Since(m.at) < 5*time.Minute {
		return s.messageJSON(m, false), nil
	}
	m := &message{channel: c.id, author: s.Bot, nonce: nonce}
	if no := s.fill(m, r, true); no != nil {
		return nil, no
	}
	if ref, ok := r.body["message_reference"].(object); ok {
		id, _ := ref["message_id"].(string)
		fail, given := ref["fail_if_not_exists"].(bool)
		if c.lacks["history"] {
			return nil, &refusal{400, 160002, "Cannot reply without permission to read message history", nil}
		}
		if c.find(id) == nil && (fail || !given) {
			return nil, invalid("message_reference", "Unknown message")
		}
		if c.find(id) != nil {
			m.reference, m.kind = id, 19
		}
	}
	s.keep(c, m)
	if nonce != "" {
		s.nonces[nonce] = m
	}
	s.tell("MESSAGE_CREATE", m)
	return s.messageJSON(m, false), nil
}

// keep adds a message to its channel.
func (s *Server) keep(c *channel, m *message) {
	if m.id == "" {
		m.id = s.newID()
	}
	m.at = time.Now()
	c.messages = append(c.messages, m)
}

// fill takes a message's content from a body, checking it as Discord does.
func (s *Server) fill(m *message, r *request, created bool) *refusal {
	if v, ok := r.body["content"]; ok {
		text, _ := v.(string)
		if utf8.RuneCountInString(text) > 2000 {
			return invalid("content", "Must be 2000 or fewer in length.")
		}
		m.content = strings.TrimSpace(text)
		if created {
			m.pings = pinged(text, r.body["allowed_mentions"])
		}
	}
	if v, ok := r.body["components"]; ok {
		rows, _ := v.([]any)
		if no := checkRows(rows); no != nil {
			return no
		}
		m.components = rows
	}
	if v, ok := r.body["flags"].(float64); ok {
		m.flags = m.flags&^4 | int(v)&4
	}
	for _, f := range r.files {
		id := s.newID()
		s.files[id] = f.data
		m.files = append(m.files, object{"id": id, "filename": f.name, "content_type": f.kind, "size": len(f.data)})
	}
	if m.content == "" && len(m.files) == 0 && len(m.components) == 0 && m.flags&loading == 0 {
		return &refusal{400, 50006, "Cannot send an empty message", nil}
	}
	return nil
}

var mention = regexp.MustCompile(`@everyone|@here|<@[!&]?\d+>`)

// pinged lists whom a text notifies.
func pinged(text string, allowed any) []string {
	found := mention.FindAllString(text, -1)
	a, ok := allowed.(object)
	if !ok {
		return found
	}
	if parse, ok := a["parse"].([]any); ok && len(parse) == 0 {
		return nil
	}
	return found
}

// checkRows checks controls as Discord does.
func checkRows(rows []any) *refusal {
	if len(rows) > 5 {
		return invalid("components", "Must be between 1 and 5 in length.")
	}
	seen := map[string]bool{}
	for _, row := range rows {
		r, _ := row.(object)
		list, _ := r["components"].([]any)
		if r["type"] != 1.0 || len(list) == 0 || len(list) > 5 {
			return invalid("components", "The specified component type is invalid in this context, or a row holds none or more than 5.")
		}
		for _, e := range list {
			c, _ := e.(object)
			if why := checkControl(c, len(list), seen); why != "" {
				return invalid("components", why)
			}
		}
	}
	return nil
}

func checkControl(c object, inRow int, seen map[string]bool) string {
	id, _ := c["custom_id"].(string)
	label, _ := c["label"].(string)
	if utf8.RuneCountInString(id) > 100 || id != "" && seen[id] {
		return "Component custom id cannot be duplicated, nor be longer than 100."
	}
	seen[id] = true
	switch c["type"] {
	case 2.0:
		url, _ := c["url"].(string)
		switch {
		case utf8.RuneCountInString(label) > 80 || label == "":
			return "The label must be between 1 and 80 in length."
		case c["style"] == 5.0 && (id != "" || !strings.HasPrefix(url, "http") || len(url) > 512):
			return "A link button has a url and no custom id."
		case c["style"] != 5.0 && (id == "" || url != ""):
			return "A button must have a custom id."
		}
	case 3.0:
		options, _ := c["options"].([]any)
		if inRow != 1 || id == "" || len(options) == 0 || len(options) > 25 {
			return "A select menu fills its row, and has between 1 and 25 options."
		}
		values := map[string]bool{}
		for _, o := range options {
			o, _ := o.(object)
			v, _ := o["value"].(string)
			l, _ := o["label"].(string)
			if v == "" || values[v] || utf8.RuneCountInString(v) > 100 || l == "" || utf8.RuneCountInString(l) > 100 {
				return "The specified option value is already used, or too long, or empty."
			}
			values[v] = true
		}
	default:
		return "The specified component type is invalid in this context."
	}
	return ""
}

func (s *Server) patchMessage(r *request) (any, *refusal) {
	c, no := s.channelOf(r)
	if no != nil {
		return nil, no
	}
	m := c.find(r.path[3])
	switch {
	case m == nil || m.hiddenFor != "":
		return nil, unknownMessage
	case m.author != s.Bot:
		return nil, &refusal{403, 50005, "Cannot edit a message authored by another user", nil}
	}
	if no := s.change(m, r); no != nil {
		return nil, no
	}
	return s.messageJSON(m, false), nil
}

// change edits a message.
func (s *Server) change(m *message, r *request) *refusal {
	was := *m
	if no := s.fill(m, r, false); no != nil {
		*m = was
		return no
	}
	if was.flags&loading != 0 {
		m.flags &^= loading
	} else {
		m.edited = time.Now()
	}
	s.tell("MESSAGE_UPDATE", m)
	return nil
}

func (s *Server) deleteMessage(r *request) (any, *refusal) {
	c, no := s.channelOf(r)
	if no != nil {
		return nil, no
	}
	m := c.find(r.path[3])
	switch {
	case m == nil || m.hiddenFor != "":
		return nil, unknownMessage
	case m.author != s.Bot && c.kind == direct:
		return nil, &refusal{403, 50003, "Cannot execute action on a DM channel", nil}
	case m.author != s.Bot && c.lacks["manage"]:
		return nil, noPermission
	}
	s.erase(c, m)
	return nil, nil
}

func (s *Server) erase(c *channel, m *message) {
	c.messages = slices.DeleteFunc(c.messages, func(o *message) bool { return o == m })
	if m.hiddenFor == "" {
		s.dispatch("MESSAGE_DELETE", c, func(int) object { return object{"id": m.id, "channel_id": c.id, "guild_id": s.guildOf(c)} })
	}
}

func (s *Server) postTyping(r *request) (any, *refusal) {
	_, no := s.channelOf(r, "send")
	return nil, no
}

func (s *Server) postDirect(r *request) (any, *refusal) {
	id, _ := r.body["recipient_id"].(string)
	u := s.byID(id)
	if u == nil || u.bot {
		return nil, unknownUser
	}
	return s.channelJSON(s.direct(id)), nil
}

func (s *Server) postThread(r *request) (any, *refusal) {
	c, no := s.channelOf(r, "thread")
	if no != nil {
		return nil, no
	}
	m := c.find(r.path[3])
	name, _ := r.body["name"].(string)
	switch {
	case m == nil:
		return nil, unknownMessage
	case c.kind != guildText:
		return nil, &refusal{400, 50024, "Cannot execute action on this channel type", nil}
	case name == "" || utf8.RuneCountInString(name) > 100:
		return nil, invalid("name", "Must be between 1 and 100 in length.")
	case s.channels[m.id] != nil:
		return nil, &refusal{400, 160004, "A thread has already been created for this message", nil}
	}
	t := s.newChannel(channel{id: m.id, name: name, parent: c.id, owner: s.Bot, kind: publicThread})
	s.dispatch("THREAD_CREATE", t, func(int) object {
		o := s.channelJSON(t)
		o["newly_created"] = true
		return o
	})
	starter := &message{channel: t.id, author: m.author, kind: 21}
	s.keep(t, starter)
	s.tell("MESSAGE_CREATE", starter)
	return s.channelJSON(t), nil
}

// serveFile gives a file by an address that still holds. A token has no business here.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/") // /cdn/attachments/channel/file/name
	s.mu.Lock()
	var data []byte
	if len(parts) == 6 && r.URL.Query().Get("ex") == strconv.Itoa(s.fresh) && r.Header.Get("Authorization") == "" {
		data = s.files[parts[4]]
	}
	s.mu.Unlock()
	if data == nil {
		http.Error(w, "This content is no longer available.", http.StatusNotFound)
		return
	}
	_, _ = w.Write(data)
}

// guildOf gives the guild of a channel; nil for a direct one.
func (s *Server) guildOf(c *channel) any {
	if c.kind == direct {
		return nil
	}
	return s.Guild
}
