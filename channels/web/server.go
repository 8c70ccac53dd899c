package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chatgateway/channels"
)

// Bounds of what a request may hold.
const (
	maxHeader  = 16 << 10
	maxSmall   = 64 << 10 // bytes of an ordinary request
	maxText    = 256 << 10
	maxUploads = 12 << 20 // bytes of all files of a message
	maxFiles   = 10
	maxStreams = 64
)

// server serves the page for the time of one Run.
type server struct {
	ch      *Channel
	handler channels.Handler
	hosts   hosts
	closing <-chan struct{} // closed when streams are to end
	streams atomic.Int32
	busy    sync.WaitGroup // requests under way
}

func newServer(c *Channel, h channels.Handler) *server {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &server{ch: c, handler: h, hosts: c.hosts}
}

// routes are all that there is. What belongs to a session stands below its own path, which its cookie is bound to.
func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /page/{file}", s.asset)
	mux.HandleFunc("POST /api/enter", s.enter)
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /session":               s.who,
		"GET /events":                s.events,
		"GET /model":                 s.model,
		"GET /messages":              s.messages,
		"POST /messages":             s.say,
		"POST /press":                s.press,
		"POST /complete":             s.complete,
		"POST /search":               s.search,
		"POST /forms/{form}":         s.answer,
		"PATCH /conversations/{id}":  s.rename,
		"DELETE /conversations/{id}": s.discard,
		"GET /files/{id}/{file}":     s.file,
		"GET /sessions":              s.sessions,
		"DELETE /sessions/{revoked}": s.revoke,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /s/{session}"+path, s.member(h))
	}
	if p := s.ch.set.Panel; p != nil {
		mux.HandleFunc("/s/{session}/panel/", s.member(func(w http.ResponseWriter, r *http.Request) {
			http.StripPrefix("/s/"+r.PathValue("session")+"/panel", p).ServeHTTP(w, r)
		}))
	}
	return s.guard(http.NewCrossOriginProtection().Handler(mux))
}

// serve serves until ctx ends, calls ready when it does, and returns when every request is answered.
func (s *server) serve(ctx context.Context, ln net.Listener, ready func()) error {
	closing, end := context.WithCancel(ctx)
	defer end()
	s.closing = closing.Done()
	routes := s.routes()
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.busy.Add(1)
			defer s.busy.Done()
			defer s.recovered(w, r)
			routes.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.ch.log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	ready()
	var err error
	select {
	case <-ctx.Done():
	case err = <-served:
		err = fmt.Errorf("web: serve: %w", err)
		served <- nil
	}
	end()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if srv.Shutdown(last) != nil {
		_ = srv.Close()
	}
	s.busy.Wait()
	if e := <-served; e != nil && !errors.Is(e, http.ErrServerClosed) {
		s.ch.log.Debug("page: serve", "err", e)
	}
	return err
}

// recovered turns a fault of ours into an answer: it ends one request only.
func (s *server) recovered(w http.ResponseWriter, r *http.Request) {
	if v := recover(); v != nil {
		s.ch.log.Error("page: panic", "method", r.Method, "panic", v, "stack", string(debug.Stack()))
		refuse(w, http.StatusInternalServerError, "Something broke here; the gateway's log says what.")
	}
}

// read reads a small request's JSON.
func read(w http.ResponseWriter, r *http.Request, most int64, v any) bool {
	if ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); ct != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "This takes JSON.")
		return false
	}
	if r.ContentLength > most {
		refuse(w, http.StatusRequestEntityTooLarge, "That is too large to send here.")
		return false
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, most)).Decode(v)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		refuse(w, http.StatusRequestEntityTooLarge, "That is too large to send here.")
		return false
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "The request could not be read.")
		return false
	}
	return true
}

// reply answers with JSON.
func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the browser is gone
}

// refuse answers with a sentence.
func refuse(w http.ResponseWriter, code int, sentence string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": sentence}) // the browser is gone
}

// fail answers a request that could not be done.
func (s *server) fail(w http.ResponseWriter, what string, err error) {
	if errors.Is(err, channels.ErrGone) {
		refuse(w, http.StatusNotFound, "This conversation was deleted.")
		return
	}
	s.ch.log.Warn("page: "+what, "err", err)
	if u, ok := errors.AsType[interface {
		error
		UserMessage() string
	}](err); ok {
		refuse(w, http.StatusServiceUnavailable, u.UserMessage())
		return
	}
	refuse(w, http.StatusServiceUnavailable, "The gateway could not take this now; it is tried again.")
}

// enter lets a browser in that has a link's token.
func (s *server) enter(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Link string `json:"link"`
	}
	if wait := s.ch.failed.wait(); wait > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int(wait.Seconds())+1))
		refuse(w, http.StatusTooManyRequests, "Too many links that do not work were tried. Wait a minute.")
		return
	}
	if !read(w, r, maxSmall, &in) {
		return
	}
	ses, cookie, ok, err := s.ch.access.enter(in.Link, browser(r.UserAgent()))
	if !ok {
		s.ch.failed.failed()
		s.ch.log.Warn("page: a link that does not work was tried", "from", r.RemoteAddr)
		refuse(w, http.StatusForbidden, "This link was used before or is too old. For a fresh one run: gateway open")
		return
	}
	if err != nil {
		s.ch.log.Warn("page: the browser is let in until the gateway stops only", "err", err)
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // on loopback there is no TLS; elsewhere Secure is set
		Name: cookieName(secure(r)), Value: cookie, Path: "/s/" + ses.ID + "/", MaxAge: int(sessionLife.Seconds()),
		HttpOnly: true, Secure: secure(r), SameSite: http.SameSiteStrictMode,
	})
	s.ch.log.Info("page: a browser was let in", "browser", ses.Browser, "session", ses.ID)
	reply(w, map[string]string{"session": ses.ID})
}

// who says that the session is good.
func (s *server) who(w http.ResponseWriter, r *http.Request) {
	reply(w, map[string]any{"user": who(r), "panel": s.ch.set.Panel != nil, "uploads": maxUploads, "files": maxFiles})
}

func (s *server) sessions(w http.ResponseWriter, r *http.Request) {
	type one struct {
		Session
		This bool `json:"this,omitempty"`
	}
	var out []one
	for _, o := range s.ch.access.list(who(r)) {
		out = append(out, one{o, o.ID == sessionOf(r).ID})
	}
	reply(w, out)
}

// revoke shuts a browser out; its own session is logging out.
func (s *server) revoke(w http.ResponseWriter, r *http.Request) {
	if err := s.ch.access.revoke(who(r), r.PathValue("revoked")); err != nil {
		s.ch.log.Warn("page: a session was ended, but not on disk", "err", err)
	}
	s.ch.book.wake()
	reply(w, struct{}{})
}

// browser names a browser for the list of sessions.
func browser(agent string) string {
	find := func(of ...string) string {
		for i := 0; i < len(of); i += 2 {
			if strings.Contains(agent, of[i]) {
				return of[i+1]
			}
		}
		return ""
	}
	name := find("Edg", "Edge", "OPR/", "Opera", "Firefox/", "Firefox", "Chrome/", "Chrome", "Safari/", "Safari")
	on := find("Android", "Android", "iPhone", "iPhone", "iPad", "iPad", "Windows", "Windows", "Mac OS", "macOS", "CrOS", "ChromeOS", "Linux", "Linux")
	switch {
	case name == "":
		return "A browser"
	case on == "":
		return name
	}
	return name + " on " + on
}
