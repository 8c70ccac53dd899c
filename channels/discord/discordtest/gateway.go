package discordtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/coder/websocket"
)

// Intents that the gateway knows.
const (
	intentGuilds   = 1 << 0
	intentMembers  = 1 << 1
	intentPresence = 1 << 8
	intentMessages = 1 << 9
	intentDirect   = 1 << 12
	intentContent  = 1 << 15
	intentsAll     = 1<<26 - 1
)

const bufferMax = 20_000 // events that a session can be resumed with

// payload is what goes over the gateway.
type payload struct {
	Op int             `json:"op"`
	D  json.RawMessage `json:"d"`
	S  *int64          `json:"s"`
	T  *string         `json:"t"`
}

// session is a bot's session at the gateway; it outlives its connections. Guarded by Server.mu.
type session struct {
	id      string
	intents int
	seq     int64
	events  []payload // what it can be resumed with
	held    []held    // MESSAGE_CREATEs to be told in another order
	conn    *gatewayConn
}

type held struct {
	kind string
	d    object
}

// gatewayConn is one connection.
type gatewayConn struct {
	ws     *websocket.Conn
	cancel context.CancelFunc

	mu     sync.Mutex
	out    []any         // guarded by mu: payloads, or a closeWith
	wake   chan struct{} // holds one
	silent bool          // guarded by mu: nothing is sent any more, nothing acknowledged
	closed bool          // guarded by mu: the server has closed it; what the bot closes it with says nothing then
}

type closeWith int

func (c *gatewayConn) send(v any) {
	c.mu.Lock()
	c.out = append(c.out, v)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// cut ends the connection without a word.
func (c *gatewayConn) cut() {
	c.cancel()
	go func() { _ = c.ws.CloseNow() }()
}

// write sends what is queued, in order.
func (c *gatewayConn) write(ctx context.Context) {
	for {
		c.mu.Lock()
		out := c.out
		c.out = nil
		silent := c.silent
		for _, v := range out {
			if _, ok := v.(closeWith); ok {
				c.closed = true
			}
		}
		c.mu.Unlock()
		for _, v := range out {
			if code, ok := v.(closeWith); ok {
				_ = c.ws.Close(websocket.StatusCode(code), "")
				return
			}
			if silent {
				continue
			}
			data, err := json.Marshal(v)
			if err != nil {
				panic(err)
			}
			if c.ws.Write(ctx, websocket.MessageText, data) != nil {
				return
			}
		}
		select {
		case <-c.wake:
		case <-ctx.Done():
			return
		}
	}
}

func op(n int, d any) payload {
	raw, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	return payload{Op: n, D: raw}
}

func (s *Server) serveGateway(w http.ResponseWriter, r *http.Request) {
	if v := r.URL.Query().Get("v"); v != "9" && v != "10" || r.URL.Query().Get("encoding") != "json" {
		http.Error(w, "unknown version or encoding", http.StatusBadRequest)
		return
	}
	s.note("GATEWAY", r.URL.RequestURI(), http.StatusSwitchingProtocols, nil)
	s.mu.Lock()
	refuse := s.gate.refuse > 0
	if refuse {
		s.gate.refuse--
	}
	s.mu.Unlock()
	if refuse {
		http.Error(w, "upstream connect error", http.StatusServiceUnavailable)
		return
	}
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	ws.SetReadLimit(1 << 16)
	ctx, cancel := context.WithCancel(r.Context())
	c := &gatewayConn{ws: ws, cancel: cancel, wake: make(chan struct{}, 1)}
	written := make(chan struct{})
	go func() { defer close(written); c.write(ctx) }()
	s.mu.Lock()
	hello := op(10, object{"heartbeat_interval": s.o.Heartbeat.Milliseconds()})
	if s.gate.early > 0 {
		s.gate.early--
		c.send(hello)
		c.send(op(7, nil))
	} else {
		c.send(hello)
	}
	s.mu.Unlock()
	code := s.listen(ctx, c, r.URL.Path == "/resume")
	c.mu.Lock()
	over := !c.closed && (code == 1000 || code == 1001)
	c.mu.Unlock()
	s.detach(c, over)
	if code >= 4000 {
		c.send(closeWith(code))
	} else {
		cancel()
	}
	<-written
	cancel()
	_ = ws.CloseNow()
}

// listen reads what the bot sends, and gives the code to close with; below 4000: it has gone.
func (s *Server) listen(ctx context.Context, c *gatewayConn, resumes bool) int {
	var mine *session
	for {
		wait, cancel := context.WithTimeout(ctx, s.o.Heartbeat*5/2)
		_, data, err := c.ws.Read(wait)
		late := wait.Err() != nil && ctx.Err() == nil
		cancel()
		if err != nil {
			if late {
				return 4009
			}
			return int(websocket.CloseStatus(err))
		}
		if len(data) > 4096 {
			return 4002
		}
		var p struct {
			Op *int            `json:"op"`
			D  json.RawMessage `json:"d"`
		}
		if json.Unmarshal(data, &p) != nil || p.Op == nil {
			return 4002
		}
		c.mu.Lock()
		silent := c.silent
		c.mu.Unlock()
		if silent {
			continue
		}
		code := 0
		if *p.Op == 2 || *p.Op == 6 {
			if code = s.closeNext(); code != 0 {
				return code
			}
		}
		switch *p.Op {
		case 1:
			c.send(payload{Op: 11})
		case 2:
			if mine != nil {
				return 4005
			}
			mine, code = s.identify(c, p.D)
		case 6:
			if mine != nil {
				return 4005
			}
			mine, code = s.resume(c, p.D, resumes)
		case 3, 4, 8, 31:
			if mine == nil {
				code = 4003
			}
		default:
			code = 4001
		}
		if code != 0 {
			return code
		}
	}
}

// closeNext gives the code that a test wants the connection to be closed with.
func (s *Server) closeNext() (code int) {
	s.set(func() { code, s.gate.close = s.gate.close, 0 })
	return code
}

// identify begins a session.
func (s *Server) identify(c *gatewayConn, d json.RawMessage) (*session, int) {
	var in struct {
		Token      string
		Intents    *int
		Properties object
	}
	if json.Unmarshal(d, &in) != nil || in.Properties == nil {
		return nil, 4002
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case in.Token != Token && in.Token != "Bot "+Token:
		return nil, 4004
	case in.Intents == nil || *in.Intents&^intentsAll != 0:
		return nil, 4013
	case *in.Intents&(intentMembers|intentPresence) != 0, *in.Intents&intentContent != 0 && s.gate.noContent(s.o.NoContent):
		return nil, 4014
	case s.starts.left <= 0:
		s.counts.Invalid++
		c.send(op(9, false))
		return nil, 0
	}
	s.starts.left--
	s.counts.Identified++
	ss := &session{id: fmt.Sprintf("session-%s", s.newID()), intents: *in.Intents, conn: c}
	s.sessions[ss.id] = ss
	flags := 1 << 19
	if s.o.NoContent {
		flags = 0
	}
	s.emit(ss, "READY", object{"v": 10, "user": s.userJSON(s.users["gatewaybot"]), "guilds": []object{{"id": s.Guild, "unavailable": true}}, "session_id": ss.id,
		"session_type": "normal", "private_channels": []any{}, "resume_gateway_url": "ws" + strings.TrimPrefix(s.http.URL, "http") + "/resume",
		"shard": []int{0, 1}, "application": object{"id": s.App, "flags": flags}})
	if !s.away && ss.intents&intentGuilds != 0 {
		s.emit(ss, "GUILD_CREATE", s.guildJSON())
	}
	return ss, 0
}

// resume goes on with a session, telling what was missed. there says that it was asked for at the address that READY
// gave: at another one Discord knows less of sessions, this server nothing.
func (s *Server) resume(c *gatewayConn, d json.RawMessage, there bool) (*session, int) {
	var in struct {
		Token   string
		Session string `json:"session_id"`
		Seq     int64
	}
	if json.Unmarshal(d, &in) != nil {
		return nil, 4002
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.Token != Token && in.Token != "Bot "+Token {
		return nil, 4004
	}
	ss, ok := s.sessions[in.Session]
	if !ok || !there || s.gate.forget || len(ss.events) > 0 && in.Seq < *ss.events[0].S-1 {
		delete(s.sessions, in.Session)
		s.counts.Invalid++
		c.send(op(9, false))
		return nil, 0
	}
	if in.Seq > ss.seq {
		return nil, 4007
	}
	if ss.conn != nil {
		ss.conn.cut() // a session has one connection
	}
	ss.conn = c
	s.counts.Resumed++
	for _, p := range ss.events {
		if *p.S > in.Seq {
			c.send(p)
		}
	}
	s.emit(ss, "RESUMED", object{})
	return ss, 0
}

// detach parts a session from a connection that has ended.
func (s *Server) detach(c *gatewayConn, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, ss := range s.sessions {
		if ss.conn == c {
			ss.conn = nil
			s.counts.Closed++
			if over {
				delete(s.sessions, id)
			}
		}
	}
}
