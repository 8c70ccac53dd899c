package twitch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"chatgateway/channels"
	"chatgateway/internal/lazyregexp"
	"chatgateway/markdown"
)

// A message of Twitch has 500 characters. Room is left for the name that Twitch puts before a reply, for the guard and
// for the sign that makes the same words differ.
const (
	maxText  = 500 - len("@") - 25 - len(" ") - 2 - 2
	plainMax = 400 // bytes, on a server with lines of 512
)

const (
	cutNotice = " … (cut: this place takes no more)"
	guard     = "› "             // before what other programs would take for a command
	sameSign  = " \U000E0000"    // makes the same words differ: a space and a sign that nobody sees
	tries     = 6                // to send a message that is put off
	mostWait  = 10 * time.Minute // a post waits for a room at the most
)

// size is what counts of a text: characters, or bytes where the server's lines are short.
func (c *channel) size(md string) int {
	if c.auth.off() {
		return len(markdown.Line(md)) * maxText / plainMax
	}
	return markdown.LineLen(md)
}

// parts are the messages that a post takes: as many as the settings allow, the last one with a notice if more is left.
func (c *channel) parts(p channels.Post) (list []string) {
	md := c.ownForm(p.Text)
	for n, ch := range p.Choices {
		switch {
		case ch.URL == "":
			md += fmt.Sprintf("\n\n(%d) %s", n+1, ch.Label)
		case !strings.Contains(p.Text, ch.URL):
			md += fmt.Sprintf("\n\n(%d) %s %s", n+1, ch.Label, ch.URL)
		}
	}
	for len(list) < c.set.Parts {
		if c.fit(md) >= len(md) {
			return append(list, c.line(md))
		}
		if len(list) == c.set.Parts-1 {
			head, _ := markdown.Split(md, markdown.Fit(md, maxText-len(cutNotice), c.size))
			return append(list, c.line(head)+cutNotice)
		}
		var head string
		head, md = markdown.Split(md, c.fit(md))
		list = append(list, c.line(head))
		if strings.TrimSpace(md) == "" {
			break
		}
	}
	return list
}

var slashed = lazyregexp.New("(?:^|[\\s(\"'`*])/([a-z]+)")

// ownForm writes our commands as they are given here, !login: Twitch takes what begins with a slash for a command to it.
func (c *channel) ownForm(md string) string {
	c.mu.Lock()
	menu := c.menu
	c.mu.Unlock()
	if c.set.Prefix == "" {
		return md
	}
	var b strings.Builder
	last := 0
	for _, at := range slashed.FindAllStringSubmatchIndex(md, -1) {
		if from, to := at[2], at[3]; menu[md[from:to]] && !strings.HasPrefix(md[to:], "/") {
			b.WriteString(md[last:from-1] + c.set.Prefix)
			last = from
		}
	}
	return b.String() + md[last:]
}

// line makes one line of Markdown that no program takes for a command: not Twitch ("/", "."), not this bot or another
// ("!"). A model that is talked into writing "/ban somebody" only says so.
func (c *channel) line(md string) string {
	s := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(markdown.Line(md), "\ufffd"))
	s = strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || r == '\u034f' })
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return "…"
	case strings.HasPrefix(s, "...") && strings.TrimLeft(s, ".") != "":
		return c.line("… " + strings.TrimLeft(s, "."))
	case strings.ContainsRune(`/.!\`, rune(s[0])), c.set.Prefix != "" && strings.HasPrefix(s, c.set.Prefix):
		return guard + s
	}
	return s
}

// outgoing is one message on its way.
type outgoing struct {
	text    string
	reply   channels.MessageID
	key     string
	partial bool
}

// post sends one message to a room and waits for Twitch's word on it.
func (c *channel) post(ctx context.Context, r *room, o outgoing) (channels.MessageID, error) {
	if o.partial {
		select {
		case r.turn <- struct{}{}:
		default:
			return "", &channels.Busy{After: time.Second}
		}
	} else {
		select {
		case r.turn <- struct{}{}:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	defer func() { <-r.turn }()
	if id, ok := c.before(r, o.key); ok {
		return channels.MessageID(id), nil
	}
	var last *refusal
	for range tries {
		s, err := c.ready(ctx, r)
		if err != nil {
			return "", err
		}
		if err := c.slot(ctx, r, o.partial); err != nil {
			return "", err
		}
		text, again := c.distinct(r, o)
		res, err := c.say(ctx, s, r, o, text)
		if err != nil {
			return "", err
		}
		if last = res.refusal; last == nil {
			return c.sent(r, o, text, res.id), nil
		}
		switch last.kind {
		case later:
			if o.partial || last.after > mostWait {
				return "", &channels.Busy{After: last.after}
			}
		case same:
			if again { // it was sent by an earlier try, or before a crash
				return c.sent(r, o, text, "sent-"+newNonce()), nil
			}
			c.mu.Lock()
			r.said = append(r.said, saying{text: text, at: time.Now()})
			c.mu.Unlock()
		default:
			return "", &notSent{*last, r.name}
		}
	}
	if last.kind == later {
		return "", &channels.Busy{After: last.after}
	}
	return "", &notSent{*last, r.name}
}

// before gives the id of a message that was sent with the key.
func (c *channel) before(r *room, key string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return r.sentKey(key)
}

// sent notes that a message was sent, and gives its id.
func (c *channel) sent(r *room, o outgoing, text, id string) channels.MessageID {
	if id == "" {
		id = "sent-" + newNonce()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r.note(saying{key: o.key, text: text, id: id})
	return channels.MessageID(id)
}

// distinct makes words that were said a moment ago differ, for Twitch takes them only once in thirty seconds. again:
// that Twitch knows these words already means that an earlier try, or a run before a crash, sent them.
func (c *channel) distinct(r *room, o outgoing) (text string, again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if text, ok := r.unsure[o.key]; ok {
		return text, true
	}
	if text = o.text; !r.saidLately(text) {
		return text, o.key != ""
	}
	for r.saidLately(text) && len(text) < len(o.text)+8*len(sameSign) {
		text += sameSign
	}
	return text, false
}

// ready gives the session when the room can be written to.
func (c *channel) ready(ctx context.Context, r *room) (*session, error) {
	limit := time.NewTimer(c.times.ready)
	defer limit.Stop()
	for {
		c.mu.Lock()
		s, joined, closed, trouble, news := c.now, r.joined, r.shut, r.trouble, c.change
		c.mu.Unlock()
		switch {
		case s != nil && joined:
			return s, nil
		case s != nil && closed:
			return nil, &notSent{refusal{kind: shut, id: "not joined", text: trouble}, r.name}
		}
		select {
		case <-news:
		case <-limit.C:
			return nil, errors.New("twitch: not connected")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// parentShape is an id that can stand in a tag.
var parentShape = lazyregexp.New(`^[A-Za-z0-9-]{1,64}$`)

// say writes one message and waits for Twitch's word on it: USERSTATE says that it was sent, NOTICE that it was not. A
// server without these answers a PING after it has taken the message. Where the word does not come, though the server
// lives, the message counts as sent; where the connection is lost, nobody knows.
func (c *channel) say(ctx context.Context, s *session, r *room, o outgoing, text string) (result, error) {
	w := &receipt{nonce: newNonce(), done: make(chan result, 1)}
	var tags []string
	if s.tags {
		tags = append(tags, "client-nonce="+w.nonce)
		if parentShape.MatchString(string(o.reply)) && !strings.HasPrefix(string(o.reply), "line-") {
			tags = append(tags, "reply-parent-msg-id="+string(o.reply))
		}
	}
	l := "PRIVMSG #" + r.name + " :" + text
	if len(tags) > 0 {
		l = "@" + strings.Join(tags, ";") + " " + l
	}
	c.mu.Lock()
	r.waits = w
	if o.key != "" {
		if len(r.unsure) > saidMost {
			clear(r.unsure)
		}
		r.unsure[o.key] = text
	}
	r.next = time.Now().Add(r.every())
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if r.waits == w {
			r.waits = nil
		}
	}()
	if err := s.send(l); err != nil {
		s.close()
		return result{}, fmt.Errorf("twitch: send: %w", err)
	}
	res, err := s.await(ctx, w)
	if err == nil && res.refusal != nil && res.refusal.kind != same {
		c.mu.Lock()
		delete(r.unsure, o.key)
		c.mu.Unlock()
	}
	return res, err
}

// await waits for a receipt. A connection that gives no sign of life meanwhile is closed.
func (s *session) await(parent context.Context, w *receipt) (result, error) {
	ctx, cancel := context.WithTimeout(parent, s.c.times.receipt+s.c.times.answer)
	defer cancel()
	first := time.NewTimer(s.c.times.receipt)
	defer first.Stop()
	var pong <-chan struct{}
	ask := func() (err error) {
		pong, err = s.probe(w.nonce)
		return err
	}
	if !s.states {
		if err := ask(); err != nil {
			return result{}, fmt.Errorf("twitch: send: %w", err)
		}
	}
	for {
		select {
		case res := <-w.done:
			return res, nil
		case <-pong:
			select {
			case res := <-w.done:
				return res, nil
			default:
			}
			if s.states {
				s.c.log.Warn("twitch did not confirm a message", "account", s.c.o.Account)
			}
			return result{}, nil
		case <-first.C:
			if pong == nil {
				if err := ask(); err != nil {
					return result{}, fmt.Errorf("twitch: send: %w", err)
				}
			}
		case <-s.over:
			return result{}, errors.New("twitch: the connection was lost while a message was sent")
		case <-ctx.Done():
			if parent.Err() == nil { // not even a PONG: it is dead
				s.close()
			}
			return result{}, fmt.Errorf("twitch: a message was not confirmed: %w", ctx.Err())
		}
	}
}
