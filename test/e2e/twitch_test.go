package e2e

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatgateway/channelauth"
	"chatgateway/channels/twitch/twitchtest"
	"chatgateway/internal/testpeers"
	"chatgateway/test/program"
)

// twitch is a Twitch on loopback with one room, seen from the people's side.
type twitch struct {
	t    *testing.T
	s    *twitchtest.Server
	room *twitchtest.Room
	irc  string
	api  string
}

func newTwitch(t *testing.T) *twitch {
	t.Helper()
	tw := &twitch{t: t, s: twitchtest.New()}
	tw.s.AddUser("gateway_bot")
	tw.s.Clients["faketwitchclientid00"] = ""
	tw.room = tw.s.AddRoom("streamer")
	tw.room.Mods = []string{"gateway_bot"}
	var err error
	if tw.irc, tw.api, err = tw.s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tw.s.Close)
	return tw
}

// say says something in the room, and gives the message's id.
func (tw *twitch) say(u *twitchtest.User, what twitchtest.Said) string {
	tw.online()
	return tw.s.Say(u, tw.room, what)
}

// online waits for the bot to be in the room: Twitch delivers nothing later.
func (tw *twitch) online() {
	tw.t.Helper()
	tw.until("the bot comes to the room", func([]twitchtest.Message) bool { return tw.s.There("gateway_bot", tw.room) })
}

// until waits until something is so of what the bot said.
func (tw *twitch) until(what string, is func([]twitchtest.Message) bool) {
	tw.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) { // another process: no event to wait for
		said := tw.s.Messages(tw.room, "gateway_bot")
		if is(said) {
			return
		}
		if time.Now().After(deadline) {
			var all strings.Builder
			for _, m := range said {
				fmt.Fprintf(&all, "%q, in answer to %s\n", m.Text, m.Reply)
			}
			tw.t.Fatalf("it never is so that %s; the bot said:\n%s", what, &all)
		}
	}
}

// want waits until the bot answers a message with a text.
func (tw *twitch) want(id, text string) (m twitchtest.Message) {
	tw.t.Helper()
	tw.until("the bot answers "+id+" with "+text, func(said []twitchtest.Message) bool {
		i := slices.IndexFunc(said, func(m twitchtest.Message) bool { return m.Reply == id && strings.Contains(m.Text, text) })
		if i >= 0 {
			m = said[i]
		}
		return i >= 0
	})
	return m
}

// answers counts the bot's messages in answer to one.
func (tw *twitch) answers(id string) (n int) {
	for _, m := range tw.s.Messages(tw.room, "gateway_bot") {
		if m.Reply == id {
			n++
		}
	}
	return n
}

// TestTwitch: the bot's own sign-in by a code while the gateway runs, a test message, chat in replies, commands, what is
// no place for a secret, strangers and roles, a kill in the middle.
func TestTwitch(t *testing.T) {
	tw := newTwitch(t)
	ann, bob, mod := tw.s.AddUser("ann"), tw.s.AddUser("bob"), tw.s.AddUser("mod")
	slow := testpeers.Says("slowly", slowly)
	slow.Latency, slow.Pieces = 300, 6
	p := newGateway(t, fmt.Sprintf("model: anthropic/claude-test-1\nchannels:\n  twitch:\n    {channel_name: streamer, server: %q, tls: false, api_base: %q, owners: [%q], roles: [moderator]}\n",
		tw.irc, tw.api, ann.ID), append(models(30), slow, testpeers.Says("hello", "Hello! **Nice** to meet you.\n\nWhat now?"), testpeers.Says("everything", strings.Repeat("All of it. ", 200)))...)
	key := "sk-ant-api03-FAKE-twitch-canary-000111222333"
	if out, code := p.Run(key, "auth", "set", "anthropic"); code != 0 {
		t.Fatalf("auth set: %s", out)
	}
	tw.signIn(p)
	tw.online()
	if out, code := p.Run("", "channels", "test", "twitch", "--send", "streamer"); code != 0 || !strings.Contains(out, "It renews itself") || !strings.Contains(out, "moderator") {
		t.Errorf("channels test gave %d:\n%s", code, out)
	}
	tw.until("the test message is there", func(said []twitchtest.Message) bool { return len(said) == 1 })

	// Asked in the three ways, answered in replies; what is not for the bot is not answered.
	for _, ask := range []string{"!ask hello there", "@gateway_bot hello again", "hello once more, @Gateway_Bot"} {
		if m := tw.want(tw.say(ann, twitchtest.Said{Text: ask}), "Nice to meet you"); strings.TrimRight(m.Text, " \U000E0000") != "Hello! Nice to meet you. What now?" {
			t.Errorf("%q is answered %q", ask, m.Text)
		}
	}
	tw.say(ann, twitchtest.Said{Text: "hello all"})
	tw.say(ann, twitchtest.Said{Text: "!so hello"})
	tw.say(bob, twitchtest.Said{Text: "!ask hello, a stranger is here"})
	tw.say(bob, twitchtest.Said{Text: "!auth"})
	tw.want(tw.say(mod, twitchtest.Said{Text: "!ask hello from a moderator", Badges: "moderator/1"}), "Nice to meet you")

	// Long answers are cut with a word, not sent as a flood.
	long := tw.say(ann, twitchtest.Said{Text: "!ask everything"})
	tw.want(long, "(cut: this place takes no more)")
	if n := tw.answers(long); n != 2 {
		t.Errorf("a long answer took %d messages; want 2", n)
	}
	tw.commands(p, ann, mod)

	// A kill in the middle of an answer.
	cut := tw.say(ann, twitchtest.Said{Text: "!ask slowly"})
	untilAsked(t, p.mock, "slowly")
	p.Stop(9)
	p.Start()
	tw.want(cut, "grows and grows.")
	tw.want(tw.say(ann, twitchtest.Said{Text: "!ask hello, are you back?"}), "Nice to meet you")
	if n := tw.answers(cut); n != 1 {
		t.Errorf("after the kill it is answered %d times", n)
	}

	for _, m := range tw.s.Messages(tw.room, "gateway_bot") {
		if m.Reply == "" && !strings.Contains(m.Text, "test message") || strings.ContainsAny(m.Text, "\r\n*`") || len([]rune(m.Text)) > 500 {
			t.Errorf("the bot said %q, in answer to %q", m.Text, m.Reply)
		}
	}
	if cmds, bad := tw.s.Commands(), tw.s.Refused(); len(cmds)+len(bad) > 0 {
		t.Errorf("Twitch took %q for commands, and refused %q", cmds, bad)
	}
	for _, secret := range []string{key, "fakeaccess", "fakerefresh"} {
		if found := p.traces(secret); len(found) > 0 {
			t.Errorf("a secret is in %v", found)
		}
	}
}

// signIn signs the bot's account in by a code, beside the running gateway, which takes it up.
func (tw *twitch) signIn(p *gateway) {
	tw.t.Helper()
	cmd := p.Command(tw.t.Context(), "channels", "login", "twitch")
	out := program.NewOutput()
	cmd.Stdout, cmd.Stderr, cmd.Stdin = out, out, strings.NewReader("faketwitchclientid00\n")
	if err := cmd.Start(); err != nil {
		tw.t.Fatal(err)
	}
	code := out.Find(tw.t, 0, regexp.MustCompile(`code: \S+`))
	tw.s.Enter(strings.TrimPrefix(code, "code: "), tw.s.AddUser("gateway_bot"))
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "Signed in to Twitch as gateway_bot") {
		tw.t.Fatalf("channels login: %v\n%s", err, out)
	}
}

// TestTwitchRenewsAtStart: a start with a token that has expired renews it before it connects and keeps the new ones, so
// that the next start has them.
func TestTwitchRenewsAtStart(t *testing.T) {
	tw := newTwitch(t)
	ann, bot := tw.s.AddUser("ann"), tw.s.AddUser("gateway_bot")
	p := newGateway(t, fmt.Sprintf("model: anthropic/claude-test-1\nchannels:\n  twitch: {channel_name: streamer, server: %q, tls: false, api_base: %q, owners: [%q]}\n",
		tw.irc, tw.api, ann.ID), append(models(3), testpeers.Says("hello", "Hello!"))...)
	if out, code := p.Run("sk-ant-api03-FAKE-twitch-renewal-000111222333", "auth", "set", "anthropic"); code != 0 {
		t.Fatalf("auth set: %s", out)
	}
	p.Stop(syscall.SIGTERM)
	tw.s.AddRefresh(tw.s.AddToken(bot, "fakeaccessexpired00", time.Nanosecond), "fakerefreshfirst00", "faketwitchclientid00")
	for field, value := range map[string]string{"token": "fakeaccessexpired00", "refresh_token": "fakerefreshfirst00", "client_id": "faketwitchclientid00"} {
		if out, code := p.Run(value, "channels", "set", "twitch", field); code != 0 {
			t.Fatalf("channels set: %s", out)
		}
	}
	for range 2 {
		p.Start()
		tw.want(tw.say(ann, twitchtest.Said{Text: "!ask hello"}), "Hello!")
		p.Stop(syscall.SIGTERM)
		tw.s.Cut() // else the next message may go to the one that has gone
	}
	logins := 0 // the refused ones, too: there is none with the token that has expired
	for _, line := range tw.s.Lines() {
		if line == "PASS" {
			logins++
		}
	}
	if renewed := tw.s.Renewed(); logins != 2 || renewed != 1 {
		t.Errorf("it logged in %d times with %d renewals, want 2 with 1", logins, renewed)
	}
	stored := channelauth.Open(filepath.Join(p.Home, "auth", "channels.json"), nil).Account("twitch", nil)
	if now, refresh := stored.Secret("token").Reveal(), stored.Secret("refresh_token").Reveal(); now == "fakeaccessexpired00" || !strings.HasPrefix(now, "fakeaccess") || refresh == "fakerefreshfirst00" || !strings.HasPrefix(refresh, "fakerefresh") {
		t.Errorf("channels.json has %q and %q", now, refresh)
	}
}

// commands: what may be done in a public room, by whom, and what may not.
func (tw *twitch) commands(p *gateway, ann, mod *twitchtest.User) {
	tw.t.Helper()
	tw.want(tw.say(ann, twitchtest.Said{Text: "!model anthropic/claude-test-7"}), "claude-test-7")
	tw.want(tw.say(ann, twitchtest.Said{Text: "!model"}), "claude-test-7")
	tw.want(tw.say(mod, twitchtest.Said{Text: "!model", Badges: "moderator/1"}), "claude-test-1") // a conversation of its own
	where := tw.want(tw.say(ann, twitchtest.Said{Text: "!login anthropic"}), "nothing is private here")
	if !strings.Contains(where.Text, "Web page") {
		tw.t.Errorf("!login does not say where it works: %q", where.Text)
	}
	typed := "sk-ant-api03-FAKE-typed-in-public-000111222333"
	tw.want(tw.say(ann, twitchtest.Said{Text: "!login anthropic " + typed}), "")
	tw.want(tw.say(ann, twitchtest.Said{Text: "@gateway_bot /stop"}), "")
	tw.want(tw.say(ann, twitchtest.Said{Text: "!help"}), "!")
	if found := p.traces(typed); len(found) > 0 {
		tw.t.Errorf("a key that was typed in public is in %v", found)
	}
}

// untilAsked waits until a model was asked something.
func untilAsked(t *testing.T, mock *testpeers.Mock, text string) {
	t.Helper()
	asked := func(e testpeers.Entry) bool { return strings.Contains(string(e.Body), text) }
	for deadline := time.Now().Add(20 * time.Second); !slices.ContainsFunc(mock.Journal(), asked); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the model was never asked %q", text)
		}
	}
}
