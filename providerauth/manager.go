package providerauth

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"chatgateway/internal/jsonfile"
	"chatgateway/internal/secret"
)

// Options is what a Manager takes.
type Options struct {
	Store   Store
	Schemes []Scheme            // of the providers, in the order in which they share variables of the environment
	Env     func(string) string // nil: os.Getenv
	Order   map[string][]ID     // config's auth.order, by provider; Settings.Order goes before it
	Log     *slog.Logger        // nil: nothing is logged
	// Notify tells the owners what they should know; it is called by Run, one call at a time, and once for each cause.
	// nil: nobody is told.
	Notify func(Event)
	// Learn is told every secret that the Manager holds, before anything is done with it, often more than once: for
	// redaction. It must not call the Manager. nil: nobody is told.
	Learn func(...secret.String)
}

// EventKind says what an Event is about.
type EventKind string

// The kinds.
const (
	Ended    EventKind = "ended"    // a sign-in has ended; only a new login helps
	Failing  EventKind = "failing"  // renewals fail; the sign-in is kept and tried again
	Expiring EventKind = "expiring" // it will expire and cannot renew itself
)

// Event is something about a credential that owners should know before a message of theirs fails.
type Event struct {
	Kind EventKind
	ID   ID
	Name string    // the provider's, for people
	At   time.Time // when it expires; zero: not known
	Text string    // the sentence to send, what to do included
}

// Manager finds the credential for every request, renews it ahead of time, logs in and logs out. There is one in a
// process. All its methods may be called from any goroutine.
type Manager struct {
	store  Store
	env    func(string) string
	log    *slog.Logger
	notify func(Event)
	learn  func(...secret.String)

	gen   atomic.Uint64 // counts the changes that the view does not see in the store
	view  atomic.Pointer[view]
	build sync.Mutex // held while a view is built

	mu        sync.Mutex // guards what follows
	schemes   []Scheme
	order     map[string][]ID
	overrides map[ID]override
	unsaved   map[ID]unsaved
	flights   map[ID]*flight
	failures  map[ID]failure
	gone      map[ID]chan struct{}
	refused   map[ID]string // fingerprints of access tokens; see refuse
	changed   chan struct{}
	closed    bool

	cool cooldowns
	refs *jsonfile.Resolver
	lost atomic.Int64

	refusals atomic.Bool // there is one in refused; spares the lock

	tasks sync.WaitGroup // renewals; Close waits for it
}

type override struct {
	key   secret.String
	label string
}

// New gives a Manager. It reads nothing yet and starts nothing; Run renews in the background.
func New(o Options) *Manager {
	m := &Manager{
		store: o.Store, env: o.Env, log: o.Log, notify: o.Notify, learn: o.Learn,
		schemes: slices.Clone(o.Schemes), order: o.Order,
		overrides: map[ID]override{}, unsaved: map[ID]unsaved{}, flights: map[ID]*flight{},
		failures: map[ID]failure{}, refused: map[ID]string{}, gone: map[ID]chan struct{}{}, changed: make(chan struct{}),
	}
	if m.env == nil {
		m.env = os.Getenv
	}
	m.refs = resolver(o.Store, m.env)
	if m.learn == nil {
		m.learn = func(...secret.String) {}
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	return m
}

// Close refuses new renewals and waits for those under way, because their results must reach the disk. It returns
// ctx's error if that takes too long.
func (m *Manager) Close(ctx context.Context) error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	done := make(chan struct{})
	go func() { // ends with the last renewal, which has a deadline of its own
		m.tasks.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// SetSchemes replaces the providers, after a change of config.yaml.
func (m *Manager) SetSchemes(s []Scheme) {
	m.mu.Lock()
	m.schemes = slices.Clone(s)
	m.mu.Unlock()
	m.bump()
}

// SetConfigOrder replaces config's auth.order.
func (m *Manager) SetConfigOrder(order map[string][]ID) {
	m.mu.Lock()
	m.order = order
	m.mu.Unlock()
	m.bump()
}

// Override puts a key in front of what is stored under id, until the process ends; the empty key takes it away. label
// says where it came from: the path of a key file.
func (m *Manager) Override(id ID, key secret.String, label string) {
	m.learn(key)
	m.mu.Lock()
	if key.Empty() {
		delete(m.overrides, id)
	} else {
		m.overrides[id] = override{key, label}
	}
	m.mu.Unlock()
	m.bump()
}

// Scheme finds a provider by its id or an alias, in any case. The error wraps ErrUnknown.
func (m *Manager) Scheme(name string) (Scheme, error) {
	sc := m.look().scheme(name)
	if sc == nil {
		return Scheme{}, &Error{Kind: ErrUnknown, ID: ID(name)}
	}
	return *sc, nil
}

// Schemes gives all providers, in their order.
func (m *Manager) Schemes() []Scheme {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.schemes)
}

// Changed is closed at the next change of anything that a Status shows; then ask again. Changes by another process
// are seen where Run runs.
func (m *Manager) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

// Gone is closed when the credential is logged out, here or by another process: replies that run on it stop.
func (m *Manager) Gone(id ID) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	ch, ok := m.gone[id]
	if !ok {
		ch = make(chan struct{})
		m.gone[id] = ch
	}
	return ch
}

// StoreErr says why the credentials file cannot be used; nil: it can.
func (m *Manager) StoreErr() error { return m.look().err }

// Lost counts the renewals whose answer was never kept, because the process was killed or the connection broke in
// between, and whose sign-in has ended by it.
func (m *Manager) Lost() int { return int(m.lost.Load()) }

// bump tells everybody that something changed that is not in the store.
func (m *Manager) bump() {
	m.gen.Add(1)
	m.tell()
}

// tell closes the channel that Changed gave.
func (m *Manager) tell() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.changed)
	m.changed = make(chan struct{})
}

// goneNow closes the channel that Gone gave.
func (m *Manager) goneNow(id ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ch, ok := m.gone[id]; ok {
		close(ch)
		delete(m.gone, id)
	}
}
