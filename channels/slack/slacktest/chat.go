package slacktest

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	textMax     = 40_000
	markdownMax = 12_000
)

// room finds a channel that the bot may use. s.mu is held, as in all methods.
func (s *Server) room(id string) (*room, error) {
	r, ok := s.rooms[id]
	switch {
	case !ok:
		return nil, no("channel_not_found")
	case r.archived:
		return nil, no("is_archived")
	case !r.members[BotUser]:
		return nil, no("not_in_channel")
	}
	return r, nil
}

// content reads what a message is to show.
func content(a args) (text string, blocks json.RawMessage, err error) {
	text = a["text"]
	if md := a["markdown_text"]; md != "" {
		if text != "" || a["blocks"] != "" {
			return "", nil, no("markdown_text_conflict")
		}
		if utf8.RuneCountInString(md) > markdownMax {
			return "", nil, no("msg_too_long")
		}
		return md, nil, nil
	}
	blocks = a.raw("blocks")
	if string(blocks) == "[]" || string(blocks) == "null" {
		blocks = nil
	}
	switch {
	case text == "" && blocks == nil:
		return "", nil, no("no_text")
	case utf8.RuneCountInString(text) > textMax:
		return "", nil, no("msg_too_long")
	}
	return text, blocks, checkBlocks(blocks, false)
}

func (s *Server) post(r *room, m *message) object {
	if m.ts == "" {
		m.ts = s.stamp()
	}
	r.messages = append(r.messages, m)
	return object{"channel": r.id, "ts": m.ts, "message": r.wire(m)}
}

// wire is a message as Slack tells it.
func (r *room) wire(m *message) object {
	o := object{"type": "message", "user": m.user, "text": m.text, "ts": m.ts, "team": Team}
	if m.user == BotUser {
		o["bot_id"], o["app_id"] = BotID, AppID
	}
	if m.thread != "" {
		o["thread_ts"] = m.thread
		if p := r.find(m.thread); p != nil && p != m {
			o["parent_user_id"] = p.user
		}
	}
	if m.blocks != nil {
		o["blocks"] = m.blocks
	}
	if m.metadata != nil {
		o["metadata"] = m.metadata
	}
	if m.subtype != "" {
		o["subtype"] = m.subtype
	}
	if len(m.files) > 0 {
		var list []object
		for _, f := range m.files {
			list = append(list, f.wire())
		}
		o["files"] = list
	}
	return o
}

func (s *Server) postMessage(a args) (object, error) {
	r, err := s.room(a["channel"])
	if err != nil {
		return nil, err
	}
	text, blocks, err := content(a)
	if err != nil {
		return nil, err
	}
	if t := a["thread_ts"]; t != "" && r.find(t) == nil {
		return nil, no("thread_not_found")
	}
	return s.post(r, &message{user: BotUser, text: text, blocks: blocks, thread: a["thread_ts"], metadata: a.raw("metadata")}), nil
}

func (s *Server) postEphemeral(a args) (object, error) {
	r, err := s.room(a["channel"])
	if err != nil {
		return nil, err
	}
	if !r.members[a["user"]] {
		return nil, no("user_not_in_channel")
	}
	text, blocks, err := content(a)
	if err != nil {
		return nil, err
	}
	out := s.post(r, &message{user: BotUser, text: text, blocks: blocks, thread: a["thread_ts"], only: a["user"]})
	return object{"message_ts": out["ts"]}, nil
}

// own finds a message of the bot's.
func (s *Server) own(a args, not string) (*room, *message, error) {
	r, err := s.room(a["channel"])
	if err != nil {
		return nil, nil, err
	}
	m := r.find(a["ts"])
	switch {
	case m == nil || m.only != "":
		return nil, nil, no("message_not_found")
	case m.user != BotUser:
		return nil, nil, no(not)
	}
	return r, m, nil
}

func (s *Server) updateMessage(a args) (object, error) {
	r, m, err := s.own(a, "cant_update_message")
	if err != nil {
		return nil, err
	}
	if m.streaming {
		return nil, no("streaming_state_conflict")
	}
	text, blocks, err := content(a)
	if err != nil {
		return nil, err
	}
	m.text = text
	if a["blocks"] != "" {
		m.blocks = blocks
	}
	return object{"channel": r.id, "ts": m.ts, "text": m.text, "message": r.wire(m)}, nil
}

func (s *Server) deleteMessage(a args) (object, error) {
	r, m, err := s.own(a, "cant_delete_message")
	if err != nil {
		return nil, err
	}
	r.remove(m)
	return object{"channel": r.id, "ts": m.ts}, nil
}

func (r *room) remove(m *message) {
	for i, o := range r.messages {
		if o == m {
			r.messages = append(r.messages[:i:i], r.messages[i+1:]...)
			return
		}
	}
}

// streamed is the text that is added to a stream: markdown_text, or chunks.
func streamed(a args) (string, error) {
	text := a["markdown_text"]
	if utf8.RuneCountInString(text) > markdownMax {
		return "", no("msg_too_long")
	}
	var chunks []struct{ Type, Text string }
	if a["chunks"] != "" && json.Unmarshal(a.raw("chunks"), &chunks) != nil {
		return "", no("invalid_chunks")
	}
	for _, c := range chunks {
		if c.Type == "markdown_text" {
			text += c.Text
		}
	}
	return text, nil
}

func (s *Server) startStream(a args) (object, error) {
	r, err := s.room(a["channel"])
	if err != nil {
		return nil, err
	}
	switch {
	case a["thread_ts"] == "" || r.find(a["thread_ts"]) == nil:
		return nil, no("invalid_thread_ts")
	case r.kind != "im" && a["recipient_team_id"] == "":
		return nil, no("missing_recipient_team_id")
	case r.kind != "im" && a["recipient_user_id"] == "":
		return nil, no("missing_recipient_user_id")
	case a["recipient_user_id"] != "" && s.names[a["recipient_user_id"]] == "":
		return nil, no("user_not_found")
	}
	text, err := streamed(a)
	if err != nil {
		return nil, err
	}
	delete(s.status, r.id+":"+a["thread_ts"])
	return s.post(r, &message{user: BotUser, text: text, thread: a["thread_ts"], streaming: true}), nil
}

func (s *Server) appendStream(a args) (object, error) {
	r, m, err := s.own(a, "message_not_owned_by_app")
	switch {
	case err != nil:
		return nil, err
	case !m.streaming:
		return nil, no("message_not_in_streaming_state")
	case a["markdown_text"] == "" && a["chunks"] == "":
		return nil, no("no_text")
	}
	text, err := streamed(a)
	if err != nil {
		return nil, err
	}
	m.text += text
	return object{"channel": r.id, "ts": m.ts}, nil
}

func (s *Server) stopStream(a args) (object, error) {
	r, m, err := s.own(a, "message_not_owned_by_app")
	switch {
	case err != nil:
		return nil, err
	case !m.streaming:
		return nil, no("message_not_in_streaming_state")
	}
	text, err := streamed(a)
	if err != nil {
		return nil, err
	}
	m.text += text
	m.streaming = false
	return object{"channel": r.id, "ts": m.ts, "message": r.wire(m)}, nil
}

func (s *Server) openConversation(a args) (object, error) {
	user := a["users"]
	if s.names[user] == "" || strings.Contains(user, ",") {
		return nil, no("user_not_found")
	}
	if user == BotUser {
		return nil, no("cannot_dm_bot")
	}
	return object{"channel": object{"id": s.direct(user).id}}, nil
}

func (s *Server) conversationInfo(a args) (object, error) {
	r, ok := s.rooms[a["channel"]]
	if !ok {
		return nil, no("channel_not_found")
	}
	return object{"channel": object{"id": r.id, "is_im": r.kind == "im", "is_mpim": r.kind == "mpim", "is_channel": r.kind == "channel",
		"is_archived": r.archived, "is_member": r.members[BotUser]}}, nil
}

func (s *Server) history(a args) (object, error) {
	r, err := s.room(a["channel"])
	if err != nil {
		return nil, err
	}
	var list []*message
	for _, m := range slices.Backward(r.messages) {
		if m.only == "" && m.ts > a["oldest"] && (m.thread == "" || m.thread == m.ts) {
			list = append(list, m)
		}
	}
	return r.page(list, a)
}

// page gives one page of a list, with a cursor if there is more.
func (r *room) page(list []*message, a args) (object, error) {
	from, err := strconv.Atoi(first(a["cursor"], "0"))
	if err != nil || from < 0 || from > len(list) {
		return nil, no("invalid_cursor")
	}
	to := min(from+limit(a), len(list))
	out := []object{}
	for _, m := range list[from:to] {
		out = append(out, r.told(m, a))
	}
	answer := object{"messages": out, "has_more": to < len(list)}
	if to < len(list) {
		answer["response_metadata"] = object{"next_cursor": strconv.Itoa(to)}
	}
	return answer, nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// limit is how many messages are asked for.
func limit(a args) int {
	n, err := strconv.Atoi(a["limit"])
	if err != nil || n <= 0 || n > 999 {
		return 100
	}
	return n
}

func (s *Server) threadReplies(a args) (object, error) {
	r, err := s.room(a["channel"])
	if err != nil {
		return nil, err
	}
	if r.find(a["ts"]) == nil {
		return nil, no("thread_not_found")
	}
	var list []*message
	for _, m := range r.messages {
		if m.only == "" && (m.ts == a["ts"] || m.thread == a["ts"] && m.ts > a["oldest"]) {
			list = append(list, m)
		}
	}
	return r.page(list, a)
}

// told is a message as it is read, rather than told of.
func (r *room) told(m *message, a args) object {
	o := r.wire(m)
	if a["include_all_metadata"] != "1" && a["include_all_metadata"] != "true" {
		delete(o, "metadata")
	}
	for _, reply := range r.messages {
		if reply.thread == m.ts && reply != m && reply.only == "" {
			o["thread_ts"], o["latest_reply"] = m.ts, reply.ts
		}
	}
	return o
}

func (s *Server) thread(a args) (string, error) {
	r, err := s.room(a["channel_id"])
	if err != nil {
		return "", err
	}
	if a["thread_ts"] == "" || r.find(a["thread_ts"]) == nil {
		return "", no("invalid_thread_ts")
	}
	return r.id + ":" + a["thread_ts"], nil
}

func (s *Server) setStatus(a args) (object, error) {
	at, err := s.thread(a)
	if err == nil {
		s.status[at] = a["status"]
	}
	return nil, err
}

func (s *Server) setTitle(a args) (object, error) {
	at, err := s.thread(a)
	if err == nil {
		s.titles[at] = a["title"]
	}
	return nil, err
}

func (s *Server) setPrompts(a args) (object, error) {
	at, err := s.thread(a)
	var list []struct{ Title, Message string }
	if err == nil && (json.Unmarshal(a.raw("prompts"), &list) != nil || len(list) == 0 || len(list) > 4) {
		err = no("invalid_arguments")
	}
	if err != nil {
		return nil, err
	}
	s.prompts[at] = nil
	for _, p := range list {
		s.prompts[at] = append(s.prompts[at], p.Message)
	}
	return nil, nil
}

// triggerTime is how long a press gives the right to open a form.
const triggerTime = 3 * time.Second
