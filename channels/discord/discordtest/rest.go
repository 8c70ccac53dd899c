package discordtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// refusal is an error as Discord answers it.
type refusal struct {
	status, code int
	message      string
	errors       any
}

var (
	unauthorized   = &refusal{401, 0, "401: Unauthorized", nil}
	unknownChannel = &refusal{404, 10003, "Unknown Channel", nil}
	unknownMessage = &refusal{404, 10008, "Unknown Message", nil}
	unknownUser    = &refusal{404, 10013, "Unknown User", nil}
	noAccess       = &refusal{403, 50001, "Missing Access", nil}
	noPermission   = &refusal{403, 50013, "Missing Permissions", nil}
	notFound       = &refusal{404, 0, "404: Not Found", nil}
)

func invalid(field, why string) *refusal {
	return &refusal{400, 50035, "Invalid Form Body", object{field: object{"_errors": []object{{"code": "INVALID", "message": why}}}}}
}

// request is a request with what its route found in the path.
type request struct {
	*http.Request
	path  []string // the path's parts
	body  object
	files []upload
}

type upload struct {
	n          int
	name, kind string
	data       []byte
}

type handler func(s *Server, r *request) (any, *refusal)

// routes: "#" stands for an id or a token.
var routes = []struct {
	method, path string
	do           handler
}{
	{"GET", "/gateway", (*Server).getGateway},
	{"GET", "/gateway/bot", (*Server).getGatewayBot},
	{"GET", "/users/@me", func(s *Server, _ *request) (any, *refusal) { return s.userJSON(s.users["gatewaybot"]), nil }},
	{"GET", "/users/@me/guilds", (*Server).getGuilds},
	{"POST", "/users/@me/channels", (*Server).postDirect},
	{"GET", "/applications/@me", (*Server).getApplication},
	{"GET", "/oauth2/applications/@me", (*Server).getApplication},
	{"GET", "/applications/#/commands", func(s *Server, _ *request) (any, *refusal) { return s.commandList(), nil }},
	{"POST", "/applications/#/commands", (*Server).postCommand},
	{"PUT", "/applications/#/commands", (*Server).putCommands},
	{"PATCH", "/applications/#/commands/#", (*Server).patchCommand},
	{"DELETE", "/applications/#/commands/#", (*Server).deleteCommand},
	{"GET", "/channels/#", (*Server).getChannel},
	{"GET", "/channels/#/messages", (*Server).getMessages},
	{"GET", "/channels/#/messages/#", (*Server).getMessage},
	{"POST", "/channels/#/messages", (*Server).postMessage},
	{"PATCH", "/channels/#/messages/#", (*Server).patchMessage},
	{"DELETE", "/channels/#/messages/#", (*Server).deleteMessage},
	{"POST", "/channels/#/messages/#/threads", (*Server).postThread},
	{"POST", "/channels/#/typing", (*Server).postTyping},
	{"GET", "/guilds/#/members/#", (*Server).getMember},
	{"POST", "/interactions/#/#/callback", (*Server).postCallback},
	{"POST", "/webhooks/#/#", (*Server).postFollowup},
	{"GET", "/webhooks/#/#/messages/#", (*Server).getFollowup},
	{"PATCH", "/webhooks/#/#/messages/#", (*Server).patchFollowup},
	{"DELETE", "/webhooks/#/#/messages/#", (*Server).deleteFollowup},
}

var versioned = regexp.MustCompile(`^/api(?:/v(9|10))?(/.*)$`)

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/cdn/") {
		s.serveFile(w, r)
		return
	}
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		s.serveGateway(w, r)
		return
	}
	m := versioned.FindStringSubmatch(r.URL.Path)
	if m == nil {
		s.answer(w, r, r.URL.Path, nil, notFound)
		return
	}
	parts := strings.Split(strings.Trim(m[2], "/"), "/")
	for _, route := range routes {
		if route.method == r.Method && matches(route.path, parts) {
			s.route(w, r, route.path, parts, route.do)
			return
		}
	}
	s.answer(w, r, m[2], nil, notFound)
}

func matches(pattern string, parts []string) bool {
	want := strings.Split(strings.Trim(pattern, "/"), "/")
	if len(want) != len(parts) {
		return false
	}
	for i, p := range want {
		if p != "#" && p != parts[i] {
			return false
		}
	}
	return true
}

func (s *Server) route(w http.ResponseWriter, r *http.Request, pattern string, parts []string, do handler) {
	shown := "/" + strings.Join(parts, "/")
	byToken := parts[0] == "webhooks" || parts[0] == "interactions"
	if byToken {
		shown = pattern
	}
	if !strings.HasPrefix(r.Header.Get("User-Agent"), "DiscordBot (") {
		// Discord's front turns such requests away, with a page.
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "<html>error 40333: internal network error</html>")
		return
	}
	req := &request{Request: r, path: parts}
	if err := req.read(); err != nil {
		s.answer(w, r, shown, nil, &refusal{400, 50109, "The request body contains invalid JSON.", nil})
		return
	}
	s.mu.Lock()
	f := s.fault(r.Method, shown)
	s.mu.Unlock()
	if f != nil && !f.After {
		f.write(w)
		s.note(r.Method, shown, f.Status, req.body)
		return
	}
	if !byToken && pattern != "/gateway" && r.Header.Get("Authorization") != "Bot "+Token {
		s.answer(w, r, shown, req.body, unauthorized)
		return
	}
	major := ""
	if len(parts) > 1 && parts[0] != "applications" && parts[0] != "users" {
		major = parts[1]
		if byToken {
			major += parts[2]
		}
	}
	s.mu.Lock()
	wait := s.spend(w.Header(), r.Method+" "+pattern, major)
	if wait > 0 {
		s.mu.Unlock()
		limited(w, wait, false)
		s.note(r.Method, shown, http.StatusTooManyRequests, req.body)
		return
	}
	came, _ := json.Marshal(req.body) // before a handler keeps and completes it
	out, no := do(s, req)
	body := reply(out, no)
	status := statusOf(body, no)
	if f != nil {
		status = f.Status
	}
	s.log = append(s.log, Request{r.Method, shown, status, string(came)}) // before anybody learns of it
	s.mu.Unlock()
	if f != nil {
		f.write(w)
		return
	}
	write(w, status, body)
}

// answer refuses a request that no handler saw.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, shown string, body object, no *refusal) {
	s.note(r.Method, shown, no.status, body)
	write(w, no.status, reply(nil, no))
}

// reply is the body of an answer; empty if there is none.
func reply(out any, no *refusal) []byte {
	if no != nil {
		e := object{"message": no.message, "code": no.code}
		if no.errors != nil {
			e["errors"] = no.errors
		}
		out = e
	}
	if out == nil {
		return nil
	}
	body, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return body
}

func statusOf(body []byte, no *refusal) int {
	switch {
	case no != nil:
		return no.status
	case len(body) == 0:
		return http.StatusNoContent
	}
	return http.StatusOK
}

func write(w http.ResponseWriter, status int, body []byte) {
	if len(body) > 0 {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (s *Server) note(method, path string, status int, body object) {
	text, _ := json.Marshal(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, Request{method, path, status, string(text)})
}

// read reads the body: JSON, or a form with files.
func (r *request) read() error {
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "multipart/form-data" {
		data, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
		if err != nil || len(data) == 0 {
			return err
		}
		if data[0] == '[' {
			var list []any
			err = json.Unmarshal(data, &list)
			r.body = object{"": list}
			return err
		}
		return json.Unmarshal(data, &r.body)
	}
	mr := multipart.NewReader(r.Body, params["boundary"])
	for {
		p, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		data, err := io.ReadAll(p)
		if err != nil {
			return err
		}
		if p.FormName() == "payload_json" {
			if err := json.Unmarshal(data, &r.body); err != nil {
				return err
			}
			continue
		}
		var n int
		if _, err := fmt.Sscanf(p.FormName(), "files[%d]", &n); err != nil {
			return err
		}
		r.files = append(r.files, upload{n, p.FileName(), p.Header.Get("Content-Type"), data})
	}
}

// bucket is a rate limit.
type bucket struct {
	left  int
	reset time.Time
}

// spend takes one request from a budget, and writes its headers. It gives how long to wait if nothing is left.
func (s *Server) spend(h http.Header, route, major string) time.Duration {
	if strings.HasSuffix(route, "/callback") {
		return 0
	}
	b := s.buckets[route+major]
	now := time.Now()
	if b == nil || now.After(b.reset) {
		b = &bucket{left: s.o.Limit, reset: now.Add(s.o.Per)}
		s.buckets[route+major] = b
	}
	b.left--
	after := b.reset.Sub(now)
	h.Set("X-RateLimit-Limit", strconv.Itoa(s.o.Limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(b.left, 0)))
	h.Set("X-RateLimit-Reset", strconv.FormatFloat(float64(b.reset.UnixMilli())/1000, 'f', 3, 64))
	h.Set("X-RateLimit-Reset-After", strconv.FormatFloat(after.Seconds(), 'f', 3, 64))
	h.Set("X-RateLimit-Bucket", fmt.Sprintf("%x", route))
	if b.left < 0 {
		return after
	}
	return 0
}

// limited answers 429.
func limited(w http.ResponseWriter, wait time.Duration, global bool) {
	h := w.Header()
	h.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	h.Set("X-RateLimit-Scope", "user")
	if global {
		h.Set("X-RateLimit-Global", "true")
		h.Set("X-RateLimit-Scope", "global")
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusTooManyRequests)
	_, _ = fmt.Fprintf(w, `{"message": "You are being rate limited.", "retry_after": %.3f, "global": %v}`, wait.Seconds(), global)
}

func (s *Server) getGateway(*request) (any, *refusal) {
	return object{"url": "ws" + strings.TrimPrefix(s.http.URL, "http")}, nil
}

func (s *Server) getGatewayBot(r *request) (any, *refusal) {
	return object{"url": "ws" + strings.TrimPrefix(s.http.URL, "http"), "shards": 1, "session_start_limit": object{"total": s.starts.total,
		"remaining": s.starts.left, "reset_after": s.starts.after.Milliseconds(), "max_concurrency": 1}}, nil
}

func (s *Server) getApplication(*request) (any, *refusal) {
	flags := 1 << 19
	if s.o.NoContent {
		flags = 0
	}
	return object{"id": s.App, "name": "gatewaybot", "icon": nil, "description": "", "bot_public": true, "bot_require_code_grant": false, "flags": flags,
		"verify_key": "00", "team": nil, "bot": s.userJSON(s.users["gatewaybot"])}, nil
}

func (s *Server) getGuilds(*request) (any, *refusal) {
	if s.away {
		return []any{}, nil
	}
	return []object{{"id": s.Guild, "name": "Test guild", "icon": nil, "owner": false, "permissions": "274877975552", "features": []any{}}}, nil
}

func (s *Server) getMember(r *request) (any, *refusal) {
	u := s.byID(r.path[3])
	if u == nil || r.path[1] != s.Guild {
		return nil, &refusal{404, 10007, "Unknown Member", nil}
	}
	m := s.memberJSON(u)
	m["user"] = s.userJSON(u)
	return m, nil
}
