package store

import (
	_ "embed" // empty.db
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"chatgateway/internal/owner"
)

// empty is a new database with the whole schema: what the migrations make of nothing, which would take SQLite a fifth of
// the start. A test compares them, and makes it anew: go test ./store -run TestEmpty -update.
//
//go:embed empty.db
var empty []byte

// create makes the database, if there is none at path, beside its place, and puts it there when it is whole. What cuts
// it leaves none behind, so that it is brought to the disk once, at the end, and not at each of its steps. placed is
// closed when the disk knows its name as well; nothing may be kept in it before.
func create(path string) (placed <-chan struct{}, err error) {
	done := make(chan struct{})
	if info, err := os.Stat(path); err != nil || info.Size() > 0 {
		close(done)
		return done, err
	}
	part := path + ".new"
	for _, name := range []string{part, part + "-journal", path + "-wal", path + "-shm"} { // of a start that was cut
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if err := private(part); err != nil {
		return nil, err
	}
	if err := errors.Join(put(part, empty), owner.Adopt(part)); err != nil {
		return nil, errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, path); err != nil {
		return nil, err
	}
	go func() {
		defer close(done)
		syncDir(filepath.Dir(path))
	}()
	return done, nil
}

// put writes a file that is there, and brings it to the disk.
func put(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncDir brings to the disk what a folder lists. Some systems cannot; the first commit does it again.
func syncDir(path string) {
	if d, err := os.Open(path); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
