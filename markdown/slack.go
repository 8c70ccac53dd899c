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
	for i := range len(s) {
		switch c := s[i]; c {
		case '&':
			w.out = append(w.out, "&amp;"...)
		case '<':
			w.out = append(w.out, "&lt;"...)
		case '>':
			w.out = append(w.out, "&gt;"...)
		case '*', '_', '~', '`':
			w.out = append(w.out, c)
			if slackMarks(w.out, s[i+1:]) {
				w.out = append(w.out, zeroWidth...)
			}
		default:
			w.out = append(w.out, c)
		}
	}
}

// slackMarks reports whether the last byte of before could open or close markup: it touches a sign on one side and
// no letter on the other.
func slackMarks(before []byte, after string) bool {
	touches := after != "" && !isSpace(after[0])
	inWord := wordEnd(before[:len(before)-1]) && wordStart(after)
	if n := len(before); n > 1 && !isSpace(before[n-2]) {
		touches = true
	}
	return touches && !inWord
}

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
	w.raw("`" + slackCode(strings.ReplaceAll(s, "`", "ˋ")) + "`")
	w.closed = true
}

func (slack) pre(w *writer, _, code string) {
	back := w.flush()
	defer back()
	code = strings.ReplaceAll(code, "```", "`"+zeroWidth+"`"+zeroWidth+"`")
	w.raw("```\n" + slackCode(code) + "```")
}

func slackCode(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// link: the label of a link holds no marks.
func (slack) link(r *renderer, n ast.Node, url string) {
	label := plainText(n, r.src)
	target := slackCode(strings.ReplaceAll(url, "|", "%7C"))
	if label == "" || label == url {
		r.w.raw("<" + target + ">")
		return
	}
	r.w.raw("<" + target + "|" + slackCode(label) + ">")
}

// quote: Slack knows quotes of one level, at the start of a line.
func (slack) quote(r *renderer, n ast.Node, depth int) {
	if depth > 1 {
		r.w.pay()
		r.w.indent("&gt; ", "&gt; ")
		r.blocks(n)
		r.w.dedent()
		return
	}
	back := r.w.flush()
	defer back()
	r.w.pay()
	r.w.indent("> ", "> ")
	r.blocks(n)
	r.w.dedent()
}

func (slack) bullet(depth, number int) string { return dot(depth, number) }

func (slack) tableWidth() int { return 80 }
