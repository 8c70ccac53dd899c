package access_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/access"
	"chatgateway/channels"
)

func TestPairing(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	d := w.says("telegram", "5")
	if d.Role != access.Nobody {
		t.Fatal("a stranger gets in")
	}
	code := w.codeFrom(d.Reply)

	// one answer, also after a restart; the message that made it may come again
	if d := w.says("telegram", "5"); d.Reply != "" {
		t.Errorf("answered twice: %q", d.Reply)
	}
	again := w.Decide(ctx, "telegram", channels.Message{ID: "1", From: "5", Text: "hi", Private: true})
	if again.Reply != d.Reply {
		t.Errorf("the same message again: %q", again.Reply)
	}
	w.restart()
	if d := w.says("telegram", "5"); d.Reply != "" {
		t.Errorf("answered after a restart: %q", d.Reply)
	}
	if len(w.asked) != 1 || w.asked[0].Name != "Name of 5" {
		t.Errorf("owners were told %v", w.asked)
	}

	// in small letters, with a dash, over the restart
	g, err := w.ApproveCode(ctx, "telegram 1", strings.ToLower(code[:4]+"-"+code[4:]))
	if err != nil {
		t.Fatal(err)
	}
	if g.Role != access.User || g.Person != (access.Person{Account: "telegram", ID: "5"}) {
		t.Errorf("granted %+v", g)
	}
	w.role("telegram", "5", access.User)
	_, err = w.ApproveCode(ctx, "telegram 1", code)
	wantErr(t, err, access.ErrWrongCode)

	// no group, and no other account
	w.config.Accounts["telegram"] = access.Account{Owners: []string{"1"}, Groups: []string{"*"}, GroupPolicy: "open"}
	w.config.Accounts["telegram:other"] = access.Account{PrivatePolicy: "allowlist"}
	w.SetConfig(w.config)
	if d := w.Decide(ctx, "telegram", channels.Message{From: "5", Text: "hi", Addressed: true, Places: []channels.PlaceID{"g"}}); d.Role != access.Nobody {
		t.Error("approval for private chat opened a group")
	}
	w.role("telegram:other", "5", access.Nobody)

	// revoked: at once, over a restart, and without another code
	if err := w.Revoke(ctx, "telegram 1", g.Person); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if d := w.says("telegram", "5"); d.Role != access.Nobody || d.Reply != "" {
			t.Errorf("after revoke: %+v", d)
		}
		if d := w.Decide(ctx, "telegram", channels.Message{From: "5", Press: "old button", Private: true}); d.Role != access.Nobody {
			t.Error("the old buttons live")
		}
		w.restart()
	}
	w.now = w.now.Add(31 * 24 * time.Hour)
	w.codeFrom(w.says("telegram", "5").Reply)
}

func TestPairingIsBounded(t *testing.T) {
	w := newWorld(t)
	for i, from := range []channels.UserID{"11", "12", "13", "14", "15"} {
		if d := w.says("telegram", from); (d.Reply != "") != (i < 3) {
			t.Errorf("stranger %d: %+v", i, d)
		}
	}
	w.restart()
	if d := w.says("telegram", "16"); d.Reply != "" {
		t.Error("a fourth after a restart")
	}
	if n := len(w.Waiting()); n != 3 {
		t.Errorf("%d wait", n)
	}
	// a denied one makes room, and stays denied
	if err := w.Deny(t.Context(), "telegram 1", access.Person{Account: "telegram", ID: "11"}); err != nil {
		t.Fatal(err)
	}
	w.codeFrom(w.says("telegram", "16").Reply)
	w.now = w.now.Add(time.Hour)
	if n := len(w.Waiting()); n != 0 {
		t.Errorf("%d wait after an hour", n)
	}
	if d := w.says("telegram", "11"); d.Reply != "" {
		t.Errorf("denied and answered: %q", d.Reply)
	}
	w.codeFrom(w.says("telegram", "12").Reply)
}

// An hour is an hour.
func TestCodeEnds(t *testing.T) {
	w := newWorld(t)
	code := w.codeFrom(w.says("telegram", "5").Reply)
	w.now = w.now.Add(time.Hour)
	_, err := w.ApproveCode(t.Context(), "telegram 1", code)
	wantErr(t, err, access.ErrWrongCode)
	wantErr(t, ignore(w.Approve(t.Context(), "x", access.Person{Account: "telegram", ID: "5"})), access.ErrUnknown)
}

func ignore(_ access.Grant, err error) error { return err }

func TestNoCodes(t *testing.T) {
	w := newWorld(t)
	w.config.Accounts["email"] = access.Account{PrivatePolicy: "pairing", NeverPairs: true}
	w.config.Accounts["list"] = access.Account{PrivatePolicy: "allowlist"}
	w.config.Accounts["off"] = access.Account{PrivatePolicy: "off"}
	w.config.Accounts["open"] = access.Account{PrivatePolicy: "open"}
	w.SetConfig(w.config)
	for account := range w.config.Accounts {
		if account == "telegram" || account == "page" {
			continue
		}
		if d := w.says(account, "5"); d.Role != access.Nobody || d.Reply != "" {
			t.Errorf("%s: %+v", account, d)
		}
	}
	for name, m := range map[string]channels.Message{
		"group": {From: "5", Text: "hi", Addressed: true, Places: []channels.PlaceID{"g"}},
		"press": {From: "5", Press: "P", Private: true},
		"edit":  {From: "5", Text: "hi", Edited: true, Private: true},
		"claim": {From: "5", Text: "/claim ABCDEFGH", Private: true},
		"":      {Text: "hi", Private: true},
	} {
		if d := w.Decide(t.Context(), "telegram", m); d.Role != access.Nobody || d.Reply != "" {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if n := len(w.Waiting()); n != 0 {
		t.Errorf("%d wait", n)
	}
}

// Five wrong codes lock every path, also over a restart, and also when they are tried at once.
func TestLockout(t *testing.T) {
	t.Run("approve", func(t *testing.T) {
		w := newWorld(t)
		code := w.codeFrom(w.says("telegram", "5").Reply)
		var wg sync.WaitGroup
		var mu sync.Mutex
		tried := map[error]int{}
		for range 20 {
			wg.Go(func() {
				_, err := w.ApproveCode(t.Context(), "telegram 1", "WRNGCDE2")
				mu.Lock()
				tried[err]++
				mu.Unlock()
			})
		}
		wg.Wait()
		if tried[access.ErrWrongCode] != 5 || tried[access.ErrLocked] != 15 {
			t.Errorf("got %v", tried)
		}
		w.restart()
		_, err := w.ApproveCode(t.Context(), "command line", code)
		wantErr(t, err, access.ErrLocked)
		if d := w.says("telegram", "6"); d.Reply != "" {
			t.Error("a code is given out while it is locked")
		}
		// a person is no code
		if _, err := w.Approve(t.Context(), "telegram 1", access.Person{Account: "telegram", ID: "5"}); err != nil {
			t.Error(err)
		}
		w.now = w.now.Add(time.Hour)
		if _, err := w.ApproveCode(t.Context(), "x", w.codeFrom(w.says("telegram", "6").Reply)); err != nil {
			t.Error(err)
		}
	})
	t.Run("claim", func(t *testing.T) {
		w := newWorld(t)
		w.config.Accounts["telegram"] = access.Account{}
		w.restart()
		code := claimCode(w)
		m := channels.Message{From: "5", Private: true}
		for i := range 7 {
			m.From = channels.UserID(fmt.Sprint(i)) // whoever they say they are
			_, err := w.Claim(t.Context(), "telegram", m, "WRNGCDE2")
			if want := map[bool]error{true: access.ErrWrongCode, false: access.ErrLocked}[i < 5]; !errors.Is(err, want) {
				t.Errorf("try %d: %v, want %v", i, err, want)
			}
		}
		_, err := w.Claim(t.Context(), "telegram", m, code)
		wantErr(t, err, access.ErrLocked)
		w.restart()
		_, err = w.Claim(t.Context(), "telegram", m, claimCode(w))
		wantErr(t, err, access.ErrLocked)
		w.now = w.now.Add(time.Hour)
		if _, err = w.Claim(t.Context(), "telegram", m, claimCode(w)); err != nil {
			t.Error(err)
		}
	})
}
