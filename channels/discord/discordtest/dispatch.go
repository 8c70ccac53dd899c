package discordtest

import (
	"math/rand/v2"
	"strings"
)

// emit tells a session of an event. s.mu is held.
func (s *Server) emit(ss *session, kind string, d object) {
	ss.seq++
	seq := ss.seq
	p := op(0, d)
	p.S, p.T = &seq, &kind
	if ss.events = append(ss.events, p); len(ss.events) > bufferMax {
		ss.events = ss.events[len(ss.events)-bufferMax:]
	}
	if ss.conn != nil {
		ss.conn.send(p)
	}
}

// dispatch tells all sessions that asked for it of an event in a channel. make gets a session's intents. s.mu is held.
func (s *Server) dispatch(kind string, c *channel, make func(intents int) object) {
	need := intentMessages
	switch {
	case c.kind == direct:
		need = intentDirect
	case strings.HasPrefix(kind, "THREAD"), strings.HasPrefix(kind, "CHANNEL"), strings.HasPrefix(kind, "GUILD"):
		need = intentGuilds
	}
	if kind == "INTERACTION_CREATE" {
		need = 0
	}
	if need != 0 && c.kind != direct && (s.away || c.lacks["view"]) {
		return
	}
	for _, ss := range s.sessions {
		if ss.intents&need != need {
			continue
		}
		d := make(ss.intents)
		if kind != "MESSAGE_CREATE" {
			s.emit(ss, kind, d)
			continue
		}
		s.tellMessage(ss, d)
	}
}

// tellMessage tells a session of a new message: twice, or later than the next ones, if a test wants that.
func (s *Server) tellMessage(ss *session, d object) {
	if s.gate.swallow > 0 {
		s.gate.swallow--
		return
	}
	times := 1
	if s.gate.twice > 0 && rand.IntN(s.gate.twice) == 0 {
		times = 2
	}
	for range times {
		if s.gate.shuffle <= 1 {
			s.emit(ss, "MESSAGE_CREATE", d)
			continue
		}
		if ss.held = append(ss.held, held{"MESSAGE_CREATE", d}); len(ss.held) >= s.gate.shuffle {
			s.release(ss)
		}
	}
}

// release tells what was held back, in another order. s.mu is held.
func (s *Server) release(ss *session) {
	rand.Shuffle(len(ss.held), func(i, j int) { ss.held[i], ss.held[j] = ss.held[j], ss.held[i] })
	for _, h := range ss.held {
		s.emit(ss, h.kind, h.d)
	}
	ss.held = nil
}

// tell tells of a message. s.mu is held.
func (s *Server) tell(kind string, m *message) {
	if m.hiddenFor != "" {
		return
	}
	c := s.channels[m.channel]
	s.dispatch(kind, c, func(intents int) object {
		return s.veiled(s.messageJSON(m, true), m, intents&intentContent != 0)
	})
}

// veiled takes out what a bot without the Message Content intent does not see.
func (s *Server) veiled(o object, m *message, content bool) object {
	if content || m.author == s.Bot || s.channels[m.channel].kind == direct {
		return o
	}
	for _, id := range m.mentions {
		if id == s.Bot {
			return o
		}
	}
	o["content"], o["attachments"], o["embeds"], o["components"] = "", []any{}, []any{}, []any{}
	return o
}
