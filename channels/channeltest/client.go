package channeltest

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
)

// Client is a bot that others wrote, in Node, on one of the fake services. It prints a line of JSON for whatever
// happens, with the kind in "event"; "error" and "failed" are what must not.
type Client struct {
	t     testing.TB
	mu    sync.Mutex
	lines []map[string]any // guarded by mu
}

// StartClient runs a script until the test ends, with these variables beside the ones that Node needs.
func StartClient(t testing.TB, script string, env ...string) *Client {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", script) //nolint:gosec // the tests' own programs
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "NODE_NO_WARNINGS=1"}, env...)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &Client{t: t}
	read := make(chan struct{})
	go func() { // ends with the program; the cleanup waits for it
		defer close(read)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			line := map[string]any{}
			if json.Unmarshal(sc.Bytes(), &line) != nil {
				line["event"] = sc.Text()
			}
			c.mu.Lock()
			c.lines = append(c.lines, line)
			c.mu.Unlock()
		}
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-read
		if t.Failed() {
			t.Logf("the bot said: %v", c.lines)
		}
	})
	return c
}

// Lines are what it printed so far.
func (c *Client) Lines() []map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.lines)
}

// Event waits for the n-th line of a kind.
func (c *Client) Event(kind string, n int) (line map[string]any) {
	c.t.Helper()
	Until(c.t, fmt.Sprintf("%s %d", kind, n), func() bool {
		seen := 0
		for _, l := range c.Lines() {
			if l["event"] == "failed" || l["event"] == "error" {
				c.t.Fatalf("the client failed: %v", l)
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
