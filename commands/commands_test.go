package commands

import (
	"slices"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]struct {
		name string
		args []string
	}{
		"/login":                  {"login", nil},
		" /Login  anthropic\nkey": {"login", []string{"anthropic", "key"}},
		"/model: fake/large":      {"model", []string{"fake/large"}},
		"/login@some_bot x":       {"login", []string{"x"}},
		"/usr/bin is slow":        {},
		"/ x":                     {},
		"//":                      {},
		"/":                       {},
		"/1st":                    {},
		"/me@example.com":         {},
		"/@bot":                   {},
		"text /login":             {},
		"/été":                    {},
		"":                        {},
	} {
		name, args, ok := Parse(text)
		if name != want.name || ok != (want.name != "") || ok && !slices.Equal(args, want.args) {
			t.Errorf("Parse(%q) = %q %q %v", text, name, args, ok)
		}
	}
}

func TestNear(t *testing.T) {
	for name, want := range map[string]string{
		"modle": "model", "lgoin": "login", "hlep": "help", "stopp": "stop", "logot": "logout", "signinn": "login",
		"usr": "", "weather": "", "x": "",
	} {
		if got := Near(All(), name); got != want {
			t.Errorf("Near(%q) = %q, want %q", name, got, want)
		}
	}
}

// TestTable holds what every command must have, for menus and for /help.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range All() {
		for _, n := range append([]string{c.Name}, c.Aliases...) {
			if seen[n] {
				t.Errorf("/%s is there twice", n)
			}
			seen[n] = true
		}
		if c.Help == "" || c.Run == nil {
			t.Errorf("/%s has no help, or does nothing", c.Name)
		}
	}
	for _, n := range []string{"login", "logout", "auth", "model", "new", "stop", "retry", "status", "whoami", "help", "start"} {
		if !seen[n] {
			t.Errorf("there is no /%s", n)
		}
	}
	for name, role := range map[string]Role{"login": Owner, "logout": Owner, "auth": Owner, "access": Owner, "audit": Owner} {
		if c, _ := Find(All(), name); c.Role != role {
			t.Errorf("/%s is for %s", name, c.Role)
		}
	}
}
