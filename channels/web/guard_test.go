package web

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/channels"
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
