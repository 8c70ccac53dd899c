package twitch_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"chatgateway/channelauth"
	"chatgateway/channels"
	"chatgateway/channels/twitch"
	"chatgateway/channels/twitch/twitchtest"
)

// TestMain lets the test binary be another process that looks at its token before it connects.
func TestMain(m *testing.M) {
	if path := os.Getenv("TWITCH_TEST_FILE"); path != "" {
		now, err := lookAt(path, os.Getenv("TWITCH_TEST_API"))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Print(now)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// lookAt looks at the token in a channels.json, and gives the one that is good then.
func lookAt(path, api string) (string, error) {
	account := accountOf(path)
	ch, err := twitch.Service.Open(channels.Options{
		Account: "twitch", Secrets: account, Client: http.DefaultClient,
		Settings: &twitch.Settings{ChannelName: "streamer", APIBase: api, Parts: 2, Prefix: "!"},
	})
	if err == nil {
		err = twitch.Look(context.Background(), ch)
	}
	return account.Secret("token").Reveal(), err
}

func accountOf(path string) channelauth.Source {
	return channelauth.Open(path, nil).Account("twitch", twitch.Service.Secrets)
}

// renewals is a Twitch for other processes, and a channels.json whose token it refuses.
type renewals struct {
	t       *testing.T
	s       *twitchtest.Server
	path    string
	api     string
	refused func()                     // nobody hears of a refused token before it returns
	renew   func(context.Context) bool // whether a renewal gets an answer
}

func newRenewals(t *testing.T, refused func(), renew func(context.Context) bool) *renewals {
	t.Helper()
	r := &renewals{t: t, s: twitchtest.New(), path: filepath.Join(t.TempDir(), "channels.json"), refused: refused, renew: renew}
	r.s.Clients["fakeclient0000"] = "fakesecret0000"
	old := r.s.AddToken(r.s.AddUser("gateway_bot"), token, 0)
	r.s.AddRefresh(old, "fakerefresh0000", "fakeclient0000")
	r.s.Revoke(token)
	err := accountOf(r.path).Store(t.Context(), secrets(map[string]string{
		"token": token, "refresh_token": "fakerefresh0000", "client_id": "fakeclient0000", "client_secret": "fakesecret0000",
	}))
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(r)
	t.Cleanup(web.Close)
	r.api = web.URL
	return r
}

func (r *renewals) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	switch {
	case strings.HasSuffix(req.Header.Get("Authorization"), " "+token):
		r.refused()
	case req.FormValue("grant_type") == "refresh_token" && !r.renew(req.Context()):
		return
	}
	r.s.Handler().ServeHTTP(w, req)
}

// start starts a process that looks at the token; out is for what it prints, the token that is good then.
func (r *renewals) start(out *bytes.Buffer) *exec.Cmd {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "TWITCH_TEST_FILE="+r.path, "TWITCH_TEST_API="+r.api)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	return cmd
}

// renewedOnce wants the processes that are left to have one and the same new token, which is stored.
func (r *renewals) renewedOnce(outs ...*bytes.Buffer) {
	r.t.Helper()
	now := accountOf(r.path).Secret("token").Reveal()
	for _, out := range outs {
		if out.String() != now || now == token {
			r.t.Errorf("a process has the token %q, the file %q", out, now)
		}
	}
	if n := r.s.Renewed(); n != 1 {
		r.t.Errorf("renewed %d times, want once", n)
	}
}

// Processes over one channels.json renew a token once.
func TestOneRenewalAcrossProcesses(t *testing.T) {
	var asked sync.WaitGroup
	asked.Add(2)
	r := newRenewals(t, func() { asked.Done(); asked.Wait() }, func(context.Context) bool { return true })
	var one, other bytes.Buffer
	for _, cmd := range []*exec.Cmd{r.start(&one), r.start(&other)} {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	r.renewedOnce(&one, &other)
}

// A process that is killed while it renews lets go, and the next one renews.
func TestKilledWhileItRenews(t *testing.T) {
	var tries atomic.Int32
	asked, renewing := make(chan bool, 2), make(chan bool)
	r := newRenewals(t, func() { asked <- true }, func(ctx context.Context) bool {
		if tries.Add(1) > 1 {
			return true
		}
		close(renewing)
		<-ctx.Done() // the process is gone
		return false
	})
	var lost, kept bytes.Buffer
	holder := r.start(&lost)
	<-asked
	<-renewing
	next := r.start(&kept)
	<-asked
	if n := tries.Load(); n != 1 {
		t.Errorf("%d renew at once", n)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // killed
	if err := next.Wait(); err != nil {
		t.Error(err)
	}
	r.renewedOnce(&kept)
}
