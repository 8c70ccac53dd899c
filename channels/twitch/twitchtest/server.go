// Package twitchtest is Twitch's chat for tests: its IRC with tags, and the endpoints for tokens. It is written after
// https://dev.twitch.tv/docs/chat/irc and https://dev.twitch.tv/docs/authentication, and serves other clients as well.
package twitchtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Server is a Twitch on loopback, or in memory.
type Server struct {
	// The limits of an account; Twitch's where they are 0. They are set before the start.
	Rate, ModRate, JoinRate int
	// Anyone lets a name in without a token known here.
	Anyone bool

	irc  net.Listener
	web  *http.Server
	work sync.WaitGroup

	mu      sync.Mutex
	users   map[string]*User    // guarded by mu, as all below
	rooms   map[string]*Room    //
	tokens  map[string]*Token   // access tokens
	refresh map[string]*Token   // refresh tokens
	devices map[string]*Device  // by device code
	conns   map[*conn]bool      //
	refuse  []notice            // for the next messages
	Clients map[string]string   // client id → secret; "" for a public one. Set before the start.
	joined  []string            // every JOIN, in order
	cmds    []string            // every text that Twitch took for a chat command
	lines   []string            // every line received, without tokens
	logins  int                 //
	mute    bool                // nothing is sent any more
	drop    int                 // messages that are lost without a word
	cutNext bool                // the next message is taken, but the connection is cut before that is said
	refused []string            // the ids of every refusal
	nextID  int                 //
	status  map[string]int      // path → HTTP status, answered instead
	renewed int                 //
	last    map[*conn]delivered // the last PRIVMSG delivered
}

type delivered struct{ line string }

type notice struct{ id, text string }

// User is an account of Twitch.
type User struct{ Login, ID, Shown string }

// Token is a user's access token with its refresh token.
type Token struct {
	User            *User
	Access, Refresh string
	Client          string
	Scopes          []string
	Expires         time.Time // zero: never
	Revoked         bool
}

// Device is a sign-in on another device.
type Device struct {
	UserCode string
	code     string
	client   string
	scopes   []string
	user     *User
	denied   bool
	expires  time.Time
}

// New makes a server with no user.
func New() *Server {
	return &Server{users: map[string]*User{}, rooms: map[string]*Room{}, tokens: map[string]*Token{}, refresh: map[string]*Token{},
		devices: map[string]*Device{}, conns: map[*conn]bool{}, Clients: map[string]string{}, status: map[string]int{}, last: map[*conn]delivered{}, nextID: 1000}
}

// Start listens on loopback and gives the addresses of the chat and of the token endpoints.
func (s *Server) Start() (irc, api string, err error) {
	var lc net.ListenConfig
	if s.irc, err = lc.Listen(context.Background(), "tcp", "127.0.0.1:0"); err != nil { //nolint:contextcheck // of a test
		return "", "", err
	}
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", errors.Join(err, s.irc.Close())
	}
	s.web = &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	s.work.Go(func() { _ = s.web.Serve(l) })
	s.work.Go(func() {
		for {
			c, err := s.irc.Accept()
			if err != nil {
				return
			}
			s.Serve(c)
		}
	})
	return s.irc.Addr().String(), "http://" + l.Addr().String(), nil
}

// Close ends everything.
func (s *Server) Close() {
	if s.irc != nil {
		_ = s.irc.Close()
		_ = s.web.Close()
	}
	s.Cut()
	s.work.Wait()
}

// Dial connects in memory.
func (s *Server) Dial(context.Context, string) (net.Conn, error) {
	near, far := net.Pipe()
	s.Serve(far)
	return near, nil
}

// AddUser makes an account. The id is a number of Twitch's.
func (s *Server) AddUser(login string) *User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.user(login)
}

func (s *Server) user(login string) *User {
	if u := s.users[login]; u != nil {
		return u
	}
	s.nextID++
	u := &User{Login: login, ID: strconv.Itoa(s.nextID), Shown: strings.ToUpper(login[:1]) + login[1:]}
	s.users[login] = u
	return u
}

// AddToken gives a user a token with the scopes of a chat bot. life 0: for ever.
func (s *Server) AddToken(u *User, access string, life time.Duration) *Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &Token{User: u, Access: access, Scopes: []string{"chat:read", "chat:edit"}, Client: "faketwitchclientid00"}
	if life > 0 {
		t.Expires = time.Now().Add(life)
	}
	s.tokens[access] = t
	return t
}

// AddRefresh gives a token a refresh token, of a client.
func (s *Server) AddRefresh(t *Token, refresh, client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Refresh, t.Client = refresh, client
	s.refresh[refresh] = t
}

// Revoke makes a token no good.
func (s *Server) Revoke(access string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tokens[access]; t != nil {
		t.Revoked = true
	}
}

// Cut ends every connection.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.net.Close()
		delete(s.conns, c)
	}
}

// There reports whether a user is connected and in a room.
func (s *Server) There(login string, r *Room) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.user != nil && c.user.Login == login && c.rooms[r.Name] {
			return true
		}
	}
	return false
}

// Mute makes the server fall silent without closing anything.
func (s *Server) Mute(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mute = on
}

// Reconnect asks every client to connect anew, and closes after a while as Twitch does.
func (s *Server) Reconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.send(":tmi.twitch.tv RECONNECT")
	}
}

// Raw sends a line to every client.
func (s *Server) Raw(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.send(line)
	}
}

// Refuse refuses the next message with this NOTICE.
func (s *Server) Refuse(id, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = append(s.refuse, notice{id, text})
}

// Lose loses the next n messages without a word, as Twitch does under load.
func (s *Server) Lose(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop = n
}

// CutNext takes the next message, and cuts the connection before it says so.
func (s *Server) CutNext() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cutNext = true
}

// Refused lists the ids of all refusals.
func (s *Server) Refused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.refused...)
}

// Fail answers requests for a path with this HTTP status; 0: no more.
func (s *Server) Fail(path string, code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status[path] = code
}

// Logins is how many connections logged in.
func (s *Server) Logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

// Renewed is how often a token was renewed.
func (s *Server) Renewed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.renewed
}

// Joined lists every JOIN so far.
func (s *Server) Joined() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.joined...)
}

// Commands lists every text that Twitch took for a chat command, such as /ban.
func (s *Server) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.cmds...)
}

// Lines lists every line that clients sent; PASS without the token.
func (s *Server) Lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.lines...)
}

// newID is an id as Twitch makes them.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
