package channeltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"chatgateway/channelauth"
	"chatgateway/channels"
	"chatgateway/internal/secret"
	"chatgateway/internal/status"
	"chatgateway/login"
	"chatgateway/markdown"
)

// GoodToken is the only token that a Fake accepts.
const GoodToken = "fake-good-token-0001"

// Fake is a chat service in memory with every ability. People have a private conversation each and share one group.
// What it shows is what a test of the core looks at. It is safe for concurrent use.
type Fake struct {
	// Set before Open; they take abilities away.
	NoEdit, NoDelete, NoAsk, NoOnly, NoDirect, NoPrivate bool
	NoSecrets, NoButtons                                 bool
	Max                                                  int           // runes a message holds; 0: any number
	Parts                                                int           // see channels.Limits
	EditEvery                                            time.Duration // 0: a millisecond, unless NoEdit

	mu     sync.Mutex
	next   int                // guarded by mu
	queue  []channels.Message // guarded by mu: not confirmed yet
	shown  []fakeMessage      // guarded by mu
	said   map[channels.MessageID]bool
	keys   map[string]channels.MessageID
	last   *channels.Message         // guarded by mu: for Repeat
	wait   time.Duration             // guarded by mu: the next post or edit is refused with it
	fail   error                     // guarded by mu: every post and edit fails with it
	refuse func(channels.Post) error // guarded by mu: why a post or edit is not taken
	cut    chan struct{}             // guarded by mu: closed by Cut
	forms  map[channels.UserID]chan string
	bell   chan struct{}
	change chan struct{} // guarded by mu: closed when what is shown changes
	log    []string      // guarded by mu: what was done, a line each
}

type fakeMessage struct {
	Shown
	conv    channels.ConversationID
	only    channels.UserID
	choices []channels.Choice
}

// NewFake makes a service without anybody in it.
func NewFake() *Fake {
	return &Fake{
		said: map[channels.MessageID]bool{}, keys: map[string]channels.MessageID{}, forms: map[channels.UserID]chan string{},
		cut: make(chan struct{}), bell: make(chan struct{}, 1), change: make(chan struct{}),
	}
}

// FakeSettings are the settings of a Fake.
type FakeSettings struct {
	channels.Common `yaml:",inline"`
}

// Service gives the Fake as a service with this name.
func (f *Fake) Service(name string) channels.Service {
	return channels.Service{
		Name: name, Title: strings.ToUpper(name[:1]) + name[1:], Help: "a service in memory",
		Secrets:  []channelauth.Field{{Name: "token", Env: strings.ToUpper(name) + "_TOKEN", Help: "its token"}},
		Settings: func() any { return &FakeSettings{} },
		Open: func(o channels.Options) (channels.Channel, error) {
			if o.Report == nil {
				o.Report = func(status.Channel) {}
			}
			return &fakeChannel{f: f, o: o}, nil
		},
	}
}

type fakeChannel struct {
	f *Fake
	o channels.Options
}

// Run implements channels.Channel.
func (c *fakeChannel) Run(ctx context.Context, h channels.Handler) error {
	if !c.o.Secrets.Secret("token").Equal(secret.New(GoodToken)) {
		return fmt.Errorf("fake: %w", channels.ErrRejected)
	}
	c.f.mu.Lock()
	cut := c.f.cut
	c.f.mu.Unlock()
	c.o.Report(status.Channel{State: status.Connected, Bot: "@fake"})
	for {
		c.f.mu.Lock()
		var m *channels.Message
		if len(c.f.queue) > 0 {
			m = &c.f.queue[0]
		}
		c.f.mu.Unlock()
		if m != nil {
			pause := time.Duration(0)
			if err := h(ctx, channels.Batch{Messages: []channels.Message{*m}}); err != nil {
				pause = 10 * time.Millisecond
			} else {
				c.f.mu.Lock()
				c.f.queue = c.f.queue[1:]
				c.f.mu.Unlock()
			}
			select {
			case <-ctx.Done():
				return nil
			case <-cut:
				return errors.New("fake: the connection was cut")
			case <-time.After(pause):
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-cut:
			return errors.New("fake: the connection was cut")
		case <-c.f.bell:
		}
	}
}

// Send implements channels.Channel.
func (c *fakeChannel) Send(ctx context.Context, p channels.Post) (channels.MessageID, error) {
	f := c.f
	if !strings.HasPrefix(string(p.To), "private-") && p.To != "group" {
		return "", fmt.Errorf("fake: %w", channels.ErrGone)
	}
	if p.Only != "" && f.NoOnly && p.To != privateWith(p.Only) {
		return "", fmt.Errorf("fake: only: %w", errors.ErrUnsupported)
	}
	if err := f.pace(ctx, p); err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if id, ok := f.keys[p.Key]; ok && p.Key != "" {
		return id, nil
	}
	f.number(&p)
	texts := []string{p.Text}
	if f.Max > 0 {
		texts = chunks(p.Text, f.Max)
	}
	var id channels.MessageID
	for i, text := range texts {
		f.next++
		id = channels.MessageID(fmt.Sprintf("b%d", f.next))
		m := fakeMessage{Shown: Shown{ID: id, Text: text}, conv: p.To, only: p.Only}
		if i == len(texts)-1 {
			m.setChoices(p.Choices)
		}
		f.shown = append(f.shown, m)
	}
	if p.Key != "" {
		f.keys[p.Key] = id
	}
	f.did("send", p.To, p.Text, p.Choices)
	return id, nil
}

// Limits implements channels.Channel.
func (c *fakeChannel) Limits(channels.ConversationID) channels.Limits {
	l := channels.Limits{EditEvery: max(c.f.EditEvery, time.Millisecond), Parts: c.f.Parts, NoSecrets: c.f.NoSecrets, Numbered: c.f.NoButtons}
	if c.f.NoEdit {
		l.EditEvery = 0
	}
	if n := c.f.Max; n > 0 {
		l.Fit = func(md string) int { return markdown.Fit(md, n, utf8.RuneCountInString) }
	}
	return l
}

// Edit implements channels.Editor.
func (c *fakeChannel) Edit(ctx context.Context, id channels.MessageID, p channels.Post) error {
	f := c.f
	if f.NoEdit {
		return fmt.Errorf("fake: edit: %w", errors.ErrUnsupported)
	}
	if err := f.pace(ctx, p); err != nil {
		return err
	}
	f.number(&p)
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.shown {
		if m := &f.shown[i]; m.ID == id {
			m.Text = p.Text
			m.setChoices(p.Choices)
			f.did("edit "+string(id), p.To, p.Text, p.Choices)
			return nil
		}
	}
	return fmt.Errorf("fake: edit: %w", channels.ErrGone)
}

// number makes lines of text of the choices where there are no buttons.
func (f *Fake) number(p *channels.Post) {
	if !f.NoButtons {
		return
	}
	for n, ch := range p.Choices {
		p.Text += strings.TrimRight(fmt.Sprintf("\n%d. %s %s", n+1, ch.Label, ch.URL), " ")
	}
	p.Choices = nil
}

// Delete implements channels.Deleter.
func (c *fakeChannel) Delete(_ context.Context, conv channels.ConversationID, id channels.MessageID) error {
	f := c.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.NoDelete && f.said[id] {
		return fmt.Errorf("fake: delete: %w", errors.ErrUnsupported)
	}
	delete(f.said, id)
	f.shown = slices.DeleteFunc(f.shown, func(m fakeMessage) bool { return m.ID == id })
	f.did("delete "+string(id), conv, "", nil)
	return nil
}

// Typing implements channels.Typist.
func (c *fakeChannel) Typing(context.Context, channels.ConversationID) error { return nil }

// SetMenu implements channels.MenuSetter.
func (c *fakeChannel) SetMenu(context.Context, []channels.Command) error { return nil }

// Ask implements channels.Asker.
func (c *fakeChannel) Ask(ctx context.Context, p channels.Post, s login.Step) (secret.String, error) {
	f := c.f
	if f.NoAsk {
		return secret.String{}, fmt.Errorf("fake: ask: %w", errors.ErrUnsupported)
	}
	f.mu.Lock()
	form := make(chan string)
	f.forms[p.Only] = form
	f.did("form", p.To, p.Text, nil)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.forms[p.Only] == form {
			delete(f.forms, p.Only)
		}
		f.did("form closed", p.To, "", nil)
	}()
	for {
		select {
		case <-ctx.Done():
			return secret.String{}, ctx.Err()
		case text := <-form:
			if text == "/cancel" {
				return secret.String{}, login.ErrCanceled
			}
			if s.Field.Check == nil || s.Field.Check(text) == nil {
				return secret.New(text), nil
			}
		}
	}
}

// Direct implements channels.Director.
func (c *fakeChannel) Direct(_ context.Context, u channels.UserID) (channels.ConversationID, error) {
	if c.f.NoDirect {
		return "", fmt.Errorf("fake: direct: %w", errors.ErrUnsupported)
	}
	return privateWith(u), nil
}

func privateWith(u channels.UserID) channels.ConversationID {
	return channels.ConversationID("private-" + string(u))
}

// UserID gives a person's id.
func UserID(person string) channels.UserID { return channels.UserID("u-" + person) }

// Conversation gives a person's private conversation, or the group.
func Conversation(person string, group bool) channels.ConversationID {
	if group {
		return "group"
	}
	return privateWith(UserID(person))
}

// pace waits, or says how long to wait, if the service was told to limit; it fails if it was told to fail.
func (f *Fake) pace(ctx context.Context, p channels.Post) error {
	f.mu.Lock()
	wait, fail, refuse := f.wait, f.fail, f.refuse
	f.wait = 0
	f.mu.Unlock()
	if fail == nil && refuse != nil {
		fail = refuse(p)
	}
	if fail != nil {
		return fail
	}
	if wait == 0 {
		return ctx.Err()
	}
	if p.Partial {
		return &channels.Busy{After: wait}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait):
		return nil
	}
}

// did notes what was done and wakes who waits for it. f.mu is held.
func (f *Fake) did(what string, c channels.ConversationID, text string, choices []channels.Choice) {
	line := what + " " + string(c)
	if text != "" {
		line += ": " + text
	}
	for _, ch := range choices {
		line += " [" + ch.Label + "]"
	}
	f.log = append(f.log, line)
	close(f.change)
	f.change = make(chan struct{})
}

func (m *fakeMessage) setChoices(cs []channels.Choice) {
	m.choices, m.Buttons = cs, nil
	for _, c := range cs {
		m.Buttons = append(m.Buttons, c.Label)
	}
}

func chunks(s string, n int) (out []string) {
	for r := []rune(s); len(r) > 0; {
		k := min(n, len(r))
		for k < len(r) && k > 1 && r[k-1] != ' ' {
			k--
		}
		if k == 1 {
			k = min(n, len(r))
		}
		out = append(out, string(r[:k]))
		r = r[k:]
	}
	if len(out) == 0 {
		out = []string{""}
	}
	return out
}

// Interface guards
var (
	_ channels.Editor   = (*fakeChannel)(nil)
	_ channels.Deleter  = (*fakeChannel)(nil)
	_ channels.Typist   = (*fakeChannel)(nil)
	_ channels.Asker    = (*fakeChannel)(nil)
	_ channels.Director = (*fakeChannel)(nil)
	_ Peer              = (*Fake)(nil)
	_ Presser           = (*Fake)(nil)
	_ Filler            = (*Fake)(nil)
)
