package jsonfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"chatgateway/internal/secret"
)

// The beginnings of values that are not secrets themselves but say where one is.
const (
	refEnv     = "env:"     // env:NAME: what a variable of the environment holds
	refFile    = "file:"    // file:PATH: what a file holds, without white space at its ends
	refExec    = "exec:"    // exec:COMMAND ARGS: what a command prints; see Resolver
	refLiteral = "literal:" // literal:TEXT: TEXT itself, whatever it begins with
)

const (
	refMaxSize   = 64 << 10         // bytes that a file or a command may give
	execLimit    = 10 * time.Second // time that a command may take
	execFresh    = time.Minute      // how long what a command printed is taken without running it again
	execGrace    = time.Hour        // how long it is still taken where running it again fails
	execRetry    = 10 * time.Second // how long a failure is remembered
	fileFresh    = time.Second      // how long what a file held is taken without looking again
	waitForPipes = time.Second      // how long a killed command's children may hold its output open
)

// ErrReference: a reference names something that is not there or does not work. The message says what.
var ErrReference = errors.New("the reference cannot be resolved")

// IsReference reports whether a stored value says where the secret is, or escapes one that would seem to.
func IsReference(value string) bool {
	for _, p := range []string{refEnv, refFile, refExec, refLiteral} {
		if strings.HasPrefix(value, p) {
			return true
		}
	}
	return false
}

// Literal gives the form in which a secret is stored, so that it is never taken for a reference. What people paste
// goes through it; only a person who says so (on the command line, or in an editor) stores a reference.
func Literal(s secret.String) string {
	if v := s.Reveal(); IsReference(v) {
		return refLiteral + v
	}
	return s.Reveal()
}

// Resolver turns stored values into secrets: what is no reference is the secret itself. What it finds is kept in
// memory for a short time and never written anywhere.
//
//   - env:NAME is looked up at every use. A variable that is not set, or blank, is an error.
//   - file:PATH is read again when it changed, within a second. PATH is absolute, begins with "~/", or is relative to
//     Dir. Links are followed. At most 64 KiB.
//   - exec:COMMAND ARGS runs a command without a shell: the text is split at white space, and '…' or "…" keep words
//     together; nothing else is special. It has 10 seconds, no input, and our environment without KeyVariable; what it prints on its
//     standard output, at most 64 KiB, is the secret, and holds for a minute. If it fails later on, what it printed
//     last holds for up to an hour.
//
// It is safe for concurrent use and must not be copied. The zero value is ready.
type Resolver struct {
	Env func(string) string // nil: os.Getenv
	Dir string              // what relative paths are relative to

	mu    sync.Mutex // guards known
	known map[string]*found
}

// found is what a file or a command gave last.
type found struct {
	turn chan struct{} // of one: who looks again
	mu   sync.Mutex    // guards the rest
	val  secret.String
	got  time.Time // when val was got; zero: never
	look time.Time // when it was last looked for
	err  error     // of the last look
}

// Resolve gives the secret that value is or names. The error wraps ErrReference; it names the variable, the file or the
// program, never what it gave. ctx bounds the time that a command may take further.
func (r *Resolver) Resolve(ctx context.Context, value string) (secret.String, error) {
	switch {
	case strings.HasPrefix(value, refLiteral):
		return secret.New(strings.TrimPrefix(value, refLiteral)), nil
	case strings.HasPrefix(value, refEnv):
		return r.variable(strings.TrimSpace(strings.TrimPrefix(value, refEnv)))
	case strings.HasPrefix(value, refFile):
		path := ReferredPath(strings.TrimPrefix(value, refFile), r.Dir)
		return r.entry(value).take(ctx, fileFresh, 0, fileFresh, func(context.Context) (secret.String, error) { return readSecret(path) })
	case strings.HasPrefix(value, refExec):
		return r.entry(value).take(ctx, execFresh, execGrace, execRetry, func(ctx context.Context) (secret.String, error) {
			return runSecret(ctx, strings.TrimPrefix(value, refExec))
		})
	}
	return secret.New(value), nil
}

func (r *Resolver) variable(name string) (secret.String, error) {
	getenv := r.Env
	if getenv == nil {
		getenv = os.Getenv
	}
	v := strings.TrimSpace(getenv(name))
	if v == "" {
		return secret.String{}, fmt.Errorf("the variable %s is not set: %w", name, ErrReference)
	}
	return secret.New(v), nil
}

// ReferredPath gives the file that the path of a file: reference means; dir is the Resolver's Dir.
func ReferredPath(path, dir string) string {
	path = strings.TrimSpace(path)
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	if !filepath.IsAbs(path) {
		return filepath.Join(dir, path)
	}
	return path
}

func (r *Resolver) entry(value string) *found {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[string]*found{}
	}
	f := r.known[value]
	if f == nil {
		f = &found{turn: make(chan struct{}, 1)}
		r.known[value] = f
	}
	return f
}

// take gives what is known if it is fresh, else looks again; one goroutine looks, and while it does the others take
// what there was, if that is within its grace, or wait.
func (f *found) take(ctx context.Context, fresh, grace, retry time.Duration, look func(context.Context) (secret.String, error)) (secret.String, error) {
	if v, err, ok := f.last(fresh, grace, retry); ok {
		return v, err
	}
	select {
	case f.turn <- struct{}{}:
	default:
		if v, err, ok := f.last(max(fresh, grace), grace, retry); ok {
			return v, err
		}
		select {
		case f.turn <- struct{}{}:
		case <-ctx.Done():
			return secret.String{}, fmt.Errorf("%w: %w", ErrReference, ctx.Err())
		}
	}
	defer func() { <-f.turn }()
	if v, err, ok := f.last(fresh, grace, retry); ok { // somebody looked while we waited
		return v, err
	}
	v, err := look(ctx)
	now := time.Now()
	f.mu.Lock()
	f.look, f.err = now, err
	if err == nil {
		f.val, f.got = v, now
	}
	f.mu.Unlock()
	v, err, _ = f.last(fresh, grace, retry)
	return v, err
}

// last gives what the last look gave, and whether that may be taken.
func (f *found) last(fresh, grace, retry time.Duration) (v secret.String, err error, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.look.IsZero() {
		return secret.String{}, nil, false
	}
	if f.err == nil {
		return f.val, nil, time.Since(f.got) < fresh
	}
	recent := time.Since(f.look) < retry
	if !f.got.IsZero() && time.Since(f.got) < grace {
		return f.val, nil, recent
	}
	return secret.String{}, f.err, recent
}

func readSecret(path string) (secret.String, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		return secret.String{}, fmt.Errorf("the file %s: %s: %w", path, cause(err), ErrReference)
	}
	file, err := os.Open(path)
	if err != nil {
		return secret.String{}, fmt.Errorf("the file %s: %s: %w", path, cause(err), ErrReference)
	}
	defer func() { _ = file.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(file, refMaxSize+1))
	if err != nil {
		return secret.String{}, fmt.Errorf("the file %s: %s: %w", path, cause(err), ErrReference)
	}
	return oneSecret(data, "the file "+path)
}

func runSecret(ctx context.Context, command string) (secret.String, error) {
	args, err := splitWords(command)
	if err != nil || len(args) == 0 {
		return secret.String{}, fmt.Errorf("the command is empty or a quotation mark in it is not closed: %w", ErrReference)
	}
	what := "the command " + args[0]
	ctx, cancel := context.WithTimeout(ctx, execLimit)
	defer cancel()
	out := &bounded{}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // the owner wrote this command into their own file
	cmd.Stdout, cmd.Env = out, environ()
	cmd.WaitDelay = waitForPipes
	if err := cmd.Run(); err != nil {
		switch {
		case ctx.Err() != nil:
			return secret.String{}, fmt.Errorf("%s took too long: %w", what, ErrReference)
		case out.full:
			return oneSecret(make([]byte, refMaxSize+1), what)
		}
		if _, ran := errors.AsType[*exec.ExitError](err); ran {
			return secret.String{}, fmt.Errorf("%s failed (%w); run it yourself to see why: %w", what, err, ErrReference)
		}
		return secret.String{}, fmt.Errorf("%s cannot be run; check that it is installed: %w", what, ErrReference)
	}
	return oneSecret(out.Bytes(), what)
}

// environ is ours without the key of the files, which no other program needs.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, KeyVariable+"=") })
}

func oneSecret(data []byte, what string) (secret.String, error) {
	if len(data) > refMaxSize {
		return secret.String{}, fmt.Errorf("%s gives more than %d KiB: %w", what, refMaxSize>>10, ErrReference)
	}
	v := strings.TrimSpace(strings.TrimPrefix(string(data), "\ufeff"))
	if v == "" {
		return secret.String{}, fmt.Errorf("%s gives nothing: %w", what, ErrReference)
	}
	return secret.New(v), nil
}

// bounded keeps no more than a secret can have, and ends the command that prints more.
type bounded struct {
	bytes.Buffer
	full bool
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > refMaxSize {
		b.full = true
		return 0, errors.New("too much")
	}
	return b.Buffer.Write(p)
}

// splitWords splits at white space; quotation marks of either kind keep words together.
func splitWords(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	var in bool
	var mark rune
	for _, r := range s {
		switch {
		case mark != 0 && r == mark:
			mark = 0
		case mark == 0 && (r == '\'' || r == '"'):
			mark, in = r, true
		case mark == 0 && strings.ContainsRune(" \t\r\n", r):
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		default:
			word.WriteRune(r)
			in = true
		}
	}
	if mark != 0 {
		return nil, errors.New("a quotation mark is not closed")
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}
