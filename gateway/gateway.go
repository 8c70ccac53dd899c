// Package gateway is the core: it takes messages from the channels, runs commands, asks the models, and brings the
// answers back. It knows no service by name.
//
// See docs/architecture.md, "The life of a message".
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"chatgateway/access"
	"chatgateway/channelauth"
	"chatgateway/channels"
	"chatgateway/commands"
	"chatgateway/internal/redact"
	"chatgateway/internal/status"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/store"
)

// ErrClosing is what the handler answers once the gateway shuts down: the adapter confirms nothing, and the service
// delivers again after the restart.
var ErrClosing = errors.New("the gateway is shutting down")

// Account is one account of a chat service, ready to be opened.
type Account struct {
	ID       channels.AccountID
	Service  channels.Service
	Settings any
	Secrets  channelauth.Source
	Off      string // why it is not opened, in a sentence; "": it is opened
	// Version changes with the secrets and the settings: an account whose Version is another is opened anew.
	Version string
}

// Settings are the core's own settings; they may change while it runs.
type Settings struct {
	Model     string            // ref that conversations begin with
	Aliases   map[string]string // name to ref
	Fallbacks []string          // refs tried in order when a model fails before its first word
	System    string            // system prompt
	Effort    string
	MaxOut    int
	Places    map[channels.PlaceID]Place
	// FirstToken and NextToken bound the wait for a provider; 0: two minutes, one minute.
	FirstToken, NextToken time.Duration
	StaleAfter            time.Duration // older messages get a notice with a button; 0: six hours
	Queue                 int           // messages that may wait in a conversation; 0: 50
	Attachment            int64         // bytes an attachment may have; 0: 10 MiB
	Drain                 time.Duration // how long shutdown waits for answers; 0: 20 s
}

// Place is what holds in one guild, channel or group.
type Place struct{ System, Model string }

// Options is what New takes. Store, Auth, Providers, Policy and Log must be set.
type Options struct {
	Store     *store.Store
	Auth      *providerauth.Manager
	Providers func() []providers.Provider
	Policy    access.Policy
	Commands  []commands.Command
	Settings  Settings
	Client    *http.Client
	Log       *slog.Logger
	Version   string
	Home      string
	Secrets   *redact.Redactor // taken out of what is said, kept and sent to models; nil: none are known
	Hooks     Hooks
}

// Hooks are what the program adds to the core; each may be nil.
type Hooks struct {
	Record   func(p commands.Person, deed, object, result string) // audit log
	Locals   func(context.Context) []commands.Local               // model servers on this host
	Endpoint func(provider string) string
	Warnings func() []string
	Access   func(ctx context.Context, c *commands.Call, words []string) (commands.Answer, error)
	Claim    func(ctx context.Context, account channels.AccountID, m channels.Message, code string) (string, error)
	Audit    func(ctx context.Context, n int) ([]string, error)
	// Allow bounds how often a person may ask a model; wait is for how long no more.
	Allow  func(account channels.AccountID, user channels.UserID, role access.Role) (ok bool, wait time.Duration)
	MayUse func(role access.Role, model string) bool // models.allow; nil: any
	// Hold takes an account's bot for this process while it runs. Its error wraps ErrHeld if somebody else has it.
	Hold func(Account) (release func(), err error)
	// Opened is told of every channel that was opened, before it runs.
	Opened func(channels.AccountID, channels.Channel)
	Owners func() map[channels.AccountID][]channels.UserID // who is told what an account needs; nil: nobody
	Page   func() string
}

// ErrHeld: another process serves the bot. It is tried again, should that one end.
var ErrHeld = errors.New("another process serves this bot")

// Gateway is the core. It is safe for concurrent use.
type Gateway struct {
	o        Options
	log      *slog.Logger
	settings atomic.Pointer[Settings]
	started  time.Time
	before   int64 // the last Seq that an earlier run left queued; set before anything runs
	models   modelCache
	asks     questions

	changedMu sync.Mutex
	changedCh chan struct{} // guarded by changedMu: closed when the status changes

	mu       sync.Mutex
	accounts map[channels.AccountID]*account // guarded by mu
	order    []channels.AccountID            // guarded by mu
	sessions map[store.Conv]*session         // guarded by mu
	closing  bool                            // guarded by mu: the handler refuses
	// receiving counts the batches that are being taken; none begins once closing is set.
	receiving sync.WaitGroup
	undone    []store.Turn         // guarded by mu: turns of an earlier run, taken up by their sessions
	late      map[int64]store.Conv // guarded by mu: answered turns whose account must be set up before they are shown
	// runChannels and runTurn are set while Serve runs; nil before. Both are guarded by mu.
	runChannels func(func(context.Context)) // in a goroutine that ends last
	runTurn     func(func(context.Context)) // in a goroutine that the drain waits for, then cuts
}

// New makes a gateway. Serve runs it.
func New(o Options) *Gateway {
	if o.Client == nil {
		o.Client = http.DefaultClient
	}
	g := &Gateway{
		o: o, log: o.Log, started: time.Now(), changedCh: make(chan struct{}),
		accounts: map[channels.AccountID]*account{}, sessions: map[store.Conv]*session{},
		late: map[int64]store.Conv{},
	}
	g.asks.init(func(c store.Conv, seq int64) bool {
		return slices.ContainsFunc(g.o.Store.Queue(c), func(i store.Item) bool { return i.Seq == seq })
	})
	g.SetSettings(o.Settings)
	return g
}

// SetSettings changes the core's settings; they hold from the next message on.
func (g *Gateway) SetSettings(s Settings) {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&s.FirstToken, 2*time.Minute)
	def(&s.NextToken, time.Minute)
	def(&s.StaleAfter, 6*time.Hour)
	def(&s.Drain, 20*time.Second)
	if s.Queue == 0 {
		s.Queue = 50
	}
	if s.Attachment == 0 {
		s.Attachment = 10 << 20
	}
	g.settings.Store(&s)
	g.changed()
}

// Serve opens what Apply was given, takes up what an earlier run left undone, and works until ctx ends. Then the
// handler refuses, answers under way get Settings.Drain to end, and the channels are closed last.
func (g *Gateway) Serve(ctx context.Context) error {
	base, stopChannels := context.WithCancel(context.WithoutCancel(ctx))
	defer stopChannels()
	work, stopWork := context.WithCancel(base)
	defer stopWork()
	if err := g.recover(ctx); err != nil {
		return err
	}
	var accounts, turns sync.WaitGroup
	g.mu.Lock()
	g.runChannels = func(f func(context.Context)) { accounts.Go(func() { f(base) }) }
	g.runTurn = func(f func(context.Context)) { turns.Go(func() { f(work) }) }
	accounts.Go(func() { defer g.contain("pruning"); g.tidy(base) })
	for _, id := range g.order {
		g.start(g.accounts[id])
	}
	g.mu.Unlock()
	for _, c := range g.o.Store.Waiting() {
		g.wake(c)
	}
	<-ctx.Done()
	g.shutdown(&turns, stopWork)
	stopChannels()
	accounts.Wait()
	return nil
}

// shutdown refuses what comes in, waits for the answers under way, and then cuts them.
func (g *Gateway) shutdown(turns *sync.WaitGroup, stopWork context.CancelFunc) {
	g.mu.Lock()
	g.closing = true
	for _, s := range g.sessions {
		s.drain()
	}
	g.mu.Unlock()
	g.receiving.Wait()
	g.asks.cancelAll()
	done := make(chan struct{})
	go func() { turns.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(g.settings.Load().Drain):
		stopWork()
		<-done
	}
}

// Apply sets the accounts: those that are new are opened, those that have gone are closed, and those whose Version
// changed are closed and opened again. The others run on untouched.
func (g *Gateway) Apply(list []Account) {
	g.mu.Lock()
	defer g.mu.Unlock()
	keep := map[channels.AccountID]bool{}
	g.order = nil
	for _, a := range list {
		keep[a.ID] = true
		g.order = append(g.order, a.ID)
		old := g.accounts[a.ID]
		if old != nil && old.Version == a.Version && old.Off == a.Off {
			continue
		}
		if old != nil {
			old.stop()
		}
		n := newAccount(a, old)
		g.accounts[a.ID] = n
		if g.runChannels != nil {
			g.start(n)
		}
	}
	for id, a := range g.accounts {
		if !keep[id] {
			a.stop()
			delete(g.accounts, id)
		}
	}
	g.changed()
}

// account gives the account with this id, nil if there is none.
func (g *Gateway) account(id channels.AccountID) *account {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.accounts[id]
}

// Changed is closed at the next change of the status; then ask again.
func (g *Gateway) Changed() <-chan struct{} {
	g.changedMu.Lock()
	defer g.changedMu.Unlock()
	return g.changedCh
}

func (g *Gateway) changed() {
	g.changedMu.Lock()
	defer g.changedMu.Unlock()
	close(g.changedCh)
	g.changedCh = make(chan struct{})
}

// Status says what is going on.
func (g *Gateway) Status(ctx context.Context) status.Gateway {
	st := status.Gateway{Version: g.o.Version, Home: g.o.Home, Started: g.started, Queued: g.o.Store.Queued()}
	ref, from := g.Default(ctx)
	st.Model, st.ModelFrom = ref.String(), from
	if ref.IsZero() {
		st.Model = ""
	}
	if g.o.Hooks.Page != nil {
		st.Page = g.o.Hooks.Page()
	}
	if g.o.Hooks.Warnings != nil {
		st.Warnings = g.o.Hooks.Warnings()
	}
	g.mu.Lock()
	var accounts []*account
	for _, id := range g.order {
		accounts = append(accounts, g.accounts[id])
	}
	for _, s := range g.sessions {
		if s.busy() {
			st.Running++
		}
	}
	g.mu.Unlock()
	for _, a := range accounts {
		st.Channels = append(st.Channels, a.snapshot())
	}
	var unlisted error
	st.Providers, unlisted = g.o.Auth.Status(ctx, "")
	g.onlyRunning(ctx, st.Providers)
	for _, err := range []error{unlisted, g.o.Auth.StoreErr(), g.o.Store.Err()} {
		if err == nil {
			continue
		}
		if text := g.userMessage(err); !slices.Contains(st.Warnings, text) {
			st.Warnings = append(st.Warnings, text)
		}
	}
	return st
}

// onlyRunning marks providers that need no credential as there only if they were found on this host, or listed their
// models.
func (g *Gateway) onlyRunning(ctx context.Context, list []status.Provider) {
	for i, p := range list {
		if p.Source != string(providerauth.FromNone) {
			continue
		}
		g.models.mu.Lock()
		_, listed := g.models.lists[p.ID]
		g.models.mu.Unlock()
		found := slices.ContainsFunc(g.LocalServers(ctx), func(l commands.Local) bool { return l.Provider == p.ID })
		if !listed && !found {
			list[i].Configured, list[i].State = false, providerauth.StateMissing
		}
	}
}

// userMessage is what a person may read of an error.
func (g *Gateway) userMessage(err error) string { return g.o.Secrets.Clean(userMessage(err)) }

func userMessage(err error) string {
	var u interface{ UserMessage() string }
	switch {
	case err == nil:
		return ""
	case errors.As(err, &u):
		return u.UserMessage()
	case errors.Is(err, context.DeadlineExceeded):
		return "That took too long and was given up. Try it again."
	}
	return "Something went wrong here; the gateway's log says what. Try it again."
}

// logPanic turns a panic into an error and logs where it came from.
func (g *Gateway) logPanic(where string, v any, stack []byte) error {
	g.log.Error("panic", "in", where, "what", fmt.Sprint(v), "stack", string(stack))
	return fmt.Errorf("panic in %s", where)
}
