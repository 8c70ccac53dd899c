package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"chatgateway/store"
)

// TestCreateAfterACut opens where an earlier start was cut while it made the database.
func TestCreateAfterACut(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gateway.db")
	for name, text := range map[string]string{path: "", path + "-wal": "old", path + ".new": "half of it", path + ".new-journal": "old"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := store.Open(t.Context(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetSetting(t.Context(), "k", "v"); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(path + ".new*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	head, err := os.ReadFile(path)
	if err != nil || len(head) < 100 {
		t.Fatalf("the file has %d bytes: %v", len(head), err)
	}
	if head[18] != 2 || head[19] != 2 {
		t.Error("the database has no write-ahead log")
	}
	if head[64+3] == 0 {
		t.Error("the database cannot give room back: incremental vacuum is off")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = store.Open(t.Context(), path, store.Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // only read
	if v := s.Setting("k"); v != "v" {
		t.Errorf("after it was opened again: %q", v)
	}
}

// TestCreateThatFails leaves no half of a database.
func TestCreateThatFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.db")
	if err := os.MkdirAll(filepath.Join(path+".new", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if s, err := store.Open(t.Context(), path, store.Options{}); err == nil {
		_ = s.Close()
		t.Fatal("it opened")
	}
	if err := os.RemoveAll(path + ".new"); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
