package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"chatgateway/channels"
	"chatgateway/internal/lazyregexp"
)

// notKept stands in place of what must not be kept.
const notKept = "••••••"

var idPattern = lazyregexp.New(`^[A-Za-z0-9_-]{8,64}$`)

// said is what the browser sends of a person. The ids are the browser's, so that what is sent again is the same.
type said struct {
	Conversation channels.ConversationID `json:"c"`
	ID           string                  `json:"id"`
	Text         string                  `json:"text"`
	Files        []upload                `json:"files"`
	Quiet        bool                    `json:"quiet"`   // not shown: the stop button's /stop
	Message      channels.MessageID      `json:"message"` // that bears the button pressed
	Press        channels.PressID        `json:"press"`
}

func (in said) message() channels.MessageID {
	return channels.MessageID(string(in.Conversation) + ".u" + in.ID)
}

// say takes a person's message. It is answered 200 when the gateway has it for good, and not before.
func (s *server) say(w http.ResponseWriter, r *http.Request) {
	var in said
	if !read(w, r, maxUploads*4/3+maxText+maxSmall, &in) {
		return
	}
	files, wrong := in.check()
	if wrong != "" {
		refuse(w, http.StatusRequestEntityTooLarge, wrong)
		return
	}
	s.take(w, r, in, func(t *talk, m *channels.Message) (*entry, error) {
		m.Text, m.Addressed = in.Text, true
		e := &entry{ID: m.ID, Mine: true, Text: s.keepable(in.Text), Time: m.Time}
		for _, f := range files {
			kept, err := s.ch.book.keepFile(t, f.Name, f.Type, f.Data)
			if err != nil {
				return nil, err
			}
			e.Files = append(e.Files, kept)
			m.Attachments = append(m.Attachments, channels.Attachment{Name: kept.Name, Type: kept.Type, Size: kept.Size, Data: f.Data})
		}
		if in.Quiet && strings.HasPrefix(in.Text, "/stop") {
			return nil, nil
		}
		return e, nil
	})
}

// check says what is wrong with a message, in a sentence; "" if nothing is.
func (in *said) check() (files []upload, wrong string) {
	in.Text = strings.ReplaceAll(strings.ToValidUTF8(in.Text, "\uFFFD"), "\x00", "")
	size := 0
	for _, f := range in.Files {
		size += len(f.Data)
	}
	switch {
	case !idPattern.MatchString(in.ID) || !convPattern.MatchString(string(in.Conversation)):
		return nil, "The message has no usable id."
	case len(in.Text) > maxText:
		return nil, "This message is too long: at most " + strconv.Itoa(maxText>>10) + " KB of text. Attach it as a file instead."
	case len(in.Files) > maxFiles:
		return nil, "At most " + strconv.Itoa(maxFiles) + " files go with a message."
	case size > maxUploads:
		return nil, "The files are too large: at most " + strconv.Itoa(maxUploads>>20) + " MB together."
	case strings.TrimSpace(in.Text) == "" && len(in.Files) == 0:
		return nil, "The message is empty."
	}
	return in.Files, ""
}

// press takes the press of a button that a message bears now.
func (s *server) press(w http.ResponseWriter, r *http.Request) {
	var in said
	if !read(w, r, maxSmall, &in) {
		return
	}
	if !idPattern.MatchString(in.ID) || !convPattern.MatchString(string(in.Conversation)) {
		refuse(w, http.StatusBadRequest, "The press has no usable id.")
		return
	}
	s.take(w, r, in, func(t *talk, m *channels.Message) (*entry, error) {
		m.Press, m.Answers, m.Addressed = in.Press, in.Message, true
		ok, err := s.ch.book.button(t, in.Message, in.Press)
		if err == nil && !ok {
			err = errNoButton
		}
		return nil, err
	})
}

var errNoButton = errors.New("no such button")

// take hands a person's message to the gateway, and shows it once it was taken. fill completes it and says what is
// shown; nil: nothing.
func (s *server) take(w http.ResponseWriter, r *http.Request, in said, fill func(*talk, *channels.Message) (*entry, error)) {
	t, err := s.ch.book.of(who(r), in.Conversation, in.Press == "")
	if err != nil {
		s.fail(w, "conversation", err)
		return
	}
	select {
	case t.turn <- struct{}{}: // the order of one conversation's messages is the order of the calls
		defer func() { <-t.turn }()
	case <-r.Context().Done():
		return
	}
	if there, err := s.ch.book.has(t, in.message()); err != nil || there {
		if err != nil {
			s.fail(w, "conversation", err)
		} else {
			reply(w, map[string]any{"id": in.message()}) // sent again: it was taken
		}
		return
	}
	m := channels.Message{
		Conversation: t.id, ID: in.message(), From: t.head.User, FromName: string(t.head.User), Private: true, Time: time.Now(),
	}
	e, err := fill(t, &m)
	if errors.Is(err, errNoButton) {
		refuse(w, http.StatusConflict, "This button is not there any more.")
		return
	}
	n := 0
	if err == nil && e != nil {
		n, err = s.ch.book.place(t)
	}
	if err == nil {
		err = s.handler(r.Context(), channels.Batch{Messages: []channels.Message{m}})
	}
	if err == nil && e != nil {
		e.N = n
		err = s.ch.book.add(t, *e)
	}
	if err != nil {
		s.fail(w, "a message was not taken", err)
		return
	}
	reply(w, map[string]any{"id": m.ID})
}

// keepable gives what of a text may be kept and shown: not what looks like a key, nor a secret argument of a command.
func (s *server) keepable(text string) string {
	if masked := s.ch.book.maskArgs(text); masked != text {
		return masked
	}
	if s.ch.set.Core != nil && s.ch.set.Core.LooksSecret(text) {
		return notKept
	}
	return text
}

// maskArgs takes the secret arguments out of a command.
func (b *book) maskArgs(text string) string {
	words := strings.Fields(text)
	if len(words) < 2 || !strings.HasPrefix(words[0], "/") {
		return text
	}
	c, _ := b.command(strings.ToLower(strings.Trim(words[0], "/:")))
	for i, a := range c.Args {
		if a.Secret && len(words) > i+1 {
			return strings.Join(append(words[:i+1:i+1], notKept), " ")
		}
	}
	return text
}

// complete lists values for the argument that a command's text ends in.
func (s *server) complete(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Text string `json:"text"`
	}
	if !read(w, r, maxSmall, &in) {
		return
	}
	out := []string{}
	words := strings.Split(strings.TrimLeft(in.Text, " "), " ")
	c, ok := s.ch.book.command(strings.TrimPrefix(words[0], "/"))
	if n := len(words) - 2; ok && n >= 0 && n < len(c.Args) && c.Args[n].Complete != nil && !c.Args[n].Secret {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		for _, v := range c.Args[n].Complete(ctx, words[n+1]) {
			if v != "" && utf8.ValidString(v) && len(out) < 30 {
				out = append(out, v)
			}
		}
	}
	reply(w, out)
}

// messages gives a page of older messages.
func (s *server) messages(w http.ResponseWriter, r *http.Request) {
	t, err := s.ch.book.of(who(r), channels.ConversationID(r.URL.Query().Get("c")), false)
	if err != nil {
		s.fail(w, "older messages", err)
		return
	}
	before, _ := strconv.Atoi(r.URL.Query().Get("before")) // 0: none
	page, more, err := s.ch.book.earlier(t, before)
	if err != nil {
		s.fail(w, "older messages", err)
		return
	}
	reply(w, map[string]any{"messages": page, "more": more})
}

// model says which model answers in a conversation.
func (s *server) model(w http.ResponseWriter, r *http.Request) {
	var model, why string
	if c := channels.ConversationID(r.URL.Query().Get("c")); s.ch.set.Core != nil && convPattern.MatchString(string(c)) {
		if t, err := s.ch.book.of(who(r), c, false); err == nil || errors.Is(err, channels.ErrGone) && t == nil {
			model, why = s.ch.set.Core.Model(r.Context(), s.ch.acct, c)
		}
	}
	reply(w, map[string]string{"model": model, "why": why})
}

func (s *server) rename(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Title string `json:"title"`
	}
	if !read(w, r, maxSmall, &in) {
		return
	}
	t, err := s.ch.book.of(who(r), channels.ConversationID(r.PathValue("id")), false)
	if err != nil {
		s.fail(w, "rename", err)
		return
	}
	if cleanTitle(in.Title) == "" {
		refuse(w, http.StatusBadRequest, "A conversation needs a name.")
		return
	}
	s.ch.book.rename(t, in.Title)
	reply(w, struct{}{})
}

func (s *server) discard(w http.ResponseWriter, r *http.Request) {
	t, err := s.ch.book.of(who(r), channels.ConversationID(r.PathValue("id")), false)
	if errors.Is(err, channels.ErrGone) {
		reply(w, struct{}{}) // it is deleted
		return
	}
	if err == nil {
		err = s.ch.book.discard(t)
	}
	if err == nil && s.ch.set.Core != nil {
		err = s.ch.set.Core.Forget(r.Context(), s.ch.acct, t.id)
	}
	if err != nil {
		s.fail(w, "delete", err)
		return
	}
	reply(w, struct{}{})
}
