package channelauth

import (
	"context"
	"errors"
	"testing"
	"time"

	"chatgateway/internal/jsonfile"
	"chatgateway/internal/secret"
)

func TestAlone(t *testing.T) {
	here := open(t, `{"twitch:Bot": {"token": "FAKE-0"}}`, nil)
	there := Open(here.Path, nil)
	a, b := here.Account("twitch:Bot", nil), there.Account("twitch:Bot", nil)
	if b.Secret("token").Reveal() != "FAKE-0" {
		t.Fatal("the file is not read")
	}
	err := a.Alone(t.Context(), func(ctx context.Context) error {
		wait, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		err := b.Alone(wait, func(context.Context) error { t.Error("two were alone at once"); return nil })
		if !errors.Is(err, jsonfile.ErrLocked) {
			t.Errorf("the wait ended with %v", err)
		}
		if err := there.Account("twitch", nil).Alone(t.Context(), func(context.Context) error { return nil }); err != nil {
			t.Errorf("another account waits too: %v", err)
		}
		return a.Store(ctx, map[string]secret.String{"token": secret.New("FAKE-1")})
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	broken := errors.New("broken")
	err = b.Alone(ctx, func(ctx context.Context) error {
		cancel()
		if ctx.Err() != nil || b.Secret("token").Reveal() != "FAKE-1" {
			t.Errorf("it sees %q (%v)", b.Secret("token").Reveal(), ctx.Err())
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the function's error", err)
	}
}
