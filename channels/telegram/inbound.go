package telegram

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"chatgateway/channels"
)

// The objects of the Bot API as far as they are read here; the library's own lack topics and what came after 2021.
type (
	update struct {
		ID       int64     `json:"update_id"`
		Message  *message  `json:"message"`
		Edited   *message  `json:"edited_message"`
		Post     *message  `json:"channel_post"`
		PostEdit *message  `json:"edited_channel_post"`
		Callback *callback `json:"callback_query"`
		Stopped  *stopped  `json:"stopped_message_generation"`
	}
	stopped struct { // the button under a draft was pressed
		Chat   chat  `json:"chat"`
		Thread int64 `json:"message_thread_id"`
	}
	chat struct {
		ID      int64  `json:"id"`
		Type    string `json:"type"`
		Title   string `json:"title"`
		IsForum bool   `json:"is_forum"`
	}
	message struct {
		ID              int64                    `json:"message_id"`
		Thread          int64                    `json:"message_thread_id"`
		InTopic         bool                     `json:"is_topic_message"`
		From            *tgbotapi.User           `json:"from"`
		SenderChat      *chat                    `json:"sender_chat"`
		AutoForward     bool                     `json:"is_automatic_forward"`
		Forward         json.RawMessage          `json:"forward_origin"`
		ForwardDate     int64                    `json:"forward_date"` // servers older than 7.0
		Date            int64                    `json:"date"`
		Chat            chat                     `json:"chat"`
		ReplyTo         *message                 `json:"reply_to_message"`
		Album           string                   `json:"media_group_id"`
		Text            string                   `json:"text"`
		Entities        []tgbotapi.MessageEntity `json:"entities"`
		Caption         string                   `json:"caption"`
		CaptionEntities []tgbotapi.MessageEntity `json:"caption_entities"`
		Photo           []tgbotapi.PhotoSize     `json:"photo"`
		Document        *file                    `json:"document"`
		Voice           *file                    `json:"voice"`
		Audio           *file                    `json:"audio"`
		Video           *file                    `json:"video"`
		VideoNote       *file                    `json:"video_note"`
		Sticker         *file                    `json:"sticker"`
		Rich            json.RawMessage          `json:"rich_message"`
		Quote           part                     `json:"quote"` // what was marked of the message that this answers
		Contact         *contact                 `json:"contact"`
		Location        *location                `json:"location"`
		Venue           *venue                   `json:"venue"`
		Poll            *poll                    `json:"poll"`
		Dice            json.RawMessage          `json:"dice"`
		Story           json.RawMessage          `json:"story"`
		Checklist       json.RawMessage          `json:"checklist"`
		PaidMedia       json.RawMessage          `json:"paid_media"`
		Game            json.RawMessage          `json:"game"`
		Invoice         json.RawMessage          `json:"invoice"`
		TopicCreated    json.RawMessage          `json:"forum_topic_created"`
		MigrateTo       int64                    `json:"migrate_to_chat_id"`
	}
	file struct {
		ID   string `json:"file_id"`
		Name string `json:"file_name"`
		Type string `json:"mime_type"`
		Size int64  `json:"file_size"`
		sign
	}
	sign struct { // of a sticker
		Emoji    string `json:"emoji"`
		Animated bool   `json:"is_animated"`
		Video    bool   `json:"is_video"`
	}
	part     struct{ Text string }
	location struct{ Latitude, Longitude float64 }
	venue    struct {
		Location       location
		Title, Address string
	}
	contact struct {
		Phone     string `json:"phone_number"`
		FirstName string `json:"first_name"`
		LastName  string `json:"last_name"`
	}
	poll struct {
		Question string
		Options  []part
	}
	callback struct {
		ID      string         `json:"id"`
		From    *tgbotapi.User `json:"from"`
		Message *message       `json:"message"`
		Data    string         `json:"data"`
	}
)

// message is the message of an update, whatever its kind.
func (u *update) message() *message {
	for _, m := range []*message{u.Message, u.Edited, u.Post, u.PostEdit} {
		if m != nil {
			return m
		}
	}
	return nil
}

// target is the conversation that a message stands in. Only what is marked so stands in a topic: a thread of answers
// in an ordinary group has a thread id too.
func (m *message) target() target {
	switch {
	case m.InTopic && m.Thread != 0:
		return target{m.Chat.ID, m.Thread}
	case m.Chat.IsForum && m.Chat.ID < 0:
		return target{m.Chat.ID, general}
	}
	return target{chat: m.Chat.ID}
}

// forwarded reports whether somebody else wrote it, or the sender at another time.
func (m *message) forwarded() bool { return m.Forward != nil || m.ForwardDate != 0 }

func (t target) places() []channels.PlaceID {
	if t.private() {
		return nil
	}
	list := []channels.PlaceID{channels.PlaceID(itoa(t.chat))}
	if t.thread != 0 {
		list = append(list, channels.PlaceID(t.conversation()))
	}
	return list
}

// batch makes messages of updates. What nobody is to answer is left out.
func (p *poller) batch(list []update) channels.Batch {
	var b channels.Batch
	albums := map[string]int{} // album to its message in b
	for i := range list {
		u := &list[i]
		if u.Callback != nil {
			if m, ok := p.pressed(u.Callback); ok {
				b.Messages = append(b.Messages, m)
			}
			continue
		}
		if u.Stopped != nil && u.Stopped.Chat.ID > 0 {
			b.Messages = append(b.Messages, u.Stopped.halt(u.ID))
			continue
		}
		raw := u.message()
		if raw == nil {
			continue
		}
		m, ok := p.received(raw)
		if !ok {
			continue
		}
		m.Edited = u.Edited != nil || u.PostEdit != nil
		if at, seen := albums[raw.Album]; seen && raw.Album != "" && !m.Edited {
			first := &b.Messages[at]
			first.Attachments = append(first.Attachments, m.Attachments...)
			first.Text = strings.TrimSpace(first.Text + "\n" + m.Text)
			first.Addressed = first.Addressed || m.Addressed
			continue
		}
		albums[raw.Album] = len(b.Messages)
		b.Messages = append(b.Messages, m)
	}
	return b
}

// received makes a message of what was received; it reports false for what is not for us: what other bots say,
// commands to other bots, service messages.
func (p *poller) received(m *message) (channels.Message, bool) {
	if m.From != nil && m.From.IsBot && m.SenderChat == nil {
		return channels.Message{}, false
	}
	if m.Chat.ID > 0 && (m.From == nil || m.SenderChat != nil) {
		return channels.Message{}, false // nobody's, in a direct chat
	}
	if (m.AutoForward || m.Chat.Type == "channel") && !p.c.set.ChannelPosts {
		return channels.Message{}, false
	}
	text, addressed, ours := p.read(m)
	files := append(p.files(m), m.data()...)
	if text == "" && m.Rich != nil {
		text = m.words()
	}
	if s := m.Sticker; s != nil && s.moves() && text == "" {
		text = s.Emoji
	}
	if m.forwarded() {
		var beside []channels.Attachment
		text, beside = channels.NoOrder(text)
		files = append(beside, files...)
	}
	if ours && (text != "" || files != nil || addressed) {
		files = append(files, p.quoted(m)...)
	}
	if !ours || (text == "" && files == nil && !addressed) {
		return channels.Message{}, false
	}
	to := m.target()
	out := channels.Message{
		Conversation: to.conversation(), ID: place{m.Chat.ID, m.ID}.id(), Text: text, Places: to.places(), Attachments: files,
		Private: to.private(), Addressed: to.private() || addressed, Time: time.Unix(m.Date, 0),
	}
	if r := m.ReplyTo; r != nil && r.TopicCreated == nil {
		out.Answers = place{m.Chat.ID, r.ID}.id()
	}
	out.FromName = m.author()
	if m.SenderChat == nil && m.From != nil { // else an anonymous admin, a channel: nobody to vouch for
		out.From = channels.UserID(itoa(m.From.ID))
	}
	return out, true
}

// pressed makes a message of a button that was pressed.
func (p *poller) pressed(cb *callback) (channels.Message, bool) {
	if cb.Data == "" || cb.Message == nil || cb.From == nil || cb.From.IsBot {
		return channels.Message{}, false
	}
	to := cb.Message.target()
	return channels.Message{
		Conversation: to.conversation(), ID: channels.MessageID("press:" + cb.ID), Answers: place{cb.Message.Chat.ID, cb.Message.ID}.id(),
		From: channels.UserID(itoa(cb.From.ID)), FromName: plainName(cb.From), Places: to.places(),
		Press: channels.PressID(cb.Data), Private: to.private(), Addressed: true, Time: time.Now(),
	}, true
}

// halt makes a /stop of the button under a draft, which stands in direct chats alone.
func (s *stopped) halt(update int64) channels.Message {
	to := target{s.Chat.ID, s.Thread}
	return channels.Message{
		Conversation: to.conversation(), ID: channels.MessageID("stop:" + itoa(update)), From: channels.UserID(itoa(s.Chat.ID)),
		Text: "/stop", Private: true, Addressed: true, Time: time.Now(),
	}
}

// command takes "/name" or "/name@bot" off the beginning of a text; ok is false if none stands there.
func command(text string) (name, bot, rest string, ok bool) {
	head, rest := text, ""
	if n := strings.IndexFunc(text, unicode.IsSpace); n >= 0 {
		head, rest = text[:n], text[n:]
	}
	head, ok = strings.CutPrefix(head, "/")
	name, bot, at := strings.Cut(head, "@")
	ok = ok && plainWord(name) && (!at || plainWord(bot))
	return name, bot, rest, ok
}

// plainWord reports whether s is made of what commands and names of bots are made of.
func plainWord(s string) bool {
	for _, r := range s {
		if r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return s != ""
}

// read gives the text without the mention of the bot, says whether it is addressed to the bot, and whether it is
// ours at all: a command to another bot is not.
func (p *poller) read(m *message) (text string, addressed, ours bool) {
	me := p.me()
	text, entities := m.Text, m.Entities
	if text == "" {
		text, entities = m.Caption, m.CaptionEntities
	}
	private := m.Chat.ID > 0
	if !private {
		text, addressed = withoutMention(text, entities, me)
	}
	if r := m.ReplyTo; r != nil && r.TopicCreated == nil && r.From != nil && r.From.ID == me.ID {
		addressed = true
	}
	name, bot, rest, ok := command(text)
	if !ok || m.forwarded() {
		return text, addressed, true
	}
	if bot != "" && !strings.EqualFold(bot, me.UserName) {
		return text, addressed, private
	}
	name, known := p.c.menu.known(name)
	return "/" + name + rest, addressed || known || bot != "", true
}

// withoutMention takes the mentions of the bot out of a text and reports whether there were any. Entities count in
// UTF-16 code units.
func withoutMention(text string, entities []tgbotapi.MessageEntity, me self) (string, bool) {
	var units []uint16
	found := false
	for i := len(entities) - 1; i >= 0; i-- { // from the end, so that offsets stay right
		e := entities[i]
		if e.Type != "mention" && e.Type != "text_mention" {
			continue
		}
		if units == nil {
			units = utf16.Encode([]rune(text))
		}
		if e.Offset < 0 || e.Length < 0 || e.Offset+e.Length > len(units) {
			continue
		}
		name := string(utf16.Decode(units[e.Offset : e.Offset+e.Length]))
		if (e.Type == "mention" && !strings.EqualFold(name, "@"+me.UserName)) || (e.Type == "text_mention" && (e.User == nil || e.User.ID != me.ID)) {
			continue
		}
		head, tail := string(utf16.Decode(units[:e.Offset])), string(utf16.Decode(units[e.Offset+e.Length:]))
		if strings.TrimSpace(head) == "" {
			head, tail = "", strings.TrimLeft(tail, " ,:\n\t")
		} else if strings.HasSuffix(head, " ") {
			tail = strings.TrimLeft(tail, " ")
		}
		units, found = utf16.Encode([]rune(head+tail)), true
	}
	if !found {
		return text, false
	}
	return strings.TrimSpace(string(utf16.Decode(units))), true
}

// files are the attachments of a message.
func (p *poller) files(m *message) (list []channels.Attachment) {
	add := func(f *file, name, kind string) {
		if f == nil {
			return
		}
		a := channels.Attachment{Name: orElse(f.Name, name), Type: orElse(f.Type, kind), Size: f.Size, Ref: f.ID}
		if most := int64(p.c.set.AttachmentLimit) << 20; f.Size > most {
			a.Ref, a.Note = "", fmt.Sprintf("too large: %.1f MB, at most %d MB are taken", float64(f.Size)/(1<<20), most>>20)
		}
		list = append(list, a)
	}
	if n := len(m.Photo); n > 0 {
		best := m.Photo[0]
		for _, s := range m.Photo {
			if s.Width*s.Height > best.Width*best.Height {
				best = s
			}
		}
		add(&file{ID: best.FileID, Size: int64(best.FileSize)}, "photo.jpg", "image/jpeg")
	}
	add(m.Document, "document", "application/octet-stream")
	add(m.Voice, "voice.ogg", "audio/ogg")
	add(m.Audio, "audio.mp3", "audio/mpeg")
	add(m.Video, "video.mp4", "video/mp4")
	add(m.VideoNote, "video.mp4", "video/mp4")
	if s := m.Sticker; s != nil && !s.moves() {
		add(s, strings.TrimSpace("sticker "+s.Emoji), "image/webp")
	}
	return list
}

// moves reports whether a sticker is no picture.
func (s sign) moves() bool { return s.Animated || s.Video }

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// plainName is how a user is called, without what makes lines of a log.
func plainName(u *tgbotapi.User) string {
	return strings.Join(strings.Fields(u.FirstName+" "+u.LastName), " ")
}
