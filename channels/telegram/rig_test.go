package telegram_test

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/telegram"
	"chatgateway/channels/telegram/telegramtest"
	"chatgateway/internal/secret"
)

// rig is the adapter on the fake, in a bubble of fake time.
type rig struct {
	*channeltest.Core
	t      *testing.T
	s      *telegramtest.Server
	bot    *telegramtest.Bot
	ann    *telegramtest.User
	dm     *telegramtest.Chat
	set    *telegram.Settings
	ch     channels.Channel
	secret *channeltest.Secrets
}

// newCore keeps what comes twice, twice, and wants Run to end at once.
func newCore(t *testing.T) *channeltest.Core {
	c := channeltest.NewCore(t, token[7:], "123456:")
	c.Doubles, c.Wait = true, time.Second
	return c
}

// bubble runs a test on fake time with a channel that is open but does not run.
func bubble(t *testing.T, set telegram.Settings, f func(t *testing.T, r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{Core: newCore(t), t: t, s: telegramtest.New(), set: &set}
		r.bot = r.s.AddBot(token, "gateway_bot")
		r.ann = r.s.Person("Ann")
		r.dm = r.s.Private(r.bot, r.ann)
		r.secret = channeltest.NewSecrets(map[string]string{"bot_token": token})
		set.APIBase = "http://telegram.invalid"
		if set.AttachmentLimit == 0 {
			set.AttachmentLimit = 1
		}
		r.open(r.s.Transport())
		f(t, r)
	})
}

func (r *rig) open(tr http.RoundTripper) {
	r.t.Helper()
	r.ch = r.Open(telegram.Service, channels.Options{Secrets: r.secret, Settings: r.set, Client: &http.Client{Transport: tr}})
}

// run starts Run and lets it come to rest.
func (r *rig) run() {
	r.Launch()
	synctest.Wait()
}

// say makes Ann write and gives the message that arrives, the last one so far.
func (r *rig) say(c *telegramtest.Chat, l telegramtest.Line) *telegramtest.Message {
	r.t.Helper()
	m := r.s.Say(r.ann, c, l)
	r.pass(time.Second)
	return m
}

// pass lets time pass.
func (r *rig) pass(d time.Duration) {
	time.Sleep(d) // fake time
	synctest.Wait()
}

func (r *rig) texts() string { return strings.Join(r.Texts(), "|") }

// clean checks that an error tells no secret.
func (r *rig) clean(err error) {
	r.t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		if strings.Contains(e.Error(), token[7:]) || strings.Contains(e.Error(), "123456") {
			r.t.Errorf("an error tells the token: %v", e)
		}
	}
}

func (r *rig) conv(c *telegramtest.Chat) channels.ConversationID {
	return channels.ConversationID(itoa(c.ID()))
}

// shown are the texts of the bot's messages in a chat.
func (r *rig) shown(c *telegramtest.Chat) (list []string) {
	for _, m := range r.s.Shown(c) {
		list = append(list, m.Text+m.Caption)
	}
	return list
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func channelsSecret(token string) *channeltest.Secrets {
	return channeltest.NewSecrets(map[string]string{"bot_token": token})
}

func secretValues(token string) map[string]secret.String {
	return map[string]secret.String{"bot_token": secret.New(token)}
}

// number is Telegram's number of a message.
func number(id channels.MessageID) int64 {
	_, tail, _ := strings.Cut(string(id), ":")
	n, _ := strconv.ParseInt(tail, 10, 64)
	return n
}
