package twitch_test

import (
	"fmt"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/twitch"
	"chatgateway/channels/twitch/twitchtest"
)

const (
	token    = "faketokenfortests0000000000aa"
	badToken = "nooneknowsthistoken000000000z"
)

// peer is the fake as the suite drives it.
type peer struct {
	s    *twitchtest.Server
	room *twitchtest.Room
}

// service starts a fake with a bot and the room of a streamer, where the bot is a moderator.
func service(t testing.TB) (s *twitchtest.Server, irc, api string) {
	t.Helper()
	s = twitchtest.New()
	s.AddToken(s.AddUser("gateway_bot"), token, 0)
	irc, api, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, irc, api
}

func harness(t *testing.T) channeltest.Harness {
	s, irc, api := service(t)
	room := s.AddRoom("streamer")
	room.Mods = []string{"gateway_bot"}
	plain := false
	return channeltest.Harness{
		Service:  twitch.Service,
		Settings: &twitch.Settings{ChannelName: "#Streamer", Prefix: "!", Parts: 2, Server: irc, TLS: &plain, APIBase: api},
		Secrets:  map[string]string{"token": token}, Bad: map[string]string{"token": badToken},
		Peer: &peer{s, room},
		// Rooms are public and their messages last: there is nothing private, nothing to edit, to delete or to press.
		Without: []string{channeltest.Privates, channeltest.Presses, channeltest.Deletes, channeltest.Edits, channeltest.Asks,
			channeltest.Onlys, channeltest.Typing, channeltest.Directs},
	}
}

// Say waits until the bot is in the room: Twitch delivers nothing later.
func (p *peer) Say(t testing.TB, l channeltest.Line) {
	for end := time.Now().Add(10 * time.Second); !p.s.There("gateway_bot", p.room); {
		if time.Now().After(end) {
			t.Fatal("the bot does not come to the room")
		}
		<-time.After(2 * time.Millisecond)
	}
	p.s.Say(p.s.AddUser(l.Person), p.room, twitchtest.Said{Text: "@gateway_bot " + l.Text})
}

func (p *peer) Shown(testing.TB, string, bool) (list []channeltest.Shown) {
	for _, m := range p.s.Messages(p.room, "gateway_bot") {
		list = append(list, channeltest.Shown{ID: channels.MessageID(m.ID), Text: m.Text})
	}
	return list
}

func (p *peer) Cut(testing.TB) { p.s.Cut() }

func (p *peer) Repeat(testing.TB) { p.s.Repeat() }

func (p *peer) Limit(_ testing.TB, d time.Duration) {
	p.s.Refuse("msg_slowmode", fmt.Sprintf("This room is in slow mode and you are sending messages too quickly. You will be able to talk again in %d seconds.", int(d/time.Second)))
}

func TestChannel(t *testing.T) { channeltest.Run(t, harness) }
