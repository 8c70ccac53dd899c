package twitchtest

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// conn is one client. The server's mutex guards what is below net.
type conn struct {
	s   *Server
	net net.Conn
	out chan string

	caps  map[string]bool
	pass  string
	user  *User
	rooms map[string]bool
	joins []time.Time
}

// Serve takes a client on.
func (s *Server) Serve(n net.Conn) {
	c := &conn{s: s, net: n, out: make(chan string, 4096), caps: map[string]bool{}, rooms: map[string]bool{}}
	s.mu.Lock()
	s.conns[c] = true
	s.mu.Unlock()
	done := make(chan struct{})
	s.work.Go(func() {
		for {
			select {
			case line := <-c.out:
				if line == "" {
					_ = n.Close()
					continue
				}
				if _, err := n.Write([]byte(line + "\r\n")); err != nil {
					_ = n.Close()
				}
			case <-done:
				return
			}
		}
	})
	s.work.Go(func() {
		defer close(done)
		c.read()
		_ = n.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, c)
		delete(s.last, c)
	})
}

// send queues a line; "" closes the connection after what was queued before. The server's mutex is held.
func (c *conn) send(line string) {
	if c.s.mute {
		return
	}
	select {
	case c.out <- line:
	default:
		_ = c.net.Close()
	}
}

func (c *conn) read() {
	r := bufio.NewReaderSize(c.net, 16<<10)
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		text := strings.TrimRight(string(line), "\r\n")
		c.s.mu.Lock()
		c.take(text)
		c.s.mu.Unlock()
	}
}

// take carries out a line. The server's mutex is held.
func (c *conn) take(text string) {
	if c.s.mute {
		return
	}
	tags := map[string]string{}
	rest := text
	if strings.HasPrefix(rest, "@") {
		var raw string
		raw, rest, _ = strings.Cut(rest[1:], " ")
		for tag := range strings.SplitSeq(raw, ";") {
			k, v, _ := strings.Cut(tag, "=")
			tags[k] = v
		}
	}
	command, rest, _ := strings.Cut(rest, " ")
	seen := text
	if command == "PASS" {
		seen = "PASS"
	}
	c.s.lines = append(c.s.lines, seen)
	switch command {
	case "CAP":
		c.cap(rest)
	case "PASS":
		c.pass = rest
	case "NICK":
		c.nick(strings.ToLower(rest))
	case "PING":
		c.send(":tmi.twitch.tv PONG tmi.twitch.tv :" + strings.TrimPrefix(rest, ":"))
	case "PONG", "USER":
	case "JOIN":
		for name := range strings.SplitSeq(rest, ",") {
			c.join(strings.TrimPrefix(strings.ToLower(name), "#"))
		}
	case "PART":
		name := strings.TrimPrefix(rest, "#")
		delete(c.rooms, name)
		c.send(c.prefix() + " PART #" + name)
	case "PRIVMSG":
		to, said, _ := strings.Cut(rest, " ")
		c.s.privmsg(c, tags, strings.TrimPrefix(strings.ToLower(to), "#"), strings.TrimPrefix(said, ":"))
	case "QUIT":
		c.send("")
	default:
		c.send(":tmi.twitch.tv 421 you " + command + " :Unknown command")
	}
}

var known = []string{"twitch.tv/tags", "twitch.tv/commands", "twitch.tv/membership"}

func (c *conn) cap(rest string) {
	verb, list, _ := strings.Cut(rest, " ")
	list = strings.TrimPrefix(list, ":")
	switch verb {
	case "LS":
		c.send(":tmi.twitch.tv CAP * LS :" + strings.Join(known, " "))
	case "REQ":
		for _, name := range strings.Fields(list) {
			if !slices.Contains(known, name) {
				c.send(":tmi.twitch.tv CAP * NAK :" + list)
				return
			}
		}
		for _, name := range strings.Fields(list) {
			c.caps[name] = true
		}
		c.send(":tmi.twitch.tv CAP * ACK :" + list)
	}
}

func (c *conn) nick(name string) {
	token, prefixed := strings.CutPrefix(c.pass, "oauth:")
	t := c.s.tokens[token]
	switch {
	case strings.HasPrefix(name, "justinfan"):
		c.user = &User{Login: name, ID: "0", Shown: name}
	case c.pass == "" || !prefixed:
		c.send(":tmi.twitch.tv NOTICE * :Improperly formatted auth")
		c.send("")
		return
	case c.s.Anyone:
		c.user = c.s.user(name)
	case t == nil || !t.good() || t.User.Login != name || !slices.Contains(t.Scopes, "chat:read"):
		c.send(":tmi.twitch.tv NOTICE * :Login authentication failed")
		c.send("")
		return
	default:
		c.user = t.User
	}
	c.s.logins++
	for _, l := range []string{"001 %s :Welcome, GLHF!", "002 %s :Your host is tmi.twitch.tv", "003 %s :This server is rather new", "004 %s :-",
		"375 %s :-", "372 %s :You are in a maze of twisty passages, all alike.", "376 %s :>"} {
		c.send(":tmi.twitch.tv " + fmt.Sprintf(l, c.user.Login))
	}
	if c.caps["twitch.tv/commands"] {
		c.state("GLOBALUSERSTATE", map[string]string{"badge-info": "", "badges": "", "color": "", "display-name": c.user.Shown, "emote-sets": "0",
			"user-id": c.user.ID, "user-type": ""})
	}
}

func (c *conn) join(name string) {
	if c.user == nil || name == "" {
		return
	}
	now := time.Now()
	c.joins = slices.DeleteFunc(c.joins, func(t time.Time) bool { return now.Sub(t) >= 10*time.Second })
	if c.joins = append(c.joins, now); len(c.joins) > or(c.s.JoinRate, 20) {
		return // too many: not answered
	}
	c.s.joined = append(c.s.joined, name)
	r := c.s.rooms[name]
	switch {
	case r == nil || r.Absent:
		return
	case r.Suspended:
		c.notice(name, "msg_channel_suspended", "This channel does not exist or has been suspended.")
		return
	case slices.Contains(r.Banned, c.user.Login):
		c.notice(name, "msg_banned", "You are permanently banned from talking in "+name+".")
		return
	}
	c.rooms[name] = true
	c.send(c.prefix() + " JOIN #" + name)
	c.send(fmt.Sprintf(":%[1]s.tmi.twitch.tv 353 %[1]s = #%[2]s :%[1]s", c.user.Login, name))
	c.send(fmt.Sprintf(":%[1]s.tmi.twitch.tv 366 %[1]s #%[2]s :End of /NAMES list", c.user.Login, name))
	c.userstate(r, nil)
	if c.caps["twitch.tv/commands"] {
		followers := "-1"
		if r.Followers {
			followers = "10"
		}
		c.state("ROOMSTATE #"+name, map[string]string{"emote-only": "0", "followers-only": followers, "r9k": "0", "room-id": r.ID,
			"slow": fmt.Sprint(r.Slow), "subs-only": "0"})
	}
}

// userstate tells a client who it is in a room.
func (c *conn) userstate(r *Room, more map[string]string) {
	if !c.caps["twitch.tv/commands"] {
		return
	}
	badges := ""
	switch {
	case c.user.Login == r.Name:
		badges = "broadcaster/1"
	case r.mod(c.user.Login):
		badges = "moderator/1"
	}
	tags := map[string]string{"badge-info": "", "badges": badges, "color": "", "display-name": c.user.Shown, "emote-sets": "0",
		"mod": flag(strings.HasPrefix(badges, "moderator")), "subscriber": "0", "user-type": ""}
	for k, v := range more {
		if v != "" {
			tags[k] = v
		}
	}
	c.state("USERSTATE #"+r.Name, tags)
}

// state sends a command with tags, as far as the client wants them.
func (c *conn) state(command string, tags map[string]string) {
	line := ":tmi.twitch.tv " + command
	if c.caps["twitch.tv/tags"] {
		line = "@" + joinTags(tags) + " " + line
	}
	c.send(line)
}

func (c *conn) notice(room, id, text string) {
	if c.caps["twitch.tv/commands"] {
		c.state("NOTICE #"+room+" :"+text, map[string]string{"msg-id": id})
	}
}

func (c *conn) prefix() string { return fmt.Sprintf(":%[1]s!%[1]s@%[1]s.tmi.twitch.tv", c.user.Login) }

var escape = strings.NewReplacer(";", `\:`, " ", `\s`, `\`, `\\`, "\r", `\r`, "\n", `\n`)

func joinTags(tags map[string]string) string {
	var list []string
	for k, v := range tags {
		list = append(list, k+"="+escape.Replace(v))
	}
	slices.Sort(list)
	return strings.Join(list, ";")
}
