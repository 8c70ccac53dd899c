package providerauth

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/internal/secret"
)

func TestMemoryKeepsThePromises(t *testing.T) {
	storeSuite(t, func(*testing.T) Store { return &Memory{} })
}

func TestFileKeepsThePromises(t *testing.T) {
	storeSuite(t, func(t *testing.T) Store { return OpenFile(filepath.Join(t.TempDir(), "auth", "providers.json")) })
}

// storeSuite holds a Store to the promises of its doc comment.
func storeSuite(t *testing.T, open func(*testing.T) Store) {
	t.Run("what is put is there", func(t *testing.T) {
		s := open(t)
		if _, err := s.Get(t.Context(), "acme"); !errors.Is(err, ErrNone) {
			t.Errorf("an empty store gives %v, want ErrNone", err)
		}
		for _, c := range samples() {
			set(t, s, c)
		}
		for _, want := range samples() {
			got, err := s.Get(t.Context(), want.ID)
			if err != nil {
				t.Fatal(err)
			}
			want.Source, want.Label = "", ""
			same(t, got, want)
		}
		if ids, err := s.All(t.Context()); err != nil || !slices.Equal(ids, []ID{"acme", "acme:work", "other"}) {
			t.Errorf("All gives %v, %v", ids, err)
		}
		set(t, s, Credential{ID: "acme:work"})
		if _, err := s.Get(t.Context(), "acme:work"); !errors.Is(err, ErrNone) {
			t.Errorf("after removal: %v, want ErrNone", err)
		}
	})
	t.Run("a failing function writes nothing", func(t *testing.T) {
		s := open(t)
		set(t, s, samples()[0])
		broken := errors.New("broken")
		err := s.Update(t.Context(), "acme", func(_ context.Context, old Credential) (Credential, error) {
			old.Owner = "somebody else"
			return old, broken
		})
		if !errors.Is(err, broken) {
			t.Errorf("got %v, want the function's error", err)
		}
		if c, _ := s.Get(t.Context(), "acme"); c.Owner != "ann@example.org" {
			t.Errorf("the failed change is there: %q", c.Owner)
		}
	})
	t.Run("the result outlives the caller", func(t *testing.T) {
		s := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		err := s.Update(ctx, "acme", func(work context.Context, _ Credential) (Credential, error) {
			cancel()
			end, ok := work.Deadline()
			if work.Err() != nil || !ok || time.Until(end) >= lockWait {
				t.Errorf("the function's context ended (%v), or has no deadline before others give up waiting", work.Err())
			}
			return samples()[0], nil
		})
		if err != nil {
			t.Error(err)
		}
		if c, err := s.Get(t.Context(), "acme"); err != nil || c.Refresh.Reveal() != "FAKE-refresh-1" {
			t.Errorf("a rotated token was thrown away: %v", err)
		}
	})
	t.Run("ctx bounds the wait for the lock", func(t *testing.T) {
		s := open(t)
		held, let := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			_ = s.Update(t.Context(), "acme", func(context.Context, Credential) (Credential, error) {
				close(held)
				<-let
				return samples()[0], nil
			})
		})
		<-held
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		err := s.Update(ctx, "acme", func(context.Context, Credential) (Credential, error) {
			t.Error("two functions ran at once")
			return Credential{}, nil
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
		set(t, s, Credential{ID: "other", Type: Key, Key: secret.New("FAKE-key")}) // another credential waits for nobody
		close(let)
		wg.Wait()
	})
	t.Run("no change is lost", func(t *testing.T) {
		s := open(t)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 5 {
					err := s.Update(t.Context(), "acme", func(_ context.Context, old Credential) (Credential, error) {
						n, _ := strconv.Atoi(old.Extra["n"])
						return Credential{Type: Key, Key: secret.New("FAKE-key"), Extra: map[string]string{"n": strconv.Itoa(n + 1)}}, nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if c, _ := s.Get(t.Context(), "acme"); c.Extra["n"] != "40" {
			t.Errorf("of 40 changes %q are left", c.Extra["n"])
		}
	})
	t.Run("changes are told", func(t *testing.T) {
		s := open(t)
		ch := s.Changed()
		select {
		case <-ch:
			t.Error("told without a change")
		default:
		}
		set(t, s, samples()[0])
		isClosed(t, ch, "a new credential")
		ch = s.Changed()
		if err := s.UpdateSettings(t.Context(), func(x *Settings) error { x.Model = "acme/one"; return nil }); err != nil {
			t.Fatal(err)
		}
		isClosed(t, ch, "a new setting")
	})
	t.Run("settings", func(t *testing.T) {
		s := open(t)
		want := Settings{
			Order: map[string][]ID{"acme": {"acme:work", "env"}}, Disabled: []ID{"other"}, Enabled: []string{"acme"}, Model: "acme/one",
			Latched:  map[ID]Latch{"acme": {Fingerprint: "f", Since: time.Unix(1e9, 0).UTC(), Reason: "why", Told: true}},
			Renewals: map[ID]Latch{"acme": {Fingerprint: "g", Since: time.Unix(1e9, 0).UTC(), Unknown: true}},
			Warned:   map[ID]string{"acme": "h"},
		}
		if err := s.UpdateSettings(t.Context(), func(x *Settings) error { *x = want; return nil }); err != nil {
			t.Fatal(err)
		}
		got, err := s.Settings(t.Context())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, want)
		}
		got.Order["acme"][0] = "changed"
		broken := errors.New("broken")
		if err := s.UpdateSettings(t.Context(), func(x *Settings) error { x.Model = "two"; return broken }); !errors.Is(err, broken) {
			t.Errorf("got %v, want the function's error", err)
		}
		if got, _ := s.Settings(t.Context()); !reflect.DeepEqual(got, want) {
			t.Errorf("a failed or foreign change is there: %+v", got)
		}
		if err := s.UpdateSettings(t.Context(), func(x *Settings) error { *x = Settings{}; return nil }); err != nil {
			t.Fatal(err)
		}
		if got, _ := s.Settings(t.Context()); !reflect.DeepEqual(got, Settings{}) {
			t.Errorf("emptied, but %+v", got)
		}
	})
}

func samples() []Credential {
	at := time.UnixMilli(1_900_000_000_123)
	return []Credential{
		{ID: "acme", Type: OAuth, Access: secret.New("FAKE-access-1"), Refresh: secret.New("FAKE-refresh-1"), Expires: at, Issued: at.Add(-time.Hour),
			Owner: "ann@example.org", Extra: map[string]string{"account_id": "a1", "host": "h"}, Source: FromEnv, Label: "never stored"},
		{ID: "acme:work", Type: Token, Key: secret.New("FAKE-token-1"), Expires: at},
		{ID: "other", Type: Key, Key: secret.New("FAKE-key-1")},
	}
}

func set(t *testing.T, s Store, c Credential) {
	t.Helper()
	err := s.Update(t.Context(), c.ID, func(context.Context, Credential) (Credential, error) { return c, nil })
	if err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, got, want Credential) {
	t.Helper()
	plain := func(c Credential) []any {
		return []any{c.ID, c.Type, c.Key.Reveal(), c.Access.Reveal(), c.Refresh.Reveal(), c.Expires.UnixMilli(), c.Issued.UnixMilli(), c.Owner, c.Extra, c.Source, c.Label}
	}
	if !reflect.DeepEqual(plain(got), plain(want)) {
		t.Errorf("got  %v\nwant %v", plain(got), plain(want))
	}
}

func isClosed(t *testing.T, ch <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(5 * time.Second):
		t.Errorf("%s was not told", what)
	}
}

func TestFileKeepsWhatItDoesNotKnow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "providers.json")
	write(t, path, `{
  "anthropic": {"type":"oauth","access":"FAKE-a","refresh":"FAKE-r","expires":1900000000000,"account_id":"acc","mine":[1,2],"extra":{"n":7,"old":"x"}},
  "strange": {"type":"kerberos","ticket":"FAKE-t"},
  "@gateway": {"model":"a/b","later":{"x":1}},
  "@other": 5,
  "openai": {"type":"api_key","key":"FAKE-k"}
}`)
	s := OpenFile(path)
	err := s.Update(t.Context(), "anthropic", func(_ context.Context, old Credential) (Credential, error) {
		if old.Extra["account_id"] != "acc" || old.Extra["old"] != "x" {
			t.Errorf("extra is %v", old.Extra)
		}
		old.Access, old.Extra = secret.New("FAKE-b"), map[string]string{"account_id": "acc", "new": "y"}
		return old, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.UpdateSettings(t.Context(), func(x *Settings) error { x.Model = ""; return nil }); err != nil {
		t.Fatal(err)
	}
	var got, want map[string]any
	data, _ := os.ReadFile(path)
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal([]byte(`{
  "anthropic": {"type":"oauth","access":"FAKE-b","refresh":"FAKE-r","expires":1900000000000,"account_id":"acc","mine":[1,2],"extra":{"n":7,"new":"y"}},
  "strange": {"type":"kerberos","ticket":"FAKE-t"},
  "@gateway": {"later":{"x":1}},
  "@other": 5,
  "openai": {"type":"api_key","key":"FAKE-k"}
}`), &want)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if ids, _ := s.All(t.Context()); !slices.Equal(ids, []ID{"anthropic", "openai"}) {
		t.Errorf("All gives %v", ids)
	}
	if info, _ := os.Stat(path); runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %o", info.Mode().Perm())
	}
}

func TestFileIsNeverOverwrittenUnread(t *testing.T) {
	for name, content := range map[string]string{
		"not JSON": `{"anthropic": {"type":"api_key","key":"FAKE-k"`, "an array": `["FAKE-k"]`, "settings": `{"@gateway": {"order": 7}}`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "providers.json")
			write(t, path, content)
			s := OpenFile(path)
			_, errGet := s.Get(t.Context(), "anthropic")
			errSet := s.Update(t.Context(), "openai", func(context.Context, Credential) (Credential, error) {
				t.Error("the function was called on a file that cannot be read")
				return Credential{}, nil
			})
			errSettings := s.UpdateSettings(t.Context(), func(x *Settings) error { x.Model = "m"; return nil })
			for _, err := range []error{errGet, errSet, errSettings} {
				if !errors.Is(err, ErrUnreadable) || strings.Contains(err.Error(), "FAKE") {
					t.Errorf("got %v, want ErrUnreadable without any of the content", err)
				}
			}
			if data, _ := os.ReadFile(path); string(data) != content {
				t.Errorf("the file was changed to %q", data)
			}
		})
	}
}

func TestFileSparesOtherRecordsOfABrokenOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "providers.json")
	write(t, path, `{"anthropic": {"type":"api_key","key":17}, "openai": {"type":"api_key","key":"FAKE-k"}}`)
	s := OpenFile(path)
	if _, err := s.Get(t.Context(), "anthropic"); !errors.Is(err, ErrUnreadable) || strings.Contains(err.Error(), "17") {
		t.Errorf("the broken record gives %v", err)
	}
	if c, err := s.Get(t.Context(), "openai"); err != nil || c.Key.Reveal() != "FAKE-k" {
		t.Errorf("the good record gives %v", err)
	}
}

func TestFileSeesOtherProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "providers.json")
	ours, theirs := OpenFile(path), OpenFile(path)
	ch := ours.Changed()
	set(t, theirs, samples()[2])
	end := time.Now().Add(5 * time.Second)
	for {
		if _, err := ours.Get(t.Context(), "other"); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("another process's change was not seen")
		}
		runtime.Gosched()
	}
	isClosed(t, ch, "another process's change")
}

func TestInstant(t *testing.T) {
	ms := time.UnixMilli(1_900_000_000_000)
	for raw, want := range map[string]time.Time{
		``: {}, `null`: {}, `0`: {}, `-5`: {}, `"NaN"`: {}, `"soon"`: {}, `1e300`: {}, `{}`: {}, `true`: {},
		`1900000000000`: ms, `1900000000`: ms, `"1900000000000"`: ms, `1900000000.0`: ms, `1.9e12`: ms,
		`"2030-03-17T17:46:40Z"`: ms,
	} {
		if got := Instant(json.RawMessage(raw)); !got.Equal(want) {
			t.Errorf("%s is %v, want %v", raw, got, want)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
