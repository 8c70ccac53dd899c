package channeltest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"chatgateway/channels"
)

// Say implements Peer.
func (f *Fake) Say(_ testing.TB, l Line) { f.Put(f.Message(l)) }

// Message makes the message that a line is, without sending it.
func (f *Fake) Message(l Line) channels.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	m := channels.Message{
		Conversation: Conversation(l.Person, l.Group), ID: channels.MessageID(fmt.Sprintf("m%d", f.next)), From: UserID(l.Person), FromName: l.Person,
		Text: l.Text, Private: !l.Group, Addressed: true, Time: time.Now(),
	}
	if l.Group {
		m.Places = []channels.PlaceID{"group-place"}
	}
	return m
}

// Put delivers a message to the bot.
func (f *Fake) Put(m channels.Message) {
	f.mu.Lock()
	f.queue = append(f.queue, m)
	f.said[m.ID] = true
	f.last = &m
	f.mu.Unlock()
	f.ring()
}

func (f *Fake) ring() {
	select {
	case f.bell <- struct{}{}:
	default:
	}
}

// Shown implements Peer.
func (f *Fake) Shown(_ testing.TB, viewer string, group bool) (out []Shown) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.shown {
		if m.conv == Conversation(viewer, group) && (m.only == "" || m.only == UserID(viewer)) {
			out = append(out, m.Shown)
		}
	}
	return out
}

// Log gives what was done, a line each, and a channel that is closed at the next deed.
func (f *Fake) Log() ([]string, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.log), f.change
}

// Exists implements Eraser.
func (f *Fake) Exists(_ testing.TB, id channels.MessageID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.said[id]
}

// Cut implements Cutter.
func (f *Fake) Cut(testing.TB) {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.cut)
	f.cut = make(chan struct{})
}

// Limit implements Limiter.
func (f *Fake) Limit(_ testing.TB, d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wait = d
}

// Fail lets every post and edit fail with err, until it is called with nil.
func (f *Fake) Fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
}

// Refuse lets every post and edit fail for which why gives an error, until it is called with nil.
func (f *Fake) Refuse(why func(channels.Post) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = why
}

// Repeat implements Repeater.
func (f *Fake) Repeat(testing.TB) {
	f.mu.Lock()
	f.queue = append(f.queue, *f.last)
	f.mu.Unlock()
	f.ring()
}

// Press implements Presser.
func (f *Fake) Press(t testing.TB, person string, group bool, s Shown, label string) {
	t.Helper()
	press := f.PressID(s, label)
	if press == "" {
		t.Fatalf("message %s has no button %q", s.ID, label)
	}
	m := f.Message(Line{Person: person, Group: group})
	m.Press, m.Answers = press, s.ID
	f.Put(m)
}

// PressID is what a button sends back; "" if there is none.
func (f *Fake) PressID(s Shown, label string) channels.PressID {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.shown {
		for _, c := range m.choices {
			if m.ID == s.ID && c.Label == label {
				return c.Press
			}
		}
	}
	return ""
}

// Fill implements Filler.
func (f *Fake) Fill(t testing.TB, person, answer string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		f.mu.Lock()
		form, change := f.forms[UserID(person)], f.change
		f.mu.Unlock()
		if form != nil {
			select {
			case form <- answer:
				return
			case <-deadline:
				t.Fatal("the form takes no answer")
			}
		}
		select {
		case <-change:
		case <-deadline:
			t.Fatalf("no form is shown to %s", person)
		}
	}
}
