package slack

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/slack/slacktest"
	"chatgateway/internal/status"
)

// sentence gives what an error says to a person.
func sentence(err error) string {
	var u interface{ UserMessage() string }
	if errors.As(err, &u) {
		return u.UserMessage()
	}
	return ""
}

func TestRefusedForGood(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(*bot)
		want  error
		says  string
	}{
		"revoked":       {func(b *bot) { b.s.Revoke() }, channels.ErrRejected, "token_revoked"},
		"inactive":      {func(b *bot) { b.s.Refuse("auth.test", "account_inactive") }, channels.ErrRejected, "account_inactive"},
		"other app":     {func(b *bot) { b.swap(slacktest.BotToken, "xapp-1-A0OTHER-222-FAKE-token") }, channels.ErrRejected, ""},
		"swapped":       {func(b *bot) { b.swap(slacktest.AppToken, slacktest.BotToken) }, channels.ErrRejected, "app-level token"},
		"none":          {func(b *bot) { b.swap("", "") }, channels.ErrRejected, "channels set slack"},
		"socket is off": {func(b *bot) { b.s.Refuse("apps.connections.open", "no_permission") }, channels.ErrSetup, ""},
		"scope":         {func(b *bot) { b.s.Refuse("apps.connections.open", "missing_scope") }, channels.ErrSetup, "scope"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBot(t, slacktest.Options{}, nil)
			c.spoil(b)
			b.Launch()
			err := b.Failed()
			if !errors.Is(err, c.want) || !strings.Contains(sentence(err), c.says) || sentence(err) == "" {
				t.Errorf("Run gave %v (%q); want %v", err, sentence(err), c.want)
			}
		})
	}
}

// swap gives the bot other tokens.
func (b *bot) swap(botToken, app string) {
	b.c.o.Secrets = channeltest.NewSecrets(map[string]string{"bot_token": botToken, "app_token": app})
}

func TestOtherApp(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{App: "A0OTHER"}, nil)
	b.Launch()
	if err := b.Failed(); !errors.Is(err, channels.ErrRejected) || !strings.Contains(sentence(err), "different apps") {
		t.Errorf("Run gave %v", err)
	}
	if _, err := b.c.Test(t.Context()); err == nil || !strings.Contains(sentence(err), "different apps") {
		t.Errorf("Test gave %v", err)
	}
}

// TestContentRefused: what Slack will never take for what it holds says so; what is not about the text does not.
func TestContentRefused(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Say(slacktest.Said{Person: "ann", Text: "hi"})
	m := b.Heard("hi")
	id := b.Send(channels.Post{To: m.Conversation, Text: "shown"})
	for code, never := range map[string]bool{"invalid_blocks": true, "msg_too_long": true, "no_text": true, "invalid_metadata_format": false} {
		b.s.Refuse("chat.postMessage", code)
		b.s.Refuse("chat.update", code)
		_, send := b.c.Send(t.Context(), channels.Post{To: m.Conversation, Text: "x"})
		edit := b.c.Edit(t.Context(), id, channels.Post{To: m.Conversation, Text: "x"})
		if send == nil || edit == nil || errors.Is(send, errors.ErrUnsupported) != never || errors.Is(edit, errors.ErrUnsupported) != never {
			t.Errorf("%s: Send gave %v, Edit %v; for good: %v", code, send, edit, never)
		}
	}
}

func TestRevokedWhileRunning(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Revoke()
	b.s.Event(map[string]any{"type": "tokens_revoked", "tokens": map[string]any{"bot": []string{slacktest.BotUser}}})
	if err := b.Failed(); !errors.Is(err, channels.ErrRejected) {
		t.Errorf("Run gave %v", err)
	}
}

// TestRevokedWithoutAWord: the tokens are looked at from time to time: a connection may stand and bring nothing.
func TestRevokedWithoutAWord(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, func(_ *Settings, ts *times) { ts.probe = 50 * time.Millisecond }).start()
	b.s.SetScopes("chat:write")
	b.Until("a scope is missed", func() bool { return b.State().State == status.Degraded })
	b.s.SetScopes(slacktest.Scopes)
	b.Until("it is there again", func() bool { return b.State().State == status.Connected })
	b.s.Revoke()
	if err := b.Failed(); !errors.Is(err, channels.ErrRejected) {
		t.Errorf("Run gave %v", err)
	}
}

// TestOthersAreConnected: each connection of an app gets a part of what is said; the log tells of others.
func TestOthersAreConnected(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil)
	b.s.Others(1)
	b.start()
	if strings.Contains(b.Log(), "other programs") {
		t.Error("two connections may both be the bot's, at a swap")
	}
	b.s.Others(2)
	b.s.Disconnect("warning")
	b.Until("it is in the log", func() bool { return strings.Contains(b.Log(), "other programs") })
}

func TestLinkDisabled(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Disconnect("link_disabled")
	if err := b.Failed(); !errors.Is(err, channels.ErrSetup) || !strings.Contains(sentence(err), "Socket Mode") {
		t.Errorf("Run gave %v", err)
	}
}

// TestTurnedAway: Slack says disconnect in place of a hello. Another connection is opened at once, not only when the time
// for a hello has passed.
func TestTurnedAway(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, func(_ *Settings, ts *times) { ts.hello = time.Hour })
	b.s.TurnAway("warning", "refresh_requested", "", "too_many_websockets", "what is not known")
	b.start()
	b.s.Slash("ann", "", "/gateway", "hello")
	b.Heard("hello")
	if now, ever := b.s.Connections(); now != 1 || ever != 6 {
		t.Errorf("%d connections of %d, want 1 of 6", now, ever)
	}
}

func TestTurnedAwayForGood(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, func(_ *Settings, ts *times) { ts.hello = time.Hour })
	b.s.TurnAway("link_disabled")
	b.Launch()
	if err := b.Failed(); !errors.Is(err, channels.ErrSetup) || !strings.Contains(sentence(err), "Socket Mode") {
		t.Errorf("Run gave %v (%q)", err, sentence(err))
	}
}

// TestTooMany: while other programs hold all connections that an app may have, each is asked to go at once. The state says
// why, and the pauses grow.
func TestTooMany(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, func(_ *Settings, ts *times) { ts.tick, ts.most = time.Hour, time.Hour }).start()
	b.s.Disconnect("too_many_websockets")
	b.Until("the state says why", func() bool { return strings.Contains(b.State().Detail, "other programs") })
	if s := b.State(); s.State != status.Connecting {
		t.Errorf("the state is %+v", s)
	}
	if n := b.s.Calls("apps.connections.open"); n != 1 {
		t.Errorf("%d connections were asked for without a pause", n-1)
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil)
	b.s.SetScopes("chat:write,im:history,users:read")
	b.start()
	if s := b.State(); s.State != status.Degraded || !strings.Contains(s.Detail, "app_mentions:read") || !strings.Contains(s.Detail, portal+"/"+slacktest.AppID+"/oauth") {
		t.Errorf("state: %+v", s)
	}
	say, err := b.c.Test(t.Context())
	if text := strings.Join(say, "\n"); err != nil || !strings.Contains(text, "files:read (to read files)") || !strings.Contains(text, "@gateway (U0BOT) in Team") {
		t.Errorf("Test: %q, %v", text, err)
	}
	_, err = b.c.Direct(t.Context(), channels.UserID(b.s.Person("ann")))
	if !errors.Is(err, channels.ErrSetup) || !strings.Contains(sentence(err), "im:write") {
		t.Errorf("Direct: %v (%q)", err, sentence(err))
	}
}

// TestSwap: Slack says that it will close a connection; the next one stands before the old one goes.
func TestSwap(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Refuse("apps.connections.open", "internal_error")
	b.s.Disconnect("warning")
	b.Until("another is asked for", func() bool { return b.s.Calls("apps.connections.open") > 1 })
	b.s.Slash("ann", "", "/gateway", "before the swap") // commands are delivered once: the old connection is still read
	b.Heard("before the swap")
	b.s.Refuse("apps.connections.open", "")
	b.Until("there is another connection", func() bool { _, ever := b.s.Connections(); return ever == 2 })
	b.Until("the old one is closed", func() bool { now, _ := b.s.Connections(); return now == 1 })
	for n := 1; n < 3; n++ {
		b.s.Disconnect([]string{"warning", "refresh_requested", ""}[n])
		b.Until("there is another connection", func() bool { now, ever := b.s.Connections(); return ever == n+2 && now >= 1 })
		b.s.Slash("ann", "", "/gateway", "swap "+itoa(n))
		b.Heard("swap " + itoa(n))
	}
	b.Until("the old ones are closed", func() bool { now, _ := b.s.Connections(); return now == 1 })
	if s := b.State(); s.State != status.Connected {
		t.Errorf("state: %+v", s)
	}
}

func TestNoHello(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, func(_ *Settings, ts *times) { ts.hello = 100 * time.Millisecond })
	b.s.Silent(2)
	b.start()
	b.s.Say(slacktest.Said{Person: "ann", Text: "hello"})
	b.Heard("hello")
	if _, ever := b.s.Connections(); ever != 3 {
		t.Errorf("%d connections, want 3", ever)
	}
}

// TestHalfOpen: a connection that brings nothing, not even an answer to a ping, is replaced.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, func(_ *Settings, ts *times) { ts.silence, ts.ping = 150*time.Millisecond, time.Hour }).start()
	b.Until("it was replaced", func() bool { _, ever := b.s.Connections(); return ever >= 2 })
	b.s.Say(slacktest.Said{Person: "ann", Text: "hello"})
	b.Heard("hello")
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil)
	b.s.Fail("auth.test", 503, 2)
	b.s.Fail("apps.connections.open", 502, 2)
	b.start()
	b.s.Say(slacktest.Said{Person: "ann", Text: "hello"})
	m := b.Heard("hello")
	b.s.Fail("chat.postMessage", 500, 2)
	b.Send(channels.Post{To: m.Conversation, Text: "after trouble"})
	b.s.Lose("chat.postMessage", 1)
	b.Send(channels.Post{To: m.Conversation, Key: "k", Text: "said once"})
	var texts []string
	for _, s := range b.s.See("ann", "") {
		texts = append(texts, s.Text)
	}
	if !slices.Equal(texts, []string{"after trouble", "said once"}) {
		t.Errorf("shown: %q", texts)
	}
}

// TestKeyAfterRestart: what an earlier process posted is found by its key.
func TestKeyAfterRestart(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Say(slacktest.Said{Person: "ann", Channel: b.s.Channel, Text: at("hello")})
	m := b.Heard("hello")
	p := channels.Post{To: m.Conversation, Answers: m.ID, Key: "t7.0", Text: "said once"}
	id := b.Send(p)
	b.Stop()
	b.open(nil)
	b.c.sent.since = time.Now().Add(2 * time.Second) // Slack's times are as coarse as this test is short
	b.start()
	if again := b.Send(p); again != id {
		t.Errorf("the same post is %s, was %s", again, id)
	}
	b.shows("ann", b.s.Channel)
}

func TestGone(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Say(slacktest.Said{Person: "ann", Channel: b.s.Channel, Text: at("hello")})
	m := b.Heard("hello")
	id := b.Send(channels.Post{To: m.Conversation, Text: "one"})
	other := b.Send(channels.Post{To: m.Conversation, Text: "two"})
	if err := b.c.Delete(t.Context(), m.Conversation, id); err != nil {
		t.Error(err)
	}
	if err := b.c.Edit(t.Context(), id, channels.Post{To: m.Conversation, Text: "x"}); !errors.Is(err, channels.ErrGone) {
		t.Errorf("an edit of what was deleted: %v", err)
	}
	if err := b.c.Delete(t.Context(), m.Conversation, m.ID); !errors.Is(err, errors.ErrUnsupported) || !b.s.Exists(string(m.ID)) {
		t.Errorf("a person's message: %v", err)
	}
	b.s.Kick(b.s.Channel)
	if _, err := b.c.Send(t.Context(), channels.Post{To: m.Conversation, Text: "x"}); !errors.Is(err, channels.ErrGone) || !strings.Contains(sentence(err), "/invite") {
		t.Errorf("the bot was removed: %v (%q)", err, sentence(err))
	}
	if _, err := b.c.Send(t.Context(), channels.Post{To: m.Conversation, Only: m.From, Text: "x"}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("to one person, the bot was removed: %v", err)
	}
	b.s.Archive(b.s.Channel)
	if err := b.c.Edit(t.Context(), other, channels.Post{To: m.Conversation, Text: "x"}); !errors.Is(err, channels.ErrGone) {
		t.Errorf("the channel is archived: %v", err)
	}
}

// TestFinalsFirst: while what is final waits for a rate limit, what grows gives way.
func TestFinalsFirst(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Say(slacktest.Said{Person: "ann", Text: "hello"})
	m := b.Heard("hello")
	id := b.Send(channels.Post{To: m.Conversation, Text: "grows"})
	b.s.Limit(time.Second)
	done := make(chan error, 1)
	go func() { // ends with the post; the test reads done
		_, err := b.c.Send(t.Context(), channels.Post{To: m.Conversation, Text: "final"})
		done <- err
	}()
	b.Until("the final one waits", func() bool {
		b.c.limits.mu.Lock()
		defer b.c.limits.mu.Unlock()
		return len(b.c.limits.until) == 1
	})
	var busy *channels.Busy
	if err := b.c.Edit(t.Context(), id, channels.Post{To: m.Conversation, Text: "grows on", Partial: true}); !errors.As(err, &busy) {
		t.Errorf("an edit of what grows: %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	edits := 0
	for range 30 { // fifty a minute are Slack's; ours stop before
		if b.c.Edit(t.Context(), id, channels.Post{To: m.Conversation, Text: "grows", Partial: true}) == nil {
			edits++
		}
	}
	if edits < 5 || edits > 12 {
		t.Errorf("%d edits at once", edits)
	}
}
