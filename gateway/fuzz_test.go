package gateway

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzAttachment: whatever a stranger sends as a file, its name is no path and one line, and what goes on is bounded.
func FuzzAttachment(f *testing.F) {
	f.Add("x.png", "image/png", []byte("\x89PNG\r\n\x1a\n"))
	f.Add("../x", "", []byte("text"))
	f.Add("a\nb\u202e", "text/plain\n", []byte{0xff, 0xfe})
	f.Fuzz(func(t *testing.T, name, kind string, data []byte) {
		n := fileName(name)
		if n == "" || strings.ContainsAny(n, "/\\\n\r\x00") || utf8.RuneCountInString(n) > nameLimit+1 || !utf8.ValidString(n) {
			t.Errorf("%q became %q", name, n)
		}
		p := asPart(n, kind, data)
		if len(p.Text) > textLimit+4*nameLimit+200 || !utf8.ValidString(p.Text) {
			t.Errorf("%d bytes of text", len(p.Text))
		}
	})
}
