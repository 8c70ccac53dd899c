// Package terminal is a chat in a terminal: the gateway's side of it. The other side is `gateway chat`, which draws
// what is shown and reads what is typed; between them go JSON lines over a connection, so that it is the same whether
// both are one process or the chat attaches to a running gateway over its control socket.
//
// The connection is the person: whoever may open it is the owner.
package terminal

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/secret"
	"chatgateway/internal/status"
	"chatgateway/login"
)

// Service is the terminal as a chat service. Chats come and go by Channel.Attach.
var Service = channels.Service{
	Name:     "terminal",
	Title:    "Terminal",
	Help:     "gateway chat",
	Settings: func() any { return &Settings{} },
	Open:     open,
	Local:    true,
}

// Settings are the common ones.
type Settings struct {
	channels.Common `yaml:",inline"`
}

// MaxLine bounds a line from the other side.
const MaxLine = 4 << 20

// Main is the conversation that `gateway chat` shows if it is asked for no other.
const Main channels.ConversationID = "terminal"

var errClosed = errors.New("the gateway does not take messages now")

// The frames. Down goes to the chat, up comes from it.
type (
	// Down is what the chat shows.
	Down struct {
		Kind    string   `json:"kind"` // post, edit, delete, typing, ask, asked, refused
		ID      string   `json:"id,omitempty"`
		Text    string   `json:"text,omitempty"` // Markdown
		Partial bool     `json:"partial,omitempty"`
		Choices []Button `json:"choices,omitempty"`
		URL     string   `json:"url,omitempty"`  // of an ask
		Name    string   `json:"name,omitempty"` // of the field that is asked for
	}
	// Up is what the person does.
	Up struct {
		Kind   string `json:"kind"` // text, press, answer, cancel
		ID     string `json:"id"`   // of a message: made by the chat, the same if it sends it again; of an answer: of its ask
		Text   string `json:"text,omitempty"`
		Press  string `json:"press,omitempty"`
		Answer string `json:"answer,omitempty"` // a secret
		On     string `json:"on,omitempty"`     // the message that bears the button
	}
	// Button is a choice.
	Button struct {
		Label string `json:"label"`
		Press string `json:"press,omitempty"`
		URL   string `json:"url,omitempty"`
	}
)

// Channel is every terminal that is attached. Those of one conversation all show the same.
type Channel struct {
	log    *slog.Logger
	report func(status.Channel)
	prior  string // this run's part of the ids

	mu    sync.Mutex
	next  int                                                // guarded by mu
	keys  map[string]string                                  // guarded by mu: ids by key
	forms map[string]chan formAnswer                         // guarded by mu
	chats map[channels.ConversationID]map[io.Writer]struct{} // guarded by mu
	hand  channels.Handler                                   // guarded by mu; nil while Run does not run
	runs  chan struct{}                                      // guarded by mu; closed when hand is set
	said  bool                                               // guarded by mu: that lines are not kept
}

type formAnswer struct {
	text     string
	canceled bool
}

func open(o channels.Options) (channels.Channel, error) {
	if _, ok := o.Settings.(*Settings); !ok {
		return nil, fmt.Errorf("terminal: settings are %T", o.Settings)
	}
	if o.Report == nil {
		o.Report = func(status.Channel) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Channel{
		log: o.Log, report: o.Report, keys: map[string]string{}, forms: map[string]chan formAnswer{},
		chats: map[channels.ConversationID]map[io.Writer]struct{}{}, runs: make(chan struct{}), prior: fmt.Sprintf("%x", time.Now().UnixNano()),
	}, nil
}

// Run implements channels.Channel: it lets Attach take messages until ctx ends.
func (c *Channel) Run(ctx context.Context, h channels.Handler) error {
	c.mu.Lock()
	c.hand = h
	close(c.runs)
	c.mu.Unlock()
	c.report(status.Channel{State: status.Connected, Bot: "gateway chat", Alive: time.Now()})
	<-ctx.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hand, c.runs = nil, make(chan struct{})
	return nil
}

// Attach serves one chat until its connection or ctx ends; it closes the connection. Several may be attached to one
// conversation.
func (c *Channel) Attach(ctx context.Context, conv channels.ConversationID, conn io.ReadWriteCloser) error {
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer conn.Close() //nolint:errcheck // it may be closed already
	c.mu.Lock()
	runs := c.runs
	if c.chats[conv] == nil {
		c.chats[conv] = map[io.Writer]struct{}{}
	}
	c.chats[conv][conn] = struct{}{}
	c.mu.Unlock()
	defer c.detach(conv, conn)
	select {
	case <-ctx.Done():
		return nil
	case <-runs:
	}
	s := bufio.NewScanner(conn)
	s.Buffer(make([]byte, 0, 64<<10), MaxLine)
	for s.Scan() {
		var up Up
		if err := json.Unmarshal(s.Bytes(), &up); err != nil {
			c.log.Warn("terminal: a line that is none of ours")
			continue
		}
		c.take(ctx, conv, up)
	}
	if ctx.Err() != nil {
		return nil
	}
	return s.Err()
}

func (c *Channel) detach(conv channels.ConversationID, conn io.Writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.chats[conv], conn)
	if len(c.chats[conv]) == 0 {
		delete(c.chats, conv)
	}
}

// take hands a line from the chat in. A message is handed in until it is kept.
func (c *Channel) take(ctx context.Context, conv channels.ConversationID, up Up) {
	m := channels.Message{
		Conversation: conv, ID: channels.MessageID("u-" + up.ID), From: "owner", FromName: "you", Private: true, Addressed: true, Time: time.Now(),
	}
	switch up.Kind {
	case "answer", "cancel":
		c.mu.Lock()
		form := c.forms[up.ID]
		c.mu.Unlock()
		if form != nil {
			select {
			case form <- formAnswer{up.Answer, up.Kind == "cancel"}:
			case <-ctx.Done():
			}
		}
		return
	case "press":
		m.Press, m.Answers = channels.PressID(up.Press), channels.MessageID(up.On)
	default:
		m.Text = up.Text
	}
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		c.mu.Lock()
		h := c.hand
		c.mu.Unlock()
		err := errClosed
		if h != nil {
			err = h(ctx, channels.Batch{Messages: []channels.Message{m}})
		}
		if err == nil {
			c.refused(false)
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		c.log.Log(ctx, c.refused(true), "terminal: not kept yet", "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// refused notes whether the last line was kept, and gives the level at which a refusal is logged: it is said once until
// a line is kept again.
func (c *Channel) refused(yes bool) slog.Level {
	c.mu.Lock()
	defer c.mu.Unlock()
	said := c.said
	c.said = yes
	if said {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// Send implements channels.Channel.
func (c *Channel) Send(_ context.Context, p channels.Post) (channels.MessageID, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id, ok := c.keys[p.Key]; ok && p.Key != "" {
		return channels.MessageID(id), nil
	}
	c.next++
	id := fmt.Sprintf("t%s-%d", c.prior, c.next)
	if err := c.write(p.To, Down{Kind: "post", ID: id, Text: p.Text, Partial: p.Partial, Choices: buttons(p.Choices)}); err != nil {
		return "", err
	}
	if p.Key != "" {
		if len(c.keys) > 1000 { // the chat is a person's: what is older is not sent again
			clear(c.keys)
		}
		c.keys[p.Key] = id
	}
	return channels.MessageID(id), nil
}

// Limits implements channels.Channel.
func (c *Channel) Limits(channels.ConversationID) channels.Limits {
	return channels.Limits{EditEvery: 40 * time.Millisecond, NoSecrets: true, Verbatim: true} // secrets by Ask only
}

// Edit implements channels.Editor.
func (c *Channel) Edit(_ context.Context, id channels.MessageID, p channels.Post) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.write(p.To, Down{Kind: "edit", ID: string(id), Text: p.Text, Partial: p.Partial, Choices: buttons(p.Choices)})
}

// Delete implements channels.Deleter. What was typed in a terminal cannot be taken back there.
func (c *Channel) Delete(_ context.Context, conv channels.ConversationID, id channels.MessageID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.write(conv, Down{Kind: "delete", ID: string(id)})
}

// Typing implements channels.Typist.
func (c *Channel) Typing(_ context.Context, conv channels.ConversationID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.write(conv, Down{Kind: "typing"})
}

// Ask implements channels.Asker: the chat asks without an echo.
func (c *Channel) Ask(ctx context.Context, p channels.Post, s login.Step) (secret.String, error) {
	form := make(chan formAnswer)
	c.mu.Lock()
	c.next++
	id := fmt.Sprintf("a%s-%d", c.prior, c.next)
	c.forms[id] = form
	err := c.write(p.To, Down{Kind: "ask", ID: id, Text: p.Text, URL: s.URL, Name: s.Field.Name})
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.forms, id)
		_ = c.write(p.To, Down{Kind: "asked", ID: id})
	}()
	if err != nil {
		return secret.String{}, err
	}
	var expired <-chan time.Time
	if !s.Expires.IsZero() {
		t := time.NewTimer(time.Until(s.Expires))
		defer t.Stop()
		expired = t.C
	}
	for {
		select {
		case <-ctx.Done():
			return secret.String{}, ctx.Err()
		case <-expired:
			return secret.String{}, login.ErrExpired
		case a := <-form:
			if a.canceled {
				return secret.String{}, login.ErrCanceled
			}
			if s.Field.Check == nil {
				return secret.New(a.text), nil
			}
			err := s.Field.Check(a.text)
			if err == nil {
				return secret.New(a.text), nil
			}
			c.mu.Lock()
			werr := c.write(p.To, Down{Kind: "refused", ID: id, Text: err.Error(), Name: s.Field.Name})
			c.mu.Unlock()
			if werr != nil {
				return secret.String{}, werr
			}
		}
	}
}

// Direct implements channels.Director: a terminal that is attached, the main conversation's if there is one.
func (c *Channel) Direct(context.Context, channels.UserID) (channels.ConversationID, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.chats[Main]) == 0 {
		for conv := range c.chats {
			return conv, nil
		}
	}
	return Main, nil
}

// write sends a frame to every terminal that shows the conversation. c.mu is held.
func (c *Channel) write(conv channels.ConversationID, d Down) error {
	b, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	shown := false
	for conn := range c.chats[conv] {
		if _, err := conn.Write(append(b, '\n')); err == nil {
			shown = true
		}
	}
	if !shown {
		return fmt.Errorf("terminal: nobody is there: %w", channels.ErrGone)
	}
	return nil
}

func buttons(cs []channels.Choice) (out []Button) {
	for _, c := range cs {
		out = append(out, Button{Label: c.Label, Press: string(c.Press), URL: c.URL})
	}
	return out
}

// Interface guards
var (
	_ channels.Editor   = (*Channel)(nil)
	_ channels.Deleter  = (*Channel)(nil)
	_ channels.Typist   = (*Channel)(nil)
	_ channels.Asker    = (*Channel)(nil)
	_ channels.Director = (*Channel)(nil)
)
