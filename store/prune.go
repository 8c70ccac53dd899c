package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const pruneStep = 500 // rows removed in one write, so that nobody waits long behind it

// Prune removes what is done and older than olderThan, what is past its time, history of earlier epochs, and
// conversations that were idle for Options.Idle; it counts the rows and gives room back to the disk. It works in small
// steps, between which others write. Call it once in a while, an hour or so.
func (s *Store) Prune(ctx context.Context, olderThan time.Time) (int, error) {
	old, idle := millis(olderThan), millis(s.now().Add(-s.idle))
	total := 0
	for _, q := range []struct {
		query string
		args  []any
	}{
		{"DELETE FROM messages WHERE seq IN (SELECT seq FROM messages WHERE state >= 2 AND kept < ? ORDER BY seq LIMIT ?)", []any{old}},
		// The last one stays: answers bear the number of their turn, and none is given twice.
		{`DELETE FROM turns WHERE id IN (SELECT id FROM turns WHERE state IN ('done', 'stopped') AND begun < ?
			AND id < (SELECT MAX(id) FROM turns) ORDER BY id LIMIT ?)`, []any{old}},
		{"DELETE FROM questions WHERE id IN (SELECT id FROM questions WHERE until < ? ORDER BY id LIMIT ?)", []any{old}},
		{"DELETE FROM presses WHERE id IN (SELECT id FROM presses WHERE until < ? LIMIT ?)", []any{old}},
		{"DELETE FROM access_asks WHERE (account, person) IN (SELECT account, person FROM access_asks WHERE until < ? LIMIT ?)", []any{old}},
		{"DELETE FROM access_tries WHERE what IN (SELECT what FROM access_tries WHERE until < ? LIMIT ?)", []any{old}},
		{`DELETE FROM history WHERE (account, conversation, epoch, n) IN (SELECT h.account, h.conversation, h.epoch, h.n FROM history h
			JOIN conversations c ON c.account = h.account AND c.conversation = h.conversation
			WHERE h.epoch <> c.epoch AND h.made < ? LIMIT ?)`, []any{old}},
		{`DELETE FROM history WHERE (account, conversation, epoch, n) IN (SELECT h.account, h.conversation, h.epoch, h.n FROM history h
			JOIN conversations c ON c.account = h.account AND c.conversation = h.conversation
			WHERE c.updated < ? LIMIT ?)`, []any{idle}},
		{`DELETE FROM conversations WHERE (account, conversation) IN (SELECT account, conversation FROM conversations
			WHERE updated < ? LIMIT ?)`, []any{idle}},
	} {
		for {
			n, err := s.pruneStep(ctx, q.query, append(q.args, pruneStep)...)
			total += int(n)
			if err != nil {
				return total, err
			}
			if n < pruneStep {
				break
			}
		}
	}
	return total, nil
}

func (s *Store) pruneStep(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = s.write(ctx, &op{outdate: true, run: func(ctx context.Context, t *tx) (err error) {
		if n, err = t.exec(ctx, query, args...); err != nil {
			return fmt.Errorf("store: prune: %w", err)
		}
		t.trim = t.trim || n > 0
		return nil
	}})
	return n, err
}

// Backup writes a copy of the store, as it is at this moment, to a new file of mode 0600. It fails if there is such a
// file. Nobody waits for it.
func (s *Store) Backup(ctx context.Context, path string) error {
	if s.path == memory {
		return fmt.Errorf("store: backup of a store in memory: %w", errors.ErrUnsupported)
	}
	if err := s.Flush(ctx); err != nil {
		return err
	}
	return BackupFile(ctx, s.path, path)
}

// BackupFile is Backup for a store that another process may have open.
func BackupFile(ctx context.Context, from, to string) (err error) {
	if _, err := os.Stat(from); err != nil {
		return typed(from, err)
	}
	f, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return typed(to, err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			_ = os.Remove(to) // half a copy is no backup
		}
	}()
	db, err := sql.Open("sqlite", uri(from, []string{"busy_timeout(5000)"}))
	if err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	abs, err := filepath.Abs(to)
	if err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", abs); err != nil {
		return fmt.Errorf("store: backup: %w", typed(to, err))
	}
	return f.Sync()
}
