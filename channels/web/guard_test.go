package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/login"
)

// The checks of facts on real holes in pages like this one: each test names the hole that it keeps shut.

// plain sends a request as any program can: without a cookie, with these headers ("Host" too).
func plain(t testing.TB, method, url, body string, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func body(t testing.TB, r *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Any site can make a browser send requests to loopback, and any name can be pointed there.
func TestHostAndOrigin(t *testing.T) {
	h := run(t, "", nil)
	_, port, _ := strings.Cut(h.Addr(), ":")
	for _, c := range []struct {
		headers []string
		want    int
	}{
		{nil, 200},
		{[]string{"Host", "localhost:" + port}, 200},
		{[]string{"Host", "LOCALHOST:" + port}, 200},
		{[]string{"Host", "[::1]:" + port}, 200},
		{[]string{"Host", "evil.example"}, 421},
		{[]string{"Host", "evil.example:" + port}, 421},
		{[]string{"Host", "127.0.0.1"}, 421},
		{[]string{"Host", "127.0.0.1:1"}, 421},
		{[]string{"Host", "127.0.0.1.evil.example:" + port}, 421},
		{[]string{"Host", "localhost.:" + port}, 421},
		{[]string{"Origin", "http://127.0.0.1:" + port}, 200},
		{[]string{"Origin", "http://localhost:" + port}, 403}, // not the origin of this Host
		{[]string{"Origin", "https://127.0.0.1:" + port}, 403},
		{[]string{"Origin", "http://127.0.0.1:1"}, 403}, // another program's page on this host
		{[]string{"Origin", "http://evil.example"}, 403},
		{[]string{"Origin", "null"}, 403},
		{[]string{"Sec-Fetch-Site", "same-origin"}, 200},
		{[]string{"Sec-Fetch-Site", "none"}, 200},
		{[]string{"Sec-Fetch-Site", "same-site"}, 403},
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200}, // a link
		{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{[]string{"Upgrade", "websocket", "Connection", "Upgrade"}, 403},
	} {
		resp := plain(t, "GET", h.URL(), "", c.headers...)
		if resp.StatusCode != c.want {
			t.Errorf("%v gave %d; want %d", c.headers, resp.StatusCode, c.want)
		}
		if text := body(t, resp); c.want != 200 && strings.Contains(text, "ateway") {
			t.Errorf("%v was told who we are: %s", c.headers, text)
		}
	}
	for _, path := range []string{"page/main.js", "api/enter", "s/x/session"} { // a link leads to the page only
		if resp := plain(t, "GET", h.URL()+path, "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"); resp.StatusCode != 403 {
			t.Errorf("a link from elsewhere to /%s gave %d", path, resp.StatusCode)
		}
	}
}

// Being on loopback proves nothing: whoever has no session gets nothing, from any route.
func TestNothingWithoutSession(t *testing.T) {
	h := run(t, t.TempDir(), func(s *Settings) { s.Panel = http.NotFoundHandler() })
	v := visit(t, h.Channel, Owner, "conversation1")
	v.say(t, "hello")
	id := strings.TrimPrefix(v.base, h.URL()+"s/")
	for _, path := range []string{
		"GET /session", "GET /events?c=conversation1", "GET /model?c=conversation1", "GET /messages?c=conversation1&before=9", "POST /messages",
		"POST /press", "POST /complete", "POST /forms/x", "PATCH /conversations/conversation1", "DELETE /conversations/conversation1",
		"GET /files/conversation1/x", "GET /sessions", "DELETE /sessions/" + id, "GET /panel/status",
	} {
		method, path, _ := strings.Cut(path, " ")
		for _, cookie := range []string{"", "gateway=", "gateway=x", "gateway=" + id, "gateway=" + hash("x")} {
			h.stale.fails = nil
			if resp := plain(t, method, h.URL()+"s/"+id+path, `{}`, "Cookie", cookie); resp.StatusCode != 401 {
				t.Errorf("%s %s with cookie %q gave %d; want 401", method, path, cookie, resp.StatusCode)
			}
		}
	}
	if n := len(h.messages()); n != 1 {
		t.Errorf("%d messages were heard; want 1", n)
	}
	// Another session's path is of no use with one's own cookie.
	w := visit(t, h.Channel, "other", "conversation2")
	resp := w.do(t, "GET", v.base+"/session", nil)
	if _ = resp.Body.Close(); resp.StatusCode != 401 {
		t.Errorf("another session's path gave %d; want 401", resp.StatusCode)
	}
}

// Guessing is slow from loopback too, and whoever is in stays in.
func TestGuessing(t *testing.T) {
	h := run(t, "", nil)
	v := visit(t, h.Channel, Owner, "conversation1")
	now := time.Now()
	var mu sync.Mutex
	h.failed.now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	link, err := h.NewLink()
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(link, "#k=")
	enter := func(token string) int {
		return plain(t, "POST", h.URL()+"api/enter", `{"link":"`+token+`"}`).StatusCode
	}
	for i := range 10 {
		if code := enter(fmt.Sprintf("guess-%d", i)); code != 403 {
			t.Fatalf("guess %d gave %d; want 403", i, code)
		}
	}
	resp := plain(t, "POST", h.URL()+"api/enter", `{"link":"`+token+`"}`)
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("after ten guesses a link gave %d; want 429 with a time", resp.StatusCode)
	}
	v.want(t, 200, v.do(t, "GET", v.base+"/session", nil), nil)
	for range 40 {
		plain(t, "GET", h.URL()+"s/x/session", "")
	}
	if code := plain(t, "GET", h.URL()+"s/x/session", "").StatusCode; code != 429 {
		t.Errorf("many requests without a session gave %d; want 429", code)
	}
	v.want(t, 200, v.do(t, "GET", v.base+"/session", nil), nil)
	mu.Lock()
	now = now.Add(2 * time.Minute)
	mu.Unlock()
	if code := enter(token); code != 200 {
		t.Errorf("two minutes later the link gave %d; want 200: it was not used", code)
	}
}

// A token never stands where it is logged or sent on: not in a path, not in a query, not in the log.
func TestLinks(t *testing.T) {
	home := t.TempDir()
	h := run(t, home, nil)
	link, err := h.NewLink()
	if err != nil {
		t.Fatal(err)
	}
	page, token, ok := strings.Cut(link, "#k=")
	if !ok || page != h.URL() || len(token) < 40 {
		t.Fatalf("the link has %d characters behind #k= of %s", len(token), page)
	}
	if again, _ := h.NewLink(); again == link {
		t.Error("two links are the same")
	}
	if resp := plain(t, "GET", page+"?k="+token, ""); resp.Header.Get("Set-Cookie") != "" {
		t.Error("a token in the query lets in")
	}
	var wins int
	var mu sync.Mutex
	var wg sync.WaitGroup
	var cookie string
	for range 8 {
		wg.Go(func() {
			resp := plain(t, "POST", h.URL()+"api/enter", `{"link":"`+token+`"}`)
			mu.Lock()
			defer mu.Unlock()
			if resp.StatusCode == 200 {
				wins++
				cookie = resp.Header.Get("Set-Cookie")
			}
		})
	}
	wg.Wait()
	if wins != 1 {
		t.Fatalf("the link let %d in; want one", wins)
	}
	for _, part := range []string{"HttpOnly", "SameSite=Strict", "Path=/s/", "Max-Age="} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie lacks %s", part)
		}
	}
	value, _, _ := strings.Cut(strings.TrimPrefix(cookie, "gateway="), ";")
	kept, err := os.ReadFile(filepath.Join(home, "web", "sessions.json"))
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range map[string]string{"log": h.log.String(), "file": string(kept)} {
		if strings.Contains(text, token) || strings.Contains(text, value) {
			t.Errorf("the %s holds a token", where)
		}
	}
}

func TestLinksExpire(t *testing.T) {
	a := newAccess("")
	now := time.Now()
	a.now = func() time.Time { return now }
	old := a.newLink(Owner)
	now = now.Add(linkLife + time.Second)
	if _, _, ok, _ := a.enter(old, ""); ok {
		t.Error("a link lets in after its time")
	}
	first := a.newLink(Owner)
	for range maxLinks {
		a.newLink(Owner)
	}
	if _, _, ok, _ := a.enter(first, ""); ok || len(a.links) != maxLinks {
		t.Errorf("there are %d links, and the oldest works: %v", len(a.links), ok)
	}
	s, cookie, ok, _ := a.enter(a.newLink(Owner), "")
	if _, in := a.check(s.ID, cookie); !ok || !in {
		t.Fatal("a session does not work")
	}
	now = now.Add(sessionLife - time.Hour)
	if _, in := a.check(s.ID, cookie); !in {
		t.Error("a session ends before its time")
	}
	now = now.Add(sessionLife - time.Hour) // a visit begins the time anew
	if _, in := a.check(s.ID, cookie); !in {
		t.Error("a session that is visited ends")
	}
	now = now.Add(sessionLife + time.Hour)
	if _, in := a.check(s.ID, cookie); in {
		t.Error("a session that nobody visited goes on")
	}
	for range maxSessions + 5 {
		now = now.Add(time.Second)
		if _, _, ok, _ := a.enter(a.newLink(Owner), ""); !ok {
			t.Fatal("a link does not work")
		}
	}
	if n := len(a.list("")); n != maxSessions {
		t.Errorf("there are %d sessions; want at most %d", n, maxSessions)
	}
}

// Who somebody is comes from the session, whatever the request says; and each has what is theirs alone.
func TestIdentity(t *testing.T) {
	h := run(t, t.TempDir(), nil)
	ann, bob := visit(t, h.Channel, "ann", "annconversation"), visit(t, h.Channel, "bob", "bobconversation")
	ann.want(t, 200, ann.do(t, "POST", ann.base+"/messages", map[string]any{
		"c": "annconversation", "id": "message-0001", "text": "hi", "from": "bob", "From": "owner", "user": "owner", "private": false,
		"files": []map[string]any{{"name": "a.txt", "data": []byte("ann's")}},
	}), nil)
	if m := h.messages()[0]; m.From != "ann" || !m.Private {
		t.Errorf("heard %+v; want it from ann, private", m)
	}
	ann.until(t, "the message is shown", func() bool { return len(ann.have) == 1 })
	file := ann.shown()[0].Files[0].ID
	id, err := h.Send(t.Context(), channels.Post{To: "annconversation", Text: "choose", Choices: []channels.Choice{{Label: "Yes", Press: "p1"}}})
	if err != nil {
		t.Fatal(err)
	}
	form := make(chan error, 1)
	go func() {
		_, err := h.Ask(t.Context(), channels.Post{To: "annconversation", Only: "ann"}, login.Step{Field: &login.Field{Name: "Key", Secret: true}})
		form <- err
	}()
	ann.until(t, "the form is shown", func() bool { return len(ann.forms) == 1 })
	formID := ann.forms[0].ID
	annSession := strings.TrimPrefix(ann.base, h.URL()+"s/")
	for what, resp := range map[string]*http.Response{
		"a message":   bob.do(t, "POST", bob.base+"/messages", said{Conversation: "annconversation", ID: "message-0001", Text: "x"}),
		"a press":     bob.do(t, "POST", bob.base+"/press", said{Conversation: "annconversation", ID: "press-0001", Message: id, Press: "p1"}),
		"a title":     bob.do(t, "PATCH", bob.base+"/conversations/annconversation", map[string]string{"title": "bob's"}),
		"a file":      bob.do(t, "GET", bob.base+"/files/annconversation/"+file, nil),
		"old ones":    bob.do(t, "GET", bob.base+"/messages?c=annconversation&before=99", nil),
		"a form":      bob.do(t, "POST", bob.base+"/forms/"+formID, map[string]string{"answer": "bob's"}),
		"a deletion":  bob.do(t, "DELETE", bob.base+"/conversations/annconversation", nil),
		"her session": bob.do(t, "DELETE", bob.base+"/sessions/"+annSession, nil),
	} {
		text := body(t, resp)
		_ = resp.Body.Close()
		if resp.StatusCode == 200 && what != "a deletion" && what != "her session" {
			t.Errorf("%s of another person's gave 200: %s", what, text)
		}
	}
	ann.want(t, 200, ann.do(t, "GET", ann.base+"/files/annconversation/"+file, nil), nil)
	if n := len(h.messages()); n != 1 {
		t.Errorf("%d messages were heard; want ann's alone", n)
	}
	if resp := bob.do(t, "GET", bob.base+"/sessions", nil); strings.Contains(body(t, resp), annSession) {
		t.Error("bob's list names ann's session")
	}
	ann.want(t, 200, ann.do(t, "POST", ann.base+"/forms/"+formID, map[string]bool{"cancel": true}), nil)
	if err := <-form; !errors.Is(err, login.ErrCanceled) {
		t.Errorf("Ask gave %v; want ErrCanceled", err)
	}
	if _, err := h.Ask(t.Context(), channels.Post{To: "annconversation", Only: "bob"}, login.Step{Field: &login.Field{}}); err == nil {
		t.Error("bob was asked in ann's conversation")
	}
}

// A button works on the message that bears it, while it does, for whom it is shown to.
func TestDeadButtons(t *testing.T) {
	h := run(t, "", nil)
	v := visit(t, h.Channel, Owner, "conversation1")
	v.say(t, "hello")
	post := channels.Post{To: v.conv, Text: "choose", Choices: []channels.Choice{{Label: "Yes", Press: "p1"}, {Label: "Page", URL: "https://example.org/"}}}
	id, err := h.Send(t.Context(), post)
	if err != nil {
		t.Fatal(err)
	}
	press := func(n int, p channels.PressID, on channels.MessageID) int {
		resp := v.do(t, "POST", v.base+"/press", said{Conversation: v.conv, ID: fmt.Sprintf("press-%04d", n), Press: p, Message: on})
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	for i, c := range []struct {
		p  channels.PressID
		on channels.MessageID
	}{{"p2", id}, {"", id}, {"p1", "another"}, {"p1", ""}} {
		if code := press(i, c.p, c.on); code != 409 {
			t.Errorf("%q on %q gave %d; want 409", c.p, c.on, code)
		}
	}
	if code := press(10, "p1", id); code != 200 {
		t.Errorf("the button gave %d; want 200", code)
	}
	if err := h.Edit(t.Context(), id, channels.Post{To: v.conv, Text: "chosen"}); err != nil {
		t.Fatal(err)
	}
	if code := press(11, "p1", id); code != 409 {
		t.Errorf("a button that is gone gave %d; want 409", code)
	}
	if n := len(h.messages()); n != 2 {
		t.Errorf("%d messages were heard; want the text and one press", n)
	}
	for _, bad := range []string{"javascript:alert(1)", "data:text/html,x", "//evil.example", "ftp://x/", "\x01https://x"} {
		if got := webURL(bad); got != "" {
			t.Errorf("a button leads to %q", got)
		}
	}
}

// A name that comes from outside is never a path.
func TestNoPaths(t *testing.T) {
	home := t.TempDir()
	h := run(t, home, nil)
	v := visit(t, h.Channel, Owner, "conversation1")
	for _, c := range []string{"../../x", "..", "a/b/c/d/e/f", "conversation1/../../../x", "CONVERSATION1", "con", strings.Repeat("a", 41), "conversation1\x00"} {
		resp := v.do(t, "POST", v.base+"/messages", said{Conversation: channels.ConversationID(c), ID: "message-0001", Text: "x"})
		if _ = resp.Body.Close(); resp.StatusCode == 200 {
			t.Errorf("a conversation named %q is taken", c)
		}
	}
	v.send(t, said{Conversation: v.conv, ID: "message-0001", Files: []upload{
		{Name: "../../../etc/passwd", Type: "text/html", Data: []byte("<script>alert(1)</script>")},
		{Name: `..\..\evil` + "\x00\u202e.exe", Type: "image/svg+xml", Data: []byte("<svg onload=alert(1)>")},
	}})
	v.until(t, "the files are shown", func() bool { return len(v.have) == 1 })
	files := v.shown()[0].Files
	if files[0].Name != "passwd" || files[1].Name != "evil.exe" || files[1].Type != "application/octet-stream" {
		t.Errorf("the files are %+v", files)
	}
	for _, f := range files {
		resp := v.do(t, "GET", v.base+"/files/conversation1/"+f.ID, nil)
		if _ = resp.Body.Close(); !strings.HasPrefix(resp.Header.Get("Content-Disposition"), "attachment") ||
			!strings.Contains(resp.Header.Get("Content-Security-Policy"), "sandbox") || resp.Header.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("%s is shown in the page: %v", f.Name, resp.Header)
		}
	}
	for _, f := range []string{"..%2f..%2fsessions.json", "%2e%2e/sessions.json", "../conversation1.jsonl", strings.Repeat("0", 32)} {
		resp := v.do(t, "GET", v.base+"/files/conversation1/"+f, nil)
		if text := body(t, resp); resp.StatusCode == 200 || strings.Contains(text, "hash") {
			t.Errorf("file %q gave %d: %s", f, resp.StatusCode, text)
		}
	}
	err := filepath.WalkDir(home, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := os.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if runtime.GOOS != "windows" && path != home && info.Mode().Perm() != want {
			t.Errorf("%s has mode %v; want %v", path, info.Mode().Perm(), want)
		}
		if rel, _ := filepath.Rel(home, path); rel != "." && rel != "web" && !strings.HasPrefix(rel, "web"+string(filepath.Separator)) {
			t.Errorf("%s lies outside the page's folder", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What is too large is refused before it is held.
func TestBounds(t *testing.T) {
	h := run(t, "", nil)
	v := visit(t, h.Channel, Owner, "conversation1")
	files := func(n, size int) (out []upload) {
		for range n {
			out = append(out, upload{Name: "x", Data: make([]byte, size)})
		}
		return out
	}
	for what, in := range map[string]said{
		"text":       {Text: strings.Repeat("x", maxText+1)},
		"nothing":    {Text: " \n\t"},
		"many files": {Files: files(maxFiles+1, 1)},
	} {
		in.Conversation, in.ID = v.conv, "message-0001"
		if text := v.want(t, 413, v.do(t, "POST", v.base+"/messages", in), nil); !strings.Contains(text, ".") {
			t.Errorf("%s: %s is no sentence", what, text)
		}
	}
	large := said{Conversation: v.conv, ID: "message-0001", Files: files(2, maxUploads/2+1)}
	if _, wrong := large.check(); !strings.Contains(wrong, "12 MB") {
		t.Errorf("large files: %q", wrong)
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", v.base+"/messages", io.LimitReader(neverending{}, 1<<40))
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 1 << 40
	req.Header.Set("Content-Type", "application/json")
	resp, err := v.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	v.want(t, 413, resp, nil)
	v.want(t, 413, v.do(t, "POST", v.base+"/complete", map[string]string{"text": strings.Repeat("x", maxSmall)}), nil)
	if code := plain(t, "POST", h.URL()+"api/enter", `{"link":"`+strings.Repeat("x", maxSmall)+`"}`).StatusCode; code != 413 {
		t.Errorf("a huge request without a session gave %d; want 413", code)
	}
	if code := plain(t, "GET", h.URL(), "", "X-Large", strings.Repeat("x", 64<<10)).StatusCode; code != 431 {
		t.Errorf("a huge header gave %d; want 431", code)
	}
	if code := plain(t, "POST", h.URL()+"api/enter", `link=x`, "Content-Type", "text/plain").StatusCode; code != 415 {
		t.Errorf("what a form can send gave %d; want 415", code)
	}
	if n := len(h.messages()); n != 0 {
		t.Errorf("%d messages were heard; want none", n)
	}
}

type neverending struct{}

func (neverending) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// Every answer carries what keeps it from being shown, framed or run elsewhere, the errors too.
func TestHeaders(t *testing.T) {
	h := run(t, "", nil)
	for _, path := range []string{"", "page/main.js", "page/base.css", "page/none.js", "none", "s/x/session", "page/..%2fweb.go"} {
		resp := plain(t, "GET", h.URL()+path, "")
		for name, want := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("/%s: %s is %q; want %q", path, name, got, want)
			}
		}
		if resp.Header.Get("Access-Control-Allow-Origin") != "" || resp.Header.Get("Server") != "" {
			t.Errorf("/%s: %v", path, resp.Header)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || strings.Contains(policy, "*") {
		t.Error("the policy lets in what is inline, or others")
	}
	names, err := pageFiles.ReadDir("page")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names { // nothing inline, nothing from elsewhere, one place where text becomes markup
		data, err := pageFiles.ReadFile("page/" + n.Name())
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(data), "http://www.w3.org/", "")
		for _, bad := range []string{"http://", "https://", " style=", "onclick=", "<script>", "insertAdjacentHTML", "outerHTML =", "eval(", "document.write"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s holds %q", n.Name(), bad)
			}
		}
		if c := strings.Count(text, "innerHTML"); c > 1 || c == 1 && n.Name() != "dom.js" {
			t.Errorf("%s sets innerHTML %d times", n.Name(), c)
		}
	}
}

// Sessions outlive the gateway, and end when they are ended, with their streams.
func TestSessions(t *testing.T) {
	home := t.TempDir()
	h := run(t, home, nil)
	v := visit(t, h.Channel, Owner, "conversation1")
	addr := h.Addr()
	v.say(t, "before")
	h.stop()
	again := run(t, home, func(s *Settings) { s.Listen = addr })
	v.page = again.Channel
	v.tr.CloseIdleConnections() // of the gateway that is gone
	v.say(t, "after")
	v.until(t, "both are shown", func() bool { return len(v.have) == 2 })
	list := again.Sessions()
	if len(list) != 1 {
		t.Fatalf("there are %d sessions; want 1", len(list))
	}
	if err := again.Revoke(list[0].ID); err != nil {
		t.Fatal(err)
	}
	v.until(t, "its stream ends and opens no more", func() bool { return v.shut })
	resp := v.do(t, "GET", v.base+"/session", nil)
	if _ = resp.Body.Close(); resp.StatusCode != 401 {
		t.Errorf("after Revoke a request gave %d; want 401", resp.StatusCode)
	}
	if _, err := again.Send(t.Context(), channels.Post{To: v.conv, Text: "not for them"}); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(v.shown(), func(m shown) bool { return m.Text == "not for them" }) {
		t.Error("a stream goes on after Revoke")
	}
	var f accessFile
	data, err := os.ReadFile(filepath.Join(home, "web", "sessions.json"))
	if err != nil || json.Unmarshal(data, &f) != nil || len(f.Sessions) != 0 {
		t.Errorf("the file holds %s (%v); want no session", data, err)
	}
}

// A file of sessions that cannot be read is left as it is, and said.
func TestUnreadableSessions(t *testing.T) {
	home := t.TempDir()
	path := filepath.Join(home, "web", "sessions.json")
	if err := writeOwn(path, []byte("{broken")); err != nil {
		t.Fatal(err)
	}
	c, err := open(channels.Options{Settings: &Settings{Listen: "127.0.0.1:0", Home: home}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "sessions.json") {
		t.Errorf("Run gave %v; want a sentence that names the file", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "{broken" {
		t.Errorf("the file is %q now (%v)", data, err)
	}
}
