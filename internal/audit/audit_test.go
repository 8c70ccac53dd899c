package audit

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func open(t *testing.T, path string, o Options) *Log {
	t.Helper()
	l, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func record(t *testing.T, l *Log, e Entry) {
	t.Helper()
	if err := l.Record(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string, n int) []Entry {
	t.Helper()
	all, err := Read(path, n)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRecordAndRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "home", "audit.log")
	if all := read(t, path, 5); len(all) != 0 {
		t.Errorf("no file gives %v", all)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	l := open(t, path, Options{Now: func() time.Time { return now }, Redact: func(s string) string { return strings.ReplaceAll(s, "sk-secret", "[secret]") }})
	record(t, l, Entry{Who: "telegram 1", Where: "c", What: "login", Object: "anthropic", Result: "ok"})
	record(t, l, Entry{Who: "command line", What: "logout", Object: "key sk-secret", Result: "line\nbreak\x00 " + strings.Repeat("ä", 300)})
	got := read(t, path, 10)
	if len(got) != 2 || got[0] != (Entry{Time: now, Who: "telegram 1", Where: "c", What: "login", Object: "anthropic", Result: "ok"}) {
		t.Fatalf("got %+v", got)
	}
	if got[1].Object != "key [secret]" || len(got[1].Result) > maxField+3 || strings.ContainsAny(got[1].Result, "\n\x00") {
		t.Errorf("got %+v", got[1])
	}
	if s := got[0].String(); !strings.Contains(s, "telegram 1  login anthropic: ok  (c)") {
		t.Errorf("for people: %q", s)
	}
	if got = read(t, path, 1); len(got) != 1 || got[0].What != "logout" {
		t.Errorf("the last: %+v", got)
	}

	// a line that was cut off, and one of somebody else's, hide nothing
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("\n{\"what\":\"cut o\n" + strings.Repeat("x", 1<<17) + "\nnull\n[]\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	record(t, l, Entry{Who: "page", What: "grant", Result: "ok"})
	if got = read(t, path, 10); len(got) != 3 || got[2].What != "grant" {
		t.Errorf("got %+v", got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Record(t.Context(), Entry{What: "late"}); err == nil {
		t.Error("written after Close")
	}
}

func TestRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, path, Options{Size: 2000, Keep: 2})
	other := open(t, path, Options{Size: 2000, Keep: 2}) // as of another process
	for i := range 100 {
		record(t, []*Log{l, other}[i%2], Entry{Who: "x", What: "deed", Object: fmt.Sprint(i), Result: "ok"})
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 3 {
		t.Fatalf("files %v %v", files, err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 2000 || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %d bytes, %v", f, info.Size(), info.Mode())
		}
	}
	all := read(t, path, 1000)
	if len(all) < 30 {
		t.Fatalf("%d entries are left", len(all))
	}
	for i, e := range all {
		if e.Object != fmt.Sprint(100-len(all)+i) {
			t.Fatalf("entry %d is %s", i, e.Object)
		}
	}
	if last := read(t, path, len(all)-3); last[0].Object != all[3].Object {
		t.Errorf("over files: %s, want %s", last[0].Object, all[3].Object)
	}
}

// What cannot be rotated is written all the same, and said.
func TestRotationFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, path, Options{Size: 100, Keep: 1})
	if err := os.MkdirAll(filepath.Join(path+".1", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	record(t, l, Entry{Who: "x", What: "one", Result: "ok"})
	if err := l.Record(t.Context(), Entry{Who: "x", What: "two", Result: strings.Repeat("r", 100)}); err == nil {
		t.Error("no error")
	}
	if all, _ := Read(path, 1); len(all) != 1 || all[0].What != "two" {
		t.Errorf("got %v", all)
	}
}

func TestConcurrent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, path, Options{})
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			for range 50 {
				if err := l.Record(context.WithoutCancel(t.Context()), Entry{Who: fmt.Sprint(i), What: "deed", Result: strings.Repeat("r", 150)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(read(t, path, 1000)); n != 500 {
		t.Errorf("%d entries", n)
	}
}

func TestFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no permissions and no links")
	}
	dir := filepath.Join(t.TempDir(), "home")
	path := filepath.Join(dir, "audit.log")
	_ = open(t, path, Options{}).Close()
	for name, mode := range map[string]fs.FileMode{dir: 0o700 | fs.ModeDir, path: 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	l := open(t, path, Options{})
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("not narrowed: %v %v", info.Mode(), err)
	}
	// it was moved away by somebody: the next line makes it anew
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	record(t, l, Entry{What: "deed"})
	if n := len(read(t, path, 5)); n != 1 {
		t.Errorf("%d entries", n)
	}
	link := filepath.Join(dir, "link.log")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(link, Options{}); err == nil {
		t.Error("a symbolic link was followed")
	}
	if os.Geteuid() == 0 { // root alone can give a file away
		if err := os.Chown(path, 12345, 12345); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, Options{}); err == nil || !strings.Contains(err.Error(), "another user") {
			t.Errorf("a file of another user's was opened: %v", err)
		}
	}
	if _, err := Open(filepath.Join(path, "x"), Options{}); err == nil {
		t.Error("no error")
	}
}
