package access_test

import (
	"testing"

	"chatgateway/access"
	"chatgateway/channels"
)

// TestI5NoFixedSecrets: two installations have different claim codes.
func TestI5NoFixedSecrets(t *testing.T) {
	a, b := newWorld(t), newWorld(t)
	for _, w := range []*world{a, b} {
		w.config.Accounts["telegram"] = access.Account{}
		w.SetConfig(w.config)
	}
	if x, y := claimCode(a), claimCode(b); x == "" || x == y {
		t.Errorf("the codes are %q and %q", x, y)
	}
}

// TestH3OpenOnlyIfWrittenOut: an empty or a missing list lets nobody in; a star does, to private chats and not to groups.
func TestH3OpenOnlyIfWrittenOut(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		account access.Account
		want    access.Role
	}{
		"missing": {access.Account{}, access.Nobody},
		"empty":   {access.Account{AllowFrom: []string{}}, access.Nobody},
		"blank":   {access.Account{AllowFrom: []string{""}, Owners: []string{""}}, access.Nobody},
		"star":    {access.Account{AllowFrom: []string{"*"}, PrivatePolicy: "open"}, access.User},
	} {
		w.config.Accounts["telegram"] = c.account
		w.SetConfig(w.config)
		if d := w.Decide(t.Context(), "telegram", channels.Message{From: "99", Private: true, Text: "hi"}); d.Role != c.want {
			t.Errorf("%s: %+v", name, d)
		}
		if d := w.Decide(t.Context(), "telegram", channels.Message{From: "99", Addressed: true, Places: []channels.PlaceID{"g"}}); d.Role != access.Nobody {
			t.Errorf("%s, in a group: %+v", name, d)
		}
		if d := w.Decide(t.Context(), "telegram", channels.Message{Private: true, Text: "hi"}); d.Role != access.Nobody {
			t.Errorf("%s, without an id: %+v", name, d)
		}
	}
}
