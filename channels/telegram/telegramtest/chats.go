package telegramtest

import (
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// Chat is a private chat, a group, a supergroup or a channel.
type Chat struct {
	s    *Server
	info ChatInfo
	bot  *Bot  // the bot of a private chat
	user *User // the person of a private chat

	// The server's mu guards all below.
	messages []*Message
	gone     map[int64]bool // ids of messages that were deleted
	last     int64          // message id; supergroups and channels count by themselves
	bots     map[*Bot]*membership
	topics   map[int64]string
	movedTo  int64
	actions  []string
	draft    string
	draftID  int64     // of a draft with a button to stop it
	calm     time.Time // flood: refuses until then
	full     time.Time // flood: the bucket is empty again then
	lastBot  *Bot      // that wrote last
}

// membership is what a bot is in a group.
type membership struct {
	out     bool // was removed
	admin   bool
	deletes bool // may delete what others wrote
	mute    bool // may not write
}

// ID is the chat's id.
func (c *Chat) ID() int64 { return c.info.ID }

// Person makes a person.
func (s *Server) Person(name string) *User {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastID++
	u := &User{ID: s.lastID, FirstName: name, Username: strings.ToLower(name), Language: "en"}
	s.people[u.ID] = u
	return u
}

// Private is the private chat of a person and a bot. It is there, and the bot may write, once the person wrote.
func (s *Server) Private(b *Bot, u *User) *Chat {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dm(b, u)
}

func (s *Server) dm(b *Bot, u *User) *Chat {
	k := [2]int64{b.user.ID, u.ID}
	if s.private[k] == nil {
		s.private[k] = &Chat{
			s: s, bot: b, user: u, gone: map[int64]bool{},
			info: ChatInfo{ID: u.ID, Type: "private", FirstName: u.FirstName, Username: u.Username},
		}
	}
	return s.private[k]
}

// Group makes a basic group with bots in it.
func (s *Server) Group(title string, bots ...*Bot) *Chat { return s.room("group", title, bots) }

// Supergroup makes a supergroup with bots in it.
func (s *Server) Supergroup(title string, bots ...*Bot) *Chat {
	return s.room("supergroup", title, bots)
}

// Channel makes a channel in which the bots are admins, as they must be.
func (s *Server) Channel(title string, bots ...*Bot) *Chat {
	c := s.room("channel", title, bots)
	for _, b := range bots {
		c.Admin(b, true)
	}
	return c
}

// Forum makes a supergroup with topics.
func (s *Server) Forum(title string, bots ...*Bot) *Chat {
	c := s.room("supergroup", title, bots)
	s.mu.Lock()
	defer s.mu.Unlock()
	c.info.IsForum = true
	c.topics = map[int64]string{}
	return c
}

func (s *Server) room(kind, title string, bots []*Bot) *Chat {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastID++
	id := -s.lastID
	if kind != "group" {
		id -= 1_000_000_000_000
	}
	c := &Chat{s: s, info: ChatInfo{ID: id, Type: kind, Title: title}, gone: map[int64]bool{}, bots: map[*Bot]*membership{}}
	for _, b := range bots {
		c.bots[b] = &membership{}
	}
	s.chats[id] = c
	return c
}

// Topic makes a topic in a forum and gives its id.
func (c *Chat) Topic(by *User, name string) int64 {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	m := c.add(&Message{From: by, InTopic: true, TopicCreated: &Topic{Name: name, Color: 7322096}})
	m.Thread = m.ID
	c.topics[m.ID] = name
	c.deliver("message", m)
	return m.ID
}

// Admin makes a bot an admin that may delete messages, or no admin.
func (c *Chat) Admin(b *Bot, admin bool) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.bots[b].admin, c.bots[b].deletes = admin, admin
}

// Kick removes a bot from a group.
func (c *Chat) Kick(b *Bot) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.bots[b].out = true
}

// Mute takes a bot's right to write, or gives it back.
func (c *Chat) Mute(b *Bot, mute bool) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.bots[b].mute = mute
}

// Block makes a person block a bot, or unblock it.
func (s *Server) Block(u *User, b *Bot, block bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.blocked[u.ID] = block
}

// Migrate turns a basic group into a supergroup, tells the bots as Telegram does, and gives the new chat.
func (c *Chat) Migrate() *Chat {
	s := c.s
	var bots []*Bot
	for b := range c.bots {
		bots = append(bots, b)
	}
	n := s.room("supergroup", c.info.Title, bots)
	s.mu.Lock()
	defer s.mu.Unlock()
	c.movedTo = n.info.ID
	c.deliver("message", c.add(&Message{MigrateTo: n.info.ID}))
	n.deliver("message", n.add(&Message{MigrateFrom: c.info.ID}))
	return n
}

// Actions are what sendChatAction showed so far.
func (c *Chat) Actions() []string {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return slices.Clone(c.actions)
}

// Draft is the text of the draft that sendMessageDraft shows; a message of the bot's ends it.
func (c *Chat) Draft() string {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.draft
}

// add numbers a message and keeps it. The lock is held.
func (c *Chat) add(m *Message) *Message {
	if c.info.Type == "private" || c.info.Type == "group" {
		c.s.lastBoxed++
		m.ID = c.s.lastBoxed
	} else {
		c.last++
		m.ID = c.last
	}
	m.Chat = c.info
	if m.Date == 0 {
		m.Date = time.Now().Unix()
	}
	c.messages = append(c.messages, m)
	return m
}

// find gives a message that exists. The lock is held.
func (c *Chat) find(id int64) *Message {
	i, ok := slices.BinarySearchFunc(c.messages, id, func(m *Message, id int64) int { return int(m.ID - id) })
	if !ok || c.gone[id] {
		return nil
	}
	return c.messages[i]
}

// deliver queues an update for the bots that may see it. The lock is held.
func (c *Chat) deliver(kind string, m *Message) {
	if c.bot != nil {
		c.bot.push(kind, m, 24*time.Hour)
		return
	}
	for b, in := range c.bots {
		if !in.out && (m.From == nil || m.From.ID != b.user.ID) && c.sees(b, m) {
			b.push(kind, m, 24*time.Hour)
		}
	}
}

// sees is privacy mode: what reaches a bot in a group.
func (c *Chat) sees(b *Bot, m *Message) bool {
	if !b.private || c.bots[b].admin || c.info.Type == "channel" {
		return true
	}
	if m.Text == "" && m.Caption == "" && m.Photo == nil && m.Document == nil && m.Voice == nil && m.Location == nil {
		return true // a service message
	}
	if m.ReplyTo != nil && m.ReplyTo.From != nil && m.ReplyTo.From.ID == b.user.ID {
		return true
	}
	text, entities := m.Text+m.Caption, append(slices.Clone(m.Entities), m.CaptionEntities...)
	for _, e := range entities {
		word := strings.ToLower(cut(text, e))
		switch e.Type {
		case "mention":
			if word == "@"+strings.ToLower(b.user.Username) {
				return true
			}
		case "text_mention":
			if e.User != nil && e.User.ID == b.user.ID {
				return true
			}
		case "bot_command":
			_, at, named := strings.Cut(word, "@")
			if at == strings.ToLower(b.user.Username) || (!named && (c.lastBot == b || len(c.bots) == 1)) {
				return true
			}
		}
	}
	return false
}

// cut gives the part of text that e marks.
func cut(text string, e Entity) string {
	u := utf16.Encode([]rune(text))
	if e.Offset < 0 || e.Length < 0 || e.Offset+e.Length > len(u) {
		return ""
	}
	return string(utf16.Decode(u[e.Offset : e.Offset+e.Length]))
}
