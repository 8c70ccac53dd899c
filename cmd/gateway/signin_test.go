package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/config"
	"chatgateway/internal/testpeers"
)

// screen gathers what is shown.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string { s.mu.Lock(); defer s.mu.Unlock(); return s.text.String() }

// shell runs the program in this process, with one home folder.
type shell struct {
	t    *testing.T
	home config.Home
}

// running is one command that runs.
type running struct {
	t     *testing.T
	stdin *io.PipeWriter
	out   bytes.Buffer // read after end
	err   screen
	code  chan int
}

// start starts a command whose standard input stays open.
func (s *shell) start(args ...string) *running {
	in, stdin := io.Pipe()
	r := &running{t: s.t, stdin: stdin, code: make(chan int, 1)}
	a := &app{in: in, out: &r.out, err: &r.err, env: func(name string) string {
		if name == "GATEWAY_HOME" {
			return string(s.home)
		}
		return ""
	}}
	go func() { r.code <- a.run(s.t.Context(), args) }()
	return r
}

// end waits for the end of the command and gives its exit code.
func (r *running) end() int {
	r.t.Helper()
	select {
	case code := <-r.code:
		_ = r.stdin.Close()
		return code
	case <-time.After(30 * time.Second):
		r.t.Fatalf("the command does not end\n%s", r.err.String())
		return -1
	}
}

// shown waits until something that fits is shown, and gives its first group.
func (r *running) shown(pattern string) string {
	r.t.Helper()
	re := regexp.MustCompile(pattern)
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(2 * time.Millisecond) {
		if m := re.FindStringSubmatch(r.err.String()); m != nil {
			return m[1]
		}
	}
	r.t.Fatalf("nothing like %s was shown:\n%s", pattern, r.err.String())
	return ""
}

// TestSignInAtTheShell signs in to an authorization server that is not ours, in every way that there is at a shell.
func TestSignInAtTheShell(t *testing.T) {
	i := testpeers.StartIssuer(t)
	s := &shell{t: t, home: config.Home(t.TempDir())}
	settings := "sign_in:\n"
	for _, flow := range []string{"code", "device"} {
		settings += fmt.Sprintf("  by-%s: {issuer: %q, client_id: gateway, flow: %s, redirect_url: \"http://localhost/callback\", base_url: %q, scopes: [openid, offline_access]}\n", flow, i.URL, flow, i.URL+"/v1") // at any port
	}
	if err := os.WriteFile(s.home.Config(), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	const link = `\n  (http://\S+/auth\?\S+)\n`
	in := func(r *running, want string) {
		t.Helper()
		if code := r.end(); code != 0 || !strings.Contains(r.out.String(), want) {
			t.Fatalf("exit code %d\n%s%s", code, r.out.String(), r.err.String())
		}
	}

	r := s.start("login", "by-code")
	i.Open(r.shown(link), true) // the browser comes back to this host
	in(r, "Logged in to by-code.")

	r = s.start("login", "by-code:phone")
	address, _ := i.Open(r.shown(link), false) // the browser is on another device
	if _, err := io.WriteString(r.stdin, address+"\n"); err != nil {
		t.Fatal(err)
	}
	in(r, "Logged in to by-code as by-code:phone.")

	r = s.start("login", "by-code:service") // standard input has ended, as under a service manager
	_ = r.stdin.Close()
	address = r.shown(link)
	r.shown(`(waiting for the browser; .* I wait \d+ minutes)`)
	i.Open(address, true)
	in(r, "Logged in to by-code as by-code:service.")

	r = s.start("login", "by-device")
	page := r.shown(`\n  (http://\S+)\n`)
	i.Enter(page, r.shown(`code: (\S+)`))
	in(r, "Logged in to by-device.")

	i.Set(testpeers.IssuerSettings{Deny: true})
	r = s.start("login", "by-code:denied")
	i.Open(r.shown(link), true)
	if code := r.end(); code != 1 || !strings.Contains(r.err.String(), "declined") {
		t.Fatalf("declined: exit code %d\n%s", code, r.err.String())
	}
	i.Set(testpeers.IssuerSettings{})

	data, err := os.ReadFile(filepath.Join(string(s.home), "auth", "providers.json"))
	if err != nil || strings.Contains(string(data), "denied") || strings.Count(string(data), `"refresh"`) != 4 {
		t.Fatalf("providers.json: %v", err)
	}
	r = s.start("auth", "status", "--check")
	in(r, "sign-in, stored")
	r = s.start("logout", "by-code", "--yes")
	in(r, "ended at the provider")
	if got := i.Stats().RevokedGrants; got < 3 {
		t.Errorf("%d sign-ins were ended at the provider, want 3", got)
	}
}
