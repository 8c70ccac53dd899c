package gateway

import (
	"context"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/internal/secret"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/providertest"
)

// renewing makes the fake's sign-ins renew themselves: to a token named after the refresh token, or not at all where it
// is "dead".
func renewing(w *world) {
	w.model.Change(func(s *providerauth.Scheme) {
		s.Refresh = func(_ context.Context, old providerauth.Credential) (providerauth.Credential, error) {
			if old.Refresh.Reveal() == "FAKE-dead" {
				return providerauth.Credential{}, &providerauth.OAuthError{Name: "fake", Doing: "renew", Status: 400, Code: "invalid_grant", Dead: true}
			}
			old.Access, old.Expires = secret.New("FAKE-access-renewed"), time.Now().Add(time.Hour)
			return old, nil
		}
	})
}

// signedIn stores a sign-in.
func (w *world) signedIn(id providerauth.ID, access, refresh string) {
	w.t.Helper()
	c := providerauth.Credential{Type: providerauth.OAuth, Access: secret.New(access), Refresh: secret.New(refresh), Expires: time.Now().Add(time.Hour)}
	if err := w.auth.Put(w.t.Context(), id, c); err != nil {
		w.t.Fatal(err)
	}
	w.g.LoggedIn(w.t.Context(), id)
}

// A 401 whose renewal says that the sign-in has ended goes on to the next account, and the chat says so; an account
// that was pinned is not left.
func TestEndedSignInGoesOnToTheNextAccount(t *testing.T) {
	inWorld(t, func(w *world) {
		w.signedIn("fake", "FAKE-access-refused", "FAKE-dead")
		w.signedIn("fake:work", "FAKE-access-good", "FAKE-live")
		w.model.Accept(secret.New("FAKE-access-good"))
		w.say("ann", "/model fake:default/large")
		w.say("ann", "/model fake/large")
		w.talk("ann", "hello", "fake failed (its sign-in has ended); this ran on fake:work", "echo: hello")
		w.talk("ann", "again", "echo: again")
		w.wantNot("ann", "no longer on")
		if n := len(w.model.Calls()); n != 3 {
			t.Errorf("the model was asked %d times; want 3: an ended sign-in is not tried again", n)
		}
	}, renewing)
	inWorld(t, func(w *world) {
		w.signedIn("fake:old", "FAKE-access-refused", "FAKE-dead")
		w.signedIn("fake:work", "FAKE-access-good", "FAKE-live")
		w.model.Accept(secret.New("FAKE-access-good"))
		w.say("ann", "/model fake:old/large")
		w.talk("ann", "hello", "no longer valid")
		w.wantNot("ann", "echo:")
	}, renewing)
}

// Every switch of the account is said, the way back too.
func TestSwitchOfTheAccountIsSaid(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		if err := w.auth.Put(t.Context(), "fake:work", providerauth.Credential{Type: providerauth.Key, Key: providertest.Key("work")}); err != nil {
			t.Fatal(err)
		}
		w.model.Fail(&providers.Error{Kind: providers.ErrRateLimited, Provider: "fake"})
		w.talk("ann", "one", "fake failed (rate limited); this ran on fake:work", "echo: one")
		w.talk("ann", "/auth", "passed over for")
		time.Sleep(30 * time.Minute)
		w.talk("ann", "two", "This runs on fake now, no longer on fake:work", "echo: two")
	})
}

// Switched on without a credential: the first message starts the sign-in for an owner; anybody else asks one.
func TestFirstMessageStartsTheSignIn(t *testing.T) {
	inWorld(t, func(w *world) {
		w.chat.NoAsk = true
		w.talk("ann", "/auth fake enable", "fake is enabled", "first message")
		w.talk("bob", "hello", "Ask one of the bot's owners")
		w.wantNot("bob", "API key")
		w.talk("ann", "hello", "The sign-in begins now", "API key")
		w.talk("ann", providertest.Key("typed").Reveal(), "Logged in to fake")
		w.talk("bob", "hello again", "echo: hello again")
		w.nowhere(providertest.Key("typed").Reveal())
	})
	inWorld(t, func(w *world) { // in a group it goes on in private
		w.chat.NoAsk, w.chat.NoOnly = true, true
		w.say("ann", "/auth fake enable")
		w.talk("ann@group", "hello", "The sign-in begins now", "in private")
		w.want("ann", "API key")
		w.say("ann", "/cancel")
		w.want("ann@group", "Canceled")
	})
}

// The owner's buttons under /auth and the words behind it.
func TestAuthOfOneProvider(t *testing.T) {
	inWorld(t, func(w *world) {
		w.signedIn("fake", "FAKE-access-first", "FAKE-live")
		w.talk("ann", "/auth fake", "[Log in]", "[Check]", "[Renew now]", "[Disable]", "[Log out]")
		w.press("ann", "Renew now")
		w.want("ann", "fake is renewed")
		w.say("ann", "/auth fake")
		w.press("ann", "Disable")
		w.want("ann", "fake is disabled: its sign-in is kept and skipped")
		w.talk("bob", "hello", "The sign-in to fake is switched off")
		w.talk("ann", "/auth fake", "disabled", "[Enable]")
		w.press("ann", "Enable")
		w.want("ann", "fake is enabled.")
		w.talk("bob", "hello now", "echo: hello now")
		if calls := w.model.Calls(); !calls[len(calls)-1].Cred.Access.Equal(secret.New("FAKE-access-renewed")) {
			t.Error("the sign-in was not kept")
		}
		w.say("ann", "/auth fake")
		w.press("ann", "Log out")
		w.want("ann", "Which sign-in shall go?", "[fake]")
		w.press("ann", "fake")
		w.want("ann", "Logged out of fake (fake): deleted here")
		w.talk("bob", "and now", "Nobody is logged in")
	}, renewing)
	inWorld(t, func(w *world) {
		w.login()
		w.signedIn("fake:work", "FAKE-access-work", "FAKE-live")
		w.talk("ann", "/auth fake order work default", "fake is tried in this order: fake:work, fake")
		w.say("ann", "which")
		if calls := w.model.Calls(); calls[len(calls)-1].Cred.ID != "fake:work" {
			t.Errorf("it ran on %s", calls[len(calls)-1].Cred.ID)
		}
		w.talk("ann", "/auth fake order nobody", "nobody")
		w.talk("ann", "/auth fake order clear", "no set order")
		w.talk("ann", "/auth fake:work disable", "fake:work is disabled")
		w.talk("ann", "/auth fake:work enable", "fake:work is enabled.")
		w.talk("ann", "/auth fake:work logout", "Logged out of fake (fake:work)")
		w.talk("ann", "/auth fake nonsense", "After the provider I know")
		for _, words := range []string{"disable", "enable", "logout", "order work", "renew"} {
			w.say("bob", "/auth fake "+words)
		}
		if ids, err := w.creds.All(t.Context()); err != nil || len(ids) != 1 {
			t.Errorf("logins: %v, %v", ids, err)
		}
		w.talk("bob", "hello", "for the bot's owners", "echo: hello")
	}, renewing)
}

// A sign-in that ends by itself is told to the owners once, in private, with a button, before a message fails.
func TestOwnersAreToldOnce(t *testing.T) {
	var events []providerauth.Event
	inWorld(t, func(w *world) {
		ctx, cancel := context.WithCancel(w.t.Context())
		over := make(chan struct{})
		m := providerauth.New(providerauth.Options{
			Store: w.creds, Schemes: []providerauth.Scheme{w.model.Auth()}, Env: func(string) string { return "" },
			Notify: func(e providerauth.Event) {
				events = append(events, e)
				w.g.Tell(ctx, map[channels.AccountID][]channels.UserID{"chat": {channeltest.UserID("ann")}}, e.Text)
			},
		})
		go func() { defer close(over); m.Run(ctx) }()
		w.signedIn("fake", "FAKE-access", "FAKE-dead")
		time.Sleep(6 * time.Hour)
		cancel()
		<-over
		if err := m.Close(w.t.Context()); err != nil {
			t.Error(err)
		}
		w.want("ann", "fake", "/login fake")
		if n := strings.Count(w.sees("ann"), "/login fake"); n != 1 || len(events) != 1 || events[0].Kind != providerauth.Ended {
			t.Errorf("told %d times: %+v", n, events)
		}
		w.wantNot("bob", "/login fake")
	}, renewing)
}

// Whatever asks the provider does so with a token that was renewed first.
func TestEveryCallRenewsFirst(t *testing.T) {
	for line, want := range map[string]string{"hello": "echo: hello", "/model list": "small", "/model small": "fake/small** answers", "/auth fake check": "takes this sign-in"} {
		inWorld(t, func(w *world) {
			w.signedIn("fake", "FAKE-access-old", "FAKE-live")
			time.Sleep(2 * time.Hour)
			w.model.Accept(secret.New("FAKE-access-renewed"))
			w.talk("ann", line, want)
			w.wantNot("ann", "could not", "no longer valid")
		}, renewing)
	}
}
