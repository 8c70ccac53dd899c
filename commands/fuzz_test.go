package commands

import (
	"strings"
	"testing"
)

// FuzzParse: whatever a person sends, a command's name is plain, its words hold no space, and nothing is made up.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"/login", "/login anthropic key sk-x", "/LOGIN@bot x", "/usr/bin", "//", "/ x", "/name:", "/a@b@c", "\u00a0/x\u2028y", "/\xff"} {
		f.Add(s)
	}
	list := All()
	f.Fuzz(func(t *testing.T, text string) {
		name, args, ok := Parse(text)
		if !ok {
			return
		}
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("%q has the name %q", text, name)
		}
		for _, a := range args {
			if a == "" || !strings.Contains(text, a) || len(strings.Fields(a)) != 1 {
				t.Errorf("%q has the word %q", text, a)
			}
		}
		if c, found := Find(list, name); found && c.Run == nil {
			t.Errorf("%q is a command that does nothing", name)
		}
		if len(name) < 100 {
			Near(list, name)
		}
	})
}
