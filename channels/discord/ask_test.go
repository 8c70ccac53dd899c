package discord

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/discord/discordtest"
	"chatgateway/internal/secret"
	"chatgateway/login"
)

type asked struct {
	s   secret.String
	err error
}

func (b *bot) ask(ctx context.Context, p channels.Post, s login.Step) chan asked {
	out := make(chan asked, 1)
	go func() {
		v, err := b.c.Ask(ctx, p, s)
		out <- asked{v, err}
	}()
	return out
}

func TestAsk(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.setMenu(menu())
	b.start()
	const key = "sk-fake-key-for-tests-0001"
	step := login.Step{Text: "Your key, please.", URL: "https://example.com/keys", Label: "Get one", Field: &login.Field{Name: "API key", Secret: true, Check: func(s string) error {
		if s != key {
			return errors.New("this is no key: " + s)
		}
		return nil
	}}}
	_, m := b.slash("ann", b.s.Channel, "login")
	post := channels.Post{To: m.Conversation, Only: m.From, Answers: m.ID, Text: step.Text}
	open := func() discordtest.Shown {
		t.Helper()
		var s discordtest.Shown
		b.Until("the question is shown", func() bool {
			all := b.s.See("ann", b.s.Channel)
			if len(all) > 0 {
				s = all[len(all)-1]
			}
			return len(s.Controls) == 3
		})
		return s
	}

	got := b.ask(t.Context(), post, step)
	q := open()
	if !q.Hidden || q.Controls[2].URL != step.URL {
		t.Errorf("the question is %+v", q)
	}
	form, err := b.s.Press("ann", b.s.Channel, q.ID, "Enter API key")
	if err != nil || form.Type != 9 {
		t.Fatalf("the button gave %d, %v", form.Type, err)
	}
	if _, err := b.s.Submit("ann", form, "wrong-key-typed"); err != nil {
		t.Fatal(err)
	}
	if s := open(); !strings.Contains(s.Text, "this is no key") || strings.Contains(s.Text, "wrong-key-typed") {
		t.Errorf("after a wrong answer: %q", s.Text)
	}
	if _, err := b.s.Submit("ann", form, "  "+key+"\n"); err != nil {
		t.Fatal(err)
	}
	if a := <-got; a.err != nil || a.s.Reveal() != key {
		t.Fatalf("the answer: %v", a.err)
	}
	if s := b.shows("ann", b.s.Channel); s.Text != "Received." || len(s.Controls) != 0 {
		t.Errorf("after the answer: %+v", s)
	}
	late, err := b.s.Submit("ann", form, key)
	if err != nil || late.Type != 4 || !late.Hidden {
		t.Errorf("a second answer was answered with %d, %v", late.Type, err)
	}
	b.Send(channels.Post{To: m.Conversation, Only: m.From, Answers: m.ID, Text: "logged in"})

	got = b.ask(t.Context(), post, step)
	if _, err := b.s.Press("ann", b.s.Channel, open().ID, "Cancel"); err != nil {
		t.Fatal(err)
	}
	if a := <-got; !errors.Is(a.err, login.ErrCanceled) {
		t.Errorf("Cancel gave %v", a.err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	got = b.ask(ctx, post, step)
	q = open()
	cancel()
	if a := <-got; !errors.Is(a.err, context.Canceled) {
		t.Errorf("the end of the context gave %v", a.err)
	}
	soon := step
	soon.Expires = time.Now().Add(300 * time.Millisecond)
	got = b.ask(t.Context(), post, soon)
	if a := <-got; !errors.Is(a.err, login.ErrExpired) {
		t.Errorf("the end of its time gave %v", a.err)
	}
	for _, s := range b.s.See("ann", b.s.Channel) {
		if len(s.Controls) > 0 {
			t.Errorf("a form that is over can still be opened: %+v", s)
		}
	}

	// In public there is no form, for all would see the question.
	said := b.says(discordtest.Said{Person: "bob", Text: b.at("log me in"), Channel: b.s.Channel})
	if a := <-b.ask(t.Context(), channels.Post{To: said.Conversation, Only: said.From, Answers: said.ID, Text: "key?"}, step); !errors.Is(a.err, errors.ErrUnsupported) {
		t.Errorf("Ask in public gave %v", a.err)
	}
	if len(b.s.See("bob", b.s.Channel)) != 0 {
		t.Error("bob sees something")
	}
	if strings.Contains(b.Log()+fmt.Sprint(b.Messages()), key) {
		t.Error("the key was logged, or handed in")
	}
}

// TestAskForAnother: only the one who is asked may answer; after a restart a form says that it is closed.
func TestAskForAnother(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil).start()
	m := b.says(discordtest.Said{Person: "ann", Text: "log me in"})
	q := &question{conv: "ch:" + channels.ConversationID(b.s.Channel), user: m.From, text: "Key?", field: login.Field{Name: "Key"}, answer: make(chan result, 1)}
	b.c.asks.open["ask.X"] = q
	id, err := b.c.show(t.Context(), channels.Post{To: q.conv, Text: q.text}, outgoing{components: q.controls("ask.X")})
	if err != nil {
		t.Fatal(err)
	}
	for _, label := range []string{"Enter Key", "Cancel"} {
		i, err := b.s.Press("bob", b.s.Channel, string(id), label)
		if err != nil || i.Type != 4 || !i.Hidden {
			t.Errorf("bob's %s was answered with %d, hidden %v, %v", label, i.Type, i.Hidden, err)
		}
	}
	if len(q.answer) != 0 {
		t.Fatal("bob answered for ann")
	}
	b.Stop()
	b.open(nil)
	b.start()
	i, err := b.s.Press("ann", b.s.Channel, string(id), "Enter Key")
	if err != nil || i.Type != 4 || !i.Hidden {
		t.Errorf("after a restart the button was answered with %d, %v", i.Type, err)
	}
}
