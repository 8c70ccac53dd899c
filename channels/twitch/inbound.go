package twitch

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
	"chatgateway/internal/lazyregexp"
)

// handle takes one line. It waits for nothing. It is called by one goroutine.
func (c *channel) handle(s *session, l line) error {
	switch l.command {
	case "RECONNECT":
		return errReconnect
	case "PRIVMSG":
		if m, ok := c.message(l); ok && !c.in.add(m) {
			c.log.Warn("twitch: a message was dropped, too many wait", "account", c.o.Account, "room", l.room())
		}
	case "GLOBALUSERSTATE":
		c.mu.Lock()
		if id := l.tags["user-id"]; idShape.MatchString(id) {
			c.me.id = id
		}
		c.me.shown = l.tags["display-name"]
		c.mu.Unlock()
	case "JOIN", "USERSTATE", "ROOMSTATE", "PART", "KICK", "CLEARCHAT", "NOTICE":
		if c.roomLine(s, l) {
			c.tell()
		}
	case "403", "404", "405", "471", "473", "474", "475", "477": // of plain IRC: a room cannot be joined, or written to
		l.params = l.params[min(1, len(l.params)):]
		if c.roomLine(s, l) {
			c.tell()
		}
	}
	return nil
}

// idShape is a user's number.
var idShape = lazyregexp.New(`^[0-9]{1,20}$`)

// message makes a message of a PRIVMSG; not ok: it is none for us.
func (c *channel) message(l line) (m channels.Message, ok bool) {
	room := l.room()
	c.mu.Lock()
	me, menu, known := c.me, c.menu, c.rooms[room] != nil
	c.mu.Unlock()
	id := l.tags["user-id"]
	switch {
	case !known || len(l.params) < 2:
		return m, false
	case id != "" && id == me.id, id == "" && strings.EqualFold(l.nick, c.nick()):
		return m, false // the bot itself
	case l.tags["source-room-id"] != "" && l.tags["source-room-id"] != l.tags["room-id"]:
		return m, false // said in another room, with which this one shares its chat
	}
	if !idShape.MatchString(id) {
		id = ""
	}
	person := id
	if person == "" {
		person = "~" + strings.ToLower(l.nick)
	}
	m = channels.Message{
		Conversation: conversation(room, person), ID: channels.MessageID(l.tags["id"]), Answers: channels.MessageID(l.tags["reply-parent-msg-id"]),
		From: channels.UserID(id), FromName: strings.TrimSpace(l.tags["display-name"]), Places: []channels.PlaceID{channels.PlaceID(room)},
		Roles: roles(l.tags), Time: sentAt(l.tags["tmi-sent-ts"]),
	}
	if m.FromName == "" {
		m.FromName = l.nick
	}
	if m.ID == "" {
		m.ID = channels.MessageID("line-" + newNonce())
	}
	answersMe := me.id != "" && l.tags["reply-parent-user-id"] == me.id
	m.Text, m.Addressed = c.address(said(l.param(1)), me, menu, answersMe)
	if m.Text == "" {
		return m, false
	}
	if m.Addressed {
		c.remember(m)
	}
	return m, true
}

// said is the text of a PRIVMSG: of /me without the frame, without the signs that clients add to say the same twice.
func said(s string) string {
	if inner, ok := strings.CutPrefix(s, "\x01ACTION"); ok {
		s = strings.TrimSuffix(inner, "\x01")
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '\U000E0000' || r == '\u034f' })
}

// address finds out whether a text is for the bot, and takes out what says so: "@bot text", "!ask text", an answer to
// the bot, "!login" of a command that we know. All else that begins with the prefix is for other bots.
func (c *channel) address(text string, me self, menu map[string]bool, answersMe bool) (string, bool) {
	text, mentioned := unmention(text, me.login, me.shown, roomName(c.set.Nick))
	addressed := mentioned || answersMe
	if rest, ok := strings.CutPrefix(text, c.set.Prefix); ok && c.set.Prefix != "" {
		word, args, _ := strings.Cut(rest, " ")
		word, args = strings.ToLower(word), strings.TrimSpace(args)
		switch {
		case menu[word]:
			return strings.TrimSpace("/" + word + " " + args), true
		case word == askWord && args != "":
			return args, true
		case word == askWord:
			return "/help", menu["help"]
		}
	}
	if text == "" && addressed && menu["help"] {
		return "/help", true
	}
	return text, addressed
}

const askWord = "ask"

// unmention takes the mentions of the bot out of a text.
func unmention(text string, names ...string) (string, bool) {
	found := false
	for _, name := range names {
		if name == "" {
			continue
		}
		mention := []rune("@" + strings.ToLower(name))
		for from := 0; ; {
			r := []rune(text)
			at := findMention(r, mention, from)
			if at < 0 {
				break
			}
			end := at + len(mention)
			if end < len(r) && (r[end] == ',' || r[end] == ':') {
				end++
			}
			text = strings.TrimSpace(strings.TrimRight(string(r[:at]), " ") + " " + strings.TrimLeft(string(r[end:]), " "))
			found, from = true, 0
		}
	}
	return text, found
}

// findMention is where mention stands in r as a word of its own, from a place on; -1: nowhere.
func findMention(r, mention []rune, from int) int {
	word := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	for at := from; at+len(mention) <= len(r); at++ {
		if at > 0 && (word(r[at-1]) || r[at-1] == '@') || at+len(mention) < len(r) && word(r[at+len(mention)]) {
			continue
		}
		if slices.EqualFunc(r[at:at+len(mention)], mention, func(a, b rune) bool { return unicode.ToLower(a) == b }) {
			return at
		}
	}
	return -1
}

// roles are what the badges say that a person is in the room.
func roles(tags map[string]string) (list []string) {
	add := func(role string) {
		if !slices.Contains(list, role) {
			list = append(list, role)
		}
	}
	for badge := range strings.SplitSeq(tags["badges"], ",") {
		switch name, _, _ := strings.Cut(badge, "/"); name {
		case "broadcaster", "moderator", "vip", "subscriber", "staff", "admin", "global_mod":
			add(name)
		case "lead_moderator":
			add("moderator")
		case "founder":
			add("subscriber")
		}
	}
	for tag, role := range map[string]string{"mod": "moderator", "subscriber": "subscriber", "vip": "vip"} {
		if tags[tag] == "1" {
			add(role)
		}
	}
	slices.Sort(list)
	return list
}

// sentAt reads Twitch's time: milliseconds.
func sentAt(ms string) time.Time {
	if n, err := strconv.ParseInt(ms, 10, 64); err == nil && n > 0 && n < 1<<50 {
		return time.UnixMilli(n)
	}
	return time.Now()
}

// remember notes what a person said last, so that a post that answers nothing finds a message to reply to.
func (c *channel) remember(m channels.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.lastMsg) >= 5000 {
		clear(c.lastMsg)
	}
	c.lastMsg[m.Conversation] = m.ID
}

// parent is the message that a post replies to: the one it answers, else the last one of its person.
func (c *channel) parent(p channels.Post) channels.MessageID {
	if p.Answers != "" {
		return p.Answers
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastMsg[p.To]
}

// inbox holds what came in until the handler has it. Twitch has no confirmation, so it goes on from one Run to the
// next, but not beyond the program's end.
type inbox struct {
	news chan struct{} // holds one

	mu      sync.Mutex
	list    []channels.Message // guarded by mu
	dropped int                // guarded by mu
}

const (
	inboxMost  = 2000 // messages that may wait
	inboxSpare = 500  // of these, kept free for what is said to the bot
	batchMost  = 100
)

// add takes a message in; false: too many wait.
func (b *inbox) add(m channels.Message) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.list); n >= inboxMost || n >= inboxMost-inboxSpare && !m.Addressed {
		if m.Addressed {
			b.dropped++
		}
		return !m.Addressed
	}
	b.list = append(b.list, m)
	select {
	case b.news <- struct{}{}:
	default:
	}
	return true
}

// lost is how many messages to the bot were dropped.
func (b *inbox) lost() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped
}

// next are the messages to hand in now.
func (b *inbox) next() []channels.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.list[:min(len(b.list), batchMost)])
}

// done takes out what was handed in.
func (b *inbox) done(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = slices.Clone(b.list[n:])
}

// run hands messages in until ctx ends.
func (b *inbox) run(ctx context.Context, h channels.Handler, log *slog.Logger) {
	fails := 0
	for ctx.Err() == nil {
		list := b.next()
		if len(list) == 0 {
			select {
			case <-b.news:
			case <-ctx.Done():
			}
			continue
		}
		if err := h(ctx, channels.Batch{Messages: list}); err != nil {
			fails++
			log.Debug("twitch: not kept yet", "err", err)
			_ = adapter.Pause(ctx, adapter.Backoff(fails-1, 50*time.Millisecond, 5*time.Second))
			continue
		}
		fails = 0
		b.done(len(list))
	}
}
