package discord

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/discord/discordtest"
)

// menu is a table of commands as the core has one.
func menu() []channels.Command {
	complete := func(_ context.Context, prefix string) (out []string) {
		for n := range 40 {
			if v := fmt.Sprintf("openai/model-%02d", n); strings.Contains(v, prefix) {
				out = append(out, v)
			}
		}
		return append(out, strings.Repeat("x", 101))
	}
	return []channels.Command{
		{Name: "help", Help: "Lists the commands"},
		{Name: "login", Help: "Logs in to a model service", Private: true, Owner: true, Args: []channels.Arg{
			{Name: "provider", Help: "Which one", Optional: true}, {Name: "key", Help: "The key", Optional: true, Secret: true}}},
		{Name: "model", Help: "Shows or sets the model", Args: []channels.Arg{{Name: "model", Help: "Its name", Complete: complete}, {Name: "scope", Help: "here or default", Optional: true}}},
		{Name: "stop", Help: ""},
	}
}

func (b *bot) setMenu(m []channels.Command) {
	b.t.Helper()
	if err := b.c.SetMenu(b.t.Context(), m); err != nil {
		b.t.Fatalf("SetMenu: %v", err)
	}
}

func (b *bot) slash(person, channel, name string, options ...string) (*discordtest.Interaction, channels.Message) {
	b.t.Helper()
	i, err := b.s.Slash(person, channel, name, options...)
	if err != nil {
		b.t.Fatalf("/%s: %v", name, err)
	}
	return i, b.Find("it hears /"+name, func(m channels.Message) bool { return m.ID == channels.MessageID("i"+i.ID) })
}

func TestSlash(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.setMenu(menu())
	b.start()
	ch := channels.ConversationID("ch:" + b.s.Channel)

	// For all: the answer takes the place of "thinking"; what follows are messages.
	i, m := b.slash("ann", b.s.Channel, "model", "scope", "default", "model", "a/b")
	if i.Type != 5 || i.Hidden || m.Text != "/model a/b default" || m.Private || !m.Addressed || m.Conversation != ch || m.From != channels.UserID(b.s.User("ann")) {
		t.Errorf("the command was answered with %d (hidden: %v) and is %+v", i.Type, i.Hidden, m)
	}
	id := b.Send(channels.Post{To: ch, Answers: m.ID, Key: "1", Text: "done", Partial: true})
	if err := b.c.Edit(t.Context(), id, channels.Post{To: ch, Text: "done it"}); err != nil {
		t.Errorf("Edit: %v", err)
	}
	b.Send(channels.Post{To: ch, Answers: m.ID, Key: "2", Text: "and more"})
	if s := b.s.See("bob", b.s.Channel); len(s) != 2 || s[0].Text != "done it" || s[0].Loading || s[1].Text != "and more" {
		t.Errorf("bob sees %+v", s)
	}

	// For one: nobody else sees anything.
	i, m = b.slash("ann", b.s.Channel, "login", "provider", "openai")
	if !i.Hidden {
		t.Error("an answer for one person was not announced as one")
	}
	id = b.Send(channels.Post{To: ch, Only: m.From, Answers: m.ID, Text: "for you"})
	b.Send(channels.Post{To: ch, Only: m.From, Answers: m.ID, Text: "for you too"})
	b.Send(channels.Post{To: ch, Only: m.From, Text: "without saying what it answers"})
	if err := b.c.Edit(t.Context(), id, channels.Post{To: ch, Text: "for your eyes"}); err != nil {
		t.Errorf("Edit: %v", err)
	}
	if s := b.s.See("ann", b.s.Channel); len(s) != 5 || !s[2].Hidden || s[2].Text != "for your eyes" || !s[3].Hidden || !s[4].Hidden {
		t.Errorf("ann sees %+v", s)
	}
	if n := len(b.s.See("bob", b.s.Channel)); n != 2 {
		t.Errorf("bob sees %d messages, want 2", n)
	}
	if err := b.c.Delete(t.Context(), ch, id); err != nil {
		t.Errorf("Delete: %v", err)
	}
	_, err := b.c.Send(t.Context(), channels.Post{To: ch, Only: channels.UserID(b.s.User("bob")), Answers: m.ID, Text: "for another"})
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("an answer to ann's command for bob alone gave %v", err)
	}

	// For one, although the command is for all.
	_, m = b.slash("bob", b.s.Channel, "stop")
	b.Send(channels.Post{To: ch, Only: m.From, Answers: m.ID, Text: "you may not"})
	for _, s := range b.s.See("cat", b.s.Channel) {
		if s.Text == "you may not" || s.Loading {
			t.Errorf("cat sees %+v", s)
		}
	}

	// In private nothing is hidden, for it would be gone with the next look.
	i, m = b.slash("ann", "", "login")
	if i.Hidden || !m.Private {
		t.Errorf("in private: hidden %v, %+v", i.Hidden, m)
	}
	b.Send(channels.Post{To: m.Conversation, Only: m.From, Answers: m.ID, Text: "privately"})
	if s := b.shows("ann", b.s.Direct("ann")); s.Text != "privately" || s.Loading {
		t.Errorf("ann sees %+v", s)
	}
}

// TestWhereItMayNotWrite: commands are answered also where the bot can neither look nor write.
func TestWhereItMayNotWrite(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.setMenu(menu())
	b.start()
	b.s.Lack(b.s.Channel, "view", true)
	_, m := b.slash("ann", b.s.Channel, "help")
	id := b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "one"})
	b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "two"})
	if err := b.c.Edit(t.Context(), id, channels.Post{To: m.Conversation, Text: "ONE"}); err != nil {
		t.Errorf("Edit: %v", err)
	}
	if s := b.s.See("bob", b.s.Channel); len(s) != 2 || s[0].Text != "ONE" || s[1].Text != "two" || s[1].Hidden {
		t.Errorf("bob sees %+v", s)
	}
}

// TestTooLate: when the time to answer a command is over, what is for one is never shown to all, and what is for all
// becomes a message like others.
func TestTooLate(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.setMenu(menu())
	b.start()
	ch := channels.ConversationID("ch:" + b.s.Channel)
	_, m := b.slash("ann", b.s.Channel, "login")
	id := b.Send(channels.Post{To: ch, Only: m.From, Answers: m.ID, Text: "in time"})
	_, public := b.slash("ann", b.s.Channel, "help")
	b.s.ExpireTokens()
	_, err := b.c.Send(t.Context(), channels.Post{To: ch, Only: m.From, Answers: m.ID, Text: "too late"})
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Send gave %v", err)
	}
	if err := b.c.Edit(t.Context(), id, channels.Post{To: ch, Text: "too late"}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Edit gave %v", err)
	}
	b.Send(channels.Post{To: ch, Answers: public.ID, Text: "late, for all"})
	s := b.s.See("bob", b.s.Channel)
	if last := s[len(s)-1]; last.Text != "late, for all" || strings.Contains(fmt.Sprint(s), "too late") {
		t.Errorf("bob sees %+v", s)
	}
	b.open(nil) // another process has no tokens
	for name, err := range map[string]error{
		"Edit":   b.c.Edit(t.Context(), id, channels.Post{To: ch, Text: "x"}),
		"Delete": b.c.Delete(t.Context(), ch, id),
	} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s after a restart gave %v", name, err)
		}
	}
	if _, err := b.c.Send(t.Context(), channels.Post{To: ch, Only: m.From, Answers: m.ID, Text: "x"}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Send after a restart gave %v", err)
	}
}

// TestCommandLost: a command that cannot be kept, or finds the bot going away, is not lost in silence.
func TestCommandLost(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.setMenu(menu())
	b.start()
	b.Refuse(-1)
	if _, err := b.s.Slash("ann", b.s.Channel, "help"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.s.Slash("bob", b.s.Channel, "help"); err != nil {
		t.Fatal(err)
	}
	b.Stop()
	for _, s := range b.s.See("ann", b.s.Channel) {
		if s.Loading || !strings.Contains(s.Text, "send") {
			t.Errorf("shown: %+v", s)
		}
	}
	if n := len(b.s.See("ann", b.s.Channel)); n != 2 {
		t.Errorf("%d people were told, want 2", n)
	}
}

// TestAnsweredTwice: the network fails while Discord is told that the answer comes later; another program answers;
// the event comes twice.
func TestAnsweredTwice(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{Answer: 5 * time.Second}, nil)
	b.setMenu(menu())
	b.start()
	b.s.Fail(discordtest.Fault{Path: "/callback", After: true}) // it arrived, the answer did not
	_, m := b.slash("ann", b.s.Channel, "help")
	b.s.Again("INTERACTION_CREATE")
	b.says(discordtest.Said{Person: "ann", Text: "it has come twice"})
	b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "once"})
	b.s.Fail(discordtest.Fault{Path: "/callback", Status: 502, Body: "<html>"})
	_, m = b.slash("ann", b.s.Channel, "stop")
	b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "twice"})
	if s := b.s.See("ann", b.s.Channel); len(s) != 2 || s[0].Text != "once" || s[1].Text != "twice" {
		t.Errorf("ann sees %+v", s)
	}
	b.s.Fail(discordtest.Fault{Path: "/callback", Status: 400, Body: `{"code": 40060, "message": "Interaction has already been acknowledged."}`})
	if _, err := b.s.Slash("ann", b.s.Channel, "model", "model", "x"); err == nil {
		t.Error("another program's answer was expected to be none here")
	}
	b.says(discordtest.Said{Person: "ann", Text: "end"})
	if got := b.Texts(); !slices.Equal(got, []string{"/help", "it has come twice", "/stop", "end"}) {
		t.Errorf("heard %q", got)
	}
}

// TestHiddenPress: a press on what one person sees renews the right to change that.
func TestHiddenPress(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.setMenu(menu())
	b.start()
	_, m := b.slash("ann", b.s.Channel, "login")
	id := b.Send(channels.Post{To: m.Conversation, Only: m.From, Answers: m.ID, Text: "which?", Choices: []channels.Choice{{Label: "A", Press: "pa"}}})
	s := b.shows("ann", b.s.Channel)
	b.s.ExpireTokens()
	if _, err := b.s.Press("bob", b.s.Channel, s.ID, "A"); err == nil {
		t.Error("bob can press what he does not see")
	}
	if _, err := b.s.Press("ann", b.s.Channel, s.ID, "A"); err != nil {
		t.Fatal(err)
	}
	b.Until("the press is heard", func() bool { return slices.Contains(b.Texts(), "press pa") })
	p := b.Last()
	if p.Answers != id || p.From != m.From || p.Conversation != m.Conversation {
		t.Errorf("the press is %+v; want one that answers %q", p, id)
	}
	if err := b.c.Edit(t.Context(), id, channels.Post{To: m.Conversation, Text: "you chose A"}); err != nil {
		t.Errorf("Edit: %v", err)
	}
	b.Send(channels.Post{To: m.Conversation, Only: m.From, Answers: p.ID, Text: "and now"})
	if s := b.s.See("ann", b.s.Channel); len(s) != 2 || s[0].Text != "you chose A" || len(s[0].Controls) != 0 || !s[1].Hidden {
		t.Errorf("ann sees %+v", s)
	}
	if len(b.s.See("bob", b.s.Channel)) != 0 {
		t.Error("bob sees it")
	}
}

// TestDeadButton: what a press is answered with for its person alone is seen by nobody else, although all see the button.
func TestDeadButton(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil).start()
	m := b.says(discordtest.Said{Person: "ann", Text: b.at("which?"), Channel: b.s.Channel})
	b.Send(channels.Post{To: m.Conversation, Text: "which?", Choices: []channels.Choice{{Label: "A", Press: "pa"}}})
	s := b.shows("bob", b.s.Channel)
	for n, text := range []string{"That button no longer works.", "That button is for somebody else."} {
		if _, err := b.s.Press("bob", b.s.Channel, s.ID, "A"); err != nil {
			t.Fatal(err)
		}
		b.Until("the press is heard", func() bool { return strings.Count(strings.Join(b.Texts(), "\n"), "press pa") == n+1 })
		p := b.Last()
		b.Send(channels.Post{To: p.Conversation, Answers: p.ID, Only: p.From, Text: text})
		all := b.s.See("bob", b.s.Channel)
		if last := all[len(all)-1]; last.Text != text || !last.Hidden {
			t.Errorf("bob sees %+v", last)
		}
		if all := b.s.See("ann", b.s.Channel); strings.Contains(fmt.Sprint(all), text) || all[len(all)-1].Text != "which?" {
			t.Errorf("ann sees %+v", all)
		}
	}
}

// TestNoAnswer takes "thinking" away when nothing comes; what comes after all is shown.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.setMenu(menu())
	b.start()
	_, m := b.slash("ann", b.s.Channel, "help")
	b.c.mu.Lock()
	for _, i := range b.c.tokens {
		i.until = i.until.Add(-answerWait)
	}
	b.c.mu.Unlock()
	b.Until("it is taken away", func() bool { return len(b.s.See("ann", b.s.Channel)) == 0 })
	b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "after all"})
	b.shows("bob", b.s.Channel)
}
