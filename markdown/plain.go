package markdown

import (
	"strings"

	"github.com/yuin/goldmark/ast"
)

// Plain returns md as text to be read without any markup; a link is "text (url)".
func Plain(md string) string { return render(md, plain{}, writer{}) }

// PlainLen is how many UTF-16 code units [Plain](md) has.
func PlainLen(md string) int { return UTF16Len(Plain(md)) }

// Line returns [Plain](md) in one line, for services without line breaks.
func Line(md string) string { return strings.Join(strings.Fields(Plain(md)), " ") }

// LineLen is how many UTF-16 code units [Line](md) has.
func LineLen(md string) int { return UTF16Len(Line(md)) }

type plain struct{}

func (plain) text(w *writer, s string) { w.raw(s) }

func (plain) mark(kind) (string, string) { return "", "" }

func (plain) heading(int) (string, []kind) { return "", nil }

func (plain) code(w *writer, s string) { w.raw(s) }

func (plain) pre(w *writer, _, code string) {
	for line := range strings.Lines(code) {
		w.begin()
		w.out = append(w.out, strings.TrimSuffix(line, "\n")...)
		w.owed++
	}
	w.owed = min(w.owed, 1)
}

func (plain) link(r *renderer, n ast.Node, url string) {
	label := plainText(n, r.src)
	address := strings.TrimPrefix(url, "mailto:")
	if label == "" || label == url || label == address {
		r.w.raw(address)
		return
	}
	r.inlines(n)
	r.w.raw(" (" + address + ")")
}

func (plain) quote(r *renderer, n ast.Node, _ int) {
	r.w.pay()
	r.w.indent("> ", "> ")
	r.blocks(n)
	r.w.leave()
}

func (plain) bullet(_, number int) string {
	if number >= 0 {
		return ordinal(number)
	}
	return "- "
}

func (plain) tableWidth() int { return 76 }
