package providerauth

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"chatgateway/login"
)

func TestParsePasted(t *testing.T) {
	for in, want := range map[string][3]string{
		"abc123":                  {"abc123"},
		"  abc123\n":              {"abc123"},
		"abc123#st":               {"abc123", "st"},
		"code=abc123&state=st":    {"abc123", "st"},
		"?code=abc123&state=st":   {"abc123", "st"},
		"state=st&code=abc%2F123": {"abc/123", "st"},
		"http://localhost:1455/auth/callback?code=abc123&scope=a+b&state=st": {"abc123", "st"},
		"<https://x.example/cb?code=abc123&state=st>":                        {"abc123", "st"},
		"http://localhost:1455/cb?code=abc\n123&state=st":                    {"abc123", "st"},
		"http://localhost/cb?error=access_denied&state=st":                   {"", "st", "access_denied"},
		"https://x.example/cb#code=abc123&state=st":                          {"abc123", "st"},
		"4/0AX4XfWh-abc_DEF":       {"4/0AX4XfWh-abc_DEF"},
		"code=+":                   {},
		"code=a%00b&state=st":      {"", "st"},
		"http://localhost:1455/":   {},
		"I don't know what to do!": {},
		"":                         {},
		"abc":                      {},
		strings.Repeat("a", 9000):  {},
	} {
		code, state, fault := parsePasted(in)
		if got := [3]string{code, state, fault}; got != want {
			t.Errorf("%.80q gives %q, want %q", in, got, want)
		}
	}
}

func FuzzParsePasted(f *testing.F) {
	for _, s := range []string{"abc#st", "http://localhost/cb?code=a&state=b", "code=%zz", "#", "?&="} {
		f.Add(s)
	}
	a := (&server{}).client().authorize("http://localhost/cb")
	f.Fuzz(func(t *testing.T, s string) {
		code, err := a.code(s)
		if err == nil && (code == "" || strings.ContainsAny(code, "\n\x00 ")) {
			t.Errorf("%q gives the code %q", s, code)
		}
	})
}

func TestPaste(t *testing.T) {
	s := always(200, goodAnswer)
	p := say()
	p.shown = func(st login.Step) {
		if st.Field == nil {
			return
		}
		u, err := url.Parse(st.URL)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		if q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" || q.Get("client_id") != "our-client" ||
			q.Get("redirect_uri") != "https://id.example/shown" || q.Get("scope") != "openid models" || len(q.Get("state")) < 20 {
			t.Errorf("the link is %s", st.URL)
		}
		p.answers = []string{"what?", "FAKE-code#of-another-sign-in", "error=access_denied&state=of-another-sign-in", "https://id.example/shown?code=FAKE-code&state=" + q.Get("state")}
	}
	c, err := PasteMethod("browser", "Sign in", s.client()).Login(t.Context(), p)
	if err != nil || c.Refresh.Reveal() != "FAKE-refresh" || c.Expires.IsZero() {
		t.Fatalf("%v", err)
	}
	if len(p.refused) != 3 || !strings.Contains(p.refused[1], "another sign-in") || !strings.Contains(p.refused[2], "another sign-in") {
		t.Errorf("refused: %q", p.refused)
	}
	u, _ := url.Parse(p.steps[0].URL)
	f := s.requests()[0]
	if oauth2.S256ChallengeFromVerifier(f.Get("code_verifier")) != u.Query().Get("code_challenge") || f.Get("code") != "FAKE-code" {
		t.Errorf("sent %v", f)
	}
	if strings.Contains(p.steps[0].URL, f.Get("code_verifier")) || f.Get("code_verifier") == u.Query().Get("state") {
		t.Error("the verifier is in the link")
	}
	if !p.steps[len(p.steps)-1].Done {
		t.Error("the link still stands there")
	}
}

func TestPasteOfARefusal(t *testing.T) {
	s := always(200, goodAnswer)
	_, err := PasteMethod("browser", "Sign in", s.client()).Login(t.Context(), say("error=access_denied&error_description=FAKE-leak"))
	if err == nil || !strings.Contains(userMessage(err), "declined") || strings.Contains(err.Error(), "FAKE") {
		t.Errorf("got %v", err)
	}
	if len(s.requests()) != 0 {
		t.Error("something was exchanged")
	}
	s = always(400, `{"error":"invalid_grant"}`)
	_, err = PasteMethod("browser", "Sign in", s.client()).Login(t.Context(), say("FAKE-used-code"))
	if err == nil || errors.Is(err, ErrNeedsLogin) || !strings.Contains(userMessage(err), "did not take the code") || len(s.requests()) != 1 {
		t.Errorf("got %v after %d exchanges", err, len(s.requests()))
	}
}

func TestLoopback(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "[::1]", "localhost"} {
		t.Run(host, func(t *testing.T) {
			if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
				if host == "[::1]" {
					t.Logf("this host has no IPv6: %v", err)
					return
				}
			} else {
				_ = l.Close()
			}
			s := always(200, goodAnswer)
			c := s.client()
			c.RedirectURL = "http://localhost/auth/callback"
			p := say()
			var base string
			p.shown = func(st login.Step) {
				if st.Field == nil {
					return
				}
				u, _ := url.Parse(st.URL)
				redirect, _ := url.Parse(u.Query().Get("redirect_uri"))
				state := u.Query().Get("state")
				base = "http://" + net.JoinHostPort(strings.Trim(host, "[]"), redirect.Port())
				if code, body := get(t, base+"/auth/callback?code=FAKE-code&state=stale"); code != 400 || !strings.Contains(body, "another sign-in") {
					t.Errorf("a wrong state: %d %s", code, body)
				}
				if code, _ := get(t, base+"/auth/callback?error=access_denied&state=stale"); code != 400 {
					t.Errorf("an error with a wrong state: %d", code)
				}
				if code, _ := get(t, base+"/favicon.ico"); code != 404 {
					t.Errorf("another page: %d", code)
				}
				if code, _ := get(t, base+"/auth/callback?state="+state); code != 400 {
					t.Errorf("no code: %d", code)
				}
				if code, body := get(t, base+"/auth/callback?code=FAKE-code&state="+state); code != 200 || !strings.Contains(body, "close this window") {
					t.Errorf("the right one: %d %s", code, body)
				}
			}
			cred, err := LoopbackMethod("browser", "Sign in", c).Login(t.Context(), p)
			if err != nil || cred.Access.Reveal() != "FAKE-access" {
				t.Fatalf("%v", err)
			}
			if f := s.requests()[0]; f.Get("redirect_uri") != "http://localhost:"+strings.SplitAfter(base, ":")[strings.Count(base, ":")]+"/auth/callback" {
				t.Errorf("sent %v", f)
			}
			if conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://")); err == nil {
				_ = conn.Close()
				t.Error("the listener is still there")
			}
		})
	}
}

// What the browser reads of a refusal is a sentence of ours; nothing that came with it is shown, and a name is text.
func TestLoopbackReportsARefusal(t *testing.T) {
	for code, want := range map[string]string{
		`<script>alert("x")</script>`: "Acme &lt;script&gt; did not take the sign-in",
		"access_denied":               "The sign-in was declined on the page of Acme &lt;script&gt;. Begin again with /login",
	} {
		c := always(200, goodAnswer).client()
		c.RedirectURL, c.Name = "http://127.0.0.1/cb", "Acme <script>"
		p := say()
		p.shown = func(st login.Step) {
			if st.Field == nil {
				return
			}
			u, _ := url.Parse(st.URL)
			q := u.Query()
			_, body := get(t, q.Get("redirect_uri")+"?error="+url.QueryEscape(code)+"&error_description=FAKE-leak&state="+q.Get("state"))
			if !strings.Contains(body, want) || strings.Contains(body, "<script") || strings.Contains(body, "alert") || strings.Contains(body, "FAKE") {
				t.Errorf("%s: the page holds %s", code, body)
			}
		}
		if _, err := LoopbackMethod("browser", "Sign in", c).Login(t.Context(), p); err == nil || strings.Contains(err.Error(), "alert") {
			t.Errorf("%s: got %v", code, err)
		}
	}
}

func TestLoopbackIsRacedWithPasting(t *testing.T) {
	c := always(200, goodAnswer).client()
	l, err := net.Listen("tcp", "127.0.0.1:0") // somebody has the registered port
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	c.RedirectURL = "http://localhost:" + port + "/cb"
	var link *url.URL
	p := say()
	p.shown = func(st login.Step) {
		if st.Field == nil {
			return
		}
		link, _ = url.Parse(st.URL)
		p.answers = []string{"http://localhost:" + port + "/cb?code=FAKE-code&state=" + link.Query().Get("state")}
	}
	if _, err := LoopbackMethod("browser", "Sign in", c).Login(t.Context(), p); err != nil {
		t.Error(err)
	}
	if got := link.Query().Get("redirect_uri"); got != c.RedirectURL {
		t.Errorf("with its port taken it asks for %s", got)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	next := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	c.Ports = []int{next}
	if _, err := LoopbackMethod("browser", "Sign in", c).Login(t.Context(), p); err != nil {
		t.Error(err)
	}
	if got := link.Query().Get("redirect_uri"); strings.Contains(got, port) {
		t.Errorf("the next port is free, and it asks for %s", got)
	}
}

func TestLoopbackGivenUp(t *testing.T) {
	c := always(200, goodAnswer).client()
	c.RedirectURL = "http://127.0.0.1/cb"
	if _, err := LoopbackMethod("browser", "Sign in", c).Login(t.Context(), say("/cancel")); !errors.Is(err, login.ErrCanceled) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := LoopbackMethod("browser", "Sign in", c).Login(ctx, say()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url) //nolint:gosec,noctx // a page of the test itself
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return r.StatusCode, string(body)
}
