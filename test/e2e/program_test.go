// Package e2e drives the program as people do: the built binary, the page in a real browser, the terminal, and model
// servers that are not ours.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chatgateway/internal/testpeers"
)

var binary string

// TestMain builds the program once.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "gateway-e2e")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "gateway")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/gateway").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s\n", out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// buffer is what a program printed.
type buffer struct {
	mu   sync.Mutex
	b    bytes.Buffer // guarded by mu
	news chan struct{}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.news <- struct{}{}:
	default:
	}
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// program is one home folder, and the gateway that serves it.
type program struct {
	t    *testing.T
	home string
	addr string // the page's
	env  []string
	out  *buffer
	cmd  *exec.Cmd
	mock *testpeers.Mock
	more map[string]func(arg string) (any, error) // what a script may ask for besides
}

// newProgram makes a home folder whose providers are aimock, and serves it.
func newProgram(t *testing.T, config string, fixtures ...testpeers.Fixture) *program {
	t.Helper()
	p := &program{t: t, home: filepath.Join(t.TempDir(), "home"), addr: freeAddr(t), out: &buffer{news: make(chan struct{}, 1)}}
	p.mock = testpeers.StartAimock(t, nil, fixtures...)
	if err := os.MkdirAll(p.home, 0o700); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("page: {listen: %q}\nproviders:\n", p.addr)
	for id, path := range map[string]string{"openai": "/v1", "anthropic": "/v1", "google": "/v1beta", "ollama": "", "groq": "/v1"} {
		text += fmt.Sprintf("  %s: {base_url: %q}\n", id, p.mock.URL+path)
	}
	if err := os.WriteFile(filepath.Join(p.home, "config.yaml"), []byte(text+config), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, e := range os.Environ() {
		if !strings.Contains(e, "_KEY=") && !strings.Contains(e, "_TOKEN=") {
			p.env = append(p.env, e)
		}
	}
	p.env = append(p.env, "GATEWAY_HOME="+p.home, "NO_PROXY=127.0.0.1")
	p.start()
	t.Cleanup(func() { p.stop(syscall.SIGKILL) })
	return p
}

func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// start serves, and waits for the start block.
func (p *program) start() {
	p.t.Helper()
	from := len(p.out.String())
	p.cmd = exec.Command(binary, "serve")
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = p.env, p.out, p.out
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	deadline := time.After(30 * time.Second)
	for {
		if now := p.out.String()[from:]; strings.Contains(now, "\nproviders\n") {
			return
		}
		select {
		case <-p.out.news:
		case <-deadline:
			p.t.Fatalf("serve does not come up:\n%s", p.out)
		}
	}
}

// stop ends the gateway with a signal and waits for it.
func (p *program) stop(sig syscall.Signal) {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(sig)
	err := p.cmd.Wait()
	if sig == syscall.SIGTERM && err != nil {
		p.t.Errorf("serve ended with %v:\n%s", err, p.out)
	}
	p.cmd = nil
}

// run carries out one command line with something on standard input; it gives both outputs and the exit code.
func (p *program) run(in string, args ...string) (string, int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, binary, args...)
	c.Env, c.Stdin = p.env, strings.NewReader(in)
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return string(out), exit.ExitCode()
	case err != nil:
		p.t.Fatalf("gateway %v: %v", args, err)
	}
	return string(out), 0
}

// until runs a command until it says something: a change by another process is in force within a second.
func (p *program) until(want string, args ...string) {
	p.t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		out, _ := p.run("", args...)
		if strings.Contains(out, "\"source\": \"stored\"") && strings.Contains(out, want) {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("gateway %v never says %q: %s", args, want, out)
		}
	}
}

// traces says in which files of the home folder, and whether in the output, a text is; the 0600 files of credentials
// are left out.
func (p *program) traces(text string) []string {
	found := []string{}
	err := filepath.WalkDir(p.home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Base(filepath.Dir(path)) == "auth" {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			found = append(found, filepath.Base(path))
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.t.Error(err)
	}
	if strings.Contains(p.out.String(), text) {
		found = append(found, "the output")
	}
	for _, e := range p.mock.Journal() {
		if bytes.Contains(e.Body, []byte(text)) || strings.Contains(e.Path, text) {
			found = append(found, "a request to a model: "+e.Path)
		}
	}
	return found
}

// act does what a script asks.
func (p *program) act(what, arg string) (any, error) {
	switch what {
	case "link":
		out, code := p.run("", "open")
		if code != 0 {
			return nil, errors.New(out)
		}
		return strings.TrimSpace(out), nil
	case "url":
		return "http://" + p.addr + "/", nil
	case "stop":
		p.stop(syscall.SIGTERM)
	case "kill":
		p.stop(syscall.SIGKILL)
	case "start":
		p.start()
	case "traces":
		return p.traces(arg), nil
	case "chat":
		out, code := p.run(arg, "chat")
		return fmt.Sprintf("%d %s", code, out), nil
	default:
		if do := p.more[what]; do != nil {
			return do(arg)
		}
		return nil, fmt.Errorf("nobody knows how to %s", what)
	}
	return true, nil
}

// browse runs a script of this folder in the browser; it fails the test if the script does.
func (p *program) browse(script string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", script)
	cmd.Env = append(os.Environ(), "CHROMIUM="+chromium(p.t))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		ask, is := strings.CutPrefix(lines.Text(), "@")
		if !is {
			p.t.Log(lines.Text())
			continue
		}
		var q struct{ Do, Arg string }
		if err := json.Unmarshal([]byte(ask), &q); err != nil {
			p.t.Fatal(err)
		}
		got, err := p.act(q.Do, q.Arg)
		a := map[string]any{"got": got}
		if err != nil {
			a["err"] = err.Error()
		}
		if err := json.NewEncoder(in).Encode(a); err != nil {
			p.t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		p.t.Fatalf("%s: %v\n%s\n%s", script, err, errs.String(), p.out)
	}
}

// chromium finds the browser.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil && name != "" {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("there is no Chromium")
	}
	t.Skip("there is no Chromium: ./scripts/setup installs it")
	return ""
}
