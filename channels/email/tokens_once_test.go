package email

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"chatgateway/channelauth"
	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/email/emailtest"
	"chatgateway/internal/secret"
)

// signedIn makes a channels.json with a refresh token.
func signedIn(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "channels.json")
	stored := `{"email": {"username": "` + emailtest.User + `", "client_id": "fake-client", "refresh_token": "FAKE-refresh-token.0000"}}`
	if err := os.WriteFile(path, []byte(stored), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// over is a channel over a channels.json.
func over(path, tokenURL string) *channel {
	set := Service.Settings().(*Settings)
	set.IMAPHost, set.SMTPHost, set.OAuthTokenURL = "127.0.0.1", "127.0.0.1", tokenURL
	ch, err := Service.Open(channels.Options{Account: "email", Secrets: channelauth.Open(path, nil).Account("email", Service.Secrets), Settings: set})
	if err != nil {
		panic(err)
	}
	return ch.(*channel)
}

// TestMain lets the test binary be another process that needs a token: once it has read the file and is told to go on.
func TestMain(m *testing.M) {
	path := os.Getenv("EMAIL_TEST_FILE")
	if path == "" {
		os.Exit(m.Run())
	}
	c := over(path, os.Getenv("EMAIL_TEST_TOKENS"))
	fmt.Println(c.o.Secrets.From("refresh_token"))
	_, _ = io.Copy(io.Discard, os.Stdin)
	t, _, err := c.token(context.Background(), false)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(t.Reveal())
}

// Processes over one channels.json renew a token once, also one that stands in the environment: that is never written
// there, but what took its place is, and holds after a restart.
func TestOneRenewalAcrossProcesses(t *testing.T) {
	t.Parallel()
	a := &authServer{refresh: "FAKE-refresh-token.0000"}
	hs := httptest.NewServer(a)
	t.Cleanup(hs.Close)
	renewOnce(t, a, signedIn(t), hs.URL, channelauth.FromFile)
}

func TestOneRenewalOfAnEnvironmentsToken(t *testing.T) { // it sets the environment, and is not parallel
	a := &authServer{refresh: "FAKE-refresh-token.0000"}
	hs := httptest.NewServer(a)
	t.Cleanup(hs.Close)
	for name, value := range map[string]string{"USERNAME": emailtest.User, "CLIENT_ID": "fake-client", "REFRESH_TOKEN": "FAKE-refresh-token.0000"} {
		t.Setenv("EMAIL_"+name, value)
	}
	path := filepath.Join(t.TempDir(), "channels.json")
	a.keeps = true
	if got, _, err := over(path, hs.URL).token(t.Context(), false); err != nil || got.Reveal() != "FAKE-access-token.0001" {
		t.Errorf("the token is %q, %v", got.Reveal(), err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a token that was not replaced is stored (%v)", err)
	}
	a.mu.Lock()
	a.keeps, a.renewed = false, 0
	a.mu.Unlock()
	renewOnce(t, a, path, hs.URL, "EMAIL_REFRESH_TOKEN")
	if raw, err := os.ReadFile(path); err != nil || !bytes.Contains(raw, []byte("FAKE-refresh-token.0001")) || bytes.Contains(raw, []byte("FAKE-refresh-token.0000")) {
		t.Errorf("stored %s, %v; want the token that took the other's place, and not the environment's", raw, err)
	}
	later := over(path, hs.URL)
	for _, want := range []string{"FAKE-access-token.0001", "FAKE-access-token.0002", "FAKE-access-token.0003"} {
		if got, _, err := later.token(t.Context(), want != "FAKE-access-token.0001"); err != nil || got.Reveal() != want {
			t.Errorf("after a restart: %q, %v; want %s", got.Reveal(), err, want)
		}
	}
	t.Setenv("EMAIL_REFRESH_TOKEN", "FAKE-another-sign-in.0000")
	a.mu.Lock()
	a.refresh = "FAKE-another-sign-in.0000"
	a.mu.Unlock()
	if got, _, err := over(path, hs.URL).token(t.Context(), false); err != nil || got.Reveal() != "FAKE-access-token.0004" {
		t.Errorf("another token in the environment: %q, %v", got.Reveal(), err)
	}
}

// renewOnce lets four processes need a token at once.
func renewOnce(t *testing.T, a *authServer, path, tokenURL, from string) {
	t.Helper()
	type process struct {
		cmd *exec.Cmd
		in  io.Closer
		out *bufio.Scanner
	}
	var all []process
	for range 4 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "EMAIL_TEST_FILE="+path, "EMAIL_TEST_TOKENS="+tokenURL)
		cmd.Stderr = os.Stderr
		in, inErr := cmd.StdinPipe()
		out, outErr := cmd.StdoutPipe()
		if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
			t.Fatal(err)
		}
		p := process{cmd, in, bufio.NewScanner(out)}
		if !p.out.Scan() || p.out.Text() != from {
			t.Fatalf("the token is from %q; want %q", p.out.Text(), from)
		}
		all = append(all, p)
	}
	for _, p := range all {
		_ = p.in.Close()
	}
	for _, p := range all {
		if p.out.Scan(); p.out.Text() != "FAKE-access-token.0001" {
			t.Errorf("a process has %q", p.out.Text())
		}
		if err := p.cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.renewed != 1 {
		t.Errorf("renewed %d times, want once", a.renewed)
	}
}

// sealed is a channels.json in a folder that cannot be written to.
type sealed struct {
	*channeltest.Secrets
	from string
}

func (s sealed) From(string) string { return s.from }

func (s sealed) Store(context.Context, map[string]secret.String) error { return os.ErrPermission }

func (s sealed) Alone(ctx context.Context, f func(context.Context) error) error {
	if s.from != channelauth.FromFile {
		return os.ErrPermission
	}
	return s.Secrets.Alone(ctx, f)
}

// A token that was replaced and cannot be stored serves until the program ends, and the owners are told.
func TestUnkeptToken(t *testing.T) {
	t.Parallel()
	for _, from := range []string{channelauth.FromFile, "EMAIL_REFRESH_TOKEN"} {
		a := &authServer{refresh: "FAKE-refresh-token.0000"}
		hs := httptest.NewServer(a)
		t.Cleanup(hs.Close)
		c := over(signedIn(t), hs.URL)
		c.o.Secrets = sealed{channeltest.NewSecrets(map[string]string{"username": emailtest.User, "client_id": "fake-client", "refresh_token": "FAKE-refresh-token.0000"}), from}
		for n, again := range []bool{false, false, true, true} {
			if got, _, err := c.token(t.Context(), again); err != nil || got.Reveal() != nth("FAKE-access-token.%04d", max(1, n)) {
				t.Errorf("%s: the token is %q, %v", from, got.Reveal(), err)
			}
		}
		if say := c.hint(); !strings.Contains(say, "cannot be stored") {
			t.Errorf("%s: the state says %q", from, say)
		}
	}
}

// Two channels over one channels.json renew a token once, also where both were refused.
func TestOneRenewalAcrossChannels(t *testing.T) {
	t.Parallel()
	a := &authServer{refresh: "FAKE-refresh-token.0000"}
	gate := make(chan struct{})
	hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-gate; a.ServeHTTP(w, r) }))
	t.Cleanup(hs.Close)
	path := signedIn(t)
	both := []*channel{over(path, hs.URL), over(path, hs.URL)}
	token := func(c *channel, again bool, want string) {
		t.Helper()
		if got, _, err := c.token(t.Context(), again); err != nil || got.Reveal() != want {
			t.Errorf("got %q, %v; want %s", got.Reveal(), err, want)
		}
	}
	var wg sync.WaitGroup
	for _, c := range both {
		if c.o.Secrets.Secret("refresh_token").Reveal() != "FAKE-refresh-token.0000" { // both have read the file
			t.Fatal("the file is not read")
		}
		wg.Go(func() { token(c, false, "FAKE-access-token.0001") })
	}
	close(gate)
	wg.Wait()
	token(both[0], true, "FAKE-access-token.0002") // it was refused: somebody signed out elsewhere
	token(both[1], true, "FAKE-access-token.0002") // refused here too, and the other has renewed it already
	token(both[1], true, "FAKE-access-token.0003")
	token(both[0], true, "FAKE-access-token.0003")
	if a.renewed != 3 {
		t.Errorf("renewed %d times, want 3", a.renewed)
	}
}
