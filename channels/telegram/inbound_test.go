package telegram_test

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/telegram"
	"chatgateway/channels/telegram/telegramtest"
)

// TestAddressed: what in a group is meant for the bot, and what is left of its text. Privacy mode is off, so that
// everything arrives.
func TestAddressed(t *testing.T) {
	menu := []channels.Command{{Name: "help", Help: "Helps"}, {Name: "set-model", Help: "Sets"}}
	for _, c := range []struct {
		text      string
		entities  []telegramtest.Entity
		want      string // "-": it is not for us at all
		addressed bool
	}{
		{text: "hello all", want: "hello all"},
		{text: "@gateway_bot hello", want: "hello", addressed: true},
		{text: "@Gateway_Bot, hello", want: "hello", addressed: true},
		{text: "\U0001f600\U0001f600 hey @gateway_bot what now?", want: "\U0001f600\U0001f600 hey what now?", addressed: true},
		{text: "so, @gateway_bot", want: "so,", addressed: true},
		{text: "@gateway_bot @gateway_bot x", want: "x", addressed: true},
		{text: "mail me@gateway_bot.example", want: "mail me@gateway_bot.example"},
		{text: "@gateway_bot2 hello", want: "@gateway_bot2 hello"},
		{text: "@gateway_bot", want: "", addressed: true},
		{text: "@gateway_bot /help me", want: "/help me", addressed: true},
		{text: "/help@gateway_bot me", want: "/help me", addressed: true},
		{text: "/HELP@GATEWAY_BOT", want: "/help", addressed: true},
		{text: "/help@other_bot me", want: "-"},
		{text: "/help", want: "/help", addressed: true},
		{text: "/set_model x", want: "/set-model x", addressed: true},
		{text: "/unknown", want: "/unknown"},
		{text: "/usr/bin is slow", want: "/usr/bin is slow"},
		{text: "/h\u00e9", want: "/h\u00e9"},
		{text: "\u00e9 Gateway, hi", entities: []telegramtest.Entity{{Type: "text_mention", Offset: 2, Length: 7, User: &telegramtest.User{ID: 123456}}}, want: "\u00e9 , hi", addressed: true},
		{text: "ask Bob", entities: []telegramtest.Entity{{Type: "text_mention", Offset: 4, Length: 3, User: &telegramtest.User{ID: 7}}}, want: "ask Bob"},
		{text: "odd", entities: []telegramtest.Entity{{Type: "mention", Offset: 2, Length: 700}, {Type: "mention", Offset: -3, Length: 1}}, want: "odd"},
	} {
		bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
			r.bot.SetPrivacy(false)
			g := r.s.Supergroup("team", r.bot, r.s.AddBot("777:OTHER-token", "other_bot"))
			if err := r.ch.(channels.MenuSetter).SetMenu(t.Context(), menu); err != nil {
				t.Fatal(err)
			}
			r.run()
			r.say(g, telegramtest.Line{Text: c.text, Entities: c.entities})
			list := r.Messages()
			if c.want == "-" {
				if len(list) != 0 {
					t.Errorf("%q arrived as %+v", c.text, list)
				}
				return
			}
			if len(list) != 1 || list[0].Text != c.want || list[0].Addressed != c.addressed || list[0].Private {
				t.Errorf("%q arrived as %+v; want %q, addressed: %v", c.text, list, c.want, c.addressed)
			}
		})
	}
}

func TestAnswerToTheBot(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		g := r.s.Supergroup("team", r.bot)
		r.run()
		id := r.Send(channels.Post{To: r.conv(g), Text: "I am here"})
		mine := r.s.Shown(g)[0]
		r.say(g, telegramtest.Line{Text: "good", ReplyTo: &mine})
		m := r.Last()
		if !m.Addressed || m.Answers != id || m.Conversation != r.conv(g) {
			t.Errorf("an answer to the bot arrived as %+v; want it addressed, answering %s, in no topic", m, id)
		}
	})
}

func TestTopics(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.bot.SetPrivacy(false)
		g := r.s.Forum("forum", r.bot)
		r.run()
		topic := g.Topic(r.ann, "plans")
		r.say(g, telegramtest.Line{Text: "in the topic", Topic: topic})
		m := r.Last()
		want := channels.ConversationID(itoa(g.ID()) + "/" + itoa(topic))
		if m.Conversation != want || m.Addressed || m.Answers != "" {
			t.Errorf("arrived as %+v; want conversation %s, not addressed by standing in a topic", m, want)
		}
		if want := []channels.PlaceID{channels.PlaceID(itoa(g.ID())), channels.PlaceID(want)}; !reflect.DeepEqual(m.Places, want) {
			t.Errorf("places are %v; want %v", m.Places, want)
		}
		r.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "an answer there"})
		r.say(g, telegramtest.Line{Text: "in General"})
		m = r.Last()
		if m.Conversation != channels.ConversationID(itoa(g.ID())+"/1") {
			t.Errorf("General is %s", m.Conversation)
		}
		r.Send(channels.Post{To: m.Conversation, Text: "an answer in General"})
		if err := r.ch.(channels.Typist).Typing(t.Context(), m.Conversation); err != nil {
			t.Errorf("Typing in General: %v", err)
		}
		shown := r.s.Shown(g)
		if len(shown) != 2 || shown[0].Thread != topic || !shown[0].InTopic || shown[1].Thread != 0 || shown[1].InTopic {
			t.Errorf("shown %+v; want one in the topic, one in General", shown)
		}
		bot := r.bot.User()
		own := g.Topic(&bot, "the bot's own")
		r.say(g, telegramtest.Line{Text: "in the bot's own topic", Topic: own})
		if m := r.Last(); m.Addressed || m.Answers != "" {
			t.Errorf("what stands in a topic that the bot made arrived as an answer to it: %+v", m)
		}
		press := r.Send(channels.Post{To: want, Text: "which?", Choices: []channels.Choice{{Label: "A", Press: "a"}}})
		r.s.Press(r.ann, g, number(press), "A")
		r.pass(time.Second)
		if m := r.Last(); m.Press != "a" || m.Conversation != want || m.Private {
			t.Errorf("a press in a topic arrived as %+v", m)
		}
	})
}

func TestEdited(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.run()
		sent := r.say(r.dm, telegramtest.Line{Text: "frist"})
		r.s.Edit(r.dm, sent.ID, "first")
		r.pass(time.Second)
		list := r.Messages()
		if len(list) != 2 || list[1].Text != "first" || !list[1].Edited || list[0].Edited || list[0].ID != list[1].ID {
			t.Errorf("arrived as %+v", list)
		}
	})
}

// TestForwarded: what somebody else wrote is no order of the person's who shows it.
func TestForwarded(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.bot.SetPrivacy(false)
		if err := r.ch.(channels.MenuSetter).SetMenu(t.Context(), []channels.Command{{Name: "logout", Help: "Logs out"}}); err != nil {
			t.Fatal(err)
		}
		g := r.s.Supergroup("team", r.bot)
		r.run()
		for _, text := range []string{"/logout", "/logout@gateway_bot", "/logout:", "/Stop now"} {
			r.say(r.dm, telegramtest.Line{Text: text, Of: "Bob"})
			if m := r.Last(); m.Text != "" || len(m.Attachments) != 1 || string(m.Attachments[0].Data) != text {
				t.Errorf("%q, forwarded, arrived as %+v", text, m)
			}
		}
		r.say(r.dm, telegramtest.Line{Text: "is this true?", Of: "Bob"})
		if m := r.Last(); m.Text != "is this true?" || len(m.Attachments) != 0 {
			t.Errorf("a forwarded question arrived as %+v", m)
		}
		r.say(g, telegramtest.Line{Text: "/logout", Of: "Bob"})
		if m := r.Last(); m.Addressed || m.Text != "" {
			t.Errorf("a command forwarded to a group arrived as %+v; want it not addressed", m)
		}
	})
}

// TestWhoIsHeard: other bots, channels and those whom nobody vouches for.
func TestWhoIsHeard(t *testing.T) {
	for _, posts := range []bool{false, true} {
		bubble(t, telegram.Settings{ChannelPosts: posts}, func(t *testing.T, r *rig) {
			r.bot.SetPrivacy(false)
			g, ch := r.s.Supergroup("team", r.bot), r.s.Channel("news", r.bot)
			r.run()
			robot := telegramtest.User{ID: 99, IsBot: true, FirstName: "Robot"}
			r.s.Say(&robot, g, telegramtest.Line{Text: "beep"})
			r.s.Say(r.ann, g, telegramtest.Line{Text: "as the group", As: g})
			r.s.Say(r.ann, g, telegramtest.Line{Text: "as a channel", As: ch})
			r.s.Say(r.ann, g, telegramtest.Line{Text: "forwarded", As: ch, Auto: true})
			r.s.Say(r.ann, ch, telegramtest.Line{Text: "posted"})
			r.pass(time.Second)
			want := "as the group|as a channel"
			if posts {
				want += "|forwarded|posted"
			}
			if got := r.texts(); got != want {
				t.Errorf("heard %q; want %q", got, want)
			}
			for _, m := range r.Messages() {
				if m.From != "" || m.FromName == "" || m.Private {
					t.Errorf("%+v: nobody vouches for who wrote it", m)
				}
			}
		})
	}
}

func TestMigration(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		g, quiet := r.s.Group("team", r.bot), r.s.Group("told later", r.bot)
		r.run()
		n := g.Migrate()
		r.pass(time.Second)
		if r.Moved()[r.conv(g)] != r.conv(n) {
			t.Errorf("moved: %v", r.Moved())
		}
		r.Send(channels.Post{To: r.conv(g), Text: "to the old id"})
		if got := r.shown(n); len(got) != 1 {
			t.Errorf("shown %q in the new chat", got)
		}
		r.Stop() // what happens now is not read
		q := quiet.Migrate()
		id := r.Send(channels.Post{To: r.conv(quiet), Text: "found out by sending"})
		if err := r.ch.(channels.Editor).Edit(t.Context(), id, channels.Post{To: r.conv(quiet), Text: "changed"}); err != nil {
			t.Error(err)
		}
		if got := strings.Join(r.shown(q), "|"); got != "changed" {
			t.Errorf("shown %q in the new chat", got)
		}
		r.run()
		r.pass(time.Second)
		if r.Moved()[r.conv(quiet)] != r.conv(q) {
			t.Errorf("moved: %v", r.Moved())
		}
	})
}

func TestAttachments(t *testing.T) {
	bubble(t, telegram.Settings{AttachmentLimit: 1}, func(t *testing.T, r *rig) {
		r.run()
		fetch := func(ref string) (string, error) {
			body, err := r.ch.(channels.Fetcher).Fetch(t.Context(), r.conv(r.dm), ref)
			if err != nil {
				return "", err
			}
			data, err := io.ReadAll(body)
			return string(data), errors.Join(err, body.Close())
		}
		r.say(r.dm, telegramtest.Line{Text: "look", Photo: []byte("a picture of a cat")})
		m := r.Last()
		if len(m.Attachments) != 1 || m.Attachments[0].Type != "image/jpeg" || m.Text != "look" {
			t.Fatalf("a photo arrived as %+v", m)
		}
		if got, err := fetch(m.Attachments[0].Ref); err != nil || got != "a picture of a cat" {
			t.Errorf("fetched %q, %v; want the largest size", got, err)
		}
		r.say(r.dm, telegramtest.Line{Document: &telegramtest.Upload{Name: "../../notes.txt", Type: "text/plain", Data: []byte("notes")}})
		if a := r.Last().Attachments[0]; a.Name != "../../notes.txt" || a.Type != "text/plain" || a.Size != 5 {
			t.Errorf("a document arrived as %+v", a)
		}
		r.say(r.dm, telegramtest.Line{Voice: []byte("hello?")})
		if a := r.Last().Attachments[0]; a.Type != "audio/ogg" || a.Name != "voice.ogg" {
			t.Errorf("a voice message arrived as %+v", a)
		}
		r.say(r.dm, telegramtest.Line{Text: "big", Document: &telegramtest.Upload{Name: "big.zip", Data: []byte("x"), Size: 3 << 20}})
		if a := r.Last().Attachments[0]; a.Ref != "" || !strings.Contains(a.Note, "3.0 MB") {
			t.Errorf("a file that is too large arrived as %+v", a)
		}
		r.say(r.dm, telegramtest.Line{Document: &telegramtest.Upload{Name: "liar.zip", Data: make([]byte, 1<<20+1), Size: 10}})
		if _, err := fetch(r.Last().Attachments[0].Ref); err == nil || !strings.Contains(err.Error(), "too large") {
			t.Errorf("a file that is larger than it says gave %v", err)
		}
		r.say(r.dm, telegramtest.Line{Location: &telegramtest.Location{Longitude: 1, Latitude: 2}})
		if a := r.Last().Attachments[0]; string(a.Data) != "latitude 2, longitude 1" {
			t.Errorf("a place arrived as %+v", a)
		}
		for _, f := range []telegramtest.Fault{{Method: "download", Code: 502, HTML: true}, {Method: "download", Drop: true}, {Method: "getFile", Drop: true}} {
			r.s.Fail(f)
			_, err := fetch(m.Attachments[0].Ref)
			if err == nil {
				t.Errorf("%+v gave no error", f)
			}
			r.clean(err)
		}
		_, err := fetch("no-such-file")
		if err == nil {
			t.Error("an unknown file gave no error")
		}
		r.clean(err)
	})
}

// TestAlbum: the pictures of an album come one by one, and are one message.
func TestAlbum(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.run()
		r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "before"})
		r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "three pictures", Photo: []byte("one."), Album: "a1"})
		r.pass(100 * time.Millisecond)
		if r.texts() != "before" {
			t.Errorf("read %q; want what came before the album at once", r.texts())
		}
		r.s.Say(r.ann, r.dm, telegramtest.Line{Photo: []byte("two."), Album: "a1"})
		r.pass(100 * time.Millisecond)
		r.s.Say(r.ann, r.dm, telegramtest.Line{Photo: []byte("three."), Album: "a1"})
		r.s.Say(r.ann, r.dm, telegramtest.Line{Text: "after"})
		r.pass(2 * time.Second)
		list := r.Messages()
		if r.texts() != "before|three pictures|after" || len(list[1].Attachments) != 3 {
			t.Errorf("arrived as %+v", list)
		}
		if n := r.bot.Pending(); n > 3 {
			t.Errorf("%d updates are not confirmed", n)
		}
	})
}
