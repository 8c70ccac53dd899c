package program

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Script runs a script of node's with a browser, in this folder, and fails the test if it fails. A line that begins
// with "@" asks for something, which act does; other lines are logged. told says what to add to a failure.
func Script(t *testing.T, name string, act func(what, arg string) (any, error), told func() string) {
	t.Helper()
	if err := lookAtSources(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", name)
	cmd.Env = append(os.Environ(), "CHROMIUM="+chromium(t))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	answers := json.NewEncoder(in)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		ask, is := bytes.CutPrefix(lines.Bytes(), []byte("@"))
		if !is {
			t.Log(lines.Text())
			continue
		}
		var q struct{ Do, Arg string }
		if err := json.Unmarshal(ask, &q); err != nil {
			t.Fatal(err)
		}
		got, err := act(q.Do, q.Arg)
		a := map[string]any{"got": got}
		if err != nil {
			a["err"] = err.Error()
		}
		if err := answers.Encode(a); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s: %v\n%s\n%s", name, err, errs.String(), told())
	}
}

// chromium finds the browser. Without one, or without the scripts' packages, the test is left out, but not in CI.
func chromium(t *testing.T) string {
	t.Helper()
	missing := t.Skip
	if os.Getenv("CI") != "" {
		missing = t.Fatal
	}
	if _, err := os.Stat(filepath.Join("..", "peers", "node_modules", "playwright-core")); err != nil {
		missing("playwright-core is missing: ./scripts/setup installs it")
	}
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil && name != "" {
			return path
		}
	}
	missing("there is no Chromium: ./scripts/setup installs it")
	return ""
}
