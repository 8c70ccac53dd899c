package discord

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/discord/discordtest"
)

func class(e *apiError) string { return channeltest.Class(e, e.passing()) }

// TestErrors: each documented code is of the one class that it should be, and has a sentence.
func TestErrors(t *testing.T) {
	t.Parallel()
	named := map[int]bool{}
	channeltest.Classes(t, "testdata/errors.txt", func(want string, words []string) {
		code, err := strconv.Atoi(words[0])
		if err != nil {
			t.Fatal(err)
		}
		named[code] = true
		e := &apiError{what: doSend, status: http.StatusBadRequest, code: code}
		if got := class(e); got != want || e.UserMessage() == "" {
			t.Errorf("%d is %s, want %s; it says %q", code, got, want, e.UserMessage())
		}
	})
	for _, code := range slices.Concat(losses, absences, setups, inabilities, refusals, sizes, delays) {
		if !named[code] {
			t.Errorf("%d is decided by, and not in testdata/errors.txt", code)
		}
	}
	for _, c := range []struct {
		status, code int
		want         string
	}{{401, 0, "rejected"}, {401, 50014, "rejected"}, {401, codeTokenOver, "other"}, {403, 0, "other"}, {404, 0, "gone"}, {404, 1, "other"}, {500, 0, "passing"}, {502, 50013, "setup+passing"}} {
		if got := class(&apiError{what: doSend, status: c.status, code: c.code}); got != c.want {
			t.Errorf("%d with code %d is %s, want %s", c.status, c.code, got, c.want)
		}
	}
}

func TestSentences(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]string{50013: "lacks a permission", 50001: "lacks a permission", 50007: "allow direct messages", 50278: "allow direct messages",
		40005: "smaller", 50045: "smaller", 50035: "this text or its buttons", 10003: "is gone", 160005: "is gone", 60003: "who runs it", 20016: "in a minute", 1: "log"} {
		if got := (&apiError{what: doSend, status: http.StatusBadRequest, code: code}).UserMessage(); !strings.Contains(got, want) {
			t.Errorf("%d says %q, want %q in it", code, got, want)
		}
	}
}

// refuse answers the next requests to messages with a code.
func (b *bot) refuse(method string, status, code, times int) {
	b.s.Fail(discordtest.Fault{Method: method, Path: "/messages", Status: status, Body: fmt.Sprintf(`{"code": %d, "message": "no"}`, code), Times: times})
}

// TestNoHistory: where the bot may write and not read what was said, it answers without naming what it replies to.
func TestNoHistory(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil).start()
	m := b.says(discordtest.Said{Person: "ann", Text: b.at("hello"), Channel: b.s.Channel})
	b.s.Lack(b.s.Channel, "history", true)
	b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Key: "k", Text: "here"})
	if s := b.shows("ann", b.s.Channel); s.Text != "here" || s.Reference != "" {
		t.Errorf("shown: %+v", s)
	}
}

// TestDelayed: what Discord does not take for a while is tried again; what grows does not wait.
func TestDelayed(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil).start()
	m := b.says(discordtest.Said{Person: "ann", Text: "hello"})
	b.refuse("POST", http.StatusForbidden, 40004, 2)
	id := b.Send(channels.Post{To: m.Conversation, Text: "at last"})
	b.refuse("PATCH", http.StatusBadRequest, 20028, 1)
	var busy *channels.Busy
	if err := b.c.Edit(t.Context(), id, channels.Post{To: m.Conversation, Text: "grows", Partial: true}); !errors.As(err, &busy) {
		t.Errorf("what grows: %v", err)
	}
	b.shows("ann", b.s.Direct("ann"))
}

// TestOldMessage: Discord lets old messages be edited a few times only. It is said at once, so that something else is done.
func TestOldMessage(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil).start()
	m := b.says(discordtest.Said{Person: "ann", Text: "hello"})
	id := b.Send(channels.Post{To: m.Conversation, Text: "an hour ago"})
	b.s.Fail(discordtest.Fault{Method: "PATCH", Path: "/messages", Status: http.StatusTooManyRequests, Wait: time.Hour,
		Body: `{"code": 30046, "message": "Try again later", "retry_after": 3600}`})
	if err := b.c.Edit(t.Context(), id, channels.Post{To: m.Conversation, Text: "now"}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Edit gave %v", err)
	}
}

// TestDeleted: an edit of what somebody deleted says that it is gone.
func TestDeleted(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil).start()
	m := b.says(discordtest.Said{Person: "ann", Text: "hello"})
	id := b.Send(channels.Post{To: m.Conversation, Text: "here"})
	for range 2 { // the second time there is nothing to delete
		if err := b.c.Delete(t.Context(), m.Conversation, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.c.Edit(t.Context(), id, channels.Post{To: m.Conversation, Text: "x"}); !errors.Is(err, channels.ErrGone) {
		t.Errorf("Edit gave %v", err)
	}
}

// TestTooManyAnswers: a command can be answered a number of times; after that, what is for all comes as a message, and what
// is for one person not at all.
func TestTooManyAnswers(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.setMenu(menu())
	b.start()
	_, m := b.slash("ann", b.s.Channel, "login")
	b.Send(channels.Post{To: m.Conversation, Only: m.From, Answers: m.ID, Text: "first"})
	b.s.Fail(discordtest.Fault{Method: "POST", Path: "/webhooks/", Status: http.StatusBadRequest, Body: `{"code": 40094, "message": "no"}`, Times: -1})
	if _, err := b.c.Send(t.Context(), channels.Post{To: m.Conversation, Only: m.From, Answers: m.ID, Text: "alone"}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("for one person: %v", err)
	}
	_, m = b.slash("ann", b.s.Channel, "help")
	b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "in place of the waiting"})
	b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "for all"})
	seen := b.s.See("bob", b.s.Channel)
	if len(seen) != 2 || seen[1].Text != "for all" {
		t.Errorf("bob sees %+v", seen)
	}
}

// TestClosedForAWhile: when Discord answers with these codes, one connects again; the session goes on after two of them.
func TestClosedForAWhile(t *testing.T) {
	t.Parallel()
	for _, code := range []int{4000, 4001, 4002, 4003, 4005, 4007, 4008, 4009} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			b := newBot(t, discordtest.Options{}, nil).start()
			b.says(discordtest.Said{Person: "ann", Text: "before"})
			b.s.CloseNext(code)
			b.s.Cut()
			b.Until("it is connected again", func() bool { n := b.s.Counts(); return n.Identified+n.Resumed > 1 })
			b.says(discordtest.Said{Person: "ann", Text: "after"})
			if resumed := b.s.Counts().Resumed == 1; resumed != (code == 4000 || code == 4008) {
				t.Errorf("%d: the session went on: %v", code, resumed)
			}
		})
	}
}

// TestShownToAll: if Discord shows to all what is for one person, it is taken back, and not counted as told.
func TestShownToAll(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.setMenu(menu())
	b.start()
	_, m := b.slash("ann", b.s.Channel, "login")
	b.Send(channels.Post{To: m.Conversation, Only: m.From, Answers: m.ID, Text: "first"})
	b.s.Fail(discordtest.Fault{Method: "POST", Path: "/webhooks/", Status: http.StatusOK, Body: `{"id": "77", "flags": 0}`})
	if _, err := b.c.Send(t.Context(), channels.Post{To: m.Conversation, Only: m.From, Answers: m.ID, Text: "a secret link"}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Send gave %v", err)
	}
	if n := len(b.s.Requests("DELETE", "/webhooks/")); n != 1 {
		t.Errorf("it was taken back %d times", n)
	}
}
