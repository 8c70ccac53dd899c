package slack

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/slack/slacktest"
	"chatgateway/internal/status"
)

// bot is a channel under test, with the little store that the core would give it.
type bot struct {
	t testing.TB
	s *slacktest.Server
	c *channel

	mu      sync.Mutex
	got     []channels.Message          // guarded by mu: what was kept, once each
	seen    map[channels.MessageID]bool // guarded by mu
	marks   map[string]string           // guarded by mu
	reports []status.Channel            // guarded by mu
	handed  int                         // guarded by mu: how many messages were handed in and kept, doubles too
	refuse  int                         // guarded by mu: calls of the handler that still fail; below 0: all
	hook    func(channels.Message)      // guarded by mu
	log     bytes.Buffer                // guarded by mu
	cancel  context.CancelFunc
	done    chan error
}

// newBot makes a bot on a new server. It does not run yet.
func newBot(t testing.TB, o slacktest.Options, change func(*Settings, *times)) *bot {
	t.Helper()
	b := &bot{t: t, s: slacktest.New(t, o), seen: map[channels.MessageID]bool{}, marks: map[string]string{}}
	b.open(change)
	t.Cleanup(func() {
		b.stop()
		b.mu.Lock()
		defer b.mu.Unlock()
		text := b.log.String()
		for _, r := range b.reports {
			text += r.Detail
		}
		for _, secret := range []string{slacktest.BotToken, slacktest.AppToken[14:], "reply-secret", "trigger."} {
			if strings.Contains(text, secret) {
				t.Errorf("the log or a report holds %q:\n%s", secret, text)
			}
		}
	})
	return b
}

// open makes the channel, as a new process would.
func (b *bot) open(change func(*Settings, *times)) {
	b.t.Helper()
	set, ts := settings(b.s), short
	if change != nil {
		change(set, &ts)
	}
	ch, err := service(ts).Open(channels.Options{
		Account: "slack", Secrets: channeltest.NewSecrets(secrets()), Settings: set,
		Mark: func(_ context.Context, key string) (string, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.marks[key], nil
		},
		Report: func(s status.Channel) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.reports = append(b.reports, s)
		},
		Log: slog.New(slog.NewTextHandler(writer{b}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		b.t.Fatalf("open: %v", err)
	}
	b.c = ch.(*channel)
	menu := []channels.Command{{Name: "help", Help: "Lists the commands"}, {Name: "login", Help: "Signs in", Private: true,
		Args: []channels.Arg{{Name: "provider", Optional: true}, {Name: "key", Optional: true, Secret: true}}}, {Name: "model", Help: "Chooses a model"}}
	if err := b.c.SetMenu(b.t.Context(), menu); err != nil {
		b.t.Fatal(err)
	}
}

type writer struct{ b *bot }

func (w writer) Write(p []byte) (int, error) {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	return w.b.log.Write(p)
}

// start runs the channel and waits until it is connected.
func (b *bot) start() *bot {
	b.t.Helper()
	b.launch()
	b.until("it is connected", func() bool { return b.state().State == status.Connected || b.state().State == status.Degraded })
	return b
}

// launch runs the channel.
func (b *bot) launch() {
	b.mu.Lock()
	b.reports = nil
	b.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel, b.done = cancel, make(chan error, 1)
	go func() { b.done <- b.c.Run(ctx, b.handle) }()
}

// stop ends Run.
func (b *bot) stop() {
	if b.cancel == nil {
		return
	}
	b.cancel()
	b.cancel = nil
	select {
	case err := <-b.done:
		if err != nil {
			b.t.Errorf("Run gave %v after its context ended", err)
		}
	case <-time.After(15 * time.Second):
		b.t.Error("Run did not end")
	}
}

// failed waits until Run returns by itself.
func (b *bot) failed() error {
	b.t.Helper()
	select {
	case err := <-b.done:
		b.cancel()
		b.cancel = nil
		return err
	case <-time.After(15 * time.Second):
		b.t.Fatal("Run did not return")
		return nil
	}
}

func (b *bot) handle(_ context.Context, batch channels.Batch) error {
	b.mu.Lock()
	if b.refuse != 0 {
		b.refuse--
		b.mu.Unlock()
		return errors.New("not kept")
	}
	b.handed += len(batch.Messages)
	var news []channels.Message
	for _, m := range batch.Messages {
		if !m.Edited && b.seen[m.ID] {
			continue
		}
		b.seen[m.ID] = true
		b.got = append(b.got, m)
		news = append(news, m)
	}
	maps.Copy(b.marks, batch.Marks)
	hook := b.hook
	b.mu.Unlock()
	for _, m := range news {
		if hook != nil {
			hook(m)
		}
	}
	return nil
}

// state gives the last report.
func (b *bot) state() status.Channel {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.reports) == 0 {
		return status.Channel{}
	}
	return b.reports[len(b.reports)-1]
}

func (b *bot) until(what string, ok func() bool) {
	b.t.Helper()
	defer func() {
		if b.t.Failed() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.t.Logf("reports: %+v\n%s", b.reports, b.log.String())
		}
	}()
	until(b.t, what, ok)
}

// heard waits for the message with a text; "press x" for a press.
func (b *bot) heard(text string) (m channels.Message) {
	b.t.Helper()
	b.until("it hears "+text, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		n := slices.IndexFunc(b.got, func(m channels.Message) bool {
			return m.Text == text && m.Press == "" || "press "+string(m.Press) == text
		})
		if n >= 0 {
			m = b.got[n]
		}
		return n >= 0
	})
	return m
}

// texts lists what was kept.
func (b *bot) texts() (out []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.got {
		out = append(out, m.Text)
	}
	return out
}

// settled waits until the server has nothing left that is not acknowledged.
func (b *bot) settled() {
	b.t.Helper()
	b.until("everything is acknowledged", func() bool { return b.s.Unacked() == 0 })
}

// at is a mention of the bot before a text.
func at(text string) string { return "<@" + slacktest.BotUser + "> " + text }

func (b *bot) send(p channels.Post) channels.MessageID {
	b.t.Helper()
	id, err := b.c.Send(b.t.Context(), p)
	if err != nil {
		b.t.Fatalf("Send: %v", err)
	}
	return id
}

// shows gives the one message of the bot's that a person sees in a channel.
func (b *bot) shows(person, channel string) slacktest.Shown {
	b.t.Helper()
	s := b.s.See(person, channel)
	if len(s) != 1 {
		b.t.Fatalf("%s sees %d messages, want one: %+v", person, len(s), s)
	}
	return s[0]
}
