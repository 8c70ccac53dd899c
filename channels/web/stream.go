package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"chatgateway/channels"
)

// Pace of the stream.
const (
	flushEvery = 40 * time.Millisecond // changes that come faster are sent together
	pingEvery  = 15 * time.Second      // the page takes a longer silence for a lost connection
)

// events sends what changes, from where the browser was. The query says which conversation it looks at, and where it
// was unless the browser says so itself after a lost connection.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	if s.streams.Add(1) > maxStreams {
		s.streams.Add(-1)
		refuse(w, http.StatusTooManyRequests, "Too many pages are open.")
		return
	}
	defer s.streams.Add(-1)
	since := r.Header.Get("Last-Event-ID")
	if since == "" {
		since = r.URL.Query().Get("since")
	}
	at, conv := parseCursor(since), channels.ConversationID(r.URL.Query().Get("c"))
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // the request is read; its end is the connection's
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	wake, done := s.ch.book.watch()
	defer done()
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	news, told := s.news(), false
	if beat(w, rc) != nil { // the page sees that it is connected
		return
	}
	for {
		began := time.Now()
		c, now, err := s.ch.book.changes(who(r), conv, at)
		if err != nil {
			s.ch.log.Warn("page: stream", "err", err)
			return
		}
		if told {
			c.Panel, told, news = true, false, s.news()
		}
		if !c.empty() && send(w, rc, now, c) != nil {
			return
		}
		at = now
		pause := time.NewTimer(max(flushEvery, 8*time.Since(began))) // a long answer takes long to render, and is sent less often
		select {
		case <-pause.C:
		case <-s.closing:
			pause.Stop()
			return
		}
		select {
		case <-wake:
			if !s.ch.access.has(sessionOf(r).ID) {
				return
			}
		case <-news:
			told = true
		case <-ping.C:
			if beat(w, rc) != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-s.closing:
			return
		}
	}
}

// news gives a channel that is closed when the panel changes; nil if there is no such panel.
func (s *server) news() <-chan struct{} {
	if p, ok := s.ch.set.Panel.(interface{ Changed() <-chan struct{} }); ok {
		return p.Changed()
	}
	return nil
}

// send sends one event with the cursor as its id.
func send(w http.ResponseWriter, rc *http.ResponseController, at cursor, c change) error {
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode change: %w", err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "id: %s\nevent: change\ndata: %s\n\n", at, data)
	return flush(w, rc, b.Bytes())
}

// beat says that the connection is alive.
func beat(w http.ResponseWriter, rc *http.ResponseController) error {
	return flush(w, rc, []byte("event: ping\ndata: {}\n\n"))
}

func flush(w http.ResponseWriter, rc *http.ResponseController, b []byte) error {
	_ = rc.SetWriteDeadline(time.Now().Add(20 * time.Second))
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if err := rc.Flush(); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	return nil
}

// watch gives a channel that tells of changes, and what ends it.
func (b *book) watch() (<-chan struct{}, func()) {
	w := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watchers[w] = struct{}{}
	return w, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watchers, w)
	}
}
