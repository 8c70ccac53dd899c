// Package e2e drives the program as people do: the built binary, the page in a real browser, the terminal, and model
// servers that are not ours.
package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatgateway/internal/testpeers"
	"chatgateway/test/program"
)

func TestMain(m *testing.M) { os.Exit(program.Main(m)) }

// gateway is the program with aimock for its providers.
type gateway struct {
	*program.Program
	mock *testpeers.Mock
	more map[string]func(arg string) (any, error) // what a script may ask for besides
}

// newGateway makes a home folder whose providers are aimock, and serves it.
func newGateway(t *testing.T, config string, fixtures ...testpeers.Fixture) *gateway {
	t.Helper()
	mock := testpeers.StartAimock(t, nil, fixtures...)
	text := "providers:\n"
	for id, path := range map[string]string{"openai": "/v1", "anthropic": "/v1", "google": "/v1beta", "ollama": "", "groq": "/v1"} {
		text += fmt.Sprintf("  %s: {base_url: %q, first_token_timeout: 15s}\n", id, mock.URL+path)
	}
	g := &gateway{Program: program.New(t, text+config), mock: mock}
	g.Start()
	return g
}

// until runs a command until it says something: a change by another process is in force within a second.
func (g *gateway) until(want string, args ...string) {
	g.T.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		out, _ := g.Run("", args...)
		if strings.Contains(out, "\"source\": \"stored\"") && strings.Contains(out, want) {
			return
		}
		if time.Now().After(deadline) {
			g.T.Fatalf("gateway %v never says %q: %s", args, want, out)
		}
	}
}

// traces says in which files of the home folder, and whether in the output, a text is; the 0600 files of credentials
// are left out.
func (g *gateway) traces(text string) []string {
	found := []string{}
	g.Files(func(name string, data []byte) {
		if filepath.Dir(name) != "auth" && bytes.Contains(data, []byte(text)) {
			found = append(found, name)
		}
	})
	if strings.Contains(g.Out.String(), text) {
		found = append(found, "the output")
	}
	for _, e := range g.mock.Journal() {
		if bytes.Contains(e.Body, []byte(text)) || strings.Contains(e.Path, text) {
			found = append(found, "a request to a model: "+e.Path)
		}
	}
	return found
}

// act does what a script asks.
func (g *gateway) act(what, arg string) (any, error) {
	switch what {
	case "link":
		out, code := g.Run("", "open")
		if code != 0 {
			return nil, errors.New(out)
		}
		return strings.TrimSpace(out), nil
	case "url":
		return "http://" + g.Addr + "/", nil
	case "stop":
		g.Stop(syscall.SIGTERM)
	case "kill":
		g.Stop(syscall.SIGKILL)
	case "start":
		g.Start()
	case "traces":
		return g.traces(arg), nil
	case "chat":
		out, code := g.Run(arg, "chat")
		return fmt.Sprintf("%d %s", code, out), nil
	default:
		if do := g.more[what]; do != nil {
			return do(arg)
		}
		return nil, fmt.Errorf("nobody knows how to %s", what)
	}
	return true, nil
}

// browse runs a script of this folder in the browser; it fails the test if the script does.
func (g *gateway) browse(script string) {
	g.T.Helper()
	program.Script(g.T, script, g.act, g.Out.String)
}
