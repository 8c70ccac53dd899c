// Package slacktest is a Slack to test against: the Web API and Socket Mode as Slack documents them,
// https://docs.slack.dev/apis, on loopback. It refuses what Slack refuses. It knows nothing of the adapter: a client
// written by others, @slack/bolt, runs on it unchanged (js_test.go).
package slacktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// The tokens that the server takes, and ids in it.
const (
	BotToken = "xoxb-FAKE-111-bot-token-for-tests"
	AppToken = "xapp-1-A0FAKE-222-FAKE-token-for-tests"
	AppID    = "A0FAKE"
	Team     = "T0TEAM"
	BotUser  = "U0BOT"
	BotID    = "B0BOT"
	Scopes   = "chat:write,im:history,app_mentions:read,commands,channels:history,groups:history,mpim:history,im:write,users:read,files:read,files:write,assistant:write"
)

// Options are what may be otherwise than usual.
type Options struct {
	Redeliver time.Duration // how long an envelope may stay without acknowledgement; 0: 3 s
	App       string        // the app that bots.info tells; empty: AppID
}

// Server is a Slack workspace with one app in it.
type Server struct {
	URL     string // of the Web API
	Channel string // a public channel that the bot is in
	o       Options
	http    *httptest.Server

	mu      sync.Mutex // guards all that follows
	seq     int64
	rooms   map[string]*room
	people  map[string]string // name: id
	names   map[string]string // id: name
	files   map[string]*file
	links   []*link
	tickets map[string]bool
	pending []*envelope
	last    *envelope // the last event
	turn    int       // which connection gets the next envelope
	trigger map[string]*trigger
	replies map[string]*replyURL
	forms   map[string]*Form
	faults  faults
	scopes  string
	revoked bool
	status  map[string]string // of assistant threads, by channel:thread
	titles  map[string]string
	prompts map[string][]string
	calls   map[string]int
	dialed  int
	wg      sync.WaitGroup
	ended   chan struct{}
}

// room is a channel.
type room struct {
	id, kind string // kind: im, mpim, channel
	members  map[string]bool
	archived bool
	messages []*message
}

type message struct {
	ts, user, text, thread string
	blocks                 json.RawMessage
	metadata               json.RawMessage
	only                   string // the one who sees it
	streaming              bool
	files                  []*file
	subtype                string
}

// New starts a server that ends with the test.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Redeliver == 0 {
		o.Redeliver = 3 * time.Second
	}
	if o.App == "" {
		o.App = AppID
	}
	s := &Server{o: o, rooms: map[string]*room{}, people: map[string]string{}, names: map[string]string{BotUser: "gateway"}, files: map[string]*file{},
		tickets: map[string]bool{}, trigger: map[string]*trigger{}, replies: map[string]*replyURL{}, forms: map[string]*Form{}, scopes: Scopes,
		status: map[string]string{}, titles: map[string]string{}, prompts: map[string][]string{}, calls: map[string]int{}, ended: make(chan struct{})}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = s.http.URL + "/api"
	s.Channel = s.NewChannel("channel", "ann", "bob")
	s.wg.Go(s.redeliver)
	t.Cleanup(func() {
		close(s.ended)
		s.Cut()
		s.http.CloseClientConnections()
		s.http.Close()
		s.wg.Wait()
	})
	return s
}

// NewChannel makes a channel (channel or mpim) with these people and the bot in it.
func (s *Server) NewChannel(kind string, people ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	prefix := "C"
	if kind == "mpim" {
		prefix = "G"
	}
	r := &room{id: s.id(prefix), kind: kind, members: map[string]bool{BotUser: true}}
	for _, p := range people {
		r.members[s.person(p)] = true
	}
	s.rooms[r.id] = r
	return r.id
}

// id makes an id. s.mu is held.
func (s *Server) id(prefix string) string {
	s.seq++
	return fmt.Sprintf("%s%07d", prefix, s.seq)
}

// stamp makes a message's ts. s.mu is held.
func (s *Server) stamp() string {
	s.seq++
	return fmt.Sprintf("%d.%06d", time.Now().Unix(), s.seq%1_000_000)
}

// person gives a person's id. s.mu is held.
func (s *Server) person(name string) string {
	id, ok := s.people[name]
	if !ok {
		id = s.id("U")
		s.people[name], s.names[id] = id, name
	}
	return id
}

// direct gives the bot's conversation with a person. s.mu is held.
func (s *Server) direct(user string) *room {
	id := "D" + user[1:]
	r, ok := s.rooms[id]
	if !ok {
		r = &room{id: id, kind: "im", members: map[string]bool{BotUser: true, user: true}}
		s.rooms[id] = r
	}
	return r
}

func (r *room) find(ts string) *message {
	for _, m := range r.messages {
		if m.ts == ts {
			return m
		}
	}
	return nil
}

type object = map[string]any

// args are the arguments of a method, from a form or from JSON.
type args map[string]string

// raw gives an argument that is JSON.
func (a args) raw(name string) json.RawMessage {
	if a[name] == "" {
		return nil
	}
	return json.RawMessage(a[name])
}

func readArgs(r *http.Request) (args, error) {
	a := args{}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		var in map[string]json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil && r.ContentLength > 0 {
			return nil, err
		}
		for k, v := range in {
			var text string
			if json.Unmarshal(v, &text) == nil {
				a[k] = text
			} else {
				a[k] = string(v)
			}
		}
		return a, nil
	}
	if err := r.ParseMultipartForm(1 << 20); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return nil, err
	}
	for k, v := range r.Form {
		a[k] = v[0]
	}
	return a, nil
}

// refusal is an error that a method answers with.
type refusal struct{ code, needed string }

func (r refusal) Error() string { return r.code }

func no(code string) error { return refusal{code: code} }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/link":
		s.socket(w, r)
		return
	case strings.HasPrefix(r.URL.Path, "/reply/"):
		s.replyURL(w, r)
		return
	case strings.HasPrefix(r.URL.Path, "/api/upload/"), strings.HasPrefix(r.URL.Path, "/api/download/"):
		s.serveFile(w, r)
		return
	case !strings.HasPrefix(r.URL.Path, "/api/"):
		http.NotFound(w, r)
		return
	}
	method := strings.TrimPrefix(r.URL.Path, "/api/")
	a, err := readArgs(r)
	if err != nil {
		answer(w, nil, no("invalid_form_data"))
		return
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token == "" {
		token = a["token"]
	}
	s.mu.Lock()
	s.calls[method]++
	if s.faults.hit(w, method) {
		s.mu.Unlock()
		return
	}
	w.Header().Set("X-Oauth-Scopes", s.scopes)
	out, err := s.call(method, token, a)
	lost := s.faults.loses(method)
	s.mu.Unlock()
	if lost {
		panic(http.ErrAbortHandler) // it was carried out, and nobody is told
	}
	answer(w, out, err)
}

func answer(w http.ResponseWriter, out object, err error) {
	if out == nil {
		out = object{}
	}
	out["ok"] = err == nil
	if err != nil {
		out["error"] = err.Error()
		if r := (refusal{}); errors.As(err, &r) && r.needed != "" {
			out["needed"] = r.needed
		}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(out)
}

// needs are the scopes of methods, any of those that a slash separates.
var needs = map[string]string{
	"chat.postMessage": "chat:write", "chat.update": "chat:write", "chat.delete": "chat:write", "chat.postEphemeral": "chat:write",
	"chat.startStream": "chat:write", "chat.appendStream": "chat:write", "chat.stopStream": "chat:write",
	"conversations.open": "im:write", "users.info": "users:read", "bots.info": "users:read", "files.info": "files:read",
	"files.getUploadURLExternal": "files:write", "files.completeUploadExternal": "files:write",
	"assistant.threads.setTitle": "assistant:write", "assistant.threads.setSuggestedPrompts": "assistant:write",
	"assistant.threads.setStatus": "assistant:write", "conversations.history": "channels:history", "conversations.replies": "channels:history",
}

// call carries out a method. s.mu is held.
func (s *Server) call(method, token string, a args) (object, error) {
	want := BotToken
	if method == "apps.connections.open" {
		want = AppToken
	}
	switch {
	case method == "api.test":
		return nil, nil
	case token == "":
		return nil, no("not_authed")
	case token != want && (token == BotToken || token == AppToken):
		return nil, no("not_allowed_token_type")
	case token != want:
		return nil, no("invalid_auth")
	case s.revoked:
		return nil, no("token_revoked")
	}
	if n := needs[method]; n != "" && !strings.Contains(","+s.scopes+",", ","+n+",") {
		return nil, refusal{"missing_scope", n}
	}
	f, ok := methods[method]
	if !ok {
		return nil, no("unknown_method")
	}
	return f(s, a)
}

var methods map[string]func(*Server, args) (object, error)

func init() {
	methods = map[string]func(*Server, args) (object, error){
		"auth.test": func(*Server, args) (object, error) {
			return object{"url": "https://team.slack.com/", "team": "Team", "user": "gateway", "team_id": Team, "user_id": BotUser, "bot_id": BotID}, nil
		},
		"bots.info": func(s *Server, _ args) (object, error) {
			return object{"bot": object{"id": BotID, "app_id": s.o.App, "name": "gateway", "user_id": BotUser}}, nil
		},
		"users.info":            (*Server).usersInfo,
		"apps.connections.open": (*Server).openConnection,
		"conversations.open":    (*Server).openConversation,
		"conversations.history": (*Server).history,
		"conversations.replies": (*Server).threadReplies,
		"conversations.info":    (*Server).conversationInfo,
		"chat.postMessage":      (*Server).postMessage,
		"chat.postEphemeral":    (*Server).postEphemeral,
		"chat.update":           (*Server).updateMessage,
		"chat.delete":           (*Server).deleteMessage,
		"chat.startStream":      (*Server).startStream,
		"chat.appendStream":     (*Server).appendStream,
		"chat.stopStream":       (*Server).stopStream,
		"views.open":            (*Server).openView,

		"files.getUploadURLExternal":            (*Server).uploadURL,
		"files.completeUploadExternal":          (*Server).completeUpload,
		"files.info":                            (*Server).fileInfo,
		"assistant.threads.setStatus":           (*Server).setStatus,
		"assistant.threads.setTitle":            (*Server).setTitle,
		"assistant.threads.setSuggestedPrompts": (*Server).setPrompts,
	}
}

func (s *Server) usersInfo(a args) (object, error) {
	name, ok := s.names[a["user"]]
	if !ok {
		return nil, no("user_not_found")
	}
	return object{"user": object{"id": a["user"], "team_id": Team, "name": name, "profile": object{"display_name": name, "real_name": name}}}, nil
}

func (s *Server) openConnection(args) (object, error) {
	ticket := s.id("ticket")
	s.tickets[ticket] = true
	u := url.URL{Scheme: "ws", Host: strings.TrimPrefix(s.http.URL, "http://"), Path: "/link", RawQuery: url.Values{"ticket": {ticket}, "app_id": {AppID}}.Encode()}
	return object{"url": u.String()}, nil
}
