package channeltest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/secret"
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
	*Core
	t *testing.T
	h Harness
}

// open makes the channel with the given secrets; it does not run yet.
func open(t *testing.T, h Harness, secrets map[string]string) *rig {
	t.Helper()
	r := &rig{Core: NewCore(t), t: t, h: h}
	if r.h.Wait == 0 {
		r.h.Wait = 10 * time.Second
	}
	r.Wait = r.h.Wait
	if r.h.Text == nil {
		r.h.Text = func(s string) string { return s }
	}
	r.Open(h.Service, channels.Options{Secrets: NewSecrets(secrets), Settings: h.Settings})
	t.Cleanup(func() { r.Stop(); r.noSecrets() })
	return r
}

// run starts Run and waits until the channel reports that it is connected.
func (r *rig) run() {
	r.t.Helper()
	r.Launch()
	r.until("the channel is connected", func() bool { return slices.ContainsFunc(r.reports, connected) })
}

// until waits for a condition, which is called with the lock held.
func (r *rig) until(what string, cond func() bool) {
	r.t.Helper()
	if ended, err := r.wait(what, cond); ended {
		r.t.Fatalf("Run returned (%v) while waiting until %s\n%s", err, what, r.Log())
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
			r.t.Fatalf("waited in vain until %s\nmessages: %+v\nreports: %+v\n%s", what, r.Messages(), r.Reports(), r.Log())
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
		r.t.Fatalf("Send: %v\n%s", err, r.Log())
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
			r.t.Fatalf("waited in vain until %s is shown; shown: %+v\n%s", what, s, r.Log())
		}
		// The peer is outside this program: there is no event to wait for.
		<-time.After(2 * time.Millisecond)
	}
}

func (r *rig) has(a string) bool { return !slices.Contains(r.h.Without, a) }

// noSecrets checks that no secret, nor half of it, is in the log or in a report.
func (r *rig) noSecrets() {
	r.t.Helper()
	r.leaks("the log and the reports", r.told())
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
