package discord

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/discord/discordtest"
)

// bot is a channel under test, with the little of the core that it needs.
type bot struct {
	*channeltest.Core
	t testing.TB
	s *discordtest.Server
	c *channel
}

// newBot makes a bot on a new server. It does not run yet.
func newBot(t testing.TB, o discordtest.Options, change func(*Settings, *times)) *bot {
	t.Helper()
	if o.Answer == 0 {
		o.Answer = 15 * time.Second // the machine may be busy
	}
	b := &bot{t: t, s: discordtest.New(t, o), Core: channeltest.NewCore(t, discordtest.Token[:12], "interaction-")}
	b.open(change)
	return b
}

// open makes the channel, as a new process would.
func (b *bot) open(change func(*Settings, *times)) {
	b.t.Helper()
	set, ts := settings(b.s), short
	if change != nil {
		change(set, &ts)
	}
	b.c = b.Open(service(ts), channels.Options{Secrets: channeltest.NewSecrets(map[string]string{"bot_token": discordtest.Token}), Settings: set}).(*channel)
	b.c.rest.limits.all.SetLimit(rate.Inf)
}

// start runs the channel and waits until it is connected.
func (b *bot) start() *bot {
	b.t.Helper()
	b.Start()
	return b
}

// says makes a person speak and gives the message as it was heard.
func (b *bot) says(in discordtest.Said) channels.Message {
	b.t.Helper()
	b.s.Say(in)
	return b.Heard(strings.TrimSpace(strings.ReplaceAll(in.Text, "<@"+b.s.Bot+">", "")))
}

// at is a mention of the bot before a text.
func (b *bot) at(text string) string { return "<@" + b.s.Bot + "> " + text }

// shows gives the one message of the bot's that a person sees in a channel.
func (b *bot) shows(person, channel string) discordtest.Shown {
	b.t.Helper()
	s := b.s.See(person, channel)
	if len(s) != 1 {
		b.t.Fatalf("%s sees %d messages, want one: %+v", person, len(s), s)
	}
	return s[0]
}
