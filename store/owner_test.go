//go:build unix

package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// One start as root must not lock out whom the folder belongs to.
func TestSudo(t *testing.T) {
	if os.Geteuid() != 0 {
		return // it needs a second owner
	}
	dir := filepath.Join(t.TempDir(), "home")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, 1234, 1234); err != nil {
		t.Fatal(err)
	}
	s := open(t, filepath.Join(dir, "gateway.db"), Options{})
	mustKeep(t, s, text("m1", "one"))
	for _, end := range []string{"", ".lock", "-wal", "-shm"} {
		info, err := os.Stat(s.path + end)
		if err != nil {
			t.Fatal(err)
		}
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Uid != 1234 {
			t.Errorf("%q belongs to %d", end, st.Uid)
		}
	}
}

// A file of neither ours nor the folder's owner is not used: whoever has it may change it.
func TestForeignFilesAreRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		return // it needs a second owner
	}
	for _, end := range []string{"", "-wal", "-shm"} {
		path := filepath.Join(t.TempDir(), "gateway.db")
		for _, name := range []string{path, path + end} {
			if err := os.WriteFile(name, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chown(path+end, 12345, 12345); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), path, Options{}); !errors.Is(err, ErrUnwritable) || !strings.Contains(err.Error(), "another user") {
			t.Errorf("%q: %v", end, err)
		}
	}
}
