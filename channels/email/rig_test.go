package email

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/email/emailtest"
	"chatgateway/internal/adapter"
)

// rig is the adapter on a server, with the little of the core that it needs.
type rig struct {
	*channeltest.Core
	t   *testing.T
	s   *emailtest.Server
	set *Settings
	ch  *channel
}

func newRig(t *testing.T, o emailtest.Options, change func(*Settings)) *rig {
	t.Helper()
	r := &rig{t: t, s: emailtest.New(t, o), Core: channeltest.NewCore(t, emailtest.Password)}
	r.set = settings(r.s)
	if change != nil {
		change(r.set)
	}
	r.open(channeltest.NewSecrets(good))
	return r
}

// open opens the channel anew, as after a restart of the program.
func (r *rig) open(secrets *channeltest.Secrets) {
	r.t.Helper()
	r.ch = r.Open(service(short), channels.Options{Secrets: secrets, Settings: r.set}).(*channel)
}

// run runs the channel, again and again as the core does, until stop.
func (r *rig) run() {
	r.t.Helper()
	r.LaunchAs(func(ctx context.Context, h channels.Handler) error {
		for {
			err := r.ch.Run(ctx, h)
			if ctx.Err() != nil || errors.Is(err, channels.ErrRejected) || errors.Is(err, channels.ErrSetup) {
				return err
			}
			if adapter.Pause(ctx, 20*time.Millisecond) != nil {
				return nil //nolint:nilerr // it was told to end
			}
		}
	})
	r.Until("it is connected", r.Connected)
}

// hear waits for a message with that text.
func (r *rig) hear(text string) channels.Message {
	r.t.Helper()
	return r.Find("the message "+text+" arrives", func(m channels.Message) bool { return strings.Contains(m.Text, text) })
}

func (r *rig) texts() string { return strings.Join(r.Texts(), "|") }

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
