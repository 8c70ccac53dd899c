package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("permissions are the folder's there")
	}
	s := open(t, "", Options{})
	mustKeep(t, s, text("m1", "one"))
	mode := func(path string) fs.FileMode {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	for _, end := range []string{"", "-wal", "-shm", ".lock"} {
		want(t, "mode of "+end, mode(s.path+end), fs.FileMode(0o600))
	}
	want(t, "mode of the folder", mode(filepath.Dir(s.path)), fs.FileMode(0o700))
	backup := filepath.Join(t.TempDir(), "b.db")
	if err := s.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	want(t, "mode of the backup", mode(backup), fs.FileMode(0o600))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.path, 0o644); err != nil {
		t.Fatal(err)
	}
	s = open(t, s.path, Options{})
	want(t, "mode, narrowed", mode(s.path), fs.FileMode(0o600))
}

func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, data string) string {
		if err := os.WriteFile(at(name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		return at(name)
	}
	newer := open(t, at("newer.db"), Options{})
	err := newer.exec(t.Context(), "version", "UPDATE schema_version SET version = 1000")
	if err := errors.Join(err, newer.Close()); err != nil {
		t.Fatal(err)
	}
	damaged := open(t, at("damaged.db"), Options{})
	mustKeep(t, damaged, text("m1", strings.Repeat("x", 1<<16)))
	if err := damaged.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(at("damaged.db"))
	if err != nil {
		t.Fatal(err)
	}
	write("damaged.db", string(data[:4096])+strings.Repeat("\xff", 8*4096)+string(data[9*4096:]))
	if err := os.Mkdir(at("folder.db"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(at("newer.db"), at("link.db")); err != nil {
		t.Fatal(err)
	}
	write("linkedwal.db", "")
	if err := os.Symlink(at("newer.db"), at("linkedwal.db-wal")); err != nil {
		t.Fatal(err)
	}
	for path, kind := range map[string]error{
		write("text.db", strings.Repeat("this is no database. ", 1000)): ErrCorrupt,
		at("damaged.db"):                  ErrCorrupt,
		at("newer.db"):                    ErrNewer,
		at("folder.db"):                   ErrUnwritable,
		at("link.db"):                     ErrUnwritable,
		at("linkedwal.db"):                ErrUnwritable,
		filepath.Join(at("text.db"), "x"): ErrUnwritable,
	} {
		before, _ := os.ReadFile(path)
		_, err := Open(t.Context(), path, Options{})
		var um interface{ UserMessage() string }
		if !errors.Is(err, kind) || !errors.As(err, &um) {
			t.Errorf("%s: got %v, want %v", filepath.Base(path), err, kind)
			continue
		}
		if m := um.UserMessage(); !strings.Contains(m, path) || !strings.HasSuffix(m, ".") {
			t.Errorf("%s: %q", filepath.Base(path), m)
		}
		if after, _ := os.ReadFile(path); string(after) != string(before) {
			t.Errorf("%s was changed", filepath.Base(path))
		}
	}
}

// A path may hold what means something in a URI.
func TestOddPath(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "a ?b#c%20&d", "gate way.db"), Options{})
	mustKeep(t, s, text("m1", "one"))
	if _, err := os.Stat(s.path); err != nil {
		t.Error(err)
	}
	if err := s.Backup(t.Context(), filepath.Join(t.TempDir(), "it's a ?copy.db")); err != nil {
		t.Error(err)
	}
	want(t, "queue", texts(reopen(t, s).Queue(chat)), `["one"]`)
}

func TestBackup(t *testing.T) {
	s := open(t, "", Options{})
	mustKeep(t, s, text("m1", "one"), text("m2", "two"))
	turn, err := s.Begin(t.Context(), chat, "model", seqs(s.Queue(chat)[:1]), false)
	if err != nil {
		t.Fatal(err)
	}
	s.Answer(turn.ID, "answer", raw(`"a"`))
	path := filepath.Join(t.TempDir(), "backup.db")
	if err := s.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a backup was overwritten: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cut := filepath.Join(t.TempDir(), "cut.db")
	if err := BackupFile(ctx, s.path, cut); err == nil {
		t.Error("no error although the context has ended")
	}
	if _, err := os.Stat(cut); !errors.Is(err, fs.ErrNotExist) {
		t.Error("half a backup was left")
	}
	if err := BackupFile(t.Context(), filepath.Join(t.TempDir(), "none.db"), cut); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("backup of nothing: %v", err)
	}
	b := open(t, path, Options{})
	want(t, "queue", texts(b.Queue(chat)), `["two"]`)
	h, err := b.History(t.Context(), chat)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "history", h, raw(`"a"`))
}

func TestPrune(t *testing.T) {
	now := time.Now()
	s := open(t, "", Options{Now: func() time.Time { return now }})
	ctx := t.Context()
	ok := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	count := func(table string) (n int) {
		ok(s.read(ctx, table, func(r *sql.Rows) error { return r.Scan(&n) }, "SELECT COUNT(*) FROM "+table))
		return n
	}
	var in []Incoming
	for i := range 1200 {
		in = append(in, text(fmt.Sprint("m", i), strings.Repeat("x", 2000)))
	}
	items := mustKeep(t, s, in...)
	ok(s.Drop(ctx, seqs(items[:1150])...))
	turn, err := s.Begin(ctx, chat, "model", seqs(items[1150:1160]), false)
	ok(err)
	s.Answer(turn.ID, "answer", raw("1", "2"))
	s.Finish(turn.ID)
	_, err = s.Stop(ctx, chat, items[1169].Seq)
	ok(err)
	undone, err := s.Begin(ctx, chat, "model", seqs(items[1170:1180]), false)
	ok(err)
	s.SetPart(undone.ID, Part{0, "b", "x"})
	ok(s.Reset(ctx, chat))
	ok(s.AppendHistory(ctx, chat, raw("3")...))
	_, err = s.Ask(ctx, Question{Conv: chat})
	ok(err)
	_, err = s.NewPress(ctx, Press{Conv: chat, Action: "x"})
	ok(err)
	ok(s.Close())
	before, err := os.Stat(s.path)
	ok(err)
	s = open(t, s.path, Options{Now: func() time.Time { return now }})

	n, err := s.Prune(ctx, now.Add(-time.Hour))
	ok(err)
	want(t, "nothing is old", n, 0)
	now = now.Add(60 * 24 * time.Hour)
	n, err = s.Prune(ctx, now.Add(-30*24*time.Hour))
	ok(err)
	want(t, "rows", n, 1170+1+2+1+1)
	want(t, "messages", count("messages"), 30)
	want(t, "turns", count("turns"), 1)
	want(t, "parts", count("parts"), 1)
	want(t, "history", count("history"), 1)
	want(t, "queue", len(s.Queue(chat)), 20)

	now = now.Add(365 * 24 * time.Hour)
	n, err = s.Prune(ctx, now.Add(-30*24*time.Hour))
	ok(err)
	want(t, "rows", n, 2)
	want(t, "conversations", count("conversations"), 0)
	want(t, "queue", len(s.Queue(chat)), 20)

	s = reopen(t, s)
	after, err := os.Stat(s.path)
	ok(err)
	if before.Size() < 1<<20 || after.Size() > before.Size()/4 {
		t.Errorf("the file has %d bytes, before it had %d", after.Size(), before.Size())
	}
}
