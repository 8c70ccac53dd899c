package providerauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chatgateway/internal/secret"
	"chatgateway/login"
)

// acme is a provider whose authorization server is a function.
type acme struct {
	exchanges atomic.Int64
	mu        sync.Mutex // guards what follows
	refresh   func(n int64, old Credential) (Credential, error)
	revoked   []string
	finding   Finding
	probeErr  error
	probed    []string
}

func (a *acme) scheme() Scheme {
	return Scheme{
		ID: "acme", Name: "Acme", Aliases: []string{"wile"}, Env: []string{"ACME_KEY", "SHARED_KEY"}, KeyPage: "https://acme.example/keys",
		Methods: []Method{
			KeyMethod("Acme", "https://acme.example/keys", nil),
			{ID: "browser", Name: "Sign in", Browser: true, Login: func(context.Context, login.Prompter) (Credential, error) {
				return token(1, time.Hour), nil
			}},
			{ID: "secretly", Name: "Restricted", Off: "It is off until auth.acme.restricted is set."},
		},
		Refresh: func(ctx context.Context, old Credential) (Credential, error) {
			n := a.exchanges.Add(1)
			a.mu.Lock()
			f := a.refresh
			a.mu.Unlock()
			if f == nil {
				return token(int(n)+1, time.Hour), nil
			}
			return f(n, old)
		},
		Revoke: func(_ context.Context, c Credential) error {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.revoked = append(a.revoked, c.Refresh.Reveal())
			return nil
		},
		Probe: func(_ context.Context, c Credential) (Finding, error) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.probed = append(a.probed, c.Secret().Reveal())
			return a.finding, a.probeErr
		},
	}
}

// token is the nth token of a family.
func token(n int, life time.Duration) Credential {
	now := time.Now()
	return Credential{
		ID: "acme", Type: OAuth, Access: secret.New(fmt.Sprintf("FAKE-access-%d", n)), Refresh: secret.New(fmt.Sprintf("FAKE-refresh-%d", n)),
		Issued: now, Expires: now.Add(life),
	}
}

func apiKey(id ID, key string) Credential {
	return Credential{ID: id, Type: Key, Key: secret.New(key)}
}

// world is a Manager over a memory store, with its provider and what it said.
type world struct {
	t      *testing.T
	acme   *acme
	store  Store
	env    map[string]string
	log    *bytes.Buffer
	m      *Manager
	mu     sync.Mutex // guards events
	events []Event
}

func newWorld(t *testing.T, creds ...Credential) *world {
	return worldOn(t, NewMemory(creds...))
}

func worldOn(t *testing.T, s Store) *world {
	w := &world{t: t, acme: &acme{}, store: s, env: map[string]string{}, log: &bytes.Buffer{}}
	w.m = w.manager()
	return w
}

// manager gives another Manager on the same store, as another process would have.
func (w *world) manager() *Manager {
	other := Scheme{ID: "other", Name: "Other", Env: []string{"SHARED_KEY"}, Methods: []Method{KeyMethod("Other", "", nil)}}
	local := Scheme{ID: "local", Name: "Local", NoKey: true}
	return New(Options{
		Store: w.store, Schemes: []Scheme{w.acme.scheme(), other, local}, Env: func(k string) string { return w.env[k] },
		Log: slog.New(slog.NewTextHandler(w.log, nil)),
		Notify: func(e Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
	})
}

func (w *world) told() []EventKind {
	w.mu.Lock()
	defer w.mu.Unlock()
	var kinds []EventKind
	for _, e := range w.events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// want asks for a credential and compares its secret and source.
func (w *world) want(q Want, key string, from Source) Credential {
	w.t.Helper()
	if q.Provider == "" {
		q.Provider = "acme"
	}
	c, err := w.m.Credential(w.t.Context(), q)
	if err != nil {
		w.t.Errorf("%+v: %v, want %s", q, err, key)
		return c
	}
	if c.Secret().Reveal() != key || c.Source != from {
		w.t.Errorf("%+v: got %s from %s, want %s from %s", q, c.Secret().Reveal(), c.Source, key, from)
	}
	return c
}

func (w *world) wantErr(q Want, kind error) *Error {
	w.t.Helper()
	if q.Provider == "" {
		q.Provider = "acme"
	}
	c, err := w.m.Credential(w.t.Context(), q)
	e, ok := errors.AsType[*Error](err)
	if !ok || !errors.Is(e.Kind, kind) {
		w.t.Errorf("%+v: got %q, %v, want %v", q, c.Secret().Reveal(), err, kind)
		return &Error{Kind: kind}
	}
	return e
}

// exchanges checks how often the provider was asked for a token.
func (w *world) exchanges(want int64) {
	w.t.Helper()
	if got := w.acme.exchanges.Load(); got != want {
		w.t.Errorf("%d exchanges, want %d", got, want)
	}
}

func (w *world) answer(f func(n int64, old Credential) (Credential, error)) {
	w.acme.mu.Lock()
	defer w.acme.mu.Unlock()
	w.acme.refresh = f
}

// down is an authorization server that is down; dead is one that refuses for good.
func down(int64, Credential) (Credential, error) {
	return Credential{}, &OAuthError{Name: "Acme", Doing: doRenew, Status: 503}
}

func dead(int64, Credential) (Credential, error) {
	return Credential{}, &OAuthError{Name: "Acme", Doing: doRenew, Status: 400, Code: "invalid_grant", Dead: true}
}

// person is a Prompter that answers from a list, and keeps what it was shown.
type person struct {
	mu      sync.Mutex // guards what follows
	answers []string
	steps   []login.Step
	refused []string // what Check said
	shown   func(login.Step)
}

// say makes a person who gives these answers; "/cancel" gives up, and after the last one they are silent.
func say(answers ...string) *person { return &person{answers: answers} }

// Prompt implements login.Prompter.
func (p *person) Prompt(ctx context.Context, s login.Step) (secret.String, error) {
	p.mu.Lock()
	p.steps = append(p.steps, s)
	shown := p.shown
	p.mu.Unlock()
	if shown != nil {
		shown(s)
	}
	if s.Field == nil {
		return secret.String{}, ctx.Err()
	}
	for {
		p.mu.Lock()
		if len(p.answers) == 0 {
			p.mu.Unlock()
			break
		}
		a := p.answers[0]
		p.answers = p.answers[1:]
		p.mu.Unlock()
		if a == "/cancel" {
			return secret.String{}, login.ErrCanceled
		}
		if s.Field.Check != nil {
			if err := s.Field.Check(a); err != nil {
				p.mu.Lock()
				p.refused = append(p.refused, err.Error())
				p.mu.Unlock()
				continue
			}
		}
		return secret.New(a), nil
	}
	var end <-chan time.Time
	if !s.Expires.IsZero() {
		t := time.NewTimer(time.Until(s.Expires))
		defer t.Stop()
		end = t.C
	}
	select {
	case <-ctx.Done():
		return secret.String{}, ctx.Err()
	case <-end:
		return secret.String{}, login.ErrExpired
	}
}

// text is all that was shown.
func (p *person) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for _, s := range p.steps {
		fmt.Fprintln(&b, s.Text, s.URL, s.Code, s.Choices)
	}
	return b.String() + strings.Join(p.refused, "\n")
}
