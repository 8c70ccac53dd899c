package markdown

import (
	"bytes"
	"iter"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
)

// style is how a service shows what a tree holds.
type style interface {
	// text writes s, which has no line breaks, so that it is read as text.
	text(w *writer, s string)
	// mark is what opens and closes a kind of emphasis; empty if the service has none.
	mark(k kind) (open, close string)
	// heading is what stands before a heading of that level, and what emphasis it has.
	heading(level int) (lead string, marks []kind)
	// code writes a code span.
	code(w *writer, s string)
	// pre writes a block of code, whose lines each end with a newline.
	pre(w *writer, lang, code string)
	// link writes a link to a page or address that link() passed.
	link(r *renderer, label ast.Node, url string)
	// quote writes n, a quote; depth counts from 1.
	quote(r *renderer, n ast.Node, depth int)
	// bullet is what stands before an item of a list; number is -1 if the list has no numbers.
	bullet(depth, number int) string
	// tableWidth is how many columns of letters a table may have before its rows are shown as lists: what fits on a
	// phone, where a wider one is broken in the middle of its rows.
	tableWidth() int
}

type kind int

const (
	bold kind = iota
	italic
	underline
	strikethrough
)

// renderer walks a tree and writes it in a style.
type renderer struct {
	style
	w      writer
	src    []byte
	lists  int // depth
	quotes int // depth
	inLink bool
	on     [4]int          // how often each kind of emphasis is open
	cited  map[string]bool // labels of link definitions that links use
}

// render returns md in a style.
func render(md string, s style, w writer) string {
	r := &renderer{style: s, w: w}
	r.w.fresh = true
	r.w.out = make([]byte, 0, len(md)+len(md)/4)
	for part := range parts(md) {
		r.src, r.cited = source(part), nil
		r.w.blank()
		r.blocks(parse(r.src))
	}
	return string(bytes.TrimRight(r.w.out, "\n "))
}

// parts cuts md into parts that the parser reads in a time that grows with md: it needs that squared for some texts,
// such as "> > > >" without an end.
func parts(md string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for len(md) > maxPart {
			f := &fitter{cutter: newCutter(md, maxPart), md: md}
			n := f.backOff(f.place(maxPart))
			if !yield(f.head(n)) {
				return
			}
			md = f.rest(n)
		}
		yield(md)
	}
}

// maxPart is how many bytes are parsed at once; no message of a service is as long.
const maxPart = 16 << 10

func (r *renderer) blocks(parent ast.Node) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		r.block(n)
	}
}

func (r *renderer) block(n ast.Node) {
	switch n := n.(type) {
	case *ast.TextBlock:
		r.w.line()
		r.inlines(n)
	case *ast.Heading:
		r.w.blank()
		r.headline(n)
		r.w.blank()
	case *ast.FencedCodeBlock:
		r.codeBlock(string(n.Language(r.src)), n)
	case *ast.CodeBlock:
		r.codeBlock("", n)
	case *ast.Blockquote:
		r.separate(n)
		r.quotes++
		r.quote(r, n, r.quotes)
		r.quotes--
		r.w.blank()
	case *ast.List:
		r.list(n)
	case *ast.ThematicBreak:
		r.w.blank()
		r.w.raw("———")
		r.w.blank()
	case *ast.LinkReferenceDefinition:
		r.definition(n)
	case *displayNode:
		r.separate(n)
		r.words(linesOf(n, r.src))
		r.separate(n)
	case *extast.Table:
		r.w.blank()
		r.table(n)
		r.w.blank()
	default: // a paragraph
		r.separate(n)
		r.inlines(n)
		r.separate(n)
	}
}

// separate leaves a blank line between n and what comes before or after it, but not within a tight list.
func (r *renderer) separate(n ast.Node) {
	if item, ok := n.Parent().(*ast.ListItem); ok {
		if list, ok := item.Parent().(*ast.List); ok && list.IsTight {
			r.w.line()
			return
		}
	}
	r.w.blank()
}

func (r *renderer) headline(n *ast.Heading) {
	lead, marks := r.heading(n.Level)
	if lead != "" && n.HasChildren() {
		r.w.raw(lead)
	}
	for _, k := range marks {
		r.open(k)
	}
	r.inlines(n)
	for i := len(marks) - 1; i >= 0; i-- {
		r.shut(marks[i])
	}
}

func (r *renderer) codeBlock(lang string, n ast.Node) {
	code := string(n.Lines().Value(r.src))
	if strings.TrimSpace(code) == "" {
		return
	}
	if !strings.HasSuffix(code, "\n") {
		code += "\n"
	}
	r.separate(n)
	r.pre(&r.w, language(lang), code)
	r.separate(n)
}

func (r *renderer) list(l *ast.List) {
	if r.lists == 0 {
		r.w.blank()
	} else {
		r.w.line()
	}
	r.lists++
	number := -1
	if l.IsOrdered() {
		number = l.Start
	}
	for n := l.FirstChild(); n != nil; n = n.NextSibling() {
		b := r.bullet(r.lists, number)
		r.w.indent(b, strings.Repeat(" ", width(b)))
		r.blocks(n)
		r.w.dedent()
		if l.IsTight {
			r.w.line()
			r.w.owed = min(r.w.owed, 1)
		} else {
			r.w.blank()
		}
		if number >= 0 {
			number++
		}
	}
	r.lists--
	if r.lists == 0 {
		r.w.blank()
	}
}

// definition shows what a link definition says, unless a link of the text has used it.
func (r *renderer) definition(n *ast.LinkReferenceDefinition) {
	if r.cited == nil {
		r.cited = cited(root(n))
	}
	if r.cited[string(n.Label)] {
		return
	}
	r.separate(n)
	r.words(linesOf(n, r.src))
	r.w.line()
}

// linesOf is the text of n's lines as it stands, without what they are indented by.
func linesOf(n ast.Node, src []byte) string {
	var s strings.Builder
	for i := range n.Lines().Len() {
		seg := n.Lines().At(i)
		if i > 0 {
			s.WriteByte('\n')
		}
		s.Write(bytes.TrimSpace(seg.Value(src)))
	}
	return s.String()
}

// words writes s as text; it may have several lines.
func (r *renderer) words(s string) {
	for s != "" {
		line, rest, more := strings.Cut(s, "\n")
		if line != "" {
			r.text(&r.w, line)
		}
		if more {
			r.w.feed()
		}
		s = rest
	}
}

func root(n ast.Node) ast.Node {
	for n.Parent() != nil {
		n = n.Parent()
	}
	return n
}

// cited collects the labels that reference links use.
func cited(doc ast.Node) map[string]bool {
	used := map[string]bool{}
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link:
			if n.Reference != nil {
				used[string(n.Reference.Value)] = true
			}
		case *ast.Image:
			if n.Reference != nil {
				used[string(n.Reference.Value)] = true
			}
		}
		return ast.WalkContinue, nil
	})
	return used
}

// language is the name of a code block's language if it can stand in an attribute or after a fence, else "".
func language(s string) string {
	if len(s) > 40 {
		return ""
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("+-.#_", c) >= 0:
		default:
			return ""
		}
	}
	return s
}

func ordinal(n int) string { return strconv.Itoa(n) + ". " }
