package slacktest

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// link is a connection of Socket Mode.
type link struct {
	ws *websocket.Conn
	mu sync.Mutex // guards writing
}

func (l *link) send(v any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.ws.SetWriteDeadline(time.Now().Add(5 * time.Second))
	if l.ws.WriteJSON(v) != nil {
		_ = l.ws.Close()
	}
}

// envelope is something told to the app.
type envelope struct {
	id      string
	kind    string // events_api, slash_commands, interactive
	payload any
	attempt int
	due     time.Time // when it is delivered again
	sent    bool
	acked   chan json.RawMessage // holds one: the payload of the acknowledgement
}

var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}

// socket serves a connection.
func (s *Server) socket(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	good := s.tickets[r.URL.Query().Get("ticket")]
	delete(s.tickets, r.URL.Query().Get("ticket"))
	silent := s.faults.silent > 0
	if silent {
		s.faults.silent--
		s.dialed++
	}
	reason, turned := "", len(s.faults.away) > 0
	if good && turned {
		reason, s.faults.away = s.faults.away[0], s.faults.away[1:]
		s.dialed++
	}
	s.mu.Unlock()
	if !good {
		http.Error(w, "unknown ticket", http.StatusForbidden)
		return
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	l := &link{ws: ws}
	defer func() { _ = ws.Close() }()
	if turned {
		l.send(object{"type": "disconnect", "reason": reason, "debug_info": object{"host": "applink-1"}})
	}
	if silent || turned {
		for { // it stands, and brings nothing
			if _, _, err := ws.ReadMessage(); err != nil {
				return
			}
		}
	}
	s.mu.Lock()
	select {
	case <-s.ended:
		s.mu.Unlock()
		return
	default:
	}
	s.links = append(s.links, l)
	s.dialed++
	n := len(s.links) + s.faults.others
	s.mu.Unlock()
	l.send(object{"type": "hello", "num_connections": n, "connection_info": object{"app_id": AppID},
		"debug_info": object{"host": "applink-1", "approximate_connection_time": 18060}})
	s.flush()
	for {
		_, data, err := ws.ReadMessage()
		if err != nil {
			break
		}
		var ack struct {
			ID      string          `json:"envelope_id"`
			Payload json.RawMessage `json:"payload"`
		}
		if json.Unmarshal(data, &ack) == nil && len(data) < 20_000 {
			s.ack(ack.ID, ack.Payload)
		}
	}
	s.mu.Lock()
	s.drop(l)
	s.mu.Unlock()
}

// drop forgets a connection. s.mu is held.
func (s *Server) drop(l *link) {
	for i, o := range s.links {
		if o == l {
			s.links = append(s.links[:i:i], s.links[i+1:]...)
			return
		}
	}
}

func (s *Server) ack(id string, payload json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults.acks > 0 {
		s.faults.acks--
		return // it was lost on the way
	}
	for i, e := range s.pending {
		if e.id == id {
			s.pending = append(s.pending[:i:i], s.pending[i+1:]...)
			select {
			case e.acked <- payload:
			default:
			}
			return
		}
	}
}

// tell delivers something. Events are delivered again until they are acknowledged.
func (s *Server) tell(kind string, payload any) *envelope {
	s.mu.Lock()
	e := &envelope{id: s.id("envelope-"), kind: kind, payload: payload, acked: make(chan json.RawMessage, 1)}
	s.pending = append(s.pending, e)
	if kind == "events_api" {
		s.last = e
	}
	s.mu.Unlock()
	s.flush()
	return e
}

// flush sends what is due.
func (s *Server) flush() {
	type out struct {
		to *link
		v  object
	}
	var list []out
	s.mu.Lock()
	now := time.Now()
	keep := s.pending[:0:0]
	for _, e := range s.pending {
		if e.sent && e.kind != "events_api" && now.After(e.due) {
			continue // commands and presses are delivered once
		}
		keep = append(keep, e)
		if len(s.links) == 0 || s.faults.hold || e.sent && now.Before(e.due) {
			continue
		}
		if e.sent {
			e.attempt++
		}
		e.sent, e.due = true, now.Add(s.o.Redeliver)
		s.turn++
		v := object{"type": e.kind, "envelope_id": e.id, "payload": e.payload, "accepts_response_payload": e.kind != "events_api"}
		if e.kind == "events_api" {
			v["retry_attempt"], v["retry_reason"] = e.attempt, ""
			if e.attempt > 0 {
				v["retry_reason"] = "timeout"
			}
		}
		list = append(list, out{s.links[s.turn%len(s.links)], v})
	}
	s.pending = keep
	if s.faults.shuffle {
		for i := len(list) - 1; i > 0; i-- {
			j := s.turn * 7919 % (i + 1)
			list[i], list[j] = list[j], list[i]
		}
	}
	s.mu.Unlock()
	for _, o := range list {
		o.to.send(o.v)
	}
}

// redeliver sends again what was not acknowledged.
func (s *Server) redeliver() {
	tick := time.NewTicker(max(s.o.Redeliver/10, time.Millisecond))
	defer tick.Stop()
	ping := time.NewTicker(5 * time.Second)
	defer ping.Stop()
	for {
		select {
		case <-s.ended:
			return
		case <-tick.C:
			s.flush()
		case <-ping.C:
			s.mu.Lock()
			links := append([]*link(nil), s.links...)
			s.mu.Unlock()
			for _, l := range links {
				_ = l.ws.WriteControl(websocket.PingMessage, []byte("Ping from applink-1"), time.Now().Add(time.Second))
			}
		}
	}
}
