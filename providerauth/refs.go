package providerauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"chatgateway/internal/secret"
)

// A key or token in the file may be a reference, which is followed when it is used and never written back:
// "env:NAME", "file:/path", "exec:command with its arguments". "literal:" stands before a value that only looks like
// one.
const (
	refEnv     = "env:"
	refFile    = "file:"
	refExec    = "exec:"
	refLiteral = "literal:"
)

const (
	execTime = 10 * time.Second // for a command to answer
	execKeep = 5 * time.Minute  // how long its answer holds
	fileKeep = time.Second      // how long a file's content holds
	refMax   = 64 << 10         // bytes of an answer
)

// Literal gives the text that stands for key in the file: key itself, or with "literal:" before it where it would be
// taken for a reference. Whoever stores what somebody typed or a server sent goes through it.
func Literal(key secret.String) secret.String {
	if isRef(key.Reveal()) {
		return secret.New(refLiteral + key.Reveal())
	}
	return key
}

func isRef(s string) bool {
	for _, p := range []string{refEnv, refFile, refExec, refLiteral} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// references keeps what commands and files answered, for a short while.
type references struct {
	mu  sync.Mutex // guards by
	by  map[string]answer
	run sync.Mutex // one command at a time
}

type answer struct {
	value secret.String
	until time.Time
}

// open follows the reference in a key or token; other credentials come back as they are. Errors hold no part of the
// answer.
func (m *Manager) open(ctx context.Context, c Credential) (Credential, error) {
	raw := c.Key.Reveal()
	if c.Type == OAuth || !isRef(raw) {
		return c, nil
	}
	kind, rest, _ := strings.Cut(raw, ":")
	var err error
	switch kind + ":" {
	case refLiteral:
		c.Key = secret.New(rest)
	case refEnv:
		c.Key, c.Label = secret.New(strings.TrimSpace(m.env(rest))), rest
		if c.Key.Empty() {
			err = fmt.Errorf("the variable %s is not set", rest)
		}
	case refFile:
		c.Label = rest
		c.Key, err = m.refs.get(raw, fileKeep, func() (secret.String, error) { return readRef(rest) })
	case refExec:
		c.Label = "a command"
		c.Key, err = m.refs.get(raw, execKeep, func() (secret.String, error) { return execRef(ctx, rest) })
	}
	if err != nil {
		return Credential{}, err
	}
	return c, nil
}

// reread forgets what a reference gave, after the service refused it, and tells whether c came from one.
func (m *Manager) reread(c *Credential) bool {
	if c == nil || c.Type == OAuth || !isRef(c.Key.Reveal()) {
		return false
	}
	m.refs.mu.Lock()
	defer m.refs.mu.Unlock()
	delete(m.refs.by, c.Key.Reveal())
	return true
}

func (r *references) get(key string, keep time.Duration, read func() (secret.String, error)) (secret.String, error) {
	if v, ok := r.kept(key); ok {
		return v, nil
	}
	r.run.Lock()
	defer r.run.Unlock()
	if v, ok := r.kept(key); ok {
		return v, nil
	}
	v, err := read()
	if err != nil {
		return secret.String{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[string]answer{}
	}
	r.by[key] = answer{v, time.Now().Add(keep)}
	return v, nil
}

func (r *references) kept(key string) (secret.String, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, ok := r.by[key]
	return a.value, ok && time.Now().Before(a.until)
}

func readRef(path string) (secret.String, error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return secret.String{}, errors.New("the key file is in a home folder, and there is none")
		}
		path = home + "/" + rest
	}
	f, err := os.Open(path)
	if err != nil {
		return secret.String{}, fmt.Errorf("read the key file: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(f, refMax))
	if err != nil {
		return secret.String{}, fmt.Errorf("read the key file: %w", err)
	}
	return nonempty(data, "the key file is empty")
}

// execRef runs a command without a shell: blanks separate its arguments.
func execRef(ctx context.Context, command string) (secret.String, error) {
	args := strings.Fields(command)
	if len(args) == 0 {
		return secret.String{}, errors.New("the command for the key is empty")
	}
	ctx, cancel := context.WithTimeout(ctx, execTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // the owner's own command, from the 0600 file
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout = &limited{&out}
	if err := cmd.Run(); err != nil {
		return secret.String{}, errors.New("the command for the key failed: " + args[0])
	}
	return nonempty(out.Bytes(), "the command for the key gave nothing: "+args[0])
}

func nonempty(data []byte, otherwise string) (secret.String, error) {
	line, _, _ := strings.Cut(strings.TrimSpace(string(data)), "\n")
	if line = CleanKey(line); line == "" {
		return secret.String{}, errors.New(otherwise)
	}
	return secret.New(line), nil
}

// limited stops writing where an answer cannot be a key any more.
type limited struct{ *bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > refMax {
		return 0, errors.New("too long")
	}
	return l.Buffer.Write(p)
}

func cutPrefix(c *Credential, prefix string) (string, bool) {
	return strings.CutPrefix(c.Key.Reveal(), prefix)
}
