package discord

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/discord/discordtest"
)

// TestMended goes through the ways in which a connection ends. After each the bot hears again, once each, also what was
// said while it was away.
func TestMended(t *testing.T) {
	t.Parallel()
	const early = "asked to reconnect before it was ready" // discordgo hangs then
	for _, c := range []struct {
		name    string
		times   func(*times)
		break_  func(*discordtest.Server)
		resumed bool // the session goes on
	}{
		{"cut", nil, func(s *discordtest.Server) { s.Cut() }, true},
		{"asked to reconnect", nil, func(s *discordtest.Server) { s.Reconnect() }, true},
		{"closed, to be resumed", nil, func(s *discordtest.Server) { s.CloseGateway(4000) }, true},
		{"closed, session over", nil, func(s *discordtest.Server) { s.Forget(true); s.CloseGateway(4009) }, false},
		{"session over", nil, func(s *discordtest.Server) { s.InvalidSession() }, false},
		{"silent", func(t *times) { t.silence = 2 * time.Second }, func(s *discordtest.Server) { s.Silence() }, true},
		{"cannot be resumed", nil, func(s *discordtest.Server) { s.Forget(true); s.Cut() }, false},
		{"refused for a while", nil, func(s *discordtest.Server) { s.Refuse(3); s.Cut() }, true},
		{"refused for longer", nil, func(s *discordtest.Server) { s.Refuse(8); s.Cut() }, false},
		{early, func(t *times) { t.open, t.grace = 500*time.Millisecond, 1200*time.Millisecond },
			func(s *discordtest.Server) { s.Early(1); s.Cut() }, false},
		{"asked for a heartbeat", nil, func(s *discordtest.Server) { s.Beat(); s.Cut() }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := discordtest.Options{}
			if c.name == "silent" {
				o.Heartbeat = 500 * time.Millisecond
			}
			b := newBot(t, o, func(_ *Settings, ts *times) {
				if c.times != nil {
					c.times(ts)
				}
			}).start()
			b.says(discordtest.Said{Person: "ann", Text: "before"})
			b.says(discordtest.Said{Person: "ann", Text: b.at("before, in the guild"), Channel: b.s.Channel})
			c.break_(b.s)
			b.s.Say(discordtest.Said{Person: "ann", Text: "meanwhile 1"})
			b.s.Say(discordtest.Said{Person: "ann", Text: b.at("meanwhile 2"), Channel: b.s.Channel})
			b.Heard("meanwhile 1")
			b.Heard("meanwhile 2")
			b.Until("it is connected again", func() bool { return b.State().State == "connected" && b.s.Online() })
			b.says(discordtest.Said{Person: "ann", Text: "after"})
			got := b.Texts()
			slices.Sort(got)
			if want := []string{"after", "before", "before, in the guild", "meanwhile 1", "meanwhile 2"}; !slices.Equal(got, want) {
				t.Errorf("heard %q, want %q", got, want)
			}
			for _, r := range b.s.Requests("GATEWAY", "") {
				if r.Path != "/?v=10&encoding=json" && r.Path != "/resume?v=10&encoding=json" {
					t.Errorf("connected to %s", r.Path)
				}
			}
			if n := b.s.Counts(); c.name != early && ((n.Resumed > 0) != c.resumed || (n.Identified > 1) == c.resumed) {
				t.Errorf("at the gateway: %+v; resumed should be %v", n, c.resumed)
			}
		})
	}
}

// TestClosedForGood: what cannot be mended ends Run with the right error.
func TestClosedForGood(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]error{4004: channels.ErrRejected, 4010: channels.ErrSetup, 4011: channels.ErrSetup, 4012: channels.ErrSetup, 4013: channels.ErrSetup} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			b := newBot(t, discordtest.Options{}, nil).start()
			b.s.CloseNext(code)
			b.s.CloseGateway(code)
			err := b.Failed()
			var told interface{ UserMessage() string }
			if !errors.Is(err, want) || !errors.As(err, &told) {
				t.Errorf("Run gave %v, want %v with a sentence", err, want)
			}
		})
	}
	t.Run("401", func(t *testing.T) {
		t.Parallel()
		b := newBot(t, discordtest.Options{}, nil).start()
		b.s.Fail(discordtest.Fault{Path: "/gateway/bot", Status: 401, Body: `{"message": "401: Unauthorized", "code": 0}`, Times: -1})
		b.s.CloseNext(4009)
		b.s.Cut()
		if err := b.Failed(); !errors.Is(err, channels.ErrRejected) {
			t.Errorf("Run gave %v", err)
		}
	})
	t.Run("4004 at the start", func(t *testing.T) {
		t.Parallel()
		b := newBot(t, discordtest.Options{}, nil)
		b.s.CloseNext(4004)
		b.Launch()
		if err := b.Failed(); !errors.Is(err, channels.ErrRejected) {
			t.Errorf("Run gave %v", err)
		}
	})
}

// TestStarts: Discord allows so many sessions a day, and no more are begun.
func TestStarts(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.s.Starts(0, 300*time.Millisecond)
	b.Launch()
	b.Until("it says that it waits", func() bool { return strings.Contains(b.State().Detail, "allows no further connection") })
	b.s.Starts(1, time.Hour)
	b.Until("it is connected", func() bool { return b.State().State == "connected" })
	if n := b.s.Counts(); n.Identified != 1 || n.Invalid != 0 {
		t.Errorf("at the gateway: %+v", n)
	}
}

// TestFlapping: a gateway that takes every connection and drops it is not hammered.
func TestFlapping(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, func(_ *Settings, ts *times) { ts.tick, ts.most = 100*time.Millisecond, time.Second }).start()
	b.s.Forget(true)
	for range 4 {
		n := b.s.Counts().Identified
		b.s.Cut()
		b.Until("it begins again", func() bool { return b.s.Counts().Identified > n && b.s.Online() })
	}
	waits := regexp.MustCompile(`connecting again.*after=(\S+)`).FindAllStringSubmatch(b.Log(), -1)
	last, err := time.ParseDuration(waits[len(waits)-1][1])
	if err != nil || len(waits) < 4 || last < 400*time.Millisecond {
		t.Errorf("it waited %v", waits)
	}
}

// TestLate: what is missed while a channel is read is read too.
func TestLate(t *testing.T) {
	b := newBot(t, discordtest.Options{}, nil)
	in := b.c.inbox
	in.marks, _ = loadMarks(t.Context(), nil)
	s := source{"", "5"}
	in.late(s, 100)
	todo := in.overdue()
	in.late(s, 200)
	in.done(todo[0])
	if !in.waitsFor("5") {
		t.Fatal("a channel that was missed again counts as read")
	}
	todo = in.overdue()
	if todo[0].after != 100 {
		t.Errorf("it is read from %d", todo[0].after)
	}
	in.postpone(todo[0])
	if len(in.overdue()) != 0 {
		t.Error("a channel that failed is read again at once")
	}
	in.done(todo[0])
	if in.waitsFor("5") {
		t.Error("a channel that was read is to be read again")
	}
}

// TestOddEvents: what is not known, or not as it should be, ends nothing.
func TestOddEvents(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil).start()
	b.s.Emit("MESSAGE_CREATE", map[string]any{"id": 7, "content": []any{1}, "author": "me"})
	b.s.Emit("MESSAGE_CREATE", map[string]any{})
	b.s.Emit("INTERACTION_CREATE", map[string]any{"id": "1", "type": 99, "token": "interaction-token-x", "user": map[string]any{"id": "5"}})
	b.s.Emit("GUILD_CREATE", map[string]any{"id": true})
	b.s.Emit("SOMETHING_NEW", map[string]any{"x": 1})
	id, direct := fmt.Sprint(idAt(time.Now())), b.s.Direct("ann")
	b.s.Emit("MESSAGE_CREATE", map[string]any{"id": id, "channel_id": direct, "author": map[string]any{"id": b.s.User("ann"), "username": "ann"}, "content": "with the newest",
		"timestamp": "2026-01-01T00:00:00Z", "type": 0, "components": []any{map[string]any{"type": 99, "label": map[string]any{"x": 1}}}})
	b.Heard("with the newest")
	b.says(discordtest.Said{Person: "ann", Text: "fine"})
	if n := b.s.Counts(); n.Closed != 0 {
		t.Errorf("at the gateway: %+v", n)
	}
}

// TestMissed: what was said while the program did not run is taken once, in order, also when much was said and Discord has
// trouble.
func TestMissed(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil).start()
	b.says(discordtest.Said{Person: "ann", Text: "known"})
	m := b.says(discordtest.Said{Person: "ann", Text: b.at("known in the guild"), Channel: b.s.Channel})
	bob, err := b.c.Direct(t.Context(), channels.UserID(b.s.User("bob"))) // written to, not heard from
	if err != nil {
		t.Fatal(err)
	}
	b.says(discordtest.Said{Person: "ann", Text: "last"})
	b.Stop()
	var want []string
	for n := range 250 {
		text := fmt.Sprintf("missed %d", n)
		want = append(want, text)
		b.s.Say(discordtest.Said{Person: "ann", Text: text})
	}
	b.s.Say(discordtest.Said{Person: "ann", Text: b.at("missed in the guild"), Channel: b.s.Channel})
	b.s.Say(discordtest.Said{Person: "bob", Text: "bob answers"})
	b.s.Say(discordtest.Said{Person: "robot", Bot: true, Text: "noise"})
	b.s.Fail(discordtest.Fault{Method: "GET", Path: b.s.Direct("ann") + "/messages", Status: 500, Times: 7})
	b.open(nil)
	b.start()
	b.s.Say(discordtest.Said{Person: "ann", Text: "live"})
	b.Heard("live")
	if got := b.Heard("missed in the guild"); got.Conversation != m.Conversation || !slices.Equal(got.Places, m.Places) || got.Private {
		t.Errorf("read over REST: %+v; told by the gateway: %+v", got, m)
	}
	if got := b.Heard("bob answers"); got.Conversation != bob || !got.Private {
		t.Errorf("bob's answer is %+v", got)
	}
	var got []string
	for _, x := range b.Texts() {
		if strings.HasPrefix(x, "missed ") && x != "missed in the guild" {
			got = append(got, x)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d of %d messages were taken, or not in order: %q", len(got), len(want), got)
	}
	if all := b.Texts(); all[len(all)-1] != "live" && !slices.Contains(all[len(all)-3:], "live") {
		t.Errorf("what was said last was taken before what was missed: %q", all[len(all)-3:])
	}
	b.Stop()
	before := len(b.Texts())
	b.open(nil)
	b.start()
	b.says(discordtest.Said{Person: "ann", Text: "once more"})
	if n := len(b.Texts()) - before; n != 1 {
		t.Errorf("after another restart %d messages were taken, want one", n)
	}
}

// TestMarks: what was taken is not read again, but for a little before the mark: Discord may tell of two messages in the
// other order, and lose the earlier one.
func TestMarks(t *testing.T) {
	t.Parallel()
	for _, overlap := range []time.Duration{0, 10 * time.Second} {
		t.Run(overlap.String(), func(t *testing.T) {
			t.Parallel()
			change := func(_ *Settings, ts *times) { ts.overlap = overlap }
			b := newBot(t, discordtest.Options{}, change).start()
			b.says(discordtest.Said{Person: "ann", Text: "one"})
			b.s.Twice(1)
			for n := range 5 {
				b.says(discordtest.Said{Person: "ann", Text: fmt.Sprintf("more %d", n)})
			}
			b.s.Twice(0)
			b.s.Swallow(1)
			b.s.Say(discordtest.Said{Person: "ann", Text: "swallowed"})
			b.says(discordtest.Said{Person: "ann", Text: "two"})
			if n := b.Handed(); n != 7 {
				t.Errorf("%d messages were handed in, want 7", n)
			}
			before := b.Handed()
			b.Stop()
			b.open(change)
			b.start()
			if overlap > 0 {
				b.Heard("swallowed")
			}
			b.says(discordtest.Said{Person: "ann", Text: "three"})
			if n := b.Handed() - before; overlap == 0 && n != 1 {
				t.Errorf("after a restart %d messages were handed in, want one", n)
			}
		})
	}
}

// TestRoles: messages read over REST come without roles; they are asked for where access goes by roles.
func TestRoles(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, func(s *Settings, _ *times) { s.Roles = []string{"77"} }).start()
	b.s.Roles("ann", "77", "88")
	if m := b.says(discordtest.Said{Person: "ann", Text: b.at("live"), Channel: b.s.Channel}); !slices.Equal(m.Roles, []string{"77", "88"}) {
		t.Errorf("roles are %q", m.Roles)
	}
	b.Stop()
	b.s.Say(discordtest.Said{Person: "ann", Text: b.at("missed"), Channel: b.s.Channel})
	b.open(func(s *Settings, _ *times) { s.Roles = []string{"77"} })
	b.start()
	if m := b.Heard("missed"); !slices.Equal(m.Roles, []string{"77", "88"}) {
		t.Errorf("roles of what was missed are %q", m.Roles)
	}
}

// TestOverflow: more comes than the queue holds while nothing can be kept; nothing is lost or out of order.
func TestOverflow(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.c.inbox.queue = make(chan event, 8)
	b.start()
	b.Refuse(4)
	var want []string
	for n := range 120 {
		want = append(want, fmt.Sprintf("%d", n))
		b.s.Say(discordtest.Said{Person: "ann", Text: want[n]})
	}
	b.Heard("119")
	if got := b.Texts(); !slices.Equal(got, want) {
		t.Errorf("heard %q", got)
	}
}

// TestEndsSoon: Run ends although Discord asked it to wait for an hour.
func TestEndsSoon(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.s.Fail(discordtest.Fault{Path: "/users/@me", Status: 429, Wait: time.Hour, Body: "", Times: -1})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.c.Run(ctx, b.Handle) }()
	b.Until("it has asked", func() bool { return len(b.s.Requests("GET", "/users/@me")) > 0 })
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Run gave %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Run did not end")
	}
}
