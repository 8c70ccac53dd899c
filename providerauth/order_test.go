package providerauth

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// The narrowest order holds: the conversation's, the chat account's, the one for everywhere.
func TestOrderOfAPlace(t *testing.T) {
	w := newWorld(t, apiKey("acme", "FAKE-stored"), apiKey("acme:work", "FAKE-work"), apiKey("acme:home", "FAKE-home"))
	w.env["ACME_KEY"] = "FAKE-env"
	ctx := t.Context()
	here, channel := MakeScope("chat:bot", "12/3"), Scope("chat:bot")
	set := func(where Scope, order ...ID) {
		t.Helper()
		if err := w.m.SetOrder(ctx, "wile", where, order); err != nil {
			t.Fatal(err)
		}
	}
	set("", "home")
	set(channel, "work", "env")
	set(here, "env")
	w.want(Want{Scope: here}, "FAKE-env", FromEnv)
	w.want(Want{Scope: MakeScope("chat:bot", "12")}, "FAKE-work", FromStore)
	w.want(Want{Scope: "chat"}, "FAKE-home", FromStore)
	w.want(Want{}, "FAKE-home", FromStore)
	w.want(Want{Scope: here, Account: "work"}, "FAKE-work", FromStore) // asked for by name
	if order, from := w.m.Order(ctx, "acme", here+"4"); from != channel || !slices.Equal(order, []ID{"acme:work", "env"}) {
		t.Errorf("another conversation: %v of %q", order, from)
	}
	if all := w.m.Scopes(ctx, "acme"); !slices.Equal(all, []Scope{channel, here}) {
		t.Errorf("scopes: %q", all)
	}

	if err := w.m.MoveScope(ctx, here, "chat:bot/77"); err != nil { // the conversation goes on under another id
		t.Fatal(err)
	}
	w.want(Want{Scope: here}, "FAKE-work", FromStore)
	w.want(Want{Scope: "chat:bot/77"}, "FAKE-env", FromEnv)
	if err := w.m.SetOrder(ctx, "acme", here, []ID{"nobody"}); !errors.Is(err, ErrNone) {
		t.Errorf("an account that is not there: %v", err)
	}
	set("chat:bot/77")
	w.want(Want{Scope: "chat:bot/77"}, "FAKE-work", FromStore)
	set(channel)
	set("")
	if s, err := w.store.Settings(ctx); err != nil || s.Order != nil || s.OrderIn != nil {
		t.Errorf("what was taken away is still there: %+v, %v", s, err)
	}
	w.want(Want{Scope: here}, "FAKE-stored", FromStore)
}

// An order whose logins have gone says so, rather than that nobody is logged in.
func TestOrderOfNobody(t *testing.T) {
	w := newWorld(t, apiKey("acme", "FAKE-stored"), apiKey("acme:work", "FAKE-work"))
	if err := w.m.SetOrder(t.Context(), "acme", "", []ID{"work"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.m.Logout(t.Context(), "acme:work"); err != nil {
		t.Fatal(err)
	}
	e := w.wantErr(Want{}, ErrNone)
	if text := e.UserMessage(); !strings.Contains(text, "order") || !strings.Contains(text, "/auth acme order") {
		t.Errorf("it says %q", text)
	}
	w.want(Want{Account: "default"}, "FAKE-stored", FromStore)
}
