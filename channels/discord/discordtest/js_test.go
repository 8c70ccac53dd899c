package discordtest_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/channels/discord/discordtest"
	"chatgateway/internal/testpeers"
)

// js is a bot on discord.js.
type js struct {
	t     *testing.T
	mu    sync.Mutex
	lines []map[string]any // guarded by mu
	ended chan error
}

func startJS(t *testing.T, s *discordtest.Server, token string) *js {
	t.Helper()
	dir := testpeers.Dir(t, "discord.js")
	cmd := exec.CommandContext(t.Context(), "node", "js/bot.mjs")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "NODE_NO_WARNINGS=1", "PEERS=" + dir, "API=" + s.URL, "TOKEN=" + token}
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := &js{t: t, ended: make(chan error, 1)}
	read := make(chan struct{})
	go func() { // ends with the program; the cleanup waits for it
		defer close(read)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			line := map[string]any{}
			if json.Unmarshal(sc.Bytes(), &line) != nil {
				line["event"] = sc.Text()
			}
			b.mu.Lock()
			b.lines = append(b.lines, line)
			b.mu.Unlock()
		}
		b.ended <- cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-read
		if t.Failed() {
			t.Logf("the bot said: %v", b.lines)
		}
	})
	return b
}

// event waits for the n-th line of a kind.
func (b *js) event(kind string, n int) (line map[string]any) {
	b.t.Helper()
	b.until(fmt.Sprintf("%s %d", kind, n), func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		seen := 0
		for _, l := range b.lines {
			if l["event"] == "failed" || l["event"] == "error" {
				b.t.Fatalf("the client failed: %v", l)
			}
			if l["event"] == kind {
				if seen++; seen == n {
					line = l
					return true
				}
			}
		}
		return false
	})
	return line
}

func (b *js) until(what string, ok func() bool) {
	b.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(30 * time.Second); !ok(); {
		select {
		case <-tick.C:
		case <-end:
			b.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestDiscordJS runs a client on the fake that knows nothing of ours: on a fake that serves one client alone, that
// client's mistakes are right.
func TestDiscordJS(t *testing.T) {
	s := discordtest.New(t, discordtest.Options{})
	b := startJS(t, s, discordtest.Token)
	ready := b.event("ready", 1)
	if ready["user"] != s.Bot || ready["commands"] != 2.0 || ready["guilds"] != 1.0 || ready["channels"] != 1.0 {
		t.Errorf("ready: %v", ready)
	}
	shows := func(person, channel, text string) (found discordtest.Shown) {
		t.Helper()
		b.until("the message "+text, func() bool {
			for _, m := range s.See(person, channel) {
				if m.Text == text {
					found = m
					return true
				}
			}
			return false
		})
		return found
	}
	s.Say(discordtest.Said{Person: "ann", Text: "hello <@" + s.Bot + ">", Channel: s.Channel})
	if m := b.event("message", 1); m["mentions"] != 1.0 || m["guild"] != s.Guild {
		t.Errorf("message: %v", m)
	}
	shows("bob", s.Channel, "edited: hello <@"+s.Bot+">")
	s.Say(discordtest.Said{Person: "ann", Text: "privately", Files: map[string][]byte{"x.png": []byte("x")}})
	if m := b.event("message", 2); m["guild"] != nil || m["files"] != 1.0 {
		t.Errorf("message: %v", m)
	}
	shows("ann", s.Direct("ann"), "edited: privately")
	s.Say(discordtest.Said{Person: "ann", Text: "file", Channel: s.Channel})
	if m := shows("ann", s.Channel, "edited: file"); len(m.Files) != 1 || m.Files[0] != "a.txt" {
		t.Errorf("a file: %+v", m)
	}
	thread := s.Say(discordtest.Said{Person: "ann", Text: "thread", Channel: s.Channel})
	shows("ann", thread, "in the thread")

	s.Say(discordtest.Said{Person: "ann", Text: "buttons", Channel: s.Channel})
	m := shows("ann", s.Channel, "choose")
	must(t)(s.Press("ann", s.Channel, m.ID, "Update"))
	shows("bob", s.Channel, "updated")
	form := must(t)(s.Press("ann", s.Channel, m.ID, "Form"))
	must(t)(s.Submit("ann", form, "words"))
	if m := shows("ann", s.Channel, "wrote words"); !m.Hidden {
		t.Error("what was for ann is shown to all")
	}
	must(t)(s.Press("ann", s.Channel, m.ID, "Two"))
	shows("bob", s.Channel, "took 2")

	must(t)(s.Slash("ann", s.Channel, "ask", "what", "why"))
	shows("bob", s.Channel, "you asked why")
	if got, err := s.Complete("ann", s.Channel, "ask", "what", "wh"); err != nil || len(got) != 1 || got[0] != "wh!" {
		t.Errorf("completions: %q, %v", got, err)
	}
	must(t)(s.Slash("ann", s.Channel, "hush"))
	shows("bob", s.Channel, "for all")
	shows("ann", s.Channel, "hidden too")
	for _, m := range s.See("bob", s.Channel) {
		if strings.HasPrefix(m.Text, "hidden") {
			t.Errorf("bob sees %q", m.Text)
		}
	}

	for n, cut := range []func(){s.Cut, s.Reconnect, func() { s.CloseGateway(4000) }} {
		cut()
		s.Say(discordtest.Said{Person: "bob", Text: fmt.Sprintf("meanwhile %d", n)})
		b.event("resumed", n+1)
		shows("bob", s.Direct("bob"), fmt.Sprintf("edited: meanwhile %d", n))
	}
	if c := s.Counts(); c.Resumed != 3 || c.Identified != 1 {
		t.Errorf("at the gateway: %+v", c)
	}
	s.Limit(300 * time.Millisecond)
	s.Say(discordtest.Said{Person: "bob", Text: "slowly"})
	shows("bob", s.Direct("bob"), "edited: slowly")
	s.CloseNext(4004)
	s.CloseGateway(4000)
	if d := b.event("disconnected", 1); d["code"] != 4004.0 {
		t.Errorf("disconnected: %v", d)
	}
}

func TestDiscordJSRefused(t *testing.T) {
	s := discordtest.New(t, discordtest.Options{})
	b := startJS(t, s, "WRONG.discord-token.for-tests")
	if r := b.event("refused", 1); !strings.Contains(fmt.Sprint(r["text"]), "invalid token") {
		t.Errorf("refused: %v", r)
	}
}

// must gives an interaction that the bot answered in time.
func must(t *testing.T) func(*discordtest.Interaction, error) *discordtest.Interaction {
	return func(i *discordtest.Interaction, err error) *discordtest.Interaction {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
}
