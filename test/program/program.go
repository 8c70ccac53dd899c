// Package program runs the built binary for the tests that drive it as people do: one home folder, the gateway that
// serves it, command lines beside it, and scripts in a real browser.
package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var binary string

// Main builds the program once, runs a package's tests, and gives their exit code. It is for a TestMain.
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gateway-program")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "gateway")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/gateway").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s\n", out)
		return 1
	}
	return m.Run()
}

// lookAtSources looks at every file that the program and the scripts are made of. They are no imports of the tests, so
// that go test would give an old result for new ones; what a test looked at it compares.
func lookAtSources() error {
	return filepath.WalkDir(filepath.Join("..", ".."), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		switch filepath.Ext(path) {
		case ".go", ".mod", ".js", ".mjs", ".css", ".html":
			_, err = os.Stat(path)
		}
		return err
	})
}

// Output is what programs printed.
type Output struct {
	mu   sync.Mutex
	b    bytes.Buffer // guarded by mu
	news chan struct{}
}

func NewOutput() *Output { return &Output{news: make(chan struct{}, 1)} }

func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.news <- struct{}{}:
	default:
	}
	return o.b.Write(p)
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// Find waits until something that fits is printed behind a place, and gives it.
func (o *Output) Find(t *testing.T, from int, re *regexp.Regexp) string {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		if s := re.FindString(o.String()[from:]); s != "" {
			return s
		}
		select {
		case <-o.news:
		case <-deadline:
			t.Fatalf("nothing like %s was printed:\n%s", re, o)
		}
	}
}

// Program is one home folder, and the gateway that serves it.
type Program struct {
	T    *testing.T
	Home string
	Addr string // the page's
	Env  []string
	Out  *Output

	cmd *exec.Cmd // nil: it does not run
}

// New makes a home folder with a config.yaml. What the test's own environment has of keys is left out.
func New(t *testing.T, config string) *Program {
	t.Helper()
	if err := lookAtSources(); err != nil {
		t.Fatal(err)
	}
	p := &Program{T: t, Home: filepath.Join(t.TempDir(), "home"), Addr: freeAddr(t), Out: NewOutput()}
	if err := os.MkdirAll(p.Home, 0o700); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("page: {listen: %q}\n", p.Addr) + config
	if err := os.WriteFile(filepath.Join(p.Home, "config.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, e := range os.Environ() {
		if !strings.Contains(e, "_KEY=") && !strings.Contains(e, "_TOKEN=") {
			p.Env = append(p.Env, e)
		}
	}
	// Tests that run beside this one have the same fake tokens, and so the same locks.
	p.Env = append(p.Env, "GATEWAY_HOME="+p.Home, "NO_PROXY=127.0.0.1", "GATEWAY_LOCKS="+t.TempDir())
	t.Cleanup(func() { p.Stop(syscall.SIGKILL) })
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

// Start serves, and waits for the start block.
func (p *Program) Start() {
	p.T.Helper()
	from := len(p.Out.String())
	p.cmd = p.Command(p.T.Context(), "serve")
	p.cmd.Stdout, p.cmd.Stderr = p.Out, p.Out
	if err := p.cmd.Start(); err != nil {
		p.T.Fatal(err)
	}
	p.Out.Find(p.T, from, up)
}

// up is the end of what serve prints when it is up.
var up = regexp.MustCompile("\nproviders\n")

// Command is a command line of the program on this home folder.
func (p *Program) Command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, binary, args...)
	c.Env = p.Env
	return c
}

// Stop ends the gateway with a signal and waits for it. One that does not run is left alone.
func (p *Program) Stop(sig syscall.Signal) {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(sig)
	if err := p.cmd.Wait(); sig == syscall.SIGTERM && err != nil {
		p.T.Errorf("serve ended with %v:\n%s", err, p.Out)
	}
	p.cmd = nil
}

// Run carries out one command line with something on standard input; it gives both outputs and the exit code.
func (p *Program) Run(in string, args ...string) (string, int) {
	p.T.Helper()
	ctx, cancel := context.WithTimeout(p.T.Context(), time.Minute)
	defer cancel()
	c := p.Command(ctx, args...)
	c.Stdin = strings.NewReader(in)
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return string(out), exit.ExitCode()
	case err != nil:
		p.T.Fatalf("gateway %v: %v", args, err)
	}
	return string(out), 0
}

// Files calls f with every regular file of the home folder, by its path in it. A file that goes meanwhile is left out.
func (p *Program) Files(f func(name string, data []byte)) {
	p.T.Helper()
	err := filepath.WalkDir(p.Home, func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // a database's side file
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if data, err := os.ReadFile(path); err == nil {
			f(strings.TrimPrefix(path, p.Home+string(filepath.Separator)), data)
		}
		return nil
	})
	if err != nil {
		p.T.Error(err)
	}
}
