package flood

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"chatgateway/channels/discord"
	"chatgateway/channels/discord/discordtest"
	"chatgateway/gateway"
)

type discordService struct{ s *discordtest.Server }

// TestDiscord: connections are cut and fall silent, sessions are forgotten, messages told of twice and in another order,
// requests refused and their answers lost; the core is restarted in the middle.
func TestDiscord(t *testing.T) {
	flood(t, &discordService{discordtest.New(t, discordtest.Options{Heartbeat: time.Second})})
}

func (d *discordService) account() gateway.Account {
	return gateway.Account{ID: "discord", Service: discord.Service, Settings: &discord.Settings{APIBase: d.s.URL, CDNBase: d.s.CDN, AttachmentLimit: 1},
		Secrets: secrets(map[string]string{"bot_token": discordtest.Token}), Version: "1"}
}

// where: every fourth talk is in a channel, the others are direct.
func (d *discordService) where(talk int) (person, channel string) {
	person = fmt.Sprintf("person%d", talk)
	if talk%4 == 3 {
		return person, d.s.Channel
	}
	return person, ""
}

func (d *discordService) say(talk int, text string) {
	person, channel := d.where(talk)
	if channel != "" {
		text = "<@" + d.s.Bot + "> " + text
	}
	d.s.Say(discordtest.Said{Person: person, Channel: channel, Text: text})
}

func (d *discordService) shown(talk int) (list []string) {
	person, channel := d.where(talk)
	if channel == "" {
		channel = d.s.Direct(person)
	}
	for _, m := range d.s.See(person, channel) {
		list = append(list, m.Text)
	}
	return list
}

func (d *discordService) online() bool { return d.s.Online() }

func (d *discordService) faults() []func(*rand.Rand) {
	post := func(f discordtest.Fault) func(*rand.Rand) {
		return func(*rand.Rand) {
			f.Method, f.Path = "POST", "/messages"
			d.s.Fail(f)
		}
	}
	return []func(*rand.Rand){
		func(*rand.Rand) { d.s.Twice(10); d.s.Shuffle(5) },
		func(*rand.Rand) { d.s.Cut() },
		post(discordtest.Fault{Status: 502}),
		post(discordtest.Fault{Status: 502, After: true}),
		post(discordtest.Fault{After: true}),
		func(r *rand.Rand) { d.s.Forget(r.IntN(2) == 0); d.s.Cut() },
		post(discordtest.Fault{Status: 429, Wait: 300 * time.Millisecond}),
		post(discordtest.Fault{Status: 429, Wait: 300 * time.Millisecond, Global: true}),
		func(*rand.Rand) { d.s.Reconnect() },
		func(*rand.Rand) { d.s.Fail(discordtest.Fault{Method: "GET", Path: "/messages", Status: 500}) },
		func(*rand.Rand) { d.s.InvalidSession() },
		post(discordtest.Fault{Status: 503, Times: 2}),
		func(*rand.Rand) { d.s.Refuse(1); d.s.CloseGateway(4000) },
	}
}

func (d *discordService) calm() {
	d.s.Twice(0)
	d.s.Shuffle(0)
	d.s.Forget(false)
}

func (d *discordService) counts() string {
	refused := 0
	for _, r := range d.s.Requests("", "") {
		if r.Status >= 400 {
			refused++
		}
	}
	return fmt.Sprintf("at the gateway: %+v; requests refused: %d", d.s.Counts(), refused)
}
