package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chatgateway/config"
	"chatgateway/internal/status"
)

// What another program wrote, and what must never be lost.
const (
	foreignProviders = `{"@later": {"x": [1, 2]}, "future": {"type": "passkey", "blob": "b"}, "openai:keep": {"type": "api_key", "key": "sk-FAKE-kept-for-tests-000", "note": "kept"}}`
	foreignChannels  = `{"@later": {"x": 1}, "carrier-pigeon": {"coop": "north"}, "telegram:keep": {"bot_token": "1:FAKE", "note": "kept"}}`
)

// TestWriters has one serve and ten command-line writers on one home folder, for five seconds; with GATEWAY_SOAK=1 for a
// minute. Both auth files always parse, no write is lost, what is unknown is kept, and every change comes
// into force; how fast is printed.
func TestWriters(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes five seconds of both cores")
	}
	long := 5 * time.Second
	if os.Getenv("GATEWAY_SOAK") == "1" {
		long = time.Minute
	}
	w := newWriters(t)
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { w.parses(ctx, w.home.Providers()) })
	wg.Go(func() { w.parses(ctx, w.home.Channels()) })
	counts := make([]int, 10)
	for i := range counts {
		wg.Go(func() { counts[i] = w.write(ctx, i) })
	}
	var late []time.Duration
	wg.Go(func() { late = w.inForce(ctx) })
	wg.Wait()

	total := 0
	for i, n := range counts {
		total += n
		if got, want := w.stored(w.home.Providers(), fmt.Sprintf("openai:w%d", i), "key"), w.key(i, n); got != want {
			t.Errorf("writer %d: providers.json has %q, want %q", i, got, want)
		}
		if got, want := w.stored(w.home.Channels(), fmt.Sprintf("telegram:w%d", i), "bot_token"), w.ref(i, n); got != want {
			t.Errorf("writer %d: channels.json has %q, want %q", i, got, want)
		}
	}
	for path, want := range map[string]string{w.home.Providers(): foreignProviders, w.home.Channels(): foreignChannels} {
		var have, must map[string]any
		w.parse(path, &have)
		if err := json.Unmarshal([]byte(want), &must); err != nil {
			t.Fatal(err)
		}
		for key, value := range must {
			if a, b := fmt.Sprint(have[key]), fmt.Sprint(value); a != b {
				t.Errorf("%s: %s is %s, want %s", filepath.Base(path), key, a, b)
			}
		}
	}
	if len(late) == 0 {
		t.Fatal("no change was seen in force")
	}
	slices.Sort(late)
	t.Logf("%d writes to each file; %d changes seen in force, after %v (median) and %v (longest)", total, len(late), late[len(late)/2], late[len(late)-1])
}

type writers struct {
	t    *testing.T
	home config.Home
	env  []string
}

// newWriters makes a home folder and starts serve on it.
func newWriters(t *testing.T) *writers {
	w := &writers{t: t, home: config.Home(t.TempDir())}
	w.env = append(os.Environ(), "GATEWAY_HOME="+string(w.home), "OPENAI_API_KEY=", "TELEGRAM_BOT_TOKEN=")
	settings := "page: {enabled: false}\nchannels:\n  telegram: {enabled: false}\n  telegram:keep: {enabled: false}\n"
	for i := range 10 {
		settings += fmt.Sprintf("  telegram:w%d: {enabled: false}\n", i)
	}
	for path, text := range map[string]string{w.home.Config(): settings, w.home.Providers(): foreignProviders, w.home.Channels(): foreignChannels} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	cmd := exec.Command("gateway", "serve")
	cmd.Env, cmd.Stdout, cmd.Stderr = w.env, &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("serve: %v\n%s", err, out.String())
		}
	})
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		var st status.Gateway
		if call(t.Context(), w.home, "GET", "/status", &st) == nil {
			return w
		}
		if time.Since(began) > time.Minute {
			t.Fatal("serve did not start")
		}
	}
}

func (w *writers) key(i, n int) string { return fmt.Sprintf("sk-FAKE-writer-%d-number-%d", i, n) }
func (w *writers) ref(i, n int) string { return fmt.Sprintf("env:WRITER_%d_%d", i, n) }

// run runs one command, to its end even if the time is over.
func (w *writers) run(stdin string, args ...string) {
	cmd := exec.Command("gateway", args...)
	cmd.Env, cmd.Stdin = w.env, strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Errorf("gateway %v: %v\n%s", args, err, out)
	}
}

// write writes to both files until ctx ends, and says how often.
func (w *writers) write(ctx context.Context, i int) int {
	n := 0
	for ctx.Err() == nil {
		n++
		w.run(w.key(i, n)+"\n", "auth", "set", fmt.Sprintf("openai:w%d", i), "--unchecked")
		w.run("", "channels", "set", fmt.Sprintf("telegram:w%d", i), "bot_token", "--ref", w.ref(i, n))
	}
	return n
}

// inForce adds logins, and measures how long it takes until the running gateway knows them.
func (w *writers) inForce(ctx context.Context) (late []time.Duration) {
	for n := 0; ctx.Err() == nil; n++ {
		id := fmt.Sprintf("openai:f%d", n)
		w.run("sk-FAKE-in-force-for-tests\n", "auth", "set", id, "--unchecked")
		began := time.Now()
		for {
			var st status.Gateway
			err := call(w.t.Context(), w.home, "GET", "/status", &st)
			if err == nil && slices.ContainsFunc(st.Providers, func(p status.Provider) bool { return p.ID == id }) {
				break
			}
			if time.Since(began) > time.Minute {
				w.t.Errorf("%s was never in force (%v)", id, err)
				return late
			}
			time.Sleep(5 * time.Millisecond)
		}
		late = append(late, time.Since(began))
	}
	return late
}

// parses reads a file over and over.
func (w *writers) parses(ctx context.Context, path string) {
	for ctx.Err() == nil {
		var v map[string]json.RawMessage
		w.parse(path, &v)
		time.Sleep(time.Millisecond)
	}
}

func (w *writers) parse(path string, v any) {
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		w.t.Errorf("%s: %v", filepath.Base(path), err)
	}
}

func (w *writers) stored(path, id, field string) string {
	var all map[string]json.RawMessage
	w.parse(path, &all)
	var record map[string]any
	if err := json.Unmarshal(all[id], &record); err != nil {
		w.t.Errorf("%s: %s: %v", filepath.Base(path), id, err)
	}
	s, _ := record[field].(string)
	return s
}
