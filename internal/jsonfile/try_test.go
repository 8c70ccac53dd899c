package jsonfile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// TestTry: what would keep a write from being made is known before it is.
func TestTry(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, path string)
		want  error
	}{
		"a folder that is to be made": {func(*testing.T, string) {}, nil},
		"a good file":                 {func(t *testing.T, path string) { write(t, path, `{"a": 1}`) }, nil},
		"a corrupt file":              {func(t *testing.T, path string) { write(t, path, `{"a":`) }, ErrCorrupt},
		"an encrypted file, no key":   {func(t *testing.T, path string) { write(t, path, `{"@sealed": {}}`) }, ErrSealed},
		"a file in the folder's place": {func(t *testing.T, path string) {
			if err := os.WriteFile(filepath.Dir(path), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, ErrUntrusted},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "auth", "f.json")
			c.spoil(t, path)
			before, _ := os.ReadFile(path)
			if err := (File{Path: path}).Try(t.Context()); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) || len(leftovers(filepath.Dir(path), "f.json")) > 0 {
				t.Errorf("it changed %q to %q, or left something", before, after)
			}
		})
	}
	if err := (File{Path: filepath.Join(t.TempDir(), "f.json"), Codec: lost{}}).Try(t.Context()); !errors.Is(err, ErrSealed) {
		t.Errorf("no key to write with: %v", err)
	}
}

// lost is a Codec whose key is gone.
type lost struct{}

func (lost) Open(data []byte) ([]byte, error) { return data, nil }
func (lost) Seal([]byte) ([]byte, error) {
	return nil, &NoKey{Where: "nowhere", Err: errors.New("gone")}
}

func TestTryWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "f.json")
		unlock, err := Lock(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		begun := time.Now()
		if err := (File{Path: path}).Try(t.Context()); err != nil || time.Since(begun) > tryWait {
			t.Errorf("got %v after %v", err, time.Since(begun))
		}
	})
}
