package telegram_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/telegram"
	"chatgateway/channels/telegram/telegramtest"
	"chatgateway/internal/status"
)

// failing fails dials until it is healed.
type failing struct {
	http.RoundTripper
	err *atomic.Pointer[net.OpError]
}

func (f failing) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := f.err.Load(); err != nil {
		return nil, err
	}
	return f.RoundTripper.RoundTrip(r)
}

// TestNoName: at the start there is no network yet.
func TestNoName(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		var err atomic.Pointer[net.OpError]
		err.Store(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "telegram.invalid", IsNotFound: true}})
		r.open(failing{r.s.Transport(), &err})
		r.run()
		r.pass(5 * time.Minute)
		r.Want(status.Connecting, "the name telegram.invalid is not found")
		_, sent := r.ch.Send(t.Context(), channels.Post{To: r.conv(r.dm), Text: "x"})
		if sent == nil {
			t.Error("Send without a network gave no error")
		}
		r.clean(sent)
		r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "hello"})
		err.Store(nil)
		r.pass(time.Minute)
		r.Want(status.Connected, "")
		if got := r.texts(); got != "hello" {
			t.Errorf("read %q", got)
		}
	})
}

// other is another program that polls for the same bot.
func other(ctx context.Context, r *rig) {
	offset := int64(0)
	for ctx.Err() == nil {
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://telegram.invalid/bot"+token+"/getUpdates?timeout=25&offset="+itoa(offset), nil)
		resp, err := r.s.Transport().RoundTrip(req)
		if err != nil {
			continue
		}
		var a struct {
			Result []struct {
				ID int64 `json:"update_id"`
			} `json:"result"`
		}
		_ = json.NewDecoder(resp.Body).Decode(&a)
		if resp.StatusCode != http.StatusOK {
			time.Sleep(5 * time.Second) // fake time
		}
		for _, u := range a.Result {
			offset = u.ID + 1
		}
	}
}

// TestRival: another program that polls is told of, never fought with a storm of polls, and forgotten once it has gone.
func TestRival(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		var polls atomic.Int64
		r.open(count{r.s.Transport(), "getUpdates", &polls})
		r.run()
		r.pass(time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { other(ctx, r); close(ended) }()
		polls.Store(0)
		for range 100 { // each reads some of the messages
			r.pass(6 * time.Second)
			r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "for whom?"})
		}
		if n := len(r.Messages()); n == 0 || n == 100 {
			t.Errorf("%d of 100 messages were read here; the test wants both to read some", n)
		}
		r.Want(status.Degraded, "Another program reads")
		rival := false
		for _, s := range r.Reports() {
			rival = rival || s.State == status.Degraded
			if rival && s.State != status.Degraded {
				t.Errorf("the state changed to %s in the middle of it", s.State)
			}
		}
		if n := polls.Load(); n > 60 {
			t.Errorf("%d polls in ten minutes of conflict", n)
		}
		cancel()
		<-ended
		r.pass(3 * time.Minute)
		r.Want(status.Connected, "")
	})
}

// TestOwnConflict: a poll of an earlier run that Telegram still holds is no other program.
func TestOwnConflict(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.s.Fail(telegramtest.Fault{Method: "getUpdates", Times: 2, Code: 409, Text: "Conflict: terminated by other getUpdates request"})
		r.run()
		r.pass(10 * time.Second)
		r.say(r.dm, telegramtest.Line{Text: "hello"})
		if got := r.texts(); got != "hello" {
			t.Errorf("read %q", got)
		}
		for _, s := range r.Reports() {
			if s.State == status.Degraded {
				t.Errorf("it reported %q", s.Detail)
			}
		}
	})
}

func TestWebhook(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.bot.SetWebhook("https://example.org/hook")
		r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "hello"})
		r.run()
		r.pass(time.Minute)
		if r.bot.Webhook() != "" || r.texts() != "hello" {
			t.Errorf("the webhook is %q, read %q; want none, and what waited", r.bot.Webhook(), r.texts())
		}
	})
}

func TestRejected(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.run()
		r.s.Revoke(token)
		err := r.Failed()
		if !errors.Is(err, channels.ErrRejected) {
			t.Errorf("a token that was revoked gave %v", err)
		}
		r.Want(status.Rejected, "refused the bot token")
		_, err = r.ch.Send(t.Context(), channels.Post{To: r.conv(r.dm), Text: "x"})
		if !errors.Is(err, channels.ErrRejected) {
			t.Errorf("Send gave %v", err)
		}
		for _, bad := range []string{"", "nonsense", "123456:with\nbreak", "42:AAAA"} {
			r.secret = channelsSecret(bad)
			r.open(r.s.Transport())
			if err := r.ch.Run(t.Context(), r.Handle); !errors.Is(err, channels.ErrRejected) {
				t.Errorf("the token %q gave %v", bad, err)
			}
		}
	})
}

// TestNewToken: Send uses the token that holds now.
func TestNewToken(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		const renewed = "123456:FAKE-renewed-token"
		r.say(r.dm, telegramtest.Line{Text: "hi"})
		if err := r.secret.Store(t.Context(), secretValues(renewed)); err != nil {
			t.Fatal(err)
		}
		_, err := r.ch.Send(t.Context(), channels.Post{To: r.conv(r.dm), Text: "x"})
		if !errors.Is(err, channels.ErrRejected) {
			t.Errorf("Send gave %v; want the new token to be used, which the service does not know", err)
		}
		if strings.Contains(err.Error(), renewed[7:]) {
			t.Errorf("the error tells the token: %v", err)
		}
	})
}

func TestCheck(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		check := func(want ...string) {
			t.Helper()
			lines, err := r.ch.(channels.Tester).Test(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range want {
				if !strings.Contains(strings.Join(lines, "\n"), w) {
					t.Errorf("%q is not in %q", w, lines)
				}
			}
		}
		r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "waits"})
		check("@gateway_bot (123456)", "Privacy mode is on", "Nothing else reads")
		if r.bot.Pending() != 1 {
			t.Error("the test took a message")
		}
		r.bot.SetPrivacy(false)
		r.bot.SetWebhook("https://example.org/secret-path")
		check("Privacy mode is off", "A webhook is set")
		r.bot.SetWebhook("")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		r.run()
		r.Stop()
		go func() { other(ctx, r); close(ended) }()
		synctest.Wait()
		check("Something reads its messages already")
		cancel()
		<-ended
		r.secret = channelsSecret(badToken)
		r.open(r.s.Transport())
		if _, err := r.ch.(channels.Tester).Test(t.Context()); !errors.Is(err, channels.ErrRejected) {
			t.Errorf("a bad token gave %v", err)
		}
	})
}

func TestPrivacyHint(t *testing.T) {
	set := telegram.Settings{}
	set.GroupPolicy = "open"
	bubble(t, set, func(t *testing.T, r *rig) {
		r.run()
		r.Want(status.Degraded, "/setprivacy")
	})
}
