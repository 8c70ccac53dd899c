package providerauth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// How long Store.Update waits for a credential's lock, and how long it lets its function work. The first is the
// longer, so that whoever waits gets the other's result and not a time-out.
const (
	lockWait   = 45 * time.Second
	updateTime = 30 * time.Second
)

// Memory keeps credentials as long as the process lives. It is a Store for tests and for `--no-store`. The zero value
// is empty and ready.
type Memory struct {
	mu       sync.Mutex // guards what follows
	creds    map[ID]Credential
	settings Settings
	locks    map[ID]chan struct{}
	changed  chan struct{}
}

// NewMemory gives a store with some credentials in it.
func NewMemory(creds ...Credential) *Memory {
	m := &Memory{creds: map[ID]Credential{}}
	for _, c := range creds {
		m.creds[c.ID] = stripped(c)
	}
	return m
}

// Get implements Store.
func (m *Memory) Get(_ context.Context, id ID) (Credential, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.creds[id]
	if !ok {
		return Credential{}, &Error{Kind: ErrNone, ID: id}
	}
	return c, nil
}

// All implements Store.
func (m *Memory) All(context.Context) ([]ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.creds)), nil
}

// Update implements Store.
func (m *Memory) Update(ctx context.Context, id ID, f func(ctx context.Context, old Credential) (Credential, error)) error {
	unlock, err := m.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	old, err := m.Get(ctx, id)
	if err != nil && !errors.Is(err, ErrNone) {
		return err
	}
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), updateTime)
	defer cancel()
	fresh, err := f(work, old)
	if err != nil {
		return err
	}
	fresh = stripped(fresh)
	fresh.ID = id
	m.mu.Lock()
	defer m.mu.Unlock()
	if fresh.IsZero() {
		delete(m.creds, id)
	} else {
		if m.creds == nil {
			m.creds = map[ID]Credential{}
		}
		m.creds[id] = fresh
	}
	m.change()
	return nil
}

// Try implements Store.
func (m *Memory) Try(context.Context, ID) error { return nil }

func (m *Memory) lock(ctx context.Context, id ID) (unlock func(), err error) {
	m.mu.Lock()
	if m.locks == nil {
		m.locks = map[ID]chan struct{}{}
	}
	turn, ok := m.locks[id]
	if !ok {
		turn = make(chan struct{}, 1)
		m.locks[id] = turn
	}
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("wait for the lock of %s: %w", id, err)
	}
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the lock of %s: %w", id, ctx.Err())
	}
}

// Settings implements Store.
func (m *Memory) Settings(context.Context) (Settings, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.settings.clone(), nil
}

// UpdateSettings implements Store.
func (m *Memory) UpdateSettings(_ context.Context, f func(*Settings) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.settings.clone()
	if err := f(&s); err != nil {
		return err
	}
	m.settings = s.clone()
	m.change()
	return nil
}

// Changed implements Store.
func (m *Memory) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.changed == nil {
		m.changed = make(chan struct{})
	}
	return m.changed
}

// change tells who waits; m.mu is held.
func (m *Memory) change() {
	if m.changed != nil {
		close(m.changed)
	}
	m.changed = make(chan struct{})
}

// stripped leaves out what is never stored.
func stripped(c Credential) Credential {
	c.Source, c.Label, c.Instead = "", "", nil
	c.Extra = maps.Clone(c.Extra)
	return c
}

// clone copies the settings deeply.
func (s Settings) clone() Settings {
	s.Order = cloneOrder(s.Order)
	s.OrderIn = maps.Clone(s.OrderIn)
	for where, order := range s.OrderIn {
		s.OrderIn[where] = cloneOrder(order)
	}
	s.Disabled, s.Enabled = slices.Clone(s.Disabled), slices.Clone(s.Enabled)
	s.Latched, s.Renewals, s.Warned = maps.Clone(s.Latched), maps.Clone(s.Renewals), maps.Clone(s.Warned)
	return s
}

func cloneOrder(order map[string][]ID) map[string][]ID {
	order = maps.Clone(order)
	for provider, ids := range order {
		order[provider] = slices.Clone(ids)
	}
	return order
}

// Interface guards
var _ Store = (*Memory)(nil)
