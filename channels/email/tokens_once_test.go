package email

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"chatgateway/channelauth"
	"chatgateway/channels"
	"chatgateway/channels/email/emailtest"
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

// Processes over one channels.json renew a token once.
func TestOneRenewalAcrossProcesses(t *testing.T) {
	t.Parallel()
	a := &authServer{refresh: "FAKE-refresh-token.0000"}
	hs := httptest.NewServer(a)
	t.Cleanup(hs.Close)
	path := signedIn(t)
	type process struct {
		cmd *exec.Cmd
		in  io.Closer
		out *bufio.Scanner
	}
	var all []process
	for range 4 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "EMAIL_TEST_FILE="+path, "EMAIL_TEST_TOKENS="+hs.URL)
		cmd.Stderr = os.Stderr
		in, inErr := cmd.StdinPipe()
		out, outErr := cmd.StdoutPipe()
		if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
			t.Fatal(err)
		}
		p := process{cmd, in, bufio.NewScanner(out)}
		if !p.out.Scan() || p.out.Text() != channelauth.FromFile {
			t.Fatalf("the file is not read: %q", p.out.Text())
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
	if a.renewed != 1 {
		t.Errorf("renewed %d times, want once", a.renewed)
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
