package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

type position struct{ line, column int } // from 1; zero: nowhere

// Problem is one mistake in a file.
type Problem struct {
	File    string
	Line    int    // from 1; 0: the whole file
	Column  int    // from 1
	Setting string // "channels.telegram.allow_from"; may be empty
	Text    string // what is wrong and what is right, never a value that stands there
}

// Error implements error.
func (p Problem) Error() string {
	s := p.where() + ": "
	if p.Setting != "" {
		s += p.Setting + ": "
	}
	return s + p.Text
}

func (p Problem) where() string {
	name := filepath.Base(p.File)
	if p.Line == 0 {
		return name
	}
	return fmt.Sprintf("%s:%d:%d", name, p.Line, p.Column)
}

// Error is all that is wrong with a file, in its order.
type Error struct {
	Path     string
	Problems []Problem // at least one
}

// Error implements error.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the single problems.
func (e *Error) Unwrap() []error {
	errs := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		errs[i] = p
	}
	return errs
}

// UserMessage is a sentence for people.
func (e *Error) UserMessage() string {
	more := ""
	if n := len(e.Problems) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more; see gateway config check)", n)
	}
	return "There is a mistake in the settings: " + e.Problems[0].Error() + more
}

// maxProblems is how many mistakes of a file are told of; more help nobody.
const maxProblems = 20

// problems makes an error of what was found; nil if nothing was.
func problems(path string, found []Problem) error {
	if len(found) == 0 {
		return nil
	}
	slices.SortStableFunc(found, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Error{Path: path, Problems: found[:min(len(found), maxProblems)]}
}

// FolderError says why a folder or file of ours cannot be used.
type FolderError struct {
	Path   string
	Reason string
	Do     string
	Err    error
}

// Error implements error.
func (e *FolderError) Error() string { return e.Path + ": " + e.Reason }

// Unwrap gives the cause.
func (e *FolderError) Unwrap() error { return e.Err }

// UserMessage is a sentence for people.
func (e *FolderError) UserMessage() string { return e.Error() + "; " + e.Do + "." }
