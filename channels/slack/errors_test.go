package slack

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/slack/slacktest"
)

func class(err error) string {
	var e *apiError
	return channeltest.Class(err, errors.As(err, &e) && e.passing())
}

// TestErrors: each documented error is of the one class that it should be, and has a sentence.
func TestErrors(t *testing.T) {
	t.Parallel()
	named := map[string]bool{}
	channeltest.Classes(t, "testdata/errors.txt", func(want string, codes []string) {
		for _, code := range codes {
			named[code] = true
			err := wrap("send", slackgo.SlackErrorResponse{Err: code})
			if got := class(err); got != want || sentence(err) == "" {
				t.Errorf("%s is %s, want %s; it says %q", code, got, want, sentence(err))
			}
		}
	})
	for _, list := range [][]string{rejections, setups, losses, closings, absences, inabilities, refusals, troubles, limits, {fileTooLarge}} {
		for _, code := range list {
			if !named[code] {
				t.Errorf("%s is decided by, and not in testdata/errors.txt", code)
			}
		}
	}
	for status, want := range map[int]string{http.StatusUnauthorized: "rejected", http.StatusTooManyRequests: "passing", http.StatusRequestTimeout: "passing",
		http.StatusServiceUnavailable: "passing", http.StatusBadRequest: "other", http.StatusForbidden: "other"} {
		if got := class(wrap("send", slackgo.StatusCodeError{Code: status})); got != want {
			t.Errorf("status %d is %s, want %s", status, got, want)
		}
	}
}

func TestSentences(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"not_allowed_token_type": "xapp-", "token_revoked": "copy both anew", "missing_scope": "OAuth & Permissions", "messages_tab_disabled": "App Home",
		"not_in_channel": "/invite", "restricted_action_thread_locked": "outside of it", "user_disabled": "that person", "is_archived": "is gone",
		"restricted_action": "ask an admin", "invalid_blocks": "this text or its buttons", fileTooLarge: "smaller", "internal_error": "in a minute",
		"ratelimited": "in a minute", "no_such_name": "log",
	} {
		if got := sentence(wrap("send", slackgo.SlackErrorResponse{Err: code})); !strings.Contains(got, want) {
			t.Errorf("%s says %q, want %q in it", code, got, want)
		}
	}
}

// TestLimitWithoutTime: some methods refuse for a while in an answer that names no time. What is final waits, what grows
// does not.
func TestLimitWithoutTime(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Say(slacktest.Said{Person: "ann", Text: "hello"})
	m := b.Heard("hello")
	b.s.Refuse("chat.postMessage", "rate_limited")
	var busy *channels.Busy
	if _, err := b.c.Send(t.Context(), channels.Post{To: m.Conversation, Text: "grows", Partial: true}); !errors.As(err, &busy) {
		t.Errorf("what grows: %v", err)
	}
	sent := make(chan error, 1)
	go func() { // ends with the post; the test reads sent
		_, err := b.c.Send(t.Context(), channels.Post{To: m.Conversation, Text: "final"})
		sent <- err
	}()
	b.Until("it is tried oftener than trouble is", func() bool { return b.s.Calls("chat.postMessage") > tries+1 })
	b.s.Refuse("chat.postMessage", "")
	if err := <-sent; err != nil {
		t.Errorf("what is final: %v", err)
	}
	b.shows("ann", "")
}

// TestAnswerRefused: the address that came with a command refuses in words, not in JSON. What is for one person is then shown
// by name, and to nobody else.
func TestAnswerRefused(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	for n, c := range []struct {
		status int
		body   string
	}{{http.StatusNotFound, "no_service"}, {http.StatusForbidden, "invalid_token"}, {http.StatusNotFound, `{"ok":false,"error":"expired_url"}`}, {http.StatusNotFound, "<html>"}} {
		b.s.Slash("ann", b.s.Channel, "/gateway", "try "+itoa(n))
		m := b.Heard("try " + itoa(n))
		b.s.RefuseReplies(c.status, c.body)
		if _, err := b.c.Send(t.Context(), channels.Post{To: m.Conversation, Answers: m.ID, Only: m.From, Text: "alone " + c.body}); err != nil {
			t.Errorf("%d %s: %v", c.status, c.body, err)
		}
		b.s.RefuseReplies(0, "")
	}
	if seen := b.s.See("ann", b.s.Channel); len(seen) != 4 {
		t.Errorf("ann sees %+v", seen)
	}
	if seen := b.s.See("bob", b.s.Channel); len(seen) != 0 {
		t.Errorf("bob sees %+v", seen)
	}
	b.s.Slash("ann", b.s.Channel, "/gateway", "archived")
	m := b.Heard("archived")
	b.s.RefuseReplies(http.StatusGone, "channel_is_archived")
	if _, err := b.c.Send(t.Context(), channels.Post{To: m.Conversation, Answers: m.ID, Only: m.From, Text: "x"}); !errors.Is(err, channels.ErrGone) {
		t.Errorf("archived: %v", err)
	}
}

// TestStreamLeft: what an earlier run of the program began to stream cannot be edited before the stream is ended.
func TestStreamLeft(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	d, m := b.streams("tell me")
	if err := d.Show(t.Context(), "half of "); err != nil {
		t.Fatal(err)
	}
	id := messageID(b.s.Channel, b.shows("bob", b.s.Channel).TS)
	b.Stop()
	b.open(nil)
	b.start()
	began := time.Now()
	if err := b.c.Edit(t.Context(), id, channels.Post{To: m.Conversation, Text: "the whole"}); err != nil {
		t.Fatalf("Edit after %s: %v", time.Since(began), err)
	}
	if s := b.shows("bob", b.s.Channel); s.Streaming || s.Text != "the whole" {
		t.Errorf("shown: %+v", s)
	}
}
