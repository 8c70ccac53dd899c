package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date, each step in a transaction of its own. The steps are the files of migrations/,
// in order; the version is how many have been taken. A step that was released is never changed.
func migrate(ctx context.Context, c *sql.Conn, path string) error {
	steps, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	if _, err := c.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)"); err != nil {
		return err
	}
	var version int
	err = c.QueryRowContext(ctx, "SELECT version FROM schema_version").Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		_, err = c.ExecContext(ctx, "INSERT INTO schema_version (version) VALUES (0)")
	}
	if err != nil {
		return err
	}
	if version > len(steps) {
		return &Error{Path: path, Kind: ErrNewer, Err: fmt.Errorf("its schema is %d, ours is %d", version, len(steps))}
	}
	for n := version; n < len(steps); n++ {
		if err := step(ctx, c, steps[n], n+1); err != nil {
			return fmt.Errorf("store: %s: %w", steps[n], err)
		}
	}
	return nil
}

func step(ctx context.Context, c *sql.Conn, file string, version int) error {
	text, err := migrations.ReadFile(file)
	if err != nil {
		return err
	}
	tx, err := c.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	if _, err := tx.ExecContext(ctx, string(text)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE schema_version SET version = ?", version); err != nil {
		return err
	}
	return tx.Commit()
}
