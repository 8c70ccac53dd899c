package discord

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/discord/discordtest"
)

// TestWhatIsForTheBot goes through the ways of speaking in a guild.
func TestWhatIsForTheBot(t *testing.T) {
	t.Parallel()
	var always, off string
	b := newBot(t, discordtest.Options{}, nil)
	always, off = b.s.NewChannel("always"), b.s.NewChannel("off")
	b.open(func(s *Settings, _ *times) { s.Channels = map[string]string{always: "always", off: "off"} })
	b.start()
	bob := b.s.User("bob")
	mine := b.Send(channels.Post{To: channels.ConversationID("ch:" + b.s.Channel), Text: "mine"})
	his := b.s.Say(discordtest.Said{Person: "bob", Text: "his", Channel: b.s.Channel})
	for _, c := range []struct {
		name string
		said discordtest.Said
		want string // empty: not for the bot
	}{
		{"plain", discordtest.Said{Text: "plain", Channel: b.s.Channel}, ""},
		{"mention", discordtest.Said{Text: b.at("mention"), Channel: b.s.Channel}, "mention"},
		{"old mention", discordtest.Said{Text: "old <@!" + b.s.Bot + ">", Channel: b.s.Channel}, "old"},
		{"role", discordtest.Said{Text: "<@&" + b.s.BotRole + "> role", Channel: b.s.Channel}, "role"},
		{"others", discordtest.Said{Text: b.at("ask <@" + bob + ">"), Channel: b.s.Channel}, "ask @Bob"},
		{"reply", discordtest.Said{Text: "reply", Channel: b.s.Channel, Answers: string(mine)}, "reply"},
		{"reply to bob", discordtest.Said{Text: "reply to bob", Channel: b.s.Channel, Answers: his}, ""},
		{"everyone", discordtest.Said{Text: "@everyone all", Channel: b.s.Channel}, ""},
		{"another bot", discordtest.Said{Person: "robot", Bot: true, Text: b.at("robots"), Channel: b.s.Channel}, ""},
		{"always", discordtest.Said{Text: "to whom it concerns", Channel: always}, "to whom it concerns"},
		{"always, to bob", discordtest.Said{Text: "<@" + bob + "> look", Channel: always}, ""},
		{"off", discordtest.Said{Text: b.at("off"), Channel: off}, ""},
	} {
		if c.said.Person == "" {
			c.said.Person = "ann"
		}
		before := len(b.Texts())
		id := b.s.Say(c.said)
		if c.want == "" {
			b.says(discordtest.Said{Person: "cat", Text: "after " + c.name})
			if n := len(b.Texts()) - before; n != 1 {
				t.Errorf("%s: was heard: %q", c.name, b.Texts()[before:])
			}
			continue
		}
		if m := b.Heard(c.want); !m.Addressed || m.Private || string(m.ID) != id || m.From != channels.UserID(b.s.User("ann")) || m.FromName != "Ann" {
			t.Errorf("%s: heard %+v", c.name, m)
		}
	}
	if m := b.Heard("reply"); m.Answers != mine {
		t.Errorf("a reply answers %q, want %q", m.Answers, mine)
	}
	if m := b.Heard("mention"); !slices.Equal(m.Places, []channels.PlaceID{channels.PlaceID(b.s.Guild), channels.PlaceID(b.s.Channel)}) {
		t.Errorf("places are %v", m.Places)
	}
}

// TestThreads: each is a conversation of its own; in the bot's own one no mention is needed.
func TestThreads(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, func(s *Settings, _ *times) { s.Threads = true }).start()
	other := b.s.NewThread("ann", b.s.Channel, "hers")
	m := b.says(discordtest.Said{Person: "ann", Text: b.at("in her thread"), Channel: other})
	if m.Conversation != channels.ConversationID("th:"+b.s.Channel+":"+other) {
		t.Errorf("a thread is the conversation %q", m.Conversation)
	}
	m = b.says(discordtest.Said{Person: "ann", Text: b.at("tell me a story"), Channel: b.s.Channel})
	if m.Conversation != channels.ConversationID("th:"+b.s.Channel+":"+string(m.ID)) {
		t.Fatalf("a mention is the conversation %q", m.Conversation)
	}
	if n := len(b.s.Requests("POST", "/threads")); n != 0 {
		t.Errorf("%d threads were opened before there was an answer", n)
	}
	id := b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "once upon a time"})
	if got := b.shows("ann", string(m.ID)); got.ID != string(id) {
		t.Errorf("the thread shows %+v", got)
	}
	if err := b.c.Edit(t.Context(), id, channels.Post{To: m.Conversation, Text: "it was"}); err != nil {
		t.Errorf("Edit in a thread: %v", err)
	}
	next := b.says(discordtest.Said{Person: "ann", Text: "go on", Channel: string(m.ID)})
	if next.Conversation != m.Conversation || len(next.Places) != 3 {
		t.Errorf("what follows in the thread is %+v", next)
	}
	b.Send(channels.Post{To: m.Conversation, Answers: next.ID, Text: "the end"})
	if n := len(b.s.Requests("POST", "/threads")); n != 1 {
		t.Errorf("%d requests opened threads, want one", n)
	}

	// After a restart nothing is known of a thread that its first answer was to open.
	m = b.says(discordtest.Said{Person: "bob", Text: b.at("and me"), Channel: b.s.Channel})
	b.Stop()
	b.open(func(s *Settings, _ *times) { s.Threads = true })
	b.start()
	b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "you too"})
	b.shows("bob", string(m.ID))

	// Where none may be opened the channel itself takes the answer.
	b.s.Lack(b.s.Channel, "thread", true)
	m = b.says(discordtest.Said{Person: "ann", Text: b.at("no threads here"), Channel: b.s.Channel})
	id = b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "then here"})
	if got := b.shows("ann", b.s.Channel); got.Text != "then here" {
		t.Errorf("the channel shows %+v", got)
	}
	if err := b.c.Delete(t.Context(), m.Conversation, id); err != nil || len(b.s.See("ann", b.s.Channel)) != 0 {
		t.Errorf("Delete there: %v", err)
	}
}

func TestEditsAndPreviews(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil).start()
	m := b.says(discordtest.Said{Person: "ann", Text: "see https://example.com"})
	direct := b.s.Direct("ann")
	b.s.Preview(direct, string(m.ID))
	b.s.Edit(direct, string(m.ID), "see nothing")
	if e := b.Heard("see nothing"); !e.Edited || e.ID != m.ID {
		t.Errorf("the edit is %+v", e)
	}
	b.says(discordtest.Said{Person: "ann", Text: "next"})
	if got := b.Texts(); len(got) != 3 {
		t.Errorf("heard %q; a link's preview is no edit", got)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, func(s *Settings, _ *times) { s.AttachmentLimit = 1 }).start()
	data := bytes.Repeat([]byte("picture "), 1000)
	b.s.Say(discordtest.Said{Person: "ann", Text: "look", Files: map[string][]byte{"a.png": data}})
	m := b.Heard("look")
	if len(m.Attachments) != 1 || m.Attachments[0].Name != "a.png" || m.Attachments[0].Type != "image/png" || m.Attachments[0].Size != int64(len(data)) {
		t.Fatalf("attachments are %+v", m.Attachments)
	}
	b.s.ExpireFiles() // Discord's addresses end after a day; the Ref holds
	r, err := b.c.Fetch(t.Context(), m.Conversation, m.Attachments[0].Ref)
	if err != nil {
		t.Fatalf("Fetch: %v", err)
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	for _, ref := range []string{"", "1/2", "1/2/3/4", "../../users/@me", m.Attachments[0].Ref + "9"} {
		if _, err := b.c.Fetch(t.Context(), m.Conversation, ref); err == nil {
			t.Errorf("Fetch of %q gave no error", ref)
		}
	}
	b.s.Say(discordtest.Said{Person: "ann", Text: "huge", Files: map[string][]byte{"b.png": bytes.Repeat([]byte("x"), 1<<20+1)}})
	if m := b.Heard("huge"); m.Attachments[0].Ref != "" || m.Attachments[0].Note == "" {
		t.Errorf("a file that is too large is %+v", m.Attachments[0])
	}
	b.c.cdn = nil // now the server is not one of Discord's hosts
	if _, err := b.c.Fetch(t.Context(), m.Conversation, m.Attachments[0].Ref); err == nil || !strings.Contains(err.Error(), "host") {
		t.Errorf("Fetch from elsewhere gave %v", err)
	}
	id, err := b.c.Upload(t.Context(), channels.Post{To: m.Conversation, Text: "here", Key: "up"}, []channels.File{{Name: `we"ird.txt`, Type: "text/plain", Data: []byte("x")}, {Name: "2.bin", Data: []byte("y")}})
	if err != nil {
		t.Fatalf("Upload: %v", err)
	}
	if s := b.shows("ann", b.s.Direct("ann")); s.ID != string(id) || s.Text != "here" || !slices.Equal(s.Files, []string{"we_ird.txt", "2.bin"}) {
		t.Errorf("shown: %+v", s)
	}
}

func TestContentIntent(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*discordtest.Server){
		"switched off":           nil,
		"refused at the gateway": func(s *discordtest.Server) { s.RefuseContent() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBot(t, discordtest.Options{NoContent: set == nil}, nil)
			if set != nil {
				set(b.s)
			}
			b.start()
			st := b.State()
			if st.State != "degraded" || !strings.Contains(st.Detail, "https://discord.com/developers/applications/"+b.s.App+"/bot") {
				t.Errorf("the state is %+v", st)
			}
			b.says(discordtest.Said{Person: "ann", Text: "in private"})
			b.says(discordtest.Said{Person: "ann", Text: b.at("mentioned"), Channel: b.s.Channel})
			mine := b.Send(channels.Post{To: channels.ConversationID("ch:" + b.s.Channel), Text: "mine"})
			b.s.Say(discordtest.Said{Person: "ann", Text: "unreadable", Channel: b.s.Channel, Answers: string(mine)})
			b.s.Say(discordtest.Said{Person: "ann", Text: "readable", Channel: b.s.Channel, Answers: string(mine), Ping: true})
			b.Heard("readable")
			if got := b.Texts(); len(got) != 3 {
				t.Errorf("heard %q", got)
			}
			lines, err := b.c.Test(t.Context())
			if err != nil || set == nil && !strings.Contains(strings.Join(lines, "\n"), "Message Content intent is off") {
				t.Errorf("Test: %q, %v", lines, err)
			}
		})
	}
}

func TestTest(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, func(s *Settings, _ *times) { s.Threads = true })
	lines, err := b.c.Test(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(lines, "\n")
	for _, want := range []string{"@gatewaybot (" + b.s.Bot + ")", "Message Content intent is on", `"Test guild"`, "lacks", "Manage Messages", "https://discord.com/oauth2/authorize?client_id=" + b.s.App} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	b.s.Kick()
	if lines, err := b.c.Test(t.Context()); err != nil || !strings.Contains(strings.Join(lines, "\n"), "in no server") {
		t.Errorf("%q, %v", lines, err)
	}
}

func TestOpenSettings(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"a way to listen": func(s *Settings) { s.Channels = map[string]string{"1": "sometimes"} },
		"http elsewhere":  func(s *Settings) { s.APIBase = "http://discord.example/api" },
		"no address":      func(s *Settings) { s.APIBase = "discord" },
		"cdn":             func(s *Settings) { s.CDNBase = "ftp://x" },
		"limit":           func(s *Settings) { s.AttachmentLimit = -1 },
	} {
		set := &Settings{}
		change(set)
		if _, err := open(channels.Options{Settings: set}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := open(channels.Options{Settings: 1}); err == nil {
		t.Error("settings of another kind: no error")
	}
	for token, ok := range map[string]bool{discordtest.Token: true, "Bot " + discordtest.Token: false, "tiny": false} {
		if err := checkToken(token); (err == nil) != ok || err != nil && strings.Contains(err.Error(), token) {
			t.Errorf("checkToken: %v", err)
		}
	}
	if _, err := parseConversation("th:x:1"); !errors.Is(err, channels.ErrGone) {
		t.Errorf("parseConversation: %v", err)
	}
}

// TestOddMessages: what people send besides text is told in words, or as a file; nothing odd ends the session.
func TestOddMessages(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil).start()
	emit := func(more map[string]any) {
		m := map[string]any{"id": fmt.Sprint(idAt(time.Now()) + uint64(len(b.s.Requests("", ""))+rand.IntN(1<<20))), "channel_id": b.s.Direct("ann"), "type": 0,
			"author": map[string]any{"id": b.s.User("ann"), "username": "ann"}, "timestamp": "2026-01-01T00:00:00Z", "content": ""}
		maps.Copy(m, more)
		b.s.Emit("MESSAGE_CREATE", m)
	}
	type object = map[string]any
	emit(object{"sticker_items": []object{{"id": "1", "name": "Wave", "format_type": 1}}})
	b.Heard("[sticker: Wave]")
	emit(object{"content": "vote", "poll": object{"question": object{"text": "Tea?"}, "answers": []object{{"answer_id": 1, "poll_media": object{"text": "Yes"}},
		{"answer_id": 2, "poll_media": object{"emoji": object{"name": "x"}}}, {"poll_media": object{"text": "No"}}}}})
	b.Heard("vote\n\n[poll: Tea? Yes / No]")
	emit(object{"flags": 1 << 13, "attachments": []object{{"id": "9", "filename": "voice-message.ogg", "content_type": "audio/ogg", "size": 100, "url": "https://x/",
		"duration_secs": 1.5, "waveform": "AAA="}}})
	b.Until("the voice message is heard", func() bool {
		last := b.Last()
		return len(last.Attachments) == 1 && last.Attachments[0].Type == "audio/ogg" && last.Text == ""
	})
	forwarded := func(text string) object {
		return object{"message_reference": object{"type": 1}, "message_snapshots": []object{{"message": object{"content": text}}}}
	}
	emit(forwarded("is it true?"))
	b.Heard("is it true?")
	emit(forwarded("/logout"))
	b.Until("a forwarded command is heard, as a file", func() bool {
		last := b.Last()
		return last.Text == "" && len(last.Attachments) == 1 && string(last.Attachments[0].Data) == "/logout"
	})
	before := len(b.Texts())
	emit(object{"flags": 1 << 15, "components": []object{{"type": 17, "components": []object{{"type": 10, "content": "shown"}}}}}) // says nothing here
	emit(object{"type": 7})                                                                                                        // somebody joined
	emit(object{"type": 46, "author": object{"id": b.s.User("ann")}})                                                              // the result of a poll
	emit(object{"sticker_items": "odd", "poll": []int{1}})
	emit(object{"channel_type": 3, "content": "in a group of people"})
	b.says(discordtest.Said{Person: "ann", Text: "fine"})
	if got := b.Texts()[before:]; len(got) != 1 {
		t.Errorf("heard %q", got)
	}
	if n := b.s.Counts(); n.Closed != 0 {
		t.Errorf("at the gateway: %+v", n)
	}
}
