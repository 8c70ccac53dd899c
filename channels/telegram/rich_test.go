package telegram_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/telegram"
	"chatgateway/channels/telegram/telegramtest"
)

const grid = "| a | b |\n|---|---|\n| 1 | 2 |\n"

// ann2 is the direct chat of another person.
func (r *rig) ann2() *telegramtest.Chat {
	u := r.s.Person("Ann the second")
	c := r.s.Private(r.bot, u)
	r.s.Say(u, c, telegramtest.Line{Text: "hi"})
	return c
}

// words is a text of n numbered words.
func words(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "word%d ", i)
	}
	return b.String()
}

// seen is all that the bot shows in a chat, and how much of it are rich messages.
func (r *rig) seen(c *telegramtest.Chat) (text string, rich, all int) {
	for _, m := range r.s.Shown(c) {
		if all++; m.Rich != nil {
			rich++
			text += m.Rich.Blocks[0].Text + "\n"
		}
		text += m.Text + "\n"
	}
	return text, rich, all
}

// once fails the test unless each of n words is seen once.
func (r *rig) once(c *telegramtest.Chat, n int) {
	r.t.Helper()
	text, _, _ := r.seen(c)
	for i := range n {
		if got := strings.Count(strings.ReplaceAll(text, "\n", " "), fmt.Sprintf("word%d ", i)); got != 1 {
			r.t.Fatalf("word %d is shown %d times", i, got)
		}
	}
}

func TestRich(t *testing.T) {
	bubble(t, telegram.Settings{RichMessages: true}, func(t *testing.T, r *rig) {
		r.say(r.dm, telegramtest.Line{Text: "hi"})
		post := channels.Post{To: r.conv(r.dm), Choices: []channels.Choice{{Label: "OK", Press: "ok"}}}
		edit := r.ch.(channels.Editor).Edit
		post.Text = "**ordinary** words"
		id := r.Send(post)
		if _, rich, _ := r.seen(r.dm); rich != 0 {
			t.Error("an ordinary text is a rich message, which old apps do not show")
		}
		r.pass(5 * time.Second)
		post.Text = grid
		for range 2 { // the second changes nothing
			if err := edit(t.Context(), id, post); err != nil {
				t.Fatal(err)
			}
		}
		m := r.s.Shown(r.dm)[0]
		if m.Rich == nil || m.Text != "" || !strings.Contains(m.Rich.HTML, "<td>1</td>") || m.Labels() == nil {
			t.Errorf("a table is shown as %+v", m)
		}
		for text, want := range map[string]string{grid: `"is_rtl":false`, "1. \u0634\u0643\u0631\u0627 x\n\n" + grid: `"is_rtl":true`} {
			r.Send(channels.Post{To: r.conv(r.ann2()), Text: text})
			if calls := r.s.Calls("sendRichMessage"); !strings.Contains(calls[len(calls)-1].Params["rich_message"], want) {
				t.Errorf("%q was sent as %v", text, calls[len(calls)-1].Params)
			}
		}
		post.Text = words(3000)
		if n := r.ch.Limits(post.To).Fit(post.Text); n != len(post.Text) {
			t.Errorf("a message holds %d of %d bytes", n, len(post.Text))
		}
		if err := edit(t.Context(), id, post); err != nil {
			t.Fatal(err)
		}
		r.once(r.dm, 3000)
		if _, rich, all := r.seen(r.dm); rich != 1 || all != 1 {
			t.Errorf("%d messages, %d of them rich; want one", all, rich)
		}
		post.Text = "short again"
		if err := edit(t.Context(), id, post); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(r.shown(r.dm), "|"); got != "short again" {
			t.Errorf("shown %q", got)
		}
	})
}

// TestRichRefused: what Telegram takes not as a rich message is shown in ordinary ones, whole and once.
func TestRichRefused(t *testing.T) {
	for _, f := range []telegramtest.Fault{
		{Method: "sendRichMessage", Code: 400, Text: "Bad Request: RICH_MESSAGE_EMAIL_INVALID", Times: -1},
		{Method: "sendRichMessage", Code: 404, Text: "Not Found", Times: -1},
	} {
		bubble(t, telegram.Settings{RichMessages: true}, func(t *testing.T, r *rig) {
			r.say(r.dm, telegramtest.Line{Text: "hi"})
			r.s.Fail(f)
			p := channels.Post{To: r.conv(r.dm), Text: words(1500) + "\n\n" + grid, Choices: []channels.Choice{{Label: "OK", Press: "ok"}}}
			id := r.Send(p)
			r.once(r.dm, 1500)
			list := r.s.Shown(r.dm)
			for i, m := range list {
				if last := i == len(list)-1; m.Rich != nil || (m.Labels() != nil) != last || last && m.ID != number(id) {
					t.Errorf("message %d of %d: rich %v, buttons %v, id %s", i, len(list), m.Rich != nil, m.Labels(), id)
				}
			}
			before := r.ch.Limits(p.To).Fit(p.Text) == len(p.Text)
			if known := f.Code != 404; before != known {
				t.Errorf("after %q a message holds all: %v", f.Text, before)
			}
		})
	}
	bubble(t, telegram.Settings{RichMessages: true}, func(t *testing.T, r *rig) {
		r.say(r.dm, telegramtest.Line{Text: "hi"})
		id := r.Send(channels.Post{To: r.conv(r.dm), Text: words(700), Partial: true})
		r.s.Fail(telegramtest.Fault{Method: "editMessageText", Code: 400, Text: "Bad Request: message text is empty"})
		r.pass(5 * time.Second)
		p := channels.Post{To: r.conv(r.dm), Text: words(1500), Choices: []channels.Choice{{Label: "OK", Press: "ok"}}}
		if err := r.ch.(channels.Editor).Edit(t.Context(), id, p); err != nil {
			t.Fatal(err)
		}
		r.once(r.dm, 1500)
		if list := r.s.Shown(r.dm); list[len(list)-1].Labels() == nil || list[0].Labels() != nil {
			t.Error("the buttons are not under the last message")
		}
	})
}

// TestStopButton: a draft has a button of Telegram's own, which is a /stop; in its topic, if there are topics.
func TestStopButton(t *testing.T) {
	bubble(t, telegram.Settings{Drafts: true, RichMessages: true}, func(t *testing.T, r *rig) {
		r.run()
		r.say(r.dm, telegramtest.Line{Text: "hi"})
		d, err := r.ch.(channels.Streamer).Stream(t.Context(), channels.Post{To: r.conv(r.dm)})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Show(t.Context(), "Look:\n\n"+grid); err != nil {
			t.Fatal(err)
		}
		if got := r.s.Count("sendRichMessageDraft"); got != 1 || !strings.Contains(r.dm.Draft(), "1") {
			t.Errorf("the draft is %q, after %d rich ones", r.dm.Draft(), got)
		}
		for range 2 { // drafts of two runs may have the same number
			r.s.StopDraft(r.dm)
			r.pass(time.Second)
		}
		list := r.Messages()
		m := list[len(list)-1]
		if len(list) != 3 || m.Text != "/stop" || m.From != channels.UserID(itoa(r.ann.ID)) || m.Conversation != r.conv(r.dm) || !m.Private || m.ID == list[1].ID {
			t.Errorf("the button arrived as %+v", list[1:])
		}
		id, err := d.Finish(t.Context(), "Look:\n\n"+grid+"\n_stopped_")
		if err != nil || r.s.Shown(r.dm)[0].Rich == nil || r.s.Shown(r.dm)[0].ID != number(id) || r.dm.Draft() != "" {
			t.Errorf("at the end %v, %+v, draft %q", err, r.s.Shown(r.dm), r.dm.Draft())
		}
		r.bot.Push("stopped_message_generation", map[string]any{"chat": map[string]any{"id": -100, "type": "supergroup"}, "draft_id": 1})
		r.bot.Push("stopped_message_generation", map[string]any{})
		r.say(r.dm, telegramtest.Line{Text: "on"})
		if got := r.texts(); got != "hi|/stop|/stop|on" {
			t.Errorf("read %q", got)
		}
	})
}
