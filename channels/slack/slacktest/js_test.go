package slacktest_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"chatgateway/channels/slack/slacktest"
)

// js is a bot on @slack/bolt.
type js struct {
	t     *testing.T
	mu    sync.Mutex
	lines []map[string]any // guarded by mu
}

func startJS(t *testing.T, s *slacktest.Server) *js {
	t.Helper()
	_, err := os.Stat("js/node_modules/@slack/bolt/package.json")
	if err == nil {
		_, err = exec.LookPath("node")
	}
	if err != nil {
		how := "@slack/bolt is not installed: run npm ci --prefix channels/slack/slacktest/js (needs Node 20)"
		if os.Getenv("CI") == "true" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	cmd := exec.CommandContext(t.Context(), "node", "js/bot.mjs")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "NODE_NO_WARNINGS=1", "API=" + s.URL,
		"BOT_TOKEN=" + slacktest.BotToken, "APP_TOKEN=" + slacktest.AppToken}
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := &js{t: t}
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
		_ = cmd.Wait()
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
			if l["event"] == "error" {
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

// TestBolt runs a client on the fake that knows nothing of ours: on a fake that serves one client alone, that client's
// mistakes are right.
func TestBolt(t *testing.T) {
	s := slacktest.New(t, slacktest.Options{})
	b := startJS(t, s)
	if ready := b.event("ready", 1); ready["user"] != slacktest.BotUser {
		t.Errorf("ready: %v", ready)
	}
	shows := func(person, channel, text string) (found slacktest.Shown) {
		t.Helper()
		b.until("the message "+text, func() bool {
			i := slices.IndexFunc(s.See(person, channel), func(m slacktest.Shown) bool { return m.Text == text })
			if i >= 0 {
				found = s.See(person, channel)[i]
			}
			return i >= 0
		})
		return found
	}

	s.Say(slacktest.Said{Person: "ann", Text: "buttons", Files: []slacktest.File{{Name: "x.txt", Type: "text/plain", Data: []byte("x")}}})
	if m := b.event("message", 1); m["text"] != "buttons" || m["kind"] != "im" || m["files"] != 1.0 {
		t.Errorf("message: %v", m)
	}
	m := shows("ann", "", "choose")
	if _, err := s.Press("ann", "", m.TS, "Form"); err != nil {
		t.Fatal(err)
	}
	trigger, err := s.Press("ann", "", m.TS, "Form")
	if err != nil {
		t.Fatal(err)
	}
	var f *slacktest.Form
	b.until("the form", func() bool { f = s.Form(trigger); return f != nil })
	if wrong, err := s.Submit("ann", f, "wrong"); err != nil || wrong["b"] != "not that" {
		t.Errorf("a wrong answer gave %v, %v", wrong, err)
	}
	if wrong, err := s.Submit("ann", f, "right"); err != nil || len(wrong) != 0 {
		t.Errorf("the right answer gave %v, %v", wrong, err)
	}
	if l := b.event("form", 1); l["word"] != "right" || l["meta"] != "meta" {
		t.Errorf("form: %v", l)
	}
	if _, err := s.Press("ann", "", m.TS, "Update"); err != nil {
		t.Fatal(err)
	}
	shows("ann", "", "pressed")

	s.Slash("ann", s.Channel, "/ask", "why")
	if m := shows("ann", s.Channel, "answer to why"); !m.Hidden {
		t.Error("the answer to a command is seen by all")
	}
	s.Say(slacktest.Said{Person: "ann", Text: "stream"})
	if m := shows("ann", "", "**one** two three"); m.Streaming || m.Thread == "" {
		t.Errorf("streamed: %+v", m)
	}
	s.Say(slacktest.Said{Person: "ann", Text: "file"})
	b.until("the file", func() bool {
		return slices.ContainsFunc(s.See("ann", ""), func(m slacktest.Shown) bool { return slices.Contains(m.Files, "a.txt=hello") })
	})
	s.Say(slacktest.Said{Person: "ann", Channel: s.Channel, Text: "hush"})
	shows("ann", s.Channel, "between us")
	if len(s.See("bob", s.Channel)) != 0 {
		t.Error("bob sees what is for ann")
	}
	s.Say(slacktest.Said{Person: "ann", Channel: s.Channel, Text: "<@" + slacktest.BotUser + "> hello"})
	b.event("mention", 1)

	s.Disconnect("refresh_requested")
	b.event("connected", 2)
	s.Cut()
	b.event("connected", 3)
	s.Say(slacktest.Said{Person: "ann", Text: "after"})
	b.until("what is said after a cut", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return slices.ContainsFunc(b.lines, func(l map[string]any) bool { return l["text"] == "after" })
	})
}
