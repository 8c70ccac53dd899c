package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"chatgateway/internal/testpeers"
)

// TestTerminal: the same gateway from the command line: alone, attached, one question, a state for programs.
func TestTerminal(t *testing.T) {
	p := newGateway(t, "", testpeers.Says("hi", "Hi from the model."))
	if out, code := p.Run("hi", "chat"); code != 1 || !strings.Contains(out, "No model is set up yet") {
		t.Errorf("without a model: %d %q", code, out)
	}
	key := "sk-ant-api03-FAKE-terminal-canary-000111222333"
	if out, code := p.Run(key, "login", "anthropic", "--api-key"); code != 0 {
		t.Fatalf("login: %d %s", code, out)
	}
	p.until("anthropic", "status", "--json")
	for _, c := range []struct {
		in, want string
		args     []string
		code     int
	}{
		{"hi", "Hi from the model.", []string{"chat"}, 0},
		{"", "Hi from the model.", []string{"chat", "hi", "there"}, 0},
		{"hi", "Hi from the model.", []string{"chat", "-m", "anthropic/claude-3-5-sonnet-20241022"}, 0},
		{"hi", "no model like", []string{"chat", "-m", "no-such-model-at-all"}, 1},
		{"/status", "Channels", []string{"chat"}, 0},
		{"", "there is no message", []string{"chat"}, 2},
	} {
		if out, code := p.Run(c.in, c.args...); code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("gateway %v gave %d %q; want %d and %q", c.args, code, out, c.code, c.want)
		}
	}
	out, code := p.Run("", "status", "--json")
	var st struct {
		PID       int
		Providers []struct{ ID, Source string }
	}
	if err := json.Unmarshal([]byte(out), &st); err != nil || code != 0 || st.PID == 0 {
		t.Errorf("status --json gave %d %q (%v)", code, out, err)
	}
	if out, code := p.Run("", "serve"); code != 78 || !strings.Contains(out, "serves the home folder") {
		t.Errorf("a second serve gave %d %q", code, out)
	}
	if found := p.traces(key); len(found) > 0 {
		t.Errorf("the key is in %v", found)
	}
	p.Stop(15)
	if out, code := p.Run("hi", "chat"); code != 0 || !strings.Contains(out, "Hi from the model.") {
		t.Errorf("alone: %d %q", code, out)
	}
	if out, code := p.Run("", "status"); code == 0 || !strings.Contains(out, "no gateway runs") {
		t.Errorf("status without a gateway: %d %q", code, out)
	}
}
