package jsonfile

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func next(t *testing.T, changed <-chan struct{}, what string) {
	t.Helper()
	select {
	case _, ok := <-changed:
		if !ok {
			t.Fatalf("%s: the watch is over", what)
		}
	case <-time.After(3 * time.Second):
		t.Fatalf("%s was not reported", what)
	}
}

func TestWatch(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "auth")
	f := File{Path: filepath.Join(dir, "f.json")}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	changed := Watch(ctx, f.Path)
	set := func(v int) {
		t.Helper()
		if err := f.Update(t.Context(), func(d *Doc) error { return d.Set("a", v) }); err != nil {
			t.Fatal(err)
		}
	}
	set(1)
	next(t, changed, "a file and a folder that did not exist")
	for v := 2; v < 5; v++ {
		set(v)
		next(t, changed, "a change")
	}
	if err := os.Remove(f.Path); err != nil {
		t.Fatal(err)
	}
	next(t, changed, "the end of the file")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	set(5)
	next(t, changed, "a folder made anew")
	cancel()
	for range changed { // closed when the watch is over
	}
}

func TestWatchWithoutEvents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.json")
	write(t, path, "{}")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	changed := make(chan struct{}, 1)
	w := watcher{path: path, dir: filepath.Join(path, "no folder")}
	over, before := make(chan struct{}), lookAt(path)
	go func() { defer close(over); w.run(ctx, before, func() { changed <- struct{}{} }) }()
	write(t, path, `{"a": 1}`)
	next(t, changed, "a change that no event tells of")
	cancel()
	<-over
	w.close()
}
