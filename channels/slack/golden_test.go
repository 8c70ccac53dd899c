package slack

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/slack/slacktest"
)

func golden(t *testing.T, name string, v any) {
	t.Helper()
	channeltest.Golden(t, name, v, map[string]string{`"[A-Z2-7]{26}"`: `"…"`})
}

// TestGolden dumps what people are shown: blocks and views, as Slack takes them.
func TestGolden(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Say(slacktest.Said{Person: "ann", Text: "hello"})
	m := b.Heard("hello")
	shown := func() slacktest.Shown {
		s := b.s.See("ann", "")
		return s[len(s)-1]
	}
	b.Send(channels.Post{To: m.Conversation, Text: "# Title\n\nSome **bold** text, `code`, a [link](https://a.example/?a=1&b=2), <!channel>.\n\n| a | b |\n|---|---|\n| 1 | 22 |\n\n" +
		"```go\nx := 1\n```"})
	golden(t, "answer", shown().Text)
	b.Send(channels.Post{To: m.Conversation, Text: "Which **one**?", Choices: []channels.Choice{{Label: "Left", Press: "p-left"}, {Label: "Right", Press: "p-right"},
		{Label: "Read more", URL: "https://a.example/more"}}})
	golden(t, "buttons", shown().Blocks)
	var list []channels.Choice
	for n := range 12 {
		list = append(list, channels.Choice{Label: "Model " + itoa(n), Press: channels.PressID("p-" + itoa(n))})
	}
	b.Send(channels.Post{To: m.Conversation, Text: "Which model?", Choices: list})
	golden(t, "menu", shown().Blocks)
	done, _ := b.ask(t.Context(), m, time.Now().Add(time.Minute))
	f := openForm(t, b.s, "ann", "")
	golden(t, "question", shown().Blocks)
	golden(t, "form", f.Raw)
	wrong, err := b.s.Submit("ann", f, "not-a-key-9")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "form_wrong", wrong)
	if wrong, err := b.s.Submit("ann", f, "fake-key-0001"); err != nil || len(wrong) > 0 {
		t.Errorf("submit: %v, %v", wrong, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	golden(t, "received", shown().Text)
}

// TestGoldenInChannel dumps what is shown where others look on: to one person alone, and growing in a thread.
func TestGoldenInChannel(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	type view struct {
		Text      string
		Hidden    bool
		Streaming bool
		Blocks    json.RawMessage
	}
	shown := func() view {
		l := b.s.See("ann", b.s.Channel)
		s := l[len(l)-1]
		return view{s.Text, s.Hidden, s.Streaming, s.Blocks}
	}
	b.s.Slash("ann", b.s.Channel, "/gateway", "login openai")
	m := b.Heard("/login openai")
	b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Only: m.From, Text: "**Sign in** to OpenAI, then come back.", Choices: []channels.Choice{
		{Label: "Sign in", URL: "https://auth.example/authorize?x=1"}, {Label: "Cancel", Press: "p-cancel"}}})
	golden(t, "private", shown())
	d, _ := b.streams("tell me")
	if err := d.Show(t.Context(), "| a | b |\n|---|---|\n| 1 | 2 |\n\n**Bold**, <!channel> and "); err != nil {
		t.Fatal(err)
	}
	golden(t, "stream_grows", shown())
	if _, err := d.Finish(t.Context(), "| a | b |\n|---|---|\n| 1 | 2 |\n\n**Bold**, <!channel> and done."); err != nil {
		t.Fatal(err)
	}
	golden(t, "stream_done", shown())
}

func TestManifest(t *testing.T) {
	t.Parallel()
	menu := []channels.Command{{Name: "login", Help: "Signs in", Args: []channels.Arg{{Name: "provider", Optional: true}, {Name: "key", Optional: true, Secret: true}}},
		{Name: "model", Help: "Chooses a model", Args: []channels.Arg{{Name: "name"}}}, {Name: "help", Help: "Lists the commands"}, {Name: "Odd name", Help: "x"}}
	text, err := Service.Manifest(menu, Service.Settings())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "manifest", json.RawMessage(text))
	for n := range 40 {
		menu = append(menu, channels.Command{Name: "more" + itoa(n)})
	}
	text, err = Service.Manifest(menu, Service.Settings())
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), `"command": "/`); n != slashMax {
		t.Errorf("%d slash commands, Slack takes %d", n, slashMax)
	}
	if _, err := Service.Manifest(menu, &Settings{Command: "help"}); err == nil {
		t.Error("a command that is Slack's own was taken")
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	nameOf := func(id string) string { return map[string]string{"U2": "Bob"}[id] }
	for in, want := range map[string]string{
		"<@U0BOT> hello":                    "hello",
		"hello <@U0BOT>":                    "hello",
		"hi <@U0BOT|gateway> there":         "hi there",
		"<@U2> and <@U3|cleo> and <@U4>":    "@Bob and @cleo and @U4",
		"<!here> <!subteam^S1|@team>":       "@here @team",
		"<https://a.b/?x=1&amp;y=2>":        "https://a.b/?x=1&y=2",
		"<http://a.b|a.b>":                  "a.b",
		"<https://a.b|this>":                "this (https://a.b)",
		"&lt;b&gt; &amp;amp;":               "<b> &amp;",
		"a\n<@U0BOT>\nb":                    "a\n\nb",
		"<https://x/cb?code=a%7Cb&amp;s=1>": "https://x/cb?code=a%7Cb&s=1",
	} {
		if got := plain(in, "U0BOT", nameOf); got != want {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for base, good := range map[string]bool{"": true, "https://slack.example/api/": true, "http://127.0.0.1:1/api": true, "http://slack.example/api": false,
		"slack.example": false, "https://u:p@slack.example": false} {
		set := Service.Settings().(*Settings)
		set.APIBase = base
		if _, err := Service.Open(channels.Options{Settings: set}); (err == nil) != good {
			t.Errorf("api_base %q: %v", base, err)
		}
	}
	for token, good := range map[string]bool{"xoxb-1234567890": true, "xapp-1-1234567890": false, "xoxb-": false, "xoxb-123 4567890": false, "Bearer x": false} {
		if err := checkBotToken(token); (err == nil) != good || err != nil && len(token) > 8 && strings.Contains(err.Error(), token) {
			t.Errorf("checkBotToken(%q): %v", token, err)
		}
	}
}
