package telegram_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chatgateway/channels"
	"chatgateway/channels/telegram"
	"chatgateway/channels/telegram/telegramtest"
	"chatgateway/markdown"
)

func TestEditAndDelete(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		g := r.s.Supergroup("team", r.bot)
		r.run()
		edit, del := r.ch.(channels.Editor).Edit, r.ch.(channels.Deleter).Delete
		r.say(r.dm, telegramtest.Line{Text: "my key is sk-1234"})
		secret := r.Last()
		if err := del(t.Context(), secret.Conversation, secret.ID); err != nil {
			t.Errorf("in a direct chat: %v", err)
		}
		if n := len(r.s.Messages(r.dm)); n != 0 {
			t.Errorf("%d messages are left", n)
		}
		id := r.Send(channels.Post{To: r.conv(r.dm), Text: "x"})
		r.s.Forget(r.dm, number(id), 49*time.Hour)
		if err := del(t.Context(), r.conv(r.dm), id); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("what is two days old gave %v", err)
		}
		r.say(g, telegramtest.Line{Text: "@gateway_bot my key"})
		m := r.Last()
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
		id := r.Send(channels.Post{To: r.conv(r.dm), Text: "all of it", Partial: true})
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
		r.open(r.s.Transport()) // a restart: what is shown is not known any more
		if err := r.ch.(channels.Editor).Edit(t.Context(), id, channels.Post{Text: "more"}); err != nil || r.s.Count("editMessageText") < 4 {
			t.Errorf("an edit that Telegram says changes nothing gave %v", err)
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
		r.open(r.s.Transport()) // a restart
		set = r.ch.(channels.MenuSetter).SetMenu
		if err := set(t.Context(), menu); err != nil {
			t.Fatal(err)
		}
		if n := r.s.Count("setMyCommands"); n != 2 {
			t.Errorf("set %d times; want once a scope, whatever is started anew", n)
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
