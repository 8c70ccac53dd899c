package slack

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/slack/slacktest"
	"chatgateway/internal/status"
)

// away stops the bot, lets people talk, and has Slack give up on what it could not deliver.
func (b *bot) away(talk func()) {
	b.t.Helper()
	b.settled()
	b.Stop()
	talk()
	b.s.GiveUp()
	b.open(nil)
}

// TestMissed: what was said while the program did not run, for longer than Slack delivers again, is taken once, in order,
// also when much was said and Slack has trouble.
func TestMissed(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	ch := b.s.Channel
	b.s.Say(slacktest.Said{Person: "ann", Text: "known"})
	b.Heard("known")
	begun := b.s.Say(slacktest.Said{Person: "ann", Channel: ch, Text: at("known in the channel")})
	m := b.Heard("known in the channel")
	assistant := b.s.Assistant("ann")
	bob, err := b.c.Direct(t.Context(), channels.UserID(b.s.Person("bob"))) // written to, not heard from
	if err != nil {
		t.Fatal(err)
	}
	b.s.Say(slacktest.Said{Person: "ann", Text: "last"})
	b.Heard("last")
	var want []string
	b.away(func() {
		for n := range 450 {
			want = append(want, fmt.Sprintf("missed %d", n))
			b.s.Say(slacktest.Said{Person: "ann", Text: want[n]})
		}
		b.s.Odd(b.s.Direct("ann"))
		b.s.Say(slacktest.Said{Person: "ann", Channel: ch, Thread: begun, Text: "a follow-up"})
		fresh := b.s.Say(slacktest.Said{Person: "bob", Channel: ch, Text: at("a thread begun meanwhile")})
		b.s.Say(slacktest.Said{Person: "bob", Channel: ch, Thread: fresh, Text: "and its follow-up"})
		b.s.Say(slacktest.Said{Person: "bob", Channel: ch, Text: "nobody asked the bot"})
		b.s.Say(slacktest.Said{Person: "ann", Thread: assistant, Text: "in the assistant's thread"})
		b.s.Say(slacktest.Said{Person: "bob", Text: "bob answers"})
	})
	b.s.Fail("conversations.history", 503, 5)
	b.start()
	b.s.Say(slacktest.Said{Person: "ann", Text: "live"})
	b.Heard("live")
	if got := b.Heard("a follow-up"); got.Conversation != m.Conversation || !slices.Equal(got.Places, m.Places) || got.Private || !got.Addressed {
		t.Errorf("read over the Web API: %+v; told by an event: %+v", got, m)
	}
	if got := b.Heard("bob answers"); got.Conversation != bob || !got.Private {
		t.Errorf("bob's answer is %+v", got)
	}
	first, second := b.Heard("a thread begun meanwhile"), b.Heard("and its follow-up")
	if first.Conversation != second.Conversation || first.Conversation == m.Conversation {
		t.Errorf("the thread begun meanwhile: %+v, %+v", first, second)
	}
	b.Heard("in the assistant's thread")
	b.Heard(want[len(want)-1])
	all := b.Texts()
	if slices.Index(all, "a thread begun meanwhile") > slices.Index(all, "and its follow-up") {
		t.Error("a thread's follow-up was taken before what began it")
	}
	got := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !strings.HasPrefix(s, "missed ") })
	if !slices.Equal(got, want) {
		t.Errorf("%d of %d messages were taken, or not in order: %q", len(got), len(want), got)
	}
	if slices.Contains(all, "nobody asked the bot") {
		t.Error("what is not for the bot was taken")
	}

	before := len(b.Messages())
	b.away(func() {})
	b.start()
	b.s.Say(slacktest.Said{Person: "ann", Text: "once more"})
	b.Heard("once more")
	b.settled()
	if n := len(b.Texts()) - before; n != 1 {
		t.Errorf("after another restart %d messages were taken, want one", n)
	}
}

// TestMissedTwice: what could not be read is read by the next process, although other things were heard meanwhile.
func TestMissedTwice(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Say(slacktest.Said{Person: "ann", Text: "known"})
	b.Heard("known")
	b.away(func() { b.s.Say(slacktest.Said{Person: "ann", Text: "missed"}) })
	b.s.Fail("conversations.history", 503, 1000)
	b.c.times.ahead = 10 * time.Millisecond
	b.start()
	b.s.Say(slacktest.Said{Person: "ann", Text: "live"})
	b.Heard("live")
	b.settled()
	b.Stop()
	b.s.Fail("conversations.history", 503, 0)
	b.open(func(_ *Settings, ts *times) { ts.overlap = 0 })
	b.start()
	b.Heard("missed")
}

// TestMissedLongAgo: nobody waits any more for an answer to what was said more than a day ago.
func TestMissedLongAgo(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Say(slacktest.Said{Person: "ann", Text: "known"})
	b.Heard("known")
	b.away(func() {
		b.s.Say(slacktest.Said{Person: "ann", Text: "two days ago", Ago: 48 * time.Hour})
		b.s.Say(slacktest.Said{Person: "ann", Text: "this morning", Ago: 12 * time.Hour})
	})
	b.Mark("last:"+b.s.Direct("ann"), fmt.Sprint(stampAt(time.Now().Add(-72*time.Hour))))
	b.start()
	b.Heard("this morning")
	if slices.Contains(b.Texts(), "two days ago") {
		t.Error("what is too old was taken")
	}
}

// TestOutage: Slack cannot be reached for longer than it delivers again; after a short loss nothing is read.
func TestOutage(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, func(_ *Settings, ts *times) { ts.gap = time.Hour }).start()
	b.s.Say(slacktest.Said{Person: "ann", Text: "before"})
	b.Heard("before")
	reads := b.s.Calls("conversations.history")
	b.s.Cut()
	b.s.Say(slacktest.Said{Person: "ann", Text: "after a short loss"})
	b.Heard("after a short loss")
	if n := b.s.Calls("conversations.history"); n != reads {
		t.Errorf("a short loss made it read %d times", n-reads)
	}
	b.Stop()
	b.open(func(_ *Settings, ts *times) { ts.gap = time.Millisecond })
	b.start()
	b.s.Refuse("apps.connections.open", "internal_error")
	b.s.Cut()
	b.Until("it is cut off", func() bool { now, _ := b.s.Connections(); return now == 0 && b.State().State == status.Connecting })
	b.s.Say(slacktest.Said{Person: "ann", Text: "in the outage"})
	b.s.GiveUp()
	b.s.Refuse("apps.connections.open", "")
	b.Heard("in the outage")
	b.s.Say(slacktest.Said{Person: "ann", Text: "after it"})
	b.Heard("after it")
	b.settled()
	if got := b.Texts(); !slices.Equal(got, []string{"before", "after a short loss", "in the outage", "after it"}) {
		t.Errorf("heard %q", got)
	}
}

// TestCannotRead: without the scope it hears as ever, and says what it lacks; a conversation that is gone is forgotten.
func TestCannotRead(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Say(slacktest.Said{Person: "ann", Text: "known"})
	b.Heard("known")
	b.s.Say(slacktest.Said{Person: "ann", Channel: b.s.Channel, Text: at("known too")})
	b.Heard("known too")
	b.s.SetScopes(strings.ReplaceAll(slacktest.Scopes, "channels:history,", ""))
	b.away(func() { b.s.Say(slacktest.Said{Person: "ann", Text: "missed"}) })
	b.start()
	if s := b.State(); s.State != status.Degraded || !strings.Contains(s.Detail, "channels:history") || !strings.Contains(s.Detail, "install the app again") {
		t.Errorf("the state is %+v", s)
	}
	b.s.Say(slacktest.Said{Person: "ann", Text: "heard all the same"})
	b.Heard("heard all the same")

	b.s.SetScopes(slacktest.Scopes)
	b.away(func() { b.s.Kick(b.s.Channel) })
	b.start()
	b.s.Say(slacktest.Said{Person: "ann", Text: "and again"})
	b.Heard("and again")
	b.settled()
	if places := b.Marks()["channels"]; !strings.Contains(places, b.s.Direct("ann")) || strings.Contains(places, b.s.Channel) {
		t.Errorf("known are %s", places)
	}
	if b.Marks()["last:"+b.s.Channel] != "" {
		t.Error("the mark of a channel that is gone stays")
	}
}

// TestThreadUnknown: if it cannot be told now whether a follow-up is for the bot, it is not acknowledged, so that it comes
// again.
func TestThreadUnknown(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{Redeliver: 200 * time.Millisecond}, nil).start()
	begun := b.s.Say(slacktest.Said{Person: "ann", Channel: b.s.Channel, Text: at("begin")})
	m := b.Heard("begin")
	b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "here"})
	b.settled()
	b.Stop()
	b.open(func(_ *Settings, ts *times) { ts.overlap = 0 })
	b.start()
	b.s.Fail("conversations.replies", 503, tries+1)
	b.s.Say(slacktest.Said{Person: "bob", Channel: b.s.Channel, Thread: begun, Text: "goes on"})
	b.Heard("goes on")
	b.settled()
}

func TestStamps(t *testing.T) {
	for ts, want := range map[string]string{"1712345678.000200": "1712345678.000200", "1712345678.2": "1712345678.200000", "x": "0.000000", "1.9999999": "1.999999",
		"99999999999999999999.1": "0.000000", "": "0.000000"} {
		if got := tsOf(stamp(ts)); got != want {
			t.Errorf("%q is %s, want %s", ts, got, want)
		}
	}
}
