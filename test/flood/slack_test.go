package flood

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"chatgateway/channels/slack"
	"chatgateway/channels/slack/slacktest"
	"chatgateway/gateway"
)

type slackService struct {
	s       *slacktest.Server
	threads [talks]string // of the talks in the channel
}

// TestSlack: connections are cut and swapped, acknowledgements lost, events told of twice and in another order, requests
// refused and their answers lost; the core is restarted in the middle.
func TestSlack(t *testing.T) {
	flood(t, &slackService{s: slacktest.New(t, slacktest.Options{Redeliver: time.Second})})
}

func (sl *slackService) account() gateway.Account {
	set := slack.Service.Settings().(*slack.Settings)
	set.APIBase = sl.s.URL
	return gateway.Account{ID: "slack", Service: slack.Service, Settings: set,
		Secrets: secrets(map[string]string{"bot_token": slacktest.BotToken, "app_token": slacktest.AppToken}), Version: "1"}
}

// where: every fourth talk is in a channel, in a thread that its first message begins; the others are direct.
func (sl *slackService) where(talk int) (person, channel string) {
	person = fmt.Sprintf("person%d", talk)
	if talk%4 == 3 {
		return person, sl.s.Channel
	}
	return person, ""
}

func (sl *slackService) say(talk int, text string) {
	person, channel := sl.where(talk)
	if channel != "" {
		text = "<@" + slacktest.BotUser + "> " + text
	}
	ts := sl.s.Say(slacktest.Said{Person: person, Channel: channel, Thread: sl.threads[talk], Text: text, Twice: talk%8 == 3})
	if channel != "" && sl.threads[talk] == "" {
		sl.threads[talk] = ts
	}
}

func (sl *slackService) shown(talk int) (list []string) {
	person, channel := sl.where(talk)
	for _, m := range sl.s.See(person, channel) {
		list = append(list, m.Text)
	}
	return list
}

func (sl *slackService) online() bool {
	n, _ := sl.s.Connections()
	return n > 0
}

func (sl *slackService) faults() []func(*rand.Rand) {
	list := []func(*rand.Rand){
		func(*rand.Rand) { sl.s.LoseAcks(20) },
		func(*rand.Rand) { sl.s.Cut() },
		func(*rand.Rand) { sl.s.Lose("chat.postMessage", 2) },
		func(*rand.Rand) { sl.s.Fail("chat.postMessage", 503, 2) },
		func(*rand.Rand) { sl.s.Hold(true, true) },
		func(*rand.Rand) { sl.s.Hold(false, true) },
		func(*rand.Rand) { sl.s.Disconnect("refresh_requested") },
		func(*rand.Rand) { sl.s.Limit(time.Second) },
		func(*rand.Rand) { sl.s.Lose("chat.startStream", 1) },
		func(*rand.Rand) { sl.s.Fail("apps.connections.open", 502, 1); sl.s.Cut() },
		func(*rand.Rand) { sl.s.Lose("chat.stopStream", 1) },
		func(*rand.Rand) { sl.s.Again() },
		func(*rand.Rand) { sl.s.Fail("users.info", 500, 2); sl.s.Fail("conversations.replies", 503, 1) },
	}
	if soak { // it takes fifteen seconds until a connection that says no hello is given up
		list = append(list, func(*rand.Rand) { sl.s.Silent(1); sl.s.Disconnect("warning") })
	}
	return list
}

func (sl *slackService) calm() { sl.s.Hold(false, false) }

func (sl *slackService) counts() string {
	_, ever := sl.s.Connections()
	var calls []string
	for _, m := range []string{"chat.postMessage", "chat.startStream", "chat.update", "conversations.history", "conversations.replies"} {
		calls = append(calls, fmt.Sprintf("%s %d", m, sl.s.Calls(m)))
	}
	return fmt.Sprintf("%d connections; %s", ever, strings.Join(calls, ", "))
}
