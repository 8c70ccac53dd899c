package telegramtest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Line is what a person sends. Zero fields are left out.
type Line struct {
	Text     string // of a file, its caption
	ReplyTo  *Message
	Topic    int64
	Entities []Entity // besides those found in the text: mentions and commands
	Photo    []byte   // a picture, in two sizes
	Document *Upload
	Voice    []byte
	Location *Location
	Album    string
	As       *Chat  // the chat on whose behalf it is sent: an anonymous admin, a channel
	Auto     bool   // forwarded by itself from the linked channel
	Of       string // who wrote it, if it is forwarded
	At       time.Time
}

// Upload is a file.
type Upload struct {
	Name, Type string
	Data       []byte
	Size       int64 // what is said of its size; 0: the truth
}

// Say makes a person send something to a chat and gives the message.
func (s *Server) Say(u *User, c *Chat, l Line) *Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.compose(u, c, l)
	c.add(m)
	kind := "message"
	if c.info.Type == "channel" {
		kind = "channel_post"
	}
	c.deliver(kind, m)
	return clone(m)
}

func (s *Server) compose(u *User, c *Chat, l Line) *Message {
	m := &Message{From: u, Album: l.Album, Location: l.Location, AutoForward: l.Auto}
	if !l.At.IsZero() {
		m.Date = l.At.Unix()
	}
	if l.Of != "" {
		m.Forward = &Origin{Type: "hidden_user", Name: l.Of, Date: 1}
	}
	if l.ReplyTo != nil {
		r := *l.ReplyTo
		r.ReplyTo = nil
		m.ReplyTo = &r
	}
	if l.Topic != 0 {
		m.Thread, m.InTopic = l.Topic, true
		if m.ReplyTo == nil {
			if root := c.find(l.Topic); root != nil {
				m.ReplyTo = clone(root) // as Telegram does: what stands in a topic answers its beginning
			}
		}
	} else if l.ReplyTo != nil && c.info.Type == "supergroup" {
		m.Thread = l.ReplyTo.ID // a thread of answers is no topic
	}
	if l.As != nil {
		info := l.As.info
		m.SenderChat = &info
		m.From = &User{ID: 136817688, IsBot: true, FirstName: "Channel", Username: "Channel_Bot"}
		if l.As == c {
			m.From = &User{ID: 1087968824, IsBot: true, FirstName: "Group", Username: "GroupAnonymousBot"}
		}
		if l.Auto {
			m.From = &User{ID: 777000, FirstName: "Telegram"}
		}
	}
	if c.info.Type == "channel" {
		info := c.info
		m.From, m.SenderChat = nil, &info
	}
	s.attach(m, l)
	entities := append(found(l.Text), l.Entities...)
	if m.Photo != nil || m.Document != nil || m.Voice != nil {
		m.Caption, m.CaptionEntities = l.Text, entities
	} else {
		m.Text, m.Entities = l.Text, entities
	}
	return m
}

// attach keeps the line's files.
func (s *Server) attach(m *Message, l Line) {
	if l.Photo != nil {
		small := s.keep(Upload{Name: "photo.jpg", Type: "image/jpeg", Data: l.Photo[:len(l.Photo)/2]}, "photos")
		large := s.keep(Upload{Name: "photo.jpg", Type: "image/jpeg", Data: l.Photo}, "photos")
		small.Name, small.Type, small.Width, small.Height = "", "", 90, 60
		large.Name, large.Type, large.Width, large.Height = "", "", 1280, 853
		m.Photo = []File{small, large}
	}
	if l.Document != nil {
		f := s.keep(*l.Document, "documents")
		m.Document = &f
	}
	if l.Voice != nil {
		f := s.keep(Upload{Name: "voice.oga", Type: "audio/ogg", Data: l.Voice}, "voice")
		f.Name, f.Duration = "", 3
		m.Voice = &f
	}
}

var (
	mentions = regexp.MustCompile(`(?:^|[^A-Za-z0-9_])(@[A-Za-z][A-Za-z0-9_]{2,})`)
	commands = regexp.MustCompile(`(?:^|\s)(/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]+)?)`)
)

// found are the entities that Telegram finds in a text by itself.
func found(text string) (list []Entity) {
	for kind, re := range map[string]*regexp.Regexp{"mention": mentions, "bot_command": commands} {
		for _, at := range re.FindAllStringSubmatchIndex(text, -1) {
			list = append(list, Entity{Type: kind, Offset: units(text[:at[2]]), Length: units(text[at[2]:at[3]])})
		}
	}
	slices.SortFunc(list, func(a, b Entity) int { return a.Offset - b.Offset })
	return list
}

// Edit makes the sender change the text of a message.
func (s *Server) Edit(c *Chat, id int64, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := c.find(id)
	if m == nil {
		panic(fmt.Sprintf("telegramtest: no message %d to edit", id))
	}
	n := clone(m)
	n.EditDate = time.Now().Unix()
	if m.Text != "" {
		n.Text, n.Entities = text, found(text)
	} else {
		n.Caption, n.CaptionEntities = text, found(text)
	}
	*m = *n
	kind := "edited_message"
	if c.info.Type == "channel" {
		kind = "edited_channel_post"
	}
	c.deliver(kind, n)
}

// press is a button pressed.
type press struct {
	bot      int64
	answered bool
	text     string
	at       time.Time
}

// Press makes a person press the button with this label under a message of a bot's, and gives the press's id.
func (s *Server) Press(u *User, c *Chat, id int64, label string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := c.find(id)
	if m == nil || m.Keyboard == nil {
		panic(fmt.Sprintf("telegramtest: no message %d with buttons", id))
	}
	for _, row := range m.Keyboard.Rows {
		for _, b := range row {
			if b.Text == label && b.Data != "" {
				return s.pressed(u, c, m, b.Data)
			}
		}
	}
	panic(fmt.Sprintf("telegramtest: message %d has no button %q", id, label))
}

func (s *Server) pressed(u *User, c *Chat, m *Message, data string) string {
	s.lastID++
	id := itoa(4_000_000_000_000 + s.lastID)
	for _, b := range s.bots {
		if b.user.ID == m.From.ID {
			s.presses[id] = &press{bot: b.user.ID, at: time.Now()}
			cb := Callback{ID: id, From: *u, Message: *clone(m), Instance: itoa(c.info.ID * 7), Data: data}
			b.push("callback_query", cb, 150*time.Second)
		}
	}
	return id
}

// Answered reports whether a press was answered, so that its button shows no clock any more, and with what text.
func (s *Server) Answered(id string) (bool, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.presses[id]
	return p != nil && p.answered, p.text
}

// Shown are the messages of bots that stand in a chat now, oldest first.
func (s *Server) Shown(c *Chat) []Message {
	return s.list(c, func(m *Message) bool { return m.From != nil && m.From.IsBot && m.SenderChat == nil })
}

// Messages are all messages that stand in a chat now, oldest first.
func (s *Server) Messages(c *Chat) []Message {
	return s.list(c, func(*Message) bool { return true })
}

func (s *Server) list(c *Chat, want func(*Message) bool) (list []Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range c.messages {
		if !c.gone[m.ID] && want(m) {
			list = append(list, *clone(m))
		}
	}
	return list
}

// Forget lets a message age, for the rule that what is older than 48 hours cannot be deleted.
func (s *Server) Forget(c *Chat, id int64, age time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := c.find(id); m != nil {
		m.Date = time.Now().Add(-age).Unix()
	}
}

// Labels are the labels of a message's buttons.
func (m *Message) Labels() (list []string) {
	if m.Keyboard == nil {
		return nil
	}
	for _, row := range m.Keyboard.Rows {
		for _, b := range row {
			list = append(list, b.Text)
		}
	}
	return list
}

func clone(m *Message) *Message {
	n := *m
	n.Entities = slices.Clone(m.Entities)
	n.CaptionEntities = slices.Clone(m.CaptionEntities)
	return &n
}

// lookup finds the chat that a bot names. The lock is held.
func (s *Server) lookup(b *Bot, p params) (*Chat, error) {
	name := strings.TrimSpace(p.values["chat_id"])
	if name == "" {
		return nil, bad("chat_id is empty")
	}
	id := p.num("chat_id")
	if u := s.people[id]; u != nil {
		c := s.private[[2]int64{b.user.ID, id}]
		if c == nil || len(c.messages) == 0 {
			return nil, forbid("bot can't initiate conversation with a user")
		}
		if b.blocked[id] {
			return nil, forbid("bot was blocked by the user")
		}
		return c, nil
	}
	c := s.chats[id]
	if c == nil || c.bots[b] == nil {
		return nil, bad("chat not found")
	}
	if c.movedTo != 0 {
		return nil, migrated(c.movedTo)
	}
	if c.bots[b].out {
		kind := c.info.Type
		if kind != "channel" {
			kind += " chat"
		}
		return nil, forbid("bot was kicked from the " + kind)
	}
	return c, nil
}
