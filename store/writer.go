package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

const (
	maxBatch  = 256  // writes that are committed together at the most
	maxHeld   = 4096 // background writes that wait for a failing disk at the most; later ones are lost, and said so
	firstWait = time.Second
	lastWait  = 30 * time.Second
	lazyWait  = 25 * time.Millisecond // how long the beginning of a turn, and its answer, wait for company
	endWait   = 2 * time.Millisecond  // how long its end does: a crash before it gives the answer twice
)

// op is one write. Those that somebody waits for fail towards them; background ones wait, in order, until the disk
// can be written again.
type op struct {
	// run makes the statements. It may be run again after a failure and then sets anew all that it gives.
	run func(ctx context.Context, t *tx) error
	// after learns how it ended, with Store.mu held, in the order of writing; nil: nobody needs to know.
	after   func(err error)
	result  chan error    // holds one; nil: in the background
	barrier bool          // writes nothing; succeeds when everything before it is committed
	lazy    time.Duration // how long it may wait for others to be committed with: a crash that takes it does no harm
	due     time.Time     // when that is over
	outdate bool          // what is held of conversations is out of date when it is committed
	state   atomic.Int32
}

// The states of an op that somebody waits for: either the writer takes it, or whoever waits gives it up.
const (
	opWaiting = iota
	opTaken
	opGivenUp
)

// tx is the transaction that the writer has open. It is used by the writer's goroutine alone.
type tx struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	scrub bool // something was blanked: no byte of it may stay in the log
	trim  bool // much was removed: give room back to the disk
}

func (t *tx) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if st := t.stmts[query]; st != nil {
		return st, nil
	}
	st, err := t.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	t.stmts[query] = st
	return st, nil
}

// exec runs a statement and counts the rows it changed.
func (t *tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	st, err := t.stmt(ctx, query) //nolint:sqlclosecheck // the transaction closes it
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// query implements querier.
func (t *tx) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := t.stmt(ctx, query) //nolint:sqlclosecheck // the transaction closes it
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

// write hands o to the writer and waits until it is committed or failed. If ctx ends before the writer has begun with
// it, nothing is written; later, ctx changes nothing.
func (s *Store) write(ctx context.Context, o *op) error {
	o.result = make(chan error, 1)
	s.mu.Lock()
	err := s.hand(o)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return o.wait(ctx)
}

func (o *op) wait(ctx context.Context) error {
	select {
	case err := <-o.result:
		return err
	case <-ctx.Done():
		if o.state.CompareAndSwap(opWaiting, opGivenUp) {
			return fmt.Errorf("store: waiting to write: %w", ctx.Err())
		}
		return <-o.result
	}
}

// hand puts o in the writer's line. s.mu is held.
func (s *Store) hand(o *op) error {
	if s.closing {
		return &Error{Path: s.path, Kind: ErrClosed}
	}
	if o.result == nil {
		if s.behind >= maxHeld && s.failed != nil {
			s.log.Error("a write is lost: the store has failed for too long", "err", s.failed)
			return s.failed
		}
		s.behind++
	}
	o.due = time.Now().Add(o.lazy)
	s.line = append(s.line, o)
	if len(s.line) > 1 && !o.due.Before(s.due) && len(s.line) < maxBatch {
		return nil // the writer knows
	}
	s.due = o.due
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return nil
}

// loop is the writer: it commits together what has come in since the last commit, until Close.
func (s *Store) loop(ctx context.Context) {
	defer close(s.ended)
	var held []*op
	var pause time.Duration
	for {
		batch, last := s.take(held, pause)
		held = s.commit(ctx, batch)
		if last {
			s.lost = len(held)
			return
		}
		if len(held) == 0 && !s.tx.scrub {
			pause = 0
		} else {
			pause = min(max(firstWait, 2*pause), lastWait)
		}
	}
}

// take waits for something to do: new writes, or, after pause, the held ones again. Lazy writes it lets wait for others.
// last means that nothing follows.
func (s *Store) take(held []*op, pause time.Duration) (batch []*op, last bool) {
	var again <-chan time.Time
	if pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		again = timer.C
	}
	for {
		s.mu.Lock()
		n := 0
		if s.closing || len(s.line) >= maxBatch || len(s.line) > 0 && !s.due.After(time.Now()) {
			n = min(len(s.line), maxBatch)
		}
		batch = append(held, s.line[:n]...)
		if s.line = s.line[n:]; len(s.line) == 0 {
			s.line = nil // so that what was written can be collected
		} else if n > 0 {
			s.due = slices.MinFunc(s.line, func(a, b *op) int { return a.due.Compare(b.due) }).due
		}
		waits := time.Duration(-1)
		if len(s.line) > 0 {
			waits = time.Until(s.due)
		}
		last = s.closing && len(s.line) == 0
		s.mu.Unlock()
		if n > 0 || last {
			return batch, last
		}
		var late <-chan time.Time
		if waits >= 0 {
			late = time.After(waits)
		}
		select {
		case <-s.wake:
		case <-late:
		case <-again:
			return batch, false
		}
	}
}

// commit commits a batch, tells everybody how it went, and gives back the background writes that must wait.
func (s *Store) commit(ctx context.Context, batch []*op) (held []*op) {
	ops := batch[:0]
	var gone []*op
	for _, o := range batch {
		if o.result != nil && !o.state.CompareAndSwap(opWaiting, opTaken) {
			gone = append(gone, o)
			continue
		}
		ops = append(ops, o)
	}
	s.settle(gone, make([]error, len(gone)), context.Canceled)
	errs, err := s.try(ctx, ops, false)
	if !errors.Is(err, ErrFull) || len(ops) < 2 {
		s.clean(ctx)
		return s.settle(ops, errs, err)
	}
	for _, o := range ops { // what is too large for the disk must not take the others with it
		if len(held) > 0 && (o.result == nil || o.barrier) {
			held = append(held, s.settle([]*op{o}, nil, err)...)
			continue
		}
		errs, err := s.try(ctx, []*op{o}, false)
		s.clean(ctx)
		held = append(held, s.settle([]*op{o}, errs, err)...)
	}
	return held
}

// try runs ops in one transaction. An op that fails fails alone: its error is in errs. That is seldom: only then are they
// run again with a savepoint each, apart. If the file itself is in trouble nothing of them is written, and err says why.
func (s *Store) try(ctx context.Context, ops []*op, apart bool) (errs []error, err error) {
	errs = make([]error, len(ops))
	idle := true
	for _, o := range ops {
		idle = idle && o.barrier
	}
	if idle {
		return errs, nil
	}
	defer func() {
		if err != nil {
			_, _ = s.tx.exec(ctx, "ROLLBACK") // SQLite may have done so already
		}
	}()
	if _, err := s.tx.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return nil, s.broken(err)
	}
	for i, o := range ops {
		if o.barrier {
			continue
		}
		if errs[i] = s.runOne(ctx, o, apart); trouble(errs[i]) {
			return nil, errs[i]
		}
		if errs[i] != nil && !apart {
			if _, err := s.tx.exec(ctx, "ROLLBACK"); err != nil {
				return nil, s.broken(err)
			}
			if len(ops) == 1 {
				return errs, nil
			}
			return s.try(ctx, ops, true)
		}
	}
	if _, err := s.tx.exec(ctx, "COMMIT"); err != nil {
		return nil, s.broken(err)
	}
	if s.committed != nil {
		s.committed(len(ops))
	}
	return errs, nil
}

// runOne runs o, under a savepoint if it is to be apart from others.
func (s *Store) runOne(ctx context.Context, o *op, apart bool) error {
	if !apart {
		return typed(s.path, o.run(ctx, &s.tx))
	}
	if _, err := s.tx.exec(ctx, "SAVEPOINT op"); err != nil {
		return s.broken(err)
	}
	err := typed(s.path, o.run(ctx, &s.tx))
	if trouble(err) {
		return err
	}
	if err != nil {
		if _, err := s.tx.exec(ctx, "ROLLBACK TO op"); err != nil {
			return s.broken(err)
		}
	}
	if _, err := s.tx.exec(ctx, "RELEASE op"); err != nil {
		return s.broken(err)
	}
	return err
}

// broken is for what concerns the transaction and no one write: whatever it is, nothing of it was written.
func (s *Store) broken(err error) error {
	if err = typed(s.path, err); trouble(err) {
		return err
	}
	return &Error{Path: s.path, Kind: ErrUnwritable, Err: err}
}

// settle tells how ops ended: each by errs, or all by all. Background writes that met trouble it gives back.
func (s *Store) settle(ops []*op, errs []error, all error) (held []*op) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, o := range ops {
		err := all
		if err == nil {
			err = errs[i]
		}
		if o.result == nil {
			if trouble(err) {
				held = append(held, o)
				continue
			}
			s.behind--
			if err != nil {
				s.log.Error("a write in the background failed", "err", err)
				s.failed = err
			}
		}
		if o.after != nil {
			o.after(err)
		}
		if o.outdate {
			s.known.forget()
		}
		if o.result != nil {
			o.result <- err
		}
	}
	switch {
	case len(held) > 0 && s.failed == nil:
		s.log.Error("nothing can be written; trying again", "err", all)
		s.failed = all
	case len(held) > 0, trouble(all):
		s.failed = all // whoever waits for it is told besides
	case all == nil && len(ops) > 0 && s.failed != nil && !anyError(errs):
		s.log.Info("writing works again")
		s.failed = nil
	}
	return held
}

func anyError(errs []error) bool {
	for _, err := range errs {
		if err != nil {
			return true
		}
	}
	return false
}

// clean does after a commit what cannot be done in a transaction: it empties the log, where blanked text would stay
// until it is written over, and gives free pages back. While a read stands in the way it is tried again later.
func (s *Store) clean(ctx context.Context) {
	if s.tx.trim {
		s.tx.trim = false
		if _, err := s.tx.exec(ctx, "PRAGMA incremental_vacuum(512)"); err != nil {
			s.log.Warn("the database could not be made smaller", "err", err)
		}
	}
	if !s.tx.scrub || s.path == memory {
		return
	}
	var busy, inLog, moved int
	_, err := s.tx.exec(ctx, "PRAGMA busy_timeout(0)") // do not wait for the reads here
	if err == nil {
		_, err = one(ctx, &s.tx, []any{&busy, &inLog, &moved}, "PRAGMA wal_checkpoint(TRUNCATE)")
	}
	_, again := s.tx.exec(ctx, "PRAGMA busy_timeout(5000)")
	if err = errors.Join(err, again); err != nil {
		s.log.Warn("the log could not be emptied; trying again", "err", err)
		return
	}
	s.tx.scrub = busy != 0
}

// Flush returns when everything handed in before is committed. It fails if that cannot be written now; it is kept in
// memory and tried again.
func (s *Store) Flush(ctx context.Context) error { return s.write(ctx, &op{barrier: true}) }

// Err gives the last write that failed because of the file, such as on a full disk, or in the background for any reason;
// nil after one that succeeded.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}
