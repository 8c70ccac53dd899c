package jsonfile

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// What an *Error may wrap.
var (
	// ErrUntrusted: a symbolic link, a foreign owner, or no regular file.
	ErrUntrusted = errors.New("not a file of ours")
	// ErrCorrupt: there is no JSON object in it.
	ErrCorrupt = errors.New("not a JSON object")
	// ErrSealed: it is encrypted and there is no key.
	ErrSealed = errors.New("encrypted")
	// ErrLocked: somebody else held the lock until the context ended. The context's error is wrapped too.
	ErrLocked = errors.New("locked by another process")
)

// Error says why a file cannot be used. Nothing was written, and nothing will be before it is mended. It holds no
// part of what is in the file.
type Error struct {
	Path   string
	Line   int    // from 1; 0: the whole file
	Column int    // from 1, in bytes
	Reason string // "it is a symbolic link"
	Do     string // what a person does about it: "move it away"
	Err    error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Line, e.Column, e.Reason)
	}
	return e.Path + ": " + e.Reason
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// UserMessage is one sentence for a person: what is wrong, where, and what to do.
func (e *Error) UserMessage() string {
	s := e.Error()
	if e.Do != "" {
		s += "; " + e.Do
	}
	return s + ". Until then nothing is written to it."
}

// NoKey is the error of a Codec that has no key. It is ErrSealed too.
type NoKey struct {
	Where string // where the key should be
	Err   error
}

// Error implements error.
func (e *NoKey) Error() string { return e.Where + ": " + cause(e.Err) }

// Unwrap gives the cause.
func (e *NoKey) Unwrap() []error { return []error{e.Err, ErrSealed} }

func unreadable(path string, err error) error {
	return &Error{Path: path, Reason: "it cannot be read: " + cause(err), Do: "check the file and its permissions", Err: err}
}

func unwritable(path string, err error) error {
	do := "check that the folder can be written to"
	if errors.Is(err, syscall.ENOSPC) {
		do = "make room on the disk"
	}
	return &Error{Path: path, Reason: "it cannot be written: " + cause(err), Do: do, Err: err}
}

func keyless(path string, k *NoKey, err error) error {
	return &Error{Path: path, Reason: "it is encrypted, and there is no key to open it (" + k.Error() + ")", Do: "put the key back, or give it as GATEWAY_KEY", Err: err}
}

func tooLarge(path string) error {
	return &Error{Path: path, Reason: fmt.Sprintf("it is larger than %d MiB", MaxSize>>20), Do: "move it away", Err: ErrUntrusted}
}

// cause is the system's word for an error, without the path that stands in the sentence already.
func cause(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}
