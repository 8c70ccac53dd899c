package markdown

import (
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
)

// span is an inline construct that is open at a place: how to close it there and how to open it again.
type span struct{ open, close string }

// openAt are the constructs open at n, outermost first.
func (c *cutter) openAt(n int) []span {
	leaf, end := c.leafAt(n)
	if leaf == nil {
		return nil
	}
	spans, _ := c.path(leaf, end, n, nil)
	return spans
}

// placeInline moves n out of marks and of what has no inside: an address, a tag, a formula.
func (c *cutter) placeInline(n int) int {
	if leaf, end := c.leafAt(n); leaf != nil {
		_, n = c.path(leaf, end, n, nil)
	}
	i := 0
	for i < n && c.md[n-1-i] == '\\' {
		i++
	}
	n -= i % 2 // a backslash stays with what it escapes
	for n > 0 && n < len(c.md) && c.md[n-1] == c.md[n] && strings.IndexByte("`~*_", c.md[n]) >= 0 {
		n--
	}
	if at := c.falseFence(n); at >= 0 {
		return strings.LastIndexByte(c.md[:at], '\n') + 1
	}
	return n
}

// falseFence is where the line that n cuts would begin a code block if it ended at n; -1 if it would not.
func (c *cutter) falseFence(n int) int {
	line := c.md[strings.LastIndexByte(c.md[:n], '\n')+1 : n]
	text := strings.TrimLeft(line, " \t>-+*0123456789.)")
	if strings.HasPrefix(text, "```") || strings.HasPrefix(text, "~~~") {
		return n - len(text)
	}
	return -1
}

// headInline is md up to n with its inline constructs closed.
func (c *cutter) headInline(n int) string {
	spans := c.openAt(n)
	if len(spans) == 0 {
		if at := c.falseFence(n); at >= 0 && n < len(c.md) {
			return c.md[:at] + `\` + c.md[at:n]
		}
		return c.md[:n]
	}
	text := strings.TrimRight(c.md[:n], " \t\n>")
	var b strings.Builder
	b.WriteString(text)
	for i := len(spans) - 1; i >= 0; i-- {
		if spans[i].close[0] == '`' && strings.HasSuffix(text, "`") {
			b.WriteByte(' ')
		}
		b.WriteString(spans[i].close)
	}
	b.WriteString(c.md[len(text):n])
	return b.String()
}

// leafAt is the block with text that n lies in, and where its text ends; nil if n lies between blocks.
func (c *cutter) leafAt(n int) (leaf ast.Node, end int) {
	leaf = c.blockAt(n)
	if leaf.Type() != ast.TypeBlock || leaf.IsRaw() || leaf.Lines().Len() == 0 || leaf.FirstChild() == nil {
		return nil, 0
	}
	lines := leaf.Lines()
	end = lines.At(lines.Len() - 1).Stop
	if n <= lines.At(0).Start || n >= end {
		return nil, 0
	}
	return leaf, end
}

// path goes down from parent, whose content ends at end, to what holds n. It returns what is open at n and n, moved
// before the construct that cannot be cut there.
func (c *cutter) path(parent ast.Node, end, n int, open []span) ([]span, int) {
	for child := parent.LastChild(); child != nil; child = child.PreviousSibling() {
		start, inner := c.extent(child)
		if start < 0 {
			return open, n
		}
		if start >= n {
			end = start
			continue
		}
		if n >= end {
			return open, n
		}
		if child.Kind() == ast.KindText {
			return open, n
		}
		s, closing := c.spanOf(child, start, inner)
		switch stop := end - closing; {
		case s.open == "":
			return open, start
		case n <= inner || child.Kind() == ast.KindLink && n >= child.FirstChild().(*ast.Text).Segment.Stop:
			return open, start
		case n >= stop && closing > 0:
			return open, end
		default:
			if s.open != "~~" || !slices.Contains(open, s) { // four would begin a code block
				open = append(open, s)
			}
			return c.path(child, stop, n, open)
		}
	}
	return open, n
}

// extent is where an inline construct starts and where its content does; -1 if that is not known.
func (c *cutter) extent(n ast.Node) (start, inner int) {
	if t, ok := n.(*ast.Text); ok {
		return t.Segment.Start, t.Segment.Start
	}
	inner = -1
	if first := n.FirstChild(); first != nil {
		inner, _ = c.extent(first)
	}
	switch n := n.(type) {
	case *formulaNode:
		return inner, inner
	case *ast.Emphasis:
		return inner - n.Level, inner
	case *extast.Strikethrough:
		return inner - 2, inner
	case *ast.CodeSpan:
		start = inner
		for start > 0 && c.src[start-1] == ' ' {
			start--
		}
		for start > 0 && c.src[start-1] == '`' {
			start--
		}
		return start, inner
	case *ast.Link:
		return n.Pos(), inner
	}
	return n.Pos(), n.Pos()
}

// spanOf is how n is closed and opened, and how long what closes it in the source is; 0 if that is not known. It is
// empty for what has no inside.
func (c *cutter) spanOf(n ast.Node, start, inner int) (s span, closing int) {
	if inner < 0 || start < 0 {
		return span{}, 0
	}
	switch n := n.(type) {
	case *ast.Emphasis, *extast.Strikethrough:
		mark := string(c.src[start:inner])
		return span{mark, mark}, len(mark)
	case *ast.CodeSpan:
		mark := strings.TrimRight(string(c.src[start:inner]), " ")
		if len(mark) < 3 { // three might begin a code block
			return span{mark, mark}, len(mark)
		}
	case *ast.Link:
		if n.Reference == nil && n.ChildCount() == 1 && n.FirstChild().Kind() == ast.KindText {
			return span{"[", "](<" + string(n.Destination) + ">)"}, 0
		}
	}
	return span{}, 0
}
