package gateway

import (
	"strings"
	"testing"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/store"
)

// A press that is met with a panic is given up, and what is said after it is answered.
func TestAPressThatPanics(t *testing.T) {
	inWorld(t, func(w *world) {
		w.say("ann", "hello")
		announced := w.g.asks.coming
		w.g.asks.coming = nil // a press that announces a question writes there
		w.press("ann", "Log in")
		w.want("ann", "Something went wrong with that button")
		w.g.asks.coming = announced
		if !strings.Contains(w.log.String(), "a button's press") {
			t.Error("the log does not say where the panic was")
		}
		w.login()
		w.talk("ann", "and now?", "echo: and now?")
	})
}

// The same of a press that was kept by an earlier run, even if the panic is met with again when it is told of.
func TestAPressOfAnEarlierRunThatPanics(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		m := w.chat.Message(channeltest.Line{Person: "ann"})
		m.Press = "press-of-nobody"
		w.chat.Refuse(func(p channels.Post) error { panic("FAKE: " + p.Text) })
		w.asKilled(func(st *store.Store) {
			if _, err := st.Keep(w.t.Context(), "chat", []store.Incoming{{Message: m}}, nil, nil); err != nil {
				t.Fatal(err)
			}
		})
		for _, said := range []string{"That button no longer works", "Something went wrong here"} {
			if !strings.Contains(w.log.String(), "FAKE: "+said) {
				t.Errorf("there was no panic at %q", said)
			}
		}
		w.chat.Refuse(nil)
		w.talk("ann", "and now?", "echo: and now?")
	})
}
