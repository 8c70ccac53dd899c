package jsonfile

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// turns holds a channel of one for every path that was ever locked in this process: flock alone does not keep two
// goroutines apart. The paths are few, so none is taken out again.
var turns sync.Map // path of a lock file → chan struct{}

// Lock takes the exclusive lock that belongs to path, against other goroutines and other processes; it locks the file
// path+".lock" beside it, which is made 0600 and never removed, because a lock is held on an inode and not on a name.
// The folder of path must exist; path itself need not. It waits until ctx ends and then fails with an *Error that wraps
// ErrLocked and the context's error. A process that dies lets go of its locks. unlock must be called once; further
// calls do nothing. The lock is not reentrant.
func Lock(ctx context.Context, path string) (unlock func(), err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	name := abs + ".lock"
	turn, _ := turns.LoadOrStore(name, make(chan struct{}, 1))
	mine := turn.(chan struct{})
	if err := ctx.Err(); err != nil {
		return nil, waited(path, err)
	}
	select {
	case mine <- struct{}{}:
	case <-ctx.Done():
		return nil, waited(path, ctx.Err())
	}
	lock := flock.New(name, flock.SetPermissions(0o600), flock.SetFlag(LockFlags))
	if err := wait(ctx, lock); err != nil {
		_ = lock.Close()
		<-mine
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return nil, waited(path, err)
		}
		return nil, &Error{Path: name, Reason: "it cannot be locked: " + cause(err), Do: "check that the folder can be written to and is on a disk that has file locks", Err: err}
	}
	var once sync.Once
	return func() {
		once.Do(func() {
			_ = lock.Close() // closing the file lets go of the lock in any case
			<-mine
		})
	}, nil
}

// wait tries until the lock is ours, at first every few milliseconds, then every 25, with jitter so that no process
// is always late.
func wait(ctx context.Context, lock *flock.Flock) error {
	pause := 2 * time.Millisecond
	for {
		ok, err := lock.TryLock()
		if ok || err != nil {
			return err
		}
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		pause = min(pause*3/2, 25*time.Millisecond)
	}
}

func waited(path string, err error) error {
	return &Error{
		Path: path, Reason: "another gateway process is writing to it", Do: "try again, and see whether one hangs",
		Err: fmt.Errorf("%w: %w", ErrLocked, err),
	}
}
