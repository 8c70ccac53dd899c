package discordtest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Fault makes requests fail.
type Fault struct {
	Method string // empty: any
	Path   string // part of the path; empty: any
	Status int    // 0: the connection is cut
	Body   string
	Wait   time.Duration // for a 429
	Global bool          // it counts for all routes
	Times  int           // 0: once; below 0: always
	After  bool          // the request is carried out, and its answer lost
}

// Fail makes requests fail. Faults are tried in the order in which they were given.
func (s *Server) Fail(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// fault finds the fault for a request. s.mu is held.
func (s *Server) fault(method, path string) *Fault {
	for _, f := range s.faults {
		if f.Times == 0 || f.Method != "" && !strings.Contains(f.Method, method) || !strings.Contains(path, f.Path) {
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		return f
	}
	return nil
}

func (f *Fault) write(w http.ResponseWriter) {
	switch {
	case f.Status == 0:
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = c.Close()
		}
	case f.Status == http.StatusTooManyRequests && f.Body == "":
		limited(w, f.Wait, f.Global)
	default:
		if f.Wait > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(int(f.Wait.Seconds())))
		}
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body)
	}
}

// Limit refuses the next post or edit with 429.
func (s *Server) Limit(d time.Duration) {
	s.Fail(Fault{Method: "POST PATCH", Path: "/messages", Status: http.StatusTooManyRequests, Wait: d})
}

// gatewayFaults are what the gateway does wrong.
type gatewayFaults struct {
	swallow int  // so many messages are not told of
	twice   int  // one message in so many is told of twice
	shuffle int  // so many messages are told of in another order
	forget  bool // no session can be resumed
	early   int  // so many connections are told to reconnect (op 7) before they are ready
	refuse  int  // so many connections are refused
	close   int  // the next IDENTIFY or RESUME is answered with this code
	strict  bool // the Message Content intent is refused although the application has it
}

func (g gatewayFaults) noContent(off bool) bool { return off || g.strict }

// Twice tells of one message in n twice; 0: of none.
func (s *Server) Twice(n int) { s.set(func() { s.gate.twice = n }) }

// Swallow does not tell of the next n messages.
func (s *Server) Swallow(n int) { s.set(func() { s.gate.swallow = n }) }

// Shuffle tells of messages in another order, within n of them; what is held back now is told of. Below 2: in order.
func (s *Server) Shuffle(n int) {
	s.set(func() {
		s.gate.shuffle = n
		for _, ss := range s.sessions {
			s.release(ss)
		}
	})
}

// Forget makes sessions not resumable, or resumable again.
func (s *Server) Forget(on bool) { s.set(func() { s.gate.forget = on }) }

// Early tells the next n connections to reconnect before they are ready.
func (s *Server) Early(n int) { s.set(func() { s.gate.early = n }) }

// Refuse refuses the next n connections to the gateway.
func (s *Server) Refuse(n int) { s.set(func() { s.gate.refuse = n }) }

// CloseNext closes the next connection with a code, when the bot has said who it is.
func (s *Server) CloseNext(code int) { s.set(func() { s.gate.close = code }) }

// RefuseContent refuses the Message Content intent at the gateway alone.
func (s *Server) RefuseContent() { s.set(func() { s.gate.strict = true }) }

// Starts sets how many sessions may still be begun, and when there will be more.
func (s *Server) Starts(left int, after time.Duration) {
	s.set(func() { s.starts.left, s.starts.after = left, after })
}

// Cut cuts every connection to the gateway without a word.
func (s *Server) Cut() { s.each(func(c *gatewayConn) { c.cut() }) }

// CloseGateway closes every connection with a code.
func (s *Server) CloseGateway(code int) { s.each(func(c *gatewayConn) { c.send(closeWith(code)) }) }

// Reconnect asks every connection to reconnect (op 7).
func (s *Server) Reconnect() { s.each(func(c *gatewayConn) { c.send(op(7, nil)) }) }

// InvalidSession tells every connection that its session is over (op 9).
func (s *Server) InvalidSession() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, ss := range s.sessions {
		if ss.conn != nil {
			ss.conn.send(op(9, false))
		}
		delete(s.sessions, id)
	}
}

// Beat asks every connection for a heartbeat (op 1).
func (s *Server) Beat() { s.each(func(c *gatewayConn) { c.send(op(1, nil)) }) }

// Silence leaves every connection open, and neither sends nor acknowledges anything on it any more.
func (s *Server) Silence() {
	s.each(func(c *gatewayConn) {
		c.mu.Lock()
		c.silent = true
		c.mu.Unlock()
	})
}

// Emit tells of an event of any kind.
func (s *Server) Emit(kind string, d map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ss := range s.sessions {
		s.emit(ss, kind, d)
	}
}

// ExpireTokens makes the time to answer every interaction be over.
func (s *Server) ExpireTokens() {
	s.set(func() {
		for _, i := range s.asked {
			i.over = true
		}
	})
}

// ExpireFiles makes the addresses of files given out so far invalid.
func (s *Server) ExpireFiles() { s.set(func() { s.fresh++ }) }

// Lack takes a permission from the bot in a channel, or gives it back: "view", "send", "manage", "thread",
// "history".
func (s *Server) Lack(channel, permission string, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[channel]
	c.lacks[permission] = on
	if !c.lacks["view"] {
		s.dispatch("CHANNEL_UPDATE", c, func(int) object { return s.channelJSON(c) })
	}
}

// Kick takes the bot out of the guild.
func (s *Server) Kick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = true
	for _, ss := range s.sessions {
		s.emit(ss, "GUILD_DELETE", object{"id": s.Guild})
	}
}

// DeleteChannel deletes a channel.
func (s *Server) DeleteChannel(id string) { s.set(func() { delete(s.channels, id) }) }

// CloseDirect makes a person take no direct messages.
func (s *Server) CloseDirect(person string) { s.set(func() { s.person(person).closed = true }) }

func (s *Server) set(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

func (s *Server) each(do func(*gatewayConn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ss := range s.sessions {
		if ss.conn != nil {
			do(ss.conn)
		}
	}
}
