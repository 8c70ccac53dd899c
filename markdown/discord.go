package markdown

import (
	"strings"

	"github.com/yuin/goldmark/ast"
)

// Discord returns md in what Discord shows of Markdown: tables become blocks of code, pictures links, headings
// below the third level bold lines. What Discord would take for markup, and Markdown does not, is escaped. Mentions
// are left as they are: the message's allowed_mentions decide on them.
func Discord(md string) string { return render(md, discord{}, writer{}) }

// DiscordLen is how many characters Discord counts for md: those of [Discord](md), in UTF-16 code units, which is
// never less than what Discord counts. A message holds 2000.
func DiscordLen(md string) int { return UTF16Len(Discord(md)) }

type discord struct{}

func (discord) text(w *writer, s string) {
	w.begin()
	start := w.freshLine()
	w.enter(s)
	if start {
		w.out, s = discordStart(w.out, s)
	}
	for i := 0; i < len(s); i++ {
		if n := urlLen(s[i:]); n > 0 {
			w.out = append(w.out, s[i:i+n]...)
			i += n - 1
			continue
		}
		switch c := s[i]; c {
		case '\\', '*', '_', '`', '[':
			w.out = append(w.out, '\\', c)
		case '~', '|': // two make a mark
			if i > 0 && s[i-1] == c || i+1 < len(s) && s[i+1] == c {
				w.out = append(w.out, '\\')
			}
			w.out = append(w.out, c)
		default:
			w.out = append(w.out, c)
		}
	}
}

// discordStart escapes what begins a list, a heading or a quote at the start of a line.
func discordStart(out []byte, s string) ([]byte, string) {
	t := strings.TrimLeft(s, " ")
	out = append(out, s[:len(s)-len(t)]...)
	if t == "" {
		return out, t
	}
	digits := 0
	for digits < len(t) && t[digits] >= '0' && t[digits] <= '9' {
		digits++
	}
	switch {
	case t[0] == '#' || t[0] == '>' || t[0] == '-' || t[0] == '+':
		return append(out, '\\', t[0]), t[1:]
	case digits > 0 && digits < len(t) && t[digits] == '.':
		out = append(out, t[:digits]...)
		return append(out, '\\', '.'), t[digits+1:]
	}
	return out, t
}

// urlLen is the length of the web address that s begins with; Discord finds those by itself and reads no escapes
// within them.
func urlLen(s string) int {
	if !strings.HasPrefix(s, "http://") && !strings.HasPrefix(s, "https://") {
		return 0
	}
	if n := strings.IndexAny(s, " \t\n<>|`*\\\"()[]"); n >= 0 {
		return n
	}
	return len(s)
}

func (discord) mark(k kind) (string, string) {
	switch k {
	case bold:
		return "**", "**"
	case italic:
		return "*", "*"
	case underline:
		return "__", "__"
	default:
		return "~~", "~~"
	}
}

func (discord) heading(level int) (string, []kind) {
	if level <= 3 {
		return strings.Repeat("#", level) + " ", nil
	}
	return "", []kind{bold}
}

func (discord) code(w *writer, s string) {
	ticks := "`"
	if strings.Contains(s, "`") {
		ticks = "``"
		s = " " + apart(s) + " "
	}
	w.raw(ticks + s + ticks)
}

func (discord) pre(w *writer, lang, code string) {
	back := func() {}
	if !w.quoted() {
		back = w.flush()
	}
	defer back()
	code = noFence(code)
	w.raw("```" + lang)
	w.owed = 1
	for line := range strings.Lines(code) {
		w.begin()
		w.out = append(w.out, strings.TrimSuffix(line, "\n")...)
		w.owed = 1
	}
	w.raw("```")
}

// link: Discord masks web addresses only, and not with a label that looks like another one.
func (discord) link(r *renderer, n ast.Node, url string) {
	label := plainText(n, r.src)
	web := !strings.HasPrefix(strings.ToLower(url), "mailto:")
	switch {
	case label == "" || label == url:
		if !web {
			url = url[len("mailto:"):]
		}
		r.w.raw(url)
	case !web && label == url[len("mailto:"):]:
		r.words(label)
	case !web || strings.Contains(label, "://"):
		r.inlines(n)
		r.w.raw(" (" + url + ")")
	default:
		r.w.raw("[")
		r.inlines(n)
		r.w.raw("](" + strings.NewReplacer("(", "%28", ")", "%29").Replace(url) + ")")
	}
}

// quote: Discord does not nest quotes.
func (discord) quote(r *renderer, n ast.Node, depth int) {
	back := func() {}
	if depth == 1 {
		back = r.w.flush()
	}
	defer back()
	r.w.pay()
	r.w.indent("> ", "> ")
	r.blocks(n)
	r.w.leave()
}

func (discord) bullet(_, number int) string {
	if number >= 0 {
		return ordinal(number)
	}
	return "- "
}

func (discord) tableWidth() int { return 44 }
