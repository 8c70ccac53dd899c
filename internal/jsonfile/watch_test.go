package jsonfile

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
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

// told are the folders of a watcher whose events the test makes.
type told struct{}

func (told) Add(string) error    { return nil }
func (told) WatchList() []string { return []string{"the folder"} }
func (told) Close() error        { return nil }

// TestWatchSettles: events that come close together are one change, events that never end do not put it off for ever,
// and those of other files in the folder are none.
func TestWatchSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "f.json")
		write(t, path, "{}")
		ctx, cancel := context.WithCancel(t.Context())
		events, errs := make(chan fsnotify.Event), make(chan error)
		w := watcher{path: path, dir: filepath.Dir(path), folders: told{}, events: events, errs: errs}
		begun, over, before := time.Now(), make(chan struct{}), lookAt(path)
		var reports []time.Duration
		go func() {
			defer close(over)
			w.run(ctx, before, func() { reports = append(reports, time.Since(begun)) })
		}()
		burst := func(name string, n int, every time.Duration) {
			for range n {
				events <- fsnotify.Event{Name: name, Op: fsnotify.Write}
				time.Sleep(every)
			}
			time.Sleep(watchSettle)
		}
		burst(path, 5, time.Millisecond)     // from 0 to 105 ms
		burst(path+".lock", 3, 0)            // to 205 ms
		burst(path, 10, 30*time.Millisecond) // to 605 ms
		errs <- fsnotify.ErrEventOverflow
		time.Sleep(watchSettle)
		cancel()
		<-over
		want := []time.Duration{100, 305, 425, 545, 705}
		for i := range want {
			want[i] *= time.Millisecond
		}
		if !slices.Equal(reports, want) {
			t.Errorf("reported at %v, want %v", reports, want)
		}
	})
}
