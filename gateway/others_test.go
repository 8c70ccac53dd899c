package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"chatgateway/channels/channeltest"
	"chatgateway/providers"
	"chatgateway/providers/providertest"
)

// One chat whose model does not answer holds up no other.
func TestASlowChatDelaysNoOther(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		goOn := make(chan struct{})
		w.model.Reply(append([]providertest.Step{providertest.Hold(goOn)}, providertest.Says("At last.")...)...)
		w.say("ann", "think long")
		for n := range 5 {
			w.model.Answer(fmt.Sprintf("Quick %d.", n))
			w.say("bob", "quick now")
			w.want("bob", fmt.Sprintf("Quick %d.", n))
		}
		w.wantNot("ann", "At last.")
		close(goOn)
		w.settle()
		w.want("ann", "At last.")
	})
}

// A provider that fails and fails is asked once or twice for a message, not over and over; what it said is told once.
func TestAProviderThatFailsIsNotAskedOverAndOver(t *testing.T) {
	for name, c := range map[string]struct {
		kind  error
		calls int
		said  string
	}{
		"429 for ever":    {providers.ErrRateLimited, 1, "too many requests"},
		"401 for ever":    {providers.ErrUnauthorized, 1, "no longer valid"},
		"500 for ever":    {providers.ErrOverloaded, 2, "overloaded"},
		"gone altogether": {providers.ErrUnreachable, 2, "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.login()
				for range 50 {
					w.model.Fail(&providers.Error{Kind: c.kind, Provider: "Fake"})
				}
				w.say("ann", "hello")
				time.Sleep(time.Minute)
				w.settle()
				if n := len(w.model.Calls()); n != c.calls {
					t.Errorf("it was asked %d times, want %d", n, c.calls)
				}
				if n := strings.Count(w.sees("ann"), c.said); n != 1 {
					t.Errorf("%q is said %d times in:\n%s", c.said, n, w.sees("ann"))
				}
			})
		})
	}
	t.Run("500 once", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.login()
			w.model.Fail(&providers.Error{Kind: providers.ErrOverloaded, Provider: "Fake"})
			w.model.Answer("Here I am.")
			w.say("ann", "hello")
			if n := strings.Count(w.sees("ann"), "Here I am."); n != 1 {
				t.Errorf("answered %d times:\n%s", n, w.sees("ann"))
			}
		})
	})
}

// The store is pruned while the gateway runs: what was done long ago is forgotten, and would be taken for new.
func TestPrunedWhileItRuns(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		m := w.chat.Message(channeltest.Line{Person: "ann", Text: "hello"})
		ask := func(after time.Duration, want int) {
			t.Helper()
			time.Sleep(after)
			m.Time = time.Now()
			w.chat.Put(m)
			w.settle()
			if n := len(w.model.Calls()); n != want {
				t.Errorf("after %v: the model was asked %d times, want %d", after, n, want)
			}
		}
		ask(0, 1)
		ask(24*time.Hour, 1)
		ask(keepDone, 2)
	})
}
