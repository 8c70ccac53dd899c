package telegram_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/telegram"
	"chatgateway/channels/telegram/telegramtest"
)

// TestSendFaults: a whole answer survives what networks and servers do; a partial one reports it at once.
func TestSendFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fault telegramtest.Fault
		twice bool // it may be shown twice: nobody can know whether it arrived
	}{
		"HTML 502":    {fault: telegramtest.Fault{Code: 502, HTML: true, Times: 3}},
		"500":         {fault: telegramtest.Fault{Code: 500, Text: "Internal Server Error"}},
		"reset":       {fault: telegramtest.Fault{Drop: true, Times: 3}},
		"answer lost": {fault: telegramtest.Fault{Lose: true}, twice: true},
		"cut":         {fault: telegramtest.Fault{Cut: 12}, twice: true},
		"429":         {fault: telegramtest.Fault{RetryAfter: 40, Times: 2}},
		"hangs":       {fault: telegramtest.Fault{Hang: true}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
				r.say(r.dm, telegramtest.Line{Text: "hi"})
				r.s.Fail(c.fault)
				r.Send(channels.Post{To: r.conv(r.dm), Text: "the answer"})
				want := "the answer"
				if c.twice {
					want += "|the answer"
				}
				if got := strings.Join(r.shown(r.dm), "|"); got != want {
					t.Errorf("shown %q; want %q", got, want)
				}
				r.pass(time.Minute)
				r.s.Heal()
				c.fault.Times = -1
				r.s.Fail(c.fault)
				start := time.Now()
				_, err := r.ch.Send(t.Context(), channels.Post{To: r.conv(r.dm), Text: "grows", Partial: true})
				if err == nil {
					t.Error("a partial post that failed gave no error")
				}
				r.clean(err)
				if d := time.Since(start); d > 31*time.Second || (name != "hangs" && d > time.Second) {
					t.Errorf("a partial post waited %v", d)
				}
				if busy := (*channels.Busy)(nil); name == "429" && (!errors.As(err, &busy) || busy.After != 40*time.Second) {
					t.Errorf("a partial post gave %v", err)
				}
				if name == "429" {
					return
				}
				_, err = r.ch.Send(t.Context(), channels.Post{To: r.conv(r.dm), Text: "for ever"})
				if err == nil {
					t.Error("a post that can never be sent gave no error")
				}
				r.clean(err)
				r.s.Heal()
			})
		})
	}
}

// TestBudget: a partial edit gives way to whole answers, and to what Telegram asks.
func TestBudget(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.say(r.dm, telegramtest.Line{Text: "hi"})
		id := r.Send(channels.Post{To: r.conv(r.dm), Text: "grows", Partial: true})
		edit := func(text string, partial bool) error {
			return r.ch.(channels.Editor).Edit(t.Context(), id, channels.Post{To: r.conv(r.dm), Text: text, Partial: partial})
		}
		r.s.Fail(telegramtest.Fault{Method: "editMessageText", RetryAfter: 7})
		busy := (*channels.Busy)(nil)
		if err := edit("grows on", true); !errors.As(err, &busy) || busy.After != 7*time.Second {
			t.Fatalf("gave %v", err)
		}
		calls := r.s.Count("editMessageText")
		if err := edit("grows on and on", true); !errors.As(err, &busy) || busy.After > 7*time.Second {
			t.Fatalf("gave %v", err)
		}
		if r.s.Count("editMessageText") != calls {
			t.Error("an edit was sent although Telegram asked to wait")
		}
		start := time.Now()
		if err := edit("the end", false); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d < 6*time.Second || d > 8*time.Second {
			t.Errorf("the whole answer waited %v; want as long as Telegram asked", d)
		}
		if got := strings.Join(r.shown(r.dm), "|"); got != "the end" {
			t.Errorf("shown %q", got)
		}
		// A storm of partial edits is paced, and never in the way of other chats.
		sent := 0
		for i := range 200 {
			if edit(fmt.Sprint("edit ", i), true) == nil {
				sent++
			}
			r.pass(50 * time.Millisecond)
		}
		if sent < 8 || sent > 16 {
			t.Errorf("%d edits were sent in 10 s", sent)
		}
	})
}

// TestWholeAnswersFirst: while a whole answer waits, partial ones are put off.
func TestWholeAnswersFirst(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.say(r.dm, telegramtest.Line{Text: "hi"})
		r.s.Fail(telegramtest.Fault{Method: "sendMessage", Delay: 2 * time.Second, Times: 2})
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { r.Send(channels.Post{To: r.conv(r.dm), Text: "whole"}) })
		}
		for range 39 {
			r.pass(100 * time.Millisecond)
			_, err := r.ch.Send(t.Context(), channels.Post{To: r.conv(r.dm), Text: "partial", Partial: true})
			if busy := (*channels.Busy)(nil); !errors.As(err, &busy) || busy.After <= 0 {
				t.Fatalf("a partial post beside whole ones gave %v", err)
			}
		}
		wg.Wait()
		if got := strings.Join(r.shown(r.dm), "|"); got != "whole|whole" {
			t.Errorf("shown %q", got)
		}
	})
}

// TestStrictFlood: a server as strict as Telegram's strictest; growing answers in ten topics of a group and in many
// direct chats all end whole.
func TestStrictFlood(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.s.Flood(&telegramtest.Flood{Burst: 1, Every: time.Second})
		g := r.s.Forum("forum", r.bot)
		var to []channels.ConversationID
		for i := range 5 {
			to = append(to, channels.ConversationID(itoa(g.ID())+"/"+itoa(g.Topic(r.ann, fmt.Sprint("topic ", i)))))
			u := r.s.Person(fmt.Sprint("user", i))
			c := r.s.Private(r.bot, u)
			r.s.Say(u, c, telegramtest.Line{Text: "hi"})
			to = append(to, r.conv(c))
		}
		var wg sync.WaitGroup
		for i, c := range to {
			wg.Go(func() {
				var id channels.MessageID
				text := fmt.Sprintf("answer %d:", i)
				busy := (*channels.Busy)(nil)
				for n := range 40 {
					text += fmt.Sprintf(" w%d", n)
					var err error
					p := channels.Post{To: c, Text: text, Partial: true}
					if id == "" {
						id, err = r.ch.Send(t.Context(), p)
					} else {
						err = r.ch.(channels.Editor).Edit(t.Context(), id, p)
					}
					if err != nil && !errors.As(err, &busy) {
						t.Errorf("partial: %v", err)
					}
					time.Sleep(100 * time.Millisecond) // fake time
				}
				p := channels.Post{To: c, Text: text + " end"}
				var err error
				if id == "" {
					_, err = r.ch.Send(t.Context(), p)
				} else {
					err = r.ch.(channels.Editor).Edit(t.Context(), id, p)
				}
				if err != nil {
					t.Errorf("final: %v", err)
				}
			})
		}
		start := time.Now()
		wg.Wait()
		if d := time.Since(start); d > time.Minute {
			t.Errorf("it took %v", d)
		}
		ends := 0
		for _, m := range r.s.Shown(g) {
			if strings.HasSuffix(m.Text, " end") {
				ends++
			}
		}
		if ends != 5 {
			t.Errorf("%d of 5 answers in the group are whole", ends)
		}
	})
}

// TestMarkupRefused: where Telegram cannot read the markup, the person sees text made from the source.
func TestMarkupRefused(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.say(r.dm, telegramtest.Line{Text: "hi"})
		refuse := telegramtest.Fault{Code: 400, Text: "Bad Request: can't parse entities: Unsupported start tag \"x\" at byte offset 0"}
		r.s.Fail(refuse)
		id := r.Send(channels.Post{To: r.conv(r.dm), Text: "**bold** & <tag>"})
		if got := strings.Join(r.shown(r.dm), "|"); got != "bold & <tag>" {
			t.Errorf("shown %q", got)
		}
		r.s.Fail(refuse)
		if err := r.ch.(channels.Editor).Edit(t.Context(), id, channels.Post{Text: "**other** words"}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(r.shown(r.dm), "|"); got != "other words" {
			t.Errorf("shown %q", got)
		}
		for _, odd := range []string{"", "   ", "---", "\u200b", "<b>", "&nbsp;", "```\n```"} {
			r.Send(channels.Post{To: r.conv(r.dm), Text: odd})
		}
	})
}

// TestContentRefused: what Telegram will never take for what it holds says so at once; what is not about the text does not.
func TestContentRefused(t *testing.T) {
	for text, never := range map[string]bool{
		"can't parse entities: Unexpected end": true, "message is too long": true, "message text is empty": true, "BUTTON_DATA_INVALID": true,
		"something else": false,
	} {
		bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
			r.say(r.dm, telegramtest.Line{Text: "hi"})
			id := r.Send(channels.Post{To: r.conv(r.dm), Text: "shown"})
			r.s.Fail(telegramtest.Fault{Code: 400, Text: "Bad Request: " + text, Times: -1})
			start := time.Now()
			_, send := r.ch.Send(t.Context(), channels.Post{To: r.conv(r.dm), Text: "x"})
			edit := r.ch.(channels.Editor).Edit(t.Context(), id, channels.Post{To: r.conv(r.dm), Text: "x"})
			r.s.Heal()
			if errors.Is(send, errors.ErrUnsupported) != never || errors.Is(edit, errors.ErrUnsupported) != never || time.Since(start) > time.Second {
				t.Errorf("%s: Send gave %v, Edit %v, after %v; for good: %v", text, send, edit, time.Since(start), never)
			}
		})
	}
}

func TestGone(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		never := r.s.Person("Never")
		r.say(r.dm, telegramtest.Line{Text: "hi"})
		r.s.Block(r.ann, r.bot, true)
		kicked, muted := r.s.Supergroup("kicked", r.bot), r.s.Supergroup("muted", r.bot)
		kicked.Kick(r.bot)
		muted.Mute(r.bot, true)
		forum := r.s.Forum("forum", r.bot)
		for name, c := range map[string]channels.ConversationID{
			"blocked": r.conv(r.dm), "never wrote": channels.ConversationID(itoa(never.ID)), "kicked": r.conv(kicked), "muted": r.conv(muted),
			"unknown": "424242", "no topic": channels.ConversationID(itoa(forum.ID()) + "/777"), "nonsense": "x/y",
		} {
			start := time.Now()
			_, err := r.ch.Send(t.Context(), channels.Post{To: c, Text: "x"})
			if !errors.Is(err, channels.ErrGone) || time.Since(start) > time.Second {
				t.Errorf("%s: Send gave %v after %v; want ErrGone at once", name, err, time.Since(start))
			}
			r.clean(err)
		}
		_, err := r.ch.(channels.Director).Direct(t.Context(), channels.UserID(itoa(never.ID)))
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Direct to who never wrote gave %v", err)
		}
	})
}

func TestAnswers(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		g := r.s.Forum("forum", r.bot)
		topic := g.Topic(r.ann, "plans")
		r.run()
		asked := r.say(g, telegramtest.Line{Text: "@gateway_bot why?", Topic: topic})
		m := r.Last()
		r.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "because"})
		if s := r.s.Shown(g)[0]; s.ReplyTo == nil || s.ReplyTo.ID != asked.ID {
			t.Errorf("in a group it answers %+v", s.ReplyTo)
		}
		r.s.Fail(telegramtest.Fault{Method: "sendMessage", Code: 400, Text: "Bad Request: message thread not found"})
		r.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "although Telegram lost the topic"})
		if s := r.s.Shown(g)[1]; s.Thread != topic {
			t.Errorf("it stands in %d", s.Thread)
		}
		r.say(r.dm, telegramtest.Line{Text: "and here?"})
		m = r.Last()
		r.Send(channels.Post{To: m.Conversation, Answers: m.ID, Only: m.From, Text: "here too"})
		if s := r.s.Shown(r.dm)[0]; s.ReplyTo != nil {
			t.Error("in a direct chat it quotes what it answers")
		}
		_, err := r.ch.Send(t.Context(), channels.Post{To: m.Conversation, Only: "4711", Text: "for another"})
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("a post for another person in a direct chat gave %v", err)
		}
	})
}

func TestRollsOver(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.say(r.dm, telegramtest.Line{Text: "hi"})
		long := strings.Repeat("\U0001f600 words & more\n\n", 700) + "```go\n" + strings.Repeat("x := 1 // <y>\n", 500) + "```\n"
		id := r.Send(channels.Post{To: r.conv(r.dm), Text: long, Choices: []channels.Choice{{Label: "OK", Press: "ok"}}})
		list := r.s.Shown(r.dm)
		if len(list) < 4 {
			t.Fatalf("%d messages", len(list))
		}
		for i, m := range list {
			if last := i == len(list)-1; (m.Labels() != nil) != last {
				t.Errorf("message %d has buttons %v", i, m.Labels())
			}
		}
		if number(id) != list[len(list)-1].ID {
			t.Errorf("the id is %s; want the last message's", id)
		}
		if n := strings.Count(strings.Join(r.shown(r.dm), "\n"), "x := 1 // <y>"); n != 500 {
			t.Errorf("%d of 500 lines of code are shown", n)
		}
	})
}

func TestButtons(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.say(r.dm, telegramtest.Line{Text: "hi"})
		id := r.Send(channels.Post{To: r.conv(r.dm), Text: "Sign in:", Choices: []channels.Choice{
			{Label: "Open", URL: "https://example.org/login?x=1"}, {Label: "Here", URL: "http://localhost:8080/cb"}, {Label: "Cancel", Press: "p1"},
		}})
		m := r.s.Shown(r.dm)[0]
		if got := strings.Join(m.Labels(), "|"); got != "Open|Cancel" || m.Keyboard.Rows[0][0].URL != "https://example.org/login?x=1" {
			t.Errorf("buttons are %+v", m.Keyboard)
		}
		if !strings.Contains(m.Text, "http://localhost:8080/cb") {
			t.Errorf("the address that no button can lead to is not in %q", m.Text)
		}
		if err := r.ch.(channels.Editor).Edit(t.Context(), id, channels.Post{Text: "done"}); err != nil {
			t.Fatal(err)
		}
		if m := r.s.Shown(r.dm)[0]; m.Keyboard != nil {
			t.Errorf("buttons stay: %+v", m.Keyboard)
		}
		var many []channels.Choice
		for i := range 130 {
			many = append(many, channels.Choice{Label: fmt.Sprint("model ", i), Press: channels.PressID(strings.Repeat("p", 61) + fmt.Sprint(i%100))})
		}
		r.Send(channels.Post{To: r.conv(r.dm), Text: "pick", Choices: many})
		_, err := r.ch.Send(t.Context(), channels.Post{To: r.conv(r.dm), Text: "x", Choices: []channels.Choice{{Label: "x", Press: channels.PressID(strings.Repeat("x", 65))}}})
		if err == nil {
			t.Error("a press of 65 bytes gave no error")
		}
	})
}
