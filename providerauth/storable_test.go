package providerauth

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// Where nothing can be stored nobody is asked for a key, or signs in for nothing; where something can, nobody is kept
// from it.
func TestNothingIsAskedForThatCannotBeStored(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, auth string)
		fine  bool
	}{
		"no folder yet":                {func(*testing.T, string) {}, true},
		"a file in the folder's place": {func(t *testing.T, auth string) { write(t, auth, "") }, false},
		"a file where locks are":       {func(t *testing.T, auth string) { folder(t, auth); write(t, filepath.Join(auth, "locks"), "") }, false},
		"a corrupt file":               {func(t *testing.T, auth string) { folder(t, auth); write(t, filepath.Join(auth, "providers.json"), "{") }, false},
		"a folder in the file's place": {func(t *testing.T, auth string) { folder(t, filepath.Join(auth, "providers.json")) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			auth := filepath.Join(t.TempDir(), "auth")
			c.spoil(t, auth)
			w.m.store = OpenFile(filepath.Join(auth, "providers.json"))
			w.m.look()
			p := say(goodKey)
			_, err := w.m.Login(t.Context(), "acme", "key", p)
			if c.fine != (err == nil) || c.fine != (len(p.steps) > 0) || !c.fine && !errors.Is(err, ErrUnreadable) {
				t.Errorf("%d steps were shown, and it ended with %v", len(p.steps), err)
			}
		})
	}
}

func folder(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

// Another's lock keeps nobody from beginning: it is let go of.
func TestALockIsNoReasonNotToAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := OpenFile(filepath.Join(t.TempDir(), "providers.json"))
		unlock, err := s.lock(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		begun := time.Now()
		if err := s.Try(t.Context(), "acme"); err != nil || time.Since(begun) > tryWait {
			t.Errorf("got %v after %v", err, time.Since(begun))
		}
	})
}
