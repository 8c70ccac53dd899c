package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgateway/channels/discord/discordtest"
	"chatgateway/internal/testpeers"
)

const slowly = "One word after the other, so that there is time to see how it grows and grows."

// models are fixtures that make a provider have so many models.
func models(n int) (list []testpeers.Fixture) {
	for i := range n {
		f := testpeers.Says(fmt.Sprintf("nobody says this %d", i), "Hm.")
		f.Match["model"] = fmt.Sprintf("claude-test-%d", i+1)
		list = append(list, f)
	}
	return list
}

// discord is a Discord on loopback, seen from the people's side.
type discord struct {
	t *testing.T
	s *discordtest.Server
}

// want waits until a person sees a text of the bot's in a channel, and gives the newest message that shows it.
func (d *discord) want(person, channel, text string) discordtest.Shown {
	d.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		shown := d.s.See(person, channel)
		for _, m := range slices.Backward(shown) {
			if strings.Contains(m.Text, text) {
				return m
			}
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("%s never sees %q, but:\n%s", person, text, listing(shown))
		}
		time.Sleep(20 * time.Millisecond) // the program is another process: there is no event to wait for
	}
}

func listing(shown []discordtest.Shown) string {
	var all strings.Builder
	for _, m := range shown {
		fmt.Fprintf(&all, "%s %q %v\n", m.ID, m.Text, m.Controls)
	}
	return all.String()
}

// count says how many of the bot's messages in a channel show a text.
func (d *discord) count(person, channel, text string) (n int) {
	for _, m := range d.s.See(person, channel) {
		if strings.Contains(m.Text, text) {
			n++
		}
	}
	return n
}

// did fails the test if the bot did not answer a command, a press or a form in time.
func (d *discord) did(i *discordtest.Interaction, err error) *discordtest.Interaction {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
	return i
}

// online waits for the bot to be connected.
func (d *discord) online() {
	d.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !d.s.Online() || len(d.s.Commands()) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatal("the bot does not come online")
		}
	}
}

// newDiscord starts the program with a bot on a Discord of its own, which ann claims; dm is her direct channel.
func newDiscord(t *testing.T, settings string, fixtures ...testpeers.Fixture) (p *gateway, d *discord, dm string) {
	t.Helper()
	d = &discord{t, discordtest.New(t, discordtest.Options{Answer: 15 * time.Second})} // the machine may be busy
	p = newGateway(t, fmt.Sprintf("channels:\n  discord: {api_base: %q, cdn_base: %q, groups: [\"*\"]%s}\n", d.s.URL, d.s.CDN, settings), fixtures...)
	p.Stop(15)
	if out, code := p.Run(discordtest.Token, "channels", "set", "discord", "bot_token"); code != 0 {
		t.Fatalf("channels set: %s", out)
	}
	p.Start()
	d.online()
	dm = d.s.Direct("ann")
	code := regexp.MustCompile(`/claim ([A-Z0-9]+)`).FindStringSubmatch(p.Out.String())
	if code == nil {
		t.Fatalf("no claim code on the console:\n%s", p.Out)
	}
	d.s.Say(discordtest.Said{Person: "ann", Text: "/claim " + code[1]})
	d.want("ann", dm, "You own this bot now")
	return p, d, dm
}

// TestDiscord: claim, login by a form, chat with a growing reply, /model by menus, /logout; in private and in a guild;
// strangers are turned away; a kill in the middle.
func TestDiscord(t *testing.T) {
	slow := testpeers.Says("slowly", slowly)
	slow.Latency, slow.Pieces = 300, 6
	p, d, dm := newDiscord(t, ", streaming_latency: 1",
		append(models(30), slow, testpeers.Says("hello", "Hello! **Nice** to meet you."), testpeers.Says("guild", "Hello, guild."))...)
	if out, code := p.Run("", "channels", "test", "discord"); code != 0 || !strings.Contains(out, "gatewaybot") {
		t.Errorf("channels test gave %d:\n%s", code, out)
	}

	d.did(d.s.Slash("ann", dm, "login", "provider", "anthropic", "method", "key"))
	question := d.want("ann", dm, "API key")
	form := d.did(d.s.Press("ann", dm, question.ID, question.Controls[0].Label))
	key := "sk-ant-api03-FAKE-discord-canary-000111222333"
	d.did(d.s.Submit("ann", form, key))
	d.want("ann", dm, "Logged in to Anthropic")

	d.s.Say(discordtest.Said{Person: "ann", Text: "hello"})
	d.want("ann", dm, "to meet you")
	d.s.Say(discordtest.Said{Person: "ann", Text: "slowly now"})
	grows := d.want("ann", dm, "One word")
	if grows.Text == slowly {
		t.Error("the answer did not grow")
	}
	if whole := d.want("ann", dm, slowly); whole.ID != grows.ID {
		t.Errorf("the answer did not grow in one message: %s, %s", grows.ID, whole.ID)
	}

	d.did(d.s.Slash("ann", dm, "model", "model", "list anthropic"))
	list := d.want("ann", dm, "Anthropic has")
	if len(list.Controls) == 0 || list.Controls[0].Value == "" {
		t.Fatalf("there is no menu: %v", list.Controls)
	}
	d.did(d.s.Press("ann", dm, list.ID, list.Controls[0].Label))
	d.want("ann", dm, "answers in this conversation")

	d.s.Say(discordtest.Said{Person: "ann", Channel: d.s.Channel, Text: "<@" + d.s.Bot + "> are you in this guild?"})
	d.want("bob", d.s.Channel, "Hello, guild.")
	d.s.Say(discordtest.Said{Person: "eve", Channel: d.s.Channel, Text: "<@" + d.s.Bot + "> a guild question of a stranger"})
	d.did(d.s.Slash("ann", d.s.Channel, "auth"))
	d.want("bob", d.s.Channel, "Sign-ins")
	if i := d.did(d.s.Slash("ann", d.s.Channel, "login", "provider", "openai", "method", "key")); !i.Hidden {
		t.Error("/login is answered to all")
	}
	question = d.want("ann", d.s.Channel, "API key")
	if !question.Hidden {
		t.Error("all see the question for a key")
	}
	d.did(d.s.Press("ann", d.s.Channel, question.ID, "Cancel"))
	d.want("ann", d.s.Channel, "anceled")
	public := len(d.s.See("bob", d.s.Channel))
	for n, command := range []string{"login", "help"} { // hidden from the start, and not
		d.did(d.s.Slash("eve", d.s.Channel, command))
		deadline := time.Now().Add(20 * time.Second)
		for d.count("eve", d.s.Channel, "You may not use this bot") <= n || len(d.s.See("bob", d.s.Channel)) > public {
			if time.Now().After(deadline) {
				t.Fatalf("after /%s the stranger sees\n%s, and bob\n%s", command, listing(d.s.See("eve", d.s.Channel)), listing(d.s.See("bob", d.s.Channel)))
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	for _, m := range d.s.See("eve", d.s.Channel) {
		if strings.Contains(m.Text, "may not") && !m.Hidden || m.Loading {
			t.Errorf("the stranger's refusal is shown as %+v", m)
		}
	}

	d.s.Say(discordtest.Said{Person: "ann", Text: "slowly again"})
	d.until(dm, "One word", 2)
	p.Stop(9)
	d.s.Say(discordtest.Said{Person: "ann", Text: "hello, are you back?"})
	p.Start()
	d.until(dm, slowly, 2)
	d.until(dm, "to meet you", 2)
	if n := d.count("ann", dm, "One word"); n != 2 {
		t.Errorf("two questions got %d answers:\n%s", n, listing(d.s.See("ann", dm)))
	}

	d.did(d.s.Slash("ann", dm, "logout", "account", "anthropic:default"))
	d.want("ann", dm, "Logged out of Anthropic")
	for _, secret := range []string{key, discordtest.Token, "interaction-token"} {
		if found := p.traces(secret); len(found) > 0 {
			t.Errorf("a secret is in %v", found)
		}
	}
	for _, m := range append(d.s.See("ann", dm), d.s.See("ann", d.s.Channel)...) {
		if strings.Contains(fmt.Sprint(m.Raw), key) {
			t.Errorf("the key is in a message: %+v", m)
		}
	}
}

// TestDiscordPermission: the bot hears and may not write. The person is told in private; when the permission is given, also
// after a restart in between, the answer comes, once.
func TestDiscordPermission(t *testing.T) {
	p, d, dm := newDiscord(t, "", testpeers.Says("first", "The first answer."), testpeers.Says("second", "The second answer."))
	if out, code := p.Run("sk-ant-api03-FAKE-permission-000111222333", "auth", "login", "anthropic", "--method", "key"); code != 0 {
		t.Fatalf("auth login: %s", out)
	}
	p.until("anthropic", "status", "--json")
	ask := func(text string) {
		d.s.Say(discordtest.Said{Person: "ann", Channel: d.s.Channel, Text: "<@" + d.s.Bot + "> " + text})
	}
	d.s.Lack(d.s.Channel, "send", true)
	ask("the first")
	d.want("ann", dm, "lacks a permission in this Discord channel")
	if n := len(d.s.See("bob", d.s.Channel)); n != 0 {
		t.Errorf("%d messages are in the channel", n)
	}
	d.s.Lack(d.s.Channel, "send", false)
	d.want("bob", d.s.Channel, "The first answer.")

	d.s.Lack(d.s.Channel, "send", true)
	ask("the second")
	d.until(dm, "lacks a permission", 2)
	p.Stop(9)
	d.s.Lack(d.s.Channel, "send", false)
	p.Start()
	d.want("bob", d.s.Channel, "The second answer.")
	ask("the first, again")
	d.until(d.s.Channel, "The first answer.", 2)
	if n := len(d.s.See("bob", d.s.Channel)); n != 3 {
		t.Errorf("three questions got %d answers:\n%s", n, listing(d.s.See("bob", d.s.Channel)))
	}
}

// until waits until ann sees a text in so many messages.
func (d *discord) until(channel, text string, n int) {
	d.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); d.count("ann", channel, text) < n; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatalf("ann sees %q in %d messages, not %d:\n%s", text, d.count("ann", channel, text), n, listing(d.s.See("ann", channel)))
		}
	}
}
