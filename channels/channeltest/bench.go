package channeltest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/secret"
	"chatgateway/internal/status"
)

// Secrets is a channelauth.Source in memory.
type Secrets struct {
	alone  sync.Mutex
	mu     sync.Mutex
	values map[string]string // guarded by mu
}

// NewSecrets makes one.
func NewSecrets(values map[string]string) *Secrets {
	s := &Secrets{values: map[string]string{}}
	for k, v := range values {
		s.values[k] = v
	}
	return s
}

// Secret implements channelauth.Source.
func (s *Secrets) Secret(field string) secret.String {
	s.mu.Lock()
	defer s.mu.Unlock()
	return secret.New(s.values[field])
}

// From implements channelauth.Source.
func (s *Secrets) From(field string) string {
	if s.Secret(field).Empty() {
		return ""
	}
	return "channels.json"
}

// Store implements channelauth.Source.
func (s *Secrets) Store(_ context.Context, values map[string]secret.String) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, v := range values {
		s.values[k] = v.Reveal()
	}
	return nil
}

// Alone implements channelauth.Source.
func (s *Secrets) Alone(ctx context.Context, f func(context.Context) error) error {
	s.alone.Lock()
	defer s.alone.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return f(context.WithoutCancel(ctx))
}

// rig is a channel running in a test.
type rig struct {
	t  *testing.T
	h  Harness
	ch channels.Channel

	mu      sync.Mutex
	got     []channels.Message          // guarded by mu: what was kept
	seen    map[channels.MessageID]bool // guarded by mu
	calls   int                         // guarded by mu: how often the handler was called with messages
	refuse  int                         // guarded by mu: how many calls are still refused
	marks   map[string]string           // guarded by mu
	reports []status.Channel            // guarded by mu
	log     *lockedBuffer
	news    chan struct{}
	done    chan error
	cancel  context.CancelFunc
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// open makes the channel with the given secrets; it does not run yet.
func open(t *testing.T, h Harness, secrets map[string]string) *rig {
	t.Helper()
	r := &rig{t: t, h: h, seen: map[channels.MessageID]bool{}, marks: map[string]string{}, log: &lockedBuffer{}, news: make(chan struct{}, 1)}
	if r.h.Wait == 0 {
		r.h.Wait = 10 * time.Second
	}
	if r.h.Text == nil {
		r.h.Text = func(s string) string { return s }
	}
	ch, err := h.Service.Open(channels.Options{
		Account: channels.AccountID(h.Service.Name), Secrets: NewSecrets(secrets), Settings: h.Settings,
		Mark: func(_ context.Context, key string) (string, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.marks[key], nil
		},
		Report: func(s status.Channel) {
			r.mu.Lock()
			r.reports = append(r.reports, s)
			r.mu.Unlock()
			r.wake()
		},
		Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	r.ch = ch
	t.Cleanup(func() { r.stop(); r.noSecrets() })
	return r
}

// run starts Run and waits until the channel reports that it is connected.
func (r *rig) run() {
	r.t.Helper()
	r.mu.Lock()
	r.reports = nil
	r.mu.Unlock()
	ctx, cancel := context.WithCancel(r.t.Context())
	r.cancel, r.done = cancel, make(chan error, 1)
	go func() { // what Run starts has the label too
		pprof.Do(ctx, pprof.Labels(runLabel, r.t.Name()), func(ctx context.Context) { r.done <- r.ch.Run(ctx, r.handle) })
	}()
	r.until("the channel is connected", func() bool {
		return slices.ContainsFunc(r.reports, func(s status.Channel) bool {
			return s.State == status.Connected || s.State == status.Degraded
		})
	})
}

// stop ends Run and checks that it ends soon and without an error.
func (r *rig) stop() {
	r.t.Helper()
	if r.cancel == nil {
		return
	}
	r.cancel()
	r.cancel = nil
	select {
	case err := <-r.done:
		if err != nil && !errors.Is(err, context.Canceled) {
			r.t.Errorf("Run returned %v after its context ended; want nil", err)
		}
	case <-time.After(r.h.Wait):
		r.t.Fatal("Run did not return after its context ended")
	}
}

func (r *rig) handle(_ context.Context, b channels.Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.wake()
	if len(b.Messages) > 0 {
		r.calls++
		if r.refuse > 0 {
			r.refuse--
			return errors.New("channeltest: not kept")
		}
	}
	for _, m := range b.Messages {
		if m.ID != "" && !m.Edited && r.seen[m.ID] {
			continue
		}
		r.seen[m.ID] = true
		r.got = append(r.got, m)
	}
	for k, v := range b.Marks {
		r.marks[k] = v
	}
	return nil
}

func (r *rig) wake() {
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// until waits for a condition, which is called with the lock held.
func (r *rig) until(what string, cond func() bool) {
	r.t.Helper()
	if ended, err := r.wait(what, cond); ended {
		r.t.Fatalf("Run returned (%v) while waiting until %s\n%s", err, what, r.log)
	}
}

// wait is until, but gives what Run returned if it ended before the condition held.
func (r *rig) wait(what string, cond func() bool) (ended bool, err error) {
	r.t.Helper()
	deadline := time.After(r.h.Wait)
	for {
		r.mu.Lock()
		ok := cond()
		r.mu.Unlock()
		if ok {
			return false, nil
		}
		select {
		case <-r.news:
		case err := <-r.done:
			return true, err
		case <-deadline:
			r.t.Fatalf("waited in vain until %s\nmessages: %+v\nreports: %+v\n%s", what, r.got, r.reports, r.log)
		}
	}
}

// hear lets a person speak and gives the message that arrives with this text.
func (r *rig) hear(l Line) channels.Message {
	r.t.Helper()
	r.h.Peer.Say(r.t, l)
	return r.arrived(l.Text)
}

// arrived waits for the message with this text.
func (r *rig) arrived(text string) (m channels.Message) {
	r.t.Helper()
	r.until("a message "+text+" arrives", func() bool {
		for _, got := range r.got {
			if strings.TrimSpace(got.Text) == strings.TrimSpace(text) {
				m = got
				return true
			}
		}
		return false
	})
	return m
}

// count says how many messages with this text were kept.
func (r *rig) count(text string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.got {
		if m.Text == text {
			n++
		}
	}
	return n
}

// send posts and fails the test on an error.
func (r *rig) send(p channels.Post) channels.MessageID {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), r.h.Wait)
	defer cancel()
	id, err := r.ch.Send(ctx, p)
	if err != nil {
		r.t.Fatalf("Send: %v\n%s", err, r.log)
	}
	return id
}

// shown waits until what the viewer sees satisfies ok.
func (r *rig) shown(viewer string, group bool, what string, ok func([]Shown) bool) []Shown {
	r.t.Helper()
	deadline := time.Now().Add(r.h.Wait)
	for {
		s := r.h.Peer.Shown(r.t, viewer, group)
		if ok(s) {
			return s
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("waited in vain until %s is shown; shown: %+v\n%s", what, s, r.log)
		}
		// The peer is outside this program: there is no event to wait for.
		<-time.After(2 * time.Millisecond)
	}
}

func (r *rig) has(a string) bool { return !slices.Contains(r.h.Without, a) }

// noSecrets checks that no secret, nor half of it, is in the log or in a report.
func (r *rig) noSecrets() {
	r.t.Helper()
	r.mu.Lock()
	text := r.log.String()
	for _, s := range r.reports {
		text += s.Detail + s.Bot
	}
	r.mu.Unlock()
	r.leaks("the log and the reports", text)
}

// leaks fails the test if text holds a secret of the harness or 8 characters of one.
func (r *rig) leaks(where, text string) {
	r.t.Helper()
	for _, set := range []map[string]string{r.h.Secrets, r.h.Bad} {
		for field, v := range set {
			if f := r.field(field); f {
				continue
			}
			for i := 0; i+8 <= len(v); i++ {
				if strings.Contains(text, v[i:i+8]) {
					r.t.Errorf("%s hold %q of %s", where, v[i:i+8], field)
					break
				}
			}
		}
	}
}

// field reports whether a field is no secret by itself.
func (r *rig) field(name string) bool {
	for _, f := range r.h.Service.Secrets {
		if f.Name == name {
			return f.Plain
		}
	}
	return false
}
