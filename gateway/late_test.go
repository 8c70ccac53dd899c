package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
)

// An answer that waits for another set-up of its account comes, once and whole, when the account connects again.
func TestALateAnswerComesWithTheConnection(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.chat.Max = 130
		w.refusing(fmt.Errorf("fake: %w", channels.ErrSetup), "cccc")
		w.model.Answer("aaaa " + strings.Repeat("a", 100) + "\n\ncccc " + strings.Repeat("c", 100))
		w.say("ann", "tell me")
		w.want("ann", "aaaa")
		w.wantNot("ann", "cccc")
		w.chat.Cut(w.t) // it connects, and is not mended yet
		time.Sleep(time.Minute)
		w.wantNot("ann", "cccc")
		w.chat.Refuse(nil)
		w.chat.Cut(w.t)
		time.Sleep(time.Minute)
		w.want("ann", "aaaa", "cccc")
		if seen := w.sees("ann"); strings.Count(seen, "aaaa ") != 1 || strings.Count(seen, "cccc ") != 1 {
			t.Errorf("ann sees\n%s", seen)
		}
		if undone, err := w.store.Undone(w.t.Context()); err != nil || len(undone) != 0 {
			t.Errorf("left undone: %v, %v", undone, err)
		}
	})
}

// It comes too when somebody writes there, or the channel says that something was mended.
func TestALateAnswerComesWithTheNextMessage(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.refusing(fmt.Errorf("fake: %w", channels.ErrSetup), "cccc", "dddd")
		w.model.Answer("cccc")
		w.say("ann", "tell me")
		w.model.Answer("dddd")
		w.say("bob", "tell me")
		w.wantNot("ann", "cccc")
		w.wantNot("bob", "dddd")
		w.chat.Refuse(nil)
		w.model.Answer("eeee")
		w.say("ann", "are you there?")
		w.want("ann", "cccc", "eeee")
		w.wantNot("bob", "dddd")
		a := w.g.account("chat")
		s := a.snapshot()
		s.Mended = true
		w.g.report(a, s)
		w.settle()
		w.want("bob", "dddd")
	})
}
