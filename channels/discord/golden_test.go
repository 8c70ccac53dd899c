package discord

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/discord/discordtest"
	"chatgateway/login"
)

func golden(t *testing.T, name string, v any) {
	t.Helper()
	channeltest.Golden(t, name, v, map[string]string{`"nonce": "[^"]+"`: `"nonce": "…"`, `ask\.[A-Z2-7]{26}`: "ask.…", `"\d{17,20}"`: `"<id>"`})
}

// last gives the body of the last request of a kind.
func (b *bot) last(method, path string) (v any) {
	b.t.Helper()
	all := b.s.Requests(method, path)
	if len(all) == 0 {
		b.t.Fatalf("no %s %s came in", method, path)
	}
	if err := json.Unmarshal([]byte(all[len(all)-1].Body), &v); err != nil {
		b.t.Fatal(err)
	}
	return v
}

// TestGolden keeps what is sent to Discord, message by message.
func TestGolden(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.setMenu(menu())
	b.start()
	golden(t, "commands", b.last("PUT", "/commands").(map[string]any)[""])
	m := b.says(discordtest.Said{Person: "ann", Text: b.at("hello"), Channel: b.s.Channel})
	send := func(name string, p channels.Post) {
		t.Helper()
		p.To = m.Conversation
		b.Send(p)
		golden(t, name, b.last("POST", "/messages"))
	}
	send("answer", channels.Post{Answers: m.ID, Key: "k", Text: "# A title\n\nSome **bold** text for @everyone, a [link](https://example.com), and\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```go\nx := 1\n```"})
	send("buttons", channels.Post{Key: "k2", Text: "Which one?", Choices: []channels.Choice{{Label: "Left", Press: "p-1"}, {Label: "Right", Press: "p-2"}, {Label: "Read more", URL: "https://example.com"}}})
	var models []channels.Choice
	for n := range 30 {
		models = append(models, channels.Choice{Label: fmt.Sprintf("model %02d", n), Press: channels.PressID(fmt.Sprintf("p-m%02d", n))})
	}
	send("menu", channels.Post{Key: "k3", Text: "Which model?", Choices: models})
	if err := b.c.Edit(t.Context(), b.Send(channels.Post{To: m.Conversation, Text: "x"}), channels.Post{To: m.Conversation, Text: "edited"}); err != nil {
		t.Fatal(err)
	}
	golden(t, "edit", b.last("PATCH", "/messages/"))
	if _, err := b.c.Upload(t.Context(), channels.Post{To: m.Conversation, Key: "k4", Text: "a file"}, []channels.File{{Name: "a.txt", Type: "text/plain", Data: []byte("x")}}); err != nil {
		t.Fatal(err)
	}
	golden(t, "file", b.last("POST", "/messages"))

	_, cmd := b.slash("ann", b.s.Channel, "login")
	golden(t, "deferred", b.last("POST", "/callback"))
	b.Send(channels.Post{To: m.Conversation, Only: cmd.From, Answers: cmd.ID, Text: "Sign in there.", Choices: []channels.Choice{{Label: "Sign in", URL: "https://example.com/login"}}})
	golden(t, "private", b.last("PATCH", "/webhooks/"))
	b.Send(channels.Post{To: m.Conversation, Only: cmd.From, Answers: cmd.ID, Text: "And one more thing."})
	golden(t, "private_more", b.last("POST", "/webhooks/"))

	step := login.Step{Text: "Your key, please.", Expires: time.Now().Add(time.Minute), Field: &login.Field{Name: "API key", Secret: true, Check: func(s string) error {
		if s != "right" {
			return errors.New("This is not a key; it begins with sk-.")
		}
		return nil
	}}}
	got := b.ask(t.Context(), channels.Post{To: m.Conversation, Only: cmd.From, Answers: cmd.ID, Text: step.Text}, step)
	var q discordtest.Shown
	b.Until("the question is shown", func() bool {
		all := b.s.See("ann", b.s.Channel)
		q = all[len(all)-1]
		return strings.Contains(q.Text, "Your key")
	})
	golden(t, "question", b.last("POST", "/webhooks/"))
	form, err := b.s.Press("ann", b.s.Channel, q.ID, "Enter API key")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "form", b.last("POST", "/callback"))
	if _, err := b.s.Submit("ann", form, "wrong"); err != nil {
		t.Fatal(err)
	}
	golden(t, "form_wrong", b.last("POST", "/callback"))
	if _, err := b.s.Submit("ann", form, "right"); err != nil {
		t.Fatal(err)
	}
	if a := <-got; a.err != nil {
		t.Fatal(a.err)
	}
	golden(t, "form_right", b.last("POST", "/callback"))
	cut := b.ask(t.Context(), channels.Post{To: m.Conversation, Only: cmd.From, Answers: cmd.ID, Text: step.Text}, step)
	b.Until("the question is shown again", func() bool {
		all := b.s.See("ann", b.s.Channel)
		q = all[len(all)-1]
		return len(q.Controls) > 0 && q.Hidden
	})
	if _, err := b.s.Press("ann", b.s.Channel, q.ID, "Cancel"); err != nil {
		t.Fatal(err)
	}
	golden(t, "form_canceled", b.last("POST", "/callback"))
	if a := <-cut; !errors.Is(a.err, login.ErrCanceled) {
		t.Fatal(a.err)
	}
	if _, err := b.s.Press("ann", b.s.Channel, "gone", "x"); err == nil {
		t.Error("what is gone was pressed")
	}
	if _, err := b.s.Submit("ann", form, "right"); err != nil { // again, when it is over
		t.Fatal(err)
	}
	golden(t, "form_closed", b.last("POST", "/callback"))
	if _, err := b.s.Complete("ann", b.s.Channel, "model", "model", "-3"); err != nil {
		t.Fatal(err)
	}
	golden(t, "completions", b.last("POST", "/callback"))
}
