package twitchtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Room is a chat room. Its fields are set before anybody is there.
type Room struct {
	Name, ID  string
	Slow      int      // seconds between two messages
	Followers bool     // only followers may write
	Banned    []string // who may not be there
	Suspended bool
	Mods      []string
	Absent    bool // there is no such room: a JOIN is not answered

	log  []*Message
	said map[string][]*Message // by login
}

// Message is what was said in a room.
type Message struct {
	ID, Text string
	From     *User
	Reply    string // the message that it answers
	At       time.Time
	line     string
}

// Said is how a person says something.
type Said struct {
	Text   string
	Badges string            // "moderator/1,subscriber/12"
	Reply  string            // the id of the message answered
	Tags   map[string]string // further tags, or others
}

// AddRoom makes the room of a broadcaster.
func (s *Server) AddRoom(name string) *Room {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &Room{Name: name, ID: s.user(name).ID, said: map[string][]*Message{}}
	s.rooms[name] = r
	return r
}

// Say makes a person say something in a room, and gives the message's id.
func (s *Server) Say(u *User, r *Room, what Said) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.say(u, r, what, nil).ID
}

func (s *Server) say(u *User, r *Room, what Said, by *conn) *Message {
	m := &Message{ID: newID(), Text: what.Text, From: u, Reply: what.Reply, At: time.Now()}
	tags := map[string]string{
		"badge-info": "", "badges": what.Badges, "color": "#1E90FF", "display-name": u.Shown, "emotes": "", "first-msg": "0", "flags": "",
		"id": m.ID, "mod": flag(strings.Contains(what.Badges, "moderator/")), "returning-chatter": "0", "room-id": r.ID,
		"subscriber": flag(strings.Contains(what.Badges, "subscriber/")), "tmi-sent-ts": strconv.FormatInt(m.At.UnixMilli(), 10),
		"turbo": "0", "user-id": u.ID, "user-type": "",
	}
	text := what.Text
	if p := r.find(what.Reply); p != nil {
		tags["reply-parent-msg-id"], tags["reply-parent-user-id"], tags["reply-parent-user-login"] = p.ID, p.From.ID, p.From.Login
		tags["reply-parent-display-name"], tags["reply-parent-msg-body"] = p.From.Shown, p.Text
		text = "@" + p.From.Shown + " " + text
	}
	for k, v := range what.Tags {
		tags[k] = v
	}
	m.line = fmt.Sprintf(":%[1]s!%[1]s@%[1]s.tmi.twitch.tv PRIVMSG #%[2]s :%[3]s", u.Login, r.Name, text)
	if tag, ok := what.Tags["-"]; ok && tag == "none" {
		tags = nil
	}
	r.log = append(r.log, m)
	for c := range s.conns {
		if c.rooms[r.Name] && c != by {
			line := m.line
			if c.caps["twitch.tv/tags"] && tags != nil {
				line = "@" + joinTags(tags) + " " + line
			}
			s.last[c] = delivered{line}
			c.send(line)
		}
	}
	return m
}

// Repeat delivers the last message of a person again.
func (s *Server) Repeat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.send(s.last[c].line)
	}
}

// Messages lists what a user said in a room, oldest first.
func (s *Server) Messages(r *Room, login string) (list []Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range r.log {
		if m.From.Login == login {
			list = append(list, *m)
		}
	}
	return list
}

// Ban puts a user out of a room for good, or for some seconds.
func (s *Server) Ban(r *Room, u *User, secondsLong int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags := "room-id=" + r.ID + ";target-user-id=" + u.ID + ";tmi-sent-ts=" + strconv.FormatInt(time.Now().UnixMilli(), 10)
	if secondsLong > 0 {
		tags = "ban-duration=" + strconv.Itoa(secondsLong) + ";" + tags
	} else {
		r.Banned = append(r.Banned, u.Login)
	}
	for c := range s.conns {
		if c.rooms[r.Name] {
			c.send("@" + tags + " :tmi.twitch.tv CLEARCHAT #" + r.Name + " :" + u.Login)
		}
	}
}

// Unban lets a user in again.
func (s *Server) Unban(r *Room, u *User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Banned = slices.DeleteFunc(r.Banned, func(login string) bool { return login == u.Login })
}

func (r *Room) find(id string) *Message {
	for _, m := range r.log {
		if id != "" && m.ID == id {
			return m
		}
	}
	return nil
}

func (r *Room) mod(login string) bool { return login == r.Name || slices.Contains(r.Mods, login) }

// privmsg takes a message from a client.
func (s *Server) privmsg(c *conn, tags map[string]string, name, text string) {
	r := s.rooms[name]
	if r == nil || r.Absent || c.user == nil {
		return
	}
	if s.drop > 0 {
		s.drop--
		return
	}
	if runes := []rune(text); len(runes) > 500 {
		text = string(runes[:500])
	}
	text = strings.TrimSpace(text)
	if n := s.objection(c, r, text); n != nil {
		s.refused = append(s.refused, n.id)
		c.notice(r.Name, n.id, n.text)
		return
	}
	if strings.HasPrefix(text, "/") || strings.HasPrefix(text, ".") && !strings.HasPrefix(text, "..") {
		s.cmds = append(s.cmds, text)
		c.notice(r.Name, "unrecognized_cmd", "Unrecognized command: "+text)
		return
	}
	m := s.say(c.user, r, Said{Text: text, Reply: tags["reply-parent-msg-id"]}, c)
	r.said[c.user.Login] = append(r.said[c.user.Login], m)
	if s.cutNext {
		s.cutNext = false
		_ = c.net.Close()
		return
	}
	c.userstate(r, map[string]string{"id": m.ID, "client-nonce": tags["client-nonce"]})
}

// objection says why a message is not taken.
func (s *Server) objection(c *conn, r *Room, text string) *notice {
	if len(s.refuse) > 0 {
		n := s.refuse[0]
		s.refuse = s.refuse[1:]
		return &n
	}
	mod := r.mod(c.user.Login)
	mine := r.said[c.user.Login]
	switch {
	case slices.Contains(r.Banned, c.user.Login):
		return &notice{"msg_banned", "You are permanently banned from talking in " + r.Name + "."}
	case r.Followers && !mod:
		return &notice{"msg_followersonly", "This room is in 10 minutes followers-only mode. Follow " + r.Name + " to join the community!"}
	case !s.allow(c.user, mod):
		return &notice{"msg_ratelimit", "Your message was not sent because you are sending messages too quickly."}
	case mod || len(mine) == 0:
		return nil
	}
	last := mine[len(mine)-1]
	if left := time.Duration(r.Slow)*time.Second - time.Since(last.At); left > 0 {
		n := int(left/time.Second) + 1
		return &notice{"msg_slowmode", fmt.Sprintf("This room is in slow mode and you are sending messages too quickly. You will be able to talk again in %d seconds.", n)}
	}
	if time.Since(last.At) < time.Second {
		return &notice{"msg_ratelimit", "Your message was not sent because you are sending messages too quickly."}
	}
	for _, m := range mine {
		if m.Text == text && time.Since(m.At) < 30*time.Second {
			return &notice{"msg_duplicate", "Your message was not sent because it is identical to the previous one you sent, less than 30 seconds ago."}
		}
	}
	return nil
}

// allow keeps the account's rate over all rooms.
func (s *Server) allow(u *User, mod bool) bool {
	limit := or(s.Rate, 20)
	if mod {
		limit = or(s.ModRate, 100)
	}
	n := 0
	for _, r := range s.rooms {
		for _, m := range r.said[u.Login] {
			if time.Since(m.At) < 30*time.Second {
				n++
			}
		}
	}
	return n < limit
}

func or(n, usual int) int {
	if n > 0 {
		return n
	}
	return usual
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}
