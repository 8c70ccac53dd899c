package channeltest

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/status"
)

// Until waits for something that happens beside the test, for as long as Wait. If it waits in vain it tells what the
// channel said.
func (c *Core) Until(what string, ok func() bool) {
	c.t.Helper()
	until(c.t, c.Wait, what, ok, c.told)
}

// Until waits for something that happens beside the test.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	until(t, 30*time.Second, what, ok, func() string { return "" })
}

func until(t testing.TB, wait time.Duration, what string, ok func() bool, told func() string) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond) // a server is no part of this program's events
	defer tick.Stop()
	for end := time.After(wait); !ok(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited in vain until %s\n%s", what, told())
		}
	}
}

// Messages lists what was kept.
func (c *Core) Messages() []channels.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.got)
}

// Last is the message that was kept last.
func (c *Core) Last() channels.Message {
	c.t.Helper()
	list := c.Messages()
	if len(list) == 0 {
		c.t.Fatal("nothing was kept")
	}
	return list[len(list)-1]
}

// Texts lists the texts of what was kept; of a button, "press " and what it sends.
func (c *Core) Texts() (list []string) {
	for _, m := range c.Messages() {
		list = append(list, text(m))
	}
	return list
}

func text(m channels.Message) string {
	if m.Press != "" {
		return "press " + string(m.Press)
	}
	return m.Text
}

// Heard waits for the message with a text, as Texts has it.
func (c *Core) Heard(want string) channels.Message {
	c.t.Helper()
	return c.Find("it hears "+want, func(m channels.Message) bool { return text(m) == want })
}

// Find waits for the first message that is the one wanted.
func (c *Core) Find(what string, is func(channels.Message) bool) (found channels.Message) {
	c.t.Helper()
	c.Until(what, func() bool {
		list := c.Messages()
		n := slices.IndexFunc(list, is)
		if n >= 0 {
			found = list[n]
		}
		return n >= 0
	})
	return found
}

// Handed counts the messages that were taken, those that it had already too.
func (c *Core) Handed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.handed
}

// Calls counts the batches with messages, refused ones too.
func (c *Core) Calls() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls
}

// Marks gives what was kept.
func (c *Core) Marks() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.marks)
}

// Mark keeps one, as an earlier run would have.
func (c *Core) Mark(key, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.marks[key] = value
}

// Moved gives the conversations that became others.
func (c *Core) Moved() map[channels.ConversationID]channels.ConversationID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.moved)
}

// Reports lists what was reported since the channel runs.
func (c *Core) Reports() []status.Channel {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.reports)
}

// State is the last report.
func (c *Core) State() status.Channel {
	list := c.Reports()
	if len(list) == 0 {
		return status.Channel{}
	}
	return list[len(list)-1]
}

// Want fails the test unless the state is s and its detail holds text.
func (c *Core) Want(s status.State, text string) {
	c.t.Helper()
	if got := c.State(); got.State != s || !strings.Contains(got.Detail, text) {
		c.t.Errorf("state is %s %q; want %s %q", got.State, got.Detail, s, text)
	}
}

// Log is what was logged.
func (c *Core) Log() string { return c.log.String() }

// Send posts, and fails the test on an error.
func (c *Core) Send(p channels.Post) channels.MessageID {
	c.t.Helper()
	id, err := c.ch.Send(c.t.Context(), p)
	if err != nil {
		c.t.Fatalf("Send: %v\n%s", err, c.told())
	}
	return id
}
