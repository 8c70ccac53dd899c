package markdown

import (
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
)

// What Telegram takes of one rich message.
const (
	RichLimit   = 32768 // characters, as [TelegramRichLen] counts them
	richBlocks  = 500   // blocks, items and rows
	richColumns = 20
	richNesting = 12 // levels of lists and quotes; a list and its item are two, and 16 are all that there may be
	richMarks   = 15 // levels below which no emphasis opens
)

// TelegramRich returns md as the HTML of a rich message of the Bot API (InputRichMessage.html), which has headings,
// lists, tables and formulas of its own. What is nested too deep, or too wide, is shown as text. The result is empty
// if md shows nothing.
func TelegramRich(md string) string {
	h := &htmlWriter{rich: true, out: make([]byte, 0, len(md)+len(md)/2)}
	h.document(md)
	return strings.TrimRight(string(h.out), "\n")
}

// TelegramRichLen is how much of RichLimit md takes: its characters, or its blocks, whichever is nearer to its limit.
func TelegramRichLen(md string) int {
	s := TelegramRich(md)
	blocks := 0
	for _, tag := range []string{"<p>", "<h1>", "<h2>", "<h3>", "<h4>", "<h5>", "<h6>", "<pre>", "<blockquote>", "<ul>", "<ol", "<table", "<tr>", "<hr/>", "<tg-math-block>"} {
		blocks += strings.Count(s, tag)
	}
	blocks += 2 * strings.Count(s, "<li>") // the item, and the text in it
	return max(htmlLen(s), blocks*RichLimit/richBlocks)
}

// NeedsRich reports whether md holds what Telegram's ordinary messages have nothing for: a table or a formula.
func NeedsRich(md string) bool {
	if !strings.ContainsAny(md, `|$\`) {
		return false
	}
	found := false
	for part := range parts(md) {
		_ = ast.Walk(parse(source(part)), func(n ast.Node, _ bool) (ast.WalkStatus, error) {
			switch n.(type) {
			case *extast.Table, *displayNode, *formulaNode:
				found = true
				return ast.WalkStop, nil
			}
			return ast.WalkContinue, nil
		})
	}
	return found
}

// math writes a formula without what opens and closes it. Its source is LaTeX whether or not the reader knows
// references, so it holds none: "<" and ">" have names there, and "&" stands before a space.
func (h *htmlWriter) math(tag, source string) {
	source = strings.TrimSpace(source)
	if closer := closerOf([]byte(source)); closer != "" {
		source = strings.TrimSuffix(source[2:], closer)
	} else {
		source = strings.Trim(source, "$")
	}
	h.raw("<" + tag + ">" + strings.NewReplacer("<", `\lt `, ">", `\gt `, "&", "& ").Replace(strings.TrimSpace(source)) + "</" + tag + ">")
}

// flat writes a block as lines of text, where it stands too deep to be shown as what it is.
func (h *htmlWriter) flat(n ast.Node) {
	r := &renderer{style: plain{}, src: h.src, cited: h.cited}
	r.w.fresh = true
	r.block(n)
	h.raw("<p>")
	for i, line := range strings.Split(strings.Trim(string(r.w.out), "\n "), "\n") {
		if i > 0 {
			h.raw("<br/>")
		}
		h.text(line)
	}
	h.raw("</p>\n")
}

// deep reports whether nothing more may open here.
func (h *htmlWriter) deep() bool { return h.rich && h.depth >= richMarks }

// richTable writes a table with what Telegram knows of it: rows, and how cells are aligned.
func (h *htmlWriter) richTable(t *extast.Table) {
	h.raw("<table bordered striped>\n")
	h.depth += 3
	for n := t.FirstChild(); n != nil; n = n.NextSibling() {
		cell := "td"
		if n == t.FirstChild() {
			cell = "th"
		}
		h.raw("<tr>")
		line := rowOf(n, h.src)
		for i, c := range line.cells {
			h.raw("<" + cell)
			if a := t.Alignments[i]; a != extast.AlignNone {
				h.raw(` align="` + a.String() + `"`)
			}
			h.raw(">")
			h.inlines(c)
			h.raw("</" + cell + ">")
		}
		if line.extra != "" {
			h.raw("<" + cell + ">")
			h.text(line.extra)
			h.raw("</" + cell + ">")
		}
		h.raw("</tr>\n")
	}
	h.depth -= 3
	h.raw("</table>\n")
}

// richPre writes code.
func (h *htmlWriter) richPre(lang, code string) {
	code = strings.TrimSuffix(code, "\n")
	if strings.TrimSpace(code) == "" {
		return
	}
	h.raw("<pre>")
	if lang != "" {
		h.raw(`<code class="language-` + lang + `">`)
	}
	h.text(code)
	if lang != "" {
		h.raw("</code>")
	}
	h.raw("</pre>\n")
}

// richBlock writes the blocks that a rich message shows in its own way; it reports false for the others.
func (h *htmlWriter) richBlock(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.Heading, *ast.Paragraph:
		if plainText(n, h.src) == "" {
			return true
		}
		name := "p"
		if t, ok := n.(*ast.Heading); ok {
			name = "h" + strconv.Itoa(t.Level)
		}
		h.depth++
		h.element(name, n)
		h.depth--
	case *ast.FencedCodeBlock:
		h.richPre(language(string(n.Language(h.src))), string(n.Lines().Value(h.src)))
	case *ast.CodeBlock:
		h.richPre("", string(n.Lines().Value(h.src)))
	case *ast.ThematicBreak:
		h.raw("<hr/>\n")
	case *displayNode:
		h.math("tg-math-block", linesOf(n, h.src))
		h.raw("\n")
	case *extast.Table:
		if len(n.Alignments) > richColumns {
			h.flat(n)
			return true
		}
		h.richTable(n)
	case *ast.List:
		h.nested(n, 2, func() { h.list(n) })
	case *ast.Blockquote:
		h.nested(n, 1, func() { h.quote(n) })
	default:
		return false
	}
	return true
}

// nested writes what takes so many levels, if there are as many.
func (h *htmlWriter) nested(n ast.Node, levels int, write func()) {
	if h.depth+levels > richNesting {
		h.flat(n)
		return
	}
	h.depth += levels
	write()
	h.depth -= levels
}
