package store

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What an *Error may wrap.
var (
	// ErrFull: there is no room on the disk.
	ErrFull = errors.New("the disk is full")
	// ErrUnwritable: the file or its folder cannot be read or written.
	ErrUnwritable = errors.New("the file cannot be used")
	// ErrCorrupt: the file is no database, or is damaged.
	ErrCorrupt = errors.New("the file is damaged")
	// ErrNewer: a newer version of the program wrote the file.
	ErrNewer = errors.New("the file is of a newer version")
	// ErrInUse: another process has the store open.
	ErrInUse = errors.New("the file is in use")
	// ErrClosed: Close was called.
	ErrClosed = errors.New("the store is closed")
)

// Error says why the store cannot read or write. It holds nothing of what is stored.
type Error struct {
	Path string
	Kind error // one of those above
	Err  error // the cause
}

// Error implements error.
func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("store: %s: %s", e.Path, e.Kind)
	}
	return fmt.Sprintf("store: %s: %s: %s", e.Path, e.Kind, e.Err)
}

// Unwrap gives the kind and the cause.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Err} }

// UserMessage is one sentence for a person: what happened and what to do.
func (e *Error) UserMessage() string {
	switch e.Kind {
	case ErrFull: //nolint:errorlint // kinds are these values themselves
		return "The disk that holds " + e.Path + " is full; nothing can be kept until there is room on it."
	case ErrCorrupt:
		return e.Path + " is damaged or no database; move it away, put a backup in its place, and start the gateway again."
	case ErrNewer:
		return e.Path + " was written by a newer version of the gateway; install that version, or put a backup in its place."
	case ErrInUse:
		return e.Path + " is in use by another gateway; stop that one, or give this one another home folder."
	case ErrClosed:
		return "The gateway is shutting down; send it again in a moment."
	default:
		return e.Path + " cannot be read or written; check its folder's permissions and the disk."
	}
}

// kinds maps SQLite's primary result codes to what a person can do about them. Another code is no trouble with the
// file but with one statement.
var kinds = map[int]error{
	sqlite3.SQLITE_FULL: ErrFull, sqlite3.SQLITE_CORRUPT: ErrCorrupt, sqlite3.SQLITE_NOTADB: ErrCorrupt,
	sqlite3.SQLITE_PERM: ErrUnwritable, sqlite3.SQLITE_READONLY: ErrUnwritable, sqlite3.SQLITE_IOERR: ErrUnwritable,
	sqlite3.SQLITE_CANTOPEN: ErrUnwritable, sqlite3.SQLITE_PROTOCOL: ErrUnwritable, sqlite3.SQLITE_NOMEM: ErrUnwritable,
	sqlite3.SQLITE_BUSY: ErrInUse, sqlite3.SQLITE_LOCKED: ErrInUse,
}

// typed turns an error of SQLite's, or of the system's, that is the file's trouble into an *Error; others it leaves.
func typed(path string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if se, ok := errors.AsType[*sqlite.Error](err); ok {
		if kind := kinds[se.Code()&0xff]; kind != nil {
			return &Error{Path: path, Kind: kind, Err: err}
		}
		return err
	}
	if errors.Is(err, syscall.ENOSPC) {
		return &Error{Path: path, Kind: ErrFull, Err: err}
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return &Error{Path: path, Kind: ErrUnwritable, Err: err}
	}
	return err
}

// trouble reports whether an error is the file's trouble and not one statement's.
func trouble(err error) bool {
	_, ok := errors.AsType[*Error](err)
	return ok
}
