package telegram_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/telegram"
	"chatgateway/channels/telegram/telegramtest"
	"chatgateway/internal/secret"
	"chatgateway/internal/status"
)

// rig is the adapter on the fake, in a bubble of fake time.
type rig struct {
	t      *testing.T
	s      *telegramtest.Server
	bot    *telegramtest.Bot
	ann    *telegramtest.User
	dm     *telegramtest.Chat
	set    *telegram.Settings
	ch     channels.Channel
	secret *channeltest.Secrets
	cancel context.CancelFunc
	done   chan error

	mu      sync.Mutex // guards all below
	got     []channels.Message
	moved   map[channels.ConversationID]channels.ConversationID
	marks   map[string]string
	refuse  bool
	reports []status.Channel
	log     bytes.Buffer
}

// bubble runs a test on fake time with a channel that is open but does not run.
func bubble(t *testing.T, set telegram.Settings, f func(t *testing.T, r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, s: telegramtest.New(), set: &set, marks: map[string]string{}, moved: map[channels.ConversationID]channels.ConversationID{}}
		r.bot = r.s.AddBot(token, "gateway_bot")
		r.ann = r.s.Person("Ann")
		r.dm = r.s.Private(r.bot, r.ann)
		r.secret = channeltest.NewSecrets(map[string]string{"bot_token": token})
		set.APIBase = "http://telegram.invalid"
		if set.AttachmentLimit == 0 {
			set.AttachmentLimit = 1
		}
		r.open(r.s.Transport())
		f(t, r)
		r.stop()
		r.mu.Lock()
		defer r.mu.Unlock()
		if text := r.log.String(); strings.Contains(text, token[7:]) || strings.Contains(text, "123456:") {
			t.Errorf("the token is in the log or a report:\n%s", text)
		}
	})
}

func (r *rig) open(tr http.RoundTripper) {
	r.t.Helper()
	ch, err := telegram.Service.Open(channels.Options{
		Account: "telegram", Secrets: r.secret, Settings: r.set, Client: &http.Client{Transport: tr},
		Mark: func(_ context.Context, key string) (string, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.marks[key], nil
		},
		Report: func(s status.Channel) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.reports = append(r.reports, s)
			r.log.WriteString(s.Detail + "\n")
		},
		Log: slog.New(slog.NewTextHandler(&locked{r}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.ch = ch
}

type locked struct{ r *rig }

func (l *locked) Write(p []byte) (int, error) {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	return l.r.log.Write(p)
}

func (r *rig) handle(_ context.Context, b channels.Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse {
		return errors.New("not kept")
	}
	r.got = append(r.got, b.Messages...)
	for k, v := range b.Marks {
		r.marks[k] = v
	}
	for k, v := range b.Moved {
		r.moved[k] = v
	}
	return nil
}

func (r *rig) setRefuse(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = on
}

// run starts Run and lets it come to rest.
func (r *rig) run() {
	ctx, cancel := context.WithCancel(r.t.Context())
	r.cancel, r.done = cancel, make(chan error, 1)
	go func() { r.done <- r.ch.Run(ctx, r.handle) }()
	synctest.Wait()
}

// stop ends Run and fails the test if it does not end at once and well.
func (r *rig) stop() {
	r.t.Helper()
	if r.cancel == nil {
		return
	}
	r.cancel()
	r.cancel = nil
	start := time.Now()
	if err := <-r.done; err != nil {
		r.t.Errorf("Run gave %v", err)
	}
	if d := time.Since(start); d > time.Second {
		r.t.Errorf("Run ended after %v", d)
	}
}

// say makes Ann write and gives the message that arrives, the last one so far.
func (r *rig) say(c *telegramtest.Chat, l telegramtest.Line) *telegramtest.Message {
	r.t.Helper()
	m := r.s.Say(r.ann, c, l)
	r.pass(time.Second)
	return m
}

// pass lets time pass.
func (r *rig) pass(d time.Duration) {
	time.Sleep(d) // fake time
	synctest.Wait()
}

func (r *rig) messages() []channels.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]channels.Message(nil), r.got...)
}

// last is the message that arrived last.
func (r *rig) last() channels.Message {
	r.t.Helper()
	list := r.messages()
	if len(list) == 0 {
		r.t.Fatal("nothing arrived")
	}
	return list[len(list)-1]
}

func (r *rig) texts() string {
	var list []string
	for _, m := range r.messages() {
		list = append(list, m.Text)
	}
	return strings.Join(list, "|")
}

func (r *rig) state() status.Channel {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.reports) == 0 {
		return status.Channel{}
	}
	return r.reports[len(r.reports)-1]
}

// want fails the test unless the state is s and its detail holds text.
func (r *rig) want(s status.State, text string) {
	r.t.Helper()
	if got := r.state(); got.State != s || !strings.Contains(got.Detail, text) {
		r.t.Errorf("state is %s %q; want %s %q", got.State, got.Detail, s, text)
	}
}

// post sends and fails the test on an error, unless it is one of those wanted.
func (r *rig) post(p channels.Post) channels.MessageID {
	r.t.Helper()
	id, err := r.ch.Send(r.t.Context(), p)
	if err != nil {
		r.t.Fatalf("Send: %v", err)
	}
	return id
}

// clean checks that an error tells no secret.
func (r *rig) clean(err error) {
	r.t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		if strings.Contains(e.Error(), token[7:]) || strings.Contains(e.Error(), "123456") {
			r.t.Errorf("an error tells the token: %v", e)
		}
	}
}

func (r *rig) conv(c *telegramtest.Chat) channels.ConversationID {
	return channels.ConversationID(itoa(c.ID()))
}

// shown are the texts of the bot's messages in a chat.
func (r *rig) shown(c *telegramtest.Chat) (list []string) {
	for _, m := range r.s.Shown(c) {
		list = append(list, m.Text+m.Caption)
	}
	return list
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func channelsSecret(token string) *channeltest.Secrets {
	return channeltest.NewSecrets(map[string]string{"bot_token": token})
}

func secretValues(token string) map[string]secret.String {
	return map[string]secret.String{"bot_token": secret.New(token)}
}

// number is Telegram's number of a message.
func number(id channels.MessageID) int64 {
	_, tail, _ := strings.Cut(string(id), ":")
	n, _ := strconv.ParseInt(tail, 10, 64)
	return n
}
