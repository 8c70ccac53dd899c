package twitch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/twitch"
	"chatgateway/channels/twitch/twitchtest"
)

func TestAddress(t *testing.T) {
	bubble(t, twitch.Settings{}, nil, func(t *testing.T, r *rig) {
		r.run()
		if m, _ := r.say(twitchtest.Said{Text: "!login anthropic"}); m.Addressed {
			t.Error("a command is known before the menu is set")
		}
		if err := r.ch.(channels.MenuSetter).SetMenu(t.Context(), []channels.Command{{Name: "login"}, {Name: "model"}, {Name: "help"}}); err != nil {
			t.Fatal(err)
		}
		for said, want := range map[string]string{
			"@gateway_bot hello":                   "hello",
			"@Gateway_Bot, hello there":            "hello there",
			"hello @gateway_bot":                   "hello",
			"hey @gateway_bot: what is up":         "hey what is up",
			"!ask what is up":                      "what is up",
			"!ASK   spaces":                        "spaces",
			"!login":                               "/login",
			"!Model a/b":                           "/model a/b",
			"@gateway_bot /model a/b":              "/model a/b",
			"@gateway_bot !model x":                "/model x",
			"!ask":                                 "/help",
			"@gateway_bot":                         "/help",
			"\x01ACTION waves at @gateway_bot\x01": "waves at",
			"@gateway_bot again \U000E0000":        "again",
			"@gateway_bot é😀":                      "é😀",
			"just talk":                            "- just talk",
			"!so somebody":                         "- !so somebody",
			"!asks":                                "- !asks",
			"@gateway_bots hello":                  "- @gateway_bots hello",
			"mail@gateway_bot.example":             "- mail@gateway_bot.example",
		} {
			m, ok := r.say(twitchtest.Said{Text: said})
			got := m.Text
			if !m.Addressed {
				got = "- " + got
			}
			if !ok || got != want {
				t.Errorf("%q arrived as %q (%v); want %q", said, got, ok, want)
			}
			if strings.ContainsAny(m.Text, "\r\n\x01") {
				t.Errorf("%q holds control signs", m.Text)
			}
		}
	})
}

func TestIdentity(t *testing.T) {
	bubble(t, twitch.Settings{}, nil, func(t *testing.T, r *rig) {
		r.run()
		m, _ := r.say(twitchtest.Said{Text: "!ask who am I", Badges: "broadcaster/1,founder/0,premium/1,vip/1"})
		if m.From != channels.UserID(r.ann.ID) || m.FromName != "Ann" || m.Private || string(m.Conversation) != "streamer/"+r.ann.ID {
			t.Errorf("arrived as %+v", m)
		}
		if !slices.Equal(m.Places, []channels.PlaceID{"streamer"}) || !slices.Equal(m.Roles, []string{"broadcaster", "subscriber", "vip"}) {
			t.Errorf("places %q, roles %q", m.Places, m.Roles)
		}
		if m, _ := r.say(twitchtest.Said{Text: "!ask x", Badges: "moderator/1,subscriber/12"}); !slices.Equal(m.Roles, []string{"moderator", "subscriber"}) {
			t.Errorf("roles %q", m.Roles)
		}
		if m, ok := r.say(twitchtest.Said{Text: "!ask x", Tags: map[string]string{"-": "none"}}); !ok || m.From != "" || m.Roles != nil {
			t.Errorf("without tags: %+v; want nobody vouched for", m)
		}
		if m, ok := r.say(twitchtest.Said{Text: "!ask x", Tags: map[string]string{"user-id": "1 OR 1"}}); !ok || m.From != "" {
			t.Errorf("with an odd id: %+v; want nobody vouched for", m)
		}
		if m, ok := r.say(twitchtest.Said{Text: "!ask x", Tags: map[string]string{"source-room-id": "4711", "source-badges": "broadcaster/1"}}); ok {
			t.Errorf("what was said in another room arrived: %+v", m)
		}
		before := len(r.Messages())
		r.s.Say(r.bot, r.room, twitchtest.Said{Text: "!ask myself"})
		synctest.Wait()
		if len(r.Messages()) != before {
			t.Error("the bot hears its own account")
		}
		id := r.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "an answer"})
		if m, _ := r.say(twitchtest.Said{Text: "and then?", Reply: string(id)}); !m.Addressed || m.Answers != id || m.Text != "and then?" {
			t.Errorf("an answer to the bot arrived as %+v", m)
		}
	})
}

func TestBacklogIsBounded(t *testing.T) {
	bubble(t, twitch.Settings{}, nil, func(t *testing.T, r *rig) {
		r.run()
		r.Refuse(-1)
		for i := range 4000 {
			r.s.Say(r.ann, r.room, twitchtest.Said{Text: fmt.Sprintf("chatter %d", i)})
			if i%100 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		r.s.Say(r.ann, r.room, twitchtest.Said{Text: "!ask still there?"})
		synctest.Wait()
		r.Refuse(0)
		r.pass(20 * time.Second)
		list := r.Messages()
		if len(list) > 2000 || len(list) == 0 || list[len(list)-1].Text != "still there?" || list[0].Text != "chatter 0" {
			t.Fatalf("%d messages were kept", len(list))
		}
	})
}
