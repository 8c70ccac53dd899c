// Package telegramtest is a Bot API server in memory, true to the protocol as https://core.telegram.org/bots/api
// and the server's own source tell it: long polls that hold, offsets that confirm, 409 for a second poller, limits
// and markup that are checked, rights, topics, migrations. Any client library works on it unchanged.
//
// Tests and the load generator play the persons: [Server.Say], [Server.Press], [Server.Shown]. What a network and a
// busy server do wrong is injected with [Server.Fail], [Server.Cut] and [Server.Flood].
//
// A server is safe for concurrent use.
package telegramtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Server is the service. Its zero value is not ready; use New.
type Server struct {
	// ConflictEvery is the least time between two answers 409 to polls; sooner ones are held back that long. It is
	// set before the first request.
	ConflictEvery time.Duration
	// MenuBudget is how many bytes of JSON setMyCommands takes before it says BOT_COMMANDS_TOO_MUCH.
	MenuBudget int
	// Watch, if set, is told of every request that was carried out, in order; it must return at once and not call the
	// server. It is set before the first request.
	Watch func(Call)

	mu        sync.Mutex // guards all below
	bots      map[string]*Bot
	people    map[int64]*User
	chats     map[int64]*Chat
	private   map[[2]int64]*Chat // by bot and user
	files     map[string]*stored
	presses   map[string]*press
	faults    []*Fault
	flood     *Flood
	calls     []Call
	counts    map[string]int
	lastID    int64 // of persons, chats, files, presses
	lastBoxed int64 // message ids of private chats and basic groups
	conns     map[net.Conn]bool

	http     *http.Server
	listener net.Listener
}

// Call is one request that was carried out.
type Call struct {
	Method string
	Params map[string]string
	Bot    int64
	Err    string   // the description, if it was refused
	Chat   int64    // for what was sent, edited or deleted
	Result *Message // for what was sent or edited
	At     time.Time
}

// New makes a server without bots and people.
func New() *Server {
	return &Server{
		ConflictEvery: 3 * time.Second, MenuBudget: 7800,
		bots: map[string]*Bot{}, people: map[int64]*User{}, chats: map[int64]*Chat{}, private: map[[2]int64]*Chat{},
		files: map[string]*stored{}, presses: map[string]*press{}, counts: map[string]int{}, conns: map[net.Conn]bool{},
		lastID: 1000, lastBoxed: 10,
	}
}

// Start listens on a free port of 127.0.0.1 and gives the base URL.
func (s *Server) Start() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("telegramtest: %w", err)
	}
	s.listener = l
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, ConnState: s.track}
	go func() { _ = s.http.Serve(l) }() // ends with Close
	return "http://" + l.Addr().String(), nil
}

// Close stops listening and cuts every connection.
func (s *Server) Close() {
	if s.http != nil {
		_ = s.http.Close()
	}
}

func (s *Server) track(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.conns[c] = true
	case http.StateClosed, http.StateHijacked:
		delete(s.conns, c)
	}
}

// Cut resets every connection; new ones are taken at once.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		reset(c)
	}
}

func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// AddBot makes a bot. The token begins with the bot's id, as Telegram's do.
func (s *Server) AddBot(token, username string) *Bot {
	head, _, _ := strings.Cut(token, ":")
	id, err := strconv.ParseInt(head, 10, 64)
	if err != nil {
		panic("telegramtest: a token is a number, a colon and letters")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &Bot{
		s: s, user: User{ID: id, IsBot: true, FirstName: username, Username: username}, next: 500_000,
		private: true, wake: make(chan struct{}), menus: map[string][]Command{}, blocked: map[int64]bool{},
	}
	s.bots[token] = b
	return b
}

// Revoke makes a token invalid, as @BotFather does.
func (s *Server) Revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.bots[token]; b != nil {
		delete(s.bots, token)
		b.dropPoll(&failure{Code: 401, Text: "Unauthorized"})
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	file := strings.HasPrefix(path, "file/")
	path = strings.TrimPrefix(path, "file/")
	token, method, ok := strings.Cut(strings.TrimPrefix(path, "bot"), "/")
	if !ok || !strings.HasPrefix(path, "bot") {
		answer(w, nil, &failure{Code: 404, Text: "Not Found"})
		return
	}
	s.mu.Lock()
	b := s.bots[token]
	s.mu.Unlock()
	switch {
	case b == nil && !wellFormed(token):
		answer(w, nil, &failure{Code: 404, Text: "Not Found"})
	case b == nil:
		answer(w, nil, &failure{Code: 401, Text: "Unauthorized"})
	case file:
		s.download(w, r, method)
	default:
		s.request(w, r, b, method)
	}
}

func wellFormed(token string) bool {
	head, tail, ok := strings.Cut(token, ":")
	_, err := strconv.ParseInt(head, 10, 64)
	return ok && err == nil && len(tail) >= 5
}

// request reads, fails if it is told to, carries out and answers.
func (s *Server) request(w http.ResponseWriter, r *http.Request, b *Bot, method string) {
	p, err := parse(r)
	if err != nil {
		answer(w, nil, bad("can't parse the request"))
		return
	}
	m, known := methods[strings.ToLower(method)]
	if !known {
		answer(w, nil, &failure{Code: 404, Text: "Not Found"})
		return
	}
	f := s.fault(m.name)
	if f != nil && f.before(w, r) {
		return
	}
	result, err := m.do(s, r.Context(), b, p)
	if errors.Is(err, context.Canceled) {
		return // the client has gone
	}
	if f != nil && f.after(w, result) {
		return
	}
	var no *failure
	errors.As(err, &no)
	answer(w, result, no)
}

// note tells of what was carried out. The lock is held.
func (s *Server) note(b *Bot, method string, p params, chat int64, m *Message, err error) {
	c := Call{Method: method, Params: p.values, Bot: b.user.ID, Chat: chat, Result: m, At: time.Now()}
	if err != nil {
		c.Err = err.Error()
	}
	s.counts[method]++
	if s.Watch != nil {
		s.Watch(c)
		return // who watches keeps what it needs
	}
	if len(s.calls) >= 5000 {
		s.calls = append([]Call(nil), s.calls[2500:]...)
	}
	s.calls = append(s.calls, c)
}

// Calls are the requests of a method so far, the oldest of thousands left out; "" is every method. There are none if
// Watch is set.
func (s *Server) Calls(method string) (list []Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if method == "" || strings.EqualFold(c.Method, method) {
			list = append(list, c)
		}
	}
	return list
}

// Count is how often a method was called.
func (s *Server) Count(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[method]
}

func answer(w http.ResponseWriter, result any, no *failure) {
	w.Header().Set("Content-Type", "application/json")
	var body []byte
	var err error
	if no != nil {
		body, err = json.Marshal(struct {
			OK bool `json:"ok"`
			*failure
		}{false, no})
	} else {
		body, err = json.Marshal(struct {
			OK     bool `json:"ok"`
			Result any  `json:"result"`
		}{true, result})
	}
	if err != nil {
		http.Error(w, "the fake is broken", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if no != nil {
		w.WriteHeader(no.Code)
	}
	_, _ = w.Write(body)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func yes(b bool) *bool { return &b }
