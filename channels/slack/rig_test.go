package slack

import (
	"testing"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/slack/slacktest"
)

// bot is a channel under test, with the little of the core that it needs.
type bot struct {
	*channeltest.Core
	t testing.TB
	s *slacktest.Server
	c *channel
}

// newBot makes a bot on a new server. It does not run yet.
func newBot(t testing.TB, o slacktest.Options, change func(*Settings, *times)) *bot {
	t.Helper()
	b := &bot{t: t, s: slacktest.New(t, o), Core: channeltest.NewCore(t, slacktest.BotToken, slacktest.AppToken[14:], "reply-secret", "trigger.")}
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
	b.c = b.Open(service(ts), channels.Options{Secrets: channeltest.NewSecrets(secrets()), Settings: set}).(*channel)
	menu := []channels.Command{{Name: "help", Help: "Lists the commands"}, {Name: "login", Help: "Signs in", Private: true,
		Args: []channels.Arg{{Name: "provider", Optional: true}, {Name: "key", Optional: true, Secret: true}}}, {Name: "model", Help: "Chooses a model"}}
	if err := b.c.SetMenu(b.t.Context(), menu); err != nil {
		b.t.Fatal(err)
	}
}

// start runs the channel and waits until it is connected.
func (b *bot) start() *bot {
	b.t.Helper()
	b.Start()
	return b
}

// settled waits until the server has nothing left that is not acknowledged.
func (b *bot) settled() {
	b.t.Helper()
	b.Until("everything is acknowledged", func() bool { return b.s.Unacked() == 0 })
}

// at is a mention of the bot before a text.
func at(text string) string { return "<@" + slacktest.BotUser + "> " + text }

// shows gives the one message of the bot's that a person sees in a channel.
func (b *bot) shows(person, channel string) slacktest.Shown {
	b.t.Helper()
	s := b.s.See(person, channel)
	if len(s) != 1 {
		b.t.Fatalf("%s sees %d messages, want one: %+v", person, len(s), s)
	}
	return s[0]
}
