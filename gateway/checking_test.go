package gateway

import (
	"context"
	"testing"
	"time"

	"chatgateway/providerauth"
	"chatgateway/providers/providertest"
)

// slowCheck lets keys be typed and has the check of one last an hour, or until nobody waits for it.
func slowCheck(w *world) {
	w.chat.NoAsk = true
	w.set.Drain = time.Second
	w.model.Change(func(s *providerauth.Scheme) {
		s.Probe = func(ctx context.Context, _ providerauth.Credential) (providerauth.Finding, error) {
			select {
			case <-ctx.Done():
				return providerauth.Finding{}, context.Cause(ctx)
			case <-time.After(10 * time.Second):
				return providerauth.Finding{Works: true}, nil
			}
		}
	})
}

// A login that is given up while its key is checked stores nothing, and how it ended is true.
func TestALoginGivenUpWhileItsKeyIsChecked(t *testing.T) {
	inWorld(t, func(w *world) {
		w.say("ann", "/login fake")
		w.say("ann", providertest.Key("typed").Reveal())
		w.talk("ann", "/cancel", "Canceled.")
		w.talk("ann", "/auth fake", "none yet")
	}, slowCheck)
	inWorld(t, func(w *world) {
		w.say("ann", "/login")
		w.press("ann", "fake")
		w.say("ann", providertest.Key("typed").Reveal())
		w.restart()
		w.want("ann", "The gateway is being restarted", "Send /login fake again")
		w.talk("ann", "/auth fake", "none yet")
		w.say("ann", "/login fake")
		w.say("ann", providertest.Key("again").Reveal())
		time.Sleep(10 * time.Second)
		w.settle()
		w.want("ann", "Logged in to fake")
	}, slowCheck)
}

// What a sign-in brought is stored before it is checked: who gives up then is told that it is.
func TestALoginGivenUpAfterItWasStored(t *testing.T) {
	inWorld(t, func(w *world) {
		w.say("ann", "/login fake device")
		time.Sleep(30 * time.Second)
		w.talk("ann", "/cancel", "Logged in to fake.")
		w.wantNot("ann", "Canceled")
		w.talk("ann", "hello", "No model is chosen yet") // its list could not be asked for any more
		w.press("ann", "Choose a model")
		w.press("ann", "small")
		w.talk("ann", "hello", "echo: hello")
	}, slowCheck, func(w *world) { w.model.Change(deviceMethod) })
}
