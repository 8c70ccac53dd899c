package markdown

import (
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
)

// Slack returns md as Slack's mrkdwn. Slack has no escape for its marks: where a literal one could be taken for
// markup, a zero-width space follows it.
func Slack(md string) string { return render(md, slack{}, writer{perLine: true, guard: true}) }

// SlackLen is how many characters Slack counts for md: those of [Slack](md), with its marks and entities.
func SlackLen(md string) int { return utf8.RuneCountInString(Slack(md)) }

type slack struct{}

func (slack) text(w *writer, s string) {
	w.enter(s)
	for i := 0; i < len(s); i++ {
		if n := urlLen(s[i:]); n > 0 {
			w.out = append(w.out, slackEscape.Replace(s[i:i+n])...)
			i += n - 1
			continue
		}
		switch c := s[i]; c {
		case '&':
			w.out = append(w.out, "&amp;"...)
		case '<':
			w.out = append(w.out, "&lt;"...)
		case '>':
			w.out = append(w.out, "&gt;"...)
		case '*', '_', '~', '`':
			literal := strings.Count(s, s[i:i+1]) < 2 || !slackMarks(w.out, s[i+1:])
			w.out = append(w.out, c)
			if !literal {
				w.out = append(w.out, zeroWidth...)
			}
		default:
			w.out = append(w.out, c)
		}
	}
}

// slackMarks reports whether a sign between before and after could open or close markup: it touches something, but
// not letters on both sides.
func slackMarks(before []byte, after string) bool {
	left := len(before) > 0 && !isSpace(before[len(before)-1])
	right := after != "" && !isSpace(after[0])
	return (left || right) && !(wordEnd(before) && wordStart(after))
}

var slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func (slack) mark(k kind) (string, string) {
	switch k {
	case bold:
		return "*", "*"
	case italic:
		return "_", "_"
	case strikethrough:
		return "~", "~"
	default:
		return "", ""
	}
}

func (slack) heading(int) (string, []kind) { return "", []kind{bold} }

func (slack) code(w *writer, s string) {
	w.raw("`" + slackEscape.Replace(strings.ReplaceAll(s, "`", "ˋ")) + "`")
	w.closed = true
}

func (slack) pre(w *writer, _, code string) {
	quoted := w.quoted()
	back := w.flush()
	defer back()
	w.raw("```\n" + slackEscape.Replace(noFence(code)) + "```")
	if quoted { // the quote begins anew on the next line
		w.line()
		w.pay()
	}
}

// link: the label of a link holds no marks.
func (slack) link(r *renderer, n ast.Node, url string) {
	label := plainText(n, r.src)
	target := slackEscape.Replace(strings.ReplaceAll(url, "|", "%7C"))
	if label == "" || label == url {
		r.w.raw("<" + target + ">")
		return
	}
	r.w.raw("<" + target + "|" + slackEscape.Replace(label) + ">")
}

// quote: Slack knows quotes of one level, at the start of a line.
func (slack) quote(r *renderer, n ast.Node, depth int) {
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
	r.w.indent("> ", "> ")
	r.blocks(n)
	r.w.leave()
}

func (slack) bullet(depth, number int) string { return dot(depth, number) }

func (slack) tableWidth() int { return 44 }
