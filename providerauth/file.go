package providerauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chatgateway/internal/jsonfile"
)

// settingsKey is where providers.json keeps Settings.
const settingsKey = "@gateway"

// lookEvery is how often, at most, the file is looked at for changes by another process: half of what is promised.
const lookEvery = 500 * time.Millisecond

// tryWait is how long Try waits for a lock that another holds.
const tryWait = time.Second

// File is a Store in providers.json. It serves reads from memory and looks whether the file is another one at most once
// a second. All methods may be called from any goroutine, and from several processes on one file.
type File struct {
	file  jsonfile.File
	start time.Time    // of the monotonic clock that next counts from
	next  atomic.Int64 // when the file is to be looked at again
	have  atomic.Pointer[content]
	mu    sync.Mutex // held while the file is read
}

// content is the file as it was read once.
type content struct {
	stamp    jsonfile.Stamp
	raw      []byte // to tell whether anything changed
	err      error
	ids      []ID
	creds    map[ID]Credential
	bad      map[ID]error
	settings Settings
	changed  chan struct{} // closed when there is a newer content
}

// NewFile gives the store in a file, which need not exist yet.
func NewFile(f jsonfile.File) *File { return &File{file: f, start: time.Now()} }

// OpenFile gives the store in the file at path.
func OpenFile(path string) *File { return NewFile(jsonfile.File{Path: path}) }

// Path tells where the file is.
func (s *File) Path() string { return s.file.Path }

// Get implements Store.
func (s *File) Get(_ context.Context, id ID) (Credential, error) {
	c := s.content()
	if c.err != nil {
		return Credential{}, c.err
	}
	if err := c.bad[id]; err != nil {
		return Credential{}, err
	}
	cred, ok := c.creds[id]
	if !ok {
		return Credential{}, &Error{Kind: ErrNone, ID: id}
	}
	return cred, nil
}

// All implements Store.
func (s *File) All(context.Context) ([]ID, error) {
	c := s.content()
	return slices.Clone(c.ids), c.err
}

// Settings implements Store.
func (s *File) Settings(context.Context) (Settings, error) {
	c := s.content()
	return c.settings.clone(), c.err
}

// Changed implements Store.
func (s *File) Changed() <-chan struct{} { return s.content().changed }

// Update implements Store.
func (s *File) Update(ctx context.Context, id ID, f func(ctx context.Context, old Credential) (Credential, error)) error {
	unlock, err := s.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	now := s.read()
	if now.err != nil {
		return now.err
	}
	old := now.creds[id] // zero also where the record cannot be read: a new login replaces it

	ctx = context.WithoutCancel(ctx)
	work, cancel := context.WithTimeout(ctx, updateTime)
	defer cancel()
	fresh, err := f(work, old)
	if err != nil {
		return err
	}
	err = s.file.Update(ctx, func(d *jsonfile.Doc) error {
		if fresh.IsZero() {
			d.Delete(string(id))
			return nil
		}
		return putRecord(d, id, fresh)
	})
	s.read()
	return unusable(err)
}

// lock takes the lock of one credential: so that a slow renewal of one does not stop another, it is not the file's.
func (s *File) lock(ctx context.Context, id ID) (unlock func(), err error) {
	path := filepath.Join(filepath.Dir(s.file.Path), "locks", fileName(id))
	if err := jsonfile.MakeDir(path); err != nil {
		return nil, unusable(err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	return jsonfile.Lock(ctx, path)
}

// Try implements Store.
func (s *File) Try(ctx context.Context, id ID) error {
	wait, cancel := context.WithTimeout(ctx, tryWait)
	defer cancel()
	unlock, err := s.lock(wait, id)
	if err != nil && !errors.Is(err, jsonfile.ErrLocked) {
		return unusable(err)
	}
	if err == nil {
		unlock()
	}
	return unusable(s.file.Try(ctx))
}

// fileName makes an id the name of a file, one to one, on every system.
func fileName(id ID) string {
	var b strings.Builder
	for _, c := range []byte(id) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String()
}

// UpdateSettings implements Store.
func (s *File) UpdateSettings(ctx context.Context, f func(*Settings) error) error {
	err := s.file.Update(context.WithoutCancel(ctx), func(d *jsonfile.Doc) error {
		var set Settings
		if _, err := d.Decode(settingsKey, &set); err != nil {
			return &Error{Kind: ErrUnreadable, ID: settingsKey, Err: err}
		}
		if err := f(&set); err != nil {
			return err
		}
		return putSettings(d, set)
	})
	s.read()
	return unusable(err)
}

// content gives what is in memory, read anew if the file is another one.
func (s *File) content() *content {
	c := s.have.Load()
	if c == nil {
		return s.read()
	}
	now := int64(time.Since(s.start))
	next := s.next.Load()
	if now < next || !s.next.CompareAndSwap(next, now+int64(lookEvery)) {
		return c
	}
	stamp, err := s.file.Stat()
	if err == nil && c.err == nil && c.stamp.Same(stamp) {
		return c
	}
	return s.read()
}

// read reads the file and tells who waits if there is something new.
func (s *File) read() *content {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.have.Load()
	c := s.parse()
	s.next.Store(int64(time.Since(s.start) + lookEvery))
	if old != nil && bytes.Equal(old.raw, c.raw) && sameErr(old.err, c.err) {
		c.changed = old.changed
		s.have.Store(c)
		return c
	}
	c.changed = make(chan struct{})
	s.have.Store(c)
	if old != nil {
		close(old.changed)
	}
	return c
}

func sameErr(a, b error) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error()
}

func (s *File) parse() *content {
	c := &content{creds: map[ID]Credential{}, bad: map[ID]error{}}
	doc, err := s.file.Read()
	if err != nil {
		c.err = unusable(err)
		return c
	}
	c.stamp = doc.Stamp()
	if c.raw, err = doc.MarshalJSON(); err != nil {
		c.err = unusable(err)
		return c
	}
	for _, key := range doc.Keys() {
		if strings.HasPrefix(key, "@") {
			continue
		}
		cred, ok, err := readRecord(doc, key)
		switch {
		case err != nil:
			c.bad[ID(key)] = &Error{Kind: ErrUnreadable, ID: ID(key), Err: err}
		case ok:
			c.creds[ID(key)] = cred
		default:
			continue // a kind that this version does not know: kept, and not used
		}
		c.ids = append(c.ids, ID(key))
	}
	slices.Sort(c.ids)
	if _, err := doc.Decode(settingsKey, &c.settings); err != nil {
		c.err = unusable(err)
	}
	return c
}

// unusable marks an error of the file; those of a function that was called under its lock stay as they are.
func unusable(err error) error {
	var ours *Error
	if err == nil || errors.As(err, &ours) {
		return err
	}
	if f, ok := errors.AsType[*jsonfile.Error](err); ok && !errors.Is(f, jsonfile.ErrLocked) {
		return &Error{Kind: ErrUnreadable, Err: f}
	}
	if errors.Is(err, jsonfile.ErrCorrupt) {
		return &Error{Kind: ErrUnreadable, Err: err}
	}
	return err
}

// putSettings writes what is known under "@gateway" and keeps the rest.
func putSettings(d *jsonfile.Doc, set Settings) error {
	sub, err := d.Object(settingsKey)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		key   string
		value any
		empty bool
	}{
		{"order", set.Order, len(set.Order) == 0},
		{"order_in", set.OrderIn, len(set.OrderIn) == 0},
		{"disabled", set.Disabled, len(set.Disabled) == 0},
		{"enabled", set.Enabled, len(set.Enabled) == 0},
		{"latched", set.Latched, len(set.Latched) == 0},
		{"renewals", set.Renewals, len(set.Renewals) == 0},
		{"warned", set.Warned, len(set.Warned) == 0},
		{"model", set.Model, set.Model == ""},
	} {
		if f.empty {
			sub.Delete(f.key)
			continue
		}
		if err := sub.Set(f.key, f.value); err != nil {
			return err
		}
	}
	if sub.Len() == 0 {
		d.Delete(settingsKey)
		return nil
	}
	return d.Set(settingsKey, sub)
}

// Interface guards
var _ Store = (*File)(nil)
