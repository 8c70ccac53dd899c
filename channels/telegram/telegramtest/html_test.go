package telegramtest

import (
	"strings"
	"testing"
)

func TestHTML(t *testing.T) {
	for _, c := range []struct{ in, text, kinds, err string }{
		{in: "plain & simple", text: "plain & simple"},
		{in: "a &lt;b&gt; &amp; &quot;c&quot; &#65;&#x42; &copy;", text: `a <b> & "c" AB &copy;`},
		{in: "<b>bold <i>both</i></b>", text: "bold both", kinds: "bold italic"},
		{in: "<strong>a</strong><em>b</em><del>c</del><ins>d</ins>", text: "abcd", kinds: "bold italic strikethrough underline"},
		{in: `<pre><code class="language-go">x</code></pre>`, text: "x", kinds: "pre"},
		{in: `<a href="https://example.org/?a=1&amp;b=2">x</a>`, text: "x", kinds: "text_link"},
		{in: `<a href="http://localhost/">x</a>`, text: "x"},
		{in: "<b></b>x", text: "x"},
		{in: "<i>a</ >", text: "a", kinds: "italic"},
		{in: "a <name> b", err: `Unsupported start tag "name" at byte offset 2`},
		{in: "a < b", err: `Unsupported start tag "" at byte offset 2`},
		{in: "a <b", err: "Unclosed start tag at byte offset 2"},
		{in: "a << b > c", err: `Unsupported start tag "<" at byte offset 2`},
		{in: "<b>open", err: `Can't find end tag corresponding to start tag "b"`},
		{in: "<b><i>x</b></i>", err: `Unmatched end tag at byte offset 7, expected "</i>", found "</b>"`},
		{in: "x</b>", err: "Unexpected end tag at byte offset 1"},
		{in: "<b>x</b", err: "Unclosed end tag at byte offset 4"},
		{in: `<a href="x`, err: "Unclosed start tag at byte offset 0"},
		{in: "<span>x</span>", err: `Tag "span" must have class "tg-spoiler" at byte offset 0`},
		{in: "<br>", err: `Unsupported start tag "br" at byte offset 0`},
	} {
		text, entities, err := parseHTML(c.in)
		var kinds []string
		for _, e := range entities {
			kinds = append(kinds, e.Type)
		}
		got := ""
		if err != nil {
			got = err.Error()
		}
		if text != c.text || strings.Join(kinds, " ") != c.kinds || got != c.err {
			t.Errorf("%q gave %q, %v, %q; want %q, %q, %q", c.in, text, kinds, got, c.text, c.kinds, c.err)
		}
	}
	_, e, _ := parseHTML("\U0001f600 <b>x\U0001f600</b>")
	if len(e) != 1 || e[0].Offset != 3 || e[0].Length != 3 {
		t.Errorf("offsets are %+v; want UTF-16 code units, 3 and 3", e)
	}
}
