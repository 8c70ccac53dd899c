package slacktest

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"
)

// faults are what is to go wrong.
type faults struct {
	limit   time.Duration     // the next post or edit is refused with this
	status  map[string]int    // HTTP status of a method, while count lasts
	count   map[string]int    //
	codes   map[string]string // error of a method
	lost    map[string]int    // methods whose answer is lost
	others  int               // connections of other programs, of which a hello tells
	silent  int               // connections that say no hello
	away    []string          // the reasons of connections that are turned away in place of a hello
	acks    int               // acknowledgements that are lost
	replies struct {          // what the addresses of commands and presses answer
		status int
		body   string
	}
	hold    bool // nothing is delivered
	shuffle bool
}

// hit refuses a request, if it is to be.
func (f *faults) hit(w http.ResponseWriter, method string) bool {
	if f.limit > 0 && strings.HasPrefix(method, "chat.") {
		after := f.limit
		f.limit = 0
		w.Header().Set("Retry-After", fmt.Sprint(int(math.Ceil(after.Seconds()))))
		w.WriteHeader(http.StatusTooManyRequests)
		answer(w, nil, no("ratelimited"))
		return true
	}
	if f.count[method] > 0 {
		f.count[method]--
		w.WriteHeader(f.status[method])
		_, _ = w.Write([]byte("<html>upstream error</html>"))
		return true
	}
	if code := f.codes[method]; code != "" {
		answer(w, nil, no(code))
		return true
	}
	return false
}

func (f *faults) loses(method string) bool {
	if f.lost[method] > 0 {
		f.lost[method]--
		return true
	}
	return false
}

// fault changes what goes wrong.
func (s *Server) fault(change func(*faults)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.faults)
}

// Limit refuses the next post or edit, asking to wait d (whole seconds, as Slack does).
func (s *Server) Limit(d time.Duration) { s.fault(func(f *faults) { f.limit = d }) }

// Fail answers the next n calls of a method with an HTTP status and a page that is no JSON.
func (s *Server) Fail(method string, status, n int) {
	s.fault(func(f *faults) {
		if f.count == nil {
			f.count, f.status = map[string]int{}, map[string]int{}
		}
		f.count[method], f.status[method] = n, status
	})
}

// Refuse answers a method with an error, until it is called with an empty one.
func (s *Server) Refuse(method, code string) {
	s.fault(func(f *faults) {
		if f.codes == nil {
			f.codes = map[string]string{}
		}
		f.codes[method] = code
	})
}

// RefuseReplies lets the addresses that come with commands and presses answer this, until it is called with zero.
func (s *Server) RefuseReplies(status int, body string) {
	s.fault(func(f *faults) { f.replies.status, f.replies.body = status, body })
}

// Lose carries the next n calls of a method out and cuts the connection in place of an answer.
func (s *Server) Lose(method string, n int) {
	s.fault(func(f *faults) {
		if f.lost == nil {
			f.lost = map[string]int{}
		}
		f.lost[method] = n
	})
}

// Silent lets the next n connections stand without a hello.
func (s *Server) Silent(n int) { s.fault(func(f *faults) { f.silent = n }) }

// TurnAway says disconnect on the next connections in place of a hello, with these reasons.
func (s *Server) TurnAway(reasons ...string) { s.fault(func(f *faults) { f.away = reasons }) }

// Others says how many connections other programs have.
func (s *Server) Others(n int) { s.fault(func(f *faults) { f.others = n }) }

// LoseAcks loses the next n acknowledgements.
func (s *Server) LoseAcks(n int) { s.fault(func(f *faults) { f.acks = n }) }

// Hold keeps everything back that is to be delivered, or lets it go, out of order if shuffle is set.
func (s *Server) Hold(hold, shuffle bool) {
	s.fault(func(f *faults) { f.hold, f.shuffle = hold, shuffle })
	s.flush()
}

// Cut cuts every connection of Socket Mode.
func (s *Server) Cut() {
	s.mu.Lock()
	links := s.links
	s.links = nil
	s.mu.Unlock()
	for _, l := range links {
		_ = l.ws.UnderlyingConn().Close()
	}
}

// Disconnect says on every connection that it will be closed (warning, refresh_requested, link_disabled), which Slack
// does some seconds later; Close does it here.
func (s *Server) Disconnect(reason string) (connections int) {
	s.mu.Lock()
	links := append([]*link(nil), s.links...)
	s.mu.Unlock()
	for _, l := range links {
		l.send(object{"type": "disconnect", "reason": reason, "debug_info": object{"host": "applink-1"}})
	}
	return len(links)
}

// Raw sends a text on every connection.
func (s *Server) Raw(v any) {
	s.mu.Lock()
	links := append([]*link(nil), s.links...)
	s.mu.Unlock()
	for _, l := range links {
		l.send(v)
	}
}

// Revoke makes the tokens worthless.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked = true
}

// SetScopes says which scopes the bot token has.
func (s *Server) SetScopes(list string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scopes = list
}

// Archive archives a channel.
func (s *Server) Archive(channel string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rooms[channel].archived = true
}

// Kick takes the bot out of a channel.
func (s *Server) Kick(channel string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rooms[channel].members, BotUser)
}

// Again delivers the last event again, as Slack does in doubt.
func (s *Server) Again() {
	s.mu.Lock()
	e := s.last
	s.mu.Unlock()
	s.tell(e.kind, e.payload)
}

// GiveUp delivers nothing of what waits any more, as Slack does after some minutes.
func (s *Server) GiveUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = nil
}

// Odd puts a message into a channel that is not as it should be.
func (s *Server) Odd(channel string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[channel]
	r.messages = append(r.messages, &message{ts: s.stamp(), user: s.person("odd"), blocks: json.RawMessage(`[7, {"type": ["x"]}]`)})
}

// Connections says how many connections there are, and how many there were in all.
func (s *Server) Connections() (now, ever int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.links), s.dialed
}

// Unacked says how many envelopes wait for their acknowledgement.
func (s *Server) Unacked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending)
}

// Calls says how often a method was called.
func (s *Server) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}
