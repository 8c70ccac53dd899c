package channelauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chatgateway/internal/jsonfile"
	"chatgateway/internal/lazyregexp"
	"chatgateway/internal/secret"
)

// FromFile is what Source.From says of a stored value.
const FromFile = "channels.json"

// ErrFromEnvironment is returned by Source.Store where the value in force does not stand in channels.json itself: it
// comes from a variable, or the file only refers to it.
var ErrFromEnvironment = errors.New("the value in force comes from outside channels.json")

// File is channels.json and the environment behind it. Each field of each account has its own source: the stored value
// if it is not blank, else, for a service's default account, the field's variable. Values of the environment are never
// written to disk.
//
// A change made through this File holds at the next use, one by another process within a second: the file is looked at
// once a second at the most, when it is used, and read only if it changed. What the file does not explain (other
// services' records, other fields) is kept at every write. A stored value may be a reference; see jsonfile.Resolver.
// File can be used from any number of goroutines; it must not be copied.
type File struct {
	Path  string              // auth/channels.json in the home folder
	Env   func(string) string // nil: os.Getenv
	Codec jsonfile.Codec      // how the file is encrypted at rest; nil: it is not
	// Learn is told every secret that is given out, before it is, often more than once: for redaction. It must not call
	// the File. nil: nobody is told.
	Learn func(...secret.String)

	state  atomic.Pointer[state]
	looked atomic.Int64 // when the file was last looked at, in Unix nanoseconds

	mu   sync.Mutex // guards reading the file into state, refs and subs
	refs *jsonfile.Resolver
	subs map[chan struct{}]bool

	renewedMu sync.Mutex
	renewed   map[string]string // guarded by renewedMu: what an account stored itself → what it took the place of; fingerprints
}

// Open gives the channels.json at path, and env (nil: os.Getenv) behind it. It reads nothing yet; see Err.
func Open(path string, env func(string) string) *File { return &File{Path: path, Env: env} }

// Version stands for a value. It is another for every value but those that an account of this File renewed by itself
// (Source.Store): whoever uses that account knows of them, and need not begin anew.
func (f *File) Version(v secret.String) string {
	f.renewedMu.Lock()
	defer f.renewedMu.Unlock()
	return f.version(v)
}

func (f *File) version(v secret.String) string {
	if old, ok := f.renewed[v.Fingerprint()]; ok {
		return old
	}
	return v.Fingerprint()
}

// renew notes, before it is stored, that a value takes the place of another.
func (f *File) renew(old, v secret.String) {
	if old.Empty() || old.Equal(v) {
		return
	}
	f.renewedMu.Lock()
	defer f.renewedMu.Unlock()
	if f.renewed == nil {
		f.renewed = map[string]string{}
	}
	f.renewed[v.Fingerprint()] = f.version(old)
}

// Account gives the secrets of an account. fields tell which variables stand behind them; other fields are only looked
// for in the file. It reads nothing yet, and the account need not exist.
func (f *File) Account(id string, fields []Field) Source {
	a := &account{file: f, id: id, env: map[string]string{}, plain: map[string]bool{}}
	for _, field := range fields {
		a.plain[field.Name] = field.Plain
		if field.Env != "" && !strings.Contains(id, ":") {
			a.env[field.Name] = field.Env
		}
	}
	return a
}

// Accounts lists the accounts that the file has a record for, in its order: "telegram", "telegram:support". Whether
// anything is set there, Sources tells.
func (f *File) Accounts() []string { return append([]string(nil), f.current().order...) }

// Err says why the file cannot be used: it is not readable, or holds something else than it should. The environment
// is in force then, and every write is refused. It is nil if all is well or there is no file, and has a UserMessage.
func (f *File) Err() error { return f.current().err }

// Origin says where a field of an account comes from, never what it is.
type Origin struct {
	Field    string // "bot_token"
	Env      string // the variable that would be taken; "" for an account that is not a service's default
	From     string // FromFile, the variable's name, or "" where there is no value
	Optional bool   // the channel starts without it
	Problem  string // a sentence: why a stored value is not in force; "" if there is none
}

// Sources tells of each field where it comes from, in the order of fields.
func (f *File) Sources(id string, fields []Field) []Origin {
	a := f.Account(id, fields).(*account)
	origins := make([]Origin, 0, len(fields))
	for _, field := range fields {
		_, from, problem := a.find(field.Name)
		origins = append(origins, Origin{Field: field.Name, Env: a.env[field.Name], From: from, Optional: field.Optional, Problem: problem})
	}
	return origins
}

// Set stores one field of an account, trimmed. A value that looks like a reference is stored so that it is none; see
// SetReference. Set, SetReference and Unset wait for a renewal of the account (Source.Alone), and must not be called
// within one. It fails, and writes nothing, if the value is blank or the file cannot be read.
func (f *File) Set(ctx context.Context, id, field string, value secret.String) error {
	text := strings.TrimSpace(value.Reveal())
	if text == "" {
		return &Error{Message: fmt.Sprintf("There is nothing in the value for %s %s; to remove what is stored, unset it.", id, field)}
	}
	if strings.Contains(text, secret.Mask) {
		return &Error{Message: fmt.Sprintf("That is what stands in the place of a secret where it is not shown. The %s of %s stays as it is.", field, id)}
	}
	text = jsonfile.Literal(secret.New(text))
	return f.changeAlone(ctx, id, func(d *jsonfile.Doc) error { return put(d, id, map[string]string{field: text}) })
}

// SetReference stores where the secret is to be found: "env:NAME", "file:PATH" or "exec:COMMAND". exec: runs a command
// as the user of this process, so it is for people who could do that anyway: at the command line, never from a chat.
func (f *File) SetReference(ctx context.Context, id, field, ref string) error {
	if ref = strings.TrimSpace(ref); !jsonfile.IsReference(ref) {
		return &Error{Message: "A reference begins with env:, file: or exec:."}
	}
	return f.changeAlone(ctx, id, func(d *jsonfile.Doc) error { return put(d, id, map[string]string{field: ref}) })
}

// Unset removes a field, or with an empty field the whole account, what is unknown there included. What is not there
// is no error. The environment may have a value that is in force then: Sources tells.
func (f *File) Unset(ctx context.Context, id, field string) error {
	return f.changeAlone(ctx, id, func(d *jsonfile.Doc) error {
		if field == "" {
			d.Delete(id)
			return nil
		}
		record, err := recordOf(d, id)
		if err != nil || !record.Delete(field) {
			return err
		}
		if record.Len() == 0 {
			d.Delete(id)
			return nil
		}
		return d.Set(id, record)
	})
}

// Try says what would keep a value from being stored now, before anybody is asked for one.
func (f *File) Try(ctx context.Context) error {
	if err := f.Err(); err != nil {
		return err
	}
	return f.jsonFile().Try(ctx)
}

// Watch reports that something changed, by this process or another: a stored value, or whether the file can be used.
// When it does, the new values are in force. Changes that come before the receiver is ready are one. The channel is
// closed when ctx has ended and the watch is over. Changes of what a reference leads to, and of the environment, are not
// reported.
func (f *File) Watch(ctx context.Context) <-chan struct{} {
	changed := make(chan struct{}, 1)
	files := jsonfile.Watch(ctx, f.Path)
	f.current() // the state that changes are told from
	f.mu.Lock()
	if f.subs == nil {
		f.subs = map[chan struct{}]bool{}
	}
	f.subs[changed] = true
	f.mu.Unlock()
	go func() {
		for range files {
			f.read(true)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.subs, changed)
		close(changed)
	}()
	return changed
}

// changeAlone changes what a person wants changed: a renewal that is under way stores what it got first, not over it.
func (f *File) changeAlone(ctx context.Context, id string, change func(*jsonfile.Doc) error) error {
	return f.Account(id, nil).Alone(ctx, func(context.Context) error { return f.change(ctx, change) })
}

// change writes the file and brings what it holds into force.
func (f *File) change(ctx context.Context, change func(*jsonfile.Doc) error) error {
	err := f.jsonFile().Update(ctx, change)
	if err == nil {
		f.read(true)
	}
	return err
}

var (
	idShape    = lazyregexp.New(`^[a-z][a-z0-9_-]*(:[A-Za-z0-9][A-Za-z0-9._-]*)?$`)
	fieldShape = lazyregexp.New(`^[a-z][a-z0-9_]*$`)
)

func put(d *jsonfile.Doc, id string, texts map[string]string) error {
	if !idShape.MatchString(id) {
		return &Error{Message: fmt.Sprintf("%q is no account: it is a service's name, or one like telegram:support.", id)}
	}
	record, err := recordOf(d, id)
	if err != nil {
		return err
	}
	for field, text := range texts {
		if !fieldShape.MatchString(field) {
			return &Error{Message: fmt.Sprintf("%q is no field of an account.", field)}
		}
		if err := record.Set(field, text); err != nil {
			return err
		}
	}
	return d.Set(id, record)
}

func recordOf(d *jsonfile.Doc, id string) (*jsonfile.Doc, error) {
	record, err := d.Object(id)
	if err != nil {
		return nil, &Error{Message: fmt.Sprintf("What stands under %q in channels.json is no record; mend it there first.", id), Err: err}
	}
	return record, nil
}

func (f *File) jsonFile() jsonfile.File { return jsonfile.File{Path: f.Path, Codec: f.Codec} }

func (f *File) getenv(name string) string {
	if f.Env != nil {
		return strings.TrimSpace(f.Env(name))
	}
	return strings.TrimSpace(os.Getenv(name))
}

func (f *File) resolver() *jsonfile.Resolver {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refs == nil {
		f.refs = &jsonfile.Resolver{Env: f.Env, Dir: filepath.Dir(f.Path)}
	}
	return f.refs
}

// lookEvery is how long what was read is taken without a look at the file: half of what is promised.
const lookEvery = 500 * time.Millisecond

// current gives what is in force. One goroutine in that time looks at the file; the others don't wait for it.
func (f *File) current() *state {
	now, last := time.Now().UnixNano(), f.looked.Load()
	s := f.state.Load()
	switch {
	case s == nil:
		return f.read(false)
	case now-last < int64(lookEvery) && last-now < int64(lookEvery): // a clock may have been set back
		return s
	case !f.looked.CompareAndSwap(last, now):
		return s
	}
	return f.read(true)
}

// read brings the file into force if it changed; with again false only if it was never read.
func (f *File) read(again bool) *state {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.state.Load()
	if old != nil && !again {
		return old
	}
	f.looked.Store(time.Now().UnixNano())
	file := f.jsonFile()
	if stamp, err := file.Stat(); err == nil && old != nil && old.stamp.Same(stamp) {
		return old
	}
	fresh := newState(file)
	if fresh.half() && old != nil && (old.err == nil || old.kept) {
		fresh.accounts, fresh.order, fresh.kept = old.accounts, old.order, true
	}
	f.state.Store(fresh)
	if old != nil && !old.equal(fresh) {
		for sub := range f.subs {
			select {
			case sub <- struct{}{}:
			default: // one is waiting to be seen
			}
		}
	}
	return fresh
}

// Error is a refusal that a person can do something about.
type Error struct {
	Message string // one sentence
	Err     error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Err != nil {
		return "channels.json: " + e.Message + " (" + e.Err.Error() + ")"
	}
	return "channels.json: " + e.Message
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// UserMessage gives the sentence.
func (e *Error) UserMessage() string { return e.Message }

// text reads a stored value that should be text.
func text(raw json.RawMessage) (string, bool) {
	if string(raw) == "null" {
		return "", true
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return strings.TrimSpace(s), true
}
