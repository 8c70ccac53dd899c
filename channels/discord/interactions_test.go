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
	"chatgateway/internal/secret"
	"chatgateway/login"
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
	b.until("/"+name+" is heard", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.seen[channels.MessageID("i"+i.ID)]
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	return i, b.got[slices.IndexFunc(b.got, func(m channels.Message) bool { return m.ID == channels.MessageID("i"+i.ID) })]
}

// TestMenu: what differs is written, and nothing else.
func TestMenu(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	writes := func() (n int) {
		for _, m := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			n += len(b.s.Requests(m, "/commands"))
		}
		return n
	}
	for _, c := range []struct {
		name string
		menu []channels.Command
		want int // requests that write
		have int
	}{
		{"the first time, at once", menu(), 1, 4},
		{"the same", menu(), 0, 4},
		{"one goes", menu()[:3], 1, 3},
		{"one comes", menu(), 1, 4},
		{"a text changes", append(menu()[:3], channels.Command{Name: "stop", Help: "Stops it"}), 1, 4},
		{"the same again", append(menu()[:3], channels.Command{Name: "stop", Help: "Stops it"}), 0, 4},
		{"one that Discord does not take", append(menu()[:3], channels.Command{Name: "stop", Help: "Stops it"}, channels.Command{Name: "a b"}), 0, 4},
	} {
		before := writes()
		b.setMenu(c.menu)
		if n := writes() - before; n != c.want || len(b.s.Commands()) != c.have {
			t.Errorf("%s: %d writes, %d commands; want %d and %d", c.name, n, len(b.s.Commands()), c.want, c.have)
		}
	}
	b.open(nil) // another process finds them as they are
	before := writes()
	b.setMenu(append(menu()[:3], channels.Command{Name: "stop", Help: "Stops it"}))
	if n := writes() - before; n != 0 {
		t.Errorf("after a restart %d requests wrote; want none", n)
	}
	for _, cmd := range b.s.Commands() {
		if cmd["name"] == "login" && len(cmd["options"].([]any)) != 1 {
			t.Errorf("a secret is an option: %v", cmd["options"])
		}
	}
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
	id := b.send(channels.Post{To: ch, Answers: m.ID, Key: "1", Text: "done", Partial: true})
	if err := b.c.Edit(t.Context(), id, channels.Post{To: ch, Text: "done it"}); err != nil {
		t.Errorf("Edit: %v", err)
	}
	b.send(channels.Post{To: ch, Answers: m.ID, Key: "2", Text: "and more"})
	if s := b.s.See("bob", b.s.Channel); len(s) != 2 || s[0].Text != "done it" || s[0].Loading || s[1].Text != "and more" {
		t.Errorf("bob sees %+v", s)
	}

	// For one: nobody else sees anything.
	i, m = b.slash("ann", b.s.Channel, "login", "provider", "openai")
	if !i.Hidden {
		t.Error("an answer for one person was not announced as one")
	}
	id = b.send(channels.Post{To: ch, Only: m.From, Answers: m.ID, Text: "for you"})
	b.send(channels.Post{To: ch, Only: m.From, Answers: m.ID, Text: "for you too"})
	b.send(channels.Post{To: ch, Only: m.From, Text: "without saying what it answers"})
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
	b.send(channels.Post{To: ch, Only: m.From, Answers: m.ID, Text: "you may not"})
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
	b.send(channels.Post{To: m.Conversation, Only: m.From, Answers: m.ID, Text: "privately"})
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
	id := b.send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "one"})
	b.send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "two"})
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
	id := b.send(channels.Post{To: ch, Only: m.From, Answers: m.ID, Text: "in time"})
	_, public := b.slash("ann", b.s.Channel, "help")
	b.s.ExpireTokens()
	_, err := b.c.Send(t.Context(), channels.Post{To: ch, Only: m.From, Answers: m.ID, Text: "too late"})
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Send gave %v", err)
	}
	if err := b.c.Edit(t.Context(), id, channels.Post{To: ch, Text: "too late"}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Edit gave %v", err)
	}
	b.send(channels.Post{To: ch, Answers: public.ID, Text: "late, for all"})
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
	b.mu.Lock()
	b.refuse = -1
	b.mu.Unlock()
	if _, err := b.s.Slash("ann", b.s.Channel, "help"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.s.Slash("bob", b.s.Channel, "help"); err != nil {
		t.Fatal(err)
	}
	b.stop()
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
	b.send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "once"})
	b.s.Fail(discordtest.Fault{Path: "/callback", Status: 502, Body: "<html>"})
	_, m = b.slash("ann", b.s.Channel, "stop")
	b.send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "twice"})
	if s := b.s.See("ann", b.s.Channel); len(s) != 2 || s[0].Text != "once" || s[1].Text != "twice" {
		t.Errorf("ann sees %+v", s)
	}
	b.s.Fail(discordtest.Fault{Path: "/callback", Status: 400, Body: `{"code": 40060, "message": "Interaction has already been acknowledged."}`})
	if _, err := b.s.Slash("ann", b.s.Channel, "model", "model", "x"); err == nil {
		t.Error("another program's answer was expected to be none here")
	}
	b.says(discordtest.Said{Person: "ann", Text: "end"})
	if got := b.texts(); !slices.Equal(got, []string{"/help", "it has come twice", "/stop", "end"}) {
		t.Errorf("heard %q", got)
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.setMenu(menu())
	b.start()
	got, err := b.s.Complete("ann", b.s.Channel, "model", "model", "")
	if err != nil || len(got) != 25 || got[0] != "openai/model-00" {
		t.Errorf("%d completions: %q, %v", len(got), got, err)
	}
	got, err = b.s.Complete("ann", "", "model", "model", "-39")
	if err != nil || !slices.Equal(got, []string{"openai/model-39"}) {
		t.Errorf("completions: %q, %v", got, err)
	}
	if got, err = b.s.Complete("ann", "", "model", "scope", "h"); err != nil || len(got) != 0 {
		t.Errorf("completions of free text: %q, %v", got, err)
	}
}

// TestChoices: few are buttons, many are menus of 25, more than fit go into another message.
func TestChoices(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.start()
	m := b.says(discordtest.Said{Person: "ann", Text: "choose"})
	for _, n := range []int{1, 5, 6, 25, 26, 130, 260} {
		var choices []channels.Choice
		for i := range n {
			choices = append(choices, channels.Choice{Label: fmt.Sprintf("choice %d %s", i, strings.Repeat("é", 90)), Press: channels.PressID(fmt.Sprintf("p-%d-%d", n, i))})
		}
		choices = append(choices, channels.Choice{Label: "page", URL: "https://example.com/a?b=c"}, channels.Choice{Label: "no page", URL: "javascript:alert(1)"})
		before := len(b.s.See("ann", b.s.Direct("ann")))
		id := b.send(channels.Post{To: m.Conversation, Text: fmt.Sprintf("%d choices", n), Choices: choices})
		all := b.s.See("ann", b.s.Direct("ann"))[before:]
		controls, links := 0, 0
		for _, s := range all {
			for _, c := range s.Controls {
				if c.URL != "" {
					links++
				} else {
					controls++
				}
			}
		}
		if controls != n || links != 1 || string(id) != all[len(all)-1].ID {
			t.Errorf("%d choices: %d controls, %d links in %d messages", n, controls, links, len(all))
		}
		last := all[len(all)-1]
		for _, c := range slices.Backward(last.Controls) {
			if c.URL != "" {
				continue
			}
			if _, err := b.s.Press("ann", "", last.ID, c.Label); err != nil {
				t.Fatalf("press: %v", err)
			}
			b.until("the press is heard", func() bool { return slices.Contains(b.texts(), fmt.Sprintf("press p-%d-%d", n, n-1)) })
			break
		}
	}
}

// TestHiddenPress: a press on what one person sees renews the right to change that.
func TestHiddenPress(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.setMenu(menu())
	b.start()
	_, m := b.slash("ann", b.s.Channel, "login")
	id := b.send(channels.Post{To: m.Conversation, Only: m.From, Answers: m.ID, Text: "which?", Choices: []channels.Choice{{Label: "A", Press: "pa"}}})
	s := b.shows("ann", b.s.Channel)
	b.s.ExpireTokens()
	if _, err := b.s.Press("bob", b.s.Channel, s.ID, "A"); err == nil {
		t.Error("bob can press what he does not see")
	}
	if _, err := b.s.Press("ann", b.s.Channel, s.ID, "A"); err != nil {
		t.Fatal(err)
	}
	b.until("the press is heard", func() bool { return slices.Contains(b.texts(), "press pa") })
	b.mu.Lock()
	p := b.got[len(b.got)-1]
	b.mu.Unlock()
	if p.Answers != id || p.From != m.From || p.Conversation != m.Conversation {
		t.Errorf("the press is %+v; want one that answers %q", p, id)
	}
	if err := b.c.Edit(t.Context(), id, channels.Post{To: m.Conversation, Text: "you chose A"}); err != nil {
		t.Errorf("Edit: %v", err)
	}
	b.send(channels.Post{To: m.Conversation, Only: m.From, Answers: p.ID, Text: "and now"})
	if s := b.s.See("ann", b.s.Channel); len(s) != 2 || s[0].Text != "you chose A" || len(s[0].Controls) != 0 || !s[1].Hidden {
		t.Errorf("ann sees %+v", s)
	}
	if len(b.s.See("bob", b.s.Channel)) != 0 {
		t.Error("bob sees it")
	}
}

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
		b.until("the question is shown", func() bool {
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
	b.send(channels.Post{To: m.Conversation, Only: m.From, Answers: m.ID, Text: "logged in"})

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
	b.mu.Lock()
	defer b.mu.Unlock()
	if strings.Contains(b.log.String()+fmt.Sprint(b.got), key) {
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
	b.stop()
	b.open(nil)
	b.start()
	i, err := b.s.Press("ann", b.s.Channel, string(id), "Enter Key")
	if err != nil || i.Type != 4 || !i.Hidden {
		t.Errorf("after a restart the button was answered with %d, %v", i.Type, err)
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
	b.until("it is taken away", func() bool { return len(b.s.See("ann", b.s.Channel)) == 0 })
	b.send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "after all"})
	b.shows("bob", b.s.Channel)
}
