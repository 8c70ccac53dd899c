package telegram_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
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
		r.Refuse(-1)
		r.say(r.dm, telegramtest.Line{Text: "two"})
		r.say(r.dm, telegramtest.Line{Text: "three"})
		r.pass(time.Minute)
		r.Want(status.Degraded, "cannot be kept")
		if n := r.bot.Pending(); n != 2 {
			t.Errorf("%d updates wait at Telegram; want the 2 that were not kept", n)
		}
		r.Stop() // with both not kept
		r.Refuse(0)
		r.open(r.s.Transport())
		r.run()
		r.pass(time.Second)
		if got := r.texts(); got != "one|two|three" {
			t.Errorf("kept %q; want each once, in order", got)
		}
		if _, ok := r.Marks()["offset:123456"]; !ok || len(r.Marks()) != 1 {
			t.Errorf("marks are %v; want one, named by the bot's id", r.Marks())
		}
	})
}

// TestMark: Telegram may have lost what was confirmed; the mark that was kept with the messages says where to go on.
func TestMark(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "kept before the crash"})
		r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "new"})
		r.Mark("offset:123456", "500001")
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
		r.Stop()
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
				r.Want(status.Connected, "")
				if d := time.Since(r.State().Alive); d > 40*time.Second {
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
				r.Stop()
				r.run()
				r.pass(time.Hour)
				r.Want(status.Connecting, "Telegram cannot be reached")
				if n := tries.Load(); n > 300 || n < 30 {
					t.Errorf("%d polls in an hour", n)
				}
				r.s.Heal()
				r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "hello"})
				r.pass(time.Minute)
				r.Want(status.Connected, "")
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
	r := &rig{Core: newCore(t), t: t, s: p.s, bot: p.bot, set: h.Settings.(*telegram.Settings), secret: channelsSecret(token)}
	r.open(http.DefaultTransport)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	arrived := make(chan struct{}, 1)
	go func() {
		done <- r.ch.Run(ctx, func(ctx context.Context, b channels.Batch) error {
			arrived <- struct{}{}
			return r.Handle(ctx, b)
		})
	}()
	ann := p.person("ann")
	dm := p.chat("ann", false)
	p.s.Say(ann, dm, telegramtest.Line{Text: "hi"})
	<-arrived
	polls := r.s.Count("getUpdates")
	for i := range 20 {
		if _, err := r.ch.Send(t.Context(), channels.Post{To: r.conv(dm), Text: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run gave %v", err)
	}
	if n := r.s.Count("getUpdates") - polls; n > 1 {
		t.Errorf("%d polls were begun before 20 messages were sent and Run had ended; want the one that is held", n)
	}
}

func TestAnswersEveryPress(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.run()
		r.say(r.dm, telegramtest.Line{Text: "hi"})
		id := r.Send(channels.Post{To: r.conv(r.dm), Text: "which?", Choices: []channels.Choice{{Label: "A", Press: "a"}, {Label: "B", Press: "b"}}})
		n := number(id)
		r.Refuse(-1) // the core is in trouble; the button must not wait for that
		first := r.s.Press(r.ann, r.dm, n, "A")
		r.pass(10 * time.Second)
		if ok, _ := r.s.Answered(first); !ok {
			t.Error("a press was not answered while the core refused")
		}
		r.Refuse(0)
		r.pass(10 * time.Second)
		second := r.s.Press(r.ann, r.dm, n, "B")
		r.pass(time.Second)
		if ok, _ := r.s.Answered(second); !ok {
			t.Error("a press was not answered")
		}
		m := r.Last()
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
