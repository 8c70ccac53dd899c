package terminal

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
)

// people are chats attached to one channel, each in a conversation of its own.
type people struct {
	mu     sync.Mutex
	ch     *Channel
	chats  map[string]*chat // guarded by mu
	next   int              // guarded by mu
	last   func()           // guarded by mu
	change chan struct{}    // guarded by mu
}

type chat struct {
	conn  net.Conn
	shown []channeltest.Shown
	press map[string]string // by message and label
	form  string
}

// service gives the terminal, and tells the people which channel was opened.
func (p *people) service() channels.Service {
	s := Service
	s.Open = func(o channels.Options) (channels.Channel, error) {
		ch, err := open(o)
		p.ch, _ = ch.(*Channel)
		return ch, err
	}
	return s
}

func (p *people) chat(t testing.TB, person string) *chat {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.chats[person]; c != nil {
		return c
	}
	near, far := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	c := &chat{conn: near, press: map[string]string{}}
	p.chats[person] = c
	ch := p.ch
	go func() {
		defer close(done)
		_ = ch.Attach(ctx, channels.ConversationID("with-"+person), far)
	}()
	read := make(chan struct{})
	go func() {
		defer close(read)
		s := bufio.NewScanner(near)
		s.Buffer(nil, MaxLine)
		for s.Scan() {
			var d Down
			if err := json.Unmarshal(s.Bytes(), &d); err == nil {
				p.show(c, d)
			}
		}
	}()
	t.Cleanup(func() { cancel(); _ = near.Close(); <-done; <-read })
	return c
}

func (p *people) show(c *chat, d Down) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := channeltest.Shown{ID: channels.MessageID(d.ID), Text: d.Text}
	for _, b := range d.Choices {
		m.Buttons = append(m.Buttons, b.Label)
		c.press[d.ID+b.Label] = b.Press
	}
	switch d.Kind {
	case "post":
		c.shown = append(c.shown, m)
	case "edit":
		for i := range c.shown {
			if c.shown[i].ID == m.ID {
				c.shown[i] = m
			}
		}
	case "delete":
		for i := range c.shown {
			if c.shown[i].ID == m.ID {
				c.shown = append(c.shown[:i], c.shown[i+1:]...)
				break
			}
		}
	case "ask":
		c.form = d.ID
	case "asked":
		c.form = ""
	}
	close(p.change)
	p.change = make(chan struct{})
}

func (p *people) up(t testing.TB, person string, u Up) {
	t.Helper()
	c := p.chat(t, person)
	p.mu.Lock()
	if u.ID == "" {
		p.next++
		u.ID = fmt.Sprint(p.next)
	}
	p.last = func() { p.up(t, person, u) }
	p.mu.Unlock()
	b, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.conn.Write(append(b, '\n')); err != nil {
		t.Fatal(err)
	}
}

func (p *people) Say(t testing.TB, l channeltest.Line) {
	p.up(t, l.Person, Up{Kind: "text", Text: l.Text})
}

func (p *people) Repeat(testing.TB) { p.last() }

func (p *people) Shown(t testing.TB, viewer string, _ bool) []channeltest.Shown {
	c := p.chat(t, viewer)
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]channeltest.Shown(nil), c.shown...)
}

func (p *people) Press(t testing.TB, person string, _ bool, s channeltest.Shown, label string) {
	c := p.chat(t, person)
	p.mu.Lock()
	press := c.press[string(s.ID)+label]
	p.mu.Unlock()
	p.up(t, person, Up{Kind: "press", Press: press, On: string(s.ID)})
}

func (p *people) Fill(t testing.TB, person, answer string) {
	c := p.chat(t, person)
	deadline := time.After(10 * time.Second)
	for {
		p.mu.Lock()
		form, change := c.form, p.change
		p.mu.Unlock()
		if form != "" {
			p.up(t, person, Up{Kind: "answer", ID: form, Answer: answer})
			return
		}
		select {
		case <-change:
		case <-deadline:
			t.Fatal("no form is shown")
		}
	}
}

// TestPromises leaves out who is who: whoever may open the connection is the owner, in whatever conversation.
func TestPromises(t *testing.T) {
	channeltest.Run(t, func(*testing.T) channeltest.Harness {
		p := &people{chats: map[string]*chat{}, change: make(chan struct{})}
		return channeltest.Harness{
			Service: p.service(), Settings: &Settings{}, Peer: p,
			Without: []string{channeltest.Groups, channeltest.Cuts, channeltest.LimitsOf, channeltest.Rejects, channeltest.People},
		}
	})
}
