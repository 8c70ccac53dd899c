package jsonfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestUpdateMakesFileForOwnerAlone(t *testing.T) {
	f := File{Path: filepath.Join(t.TempDir(), "auth", "providers.json")}
	err := f.Update(t.Context(), func(d *Doc) error { return d.Set("openai", map[string]string{"key": "a<b"}) })
	if err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, f.Path), "{\n  \"openai\": {\n    \"key\": \"a<b\"\n  }\n}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]os.FileMode{f.Path: 0o600, f.Path + ".lock": 0o600, filepath.Dir(f.Path): 0o700} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s: mode %o, want %o", path, info.Mode().Perm(), want)
		}
	}
}

func TestUpdateKeepsWhatItDoesNotKnow(t *testing.T) {
	f := File{Path: filepath.Join(t.TempDir(), "f.json")}
	write(t, f.Path, "\xef\xbb\xbf{\"z\": 1e400,\r\n \"b\": {\"new\": [1, 2.50]}, \"a\": null}\r\n")
	err := f.Update(t.Context(), func(d *Doc) error { return d.Merge("b", map[string]any{"known": "x"}) })
	if err != nil {
		t.Fatal(err)
	}
	want := "{\n  \"z\": 1e400,\n  \"b\": {\n    \"new\": [\n      1,\n      2.50\n    ],\n    \"known\": \"x\"\n  },\n  \"a\": null\n}\n"
	if got := read(t, f.Path); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUpdateWritesNothingInVain(t *testing.T) {
	f := File{Path: filepath.Join(t.TempDir(), "f.json")}
	write(t, f.Path, "{\"a\":1}")
	before, _ := f.Stat()
	if err := f.Update(t.Context(), func(d *Doc) error { return d.Set("a", 1) }); err != nil {
		t.Fatal(err)
	}
	after, _ := f.Stat()
	if before.inode != after.inode || read(t, f.Path) != "{\"a\":1}" {
		t.Error("an update that changes nothing replaced the file")
	}
	stop := errors.New("stop")
	if err := f.Update(t.Context(), func(d *Doc) error { d.Delete("a"); return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	if read(t, f.Path) != "{\"a\":1}" {
		t.Error("an update that failed wrote something")
	}
}

func TestUpdateWritesAfterContextEnded(t *testing.T) {
	f := File{Path: filepath.Join(t.TempDir(), "f.json")}
	ctx, cancel := context.WithCancel(t.Context())
	err := f.Update(ctx, func(d *Doc) error { cancel(); return d.Set("rotated", "token") })
	if err != nil || !strings.Contains(read(t, f.Path), "rotated") {
		t.Errorf("a write under way was lost with its context: %v", err)
	}
}

func TestBadFilesAreRefused(t *testing.T) {
	tests := []struct {
		name, text, want string
	}{
		{"cut", "{\n  \"a\": {\"key\": \"sk-fake", ":2:24: it ends in the middle"},
		{"letter", "{\"a\": sk-fake}", ":1:7: this is not valid JSON: a quotation"},
		{"comma", "{\"a\": 1,\n}", ":2:1: this is not valid JSON: there should be no '}'"},
		{"array", " [1]", ":1:2: there must be a JSON object"},
		{"null", "null", ":1:1: there must be a JSON object"},
		{"string", `"sk-fake"`, ":1:1: there must be a JSON object"},
		{"twice", "{\"a\": 1,\n \"a\": 2}", `:2:4: the key "a" stands there twice`},
		{"trailing", "{\"a\": 1} sk-fake", ":1:10: this is not valid JSON"},
		{"nul", strings.Repeat("\x00", 100), ":1:1: this is not valid JSON"},
		{"utf16", "\xff\xfe{\x00}\x00", "UTF-16"},
		{"invalid utf-8", "{\"a\": \xc3\x28}", ":1:7: this is not valid JSON"},
		{"deep", strings.Repeat(`{"a":`, 20000), "this is not valid JSON"},
		{"huge", "{\"a\": \"" + strings.Repeat("x", MaxSize) + "\"}", "larger than 16 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := File{Path: filepath.Join(t.TempDir(), "f.json")}
			write(t, f.Path, tt.text)
			_, readErr := f.Read()
			updateErr := f.Update(t.Context(), func(d *Doc) error { t.Error("called"); return d.Set("b", 1) })
			for _, err := range []error{readErr, updateErr} {
				var e *Error
				if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("got %v, want %q", err, tt.want)
				}
				if m := e.UserMessage(); strings.Contains(m, "fake") || !strings.Contains(m, f.Path) || e.Do == "" {
					t.Errorf("bad sentence: %s", m)
				}
			}
			if read(t, f.Path) != tt.text {
				t.Error("the file was changed")
			}
		})
	}
}

func TestEmptyAndMissing(t *testing.T) {
	for _, text := range []string{"", " \n\t", "\xef\xbb\xbf", "{}"} {
		f := File{Path: filepath.Join(t.TempDir(), "f.json")}
		if d, err := f.Read(); err != nil || d.Len() != 0 || !d.Stamp().Missing() {
			t.Errorf("missing: %v", err)
		}
		write(t, f.Path, text)
		if d, err := f.Read(); err != nil || d.Len() != 0 {
			t.Errorf("%q: %v", text, err)
		}
		if err := f.Update(t.Context(), func(d *Doc) error { return d.Set("a", true) }); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestDirectoryInThePlaceOfTheFile(t *testing.T) {
	f := File{Path: t.TempDir()}
	if _, err := f.Read(); !errors.Is(err, ErrUntrusted) {
		t.Errorf("read: %v", err)
	}
	if err := f.Update(t.Context(), func(d *Doc) error { return d.Set("a", 1) }); !errors.Is(err, ErrUntrusted) {
		t.Errorf("update: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "x")
	f = File{Path: filepath.Join(file, "providers.json")}
	if err := f.Update(t.Context(), func(d *Doc) error { return d.Set("a", 1) }); !errors.Is(err, ErrUntrusted) {
		t.Errorf("a file for a folder: %v", err)
	}
}

func TestDecodeNeverTellsTheValue(t *testing.T) {
	d, err := Parse([]byte(`{"a": {"n": 12345, "s": "sk-fake"}}`))
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		N string `json:"n"`
	}
	if _, err = d.Decode("a", &v); err == nil || strings.Contains(err.Error(), "12345") || !strings.Contains(err.Error(), `"n"`) {
		t.Errorf("got %v", err)
	}
	if ok, err := d.Decode("b", &v); ok || err != nil {
		t.Errorf("missing: %v %v", ok, err)
	}
}

func TestStampTellsChanges(t *testing.T) {
	f := File{Path: filepath.Join(t.TempDir(), "f.json")}
	set := func(v string) {
		t.Helper()
		if err := f.Update(t.Context(), func(d *Doc) error { return d.Set("a", v) }); err != nil {
			t.Fatal(err)
		}
	}
	missing, _ := f.Stat()
	set("1")
	first, err := f.Stat()
	if err != nil || !missing.Missing() || first.Missing() || missing.Same(first) {
		t.Fatalf("missing and first are the same: %v", err)
	}
	for range 50 { // as fast as it goes, the same size, inodes used again
		doc, err := f.Read()
		if err != nil {
			t.Fatal(err)
		}
		set("2")
		set("3")
		now, _ := f.Stat()
		if doc.Stamp().Same(now) {
			t.Fatal("a change went unseen")
		}
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(f.Path, old, old); err != nil {
		t.Fatal(err)
	}
	a, _ := f.Stat()
	b, _ := f.Stat()
	if !a.Same(b) {
		t.Error("an old file is not the same as itself")
	}
}

func TestYoungStampsProveNothing(t *testing.T) {
	f := File{Path: filepath.Join(t.TempDir(), "f.json")}
	write(t, f.Path, `{"a": 1}`)
	before, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	write(t, f.Path, `{"a": 2}`) // in place, the same size, and on a coarse clock the same time
	if err := os.Chtimes(f.Path, before.modified, before.modified); err != nil {
		t.Fatal(err)
	}
	if after, err := f.Stat(); err != nil || before.Same(after) {
		t.Errorf("a second write at the same time went unseen: %v", err)
	}
}
