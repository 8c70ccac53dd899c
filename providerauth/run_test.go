package providerauth

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatgateway/internal/secret"
)

func TestRenewalInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, token(1, time.Hour))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { w.m.Run(ctx) })
		time.Sleep(50 * time.Minute)
		w.exchanges(0)
		time.Sleep(5*time.Minute + 5*time.Second)
		w.exchanges(1)
		w.answer(down)
		time.Sleep(time.Hour)
		if n := w.acme.exchanges.Load(); n < 3 || n > 20 {
			t.Errorf("%d exchanges in an hour of outage", n)
		}
		if got := w.told(); !slices.Equal(got, []EventKind{Failing}) {
			t.Errorf("told %v", got)
		}
		w.answer(dead)
		time.Sleep(10 * time.Minute)
		if got := w.told(); !slices.Equal(got, []EventKind{Failing, Ended}) {
			t.Errorf("told %v", got)
		}
		cancel()
		wg.Wait()
		ctx, cancel = context.WithCancel(t.Context())
		w.m = w.manager() // after a restart
		wg.Go(func() { w.m.Run(ctx) })
		time.Sleep(time.Hour)
		if got := w.told(); len(got) != 2 {
			t.Errorf("told again after a restart: %v", got)
		}
		cancel()
		wg.Wait()
	})
}

func TestWhatExpiresSoonIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Credential{ID: "acme", Type: Token, Key: secret.New("FAKE-token"), Expires: time.Now().Add(48 * time.Hour)})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { w.m.Run(ctx) })
		time.Sleep(23 * time.Hour)
		if got := w.told(); len(got) != 0 {
			t.Errorf("told %v two days before", got)
		}
		time.Sleep(24*time.Hour + time.Minute)
		if got := w.told(); !slices.Equal(got, []EventKind{Expiring}) {
			t.Errorf("told %v", got)
		}
		w.want(Want{}, "FAKE-token", FromStore)
		time.Sleep(24 * time.Hour)
		w.wantErr(Want{}, ErrNeedsLogin)
		cancel()
		wg.Wait()
	})
}
