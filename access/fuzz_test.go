package access

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"chatgateway/channels"
)

// forgets is a Store that keeps nothing.
type forgets struct{}

func (forgets) LoadAccess(context.Context) (Saved, error)       { return Saved{}, nil }
func (forgets) SaveAccess(_ context.Context, _ ...Change) error { return nil }

// FuzzCommand: whatever words an owner sends, what does not fit is refused with a sentence, nobody becomes an owner
// without that word, and no grant is to everybody or to a name.
func FuzzCommand(f *testing.F) {
	for _, s := range []string{"", "list", "approve ABCD-EFGH", "approve telegram 5", "deny 5", "grant telegram 5 owner groups", "grant 5", "grant @x", "grant * owner", "revoke telegram 5", "GRANT telegram 5 OWNER", "grant telegram"} {
		f.Add("", s)
		f.Add("telegram", s)
	}
	f.Fuzz(func(t *testing.T, here, text string) {
		a, err := New(t.Context(), Options{Store: forgets{}})
		if err != nil {
			t.Fatal(err)
		}
		a.SetConfig(Config{Accounts: map[channels.AccountID]Account{"telegram": {}}})
		_, _, err = a.Run(t.Context(), "command line", channels.AccountID(here), strings.Fields(text))
		if u, ok := err.(interface{ UserMessage() string }); err != nil && (!ok || u.UserMessage() == "") {
			t.Errorf("%q is refused without a sentence: %v", text, err)
		}
		for _, l := range a.List() {
			if l.ID == star || l.ID == "" || strings.HasPrefix(string(l.ID), "@") || l.Role == Owner && !strings.Contains(strings.ToLower(text), "owner") {
				t.Errorf("%q made %+v", text, l)
			}
		}
	})
}

// FuzzCode: a code fits however it is typed, and nothing else does; a name that a stranger chose stays on its line.
func FuzzCode(f *testing.F) {
	for _, s := range []string{"ABCDEFGH", "abcd-efgh", " abcd efgh ", "ABCDEFG", "\u017fBCDEFGH", "ABCDEFGH\x00", "a\u2028b", strings.Repeat("x", 100)} {
		f.Add(s)
	}
	const code = "ABCDEFGH"
	stored := newHash(code)
	f.Fuzz(func(t *testing.T, text string) {
		if got := tidy(text); got != tidy(got) {
			t.Errorf("%q becomes %q", text, got)
		}
		plain := strings.NewReplacer(" ", "", "-", "").Replace(text)
		if fits(stored, tidy(text)) && !strings.EqualFold(strings.TrimSpace(plain), code) {
			t.Errorf("%q fits", text)
		}
		if name := clip(text); strings.ContainsAny(name, "\r\n\x00\u2028\u2029") || utf8.RuneCountInString(name) > 61 {
			t.Errorf("the name %q", name)
		}
	})
}
