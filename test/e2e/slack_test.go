package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgateway/channels/slack/slacktest"
	"chatgateway/internal/testpeers"
)

// slack is a Slack on loopback, seen from the people's side.
type slack struct {
	t *testing.T
	s *slacktest.Server
}

// until waits until something is so.
func (sl *slack) until(person, channel, what string, is func([]slacktest.Shown) bool) {
	sl.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) { // another process: no event to wait for
		shown := sl.s.See(person, channel)
		if is(shown) {
			return
		}
		if time.Now().After(deadline) {
			var all strings.Builder
			for _, m := range shown {
				fmt.Fprintf(&all, "%s in %q: %q %v\n", m.TS, m.Thread, m.Text, m.Controls)
			}
			sl.t.Fatalf("%s never sees %s, but:\n%s", person, what, &all)
		}
	}
}

// want waits until a person sees a text of the bot's in a channel, and gives the newest message that shows it.
func (sl *slack) want(person, channel, text string) (m slacktest.Shown) {
	sl.t.Helper()
	sl.until(person, channel, text, func(shown []slacktest.Shown) bool {
		for _, m = range slices.Backward(shown) {
			if strings.Contains(m.Text+string(m.Blocks), text) {
				return true
			}
		}
		return false
	})
	return m
}

func (sl *slack) press(person, channel, ts, label string) (trigger string) {
	sl.t.Helper()
	trigger, err := sl.s.Press(person, channel, ts, label)
	if err != nil {
		sl.t.Fatal(err)
	}
	return trigger
}

// fill opens the form of a question, and fills it in.
func (sl *slack) fill(person, channel string, question slacktest.Shown, value string) {
	sl.t.Helper()
	trigger := sl.press(person, channel, question.TS, question.Controls[0].Label)
	var f *slacktest.Form
	sl.until(person, channel, "the form", func([]slacktest.Shown) bool { f = sl.s.Form(trigger); return f != nil })
	if wrong, err := sl.s.Submit(person, f, value); err != nil || len(wrong) > 0 {
		sl.t.Fatalf("the form: %v, %v", wrong, err)
	}
}

// online waits for the bot to be connected.
func (sl *slack) online() {
	sl.t.Helper()
	sl.until("ann", "", "the bot online", func([]slacktest.Shown) bool { n, _ := sl.s.Connections(); return n > 0 })
}

// shows counts the messages that show a text.
func shows(list []slacktest.Shown, text string) (n int) {
	for _, m := range list {
		if strings.Contains(m.Text+string(m.Blocks), text) {
			n++
		}
	}
	return n
}

// TestSlack: claim, login by a form, chat with a growing reply, /model by a menu, /logout; in private, in a channel and
// its thread; strangers get nothing; a kill in the middle.
func TestSlack(t *testing.T) {
	sl := &slack{t, slacktest.New(t, slacktest.Options{Redeliver: 15 * time.Second})} // the machine may be busy
	slow := testpeers.Says("slowly", slowly)
	slow.Latency, slow.Pieces = 300, 6
	p := newGateway(t, fmt.Sprintf("channels:\n  slack: {api_base: %q, groups: [\"*\"], streaming_latency: 1}\n", sl.s.URL),
		append(models(30), slow, testpeers.Says("hello", "Hello! **Nice** to meet you."), testpeers.Says("channel", "Hello, channel."),
			testpeers.Says("follow", "I am following."))...)
	p.Stop(15)
	for name, token := range map[string]string{"bot_token": slacktest.BotToken, "app_token": slacktest.AppToken} {
		if out, code := p.Run(token, "channels", "set", "slack", name); code != 0 {
			t.Fatalf("channels set: %s", out)
		}
	}
	if out, code := p.Run("", "channels", "manifest", "slack"); code != 0 || !strings.Contains(out, "connections") && !strings.Contains(out, "socket_mode_enabled") {
		t.Errorf("channels manifest gave %d:\n%s", code, out)
	}
	p.Start()
	sl.online()
	if out, code := p.Run("", "channels", "test", "slack"); code != 0 {
		t.Errorf("channels test gave %d:\n%s", code, out)
	}

	dm := sl.s.Direct("ann")
	code := regexp.MustCompile(`/claim ([A-Z0-9]+)`).FindStringSubmatch(p.Out.String())
	if code == nil {
		t.Fatalf("no claim code on the console:\n%s", p.Out)
	}
	sl.s.Slash("ann", "", "/gateway", "claim "+code[1])
	sl.want("ann", dm, "You own this bot now")

	sl.s.Slash("ann", "", "/gateway", "login anthropic key")
	key := "sk-ant-api03-FAKE-slack-canary-000111222333"
	sl.fill("ann", dm, sl.want("ann", dm, "API key"), key)
	sl.want("ann", dm, "Logged in to Anthropic")

	sl.s.Say(slacktest.Said{Person: "ann", Text: "hello"})
	sl.want("ann", dm, "to meet you")
	sl.s.Say(slacktest.Said{Person: "ann", Text: "slowly now"})
	grows := sl.want("ann", dm, "One word")
	if strings.Contains(grows.Text, "and grows.") {
		t.Error("the answer did not grow")
	}
	if whole := sl.want("ann", dm, "grows and grows."); whole.TS != grows.TS {
		t.Errorf("the answer did not grow in one message: %s, %s", grows.TS, whole.TS)
	}

	sl.s.Slash("ann", "", "/model", "list anthropic")
	list := sl.want("ann", dm, "Anthropic has")
	if len(list.Controls) < 10 {
		t.Fatalf("there is no menu: %v", list.Controls)
	}
	sl.press("ann", dm, list.TS, list.Controls[1].Label)
	sl.want("ann", dm, "answers in this conversation")

	first := sl.s.Say(slacktest.Said{Person: "ann", Channel: sl.s.Channel, Text: "<@" + slacktest.BotUser + "> are you in this channel?"})
	if m := sl.want("bob", sl.s.Channel, "Hello, channel."); m.Thread != first {
		t.Errorf("the answer is in thread %q, not %q", m.Thread, first)
	}
	sl.s.Say(slacktest.Said{Person: "ann", Channel: sl.s.Channel, Thread: first, Text: "do you follow without a mention?"})
	if m := sl.want("bob", sl.s.Channel, "I am following."); m.Thread != first {
		t.Errorf("the answer is in thread %q, not %q", m.Thread, first)
	}
	sl.s.Say(slacktest.Said{Person: "bob", Channel: sl.s.Channel, Text: "<@" + slacktest.BotUser + "> a channel question of a stranger"})
	sl.s.Slash("ann", sl.s.Channel, "/gateway", "login openai key")
	question := sl.want("ann", sl.s.Channel, "API key")
	if !question.Hidden {
		t.Error("all see the question for a key")
	}
	sl.press("ann", sl.s.Channel, question.TS, "Cancel")
	sl.want("ann", sl.s.Channel, "anceled")
	if l := sl.s.See("bob", sl.s.Channel); len(l) != 2 {
		t.Errorf("bob sees more than the two answers in the thread: %+v", l)
	}

	sl.s.Say(slacktest.Said{Person: "ann", Text: "slowly again"})
	two := func(text string) {
		t.Helper()
		sl.until("ann", dm, "twice "+text, func(l []slacktest.Shown) bool { return shows(l, text) >= 2 })
	}
	two("One word")
	p.Stop(9)
	p.Start()
	sl.s.Say(slacktest.Said{Person: "ann", Text: "hello, are you back?"})
	two("grows and grows.")
	two("to meet you")
	if n := shows(sl.s.See("ann", dm), "One word"); n != 2 {
		t.Errorf("two questions got %d answers", n)
	}

	sl.s.Slash("ann", "", "/gateway", "logout anthropic:default")
	sl.want("ann", dm, "Logged out of Anthropic")
	for _, secret := range []string{key, slacktest.BotToken, slacktest.AppToken} {
		if found := p.traces(secret); len(found) > 0 {
			t.Errorf("a secret is in %v", found)
		}
	}
	for _, m := range append(sl.s.See("ann", dm), sl.s.See("ann", sl.s.Channel)...) {
		if strings.Contains(m.Text+string(m.Blocks), key) {
			t.Errorf("the key is in a message: %+v", m)
		}
	}
}
