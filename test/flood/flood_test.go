// Package flood lets people talk to the whole core through the real adapters of Discord and Slack while the network and
// the services fail, and counts the answers. GATEWAY_SOAK=1 makes it ten thousand messages each.
package flood

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chatgateway/access"
	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/commands"
	"chatgateway/gateway"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/providertest"
	"chatgateway/store"
)

// service is a chat service as the people and the faults see it.
type service interface {
	account() gateway.Account
	say(talk int, text string)
	shown(talk int) []string // what the bot has shown in a talk
	online() bool
	faults() []func(*rand.Rand) // one at a time, in turn
	calm()                      // nothing goes wrong any more
	counts() string
}

// soak: all of it.
var soak = os.Getenv("GATEWAY_SOAK") != ""

const (
	talks  = 20
	window = 8 // messages that a person sends before waiting for answers
)

// world is the core with one account.
type world struct {
	t    *testing.T
	s    service
	path string
	log  buffer
	end  func()
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// last gives the last lines.
func (b *buffer) last(n int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines := strings.Split(b.b.String(), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

type everybody struct{}

func (everybody) Decide(context.Context, channels.AccountID, channels.Message) access.Decision {
	return access.Decision{Role: access.User}
}

// start serves.
func (w *world) start() {
	w.t.Helper()
	log := slog.New(slog.NewTextHandler(&w.log, nil))
	st, err := store.Open(w.t.Context(), w.path, store.Options{Sync: "normal", Log: log})
	if err != nil {
		w.t.Fatal(err)
	}
	model := providertest.New("fake")
	model.Forget()
	auth := providerauth.New(providerauth.Options{Store: providerauth.NewMemory(), Schemes: []providerauth.Scheme{model.Auth()}, Env: func(string) string { return "" }, Log: log})
	if err := auth.Put(w.t.Context(), "fake", providerauth.Credential{Type: providerauth.Key, Key: providertest.Key("flood")}); err != nil {
		w.t.Fatal(err)
	}
	g := gateway.New(gateway.Options{Store: st, Auth: auth, Providers: func() []providers.Provider { return []providers.Provider{model} }, Policy: everybody{},
		Commands: commands.All(), Log: log, Settings: gateway.Settings{Model: "fake/large"}, Version: "test"})
	g.Apply([]gateway.Account{w.s.account()})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Serve(ctx) }()
	w.end = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Serve: %v", err)
		}
		if err := auth.Close(context.Background()); err != nil {
			w.t.Error(err)
		}
		if err := st.Close(); err != nil {
			w.t.Error(err)
		}
	}
	w.until("the bot is online", w.s.online)
}

// until waits for what happens at the service, which has no event for it.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	end := time.After(2 * time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			w.t.Errorf("waited in vain until %s; the log ends:\n%s", what, w.log.last(30))
			w.t.FailNow()
		}
	}
}

var answers = regexp.MustCompile(`message \d+ of \d+\.`)

// answered counts the answers of a talk, by message. What waits together is answered together: the model echoes it all.
func (w *world) answered(talk int) map[string]int {
	n := map[string]int{}
	for _, text := range w.s.shown(talk) {
		for _, m := range answers.FindAllString(text, -1) {
			if strings.HasSuffix(m, fmt.Sprintf(" of %d.", talk)) { // others talk in the same channel
				n[m]++
			}
		}
	}
	return n
}

func message(n, talk int) string { return fmt.Sprintf("message %d of %d.", n, talk) }

// flood is the test: total messages in twenty talks, each answered once.
func flood(t *testing.T, s service) {
	t.Parallel()
	total := 240
	if soak {
		total = 10_000
	}
	w := &world{t: t, s: s, path: filepath.Join(t.TempDir(), "gateway.db")}
	w.start()
	t.Cleanup(func() { w.end() })
	begun := time.Now()
	var said atomic.Int64
	half := make(chan struct{}) // closed when the core has been restarted
	var people, greeted sync.WaitGroup
	greeted.Add(talks)
	for talk := range talks {
		people.Go(func() {
			for n := range total / talks {
				if n == total/talks/2 {
					<-half
				}
				if n >= window {
					w.wait(talk, n-window+1)
				}
				s.say(talk, message(n, talk))
				said.Add(1)
				if n == 0 { // Discord tells nobody of a direct conversation that was new while nobody listened
					w.wait(talk, 1)
					greeted.Done()
				}
			}
			w.wait(talk, total/talks)
		})
	}
	over := make(chan struct{})
	go func() { people.Wait(); close(over) }()
	greeted.Wait()
	w.harm(&said, int64(total), half, over)
	wrong := 0
	for talk := range talks {
		got := w.answered(talk)
		for n := range total / talks {
			if k := got[message(n, talk)]; k != 1 {
				if wrong++; wrong < 10 {
					t.Errorf("%q is answered %d times", message(n, talk), k)
				}
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d messages were not answered once; the log ends:\n%s", wrong, w.log.last(40))
	}
	t.Logf("%d messages, %d not answered once, in %s; %s", total, wrong, time.Since(begun).Round(time.Second), s.counts())
}

// wait waits until a talk has so many answers.
func (w *world) wait(talk, n int) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(3 * time.Minute); len(w.answered(talk)) < n; {
		select {
		case <-tick.C:
		case <-end:
			w.t.Errorf("talk %d has %d answers, not %d; the log ends:\n%s", talk, len(w.answered(talk)), n, w.log.last(20))
			return
		}
	}
}

// harm lets things go wrong while people talk, and restarts the core when half is said.
func (w *world) harm(said *atomic.Int64, total int64, half, over chan struct{}) {
	dice := rand.New(rand.NewPCG(1, uint64(total)))
	faults := w.s.faults()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	every := max(total/100, total/int64(2*len(faults)))
	restarted := false
	last := time.Now()
	for n := 0; ; {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		now := said.Load()
		switch {
		case now >= total || time.Since(last) > 2*time.Second: // what is held back may keep everybody waiting
			w.s.calm()
			last = time.Now()
		case now >= int64(n+1)*every:
			faults[n%len(faults)](dice)
			n++
			last = time.Now()
		}
		if !restarted && now >= total/2 {
			restarted = true
			w.end()
			w.start()
			close(half)
		}
	}
}

// secrets are tokens of tests.
func secrets(m map[string]string) *channeltest.Secrets { return channeltest.NewSecrets(m) }
