package canary

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatgateway/channels/telegram/telegramtest"
)

// people is a Telegram on loopback, seen from the people's side.
type people struct {
	t    *testing.T
	s    *telegramtest.Server
	from map[*telegramtest.Chat]int64 // the newest message that was looked at
}

func (g *people) say(u *telegramtest.User, c *telegramtest.Chat, text string) int64 {
	return g.s.Say(u, c, telegramtest.Line{Text: text}).ID
}

// want waits for a message of the bot that is newer than the last one wanted.
func (g *people) want(c *telegramtest.Chat, text string) {
	g.t.Helper()
	g.until(fmt.Sprintf("the bot says %q; it says\n%s", text, g.shown(c)), func() bool {
		for _, m := range g.s.Shown(c) {
			if m.ID > g.from[c] && regexp.MustCompile(text).MatchString(m.Text) {
				g.from[c] = m.ID
				return true
			}
		}
		return false
	})
}

func (g *people) gone(c *telegramtest.Chat, id int64) {
	g.t.Helper()
	g.until("a message with a secret is deleted", func() bool {
		return !slices.ContainsFunc(g.s.Messages(c), func(m telegramtest.Message) bool { return m.ID == id })
	})
}

func (g *people) shown(chats ...*telegramtest.Chat) string {
	var b strings.Builder
	for _, c := range chats {
		for _, m := range g.s.Shown(c) {
			fmt.Fprintln(&b, m.Text, m.Labels())
		}
	}
	return b.String()
}

func (g *people) until(what string, ok func() bool) {
	g.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) { // another process: there is no event
		if time.Now().After(deadline) {
			g.t.Fatalf("it never happens that %s", what)
		}
	}
}

// TestCanary sends fake secrets down every road into the program, lets a service give them back wherever it can, stops
// the program in every state, and then looks for them in every byte that it wrote, said and sent.
func TestCanary(t *testing.T) {
	service := newHostile(t)
	server := telegramtest.New()
	address, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	p := newGateway(t, fmt.Sprintf("providers:\n  groq: {base_url: %q}\n  anthropic: {base_url: %q}\n  openai: {base_url: %q}\nchannels:\n  telegram: {api_base: %q, streaming_latency: 0.05}\n",
		service.url+"/v1", service.url, service.url+"/v1", address))
	token := "123456:" + p.secret("bot token", "FAKE")
	bot := server.AddBot(token, "test_bot")
	g := &people{t: t, s: server, from: map[*telegramtest.Chat]int64{}}
	ann, eve := server.Person("ann"), server.Person("eve")
	chat, stranger := server.Private(bot, ann), server.Private(bot, eve)
	said := func() map[string]string {
		return map[string]string{"requests to a model": service.asked(), "what people see": g.shown(chat, stranger)}
	}

	t.Log("the command line")
	p.Env = append(p.Env, "OPENAI_API_KEY="+p.secret("environment", "sk-p"))
	p.run(token, "channels", "set", "telegram", "bot_token")
	p.run(p.secret("unknown field", "gsk_"), "channels", "set", "telegram", "nonsense")
	p.run(p.secret("refused by the service", "gsk_")[:8]+"WRONG"+p.secrets["refused by the service"][8:], "auth", "set", "groq")
	p.run(p.secret("unknown provider", "gsk_"), "auth", "set", "nobody")
	p.run("", "auth", "set", "groq", p.secret("argument", "gsk_"))
	p.run("", "login", p.secret("argument of login", "gsk_"))
	p.run("two words "+p.secret("two words", "gsk_"), "auth", "set", "groq")
	p.run(p.secret("stored", "gsk_"), "auth", "set", "groq")
	p.run("", "auth", "status")
	p.run("", "auth", "list", "--json")
	p.run("", "channels", "list")
	p.run("", "doctor")
	p.search("command line", said())

	t.Log("a chat")
	p.Start()
	code := regexp.MustCompile(`/claim ([A-Z0-9]+)`).FindStringSubmatch(p.Out.String())
	if code == nil {
		t.Fatalf("no claim code on the console:\n%s", p.Out)
	}
	g.gone(stranger, g.say(eve, stranger, "/login groq key "+p.secret("stranger", "gsk_")))
	g.say(ann, chat, "/claim "+code[1])
	g.want(chat, "You own this bot now")
	for _, way := range []string{"/login groq key %s", "/login %s", "/login groq key %s and more", "/login nobody key %s", "/lgoin groq %s", "my key is %s, is it good?", "/model %s"} {
		g.gone(chat, g.say(ann, chat, fmt.Sprintf(way, p.secret(way, prefix(way)))))
		g.say(ann, chat, "/cancel")
	}
	g.gone(chat, g.say(ann, chat, "is "+token+" our token?"))
	g.want(chat, "looks like a key")
	p.search("chat", said())

	t.Log("a service that gives everything back")
	g.say(ann, chat, "/model groq/model-a")
	g.want(chat, "answers in this conversation")
	for _, what := range []string{"401", "402", "403", "404", "400", "413", "418", "redirect", "html"} {
		g.say(ann, chat, "fail "+what)
		g.want(chat, ".")
		g.say(ann, chat, "/auth groq check")
		g.want(chat, "(?i)groq")
	}
	g.say(ann, chat, "/new")
	g.want(chat, "new conversation")
	g.say(ann, chat, "and slowly: what is my key?")
	g.want(chat, `Your key is \[secret\], that is all\.`)
	p.search("failures", said())

	t.Log("cut in every state")
	g.say(ann, chat, "slowly again")
	g.want(chat, "Your key is")
	p.Stop(syscall.SIGKILL)
	p.search("killed in an answer", said())
	p.Start()
	g.until("the answer is whole", func() bool { return strings.Count(g.shown(chat), "that is all") >= 2 })
	g.say(ann, chat, "/login groq key")
	g.want(chat, "API key")
	p.Stop(syscall.SIGKILL)
	id := g.say(ann, chat, p.secret("answer to a cut question", "gsk_"))
	p.Start()
	g.gone(chat, id)
	g.want(chat, "cut by a restart")
	g.say(ann, chat, "/login groq key")
	g.want(chat, "API key")
	id = g.say(ann, chat, p.secret("stored by a chat", "gsk_"))
	p.Stop(syscall.SIGTERM)
	p.Start()
	g.gone(chat, id)
	p.search("killed in a login", said())
	g.say(ann, chat, "/logout groq:default")
	g.want(chat, "Logged out")
	p.run("", "audit")
	p.run("", "security", "audit", "--json")
	p.Stop(syscall.SIGTERM)
	p.search("the end", said())
}
