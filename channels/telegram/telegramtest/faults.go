package telegramtest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Fault is what goes wrong with requests. What is not set does not happen; faults wait in the order of Fail.
type Fault struct {
	Method string // whose requests; "": any but getUpdates
	Times  int    // how many of them; 0: one; below 0: until Heal

	Hang  bool          // the request is read and never answered, until Heal
	Delay time.Duration // it is answered later
	Drop  bool          // the connection is reset before the request is carried out
	Lose  bool          // the request is carried out, and the connection reset in place of an answer
	Cut   int           // the connection is reset after so many bytes of the answer

	RetryAfter int    // 429, with so many seconds
	Code       int    // an error with this code, not carried out
	Text       string // its description
	HTML       bool   // the body is an HTML page, as a proxy makes it

	healed chan struct{}
}

// Fail injects a fault.
func (s *Server) Fail(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	f.healed = make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Heal takes back every fault; requests that hang are let go without an answer.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		close(f.healed)
	}
	s.faults = nil
}

// fault takes the first fault for a method.
func (s *Server) fault(method string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Times == 0 || (f.Method == "" && method == "getUpdates") || (f.Method != "" && !strings.EqualFold(f.Method, method)) {
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		return f
	}
	return nil
}

// before reports whether the request ends here.
func (f *Fault) before(w http.ResponseWriter, r *http.Request) bool {
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-r.Context().Done():
		}
	}
	switch {
	case f.Hang:
		select {
		case <-f.healed:
		case <-r.Context().Done():
		}
		abort(w)
	case f.Drop:
		abort(w)
	case f.RetryAfter > 0:
		answer(w, nil, flood(f.RetryAfter))
	case f.HTML:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(max(f.Code, 200))
		_, _ = w.Write([]byte("<html>\r\n<head><title>" + strconv.Itoa(f.Code) + " Bad Gateway</title></head>\r\n<body></body></html>\r\n"))
	case f.Code > 0:
		answer(w, nil, &failure{Code: f.Code, Text: f.Text})
	default:
		return false
	}
	return true
}

// after reports whether the answer was spoilt.
func (f *Fault) after(w http.ResponseWriter, result any) bool {
	switch {
	case f.Lose:
		abort(w)
	case f.Cut > 0:
		body, _ := json.Marshal(map[string]any{"ok": true, "result": result})
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body[:min(f.Cut, len(body)-1)])
		_ = http.NewResponseController(w).Flush()
		abort(w)
	default:
		return false
	}
	return true
}

// abort resets the connection under w.
func abort(w http.ResponseWriter) {
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		reset(c)
		return
	}
	panic(http.ErrAbortHandler)
}

// Flood makes the server as strict about rates as Telegram is: each chat takes Burst writes at once and one more
// every Every; a write beyond is refused with 429, and asking too early makes the wait longer. Only messages, edits
// and files count.
type Flood struct {
	Burst int
	Every time.Duration
}

// Flood sets the rate limit; nil takes it away.
func (s *Server) Flood(f *Flood) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flood = f
}

// rate refuses a write to c that comes too early. The lock is held.
func (s *Server) rate(c *Chat) error {
	f := s.flood
	if f == nil {
		return nil
	}
	now := time.Now()
	if now.Before(c.calm) {
		c.calm = c.calm.Add(f.Every) // who does not listen waits longer
		return flood(int(c.calm.Sub(now)/time.Second) + 1)
	}
	if c.full.Before(now) {
		c.full = now
	}
	if c.full.Sub(now) >= time.Duration(f.Burst)*f.Every {
		c.calm = now.Add(f.Every)
		return flood(int(f.Every/time.Second) + 1)
	}
	c.full = c.full.Add(f.Every)
	return nil
}
