package markdown

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// seeds are texts with one of everything.
var seeds = []string{
	"# Title\n\nHello **bold *both*** `code` ~~no~~ [a](http://b.c) <http://d.e> ![p](https://q/r.png)\nx  \ny",
	"- a\n  - b\n\n    ```go\n    func main() {}\n    ```\n- c\n\n1. d\n2. e\n",
	"> q\n> ```py\n> a\n>\n> b\n> ```\n> > r\n\n- > - x\n  >   y",
	"| a | b |\n|---|--:|\n| 1 | 2 |\n| `3` | [4](http://5) | 6 |\n| 7 | 8 |\n",
	"$x^2$ $$\na_b\n$$ \\(y\\) \\[\nz\n\\]\n\\* &amp; &#x41; <b>raw</b> <br> <!-- c -->",
	"```\na\n``\n````\nb\n```` ```\n~~~x y\nc\n~~~~",
	"[r]: http://a 'b'\n[r] [un]\n\n[un]: javascript:x\n***\n===\na\n---\n- [x] t\n- [ ] u",
	"**a *b `c` _d_ [e](f)** __g__ ~~h **i~~ j**",
	"a\r\nb\rc\x00\xff\u200d😀👨‍👩‍👧é",
	"    code\n\tcode\n- \n  - \n\n>\n#\n|\n|-|\n``",
}

func addSeeds(f *testing.F, add func(s string)) {
	f.Helper()
	for _, s := range seeds {
		add(s)
	}
}

// isPlain reports whether nothing in md can make letters invisible: links, code with its language, entities, tags.
func isPlain(md string) bool {
	return utf8.ValidString(md) && !strings.ContainsAny(md, "[<&`~\\|$\r\x00")
}

// FuzzRender checks that what comes out is well formed on each service, for a beginning of the text too, and that no
// letter of it is lost.
func FuzzRender(f *testing.F) {
	addSeeds(f, func(s string) { f.Add(s, len(s)/2) })
	f.Fuzz(func(t *testing.T, md string, n int) {
		md = md[:min(len(md), 400)]
		checkRender(t, md)
		if n > 0 && n < len(md) {
			checkRender(t, md[:n])
			shown := Growing(md[:n])
			checkRender(t, shown)
			if !isWithin(letters(shown), letters(md)) {
				t.Fatalf("Growing(%q) invents letters: %q", md[:n], shown)
			}
		}
	})
}

// TestPrefixes renders every beginning of the seeds, and of an answer that grows by five bytes.
func TestPrefixes(t *testing.T) {
	for _, s := range seeds {
		for n := range s {
			checkRender(t, s[:n])
		}
	}
	for n := 0; n < len(essay); n += 5 {
		checkRender(t, essay[:n])
		checkRender(t, Growing(essay[:n]))
	}
}

func checkRender(t *testing.T, md string) {
	t.Helper()
	for _, r := range renderers {
		out := r.render(md)
		if !utf8.ValidString(out) {
			t.Fatalf("%s: %q gives invalid UTF-8: %q", r.name, md, out)
		}
		if err := checks[r.name](out); err != nil {
			t.Fatalf("%s: %q gives %q: %v", r.name, md, out, err)
		}
		if want, got := letters(md), letters(visible(r.name, out)); isPlain(md) && got != want {
			t.Fatalf("%s: %q shows %q: letters %q, want %q", r.name, md, out, got, want)
		}
	}
	if got, want := TelegramLen(md), UTF16Len(visible("telegram", Telegram(md))); got != want {
		t.Fatalf("TelegramLen(%q) = %d, want %d", md, got, want)
	}
}

// FuzzSplit checks that a cut anywhere loses nothing, leaves no fence open, and makes the text shorter.
func FuzzSplit(f *testing.F) {
	addSeeds(f, func(s string) { f.Add(s, len(s)/2) })
	f.Fuzz(func(t *testing.T, md string, n int) {
		if len(md) > 400 {
			md = md[:400]
		}
		if n < 0 || n > len(md) {
			n = len(md) / 2
		}
		head, tail := Split(md, n)
		if n > 0 && len(tail) >= len(md) {
			t.Fatalf("Split(%q, %d): tail %q is no shorter", md, n, tail)
		}
		if !isWithin(letters(md), letters(head)+letters(tail)) {
			t.Fatalf("Split(%q, %d) loses letters: %q, %q", md, n, head, tail)
		}
		if _, info, _ := newCutter(head, len(head)).fenceAt(len(head)); info != nil && !info.closed {
			t.Fatalf("Split(%q, %d) leaves a fence open: %q", md, n, head)
		}
		if utf8.ValidString(md) && !(utf8.ValidString(head) && utf8.ValidString(tail)) {
			t.Fatalf("Split(%q, %d) cuts a rune: %q, %q", md, n, head, tail)
		}
		checkRender(t, head)
		checkRender(t, tail)
	})
}

// sizes are how the services count.
var sizes = []struct {
	name string
	size func(string) int
}{{"telegram", TelegramLen}, {"slack", SlackLen}, {"discord", DiscordLen}, {"plain", PlainLen}}

// FuzzFit checks that a text is cut into messages none of which is too long, and that they hold all of it.
func FuzzFit(f *testing.F) {
	addSeeds(f, func(s string) { f.Add(s+"\n\n"+s, 40) })
	f.Fuzz(func(t *testing.T, md string, limit int) {
		if len(md) > 600 {
			md = md[:600]
		}
		limit &= 0x7fffffff
		s := sizes[limit%len(sizes)]
		checkFit(t, s.name, md, 4+limit%200, s.size)
	})
}

func checkFit(t *testing.T, name, md string, limit int, size func(string) int) {
	t.Helper()
	shown, rest := "", md
	for rest != "" {
		n := Fit(rest, limit, size)
		if n <= 0 || n > len(rest) {
			t.Fatalf("%s: Fit(%q, %d) = %d", name, rest, limit, n)
		}
		head, tail := Split(rest, n)
		if s := size(head); s > limit && n > newCutter(rest, len(rest)).place(1) {
			t.Fatalf("%s: Fit(%q, %d) = %d, but %q has %d", name, rest, limit, n, head, s)
		}
		if len(tail) >= len(rest) {
			t.Fatalf("%s: Fit(%q, %d) = %d makes no way: %q", name, rest, limit, n, tail)
		}
		shown += head
		rest = tail
	}
	if !isWithin(letters(md), letters(shown)) {
		t.Fatalf("%s: Fit(%q, %d) loses letters: %q", name, md, limit, shown)
	}
}
