package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgateway/channels/telegram/telegramtest"
	"chatgateway/internal/testpeers"
)

// telegram is a Telegram on loopback with one bot, seen from the people's side.
type telegram struct {
	t   *testing.T
	s   *telegramtest.Server
	bot *telegramtest.Bot
	url string
}

const telegramToken = "123456:FAKE-token-for-tests-aaaaaaaaaaaaaaa"

func newTelegram(t *testing.T) *telegram {
	t.Helper()
	s := telegramtest.New()
	url, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return &telegram{t: t, s: s, bot: s.AddBot(telegramToken, "test_bot"), url: url}
}

// say writes; in a topic if there is one.
func (tg *telegram) say(u *telegramtest.User, c *telegramtest.Chat, text string, topic ...int64) *telegramtest.Message {
	l := telegramtest.Line{Text: text}
	if len(topic) > 0 {
		l.Topic = topic[0]
	}
	return tg.s.Say(u, c, l)
}

// want waits until the bot shows a text in a chat, and gives the newest message that does.
func (tg *telegram) want(c *telegramtest.Chat, text string) telegramtest.Message {
	tg.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		shown := tg.s.Shown(c)
		for _, m := range slices.Backward(shown) {
			if strings.Contains(m.Text, text) {
				return m
			}
		}
		if time.Now().After(deadline) {
			var all []string
			for _, m := range shown {
				all = append(all, m.Text+" "+fmt.Sprint(m.Labels()))
			}
			tg.t.Fatalf("the bot never shows %q; it shows:\n%s", text, strings.Join(all, "\n"))
		}
		time.Sleep(20 * time.Millisecond) // the program is another process: there is no event to wait for
	}
}

// gone waits until a person's message is deleted.
func (tg *telegram) gone(c *telegramtest.Chat, id int64) {
	tg.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for slices.ContainsFunc(tg.s.Messages(c), func(m telegramtest.Message) bool { return m.ID == id }) {
		if time.Now().After(deadline) {
			tg.t.Fatal("the message with the secret was not deleted")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// grows asks what is answered slowly, and sees the answer grow in one message, where it was asked.
func (tg *telegram) grows(u *telegramtest.User, c *telegramtest.Chat, text string, topic ...int64) {
	tg.t.Helper()
	asked := tg.say(u, c, text, topic...)
	first := tg.want(c, "One word")
	last := tg.want(c, "grows and grows.")
	if last.ID != first.ID || first.ID < asked.ID {
		tg.t.Errorf("the answer did not grow in one message: %d, %d", first.ID, last.ID)
	}
}

// picks gives the command for a list of models and presses one of its buttons.
func (tg *telegram) picks(u *telegramtest.User, c *telegramtest.Chat, command string, topic ...int64) {
	tg.t.Helper()
	tg.say(u, c, command, topic...)
	list := tg.want(c, "Anthropic has")
	labels := list.Labels()
	if len(labels) == 0 {
		tg.t.Fatal("the picker has no buttons")
	}
	press := tg.s.Press(u, c, list.ID, labels[len(labels)-1])
	tg.want(c, "answers in this conversation")
	if ok, _ := tg.s.Answered(press); !ok {
		tg.t.Error("the press was not answered")
	}
}

// TestTelegram: claim, login by key with the key's message gone, chat with a growing reply, /model by buttons, /logout;
// in private, in a group and in a topic; strangers are kept out; a restart in the middle.
func TestTelegram(t *testing.T) {
	tg := newTelegram(t)
	slow := testpeers.Says("slowly", "One word after the other, so that there is time to see how it grows and grows.")
	slow.Latency, slow.Pieces = 200, 6
	p := newGateway(t, fmt.Sprintf("channels:\n  telegram: {api_base: %q, groups: [\"*\"], streaming_latency: 0.05}\n", tg.url),
		slow, testpeers.Says("hello", "Hello! **Nice** to meet you."), testpeers.Says("group", "Hello, group."), testpeers.Says("topic", "Hello, topic."),
		testpeers.Says("shed is red", "It says that the shed is red."))
	p.Stop(15)
	if out, code := p.Run(telegramToken, "channels", "set", "telegram", "bot_token"); code != 0 {
		t.Fatalf("channels set: %s", out)
	}
	p.Start()

	ann, eve := tg.s.Person("ann"), tg.s.Person("eve")
	private := tg.s.Private(tg.bot, ann)
	code := regexp.MustCompile(`/claim ([A-Z0-9]+)`).FindStringSubmatch(p.Out.String())
	if code == nil {
		t.Fatalf("no claim code on the console:\n%s", p.Out)
	}
	tg.say(ann, private, "/claim "+code[1])
	tg.want(private, "You own this bot now")
	tg.say(ann, private, "/start")
	start := tg.want(private, "No model is set up yet")
	tg.s.Press(ann, private, start.ID, "Log in")
	tg.want(private, "Which provider")

	key := "sk-ant-api03-FAKE-telegram-canary-000111222333"
	tg.say(ann, private, "/login anthropic key")
	tg.want(private, "API key")
	m := tg.say(ann, private, key)
	tg.gone(private, m.ID)
	tg.want(private, "Logged in to Anthropic")

	tg.say(ann, private, "hello")
	tg.want(private, "Nice to meet you")
	tg.grows(ann, private, "slowly now")
	tg.picks(ann, private, "/model list anthropic")

	group := tg.s.Supergroup("Team", tg.bot)
	tg.say(ann, group, "@test_bot are you in this group?")
	tg.want(group, "Hello, group.")
	tg.say(eve, group, "@test_bot a group question of a stranger")
	tg.say(ann, group, "/auth@test_bot")
	tg.want(group, "Sign-ins")
	tg.grows(ann, group, "@test_bot slowly now")
	tg.picks(ann, group, "/model@test_bot list anthropic")
	said := tg.say(eve, group, "The shed is red.")
	tg.s.Say(ann, group, telegramtest.Line{Text: "@test_bot what does this say?", ReplyTo: said})
	tg.want(group, "It says that the shed is red.")
	tg.say(ann, group, "/login@test_bot openai key")
	tg.want(private, "OpenAI API key")
	tg.say(ann, private, "/cancel")
	tg.want(private, "ancel")
	forum := tg.s.Forum("Forum", tg.bot)
	topic := forum.Topic(ann, "Talk")
	tg.say(ann, forum, "@test_bot this is a topic", topic)
	tg.want(forum, "Hello, topic.")
	tg.grows(ann, forum, "@test_bot slowly now", topic)
	tg.picks(ann, forum, "/model@test_bot list anthropic", topic)
	for _, m := range tg.s.Shown(forum) {
		if m.Thread != topic {
			t.Errorf("%q stands in topic %d; want %d", m.Text, m.Thread, topic)
		}
	}
	for _, m := range tg.s.Shown(group) {
		if strings.Contains(m.Text, "stranger") {
			t.Error("a stranger was answered in the group")
		}
	}

	tg.say(ann, private, "slowly again")
	tg.want(private, "One word")
	p.Stop(9)
	p.Start()
	tg.say(ann, private, "hello")
	tg.want(private, "Nice to meet you")

	tg.say(ann, forum, "/logout@test_bot anthropic:default", topic)
	tg.want(private, "Logged out of Anthropic")
	for _, secret := range []string{key, telegramToken[7:]} {
		if found := p.traces(secret); len(found) > 0 {
			t.Errorf("a secret is in %v", found)
		}
	}
}
