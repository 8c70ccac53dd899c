package providerauth

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chatgateway/internal/testpeers"
	"chatgateway/login"
)

// child starts this test binary as another process that does one of the things of TestChild.
func child(ctx context.Context, do, path string, issuer *testpeers.Issuer) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), "GATEWAY_TEST_CHILD="+do, "GATEWAY_TEST_FILE="+path, "GATEWAY_TEST_ISSUER="+issuer.URL)
	return cmd
}

// TestChild is the other process: "look" looks a credential up with 20 goroutines; "renew" renews one as fast as it
// can, and says after each time when the token that it got was issued.
func TestChild(t *testing.T) {
	do, path := os.Getenv("GATEWAY_TEST_CHILD"), os.Getenv("GATEWAY_TEST_FILE")
	if do == "" {
		return
	}
	m := realManager(t, &testpeers.Issuer{URL: os.Getenv("GATEWAY_TEST_ISSUER")}, path)
	switch do {
	case "look":
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				c, err := m.Credential(t.Context(), Want{Provider: "real"})
				fmt.Printf("GOT %s %v\n", c.Access.Fingerprint(), err)
			})
		}
		wg.Wait()
	case "renew":
		fmt.Println("READY")
		for {
			c, err := m.Credential(t.Context(), Want{Provider: "real"})
			if err == nil {
				c, err = m.Renew(t.Context(), c)
			}
			if err != nil {
				fmt.Printf("FAILED %v\n", err)
				return
			}
			fmt.Printf("RENEWED %d\n", c.Issued.UnixMilli())
		}
	}
}

func TestFiftyProcessesRenewOnce(t *testing.T) {
	i := testpeers.StartIssuer(t)
	path := filepath.Join(t.TempDir(), "providers.json")
	m := realManager(t, i, path)
	if _, err := m.Login(t.Context(), "real", "paste", visitor(t, i, false)); err != nil {
		t.Fatal(err)
	}
	age(t, path)
	i.Set(testpeers.IssuerSettings{Slow: 50})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex // guards got
	got := map[string]int{}
	for range 50 {
		wg.Go(func() {
			out, err := child(ctx, "look", path, i).Output()
			if err != nil {
				t.Errorf("a process: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			for line := range strings.Lines(string(out)) {
				if rest, ok := strings.CutPrefix(line, "GOT "); ok {
					got[strings.TrimSpace(rest)]++
				}
			}
		})
	}
	wg.Wait()
	if len(got) != 1 {
		t.Errorf("1,000 look-ups gave %v, want one token and no error", got)
	}
	for _, n := range got {
		if n != 1000 {
			t.Errorf("%d look-ups were answered", n)
		}
	}
	if s := i.Stats(); s.Refreshes != 1 || s.RevokedGrants != 0 {
		t.Errorf("the server did %+v, want one exchange", s)
	}
}

// age makes the stored token one that has run out.
func age(t *testing.T, path string) {
	t.Helper()
	err := OpenFile(path).Update(t.Context(), "real", func(_ context.Context, c Credential) (Credential, error) {
		c.Expires = time.Now().Add(-time.Minute)
		return c, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestKilledRenewals kills a process that renews without a pause, again and again. The file must parse every time and
// never hold an older token than one that was given out. Where the kill fell between the server's answer and our disk,
// the next process says so; any other end of the sign-in is a failure.
func TestKilledRenewals(t *testing.T) {
	kills := soak(200)
	i := testpeers.StartIssuer(t)
	path := filepath.Join(t.TempDir(), "providers.json")
	m := realManager(t, i, path)
	signIn := func() {
		if _, err := m.Login(t.Context(), "real", "paste", visitor(t, i, false)); err != nil {
			t.Fatal(err)
		}
	}
	signIn()
	lost, renewed, pause := 0, 0, min(6*renewalTime(t, m), 150*time.Millisecond)
	for range kills {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := child(ctx, "renew", path, i)
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(pipe)
		lines.Scan() // READY
		var newest int64
		failed := ""
		timer := time.AfterFunc(rand.N(pause), func() { _ = cmd.Process.Kill() })
		for lines.Scan() {
			word, rest, _ := strings.Cut(lines.Text(), " ")
			switch word {
			case "RENEWED":
				newest, _ = strconv.ParseInt(rest, 10, 64)
				renewed++
			case "FAILED":
				failed = rest
			}
		}
		timer.Stop()
		_ = cmd.Wait()
		cancel()

		var file map[string]struct {
			Issued  int64  `json:"issued"`
			Refresh string `json:"refresh"`
		}
		data, err := os.ReadFile(path)
		if err != nil || json.Unmarshal(data, &file) != nil || file["real"].Refresh == "" {
			t.Fatalf("after a kill the file does not parse (%v): %q", err, data)
		}
		if file["real"].Issued < newest {
			t.Fatalf("the file holds a token of %d, and one of %d was given out", file["real"].Issued, newest)
		}
		switch {
		case strings.Contains(failed, "cut off"): // said by this process, or written down by one that was killed then
			lost++
			signIn()
		case failed != "":
			t.Fatalf("a renewal failed without a kill: %s", failed)
		}
	}
	t.Logf("%d kills within %v, %d renewals, %d times between the server's answer and our disk, each said", kills, pause, renewed, lost)
	if kills == 200 && renewed < kills/4 {
		t.Errorf("only %d renewals: the kills came too early to prove anything", renewed)
	}
}

// soak is how often something is done: all of it where the long tests are asked for, else a few times.
func soak(all int) int {
	if os.Getenv("GATEWAY_SOAK") != "" {
		return all
	}
	return all / 8
}

// renewalTime measures how long a renewal takes here and now.
func renewalTime(t *testing.T, m *Manager) time.Duration {
	t.Helper()
	start := time.Now()
	for range 5 {
		c, err := m.Credential(t.Context(), Want{Provider: "real"})
		if err == nil {
			_, err = m.Renew(t.Context(), c)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(start) / 5
}

// TestCanceledRenewalsAndLogins cancels whoever waits at random moments. Nothing may be lost by that.
func TestCanceledRenewalsAndLogins(t *testing.T) {
	rounds := soak(300)
	i := testpeers.StartIssuer(t)
	path := filepath.Join(t.TempDir(), "providers.json")
	m := realManager(t, i, path)
	if _, err := m.Login(t.Context(), "real", "paste", visitor(t, i, false)); err != nil {
		t.Fatal(err)
	}
	i.Set(testpeers.IssuerSettings{Slow: 2})
	pause := 2 * renewalTime(t, m)
	var canceled, done, logins atomic.Int64
	var wg sync.WaitGroup
	for worker := range 3 {
		wg.Go(func() {
			for n := range rounds / 3 {
				ctx, cancel := context.WithTimeout(t.Context(), rand.N(pause))
				var err error
				if worker == 0 && n%4 == 0 {
					logins.Add(1)
					_, err = m.Login(ctx, "real:other", "paste", quiet(i))
				} else {
					var c Credential
					if c, err = m.Credential(ctx, Want{Provider: "real", Account: "default"}); err == nil {
						_, err = m.Renew(ctx, c)
					}
				}
				var oe *OAuthError
				switch {
				case err == nil:
					done.Add(1)
				case ctx.Err() != nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, login.ErrCanceled) || errors.As(err, &oe)):
					canceled.Add(1)
				default:
					t.Errorf("got %v", err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	c, err := m.Credential(t.Context(), Want{Provider: "real", Account: "default"})
	if err == nil {
		_, err = m.Renew(t.Context(), c)
	}
	if s := i.Stats(); err != nil || m.Lost() != 0 || s.RevokedGrants != 0 {
		t.Errorf("a cancellation lost the sign-in: %v, lost %d, server %+v", err, m.Lost(), s)
	}
	t.Logf("%d canceled, %d done, %d of them logins", canceled.Load(), done.Load(), logins.Load())
	if rounds == 300 && (canceled.Load() < 20 || done.Load() < 20) {
		t.Error("too few of one kind to prove anything")
	}
}

// quiet is a person who signs in without a test to report to: the browser may be cut short.
func quiet(i *testpeers.Issuer) *person {
	p := say()
	p.shown = func(s login.Step) {
		if s.Field != nil && s.URL != "" {
			address, _ := i.Open(s.URL, false)
			p.mu.Lock()
			p.answers = []string{address}
			p.mu.Unlock()
		}
	}
	return p
}

// TestRenewalThroughBadWeather meets failing, hanging and broken answers; the sign-in survives what can be survived.
func TestRenewalThroughBadWeather(t *testing.T) {
	i := testpeers.StartIssuer(t)
	path := filepath.Join(t.TempDir(), "providers.json")
	c := real(i)
	hanging := &hurried{}
	c.HTTP = &http.Client{Transport: hanging}
	m := New(Options{Store: OpenFile(path), Schemes: []Scheme{realScheme(c)}})
	if _, err := m.Login(t.Context(), "real", "paste", visitor(t, i, false)); err != nil {
		t.Fatal(err)
	}
	for _, fail := range []string{"503", "hang", "503"} {
		i.Set(testpeers.IssuerSettings{Fail: []string{fail}})
		cred, err := m.Credential(t.Context(), Want{Provider: "real"})
		if err != nil {
			t.Fatal(err)
		}
		hanging.on.Store(fail == "hang")
		if _, err := m.Renew(t.Context(), cred); !errors.Is(err, ErrRenewal) {
			t.Errorf("%s: got %v", fail, err)
		}
		hanging.on.Store(false)
		m.mu.Lock()
		clear(m.failures) // as time would
		m.mu.Unlock()
		if _, err := m.Renew(t.Context(), cred); err != nil {
			t.Errorf("after %s: %v", fail, err)
		}
	}
}

// hurried gives up soon while it is on, so that only a request that is to hang has a short time.
type hurried struct{ on atomic.Bool }

// RoundTrip implements http.RoundTripper.
func (h *hurried) RoundTrip(r *http.Request) (*http.Response, error) {
	if !h.on.Load() {
		return httpClient.Transport.RoundTrip(r)
	}
	ctx, cancel := context.WithTimeout(r.Context(), 300*time.Millisecond)
	defer cancel()
	return httpClient.Transport.RoundTrip(r.WithContext(ctx))
}
