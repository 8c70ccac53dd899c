package gateway

import (
	"errors"
	"strings"
	"testing"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/store"
)

// What cannot be kept is told where a person waits, once, and again only after it could be kept in between.
func TestWhatCannotBeKeptIsTold(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		if err := w.store.Close(); err != nil {
			t.Fatal(err)
		}
		b := channels.Batch{Messages: []channels.Message{w.chat.Message(channeltest.Line{Person: "ann", Text: "hello"})}}
		for range 3 { // as an adapter hands it in
			var trouble *store.Error
			if err := w.g.receive(w.t.Context(), w.g.account("chat"), b); !errors.As(err, &trouble) {
				t.Fatalf("receive gave %v", err)
			}
			w.settle()
		}
		w.want("ann", "send it again", "as soon as it can be kept")
		w.g.keeps(w.g.account("chat"))
		if err := w.g.receive(w.t.Context(), w.g.account("chat"), b); err == nil {
			t.Error("a closed store kept it")
		}
		w.settle()
		if n := strings.Count(w.sees("ann"), "as soon as it can be kept"); n != 2 {
			t.Errorf("told %d times, want twice", n)
		}
		if n := strings.Count(w.log.String(), "not kept; told once"); n != 2 {
			t.Errorf("logged %d times, want twice", n)
		}
	})
}
