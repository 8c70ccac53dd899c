package slack

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/slack/slacktest"
	"chatgateway/internal/secret"
	"chatgateway/login"
)

func TestSlashCommands(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Slash("ann", b.s.Channel, "/gateway", "login openai")
	m := b.Heard("/login openai")
	if m.Private || !m.Addressed || m.From != channels.UserID(b.s.Person("ann")) || len(m.Places) != 2 {
		t.Errorf("a command in a channel: %+v", m)
	}
	id := b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Only: m.From, Text: "for you alone"})
	if err := b.c.Delete(t.Context(), m.Conversation, id); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Delete of what cannot be deleted: %v", err)
	}
	if s := b.shows("ann", b.s.Channel); !s.Hidden || len(b.s.See("bob", b.s.Channel)) != 0 {
		t.Errorf("the answer: %+v", s)
	}
	if n := b.s.Calls("chat.postEphemeral"); n != 0 {
		t.Errorf("a command was not answered by its address, %d times", n)
	}
	for range replyTimes { // the address serves five times; after that the person is named
		b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Only: m.From, Text: "more"})
	}
	if n := b.s.Calls("chat.postEphemeral"); n != 1 || len(b.s.See("bob", b.s.Channel)) != 0 {
		t.Errorf("%d ephemeral posts, want 1", n)
	}
	b.s.Slash("ann", "", "/model", "")
	if m := b.Heard("/model"); !m.Private || m.Conversation != channels.ConversationID(b.s.Direct("ann")) {
		t.Errorf("a command in private: %+v", m)
	}
	b.s.Slash("ann", "", "/gateway", "")
	b.Heard("/help")
	b.s.Slash("ann", "", "/gateway", "what is this")
	b.Heard("what is this")
}

// TestForeign: a command in the direct messages of two people is not private, and its answer is seen by its person alone.
func TestForeign(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	ch := b.s.Foreign("ann", "bob")
	b.s.Slash("ann", ch, "/gateway", "login")
	m := b.Heard("/login")
	if m.Private {
		t.Errorf("it is taken for private: %+v", m)
	}
	b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Only: m.From, Text: "for you alone"})
	if s := b.shows("ann", ch); !s.Hidden {
		t.Errorf("shown: %+v", s)
	}
	b.s.Expire()
	if _, err := b.c.Send(t.Context(), channels.Post{To: m.Conversation, Answers: m.ID, Only: m.From, Text: "too late"}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("too late, and with no other way: %v", err)
	}
	if len(b.s.See("bob", ch)) != 0 {
		t.Error("bob sees what is for ann")
	}
}

func TestMenuOfMany(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Say(slacktest.Said{Person: "ann", Channel: b.s.Channel, Text: at("choose")})
	m := b.Heard("choose")
	var list []channels.Choice
	for n := range 130 {
		list = append(list, channels.Choice{Label: "Model " + itoa(n), Press: channels.PressID("press-" + itoa(n))})
	}
	list = append(list, channels.Choice{Label: "Page", URL: "https://a.example/"})
	id := b.Send(channels.Post{To: m.Conversation, Text: "which?", Choices: list})
	s := b.shows("ann", b.s.Channel)
	if _, err := b.s.Press("ann", b.s.Channel, s.TS, "Model 117"); err != nil {
		t.Fatal(err)
	}
	p := b.Heard("press press-117")
	if p.Answers != id || p.Conversation != m.Conversation {
		t.Errorf("the choice: %+v", p)
	}
	if _, err := b.s.Press("ann", b.s.Channel, s.TS, "Page"); err != nil { // opening a page is no press
		t.Fatal(err)
	}
	b.settled()
	if n := len(b.Texts()); n != 2 {
		t.Errorf("heard %d messages, want 2", n)
	}
}

// TestDeadButton: what a press is answered with for its person alone is seen by nobody else, although all see the button.
func TestDeadButton(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Say(slacktest.Said{Person: "ann", Channel: b.s.Channel, Text: at("which?")})
	m := b.Heard("which?")
	b.Send(channels.Post{To: m.Conversation, Text: "this?", Choices: []channels.Choice{{Label: "A", Press: "pa"}, {Label: "B", Press: "pb"}}})
	s := b.shows("bob", b.s.Channel)
	for label, text := range map[string]string{"A": "That button no longer works.", "B": "That button is for somebody else."} {
		if _, err := b.s.Press("bob", b.s.Channel, s.TS, label); err != nil {
			t.Fatal(err)
		}
		p := b.Heard("press p" + strings.ToLower(label))
		b.Send(channels.Post{To: p.Conversation, Answers: p.ID, Only: p.From, Text: text})
		all := b.s.See("bob", b.s.Channel)
		if last := all[len(all)-1]; last.Text != text || !last.Hidden {
			t.Errorf("bob sees %+v", last)
		}
		if all := b.s.See("ann", b.s.Channel); all[len(all)-1].Text != "this?" {
			t.Errorf("ann sees %+v", all)
		}
	}
}

// ask asks ann for a key in the background.
func (b *bot) ask(ctx context.Context, m channels.Message, expires time.Time) (<-chan error, *secret.String) {
	var got secret.String
	done := make(chan error, 1)
	step := login.Step{Text: "Your key, please.", URL: "https://keys.example/", Expires: expires, Field: &login.Field{Name: "API key", Secret: true, Check: func(s string) error {
		if s != "fake-key-0001" {
			return errors.New(s + " is no key")
		}
		return nil
	}}}
	go func() { // ends with the question; the test reads done
		s, err := b.c.Ask(ctx, channels.Post{To: m.Conversation, Answers: m.ID, Only: m.From, Text: step.Text}, step)
		got = s
		done <- err
	}()
	return done, &got
}

func TestAskInAChannel(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Slash("ann", b.s.Channel, "/gateway", "login openai")
	m := b.Heard("/login openai")
	done, got := b.ask(t.Context(), m, time.Now().Add(time.Minute))
	f := openForm(t, b.s, "ann", b.s.Channel)
	if wrong, err := b.s.Submit("bob", f, "fake-key-0001"); err != nil || wrong["answer"] != "This is for somebody else." {
		t.Errorf("bob's answer: %v, %v", wrong, err)
	}
	if wrong, err := b.s.Submit("ann", f, "not-a-key-9"); err != nil || !strings.Contains(wrong["answer"], "is no key") || strings.Contains(wrong["answer"], "not-a-key-9") {
		t.Errorf("a wrong answer: %v, %v", wrong, err)
	}
	if wrong, err := b.s.Submit("ann", f, " fake-key-0001\n"); err != nil || len(wrong) != 0 {
		t.Errorf("the right answer: %v, %v", wrong, err)
	}
	if err := <-done; err != nil || got.Reveal() != "fake-key-0001" {
		t.Errorf("Ask gave %v, the right answer: %v", err, got.Reveal() == "fake-key-0001")
	}
	if wrong, err := b.s.Submit("ann", f, "fake-key-0001"); err != nil || len(wrong) != 0 {
		t.Errorf("the same again: %v, %v", wrong, err)
	}
	s := b.shows("ann", b.s.Channel)
	if !s.Hidden || s.Text != "Received." || len(s.Controls) != 0 || len(b.s.See("bob", b.s.Channel)) != 0 {
		t.Errorf("afterwards ann sees %+v, bob %+v", s, b.s.See("bob", b.s.Channel))
	}
	if strings.Contains(b.Log(), "-key-") {
		t.Error("an answer was logged")
	}
}

func TestAskIsOver(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Say(slacktest.Said{Person: "ann", Text: "log me in"})
	m := b.Heard("log me in")
	done, _ := b.ask(t.Context(), m, time.Now().Add(time.Minute))
	var s slacktest.Shown
	b.Until("the question is shown", func() bool {
		if l := b.s.See("ann", ""); len(l) == 1 {
			s = l[0]
		}
		return s.TS != ""
	})
	if _, err := b.s.Press("ann", "", s.TS, "Cancel"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, login.ErrCanceled) {
		t.Errorf("canceled: %v", err)
	}
	if s := b.shows("ann", ""); s.Text != "Canceled." || len(s.Controls) != 0 {
		t.Errorf("shown: %+v", s)
	}
	done, _ = b.ask(t.Context(), m, time.Now().Add(700*time.Millisecond))
	f := openForm(t, b.s, "ann", "")
	if err := <-done; !errors.Is(err, login.ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	if wrong, err := b.s.Submit("ann", f, "fake-key-0001"); err != nil || wrong["answer"] == "" {
		t.Errorf("an answer that came too late: %v, %v", wrong, err)
	}
}

func TestAssistant(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	ts, dm := b.s.Assistant("ann"), b.s.Direct("ann")
	b.Until("prompts are offered", func() bool { _, _, p := b.s.AssistantState(dm, ts); return len(p) == 4 && p[1] == "!login" })
	if few := prompts(func(string) bool { return false }); len(few) != 1 || strings.HasPrefix(few[0][1], "!") {
		t.Errorf("without commands the prompts are %q", few)
	}
	b.s.Say(slacktest.Said{Person: "ann", Thread: ts, Text: "!help"})
	b.Heard("/help")
	b.s.Say(slacktest.Said{Person: "ann", Thread: ts, Text: "Tell me\nall"})
	m := b.Heard("Tell me\nall")
	if !m.Private || m.Conversation != conversation(dm, ts) {
		t.Errorf("said in an assistant thread: %+v", m)
	}
	b.Until("it has a title", func() bool { _, title, _ := b.s.AssistantState(dm, ts); return title == "Tell me" })
	b.s.Say(slacktest.Said{Person: "ann", Thread: ts, Text: "and more"})
	b.Heard("and more")
	b.settled()
	if n := b.s.Calls("assistant.threads.setTitle"); n != 1 {
		t.Errorf("the title was set %d times", n)
	}
	if err := b.c.Typing(t.Context(), m.Conversation); err != nil {
		t.Error(err)
	}
	if s, _, _ := b.s.AssistantState(dm, ts); s != "is thinking…" {
		t.Errorf("the status line is %q", s)
	}
	if err := b.c.Typing(t.Context(), channels.ConversationID(dm)); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a status line without a thread: %v", err)
	}
}

// TestNoStatusLine: where Slack shows no status line it is asked once.
func TestNoStatusLine(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Say(slacktest.Said{Person: "ann", Channel: b.s.Channel, Text: at("hello")})
	m := b.Heard("hello")
	b.s.Refuse("assistant.threads.setStatus", "channel_not_found")
	for range 2 {
		if err := b.c.Typing(t.Context(), m.Conversation); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Typing gave %v", err)
		}
	}
	if n := b.s.Calls("assistant.threads.setStatus"); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
}

// TestTriggerOver: the right to open a form ends three seconds after the press; the person is told, alone, and a second press
// opens it.
func TestTriggerOver(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Slash("ann", b.s.Channel, "/gateway", "log me in")
	m := b.Heard("log me in")
	done, _ := b.ask(t.Context(), m, time.Now().Add(time.Minute))
	var q slacktest.Shown
	b.Until("the question is shown", func() bool {
		if l := b.s.See("ann", b.s.Channel); len(l) == 1 {
			q = l[0]
		}
		return q.TS != ""
	})
	b.s.Refuse("views.open", "expired_trigger_id")
	if _, err := b.s.Press("ann", b.s.Channel, q.TS, q.Controls[0].Label); err != nil {
		t.Fatal(err)
	}
	b.Until("it is said", func() bool {
		l := b.s.See("ann", b.s.Channel)
		return len(l) == 2 && l[1].Hidden && strings.Contains(l[1].Text, "press the button again")
	})
	if seen := b.s.See("bob", b.s.Channel); len(seen) != 0 {
		t.Errorf("bob sees %+v", seen)
	}
	b.s.Refuse("views.open", "")
	if wrong := fill(t, b.s, "ann", b.s.Channel, "fake-key-0001"); len(wrong) != 0 {
		t.Errorf("the form says %v", wrong)
	}
	if err := <-done; err != nil {
		t.Errorf("asked: %v", err)
	}
}

// TestAskForAnother: only the one who is asked may answer; after a restart a form says that it is closed.
func TestAskForAnother(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	b.s.Say(slacktest.Said{Person: "ann", Channel: b.s.Channel, Text: at("log me in")})
	m := b.Heard("log me in")
	q := &question{user: m.From, text: "Key?", field: login.Field{Name: "Key"}, answer: make(chan result, 1)}
	b.c.asks.mu.Lock()
	b.c.asks.open["X"] = q
	b.c.asks.mu.Unlock()
	if _, err := b.c.show(t.Context(), channels.Post{To: m.Conversation, Text: q.text}, q.controls("X")); err != nil {
		t.Fatal(err)
	}
	told := func(person, text string, n int) {
		t.Helper()
		b.Until(person+" is told", func() bool {
			l := b.s.See(person, b.s.Channel)
			return len(l) == n && l[n-1].Hidden && strings.Contains(l[n-1].Text, text)
		})
	}
	press := func(person, label string) {
		t.Helper()
		if _, err := b.s.Press(person, b.s.Channel, b.s.See(person, b.s.Channel)[0].TS, label); err != nil {
			t.Fatal(err)
		}
	}
	for n, label := range []string{"Enter Key", "Cancel"} {
		press("bob", label)
		told("bob", "somebody else", n+2)
	}
	if len(q.answer) != 0 || b.s.Calls("views.open") != 0 {
		t.Error("bob answered for ann")
	}
	b.Stop()
	b.open(nil)
	b.start()
	press("ann", "Enter Key")
	told("ann", "This form is closed", 2)
}
