package discordtest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"chatgateway/channels/channeltest"
	"chatgateway/channels/discord/discordtest"
	"chatgateway/internal/testpeers"
)

// startJS runs a bot on discord.js.
func startJS(t *testing.T, s *discordtest.Server, token string) *channeltest.Client {
	t.Helper()
	dir := testpeers.Dir(t, "discord.js")
	return channeltest.StartClient(t, "js/bot.mjs", "PEERS="+dir, "API="+s.URL, "TOKEN="+token)
}

// TestDiscordJS runs a client on the fake that knows nothing of ours: on a fake that serves one client alone, that
// client's mistakes are right.
func TestDiscordJS(t *testing.T) {
	s := discordtest.New(t, discordtest.Options{})
	b := startJS(t, s, discordtest.Token)
	ready := b.Event("ready", 1)
	if ready["user"] != s.Bot || ready["commands"] != 2.0 || ready["guilds"] != 1.0 || ready["channels"] != 1.0 {
		t.Errorf("ready: %v", ready)
	}
	shows := func(person, channel, text string) (found discordtest.Shown) {
		t.Helper()
		channeltest.Until(t, "the message "+text, func() bool {
			for _, m := range s.See(person, channel) {
				if m.Text == text {
					found = m
					return true
				}
			}
			return false
		})
		return found
	}
	s.Say(discordtest.Said{Person: "ann", Text: "hello <@" + s.Bot + ">", Channel: s.Channel})
	if m := b.Event("message", 1); m["mentions"] != 1.0 || m["guild"] != s.Guild {
		t.Errorf("message: %v", m)
	}
	shows("bob", s.Channel, "edited: hello <@"+s.Bot+">")
	s.Say(discordtest.Said{Person: "ann", Text: "privately", Files: map[string][]byte{"x.png": []byte("x")}})
	if m := b.Event("message", 2); m["guild"] != nil || m["files"] != 1.0 {
		t.Errorf("message: %v", m)
	}
	shows("ann", s.Direct("ann"), "edited: privately")
	s.Say(discordtest.Said{Person: "ann", Text: "file", Channel: s.Channel})
	if m := shows("ann", s.Channel, "edited: file"); len(m.Files) != 1 || m.Files[0] != "a.txt" {
		t.Errorf("a file: %+v", m)
	}
	thread := s.Say(discordtest.Said{Person: "ann", Text: "thread", Channel: s.Channel})
	shows("ann", thread, "in the thread")

	s.Say(discordtest.Said{Person: "ann", Text: "buttons", Channel: s.Channel})
	m := shows("ann", s.Channel, "choose")
	must(t)(s.Press("ann", s.Channel, m.ID, "Update"))
	shows("bob", s.Channel, "updated")
	form := must(t)(s.Press("ann", s.Channel, m.ID, "Form"))
	must(t)(s.Submit("ann", form, "words"))
	if m := shows("ann", s.Channel, "wrote words"); !m.Hidden {
		t.Error("what was for ann is shown to all")
	}
	must(t)(s.Press("ann", s.Channel, m.ID, "Two"))
	shows("bob", s.Channel, "took 2")

	must(t)(s.Slash("ann", s.Channel, "ask", "what", "why"))
	shows("bob", s.Channel, "you asked why")
	if got, err := s.Complete("ann", s.Channel, "ask", "what", "wh"); err != nil || len(got) != 1 || got[0] != "wh!" {
		t.Errorf("completions: %q, %v", got, err)
	}
	must(t)(s.Slash("ann", s.Channel, "hush"))
	shows("bob", s.Channel, "for all")
	shows("ann", s.Channel, "hidden too")
	for _, m := range s.See("bob", s.Channel) {
		if strings.HasPrefix(m.Text, "hidden") {
			t.Errorf("bob sees %q", m.Text)
		}
	}

	for n, cut := range []func(){s.Cut, s.Reconnect, func() { s.CloseGateway(4000) }} {
		cut()
		s.Say(discordtest.Said{Person: "bob", Text: fmt.Sprintf("meanwhile %d", n)})
		b.Event("resumed", n+1)
		shows("bob", s.Direct("bob"), fmt.Sprintf("edited: meanwhile %d", n))
	}
	if c := s.Counts(); c.Resumed != 3 || c.Identified != 1 {
		t.Errorf("at the gateway: %+v", c)
	}
	s.Limit(300 * time.Millisecond)
	s.Say(discordtest.Said{Person: "bob", Text: "slowly"})
	shows("bob", s.Direct("bob"), "edited: slowly")
	s.CloseNext(4004)
	s.CloseGateway(4000)
	if d := b.Event("disconnected", 1); d["code"] != 4004.0 {
		t.Errorf("disconnected: %v", d)
	}
}

func TestDiscordJSRefused(t *testing.T) {
	s := discordtest.New(t, discordtest.Options{})
	b := startJS(t, s, "WRONG.discord-token.for-tests")
	if r := b.Event("refused", 1); !strings.Contains(fmt.Sprint(r["text"]), "invalid token") {
		t.Errorf("refused: %v", r)
	}
}

// must gives an interaction that the bot answered in time.
func must(t *testing.T) func(*discordtest.Interaction, error) *discordtest.Interaction {
	return func(i *discordtest.Interaction, err error) *discordtest.Interaction {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
}
