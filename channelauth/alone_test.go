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

// What a person sets while a token renews itself is not lost under what the renewal brings.
func TestSetWaitsForARenewal(t *testing.T) {
	for name, change := range map[string]func(f *File) error{
		"set":       func(f *File) error { return f.Set(t.Context(), "twitch", "refresh_token", secret.New("FAKE-by-hand")) },
		"reference": func(f *File) error { return f.SetReference(t.Context(), "twitch", "refresh_token", "env:BY_HAND") },
		"unset":     func(f *File) error { return f.Unset(t.Context(), "twitch", "refresh_token") },
	} {
		t.Run(name, func(t *testing.T) {
			here := open(t, `{"twitch": {"token": "FAKE-0", "refresh_token": "FAKE-0"}}`, nil)
			there := Open(here.Path, env(map[string]string{"BY_HAND": "FAKE-by-hand"}))
			renewing := here.Account("twitch", nil)
			set := make(chan error, 1)
			err := renewing.Alone(t.Context(), func(ctx context.Context) error {
				go func() { set <- change(there) }()
				select {
				case err := <-set:
					t.Fatalf("it did not wait: %v", err)
				case <-time.After(50 * time.Millisecond): // time enough to be too early
				}
				return renewing.Store(ctx, map[string]secret.String{"token": secret.New("FAKE-1"), "refresh_token": secret.New("FAKE-1")})
			})
			if err := errors.Join(err, <-set); err != nil {
				t.Fatal(err)
			}
			want := "FAKE-by-hand"
			if name == "unset" {
				want = ""
			}
			now := there.Account("twitch", nil)
			if got := now.Secret("refresh_token").Reveal(); got != want || now.Secret("token").Reveal() != "FAKE-1" {
				t.Errorf("the refresh token is %q, want %q; the token is %q, want FAKE-1", got, want, now.Secret("token").Reveal())
			}
		})
	}
}
