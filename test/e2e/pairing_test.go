package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"chatgateway/channels/telegram/telegramtest"
	"chatgateway/internal/testpeers"
)

var pairingCode = regexp.MustCompile(`/pairing approve ([A-Z0-9]{8})`)

// asks lets a stranger write, twice, and gives the one code that is the answer.
func (tg *telegram) asks(u *telegramtest.User, c *telegramtest.Chat) string {
	tg.t.Helper()
	tg.say(u, c, "hello, may I?")
	code := pairingCode.FindStringSubmatch(tg.want(c, "give them this code").Text)
	if code == nil {
		tg.t.Fatal("a stranger got no code")
	}
	tg.say(u, c, "hello, do you hear me?")
	return code[1]
}

// TestPairing: strangers are let in by each of the four ways, to private chats and nowhere else; what was done is in
// the audit log, which owners alone are shown; who is shut out again gets nothing.
func TestPairing(t *testing.T) {
	tg := newTelegram(t)
	p := newGateway(t, fmt.Sprintf("model: anthropic/claude-test-1\nchannels:\n  telegram: {api_base: %q, groups: [\"*\"]}\n", tg.url),
		append(models(3), testpeers.Says("hello", "Nice to meet you."))...)
	p.set("anthropic key", "sk-ant-api03-FAKE-pairing-canary-000111222333", "auth", "set", "anthropic")
	p.set("token", telegramToken, "channels", "set", "telegram", "bot_token")
	p.connected("telegram")
	ann := tg.s.Person("ann")
	owners := tg.s.Private(tg.bot, ann)
	claim := p.Out.Find(t, 0, regexp.MustCompile(`/claim [A-Z0-9]+`))
	tg.say(ann, owners, claim)
	tg.want(owners, "You own this bot now")

	people := []*telegramtest.User{tg.s.Person("bob"), tg.s.Person("cleo"), tg.s.Person("dan"), tg.s.Person("eve")}
	chats := make([]*telegramtest.Chat, len(people))
	ways := []func(code string){
		func(string) { tg.s.Press(ann, owners, tg.want(owners, "asks to talk to me").ID, "Let in") },
		func(code string) {
			tg.say(ann, owners, "/pairing approve "+code)
			tg.want(owners, "cleo")
		},
		func(code string) {
			if out, exit := p.Run("", "access", "approve", code); exit != 0 {
				t.Fatalf("access approve gave %d: %s", exit, out)
			}
		},
		func(code string) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			page := browser{p.Enter()}
			if err := page.say(ctx, "conversation1", "message-0001", "/pairing approve "+code); err != nil {
				t.Fatal(err)
			}
			if _, err := page.sees(ctx, "conversation1", func(text string) bool { return strings.Contains(text, "eve") }); err != nil {
				t.Fatal(err)
			}
		},
	}
	for i, letIn := range ways {
		chats[i] = tg.s.Private(tg.bot, people[i])
		letIn(tg.asks(people[i], chats[i]))
		tg.want(chats[i], "You may talk to me now")
		tg.say(people[i], chats[i], "hello")
		tg.want(chats[i], "Nice to meet you.")
		if shown := tg.s.Shown(chats[i]); len(shown) != 3 {
			t.Errorf("person %d was told %d things; want a code, a welcome and an answer", i, len(shown))
		}
	}

	group := tg.s.Supergroup("Team", tg.bot)
	tg.say(people[0], group, "@test_bot hello from who was let in to private chats")
	tg.say(people[0], chats[0], "/audit")
	tg.want(chats[0], "owner")
	tg.say(ann, owners, "/audit")
	tg.want(owners, "approve")
	tg.say(ann, owners, fmt.Sprintf("/access revoke telegram %d", people[0].ID))
	tg.want(owners, "no more")
	before := len(tg.s.Shown(chats[0]))
	tg.say(people[0], chats[0], "hello again")
	tg.say(ann, group, "@test_bot hello, group") // what came before it is behind it
	tg.want(group, "Nice to meet you.")
	if n := len(tg.s.Shown(chats[0])); n != before {
		t.Error("who was shut out is still answered")
	}
	if n := len(tg.s.Shown(group)); n != 1 {
		t.Errorf("the group shows %d messages of the bot's; want the owner's answer alone", n)
	}
}
