// Package audit writes down who changed what: one JSON line for every login, logout, grant, change of a token or of the
// default model, and refused owner's command. The file is 0600 and kept small by rotation: audit.log, audit.log.1, ….
package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"chatgateway/internal/owner"
)

// Entry is one deed. Its fields are ids and words, never what anybody wrote and never a secret; each is cut at 200 bytes.
type Entry struct {
	Time   time.Time `json:"time"`             // zero: now
	Who    string    `json:"who"`              // "telegram 123", "command line", "page"
	Where  string    `json:"where,omitempty"`  // the conversation or the place
	What   string    `json:"what"`             // "login", "logout", "grant", "model default", …
	Object string    `json:"object,omitempty"` // "anthropic:work", "telegram bot_token", "telegram 456"
	Result string    `json:"result"`           // "ok", or a few words
}

// String writes the entry for people.
func (e Entry) String() string {
	s := e.Time.Local().Format("2006-01-02 15:04:05") + "  " + e.Who + "  " + e.What
	if e.Object != "" {
		s += " " + e.Object
	}
	s += ": " + e.Result
	if e.Where != "" {
		s += "  (" + e.Where + ")"
	}
	return s
}

const (
	maxField = 200
	maxLine  = 64 << 10 // of what Read takes for a line
)

// Options are how Open opens a log. The zero value is fit for use.
type Options struct {
	Size   int64               // bytes after which the file is rotated; 0: 1 MiB
	Keep   int                 // old files that are kept; 0: 3
	Redact func(string) string // takes secrets out of a field; nil: fields are written as they are
	Now    func() time.Time    // nil: time.Now
}

// Log is an open audit log. It may be used from several goroutines, and several processes may have the file open.
type Log struct {
	path string
	o    Options

	mu sync.Mutex // guards f, and keeps lines whole
	f  *os.File
}

// Open opens the log at path, and makes it if there is none: 0600, in a folder of mode 0700. A symbolic link in its
// place and a file of another user's are refused; permissions that are too wide are narrowed.
func Open(path string, o Options) (*Log, error) {
	if o.Size <= 0 {
		o.Size = 1 << 20
	}
	if o.Keep <= 0 {
		o.Keep = 3
	}
	if o.Redact == nil {
		o.Redact = func(s string) string { return s }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	l := &Log{path: path, o: o}
	if err := l.open(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *Log) open() error {
	if info, err := os.Lstat(l.path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("audit: %s is no regular file", l.path)
	}
	if who, foreign := owner.Foreign(l.path); foreign {
		return fmt.Errorf("audit: %s belongs to another user (%s)", l.path, who)
	}
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if err := f.Chmod(0o600); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return errors.Join(fmt.Errorf("audit: %w", err), f.Close())
	}
	if err := owner.Adopt(l.path); err != nil {
		return errors.Join(fmt.Errorf("audit: %w", err), f.Close())
	}
	l.f = f
	return nil
}

// Record writes one line, before it returns. ctx bounds nothing: a deed that was done is written down.
func (l *Log) Record(_ context.Context, e Entry) error {
	if e.Time.IsZero() {
		e.Time = l.o.Now()
	}
	e.Time = e.Time.UTC().Truncate(time.Millisecond)
	for _, field := range []*string{&e.Who, &e.Where, &e.What, &e.Object, &e.Result} {
		*field = cut(l.o.Redact(*field))
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	err = l.ready(int64(len(line)) + 1)
	if l.f == nil {
		return err
	}
	// A file that grows too long is better than a deed that is not written down. One write: lines of two processes do not mix.
	if _, werr := l.f.Write(append(line, '\n')); werr != nil {
		err = errors.Join(err, fmt.Errorf("audit: %w", werr))
	}
	return err
}

// ready sees to it that f is the file at path and has room for n bytes; after an error f may still be open. l.mu is held.
func (l *Log) ready(n int64) error {
	if l.f == nil {
		return fmt.Errorf("audit: %w", fs.ErrClosed)
	}
	open, err := l.f.Stat()
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	there, err := os.Lstat(l.path)
	ours := err == nil && os.SameFile(open, there)
	if ours && open.Size()+n <= l.o.Size {
		return nil
	}
	if err := l.f.Close(); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	l.f = nil
	if ours && open.Size() > 0 {
		err = l.rotate()
	} else {
		err = nil
	}
	return errors.Join(err, l.open())
}

// rotate moves each file to the next number; the last is replaced.
func (l *Log) rotate() error {
	for n := l.o.Keep - 1; n >= 0; n-- {
		err := os.Rename(numbered(l.path, n), numbered(l.path, n+1))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("audit: rotate: %w", err)
		}
	}
	return nil
}

func numbered(path string, n int) string {
	if n == 0 {
		return path
	}
	return path + "." + strconv.Itoa(n)
}

// Close closes the log. Record fails after it.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return nil
	}
	err := l.f.Close()
	l.f = nil
	return err
}

// Read gives the last n entries of the log at path, the oldest first, also from files that were rotated. Lines that are
// no entries are passed over: a process may have died in the middle of one. No file is no entries.
func Read(path string, n int) ([]Entry, error) {
	var all []Entry
	for i := 0; len(all) < n; i++ {
		f, err := os.Open(numbered(path, i))
		if errors.Is(err, fs.ErrNotExist) && (i > 0 || !exists(numbered(path, 1))) {
			return all, nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was rotated this moment
		}
		if err != nil {
			return all, fmt.Errorf("audit: %w", err)
		}
		entries, err := tail(f, n-len(all))
		if err = errors.Join(err, f.Close()); err != nil {
			return all, fmt.Errorf("audit: %w", err)
		}
		all = append(entries, all...)
	}
	return all, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// tail gives the last n entries.
func tail(r io.Reader, n int) ([]Entry, error) {
	var entries []Entry
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		line, prefix, err := lines.ReadLine()
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		var e Entry
		if prefix || json.Unmarshal(bytes.TrimSpace(line), &e) != nil || e.What == "" {
			continue
		}
		if entries = append(entries, e); len(entries) > n {
			entries = entries[1:]
		}
	}
}

// cut shortens a field and takes out what would break a line on somebody's screen.
func cut(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	if len(s) <= maxField {
		return s
	}
	end := maxField
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
