package gateway

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/providers/providertest"
	"chatgateway/store"
)

// hand gives messages of ann's to the core in one batch, with one of bob's behind each, and waits for nothing else.
func (w *world) hand(texts ...string) {
	w.t.Helper()
	var b channels.Batch
	for _, text := range texts {
		b.Messages = append(b.Messages, w.chat.Message(channeltest.Line{Person: "ann", Text: text}))
		for range w.crowd {
			b.Messages = append(b.Messages, w.chat.Message(channeltest.Line{Person: "bob", Text: "/help"}))
		}
	}
	if err := w.g.receive(w.t.Context(), w.g.account("chat"), b); err != nil {
		w.t.Fatal(err)
	}
}

// Whatever the session is doing when a /stop comes, what was said before it is stopped and what follows it is answered.
func TestStopBetweenTwoTurns(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		for n := range 150 {
			after := fmt.Sprintf("after %d.", n)
			switch n % 3 {
			case 0: // it follows in the same batch
				w.crowd = n % 10
				w.hand("before", "/stop", after)
				w.crowd = 0
			case 1: // it follows at once
				w.hand("before")
				yield(n)
				w.hand("/stop")
				w.hand(after)
			case 2: // the one before was done
				w.hand("/stop")
				yield(n)
				w.hand(after)
			}
			w.settle()
			if seen := w.sees("ann"); !strings.Contains(seen, "echo: "+after+"\n") {
				t.Fatalf("round %d: what followed the /stop was not answered:\n%s", n, seen[max(0, len(seen)-300):])
			}
		}
	})
}

// What follows a /stop in a batch is kept after the /stop has acted, and the marks last of all.
func TestABatchIsKeptAsFarAsItsStops(t *testing.T) {
	in := make([]store.Incoming, 5)
	marks := map[string]string{"at": "5"}
	for want, stops := range map[string][]int{"5m": nil, "2 3m": {2}, "1 3 1m": {1, 4}, "5m ": {5}} {
		s, got := sorter{in: in, stops: stops}, ""
		for _, c := range s.commits(channels.Batch{Marks: marks}) {
			got += fmt.Sprint(" ", len(c.in))
			if c.marks != nil {
				got += "m"
			}
		}
		if strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("with stops at %v: kept as %q, want %q", stops, got, want)
		}
	}
}

// A /retry that has not begun is stopped like a message.
func TestStopOfARetryThatHasNotBegun(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.say("ann", "the question")
		hold := providertest.Play(providertest.Hold(nil)) // whoever asks now waits until it is stopped
		w.model.Always(hold)
		for n := range 200 {
			w.hand("/retry")
			yield(n)
			w.hand("/stop")
			time.Sleep(time.Minute)
			if open := w.model.Open(); open != 0 {
				t.Fatalf("round %d: it was not stopped; ann sees\n%s", n, w.sees("ann"))
			}
		}
	})
}

// The two moments at which a /retry is in no queue and has not begun.
func TestStopOfARetryBetweenCommandAndTurn(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.say("ann", "the question")
		conv := store.Conv{Account: "chat", Conversation: channeltest.Conversation("ann", false)}
		s, calls := w.g.session(conv), len(w.model.Calls())
		s.mu.Lock()
		s.retry = &channels.Message{Conversation: conv.Conversation, From: channeltest.UserID("ann")}
		halts := s.halts
		s.mu.Unlock()
		w.hand("/stop")
		w.say("ann", "the next")
		if n := len(w.model.Calls()); n != calls+1 {
			t.Error("it was asked again before its turn")
		}
		s.guardSince(w.t.Context(), halts, func(turn context.Context) {
			if !errors.Is(context.Cause(turn), errStopped) {
				t.Error("the turn that was taken up before the /stop runs")
			}
		})
	})
}

// yield lets others run a little, each time a little more.
func yield(n int) {
	for range n {
		runtime.Gosched()
	}
}
