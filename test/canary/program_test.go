// Package canary looks for the gateway's secrets in everything that the built program writes, says and sends.
package canary

import (
	"bytes"
	"context"
	"crypto/rand"
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
)

var binary string

// TestMain builds the program once.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "gateway-canary")
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

// output is what programs printed.
type output struct {
	mu   sync.Mutex
	b    bytes.Buffer // guarded by mu
	news chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.news <- struct{}{}:
	default:
	}
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// program is one home folder, the gateway that serves it, and the secrets that it was told.
type program struct {
	t       *testing.T
	home    string
	addr    string
	env     []string
	out     *output
	cmd     *exec.Cmd
	secrets map[string]string // by what became of it
}

func newProgram(t *testing.T, config string) *program {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, home: filepath.Join(t.TempDir(), "home"), addr: ln.Addr().String(), out: &output{news: make(chan struct{}, 1)}, secrets: map[string]string{}}
	_ = ln.Close()
	if err := os.MkdirAll(p.home, 0o700); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("page: {listen: %q}\nlog: {level: debug}\n", p.addr) + config
	if err := os.WriteFile(filepath.Join(p.home, "config.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, e := range os.Environ() {
		if !strings.Contains(e, "_KEY=") && !strings.Contains(e, "_TOKEN=") {
			p.env = append(p.env, e)
		}
	}
	p.env = append(p.env, "GATEWAY_HOME="+p.home, "NO_PROXY=127.0.0.1")
	t.Cleanup(func() { p.stop(syscall.SIGKILL) })
	return p
}

// secret makes a key that is nowhere else: behind its first eight characters it is random.
func (p *program) secret(where, prefix string) string {
	s := prefix + "FAKE" + rand.Text() + rand.Text()[:9]
	p.secrets[where] = s
	return s
}

func (p *program) start() {
	p.t.Helper()
	from := len(p.out.String())
	p.cmd = exec.Command(binary, "serve")
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = p.env, p.out, p.out
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	deadline := time.After(30 * time.Second)
	for !strings.Contains(p.out.String()[from:], "\nproviders\n") {
		select {
		case <-p.out.news:
		case <-deadline:
			p.t.Fatalf("serve does not come up:\n%s", p.out)
		}
	}
}

func (p *program) stop(sig syscall.Signal) {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(sig)
	if err := p.cmd.Wait(); sig == syscall.SIGTERM && err != nil {
		p.t.Errorf("serve ended with %v:\n%s", err, p.out)
	}
	p.cmd = nil
}

// run carries out a command line; what it prints is looked at like all else.
func (p *program) run(in string, args ...string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, binary, args...)
	c.Env, c.Stdin = p.env, strings.NewReader(in)
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatalf("gateway %v: %v", args, err)
	}
	_, _ = p.out.Write(out)
	return string(out)
}

// search looks for every secret, and every eight characters of one behind its public beginning, in what is given and
// in every file but the two that are for secrets.
func (p *program) search(when string, texts map[string]string) {
	p.t.Helper()
	texts["the output"] = p.out.String()
	bytesRead := 0
	err := filepath.WalkDir(p.home, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a database's side file that has gone
		}
		if err != nil || !d.Type().IsRegular() || filepath.Base(filepath.Dir(path)) == "auth" && strings.HasSuffix(path, "s.json") {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil {
			texts[strings.TrimPrefix(path, p.home)] = string(data)
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	for name, text := range texts {
		bytesRead += len(text)
		for where, s := range p.secrets {
			for i := 8; i+8 <= len(s); i++ {
				if at := strings.Index(text, s[i:i+8]); at >= 0 {
					p.t.Errorf("%s: %q of the secret %s is in %s: …%q…", when, s[i:i+8], where, name, text[max(0, at-80):min(len(text), at+80)])
					break
				}
			}
		}
	}
	p.t.Logf("%s: %d secrets looked for in %d texts, %d bytes", when, len(p.secrets), len(texts), bytesRead)
}
