package email

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/email/emailtest"
	"chatgateway/internal/status"
)

// rig is the adapter on a server, with a core that keeps marks and messages.
type rig struct {
	t      *testing.T
	s      *emailtest.Server
	set    *Settings
	ch     *channel
	cancel context.CancelFunc
	done   chan error
	answer func(channels.Message) // called for every message taken; may send

	mu      sync.Mutex // guards all below
	got     []channels.Message
	seen    map[channels.MessageID]bool
	marks   map[string]string
	reports []status.Channel
	fail    int // so many batches are refused
	log     bytes.Buffer
}

func newRig(t *testing.T, o emailtest.Options, change func(*Settings)) *rig {
	t.Helper()
	r := &rig{t: t, s: emailtest.New(t, o), marks: map[string]string{}, seen: map[channels.MessageID]bool{}}
	r.set = settings(r.s)
	if change != nil {
		change(r.set)
	}
	r.open(channeltest.NewSecrets(good))
	t.Cleanup(func() {
		r.stop()
		r.mu.Lock()
		defer r.mu.Unlock()
		if strings.Contains(r.log.String(), emailtest.Password) {
			t.Error("the password is in the log")
		}
	})
	return r
}

// open opens the channel anew, as after a restart of the program.
func (r *rig) open(secrets *channeltest.Secrets) {
	r.t.Helper()
	ch, err := service(short).Open(channels.Options{
		Account: "email", Secrets: secrets, Settings: r.set,
		Mark: func(_ context.Context, key string) (string, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.marks[key], nil
		},
		Report: func(s status.Channel) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.reports = append(r.reports, s)
		},
		Log: slog.New(slog.NewTextHandler(&locked{r}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.ch = ch.(*channel)
}

type locked struct{ r *rig }

func (l *locked) Write(p []byte) (int, error) {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	return l.r.log.Write(p)
}

// run runs the channel, again and again as the core does, until stop.
func (r *rig) run() {
	ctx, cancel := context.WithCancel(r.t.Context())
	r.cancel, r.done = cancel, make(chan error, 1)
	n := len(r.states())
	go func() {
		for {
			err := r.ch.Run(ctx, r.handle)
			if ctx.Err() != nil || errors.Is(err, channels.ErrRejected) || errors.Is(err, channels.ErrSetup) {
				r.done <- err
				return
			}
			if sleep(ctx, 20*time.Millisecond) != nil {
				r.done <- nil
				return
			}
		}
	}()
	r.until("it is connected", func() bool {
		for _, s := range r.reports[n:] {
			if s.State == status.Connected || s.State == status.Degraded {
				return true
			}
		}
		return false
	})
}

func (r *rig) states() []status.Channel {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]status.Channel(nil), r.reports...)
}

func (r *rig) stop() {
	r.t.Helper()
	if r.cancel == nil {
		return
	}
	r.cancel()
	r.cancel = nil
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Errorf("Run gave %v", err)
		}
	case <-time.After(10 * time.Second):
		r.t.Fatal("Run does not end")
	}
}

func (r *rig) handle(_ context.Context, b channels.Batch) error {
	r.mu.Lock()
	if r.fail > 0 && len(b.Messages) > 0 {
		r.fail--
		r.mu.Unlock()
		return errors.New("not kept")
	}
	var news []channels.Message
	for _, m := range b.Messages {
		if !r.seen[m.ID] {
			r.seen[m.ID] = true
			r.got = append(r.got, m)
			news = append(news, m)
		}
	}
	for k, v := range b.Marks {
		r.marks[k] = v
	}
	r.mu.Unlock()
	for _, m := range news {
		if r.answer != nil && m.From != "" {
			r.answer(m)
		}
	}
	return nil
}

// until waits for a condition; the lock is held while it is asked.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		r.mu.Lock()
		yes, log := ok(), ""
		if time.Now().After(deadline) {
			log = r.log.String()
		}
		r.mu.Unlock()
		if yes {
			return
		}
		if log != "" || time.Now().After(deadline.Add(time.Second)) {
			r.t.Fatalf("waited in vain until %s\n%s", what, log[max(0, len(log)-3000):])
		}
		<-time.After(2 * time.Millisecond) // the server is no part of this program's events
	}
}

// hear waits for a message with that text.
func (r *rig) hear(text string) (m channels.Message) {
	r.t.Helper()
	r.until("the message "+text+" arrives", func() bool {
		for _, got := range r.got {
			if strings.Contains(got.Text, text) {
				m = got
				return true
			}
		}
		return false
	})
	return m
}

func (r *rig) texts() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for _, m := range r.got {
		list = append(list, m.Text)
	}
	return strings.Join(list, "|")
}

func (r *rig) put(from, subject, text, id string, refs ...string) {
	r.t.Helper()
	r.s.Put(r.t, "INBOX", []byte(mailOf(from, subject, text, id, refs)), time.Now())
}

func (r *rig) send(p channels.Post) *mail.Message {
	r.t.Helper()
	n := len(r.s.Sent())
	if _, err := r.ch.Send(r.t.Context(), p); err != nil {
		r.t.Fatalf("Send: %v", err)
	}
	sent := r.s.Sent()
	if len(sent) != n+1 {
		r.t.Fatalf("%d mails were sent; want one", len(sent)-n)
	}
	m, err := mail.ReadMessage(bytes.NewReader(sent[n].Raw))
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

func want(t *testing.T, m *mail.Message, field, value string) {
	t.Helper()
	if got := strings.Join(strings.Fields(m.Header.Get(field)), " "); got != value {
		t.Errorf("%s is %q; want %q", field, got, value)
	}
}

func nth(format string, n int) string { return fmt.Sprintf(format, n) }
