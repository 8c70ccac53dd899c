package providerauth

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"chatgateway/internal/secret"
)

func TestOneRenewalForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, token(1, -time.Hour))
		w.answer(func(n int64, _ Credential) (Credential, error) {
			time.Sleep(time.Second)
			return token(2, time.Hour), nil
		})
		var wg sync.WaitGroup
		for i := range 20 {
			m := w.m
			if i%2 == 1 {
				m = w.manager() // another process
			}
			wg.Go(func() {
				c, err := m.Credential(t.Context(), Want{Provider: "acme"})
				if err != nil || c.Access.Reveal() != "FAKE-access-2" {
					t.Errorf("got %s, %v", c.Access.Reveal(), err)
				}
			})
		}
		wg.Wait()
		w.exchanges(1)
	})
}

// counting is a store that counts who writes.
type counting struct {
	*Memory
	updates atomic.Int64
}

func (c *counting) Update(ctx context.Context, id ID, f func(context.Context, Credential) (Credential, error)) error {
	c.updates.Add(1)
	return c.Memory.Update(ctx, id, f)
}

func TestOneWaitsForTheLockInAProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &counting{Memory: NewMemory(token(1, -time.Hour))}
		w := worldOn(t, s)
		w.answer(func(int64, Credential) (Credential, error) { time.Sleep(time.Second); return token(2, time.Hour), nil })
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { _, _ = w.m.Credential(t.Context(), Want{Provider: "acme"}) })
		}
		wg.Wait()
		if n := s.updates.Load(); n != 1 {
			t.Errorf("%d goroutines went for the lock", n)
		}
	})
}

func TestALatchHoldsForItsTokenAlone(t *testing.T) {
	w := newWorld(t, token(1, -time.Hour))
	w.answer(dead)
	w.wantErr(Want{}, ErrNeedsLogin)
	set(t, w.store, token(5, -time.Minute)) // another program, that knows nothing of latches, logs in
	w.answer(nil)
	w.want(Want{}, "FAKE-access-3", FromStore)
}

func TestALatchOfAnotherProcessIsSeenUnderTheLock(t *testing.T) {
	w := newWorld(t, token(1, -time.Hour))
	_ = w.store.UpdateSettings(t.Context(), func(s *Settings) error {
		s.Latched = map[ID]Latch{"acme": {Fingerprint: secret.New("FAKE-refresh-1").Fingerprint(), Reason: "why"}}
		return nil
	})
	if _, err := w.m.exchange(t.Context(), w.acme.scheme(), "acme", secret.String{}, false); !errors.Is(err, ErrNeedsLogin) {
		t.Errorf("got %v", err)
	}
	w.exchanges(0)
}

func TestLogoutOfAnOverride(t *testing.T) {
	w := newWorld(t)
	w.m.Override("acme", secret.New("FAKE-runtime"), "/run/key")
	gone := w.m.Gone("acme")
	if out, err := w.m.Logout(t.Context(), "acme"); err != nil || !out.Removed {
		t.Errorf("got %+v, %v", out, err)
	}
	isClosed(t, gone, "a logout")
	w.wantErr(Want{}, ErrNone)
}

func TestLeeway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, token(1, time.Hour))
		w.want(Want{}, "FAKE-access-1", FromStore)
		time.Sleep(time.Hour - 31*time.Second)
		w.want(Want{}, "FAKE-access-1", FromStore)
		time.Sleep(2 * time.Second)
		w.answer(down)
		w.want(Want{}, "FAKE-access-1", FromStore) // it is still good for a while
		time.Sleep(10 * time.Second)
		w.answer(nil)
		w.want(Want{}, "FAKE-access-3", FromStore)
		w.exchanges(2)
	})
}

func TestAnOutageIsNoLogout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, token(1, -time.Hour))
		w.env["ACME_KEY"] = "FAKE-paid"
		w.answer(down)
		e := w.wantErr(Want{}, ErrRenewal)
		if !strings.Contains(e.UserMessage(), "It is kept") {
			t.Error(e.UserMessage())
		}
		for range 10 {
			w.wantErr(Want{}, ErrRenewal)
		}
		w.exchanges(1) // a server that is down is not asked at every message
		for range 20 {
			time.Sleep(10 * time.Minute)
			w.wantErr(Want{}, ErrRenewal)
		}
		w.exchanges(21)
		time.Sleep(10 * time.Minute)
		w.answer(nil)
		w.want(Want{}, "FAKE-access-23", FromStore)
		if rows, _ := w.m.Status(t.Context(), "acme"); rows[0].LastError != "" {
			t.Errorf("after success: %s", rows[0].LastError)
		}
	})
}

func TestAnEndedSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, token(1, -time.Hour))
		w.answer(dead)
		e := w.wantErr(Want{}, ErrNeedsLogin)
		if !strings.Contains(e.UserMessage(), "/login acme") || !errors.Is(e, ErrNeedsLogin) {
			t.Error(e.UserMessage())
		}
		time.Sleep(24 * time.Hour)
		w.m = w.manager() // another process knows it too
		w.wantErr(Want{}, ErrNeedsLogin)
		w.exchanges(1)
		if c, err := w.store.Get(t.Context(), "acme"); err != nil || c.Refresh.Empty() {
			t.Errorf("a failed renewal deleted something: %v", err)
		}
		w.answer(nil)
		if _, err := w.m.Login(t.Context(), "acme", "browser", say()); err != nil {
			t.Fatal(err)
		}
		w.want(Want{}, "FAKE-access-1", FromStore)
		if rows, _ := w.m.Status(t.Context(), "acme"); rows[0].State != StateOK {
			t.Errorf("after a new login: %+v", rows[0])
		}
	})
}

func TestOnlyAnotherTokenCounts(t *testing.T) {
	w := newWorld(t, token(1, time.Hour))
	c := w.want(Want{}, "FAKE-access-1", FromStore)
	got, err := w.m.Renew(t.Context(), c)
	if err != nil || got.Access.Reveal() != "FAKE-access-2" {
		t.Fatalf("got %s, %v", got.Access.Reveal(), err)
	}
	got, err = w.m.Renew(t.Context(), c) // somebody else comes late with the same refused token
	if err != nil || got.Access.Reveal() != "FAKE-access-2" {
		t.Fatalf("got %s, %v", got.Access.Reveal(), err)
	}
	w.exchanges(1)
	w.answer(func(_ int64, old Credential) (Credential, error) { return old, nil })
	if _, err = w.m.Renew(t.Context(), got); !errors.Is(err, ErrNeedsLogin) {
		t.Errorf("the same token again: %v", err)
	}
}

func TestRenewOfAKey(t *testing.T) {
	w := newWorld(t, apiKey("acme", "env:MINE"))
	w.env["MINE"] = "FAKE-old"
	c := w.want(Want{}, "FAKE-old", FromStore)
	if _, err := w.m.Renew(t.Context(), c); !errors.Is(err, ErrNeedsLogin) {
		t.Errorf("an unchanged key: %v", err)
	}
	w.env["MINE"] = "FAKE-new"
	if got, err := w.m.Renew(t.Context(), c); err != nil || got.Key.Reveal() != "FAKE-new" {
		t.Errorf("a changed key: %v", err)
	}
}

func TestWhatAnAnswerLeavesOutIsKept(t *testing.T) {
	first := token(1, -time.Hour)
	first.Owner, first.Extra = "ann@example.org", map[string]string{"account_id": "a", "host": "h"}
	w := newWorld(t, first)
	w.answer(func(int64, Credential) (Credential, error) {
		return Credential{Access: secret.New("FAKE-access-2"), Expires: time.Now().Add(-time.Minute), Extra: map[string]string{"host": "i"}}, nil
	})
	c := w.want(Want{}, "FAKE-access-2", FromStore)
	if c.Refresh.Reveal() != "FAKE-refresh-1" || c.Owner != "ann@example.org" || c.Extra["account_id"] != "a" || c.Extra["host"] != "i" {
		t.Errorf("got %+v", c)
	}
	if !c.Expires.IsZero() {
		t.Error("a token that was over when it came would be renewed at every message")
	}
	w.want(Want{}, "FAKE-access-2", FromStore)
	w.exchanges(1)
}

func TestLogoutWinsOverARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, token(1, -time.Hour))
		w.env["ACME_KEY"] = "FAKE-env"
		w.answer(func(int64, Credential) (Credential, error) {
			time.Sleep(5 * time.Second)
			return token(2, time.Hour), nil
		})
		gone := w.m.Gone("acme")
		var wg sync.WaitGroup
		wg.Go(func() {
			if c, err := w.m.Credential(t.Context(), Want{Provider: "acme"}); err == nil && c.Source == FromStore {
				t.Log("the renewal was quicker")
			}
		})
		synctest.Wait()
		out, err := w.m.Logout(t.Context(), "acme")
		if err != nil || !out.Removed || !out.Revoked || out.StillFrom != "ACME_KEY" {
			t.Errorf("got %+v, %v", out, err)
		}
		wg.Wait()
		isClosed(t, gone, "a logout")
		if err := w.m.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if ids, _ := w.store.All(t.Context()); len(ids) != 0 {
			t.Errorf("a renewal brought back %v", ids)
		}
		if want := "FAKE-refresh-2"; !slices.Equal(w.acme.revoked, []string{want}) {
			t.Errorf("revoked %v, want the newest token", w.acme.revoked)
		}
	})
}

func TestLogoutOfline(t *testing.T) {
	w := newWorld(t, token(1, time.Hour))
	sc := w.acme.scheme()
	sc.Revoke = func(context.Context, Credential) error { return &OAuthError{Name: "Acme", Doing: doRevoke} }
	w.m.SetSchemes([]Scheme{sc})
	out, err := w.m.Logout(t.Context(), "ACME")
	if err != nil || !out.Removed || out.Revoked || out.RevokeErr == nil {
		t.Errorf("got %+v, %v", out, err)
	}
	w.wantErr(Want{}, ErrNone)
	if out, err = w.m.Logout(t.Context(), "acme"); err != nil || out.Removed {
		t.Errorf("the second time: %+v, %v", out, err)
	}
	w = newWorld(t, token(1, time.Hour))
	ctx, gone := context.WithCancel(t.Context())
	sc.Revoke = func(ctx context.Context, _ Credential) error { gone(); return ctx.Err() }
	w.m.SetSchemes([]Scheme{sc})
	if out, err = w.m.Logout(ctx, "acme"); err != nil || !out.Revoked {
		t.Errorf("who asked has gone: %+v, %v", out, err)
	}
}

// full is a store whose disk is full for a while.
type full struct {
	*Memory
	mu    sync.Mutex // guards on
	on    bool
	tries int
}

var errFull = errors.New("no space left")

func (f *full) Update(ctx context.Context, id ID, g func(context.Context, Credential) (Credential, error)) error {
	return f.Memory.Update(ctx, id, func(ctx context.Context, old Credential) (Credential, error) {
		c, err := g(ctx, old)
		f.mu.Lock()
		defer f.mu.Unlock()
		if err == nil && f.on {
			f.tries++
			return Credential{}, errFull
		}
		return c, err
	})
}

func TestARenewedTokenThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &full{Memory: NewMemory(token(1, -time.Hour)), on: true}
		w := worldOn(t, disk)
		w.want(Want{}, "FAKE-access-2", FromStore)
		w.want(Want{}, "FAKE-access-2", FromStore)
		w.exchanges(1)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { w.m.Run(ctx) })
		time.Sleep(time.Minute)
		disk.mu.Lock()
		if disk.on = false; disk.tries < 3 {
			t.Errorf("it was written %d times in a minute", disk.tries)
		}
		disk.mu.Unlock()
		time.Sleep(time.Minute)
		cancel()
		wg.Wait()
		if c, _ := disk.Get(t.Context(), "acme"); c.Refresh.Reveal() != "FAKE-refresh-2" {
			t.Errorf("on disk is %s", c.Refresh.Reveal())
		}
		w.exchanges(1)
	})
}

func TestARenewalThatWasCutOff(t *testing.T) {
	w := newWorld(t, token(1, -time.Hour))
	killed := errors.New("killed")
	_ = w.store.UpdateSettings(t.Context(), func(s *Settings) error { // as a process leaves it that dies in the exchange
		s.Renewals = map[ID]Latch{"acme": {Fingerprint: secret.New("FAKE-refresh-1").Fingerprint(), Since: time.Now(), Unknown: true}}
		return nil
	})
	w.answer(dead)
	e := w.wantErr(Want{}, ErrNeedsLogin)
	if !strings.Contains(e.UserMessage(), "cut off") || w.m.Lost() != 1 {
		t.Errorf("%s; lost %d (%v)", e.UserMessage(), w.m.Lost(), killed)
	}
}

func TestARefusalThatWasNotCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, token(1, -time.Hour))
		w.answer(down)
		w.wantErr(Want{}, ErrRenewal)
		time.Sleep(time.Hour)
		w.answer(dead)
		e := w.wantErr(Want{}, ErrNeedsLogin)
		if strings.Contains(e.UserMessage(), "cut off") || w.m.Lost() != 0 {
			t.Errorf("%s; lost %d", e.UserMessage(), w.m.Lost())
		}
	})
}

func TestShortLivedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, token(1, 20*time.Second))
		w.want(Want{}, "FAKE-access-1", FromStore) // its life is shorter than the leeway
		w.exchanges(0)
		time.Sleep(11 * time.Second)
		w.want(Want{}, "FAKE-access-2", FromStore)
	})
}

func TestWithoutAnEndItIsUsed(t *testing.T) {
	c := token(1, 0)
	c.Expires, c.Issued = time.Time{}, time.Time{}
	w := newWorld(t, c)
	w.want(Want{}, "FAKE-access-1", FromStore)
	w.exchanges(0)
}

func TestCloseWaitsForRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, token(1, -time.Hour))
		w.answer(func(int64, Credential) (Credential, error) {
			time.Sleep(3 * time.Second)
			return token(2, time.Hour), nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = w.m.Credential(ctx, Want{Provider: "acme"}) })
		synctest.Wait()
		cancel()
		wg.Wait()
		short, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := w.m.Close(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if err := w.m.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if c, _ := w.store.Get(t.Context(), "acme"); c.Refresh.Reveal() != "FAKE-refresh-2" {
			t.Error("a renewal was lost at the end")
		}
		set(t, w.store, token(3, -time.Hour))
		w.wantErr(Want{}, ErrRenewal)
	})
}
