package markdown

import (
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
)

// HTML returns md as HTML to be set into our page. It holds no attribute but href, class, start and those that make
// links safe; code has the class "language-x", cells of tables "left", "right" or "center".
func HTML(md string) string {
	h := &htmlWriter{out: make([]byte, 0, len(md)+len(md)/2)}
	h.document(md)
	return string(h.out)
}

// htmlWriter writes a tree as HTML.
type htmlWriter struct {
	src   []byte
	out   []byte
	mail  bool // styles stand at the tags: mail programs read no style sheets
	rich  bool // a rich message of Telegram's
	depth int  // levels that are open, of a rich message
	links int  // depth
	cited map[string]bool
}

func (h *htmlWriter) raw(s string)  { h.out = append(h.out, s...) }
func (h *htmlWriter) text(s string) { h.out = appendEscaped(h.out, s) }

// tag writes an opening tag.
func (h *htmlWriter) tag(name, class string) {
	h.raw("<" + name)
	if h.mail {
		if s := mailStyles[name]; s != "" {
			h.raw(` style="` + s + `"`)
		}
	}
	if class != "" {
		h.raw(` class="` + class + `"`)
	}
	h.raw(">")
}

func (h *htmlWriter) element(name string, n ast.Node) {
	h.tag(name, "")
	h.inlines(n)
	h.raw("</" + name + ">\n")
}

func (h *htmlWriter) document(md string) {
	for part := range parts(md) {
		h.src, h.cited = source(part), nil
		h.blocks(parse(h.src))
	}
}

func (h *htmlWriter) blocks(parent ast.Node) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		h.block(n)
	}
}

func (h *htmlWriter) block(n ast.Node) {
	if h.rich && h.richBlock(n) {
		return
	}
	switch n := n.(type) {
	case *ast.TextBlock:
		h.inlines(n)
		if n.NextSibling() != nil {
			h.raw("\n")
		}
	case *ast.Heading:
		h.element("h"+strconv.Itoa(n.Level), n)
	case *ast.FencedCodeBlock:
		h.pre(language(string(n.Language(h.src))), n)
	case *ast.CodeBlock:
		h.pre("", n)
	case *ast.Blockquote:
		h.quote(n)
	case *ast.List:
		h.list(n)
	case *ast.ThematicBreak:
		h.raw("<hr>\n")
	case *ast.LinkReferenceDefinition:
		h.definition(n)
	case *displayNode:
		h.lines(n)
	case *extast.Table:
		h.table(n)
	default:
		h.element("p", n)
	}
}

func (h *htmlWriter) quote(n ast.Node) {
	start := len(h.out)
	h.tag("blockquote", "")
	h.raw("\n")
	inner := len(h.out)
	h.blocks(n)
	if h.rich && len(h.out) == inner {
		h.out = h.out[:start]
		return
	}
	h.raw("</blockquote>\n")
}

func (h *htmlWriter) pre(lang string, n ast.Node) {
	h.tag("pre", "")
	if lang != "" {
		h.raw(`<code class="language-` + lang + `">`)
	} else {
		h.raw("<code>")
	}
	h.text(string(n.Lines().Value(h.src)))
	h.raw("</code></pre>\n")
}

func (h *htmlWriter) list(l *ast.List) {
	name := "ul"
	if l.IsOrdered() {
		name = "ol"
	}
	h.raw("<" + name)
	if l.IsOrdered() && l.Start != 1 {
		h.raw(` start="` + strconv.Itoa(l.Start) + `"`)
	}
	h.raw(">\n")
	for n := l.FirstChild(); n != nil; n = n.NextSibling() {
		h.tag("li", "")
		h.blocks(n)
		h.raw("</li>\n")
	}
	h.raw("</" + name + ">\n")
}

func (h *htmlWriter) definition(n *ast.LinkReferenceDefinition) {
	if h.cited == nil {
		h.cited = cited(root(n))
	}
	if h.cited[string(n.Label)] {
		return
	}
	h.lines(n)
}

// lines writes n's lines as they stand.
func (h *htmlWriter) lines(n ast.Node) {
	h.tag("p", "")
	for i, line := range strings.Split(linesOf(n, h.src), "\n") {
		if i > 0 {
			h.lineBreak()
		}
		h.text(line)
	}
	h.raw("</p>\n")
}

func (h *htmlWriter) lineBreak() {
	if h.rich {
		h.raw("<br/>")
		return
	}
	h.raw("<br>\n")
}

func (h *htmlWriter) table(t *extast.Table) {
	h.tag("table", "")
	h.raw("\n<thead>\n")
	for n := t.FirstChild(); n != nil; n = n.NextSibling() {
		cell := "td"
		if n == t.FirstChild() {
			cell = "th"
		}
		h.raw("<tr>")
		line := rowOf(n, h.src)
		for i, c := range line.cells {
			h.cell(cell, t.Alignments[i], c)
		}
		if line.extra != "" {
			h.tag(cell, "")
			h.text(line.extra)
			h.raw("</" + cell + ">")
		}
		h.raw("</tr>\n")
		if cell == "th" {
			h.raw("</thead>\n<tbody>\n")
		}
	}
	h.raw("</tbody>\n</table>\n")
}

func (h *htmlWriter) cell(name string, a extast.Alignment, n ast.Node) {
	class := ""
	if a != extast.AlignNone {
		class = a.String()
	}
	if h.mail && class != "" {
		h.raw("<" + name + ` style="` + mailStyles[name] + ";text-align:" + class + `">`)
	} else {
		h.tag(name, class)
	}
	h.inlines(n)
	h.raw("</" + name + ">")
}

func (h *htmlWriter) inlines(parent ast.Node) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		h.inline(n)
	}
}

func (h *htmlWriter) inline(n ast.Node) {
	switch n := n.(type) {
	case *formulaNode:
		if h.rich {
			h.math("tg-math", n.text(h.src))
		} else {
			h.text(n.text(h.src))
		}
	case *ast.Text:
		h.text(textOf(n, h.src))
		if n.SoftLineBreak() || n.HardLineBreak() {
			h.lineBreak()
		}
	case *ast.String:
		h.text(string(n.Value))
	case *ast.CodeSpan:
		h.tag("code", "")
		h.text(codeOf(n, h.src))
		h.raw("</code>")
	case *ast.Emphasis:
		name := "em"
		if n.Level == 2 {
			name = "strong"
		}
		h.wrap(name, n)
	case *extast.Strikethrough:
		h.wrap("del", n)
	case *ast.Link:
		h.anchor(n, n.Destination)
	case *ast.Image:
		h.anchor(n, n.Destination)
	case *ast.AutoLink:
		h.autoLink(n)
	case *ast.RawHTML:
		if s := string(n.Segments.Value(h.src)); isBreak(s) {
			h.lineBreak()
		} else {
			h.text(s)
		}
	case *extast.TaskCheckBox:
		h.text(checkBox(n.IsChecked))
	default:
		h.inlines(n)
	}
}

func (h *htmlWriter) wrap(name string, n ast.Node) {
	if h.deep() {
		h.inlines(n)
		return
	}
	h.depth++
	h.raw("<" + name + ">")
	h.inlines(n)
	h.raw("</" + name + ">")
	h.depth--
}

// anchor writes a link. Links do not nest: a picture within a link is the link's text.
func (h *htmlWriter) anchor(n ast.Node, dest []byte) {
	url, ok := link(dest)
	label := plainText(n, h.src)
	switch {
	case ok && h.links == 0 && !h.deep():
		h.openLink(url)
		if label == "" {
			h.text(url)
		} else {
			h.inlines(n)
		}
		h.closeLink()
	case label == "":
		h.text(url)
	default:
		h.inlines(n)
		if !ok && url != "" && !strings.HasPrefix(url, "#") {
			h.text(" (" + url + ")")
		}
	}
}

func (h *htmlWriter) autoLink(n *ast.AutoLink) {
	url, ok := autoURL(n, h.src)
	if !ok || h.links > 0 || h.deep() {
		h.text(string(n.Label(h.src)))
		return
	}
	h.openLink(url)
	h.text(string(n.Label(h.src)))
	h.closeLink()
}

func (h *htmlWriter) openLink(url string) {
	h.links++
	h.depth++
	h.raw(`<a href="`)
	h.text(url)
	if h.rich {
		h.raw(`">`)
		return
	}
	h.raw(`" target="_blank" rel="noopener noreferrer nofollow">`)
}

func (h *htmlWriter) closeLink() {
	h.links--
	h.depth--
	h.raw("</a>")
}
