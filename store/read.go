package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// querier is the writer's transaction, or the pool for reading.
type querier interface {
	query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

type pool struct{ db *sql.DB }

func (p pool) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return p.db.QueryContext(ctx, query, args...)
}

// read runs one query and calls scan for each row. It sees everything that was handed in before. what is for errors.
func (s *Store) read(ctx context.Context, what string, scan func(*sql.Rows) error, query string, args ...any) error {
	err := s.readRaw(ctx, scan, query, args...)
	if err == nil || trouble(err) {
		return err
	}
	return fmt.Errorf("store: %s: %w", what, err)
}

// atStart reads with the writer's connection, in its order: what is asked at the start opens none for reading. load may be
// run again after a failure and then sets anew all that it gives.
func (s *Store) atStart(ctx context.Context, what string, load func(context.Context, querier) error) error {
	return s.write(ctx, &op{run: func(ctx context.Context, t *tx) error {
		if err := load(ctx, t); err != nil {
			return fmt.Errorf("store: %s: %w", what, err)
		}
		return nil
	}})
}

func (s *Store) readRaw(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	if s.reads == nil { // in memory there is one connection, the writer's
		return s.write(ctx, &op{run: func(ctx context.Context, t *tx) error { return each(ctx, t, scan, query, args...) }})
	}
	s.mu.Lock()
	behind, closing := s.behind > 0, s.closing
	s.mu.Unlock()
	if closing {
		return &Error{Path: s.path, Kind: ErrClosed}
	}
	if behind {
		if err := s.Flush(ctx); err != nil {
			return err
		}
	}
	return typed(s.path, each(ctx, pool{s.reads}, scan, query, args...))
}

// each calls scan for each row of a query.
func each(ctx context.Context, q querier, scan func(*sql.Rows) error, query string, args ...any) (err error) {
	rows, err := q.query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// one scans the only row of a query into dest; without a row it leaves dest and gives false.
func one(ctx context.Context, q querier, dest []any, query string, args ...any) (found bool, err error) {
	err = each(ctx, q, func(r *sql.Rows) error { found = true; return r.Scan(dest...) }, query, args...)
	return found, err
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// flag is a truth value as both databases hold it.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
