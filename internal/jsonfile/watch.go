package jsonfile

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	watchNet    = 500 * time.Millisecond // how often the file is looked at besides the system's events
	watchSettle = 100 * time.Millisecond // events this close together are one change
)

// Watch reports changes of a file: within a fifth of a second where the system tells of them, within about half a second
// where it does not (a network disk, no watches left, a folder that does not exist yet). It may also report where
// nothing changed. Changes that come before the receiver is ready are one. The channel is closed when ctx has ended
// and the watch is over. It works for any file of any program's; a link is followed.
func Watch(ctx context.Context, path string) <-chan struct{} {
	changed := make(chan struct{}, 1)
	last := lookAt(path) // before the return: what changes from now on is reported
	go func() {
		defer close(changed)
		w := watcher{path: path, dir: filepath.Dir(path)}
		defer w.close()
		w.run(ctx, last, func() {
			select {
			case changed <- struct{}{}:
			default: // one is waiting to be seen
			}
		})
	}()
	return changed
}

// watcher belongs to the goroutine of one Watch.
type watcher struct {
	path, dir string
	folders   folders // nil: there are no events to be had
	events    <-chan fsnotify.Event
	errs      <-chan error
	watching  bool // the folder is watched
}

// folders is what a watcher needs of fsnotify.Watcher.
type folders interface {
	Add(dir string) error
	WatchList() []string
	Close() error
}

func (w *watcher) run(ctx context.Context, last Stamp, report func()) {
	w.watch()
	if now := lookAt(w.path); !now.equal(last) {
		last = now
		report()
	}
	tick := time.NewTicker(watchNet)
	defer tick.Stop()
	settled := time.NewTimer(watchSettle)
	settled.Stop()
	settling := false
	settle := func() { // events that never end must not put it off for ever
		if !settling {
			settling = true
			settled.Reset(watchSettle)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-w.events:
			if !ok {
				w.close()
			} else if filepath.Base(e.Name) == filepath.Base(w.path) {
				settle()
			}
		case <-w.errs: //nolint:errcheck // an overflow: something was missed
			settle()
		case <-settled.C:
			settling = false
			last = lookAt(w.path)
			report()
		case <-tick.C:
			w.watch()
			if now := lookAt(w.path); !now.equal(last) {
				last = now
				report()
			}
		}
	}
}

// watch asks the system for events of the folder, again and again until it exists; a folder that was removed and made
// again is another one.
func (w *watcher) watch() {
	if w.watching && len(w.folders.WatchList()) > 0 {
		return
	}
	w.watching = false
	if w.folders == nil {
		fs, err := fsnotify.NewWatcher()
		if err != nil {
			return // the looks at the file remain
		}
		w.folders, w.events, w.errs = fs, fs.Events, fs.Errors
	}
	w.watching = w.folders.Add(w.dir) == nil
}

func (w *watcher) close() {
	if w.folders != nil {
		_ = w.folders.Close()
	}
	w.folders, w.events, w.errs, w.watching = nil, nil, nil, false
}

// lookAt takes the stamp of what a path leads to.
func lookAt(path string) Stamp {
	info, err := os.Stat(path)
	if err != nil {
		if info, err = os.Lstat(path); err != nil {
			return Stamp{}
		}
	}
	return stampOf(info)
}
