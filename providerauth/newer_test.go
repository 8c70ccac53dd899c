package providerauth

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatgateway/internal/secret"
)

// A renewed sign-in that could not be written is given up for one that another process wrote meanwhile, whether that one
// is good or has to be renewed.
func TestANewerSignInGoesBeforeAnUnwrittenOne(t *testing.T) {
	for name, c := range map[string]struct {
		life time.Duration
		want string
	}{
		"good":    {time.Hour, "FAKE-access-7"},
		"run out": {-time.Hour, "FAKE-access-of-FAKE-refresh-7"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := &full{Memory: NewMemory(token(1, -time.Hour)), on: true}
				w := worldOn(t, disk)
				w.want(Want{}, "FAKE-access-2", FromStore)
				err := disk.Memory.Update(t.Context(), "acme", func(context.Context, Credential) (Credential, error) { return token(7, c.life), nil })
				if err != nil {
					t.Fatal(err)
				}
				disk.mu.Lock()
				disk.on = false
				disk.mu.Unlock()
				w.answer(func(_ int64, old Credential) (Credential, error) {
					fresh := token(8, time.Hour)
					fresh.Access = secret.New("FAKE-access-of-" + old.Refresh.Reveal())
					return fresh, nil
				})
				w.want(Want{}, c.want, FromStore)
			})
		})
	}
}

// A server that says when to come again is not asked before, within bounds.
func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		n                  int
		asked, least, most time.Duration
	}{
		{1, 0, 5 * time.Second, 7 * time.Second},
		{2, 0, 10 * time.Second, 13 * time.Second},
		{40, 0, 5 * time.Minute, 7 * time.Minute},
		{1, time.Minute, time.Minute, 76 * time.Second},
		{1, time.Hour, 5 * time.Minute, 7 * time.Minute},
	} {
		if d := backoff(c.n, c.asked); d < c.least || d > c.most {
			t.Errorf("after %d failures, asked to wait %v: %v", c.n, c.asked, d)
		}
	}
	w := newWorld(t, token(1, -time.Hour))
	w.answer(func(int64, Credential) (Credential, error) {
		return Credential{}, &OAuthError{Name: "Acme", Doing: doRenew, Status: 429, RetryAfter: time.Minute}
	})
	w.wantErr(Want{}, ErrRenewal)
	if next := w.m.failures["acme"].next; time.Until(next) < 50*time.Second {
		t.Errorf("asked to wait a minute, it comes again in %v", time.Until(next))
	}
}

// Who waits for a credential that somebody holds for ever is told so in the end, whatever its own ctx says.
func TestTheWaitForALockEnds(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) Store{
		"memory": func(*testing.T) Store { return NewMemory() },
		"file":   func(t *testing.T) Store { return OpenFile(filepath.Join(t.TempDir(), "providers.json")) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t)
				held, free := make(chan struct{}), make(chan struct{})
				hold := func(context.Context, Credential) (Credential, error) {
					close(held)
					<-free
					return Credential{}, errUnchanged
				}
				var wg sync.WaitGroup
				wg.Go(func() { _ = s.Update(t.Context(), "acme", hold) })
				<-held
				ctx, cancel := context.WithTimeout(t.Context(), 10*lockWait)
				defer cancel()
				err := s.Update(ctx, "acme", func(context.Context, Credential) (Credential, error) { return token(1, time.Hour), nil })
				if err == nil || ctx.Err() != nil {
					t.Errorf("got %v; its own time is over: %v", err, ctx.Err())
				}
				close(free)
				wg.Wait()
			})
		})
	}
}

// A sign-in that has run out is renewed before it is tried: a refusal of the old token says nothing.
func TestCheckRenewsFirst(t *testing.T) {
	w := newWorld(t, token(1, -time.Hour))
	w.acme.finding = Finding{Works: true, Sure: true}
	if f, err := w.m.Check(t.Context(), "acme"); err != nil || !f.Works {
		t.Errorf("%+v, %v", f, err)
	}
	if !slices.Equal(w.acme.probed, []string{"FAKE-access-2"}) {
		t.Errorf("tried with %v", w.acme.probed)
	}
}
