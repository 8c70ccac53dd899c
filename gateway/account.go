package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/status"
	"chatgateway/store"
)

// How an account is started again.
const (
	backoffFirst = time.Second
	backoffMost  = time.Minute
	setupRetry   = 10 * time.Minute // a wrong set-up at the service is looked at again that often
	heldPause    = 5 * time.Second  // between two looks at a bot that another process has
	stableAfter  = time.Minute      // a run this long counts as good
)

// account is one account of a chat service while it is in force.
type account struct {
	Account
	base *channels.Common
	prev <-chan struct{} // closed when the account's earlier run has ended; nil: there was none
	done chan struct{}   // closed when its goroutine has ended

	mu     sync.Mutex
	ch     channels.Channel                 // guarded by mu; nil while it is not open
	state  status.Channel                   // guarded by mu
	cancel func()                           // guarded by mu; ends the run
	held   map[channels.ConversationID]bool // guarded by mu: who was told that nothing can be kept; nil: it can

	telling sync.Mutex // held while the owners are told something; see tellOnce
}

func newAccount(a Account, old *account) *account {
	n := &account{Account: a, base: &channels.Common{}, done: make(chan struct{})}
	if b, ok := a.Settings.(interface{ Base() *channels.Common }); ok {
		n.base = b.Base()
	}
	if old != nil {
		n.prev = old.done
	}
	n.state = status.Channel{Account: string(a.ID), Service: a.Service.Name, State: status.Off, Detail: a.Off, Since: time.Now()}
	for _, f := range a.Service.Secrets {
		n.state.Sources = append(n.state.Sources, status.Source{Field: f.Name, From: a.Secrets.From(f.Name)})
	}
	return n
}

// stop ends the account's run without waiting for it.
func (a *account) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cancel != nil {
		a.cancel()
	}
}

// channel gives the open channel; nil if there is none.
func (a *account) channel() channels.Channel {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ch
}

func (a *account) snapshot() status.Channel {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state
}

// report takes over what the adapter says of its state.
func (g *Gateway) report(a *account, s status.Channel) {
	a.mu.Lock()
	old := a.state
	s.Account, s.Service, s.Sources, s.Restarts = old.Account, old.Service, old.Sources, old.Restarts
	s.Since = old.Since
	if s.State != old.State || s.Detail != old.Detail {
		s.Since = time.Now()
	}
	if s.Bot == "" {
		s.Bot = old.Bot
	}
	if s.Alive.IsZero() {
		s.Alive = old.Alive
	}
	mended := s.Mended || s.Works() && !old.Works()
	notices := s.Notices
	s.Mended, s.Notices = false, nil
	a.state = s
	a.mu.Unlock()
	if len(notices) > 0 {
		g.aside(func(ctx context.Context) { g.tellOnce(ctx, a, "", notices...) })
	}
	if mended {
		g.aside(func(ctx context.Context) { g.takeUpLate(ctx, func(c store.Conv) bool { return c.Account == a.ID }) })
	}
	if s.State == old.State && s.Detail == old.Detail && s.Bot == old.Bot {
		return
	}
	g.changed()
	level, args := slog.LevelDebug, []any{"account", s.Account, "state", string(s.State)}
	switch s.State {
	case status.Connected:
		level = slog.LevelInfo
	case status.Rejected, status.Failed, status.Degraded:
		level = slog.LevelWarn
	}
	if s.Detail != "" {
		args = append(args, "detail", s.Detail)
	}
	g.log.Log(context.Background(), level, "channel", args...)
}

// start opens the account and runs it in a goroutine of its own. g.mu is held.
func (g *Gateway) start(a *account) {
	if a.Off != "" {
		close(a.done)
		return
	}
	stopped := make(chan struct{})
	a.cancel = sync.OnceFunc(func() { close(stopped) })
	g.runChannels(func(base context.Context) {
		defer close(a.done)
		ctx, cancel := context.WithCancel(base)
		defer cancel()
		go func() { <-stopped; cancel() }()
		defer a.stop()
		if a.prev != nil {
			<-a.prev // two connections with one token disturb each other
		}
		g.supervise(ctx, a)
	})
}

// open opens the channel; a panic in it is an error.
func (g *Gateway) open(a *account) (ch channels.Channel, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = g.logPanic("open "+string(a.ID), v, debug.Stack())
		}
	}()
	return a.Service.Open(channels.Options{
		Account: a.ID, Secrets: a.Secrets, Settings: a.Settings, Client: g.o.Client,
		Mark:   func(ctx context.Context, key string) (string, error) { return g.o.Store.Mark(ctx, a.ID, key) },
		Report: func(s status.Channel) { g.report(a, s) },
		Log:    g.log.With("account", string(a.ID)),
	})
}

// supervise runs the channel until ctx ends, again after a failure.
func (g *Gateway) supervise(ctx context.Context, a *account) {
	ch, err := g.open(a)
	if err != nil {
		g.report(a, status.Channel{State: status.Failed, Detail: detail(err)})
		return
	}
	a.mu.Lock()
	a.ch = ch
	a.mu.Unlock()
	if g.o.Hooks.Opened != nil {
		g.o.Hooks.Opened(a.ID, ch)
	}
	if m, ok := ch.(channels.MenuSetter); ok {
		menu := make(chan struct{})
		go func() { defer close(menu); g.setMenu(ctx, a, m) }()
		defer func() { <-menu }()
	}
	wait := backoffFirst
	for {
		began := time.Now()
		err := g.runChannel(ctx, a, ch)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > stableAfter {
			wait = backoffFirst
		}
		pause := wait + rand.N(wait/2)
		switch {
		case errors.Is(err, channels.ErrRejected):
			g.report(a, status.Channel{State: status.Rejected, Detail: detail(err)})
			for !g.tellOnce(ctx, a, a.Version, detail(err)) && pauseFor(ctx, setupRetry) {
			}
			<-ctx.Done() // other credentials open the account anew
			return
		case errors.Is(err, channels.ErrSetup):
			g.report(a, status.Channel{State: status.Failed, Detail: detail(err)})
			g.tellOnce(ctx, a, a.Version, detail(err))
			pause = setupRetry
		case errors.Is(err, ErrHeld):
			g.report(a, status.Channel{State: status.Failed, Detail: detail(err)})
			if !pauseFor(ctx, heldPause) {
				return
			}
			continue // that it waits is said once
		default:
			g.report(a, status.Channel{State: status.Connecting, Detail: detail(err)})
			wait = min(2*wait, backoffMost)
		}
		g.log.Warn("channel ended", "account", string(a.ID), "err", err, "again_in", pause)
		if !pauseFor(ctx, pause) {
			return
		}
		a.mu.Lock()
		a.state.Restarts++
		a.mu.Unlock()
	}
}

// pauseFor reports whether ctx lasted.
func pauseFor(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// runChannel is Run with a panic turned into an error, so that one channel's fault ends no other.
func (g *Gateway) runChannel(ctx context.Context, a *account, ch channels.Channel) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = g.logPanic("channel "+string(a.ID), v, debug.Stack())
		}
	}()
	if g.o.Hooks.Hold != nil {
		release, err := g.o.Hooks.Hold(a.Account)
		if err != nil {
			return err
		}
		defer release()
	}
	g.report(a, status.Channel{State: status.Connecting})
	if err := ch.Run(ctx, func(ctx context.Context, b channels.Batch) error { return g.receive(ctx, a, b) }); err != nil {
		return err
	}
	return errors.New("the channel ended by itself")
}

// setMenu publishes the commands; that it fails is logged, never more.
func (g *Gateway) setMenu(ctx context.Context, a *account, m channels.MenuSetter) {
	defer func() {
		if v := recover(); v != nil {
			_ = g.logPanic("menu "+string(a.ID), v, debug.Stack())
		}
	}()
	if err := m.SetMenu(ctx, g.menu()); err != nil && ctx.Err() == nil && !errors.Is(err, errors.ErrUnsupported) {
		g.log.Warn("menu not published", "account", string(a.ID), "err", err)
	}
}

// detail is the sentence that stands in a channel's state.
func detail(err error) string {
	var u interface{ UserMessage() string }
	if errors.As(err, &u) {
		return u.UserMessage()
	}
	return fmt.Sprint(err)
}
