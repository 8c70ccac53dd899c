package twitch_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/twitch"
	"chatgateway/channels/twitch/twitchtest"
	"chatgateway/internal/status"
)

// rig is the adapter on the fake, in a bubble of fake time. The bot is no moderator.
type rig struct {
	t      *testing.T
	s      *twitchtest.Server
	bot    *twitchtest.User
	token  *twitchtest.Token
	ann    *twitchtest.User
	room   *twitchtest.Room
	secret *channeltest.Secrets
	ch     channels.Channel
	cancel context.CancelFunc
	done   chan error

	mu      sync.Mutex // guards all below
	got     []channels.Message
	refuse  bool
	reports []status.Channel
	log     bytes.Buffer
}

// bubble runs a test on fake time with a channel that does not run yet. prepare may change what is there before.
func bubble(t *testing.T, set twitch.Settings, prepare func(*rig), f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, s: twitchtest.New(), secret: channeltest.NewSecrets(map[string]string{"token": "oauth:" + token})}
		r.bot, r.ann = r.s.AddUser("gateway_bot"), r.s.AddUser("ann")
		r.token = r.s.AddToken(r.bot, token, 0)
		r.room = r.s.AddRoom("streamer")
		if prepare != nil {
			prepare(r)
		}
		if set.ChannelName == "" {
			set.ChannelName = "streamer"
		}
		set.Prefix = "!"
		if set.Parts == 0 {
			set.Parts = 2
		}
		set.APIBase = "https://twitch.invalid"
		ch, err := twitch.Service.Open(channels.Options{
			Account: "twitch", Secrets: r.secret, Settings: &set, Client: &http.Client{Transport: r.s},
			Report: func(s status.Channel) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.reports = append(r.reports, s)
				r.log.WriteString(s.Detail + "\n")
			},
			Log: slog.New(slog.NewTextHandler(&locked{r}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		if err != nil {
			t.Fatal(err)
		}
		twitch.SetDial(ch, r.s.Dial)
		r.ch = ch
		f(t, r)
		r.stop()
		r.s.Close()
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, secret := range []string{token, "fakerefresh", "fakeaccess", "fakesecret"} {
			if strings.Contains(r.log.String(), secret) {
				t.Errorf("%s is in the log or a report:\n%s", secret, r.log.String())
			}
		}
	})
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
	return nil
}

// run starts Run and lets it come to rest.
func (r *rig) run() {
	ctx, cancel := context.WithCancel(r.t.Context())
	r.cancel, r.done = cancel, make(chan error, 1)
	go func() { r.done <- r.ch.Run(ctx, r.handle) }()
	synctest.Wait()
}

// ended gives what Run returned by itself.
func (r *rig) ended() error {
	r.t.Helper()
	synctest.Wait()
	select {
	case err := <-r.done:
		r.cancel()
		r.cancel = nil
		return err
	default:
		r.t.Fatal("Run goes on")
		return nil
	}
}

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

// pass lets time pass.
func (r *rig) pass(d time.Duration) {
	time.Sleep(d) // fake time
	synctest.Wait()
}

// say makes Ann say something and gives what arrived, if anything did.
func (r *rig) say(what twitchtest.Said) (m channels.Message, ok bool) {
	before := len(r.messages())
	r.s.Say(r.ann, r.room, what)
	synctest.Wait()
	if list := r.messages(); len(list) > before {
		return list[len(list)-1], true
	}
	return m, false
}

// ask makes Ann ask the bot, and fails the test if that does not arrive.
func (r *rig) ask(text string) channels.Message {
	r.t.Helper()
	m, ok := r.say(twitchtest.Said{Text: "@gateway_bot " + text})
	if !ok {
		r.t.Fatalf("%q did not arrive", text)
	}
	return m
}

func (r *rig) messages() []channels.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]channels.Message(nil), r.got...)
}

// post sends and fails the test on an error.
func (r *rig) post(p channels.Post) channels.MessageID {
	r.t.Helper()
	id, err := r.ch.Send(r.t.Context(), p)
	if err != nil {
		r.t.Fatalf("Send: %v", err)
	}
	return id
}

// shown are the texts that the bot said in the room.
func (r *rig) shown() (list []string) {
	for _, m := range r.s.Messages(r.room, "gateway_bot") {
		list = append(list, m.Text)
	}
	return list
}

// want fails the test unless the state is s and its detail holds text.
func (r *rig) want(s status.State, text string) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.reports) == 0 {
		r.t.Fatal("nothing was reported")
	}
	if got := r.reports[len(r.reports)-1]; got.State != s || !strings.Contains(got.Detail, text) {
		r.t.Errorf("state is %s %q; want %s %q", got.State, got.Detail, s, text)
	}
}
