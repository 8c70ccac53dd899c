// Package testpeers starts real servers that the tests run against: programs from npm that were written by others.
// They listen on 127.0.0.1 only and are ended with the test. Where npm's packages are not installed, the test is
// skipped with the command that installs them, and in CI (CI=true) it fails.
package testpeers

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// loopback is loaded into every Node program before its own code: whatever it listens on becomes 127.0.0.1.
const loopback = `'use strict';
const net = require('node:net');
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...args) {
  if (args[0] !== null && typeof args[0] === 'object') {
    if (args[0].path === undefined) args[0] = { ...args[0], host: '127.0.0.1' };
  } else if (typeof args[0] === 'number' || (typeof args[0] === 'string' && /^\d+$/.test(args[0]))) {
    if (typeof args[1] === 'string') args[1] = '127.0.0.1';
    else args.splice(1, 0, '127.0.0.1');
  }
  return listen.apply(this, args);
};
`

// startTime is how long a peer may take until it answers.
const startTime = 30 * time.Second

// Dir is the folder of the npm packages; the test is skipped, or fails in CI, if the package is not installed there.
func Dir(t testing.TB, pkg string) string {
	t.Helper()
	dir := filepath.Join(root(t), "test", "peers")
	_, err := os.Stat(filepath.Join(dir, "node_modules", filepath.FromSlash(pkg), "package.json"))
	if err == nil {
		_, err = exec.LookPath("node")
	}
	if err == nil {
		return dir
	}
	how := pkg + " is not installed: run npm ci --prefix test/peers (needs Node 20)"
	if os.Getenv("CI") == "true" {
		t.Fatal(how)
	}
	t.Skip(how)
	return ""
}

// Node runs a script with Node until the test ends, in a folder of its own, with these arguments and variables, and
// waits until it answers at ready, which may hold {port}: a free port takes its place there, in the arguments and in
// the variables. It gives that port. What the script printed is logged if the test fails.
func Node(t testing.TB, script string, ready string, args, env []string) int {
	t.Helper()
	dir := t.TempDir()
	preload := filepath.Join(dir, "loopback.cjs")
	if err := os.WriteFile(preload, []byte(loopback), 0o600); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	fill := strings.NewReplacer("{port}", fmt.Sprint(port))
	argv := []string{"--require", preload, script}
	for _, a := range args {
		argv = append(argv, fill.Replace(a))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "node", argv...) //nolint:gosec // the tests' own programs
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "NODE_NO_WARNINGS=1"}
	for _, e := range env {
		cmd.Env = append(cmd.Env, fill.Replace(e))
	}
	out := &tail{}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { // ends when the program does; the cleanup waits for it
		defer close(ended)
		for sc := bufio.NewScanner(pipe); sc.Scan(); {
			out.add(sc.Text())
		}
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(script), out)
		}
	})
	waitFor(t, fill.Replace(ready), ended, out)
	return port
}

// waitFor asks until there is an answer, whatever it is.
func waitFor(t testing.TB, url string, ended <-chan struct{}, out *tail) {
	t.Helper()
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(startTime); ; {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the peer does not answer: %v; it said:\n%s", err, out)
		}
		select {
		case <-ended:
			t.Fatalf("the peer ended; it said:\n%s", out)
		case <-tick.C:
		}
	}
}

// freePort finds a port that nobody listens on just now.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// root is the repository's folder.
func root(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("the repository cannot be found")
	}
	dir := filepath.Dir(filepath.Dir(filepath.Dir(file)))
	if filepath.IsAbs(dir) {
		return dir
	}
	for d, err := os.Getwd(); err == nil && d != filepath.Dir(d); d = filepath.Dir(d) { // built with -trimpath
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d
		}
	}
	t.Fatal("the repository cannot be found")
	return ""
}

// tail keeps the last lines that a program said.
type tail struct {
	mu    sync.Mutex // guards lines
	lines []string
}

func (o *tail) add(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, line)
	if len(o.lines) > 200 {
		o.lines = o.lines[100:]
	}
}

// String implements fmt.Stringer.
func (o *tail) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.lines, "\n")
}
