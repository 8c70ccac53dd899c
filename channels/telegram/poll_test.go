package telegram_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// TestOffset: what the core did not keep is never confirmed, and is read again after a restart; what it kept is not.
func TestOffset(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.run()
		r.say(r.dm, telegramtest.Line{Text: "one"})
		r.setRefuse(true)
		r.say(r.dm, telegramtest.Line{Text: "two"})
		r.say(r.dm, telegramtest.Line{Text: "three"})
		r.pass(time.Minute)
		r.want(status.Degraded, "cannot be kept")
		if n := r.bot.Pending(); n != 2 {
			t.Errorf("%d updates wait at Telegram; want the 2 that were not kept", n)
		}
		r.stop() // with both not kept
		r.setRefuse(false)
		r.open(r.s.Transport())
		r.run()
		r.pass(time.Second)
		if got := r.texts(); got != "one|two|three" {
			t.Errorf("kept %q; want each once, in order", got)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if _, ok := r.marks["offset:123456"]; !ok || len(r.marks) != 1 {
			t.Errorf("marks are %v; want one, named by the bot's id", r.marks)
		}
	})
}

// TestMark: Telegram may have lost what was confirmed; the mark that was kept with the messages says where to go on.
func TestMark(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "kept before the crash"})
		r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "new"})
		r.marks["offset:123456"] = "500001"
		r.run()
		if got := r.texts(); got != "new" {
			t.Errorf("read %q; want what follows the mark", got)
		}
	})
}

func TestDropPending(t *testing.T) {
	bubble(t, telegram.Settings{DropPending: true}, func(t *testing.T, r *rig) {
		r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "old"})
		r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "older than the start"})
		r.run()
		r.say(r.dm, telegramtest.Line{Text: "new"})
		r.stop()
		r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "while it restarted"})
		r.run()
		if got := r.texts(); got != "new|while it restarted" {
			t.Errorf("read %q; want what came after the first start, all of it", got)
		}
	})
}

// TestFaults: whatever happens to polls, they go on, what was said is read once, and the state tells the truth.
func TestFaults(t *testing.T) {
	for name, f := range map[string]telegramtest.Fault{
		"HTML 502":       {Code: 502, HTML: true},
		"HTML 200":       {Code: 200, HTML: true},
		"500":            {Code: 500, Text: "Internal Server Error"},
		"429":            {RetryAfter: 3},
		"reset":          {Drop: true},
		"answer lost":    {Lose: true},
		"reset mid-body": {Cut: 20},
		"hangs":          {Hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
				r.run()
				r.pass(time.Minute)
				f.Method, f.Times = "getUpdates", 3
				r.s.Fail(f)
				r.pass(30 * time.Second) // the poll that was held before ends
				r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "hello"})
				r.pass(4 * time.Minute)
				if got := r.texts(); got != "hello" {
					t.Errorf("read %q", got)
				}
				r.want(status.Connected, "")
				if d := time.Since(r.state().Alive); d > 40*time.Second {
					t.Errorf("the last completed poll is %v ago", d)
				}
			})
		})
	}
}

// TestOutage: an hour without Telegram is a state, not a storm of requests, and ends by itself.
func TestOutage(t *testing.T) {
	for name, f := range map[string]telegramtest.Fault{"502": {Code: 502, HTML: true}, "hang": {Hang: true}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
				r.run()
				f.Method, f.Times = "getUpdates", -1
				r.s.Fail(f)
				var tries atomic.Int64
				r.open(count{r.s.Transport(), "getUpdates", &tries})
				r.stop()
				r.run()
				r.pass(time.Hour)
				r.want(status.Connecting, "Telegram cannot be reached")
				if n := tries.Load(); n > 300 || n < 30 {
					t.Errorf("%d polls in an hour", n)
				}
				r.s.Heal()
				r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "hello"})
				r.pass(time.Minute)
				r.want(status.Connected, "")
				if got := r.texts(); got != "hello" {
					t.Errorf("read %q", got)
				}
			})
		})
	}
}

// count counts the requests for a method.
type count struct {
	http.RoundTripper
	method string
	n      *atomic.Int64
}

func (c count) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, c.method) {
		c.n.Add(1)
	}
	return c.RoundTripper.RoundTrip(r)
}

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
		r.want(status.Connecting, "the name telegram.invalid is not found")
		_, sent := r.ch.Send(t.Context(), channels.Post{To: r.conv(r.dm), Text: "x"})
		if sent == nil {
			t.Error("Send without a network gave no error")
		}
		r.clean(sent)
		r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "hello"})
		err.Store(nil)
		r.pass(time.Minute)
		r.want(status.Connected, "")
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
		if n := len(r.messages()); n == 0 || n == 100 {
			t.Errorf("%d of 100 messages were read here; the test wants both to read some", n)
		}
		r.want(status.Degraded, "Another program reads")
		r.mu.Lock()
		rival := false
		for _, s := range r.reports {
			rival = rival || s.State == status.Degraded
			if rival && s.State != status.Degraded {
				t.Errorf("the state changed to %s in the middle of it", s.State)
			}
		}
		r.mu.Unlock()
		if n := polls.Load(); n > 60 {
			t.Errorf("%d polls in ten minutes of conflict", n)
		}
		cancel()
		<-ended
		r.pass(3 * time.Minute)
		r.want(status.Connected, "")
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
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, s := range r.reports {
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
		err := <-r.done
		r.cancel = nil
		if !errors.Is(err, channels.ErrRejected) {
			t.Errorf("a token that was revoked gave %v", err)
		}
		r.want(status.Rejected, "refused the bot token")
		_, err = r.ch.Send(t.Context(), channels.Post{To: r.conv(r.dm), Text: "x"})
		if !errors.Is(err, channels.ErrRejected) {
			t.Errorf("Send gave %v", err)
		}
		for _, bad := range []string{"", "nonsense", "123456:with\nbreak", "42:AAAA"} {
			r.secret = channelsSecret(bad)
			r.open(r.s.Transport())
			if err := r.ch.Run(t.Context(), r.handle); !errors.Is(err, channels.ErrRejected) {
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

// TestUnreadable: what cannot be decoded stops nothing.
func TestUnreadable(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.run()
		r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "before"})
		r.bot.Push("message", map[string]any{"message_id": "not a number", "chat": 7, "text": []int{1}})
		r.bot.Push("message", map[string]any{"message_id": 99999, "date": 1, "chat": map[string]any{"id": r.dm.ID(), "type": "private"}, "text": map[string]any{}})
		r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "after"})
		r.pass(time.Second)
		if got := r.texts(); got != "before|after" {
			t.Errorf("read %q", got)
		}
		r.pass(time.Minute)
		if n := r.bot.Pending(); n != 0 {
			t.Errorf("%d updates are stuck", n)
		}
	})
}

// TestHeldPollDelaysNothing: with real sockets, a poll that is held keeps no message waiting.
func TestHeldPollDelaysNothing(t *testing.T) {
	h := harness(t)
	p := h.Peer.(*peer)
	r := &rig{t: t, s: p.s, bot: p.bot, set: h.Settings.(*telegram.Settings), secret: channelsSecret(token), marks: map[string]string{}}
	r.open(http.DefaultTransport)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.ch.Run(ctx, r.handle) }()
	ann := p.person("ann")
	dm := p.chat("ann", false)
	p.s.Say(ann, dm, telegramtest.Line{Text: "hi"})
	for i := range 20 {
		start := time.Now()
		if _, err := r.ch.Send(t.Context(), channels.Post{To: r.conv(dm), Text: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("a message took %v while a poll was held", d)
		}
	}
	cancel()
	start := time.Now()
	if err := <-done; err != nil || time.Since(start) > 5*time.Second {
		t.Errorf("Run gave %v after %v", err, time.Since(start))
	}
}

func TestAnswersEveryPress(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.run()
		r.say(r.dm, telegramtest.Line{Text: "hi"})
		id := r.post(channels.Post{To: r.conv(r.dm), Text: "which?", Choices: []channels.Choice{{Label: "A", Press: "a"}, {Label: "B", Press: "b"}}})
		n := number(id)
		r.setRefuse(true) // the core is in trouble; the button must not wait for that
		first := r.s.Press(r.ann, r.dm, n, "A")
		r.pass(10 * time.Second)
		if ok, _ := r.s.Answered(first); !ok {
			t.Error("a press was not answered while the core refused")
		}
		r.setRefuse(false)
		r.pass(10 * time.Second)
		second := r.s.Press(r.ann, r.dm, n, "B")
		r.pass(time.Second)
		if ok, _ := r.s.Answered(second); !ok {
			t.Error("a press was not answered")
		}
		m := r.last()
		if m.Press != "b" || m.Answers != id || m.From != channels.UserID(itoa(r.ann.ID)) || !m.Private || !m.Addressed {
			t.Errorf("the press arrived as %+v", m)
		}
		if r.s.Count("answerCallbackQuery") != 2 {
			t.Errorf("answered %d times; want each once", r.s.Count("answerCallbackQuery"))
		}
		r.bot.Push("callback_query", telegramtest.Callback{ID: "77", From: *r.ann, Message: telegramtest.Message{}})
		r.pass(time.Second)
		if r.s.Count("answerCallbackQuery") != 3 {
			t.Error("a press without data was not answered")
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
		r.stop()
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
		r.want(status.Degraded, "/setprivacy")
	})
}
