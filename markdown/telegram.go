package markdown

import (
	"strings"

	"github.com/yuin/goldmark/ast"
)

// Telegram returns md as the HTML of the Bot API (parse_mode HTML). The tags are balanced and nest as Telegram
// allows. The result is empty if md shows nothing.
func Telegram(md string) string { return render(md, telegram{}, writer{}) }

// TelegramLen is how many UTF-16 code units Telegram counts for md, which is what is left of [Telegram](md) when its
// tags and entities are read. A message holds 4096.
func TelegramLen(md string) int { return htmlLen(Telegram(md)) }

type telegram struct{}

func (telegram) text(w *writer, s string) {
	w.enter(s)
	w.out = appendEscaped(w.out, s)
}

func (telegram) mark(k kind) (string, string) {
	switch k {
	case bold:
		return "<b>", "</b>"
	case italic:
		return "<i>", "</i>"
	case underline:
		return "<u>", "</u>"
	default:
		return "<s>", "</s>"
	}
}

func (telegram) heading(level int) (string, []kind) {
	switch level {
	case 1:
		return "", []kind{bold, underline}
	case 2, 3:
		return "", []kind{bold}
	default:
		return "", []kind{bold, italic}
	}
}

// code: Telegram lets no other entity contain code, so what is open pauses around it.
func (telegram) code(w *writer, s string) {
	w.begin()
	w.suspend()
	w.out = append(w.out, "<code>"...)
	w.out = appendEscaped(w.out, s)
	w.out = append(w.out, "</code>"...)
}

func (telegram) pre(w *writer, lang, code string) {
	back := w.flush()
	defer back()
	w.begin()
	w.suspend()
	code = strings.TrimSuffix(code, "\n")
	if lang == "" {
		w.out = append(w.out, "<pre>"...)
		w.out = appendEscaped(w.out, code)
		w.out = append(w.out, "</pre>"...)
		return
	}
	w.out = append(w.out, `<pre><code class="language-`...)
	w.out = append(w.out, lang...)
	w.out = append(w.out, `">`...)
	w.out = appendEscaped(w.out, code)
	w.out = append(w.out, "</code></pre>"...)
}

func (telegram) link(r *renderer, n ast.Node, url string) {
	r.w.push(`<a href="`+escaped(url)+`">`, "</a>")
	r.label(n, url)
	r.w.pop()
}

// quote: Telegram does not nest quotes; the inner ones have a sign before their lines.
func (telegram) quote(r *renderer, n ast.Node, depth int) {
	if depth > 1 {
		r.w.pay()
		r.w.indent("&gt; ", "&gt; ")
		r.blocks(n)
		r.w.leave()
		return
	}
	back := r.w.flush()
	defer back()
	r.w.pay()
	start := len(r.w.out)
	r.w.out = append(r.w.out, "<blockquote>"...)
	inner := len(r.w.out)
	r.blocks(n)
	if len(r.w.out) == inner {
		r.w.out = r.w.out[:start]
		return
	}
	r.w.out = append(r.w.out, "</blockquote>"...)
}

func (telegram) bullet(depth, number int) string { return dot(depth, number) }

func (telegram) tableWidth() int { return 34 }

// dot is the sign of a list item where the service has no lists of its own.
func dot(depth, number int) string {
	switch {
	case number >= 0:
		return ordinal(number)
	case depth == 1:
		return "• "
	case depth == 2:
		return "◦ "
	default:
		return "▪ "
	}
}

// appendEscaped writes s as HTML text, which is good within quoted attributes too.
func appendEscaped(b []byte, s string) []byte {
	for i := range len(s) {
		switch s[i] {
		case '&':
			b = append(b, "&amp;"...)
		case '<':
			b = append(b, "&lt;"...)
		case '>':
			b = append(b, "&gt;"...)
		case '"':
			b = append(b, "&quot;"...)
		default:
			b = append(b, s[i])
		}
	}
	return b
}

func escaped(s string) string { return string(appendEscaped(nil, s)) }
