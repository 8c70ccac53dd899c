// Package store keeps what must survive a crash: messages that are not answered yet, the turns that answer them,
// conversations and their history, open questions, buttons. It is one SQLite file with one writer that commits
// together what comes together. What is undone is also held in memory, so that claiming work costs no query.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"chatgateway/channels"
)

// Options are how Open opens a store. The zero value is fit for use.
type Options struct {
	// Sync is "full" (the default): what was committed survives a power loss; or "normal": it survives a crash of the
	// program, and after a power loss the last moments may be missing.
	Sync string
	Log  *slog.Logger     // nil: nothing is logged
	Now  func() time.Time // nil: time.Now
	// Idle is how long a conversation in which nothing is said is remembered; Prune forgets it then. 0: a year.
	Idle time.Duration
}

// Incoming is a message as Keep takes it.
type Incoming struct {
	Message channels.Message
	Redact  bool // keep that it came, not what it says
	Done    bool // nothing remains to be done with it
}

// Item is a message that was kept.
type Item struct {
	Seq      int64 // grows in the order of keeping
	Account  channels.AccountID
	Message  channels.Message // if Redacted: without text, name and attachments
	Redacted bool
	Kept     time.Time
}

// Conv names a conversation among all accounts.
type Conv struct {
	Account      channels.AccountID
	Conversation channels.ConversationID
}

// TurnState says how far a turn is.
type TurnState string

// The states of a turn. The first two are undone: they come back from Undone after a restart.
const (
	Running  TurnState = "running"  // begun
	Answered TurnState = "answered" // its final text is there, not all of it delivered
	Done     TurnState = "done"
	Stopped  TurnState = "stopped"
)

// Turn is the answering of some messages of one conversation.
type Turn struct {
	ID    int64
	Conv  Conv
	Kind  string // "command", "model"
	State TurnState
	Items []Item
	Final string // from Answered on
	Model string
	Begun time.Time
	Parts []Part // what was shown of it, by N
	// Choices are the buttons under Final.
	Choices []channels.Choice
}

// Part is a message that shows a part of an answer.
type Part struct {
	N    int // from 0
	ID   channels.MessageID
	Text string
}

// Conversation is what is remembered of a conversation besides its history.
type Conversation struct {
	Conv     Conv
	Title    string
	Model    string // empty: the gateway's
	Pin      string // the credential it is bound to; empty: any
	Thinking *bool  // show the model's thinking; nil: as the place has it
	Effort   string
	Epoch    int64     // grows with every Reset; SetConversation does not write it
	Updated  time.Time // last SetConversation or answer, an earlier one perhaps; written by the store
	Extra    map[string]string
}

// Question is a question that waits for a person's answer. Answers are never stored.
type Question struct {
	ID       int64
	Conv     Conv
	Person   channels.UserID
	Provider string
	Secret   bool // the answer is a secret
	Until    time.Time
}

// Press is what a button means.
type Press struct {
	ID     channels.PressID
	Conv   Conv
	Person channels.UserID // empty: anybody who may talk there
	Action string
	Until  time.Time
	Once   bool // it can be taken once
	// Line is its number where it is shown as a line of text that says Label; 0: it is a button.
	Line  int
	Label string
}

// Store is the open store. All its methods may be called from several goroutines. It is told of several things in one
// order: what one goroutine hands in is written in that order, and whoever reads sees all that was handed in before.
type Store struct {
	path  string
	log   *slog.Logger
	now   func() time.Time
	idle  time.Duration
	db    *sql.DB // the writer's one connection
	reads *sql.DB // nil in memory
	tx    tx      // the writer's goroutine alone
	seq   int64   // the last Item.Seq; the writer's goroutine alone

	committed func(ops int) // for tests: called after each commit by the writer's goroutine

	wake   chan struct{} // holds one: there is something in line
	ended  chan struct{} // closed when the writer has ended
	unlock func()
	close  func() error // closes once

	mu       sync.Mutex // guards what follows
	line     []*op      // handed in, not taken by the writer
	due      time.Time  // when the first of them is to be written
	behind   int        // background writes that are not committed
	failed   error      // see Err
	closing  bool
	lost     int // background writes that could not be written until Close
	plan     schedule
	known    known
	settings map[string]string
	turn     int64 // the last Turn.ID
	asked    int64 // the last Question.ID
	before   int64 // the last Question.ID of earlier runs
}

// Open opens the store at path, and makes it, and its folder, if they are missing: 0600 in 0700. ":memory:" is for
// tests. ctx bounds the opening only. What is wrong with the file is an *Error.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	sync := strings.ToUpper(o.Sync)
	switch sync {
	case "":
		sync = "FULL"
	case "FULL", "NORMAL":
	default:
		return nil, fmt.Errorf("store: sync is %q, want full or normal", o.Sync)
	}
	s := &Store{
		path: path, log: o.Log, now: o.Now, idle: o.Idle,
		wake: make(chan struct{}, 1), ended: make(chan struct{}), unlock: func() {},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.idle <= 0 {
		s.idle = 365 * 24 * time.Hour
	}
	if path != memory {
		unlock, err := claim(path)
		if err != nil {
			return nil, err
		}
		s.unlock = unlock
	}
	if err := s.open(ctx, sync); err != nil {
		_ = s.release()
		return nil, typed(path, err)
	}
	s.close = onceErr(s.shut)
	go s.loop(context.WithoutCancel(ctx)) // ends in Close, which waits for it
	return s, nil
}

func (s *Store) open(ctx context.Context, sync string) (err error) {
	if s.path != memory {
		placed, err := create(s.path)
		if err != nil {
			return err
		}
		defer func() { <-placed }()
	}
	if s.db, err = sql.Open("sqlite", dsn(s.path, sync, false)); err != nil {
		return err
	}
	s.db.SetMaxOpenConns(1)
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	s.tx = tx{conn: conn, stmts: map[string]*sql.Stmt{}}
	if err := fit(ctx, conn); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "PRAGMA journal_mode = WAL"); err != nil { // a file of before, or in memory
		return err
	}
	if err := migrate(ctx, conn, s.path); err != nil {
		return err
	}
	if s.path != memory {
		if s.reads, err = sql.Open("sqlite", dsn(s.path, sync, true)); err != nil {
			return err
		}
		s.reads.SetMaxOpenConns(2)
		s.reads.SetMaxIdleConns(1)
	}
	s.tx.scrub = true // a crash may have left in the log what was to be blanked
	s.clean(ctx)
	return s.load(ctx)
}

// load reads what is undone, and the last number of each kind.
func (s *Store) load(ctx context.Context) error {
	for dest, query := range map[*int64]string{
		&s.seq:   "SELECT COALESCE(MAX(seq), 0) FROM messages",
		&s.turn:  "SELECT COALESCE(MAX(id), 0) FROM turns",
		&s.asked: "SELECT COALESCE(MAX(id), 0) FROM questions",
	} {
		if _, err := one(ctx, &s.tx, []any{dest}, query); err != nil {
			return err
		}
	}
	s.before = s.asked
	s.settings = map[string]string{}
	err := each(ctx, &s.tx, func(r *sql.Rows) error {
		var name, value string
		if err := r.Scan(&name, &value); err != nil {
			return err
		}
		s.settings[name] = value
		return nil
	}, "SELECT name, value FROM settings")
	if err != nil {
		return err
	}
	return s.plan.load(ctx, &s.tx)
}

// Close writes what is still to be written, and closes. Everything after it fails with ErrClosed. It fails if a
// background write was lost because the file could not be written.
func (s *Store) Close() error { return s.close() }

func (s *Store) shut() error {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	<-s.ended
	err := s.release()
	if s.lost > 0 {
		err = errors.Join(fmt.Errorf("store: %d writes are lost: %w", s.lost, s.Err()), err)
	}
	return err
}

// release closes what is open. The last connection to close empties the log into the database and removes it.
func (s *Store) release() error {
	var errs []error
	if s.reads != nil {
		errs = append(errs, s.reads.Close())
	}
	for _, st := range s.tx.stmts {
		errs = append(errs, st.Close())
	}
	if s.tx.conn != nil {
		errs = append(errs, s.tx.conn.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	s.unlock()
	return typed(s.path, errors.Join(errs...))
}

// onceErr gives a function that runs f once and always gives what it gave.
func onceErr(f func() error) func() error { return sync.OnceValue(f) }
