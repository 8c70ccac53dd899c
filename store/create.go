package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"chatgateway/internal/owner"
)

// create makes the database, if there is none at path, beside its place, and puts it there when it is whole. What cuts
// it leaves none behind, so that it is brought to the disk once, at the end, and not at each of its steps.
func create(ctx context.Context, path string) error {
	if info, err := os.Stat(path); err != nil || info.Size() > 0 {
		return err
	}
	part := path + ".new"
	for _, name := range []string{part, part + "-journal", path + "-wal", path + "-shm"} { // of a start that was cut
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := private(part); err != nil {
		return err
	}
	if err := errors.Join(fill(ctx, part), inWAL(part), owner.Adopt(part)); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	syncDir(filepath.Dir(path))
	return nil
}

// fill gives a new file its form and its schema.
func fill(ctx context.Context, path string) (err error) {
	db, err := sql.Open("sqlite", uri(path, nil))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; PRAGMA auto_vacuum = INCREMENTAL")
	if err == nil {
		err = migrate(ctx, conn, path)
	}
	return errors.Join(err, conn.Close())
}

// inWAL says in the head of a database that it has a write-ahead log (https://sqlite.org/fileformat2.html, "file format
// version numbers"), and brings it to the disk. SQLite would do it in a transaction with files and syncs of its own.
func inWAL(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte{2, 2}, 18)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncDir brings to the disk what a folder lists. Some systems cannot; the first commit does it again.
func syncDir(path string) {
	if d, err := os.Open(path); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
