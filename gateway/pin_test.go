package gateway

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/internal/secret"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/catalog"
	"chatgateway/providers/providertest"
)

// keyOf stores a key for an account.
func (w *world) keyOf(id providerauth.ID) {
	w.t.Helper()
	if err := w.auth.Put(w.t.Context(), id, providerauth.Credential{Type: providerauth.Key, Key: providertest.Key("of-" + id.Account())}); err != nil {
		w.t.Fatal(err)
	}
}

// ranOn checks which account the last request was made with.
func (w *world) ranOn(id providerauth.ID) {
	w.t.Helper()
	calls := w.model.Calls()
	if len(calls) == 0 || calls[len(calls)-1].Cred.ID != id {
		w.t.Errorf("%d requests, the last not with %s: %+v", len(calls), id, calls[max(0, len(calls)-1):])
	}
}

// Where the order names only logins that are not there, the button begins the first of them, which is used then.
func TestOrderOfMissingLogins(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.keyOf("fake:work")
		w.say("ann", "/auth fake order work default")
		w.say("ann", "/logout fake:work")
		w.say("ann", "/logout fake:default")
		w.talk("ann", "hello", "None of the logins that the order set for fake names is there", "[Log in] [Another model]")
		w.press("ann", "Log in")
		w.say("ann", providertest.Key("new").Reveal())
		w.want("ann", "Logged in to fake as fake:work")
		w.talk("ann", "hello again", "echo: hello again")
		w.ranOn("fake:work")
	})
}

// A provider's other name does for a logout too, with the account behind it; no other login goes.
func TestLogoutByAnAlias(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.keyOf("fake:work")
		w.keyOf("fake:home")
		w.talk("ann", "/logout sham:work", "Logged out of fake (fake:work)")
		if ids := w.auth.Accounts(t.Context(), "fake"); !slices.Equal(ids, []providerauth.ID{"fake", "fake:home"}) {
			t.Errorf("left: %v", ids)
		}
		w.talk("ann", "/logout sham", "Which sign-in shall go? [fake] [fake:home]")
		w.talk("ann", "/logout sham:nobody", "fake:nobody")
		if ids := w.auth.Accounts(t.Context(), "fake"); len(ids) != 2 {
			t.Errorf("left: %v", ids)
		}
	}, func(w *world) { w.model.Change(func(s *providerauth.Scheme) { s.Aliases = []string{"sham"} }) })
}

// An order may be set for one conversation and for one chat account; it goes along when the conversation moves.
func TestOrderHere(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.keyOf("fake:work")
		w.keyOf("fake:home")
		w.say("ann", "/auth fake order here work default")
		w.want("ann", "fake has no set order", "In this conversation (chat/", "fake:work, fake.")
		w.say("ann", "one")
		w.ranOn("fake:work")
		w.say("bob", "one")
		w.ranOn("fake")
		w.say("ann", "/auth fake order —channel set home")
		w.want("ann", "In chat: fake:home.")
		w.say("bob", "two")
		w.want("bob", "This runs on fake:home now, no longer on fake")
		w.ranOn("fake:home")
		w.say("ann", "/model status")
		w.want("ann", "**Order**: fake:work, fake (set for this conversation")
		w.say("bob", "/model status")
		w.want("bob", "**Sign-in**: fake:home, stored", "**Order**: fake:home (set for chat)")
		w.say("ann", "/auth")
		w.want("ann", "In chat: fake:home.")
		w.say("ann", "/auth fake")
		w.want("ann", "In chat: fake:home.", "In this conversation")
		w.say("ann", "/auth fake order here clear")
		w.say("ann", "two")
		w.ranOn("fake:home")
		w.say("ann", "/auth fake order clear work")
		w.want("ann", "Nothing follows clear")
		w.say("bob", "/auth fake order here work")
		w.want("bob", "owners")
		w.say("ann", "/auth fake order channel clear")
		w.say("bob", "three")
		w.ranOn("fake")

		w.say("ann@group", "/auth fake order here home")
		old, moved := channeltest.Conversation("ann", true), channels.ConversationID("elsewhere")
		if err := w.g.receive(w.t.Context(), w.g.account("chat"), channels.Batch{Moved: map[channels.ConversationID]channels.ConversationID{old: moved}}); err != nil {
			t.Fatal(err)
		}
		if order, from := w.auth.Order(w.t.Context(), "fake", providerauth.MakeScope("chat", string(moved))); len(order) != 1 || from == "" {
			t.Errorf("after the move: %v, %q", order, from)
		}
	})
}

// The trailing "@account" of /model, in all its forms.
func TestPin(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.keyOf("fake:work")
		w.keyOf("fake:me@x.example")
		for text, want := range map[string]string{
			"fake/large@work":              "**fake:work/large** answers",
			"fake/large@fake:work":         "**fake:work/large** answers",
			"fake/large@WORK":              "**fake:work/large** answers",
			"fake:work/large":              "**fake:work/large** answers",
			"large@work":                   "**fake:work/large** answers",
			"large@default":                "**fake:default/large** answers",
			"quick@work":                   "**fake:work/small** answers",
			"quick@me@x.example":           "**fake:me@x.example/small** answers",
			"dated@2024@fake:me@x.example": "**fake:me@x.example/dated@2024** answers",
			"dated@2024":                   "**fake/dated@2024** answers",
			"fake/dated@2024":              "**fake/dated@2024** answers",
			"large@nobody":                 `fake has no account "nobody". Log in to it first, with ` + "`/login fake:nobody`",
			"large@other:work":             "There is no model like",
			"nothing@work":                 "There is no model like",
			"@work":                        "There is no model like",
		} {
			before := len(w.sees("ann"))
			w.say("ann", "/model "+text)
			if said := w.sees("ann")[before:]; !strings.Contains(said, want) {
				t.Errorf("/model %s: %s", text, said)
			}
		}
	}, func(w *world) {
		w.set.Model, w.set.Aliases = "fake/small", map[string]string{"quick": "fake/small"}
		w.model.Has(catalog.Model{ID: "large", Preferred: true}, catalog.Model{ID: "small"}, catalog.Model{ID: "dated@2024"})
	})
}

// A pinned account is kept over a restart and never left, whatever it answers: the person reads what is wrong.
func TestAPinIsNotLeft(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"too many":  {&providers.Error{Kind: providers.ErrRateLimited, Provider: "fake", RetryAfter: time.Minute}, "asks to wait"},
		"no credit": {&providers.Error{Kind: providers.ErrBilling, Provider: "fake"}, "credit"},
		"refused":   {&providers.Error{Kind: providers.ErrUnauthorized, Provider: "fake"}, "no longer valid"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.login()
				w.keyOf("fake:work")
				w.say("ann", "/model large@work")
				w.stop()
				w.start()
				w.model.Fail(c.err)
				w.say("ann", "hello")
				w.want("ann", c.want)
				w.ranOn("fake:work")
				asked := len(w.model.Calls())
				w.say("ann", "again")
				w.want("ann", "left alone for another")
				if n := len(w.model.Calls()); n != asked {
					t.Errorf("asked %d times more while it cools down", n-asked)
				}
				w.say("ann", "/model status")
				w.want("ann", "fake:work/large (this conversation)", "left alone for another", "passed over for")
				w.wantNot("ann", "echo:")
				time.Sleep(2 * time.Minute)
				w.say("ann", "later")
				w.want("ann", "echo: later")
				w.ranOn("fake:work")
			}, func(w *world) { w.set.Model = "fake/small" })
		})
	}
}

// A new conversation, too, is told that the first account is passed over; once.
func TestAPassedOverAccountIsSaid(t *testing.T) {
	inWorld(t, func(w *world) {
		w.signedIn("fake", "FAKE-access-first", "FAKE-dead")
		w.keyOf("fake:work")
		if _, err := w.auth.Renew(w.t.Context(), providerauth.Credential{ID: "fake", Type: providerauth.OAuth, Access: secret.New("FAKE-access-first")}); err == nil {
			t.Fatal("a dead sign-in was renewed")
		}
		w.say("bob", "one")
		w.want("bob", "_fake is passed over (its sign-in has ended); this runs on fake:work._", "echo: one")
		w.say("bob", "two")
		w.want("bob", "echo: two")
		if n := strings.Count(w.sees("bob"), "passed over"); n != 1 {
			t.Errorf("said %d times", n)
		}
	}, renewing, func(w *world) { w.set.Model = "fake/small" })
}

// That an account was switched off is known, and not said to everybody.
func TestADisabledAccountIsPassedOverInSilence(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.keyOf("fake:work")
		w.say("ann", "/auth fake disable")
		w.talk("bob", "one", "echo: one")
		w.ranOn("fake:work")
		w.wantNot("bob", "passed over")
	}, func(w *world) { w.set.Model = "fake/small" })
}

// An account of one provider pins no model of another.
func TestPinOfAnotherProvider(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.auth.SetSchemes([]providerauth.Scheme{w.model.Auth(), {ID: "other", Name: "Other"}})
		w.keyOf("other:work")
		for _, text := range []string{"fake/large@work", "large@other:work"} {
			w.talk("ann", "/model "+text, "belongs to another provider than the model")
		}
		w.wantNot("ann", "** answers")
	}, func(w *world) {
		w.set.Model = "fake/small"
		w.model.Has(catalog.Model{ID: "large", Preferred: true}, catalog.Model{ID: "small"})
	})
}

// A renewal that hangs holds up a conversation no longer than it may, and the next account answers.
func TestAHangingRenewalEnds(t *testing.T) {
	inWorld(t, func(w *world) {
		w.signedIn("fake", "FAKE-access-first", "FAKE-live")
		w.keyOf("fake:work")
		time.Sleep(2 * time.Hour)
		w.say("bob", "one")
		time.Sleep(time.Minute)
		w.want("bob", "fake is passed over (its sign-in could not be renewed just now); this runs on fake:work", "echo: one")
		w.say("ann", "/auth fake")
		w.want("ann", "The last renewal failed")
	}, func(w *world) {
		w.set.Model = "fake/small"
		w.model.Change(func(s *providerauth.Scheme) {
			s.Refresh = func(ctx context.Context, _ providerauth.Credential) (providerauth.Credential, error) {
				<-ctx.Done()
				return providerauth.Credential{}, ctx.Err()
			}
		})
	})
}
