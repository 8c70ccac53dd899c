package gateway

import (
	"strings"
	"testing"
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
