package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
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
		w.wantNot("ann", "cccc", "My answer comes there") // there is no other place to tell it in
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

// Who asked where others read is told in private that the answer waits, and for what; once, and not of the answer itself.
func TestALateAnswerIsToldOfInPrivate(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.refusing(needsSetup{}, "cccc")
		w.model.Answer("cccc")
		w.say("ann@group", "tell me")
		w.wantNot("ann@group", "cccc")
		w.want("ann", "Give me the permission. My answer comes there when that is mended.")
		w.wantNot("bob@group", "permission")
		w.restart()
		w.chat.Refuse(nil)
		w.chat.Cut(w.t)
		time.Sleep(time.Minute)
		w.want("ann@group", "cccc")
		if seen := w.sees("ann"); strings.Count(seen, "permission") != 1 || strings.Contains(seen, "cccc") {
			t.Errorf("in private ann sees\n%s", seen)
		}
	})
}

// A command is answered in private where the bot may not write.
func TestACommandWhereTheBotMayNotWrite(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.chat.Refuse(func(p channels.Post) error {
			if p.To != channeltest.Conversation("ann", false) {
				return needsSetup{}
			}
			return nil
		})
		w.say("ann@group", "/model")
		if seen := w.sees("ann"); !strings.Contains(seen, "fake has 2 models") || w.sees("ann@group") != "" {
			t.Errorf("in private ann sees\n%s\nin the group\n%s", seen, w.sees("ann@group"))
		}
	})
}

// needsSetup is an error as an adapter makes it.
type needsSetup struct{}

func (needsSetup) Error() string       { return "fake: no permission" }
func (needsSetup) Unwrap() error       { return channels.ErrSetup }
func (needsSetup) UserMessage() string { return "Give me the permission." }
