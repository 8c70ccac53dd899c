package providerauth

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/internal/secret"
	"chatgateway/login"
)

// canaries are secrets of which not eight letters may be found anywhere but in the 0600 files.
type canaries struct {
	mu    sync.Mutex // guards what follows
	birds map[string]string
	seen  bytes.Buffer // everything that was said to anybody
}

// bird makes a secret and remembers it.
func (c *canaries) bird(role string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := rand.Text()
	if c.birds == nil {
		c.birds = map[string]string{}
	}
	c.birds[b] = role
	return b
}

// say keeps what somebody is told, in every way in which Go prints it.
func (c *canaries) say(what ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range what {
		_, _ = fmt.Fprintf(&c.seen, "%v\n%+v\n%#v\n%q\n%x\n", w, w, w, w, w)
		if b, err := json.Marshal(w); err == nil {
			c.seen.Write(b)
		}
		var u interface{ UserMessage() string }
		if err, ok := w.(error); ok && errors.As(err, &u) {
			c.seen.WriteString(u.UserMessage())
		}
	}
}

// Write makes it a place for logs.
func (c *canaries) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen.Write(p)
}

// find looks for eight letters of any of them.
func (c *canaries) find(t *testing.T, where string, text []byte) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for bird, role := range c.birds {
		for i := 0; i+8 <= len(bird); i++ {
			if at := bytes.Index(text, []byte(bird[i:i+8])); at >= 0 {
				t.Errorf("%s: part of %s: …%s…", where, role, text[max(0, at-80):min(len(text), at+40)])
				return
			}
		}
	}
}

// leaky is an authorization server that puts all that it knows into everything it answers, and fails as it is told.
type leaky struct {
	c    *canaries
	mu   sync.Mutex // guards what follows
	mode string
}

func (l *leaky) set(mode string) { l.mu.Lock(); l.mode = mode; l.mu.Unlock() }

func (l *leaky) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	mode := l.mode
	l.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, _ := url.ParseQuery(string(body))
	echo := string(body) + l.c.bird("what the server says")
	grant := form.Get("grant_type")
	if mode == "pending" && grant == deviceGrant {
		return reply(400, `{"error":"authorization_pending","error_description":"`+echo+`"}`), nil
	}
	if strings.HasSuffix(r.URL.Path, "/device") && !strings.HasPrefix(mode, "device") {
		return reply(200, fmt.Sprintf(`{"device_code":%q,"user_code":"ABCD","verification_uri":"https://id.example/a","expires_in":0.3,"interval":0.01}`, l.c.bird("a device code"))), nil
	}
	good := fmt.Sprintf(`{"access_token":%q,"refresh_token":%q,"expires_in":3600}`, l.c.bird("an access token"), l.c.bird("a refresh token"))
	switch strings.TrimPrefix(mode, "device ") {
	case "good", "pending":
		return reply(200, good), nil
	case "dead":
		return reply(400, `{"error":"invalid_grant","error_description":"`+echo+`"}`), nil
	case "odd code":
		return reply(400, `{"error":"`+echo+`"}`), nil
	case "odd object":
		return reply(401, `{"error":{"type":"`+echo+`","message":"`+echo+`"}}`, "Www-Authenticate", echo), nil
	case "page":
		return reply(503, "<html>"+echo, "Content-Type", "text/html", "Retry-After", echo), nil
	case "moved":
		return reply(302, echo, "Location", "https://elsewhere.example/?"+echo), nil
	case "cut":
		return reply(200, good[:len(good)-30]), nil
	case "strange":
		return reply(200, `{"access_token":7,"refresh_token":["`+echo+`"]}`), nil
	case "broken":
		return nil, &url.Error{Op: "Post", URL: r.URL.String() + "?" + echo, Err: &net.OpError{Op: "read", Err: errors.New("reset")}}
	}
	return reply(404, echo), nil
}

var leakyModes = []string{"good", "dead", "odd code", "odd object", "page", "moved", "cut", "strange", "broken", "pending", "device page", "device odd code", "device strange", "device broken"}

func TestCanary(t *testing.T) {
	c := &canaries{}
	dir := t.TempDir()
	leak := &leaky{c: c}
	client := (&server{}).client()
	client.HTTP = &http.Client{Transport: leak, CheckRedirect: client.HTTP.CheckRedirect}
	client.Secret = secret.New(c.bird("a client secret"))
	pasted := client
	client.RedirectURL = "http://127.0.0.1/cb"
	var probe func() (Finding, error)
	sc := Scheme{
		ID: "acme", Name: "Acme", Env: []string{"ACME_KEY"}, Refresh: client.Refresh, Revoke: client.Revoke,
		Probe: func(context.Context, Credential) (Finding, error) { return probe() },
		Methods: []Method{KeyMethod("Acme", "", nil), TokenMethod("Acme", "", time.Hour, nil),
			PasteMethod("paste", "Paste", pasted), LoopbackMethod("browser", "Browser", client), DeviceMethod("device", "Device", client)},
	}
	env := map[string]string{"ACME_KEY": c.bird("a key in the environment")}
	path := filepath.Join(dir, "auth", "providers.json")
	store := OpenFile(path)
	m := New(Options{
		Store: store, Schemes: []Scheme{sc}, Env: func(k string) string { return env[k] },
		Log:    slog.New(slog.NewJSONHandler(c, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Notify: func(e Event) { c.say(e) },
	})
	m.Override("acme:runtime", secret.New(c.bird("a key from the command line")), "/run/key")
	probes := map[string]func() (Finding, error){
		"works":   func() (Finding, error) { return Finding{Works: true, Sure: true}, nil },
		"refused": func() (Finding, error) { return Finding{Sure: true, Note: "It was refused."}, nil },
		"fails":   func() (Finding, error) { return Finding{}, &OAuthError{Name: "Acme", Status: 500} },
	}
	p := &person{}
	p.shown = func(s login.Step) {
		c.say(s.Text, s.URL, s.Label, s.Code)
		if s.Field == nil {
			return
		}
		c.say(s.Field.Name)
		var answers []string
		switch s.Field.Name {
		case FieldReplace, FieldRefused:
			answers = []string{"yes"}
		case "API key", "Token":
			answers = []string{"short" + c.bird("a key")[:8], c.bird("a key") + " " + c.bird("a key"), c.bird("a key")}
		case "Code":
			u, _ := url.Parse(s.URL)
			answers = []string{
				"https://id.example/?code=" + c.bird("a code") + "&state=" + c.bird("another state"),
				"https://id.example/?code=" + c.bird("a code") + "&state=" + u.Query().Get("state")}
		}
		p.mu.Lock()
		p.answers = answers
		p.mu.Unlock()
		for _, a := range answers {
			if s.Field.Check != nil {
				if err := s.Field.Check(a); err != nil {
					c.say(err)
				}
			}
		}
	}
	use := func() {
		for _, account := range []string{"", "other", "runtime", "env", "nobody"} {
			cred, err := m.Credential(t.Context(), Want{Provider: "acme", Account: account})
			c.say(cred, err)
			if err != nil {
				continue
			}
			c.say(m.Renew(t.Context(), cred))
			m.Report(cred, Unauthorized, 0)
			c.say(m.Check(t.Context(), cred.ID))
		}
		c.say(m.Status(t.Context(), ""))
		c.say(m.StoreErr())
		v := m.look()
		m.announce(t.Context(), v, time.Now(), map[ID]string{})
	}
	for name, f := range probes {
		probe = f
		for _, method := range []string{"key", "token", "paste", "browser", "device"} {
			for _, mode := range leakyModes {
				if mode != "good" && name != "works" {
					continue
				}
				leak.set(mode)
				out, err := m.Login(t.Context(), "acme", method, p)
				c.say(out, err)
				m.mu.Lock()
				clear(m.failures)
				m.mu.Unlock()
				use()
			}
		}
	}
	for _, mode := range leakyModes {
		leak.set("good")
		_, _ = m.Login(t.Context(), "acme", "paste", p)
		leak.set(mode)
		out, err := m.Logout(t.Context(), "acme")
		c.say(out, err)
	}
	leak.set("good")
	_, _ = m.Login(t.Context(), "acme", "paste", p)
	files(t, c, dir)

	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range [][]byte{data[:len(data)-20], bytes.ReplaceAll(data, []byte(`"refresh": "`), []byte(`"refresh": 7, "x": "`))} {
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		store.next.Store(0)
		_, err := m.Login(t.Context(), "acme", "key", p)
		c.say(err)
		use()
	}
	c.find(t, "what was said", c.seen.Bytes())
	if n := c.seen.Len(); n < 100_000 {
		t.Errorf("only %d bytes were said: that proves little", n)
	}
	t.Logf("%d secrets, %d bytes of logs, errors, prompts and states", len(c.birds), c.seen.Len())
}

// files checks that secrets stand in the 0600 file alone.
func files(t *testing.T, c *canaries, dir string) {
	found := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if filepath.Base(path) == "providers.json" {
			found++
			if info, err := d.Info(); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %o, %v", path, info.Mode().Perm(), err)
			}
			return nil
		}
		c.find(t, path, data)
		return nil
	})
	if err != nil || found != 1 {
		t.Errorf("%d files, %v", found, err)
	}
}
