package gateway

import (
	"context"
	"slices"
	"testing"
	"time"

	"chatgateway/internal/secret"
	"chatgateway/providerauth"
)

// withLink gives the fake a sign-in whose code is pasted.
func withLink(w *world) {
	w.chat.NoAsk = true
	w.model.Change(func(s *providerauth.Scheme) {
		s.Methods = append(s.Methods, providerauth.PasteMethod("browser", "Sign in", providerauth.Client{
			Name: "fake", ID: "our-client", AuthorizeURL: "https://id.example/authorize", RedirectURL: "https://id.example/shown",
			Exchange: func(context.Context, providerauth.Client, string, string) (providerauth.Credential, error) {
				return providerauth.Credential{Type: providerauth.OAuth, Access: secret.New("FAKE-access-linked"), Expires: time.Now().Add(time.Hour)}, nil
			},
		}))
	})
}

// links counts the messages that show the link of a sign-in.
func (w *world) links(who string) (n int) {
	for _, s := range w.chat.Shown(w.t, who, false) {
		if slices.ContainsFunc(s.Buttons, func(label string) bool { return label == "Sign in to fake" }) {
			n++
		}
	}
	return n
}

// A wrong paste is asked again, with the link; one link stands there then, and none once the sign-in has ended.
func TestNoLinkOutlastsItsSignIn(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(w *world)
		want string
	}{
		"through":   {func(w *world) { w.say("ann", "FAKE-code") }, "Logged in to fake"},
		"given up":  {func(w *world) { w.say("ann", "/cancel") }, "Canceled"},
		"forgotten": {func(*world) { time.Sleep(time.Hour) }, "The time for an answer has passed"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.talk("ann", "/login fake browser", "send the code that it shows")
				w.talk("ann", "what is this?", "asked again below", "There is no code in this")
				w.talk("ann", "FAKE-code#of-another", "asked again below", "asked again below", "another sign-in")
				if n := w.links("ann"); n != 1 {
					t.Errorf("%d links while it waits:\n%s", n, w.sees("ann"))
				}
				c.end(w)
				w.want("ann", c.want)
				if n := w.links("ann"); n != 0 {
					t.Errorf("%d links when it has ended:\n%s", n, w.sees("ann"))
				}
			}, withLink)
		})
	}
}
