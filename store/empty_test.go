package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	flags "flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flags.Bool("update", false, "make empty.db anew of the migrations")

// TestEmpty compares the database that new homes get with what the migrations make.
func TestEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty.db")
	if err := fill(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The head says what wrote it (https://sqlite.org/fileformat2.html): a write-ahead log, and no version of SQLite.
	want[18], want[19] = 2, 2
	for _, at := range []int{24, 92, 96} {
		binary.BigEndian.PutUint32(want[at:], 1)
	}
	if *update {
		if err := os.WriteFile("empty.db", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(want, empty) {
		t.Error("empty.db is not what the migrations make: go test ./store -run TestEmpty -update")
	}
}

// fill makes a database of the migrations.
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
	if err == nil {
		_, err = conn.ExecContext(ctx, "VACUUM") // what a migration dropped leaves empty pages
	}
	return errors.Join(err, conn.Close())
}
