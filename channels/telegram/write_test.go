package telegram_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chatgateway/channels"
	"chatgateway/channels/telegram"
	"chatgateway/channels/telegram/telegramtest"
	"chatgateway/markdown"
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
				r.post(channels.Post{To: r.conv(r.dm), Text: "the answer"})
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
		id := r.post(channels.Post{To: r.conv(r.dm), Text: "grows", Partial: true})
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
			wg.Go(func() { r.post(channels.Post{To: r.conv(r.dm), Text: "whole"}) })
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
		id := r.post(channels.Post{To: r.conv(r.dm), Text: "**bold** & <tag>"})
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
			r.post(channels.Post{To: r.conv(r.dm), Text: odd})
		}
	})
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
		m := r.last()
		r.post(channels.Post{To: m.Conversation, Answers: m.ID, Text: "because"})
		if s := r.s.Shown(g)[0]; s.ReplyTo == nil || s.ReplyTo.ID != asked.ID {
			t.Errorf("in a group it answers %+v", s.ReplyTo)
		}
		r.s.Fail(telegramtest.Fault{Method: "sendMessage", Code: 400, Text: "Bad Request: message thread not found"})
		r.post(channels.Post{To: m.Conversation, Answers: m.ID, Text: "although Telegram lost the topic"})
		if s := r.s.Shown(g)[1]; s.Thread != topic {
			t.Errorf("it stands in %d", s.Thread)
		}
		r.say(r.dm, telegramtest.Line{Text: "and here?"})
		m = r.last()
		r.post(channels.Post{To: m.Conversation, Answers: m.ID, Only: m.From, Text: "here too"})
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
		id := r.post(channels.Post{To: r.conv(r.dm), Text: long, Choices: []channels.Choice{{Label: "OK", Press: "ok"}}})
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
		id := r.post(channels.Post{To: r.conv(r.dm), Text: "Sign in:", Choices: []channels.Choice{
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
		r.post(channels.Post{To: r.conv(r.dm), Text: "pick", Choices: many})
		_, err := r.ch.Send(t.Context(), channels.Post{To: r.conv(r.dm), Text: "x", Choices: []channels.Choice{{Label: "x", Press: channels.PressID(strings.Repeat("x", 65))}}})
		if err == nil {
			t.Error("a press of 65 bytes gave no error")
		}
	})
}

func TestEditAndDelete(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		g := r.s.Supergroup("team", r.bot)
		r.run()
		edit, del := r.ch.(channels.Editor).Edit, r.ch.(channels.Deleter).Delete
		r.say(r.dm, telegramtest.Line{Text: "my key is sk-1234"})
		secret := r.last()
		if err := del(t.Context(), secret.Conversation, secret.ID); err != nil {
			t.Errorf("in a direct chat: %v", err)
		}
		if n := len(r.s.Messages(r.dm)); n != 0 {
			t.Errorf("%d messages are left", n)
		}
		id := r.post(channels.Post{To: r.conv(r.dm), Text: "x"})
		r.s.Forget(r.dm, number(id), 49*time.Hour)
		if err := del(t.Context(), r.conv(r.dm), id); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("what is two days old gave %v", err)
		}
		r.say(g, telegramtest.Line{Text: "@gateway_bot my key"})
		m := r.last()
		if err := del(t.Context(), m.Conversation, m.ID); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("in a group without rights: %v", err)
		}
		g.Admin(r.bot, true)
		if err := del(t.Context(), m.Conversation, m.ID); err != nil {
			t.Errorf("in a group as an admin: %v", err)
		}
		if err := edit(t.Context(), channels.MessageID(itoa(r.dm.ID())+":999999"), channels.Post{Text: "x"}); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("an edit of what has gone: %v", err)
		}
		for _, bad := range []channels.MessageID{"", "press:7", "a:b"} {
			if err := edit(t.Context(), bad, channels.Post{Text: "x"}); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("an edit of %q: %v", bad, err)
			}
		}
	})
}

// TestNothingNew: an answer that was shown whole while it grew costs no edit at its end; a change does.
func TestNothingNew(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.say(r.dm, telegramtest.Line{Text: "hi"})
		id := r.post(channels.Post{To: r.conv(r.dm), Text: "all of it", Partial: true})
		edit := r.ch.(channels.Editor).Edit
		for n, p := range []channels.Post{
			{Text: "all of it"}, {Text: "all of it", Choices: []channels.Choice{{Label: "Again", Press: "a"}}}, {Text: "more"}, {Text: "more and", Partial: true},
			{Text: "more and", Partial: true}, {Text: "more"},
		} {
			r.pass(time.Second)
			if err := edit(t.Context(), id, p); err != nil {
				t.Fatal(err)
			}
			want := []int{0, 1, 2, 3, 3, 4}[n]
			if got := r.s.Count("editMessageText"); got != want {
				t.Errorf("edit %d: %d requests so far; want %d", n, got, want)
			}
		}
		if got := strings.Join(r.shown(r.dm), "|"); got != "more" {
			t.Errorf("shown %q", got)
		}
	})
}

// TestFit: whatever Fit lets pass is short enough when it is shown.
func TestFit(t *testing.T) {
	ch, err := telegram.Service.Open(channels.Options{Account: "telegram", Settings: &telegram.Settings{}, Secrets: channelsSecret(token)})
	if err != nil {
		t.Fatal(err)
	}
	fit := ch.Limits("1").Fit
	pieces := rapid.SampledFrom([]string{
		"|a", "|-", "|\n", "|\n|", "> ", "\n> ", "- ", "\n- ", "1. a\n", "![](http://x.y)", "[a](http://x.y)", "---\n", "\t", "```\n", "    x\n",
		"word ", "\n\n", "# ", "*", "**", "`", "$x^2$ ", "&amp;", "<b>", "\U0001f600", "http://x.y ", "~~",
	})
	rapid.Check(t, func(t *rapid.T) {
		md := strings.Repeat(strings.Join(rapid.SliceOfN(pieces, 1, 12).Draw(t, "pieces"), ""), rapid.IntRange(1, 120).Draw(t, "times"))
		head, _ := markdown.Split(md, fit(md))
		if n := markdown.TelegramLen(head); n > 4096 {
			t.Fatalf("%q shows %d units", head, n)
		}
	})
}

func TestUpload(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.say(r.dm, telegramtest.Line{Text: "hi"})
		var pic bytes.Buffer
		if err := png.Encode(&pic, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
			t.Fatal(err)
		}
		files := []channels.File{{Name: "p.png", Type: "image/png", Data: pic.Bytes()}, {Name: "a.txt", Type: "text/plain", Data: []byte("text")},
			{Name: "broken.png", Type: "image/png", Data: []byte("no picture")}}
		up := r.ch.(channels.Uploader).Upload
		r.s.Fail(telegramtest.Fault{Code: 502, HTML: true})
		id, err := up(t.Context(), channels.Post{To: r.conv(r.dm), Text: "**three** files"}, files)
		if err != nil {
			t.Fatal(err)
		}
		list := r.s.Shown(r.dm)
		if len(list) != 3 || list[0].Photo == nil || list[0].Caption != "three files" || list[1].Document == nil || list[1].Caption != "" ||
			list[2].Document == nil || number(id) != list[2].ID || string(r.s.Stored(list[1].Document.ID)) != "text" {
			t.Errorf("shown %+v", list)
		}
		if err := r.ch.(channels.Editor).Edit(t.Context(), channels.MessageID(itoa(r.dm.ID())+":"+itoa(list[0].ID)), channels.Post{Text: "changed"}); err != nil {
			t.Errorf("an edit of a caption: %v", err)
		}
		if _, err := up(t.Context(), channels.Post{To: r.conv(r.dm), Text: strings.Repeat("long ", 400)}, files[1:2]); err != nil {
			t.Fatal(err)
		}
		if list := r.s.Shown(r.dm); len(list) != 5 || list[0].Caption != "changed" || list[3].Text == "" || list[4].Caption != "" {
			t.Errorf("shown %+v", list)
		}
		r.s.Fail(telegramtest.Fault{RetryAfter: 2})
		if _, err := up(t.Context(), channels.Post{To: r.conv(r.dm), Text: "x"}, files[1:2]); err != nil {
			t.Error(err)
		}
	})
}

func TestDrafts(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		if _, err := r.ch.(channels.Streamer).Stream(t.Context(), channels.Post{To: r.conv(r.dm)}); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("without the setting Stream gave %v", err)
		}
	})
	bubble(t, telegram.Settings{Drafts: true}, func(t *testing.T, r *rig) {
		g := r.s.Supergroup("team", r.bot)
		if _, err := r.ch.(channels.Streamer).Stream(t.Context(), channels.Post{To: r.conv(g)}); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("in a group Stream gave %v", err)
		}
		r.say(r.dm, telegramtest.Line{Text: "hi"})
		d, err := r.ch.(channels.Streamer).Stream(t.Context(), channels.Post{To: r.conv(r.dm), Choices: []channels.Choice{{Label: "OK", Press: "ok"}}})
		if err != nil {
			t.Fatal(err)
		}
		all := ""
		for i := range 900 {
			all += fmt.Sprintf("word%d **b** ", i)
			if i%30 == 0 {
				busy := (*channels.Busy)(nil)
				if err := d.Show(t.Context(), all); err != nil && !errors.As(err, &busy) {
					t.Fatal(err)
				}
				r.pass(time.Second)
			}
		}
		if r.dm.Draft() == "" || len(r.s.Shown(r.dm)) < 2 {
			t.Errorf("the draft is %q after %d messages", r.dm.Draft(), len(r.s.Shown(r.dm)))
		}
		id, err := d.Finish(t.Context(), all)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(r.shown(r.dm), " ")
		for i := range 900 {
			if n := strings.Count(text+" ", fmt.Sprintf("word%d ", i)); n != 1 {
				t.Fatalf("word %d is shown %d times", i, n)
			}
		}
		list := r.s.Shown(r.dm)
		if last := list[len(list)-1]; last.ID != number(id) || last.Labels() == nil || r.dm.Draft() != "" {
			t.Errorf("the last message is %+v, the draft %q", last, r.dm.Draft())
		}
		r.s.Fail(telegramtest.Fault{Method: "sendMessageDraft", Code: 404, Text: "Not Found"})
		d, err = r.ch.(channels.Streamer).Stream(t.Context(), channels.Post{To: r.conv(r.dm)})
		if err != nil {
			t.Fatal(err)
		}
		r.pass(10 * time.Second)
		if err := d.Show(t.Context(), "x"); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("a server without drafts gave %v", err)
		}
		if _, err := r.ch.(channels.Streamer).Stream(t.Context(), channels.Post{To: r.conv(r.dm)}); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("… and again %v", err)
		}
	})
}

func TestMenu(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		set := r.ch.(channels.MenuSetter).SetMenu
		menu := []channels.Command{{Name: "help", Help: "Lists the commands"}, {Name: "login", Help: "Signs in", Private: true},
			{Name: "set-Model", Help: strings.Repeat("long words ", 50)}, {Name: "gr\u00fcezi", Help: "no menu shows it"}, {Name: "stop", Help: "", Owner: true}}
		for range 2 {
			if err := set(t.Context(), menu); err != nil {
				t.Fatal(err)
			}
		}
		if got := names(r.bot.Menu("all_private_chats")); got != "help login set_model stop" {
			t.Errorf("direct chats show %q", got)
		}
		if got := names(r.bot.Menu("all_group_chats")); got != "help set_model" {
			t.Errorf("groups show %q", got)
		}
		if n := r.s.Count("setMyCommands"); n != 2 {
			t.Errorf("set %d times; want once a scope", n)
		}
		menu = nil
		for i := range 150 {
			menu = append(menu, channels.Command{Name: fmt.Sprint("command", i), Help: "A sentence of some length, as they are"})
		}
		if err := set(t.Context(), menu); err != nil {
			t.Fatal(err)
		}
		if n := len(r.bot.Menu("all_private_chats")); n < 50 || n > 100 {
			t.Errorf("%d commands are shown", n)
		}
		r.s.MenuBudget = 1000
		r.bot.Menu("x")
		if err := set(t.Context(), menu[1:]); err != nil {
			t.Fatal(err)
		}
		if n := len(r.bot.Menu("all_private_chats")); n < 5 || n > 12 {
			t.Errorf("%d commands are shown after BOT_COMMANDS_TOO_MUCH", n)
		}
	})
}

func names(list []telegramtest.Command) string {
	var all []string
	for _, c := range list {
		all = append(all, c.Name)
	}
	return strings.Join(all, " ")
}

func TestOpen(t *testing.T) {
	for base, ok := range map[string]bool{
		"": true, "https://tg.example.org": true, "http://127.0.0.1:8081/": true,
		"tg.example.org": false, "ftp://x": false, "https://u:p@x.org": false, "https://x.org/%s": false, "https://x.org?a=b": false,
	} {
		_, err := telegram.Service.Open(channels.Options{Account: "telegram", Settings: &telegram.Settings{APIBase: base}, Secrets: channelsSecret(token)})
		if (err == nil) != ok {
			t.Errorf("api_base %q gave %v", base, err)
		}
	}
	check := telegram.Service.Secrets[0].Check
	for token, ok := range map[string]bool{token: true, " " + token + "\n": true, "": false, "nonsense": false, "123:a b": false} {
		err := check(token)
		if (err == nil) != ok || (err != nil && token != "" && strings.Contains(err.Error(), token)) {
			t.Errorf("token %q: %v", token, err)
		}
	}
}
