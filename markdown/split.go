package markdown

import (
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
)

// Split cuts md at byte n, or near it where n lies within a fence or a rune, and makes two texts that each stand on
// their own: a code block that is open there is closed in head and opened again, with its language, in tail; lists
// and quotes go on in tail. No text is lost. tail is shorter than md, and empty if nothing but space is left.
func Split(md string, n int) (head, tail string) {
	if n <= 0 {
		return "", md
	}
	if n > len(md) {
		n = len(md)
	}
	c := newCutter(md, n)
	n = c.place(n)
	return c.head(n), c.rest(n)
}

// cutter knows how the beginning of a text is built.
type cutter struct {
	md     string
	src    []byte // what was parsed: md as far as the end of a line
	root   ast.Node
	fences []*ast.FencedCodeBlock // in order
	tables []*extast.Table
}

// newCutter reads md so far that it can be cut anywhere up to n: to the end of the paragraph there, but not much
// further, whatever md holds.
func newCutter(md string, n int) *cutter {
	end := min(len(md), n+lookAhead)
	if i := strings.Index(md[n:end], "\n\n"); i >= 0 {
		end = n + i + 1
		if j := strings.IndexByte(md[end+1:], '\n'); i == 0 && j >= 0 && j < lookAhead {
			end += j + 2 // n may be where a fence is closed after a blank line
		}
	} else if i := strings.LastIndexByte(md[n:end], '\n'); i > 0 && end < len(md) {
		end = n + i + 1
	}
	c := &cutter{md: md, src: []byte(md[:end])}
	c.root = parse(c.src)
	c.collect(c.root)
	return c
}

// lookAhead is how far beyond a cut the end of its paragraph is looked for, in bytes.
const lookAhead = 4096

func (c *cutter) collect(parent ast.Node) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.FencedCodeBlock:
			c.fences = append(c.fences, n)
		case *extast.Table:
			c.tables = append(c.tables, n)
		case *ast.Blockquote, *ast.List, *ast.ListItem:
			c.collect(n)
		}
	}
}

// fenceAt is the code block that holds n, from its first to its last line, the fences included. ended reports that
// n is its very end, where no fence closed it.
func (c *cutter) fenceAt(n int) (f *ast.FencedCodeBlock, info *fenceInfo, ended bool) {
	for _, f := range c.fences {
		info := fenceOf(f)
		if info.open >= n {
			break
		}
		if end := fenceEnd(f, info); n < end || n == end && !info.closed {
			return f, info, n == end && n < len(c.md)
		}
	}
	return nil, nil, false
}

// fenceEnd is where the line after a code block starts.
func fenceEnd(f *ast.FencedCodeBlock, info *fenceInfo) int {
	if info.closed {
		return info.end
	}
	if l := f.Lines().Len(); l > 0 {
		return f.Lines().At(l - 1).Stop
	}
	return info.body
}

// place moves n to where md can be cut: to the start of a rune, out of the line of a fence and out of what has no
// inside (an address, a row of a table), and so that neither part holds an empty code block. It never moves it back
// to the start of the text.
func (c *cutter) place(n int) int {
	n = runeStart(c.md, n)
	first := len(c.md) - len(strings.TrimLeft(c.md, unseen))
	if first < len(c.md) && c.md[first] == '\\' {
		first++
	}
	if n <= first {
		_, size := utf8.DecodeRuneInString(c.md[first:])
		n = first + size
	}
	if start := strings.LastIndexByte(c.md[:n], '\n') + 1; start > first && isUnseen(c.md[start:n]) {
		n = start // not between what stands before a line
	}
	if n == len(c.md) {
		return n
	}
	f, info, ended := c.fenceAt(n)
	switch {
	case f == nil || ended:
		return c.placeText(n)
	case info.closed && n >= info.close:
		return info.end
	case n > info.body && !isUnseen(c.md[info.body:n]):
		return c.pastTicks(n, info.mark)
	case c.hasText(info.open):
		return info.open
	}
	code := strings.TrimLeft(c.md[info.body:], unseen)
	at := len(c.md) - len(code)
	if end := fenceEnd(f, info); code == "" || at >= end || info.closed && at >= info.close {
		return end
	}
	_, size := utf8.DecodeRuneInString(code)
	return at + size
}

// pastTicks moves n, within a line of code, so far that what stands before it on the line is not the closing fence.
func (c *cutter) pastTicks(n int, mark string) int {
	start := strings.LastIndexByte(c.md[:n], '\n') + 1
	for n < len(c.src) && c.src[n] != '\n' {
		line := strings.TrimLeft(c.md[start:n], unseen)
		if !strings.HasPrefix(line, mark) || !isUnseen(strings.TrimLeft(line, mark[:1])) {
			break
		}
		_, size := utf8.DecodeRuneInString(c.md[n:])
		n += size
	}
	return n
}

// placeText is place for n outside of code blocks.
func (c *cutter) placeText(n int) int {
	var at int
	if t := c.tableAt(n); t != nil {
		at = t.place(n)
	} else {
		at = c.placeInline(n)
	}
	if at < n && !c.hasText(at) {
		return n
	}
	return at
}

// hasText reports whether md has something to show before n.
func (c *cutter) hasText(n int) bool { return !isUnseen(c.md[:n]) }

func isUnseen(s string) bool { return strings.TrimLeft(s, unseen) == "" }

// unseen are the signs of which a text that shows nothing may be made.
const unseen = " \t\r\n>"

// head is md up to n, which place has passed, with what is open there closed.
func (c *cutter) head(n int) string {
	f, info, _ := c.fenceAt(n)
	if f == nil || info.closed && n == info.end {
		return c.headInline(n)
	}
	var b strings.Builder
	b.WriteString(c.md[:n])
	if !strings.HasSuffix(c.md[:n], "\n") {
		b.WriteByte('\n')
	}
	for _, o := range containersOf(f) {
		b.WriteString(o.prefix())
	}
	b.WriteString(info.mark)
	b.WriteByte('\n')
	return b.String()
}

// rest is tail, but always shorter than md.
func (c *cutter) rest(n int) string {
	tail := c.tail(n)
	if len(tail) >= len(c.md) { // what is opened again is longer than head
		return c.md[n:]
	}
	return tail
}

// tail is md from n on, with what is open there opened again.
func (c *cutter) tail(n int) string {
	if strings.TrimSpace(c.md[n:]) == "" {
		return ""
	}
	var b strings.Builder
	rest := c.md[n:]
	midLine := n > 0 && c.md[n-1] != '\n'
	if f, info, ended := c.fenceAt(n); f != nil && !ended {
		open := containersOf(f)
		quotes := quotePrefix(open)
		b.WriteString(quotes + strings.Repeat(" ", info.indent) + info.mark)
		if f.Info != nil {
			b.Write(f.Info.Segment.Value(c.src))
		}
		b.WriteByte('\n')
		if midLine {
			b.WriteString(quotes)
		}
		carry(&b, rest, open, midLine)
		return b.String()
	}
	if t := c.tableAt(n); t != nil && t.reopens(n) {
		carry(&b, t.header()+rest, containersOf(t.node), false)
		return b.String()
	}
	leaf := c.blockAt(n)
	open := containersOf(leaf)
	if midLine {
		rest = strings.TrimLeft(rest, " \t")
		b.WriteString(quotePrefix(open))
	}
	switch marks := c.openAt(n); {
	case len(marks) > 0:
		if !midLine {
			var prefix string
			prefix, rest, open = strip(rest, open)
			b.WriteString(prefix)
			midLine = true
		}
		rest = strings.TrimLeft(rest, " \t")
		for _, m := range marks {
			if m.open == "~~" && strings.HasPrefix(rest, "~") { // or it would begin a code block
				continue
			}
			b.WriteString(m.open)
			if m.open[0] == '`' && strings.HasPrefix(rest, "`") {
				b.WriteByte(' ')
			}
		}
	case !midLine:
	case leaf.Kind() == ast.KindHeading:
		b.WriteString(strings.Repeat("#", leaf.(*ast.Heading).Level) + " ")
	default:
		rest = shielded(rest)
	}
	carry(&b, rest, open, midLine)
	return b.String()
}

// blockAt is the innermost block that begins before n and goes on there, or ends before it.
func (c *cutter) blockAt(n int) ast.Node {
	at := c.root
	for {
		child := at.LastChild()
		for child != nil && child.Type() == ast.TypeBlock && child.Pos() >= n {
			child = child.PreviousSibling()
		}
		if child == nil || child.Type() != ast.TypeBlock {
			return at
		}
		at = child
	}
}

// runeStart moves n back to the start of the rune that holds it.
func runeStart(s string, n int) int {
	for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	return n
}
