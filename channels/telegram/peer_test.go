package telegram_test

import (
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/telegram"
	"chatgateway/channels/telegram/telegramtest"
)

const (
	token    = "123456:FAKE-token-for-tests"
	badToken = "654321:NONE-knows-this-one"
)

// peer is the fake as the suite drives it.
type peer struct {
	s     *telegramtest.Server
	bot   *telegramtest.Bot
	group *telegramtest.Chat
	who   map[string]*telegramtest.User
	last  *telegramtest.Message
	where *telegramtest.Chat
}

// service starts a fake with a bot in it.
func service(t testing.TB) (*telegramtest.Server, *telegramtest.Bot, string) {
	t.Helper()
	s := telegramtest.New()
	s.ConflictEvery = 10 * time.Millisecond
	base, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, s.AddBot(token, "gateway_bot"), base
}

func harness(t *testing.T) channeltest.Harness {
	s, bot, base := service(t)
	p := &peer{s: s, bot: bot, group: s.Group("the group", bot), who: map[string]*telegramtest.User{}}
	return channeltest.Harness{
		Service: telegram.Service, Settings: &telegram.Settings{APIBase: base, AttachmentLimit: 20}, Peer: p,
		Secrets: map[string]string{"bot_token": token}, Bad: map[string]string{"bot_token": badToken},
		Without: []string{channeltest.Asks, channeltest.Keys, channeltest.Onlys},
	}
}

func (p *peer) person(name string) *telegramtest.User {
	if p.who[name] == nil {
		p.who[name] = p.s.Person(name)
	}
	return p.who[name]
}

func (p *peer) chat(person string, group bool) *telegramtest.Chat {
	if group {
		return p.group
	}
	return p.s.Private(p.bot, p.person(person))
}

func (p *peer) Say(_ testing.TB, l channeltest.Line) {
	text := l.Text
	if l.Group {
		text = "@gateway_bot " + text
	}
	p.where = p.chat(l.Person, l.Group)
	p.last = p.s.Say(p.person(l.Person), p.where, telegramtest.Line{Text: text})
}

func (p *peer) Shown(_ testing.TB, viewer string, group bool) (list []channeltest.Shown) {
	c := p.chat(viewer, group)
	for _, m := range p.s.Shown(c) {
		list = append(list, channeltest.Shown{ID: id(c, m.ID), Text: m.Text, Buttons: m.Labels()})
	}
	return list
}

func (p *peer) Cut(testing.TB) { p.s.Cut() }

func (p *peer) Limit(_ testing.TB, d time.Duration) {
	p.s.Fail(telegramtest.Fault{RetryAfter: int(d / time.Second)})
}

func (p *peer) Press(_ testing.TB, person string, group bool, s channeltest.Shown, label string) {
	c := p.chat(person, group)
	for _, m := range p.s.Shown(c) {
		if id(c, m.ID) == s.ID {
			p.s.Press(p.person(person), c, m.ID, label)
		}
	}
}

func (p *peer) Repeat(testing.TB) { p.bot.Push("message", p.last) }

func (p *peer) Exists(_ testing.TB, want channels.MessageID) bool {
	for _, c := range []*telegramtest.Chat{p.group, p.where} {
		for _, m := range p.s.Messages(c) {
			if id(c, m.ID) == want {
				return true
			}
		}
	}
	return false
}

func id(c *telegramtest.Chat, m int64) channels.MessageID {
	return channels.MessageID(itoa(c.ID()) + ":" + itoa(m))
}

func TestChannel(t *testing.T) { channeltest.Run(t, harness) }
