package gateway

import (
	"strings"
	"testing"

	"chatgateway/providers"
	"chatgateway/providers/providertest"
)

// What a model says besides of why it ended is said too, and changes nothing of what it answered.
func TestWhyAnAnswerEnded(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.model.Reply(providertest.Ends(providers.StopRefused, providers.Usage{}))
		w.talk("ann", "one", "declined to answer this")
		w.model.Reply(append(providertest.Says("Half an"), providertest.Ends(providers.StopRefused, providers.Usage{}))...)
		w.talk("ann", "two", "Half an", "declined to answer this")
		w.model.Reply(append(providertest.Says("Once upon"), providertest.Ends(providers.StopLength, providers.Usage{}))...)
		w.talk("ann", "three", "Once upon", "limit of its length")
		w.talk("ann", "go on", "echo: go on")
		w.wantNot("ann", "answered nothing")
		for _, m := range w.model.Calls()[3].Req.Messages {
			for _, p := range m.Parts {
				if strings.Contains(p.Text, "limit of") || strings.Contains(p.Text, "declined") {
					t.Errorf("the model is told %q", p.Text)
				}
			}
		}
	})
}
