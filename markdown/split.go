package markdown

import (
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
)

// Split cuts md at byte n, or near it where n lies within a fence or a rune, and makes two texts that each stand on
// their own: a code block that is open there is closed in head and opened again, with its language, in tail; lists
// and quotes go on in tail. No text is lost. tail is empty if nothing but space is left; it is shorter than md if n
// is what [Fit] returned.
func Split(md string, n int) (head, tail string) {
	if n <= 0 {
		return "", md
	}
	if n > len(md) {
		n = len(md)
	}
	c := newCutter(md, n)
	n = c.place(n)
	return c.head(n), c.tail(n)
}

// cutter knows how the beginning of a text is built.
type cutter struct {
	md     string
	src    []byte // what was parsed: md as far as the end of a line
	root   ast.Node
	fences []*ast.FencedCodeBlock // in order
}

// newCutter reads md so far that it can be cut anywhere up to n.
func newCutter(md string, n int) *cutter {
	end := len(md)
	if i := strings.IndexByte(md[n:], '\n'); i >= 0 {
		end = n + i + 1
	}
	c := &cutter{md: md, src: []byte(md[:end])}
	c.root = parse(c.src)
	c.collect(c.root)
	return c
}

func (c *cutter) collect(parent ast.Node) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.FencedCodeBlock:
			c.fences = append(c.fences, n)
		case *ast.Blockquote, *ast.List, *ast.ListItem:
			c.collect(n)
		}
	}
}

// fenceAt is the code block that holds n, from its first to its last line, the fences included.
func (c *cutter) fenceAt(n int) (*ast.FencedCodeBlock, *fenceInfo) {
	for _, f := range c.fences {
		info := fenceOf(f)
		if info.open >= n {
			return nil, nil
		}
		end := info.body
		if l := f.Lines().Len(); l > 0 {
			end = f.Lines().At(l - 1).Stop
		}
		if info.closed {
			end = info.end
		}
		if n < end || n == end && !info.closed && n == len(c.md) {
			return f, info
		}
	}
	return nil, nil
}

// place moves n to where md can be cut: to the start of a rune, out of the line of a fence, and so that neither part
// holds an empty code block. It never moves it back to the start of the text.
func (c *cutter) place(n int) int {
	n = runeStart(c.md, n)
	if n == 0 {
		_, n = utf8.DecodeRuneInString(c.md)
	}
	f, info := c.fenceAt(n)
	switch {
	case f == nil || n == len(c.md):
		return n
	case info.closed && n >= info.close:
		return info.end
	case n > info.body:
		return n
	case strings.TrimSpace(c.md[:info.open]) != "":
		return info.open
	}
	if info.body >= len(c.md) || info.closed && info.body >= info.close {
		return max(info.body, info.end)
	}
	_, size := utf8.DecodeRuneInString(c.md[info.body:])
	return c.place(info.body + size)
}

// head is md up to n, which place has passed, with what is open there closed.
func (c *cutter) head(n int) string {
	f, info := c.fenceAt(n)
	if f == nil {
		return c.md[:n]
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

// tail is md from n on, with what is open there opened again.
func (c *cutter) tail(n int) string {
	if strings.TrimSpace(c.md[n:]) == "" {
		return ""
	}
	var b strings.Builder
	midLine := n > 0 && c.md[n-1] != '\n'
	if f, info := c.fenceAt(n); f != nil {
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
		carry(&b, c.md[n:], open, midLine)
		return b.String()
	}
	leaf := c.blockAt(n)
	open := containersOf(leaf)
	rest := c.md[n:]
	if midLine {
		rest = strings.TrimLeft(rest, " \t")
		b.WriteString(quotePrefix(open))
		if h, ok := leaf.(*ast.Heading); ok {
			b.WriteString(strings.Repeat("#", h.Level) + " ")
		} else {
			rest = shielded(rest)
		}
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

// container is a quote or an item of a list, as the lines within it begin.
type container struct {
	quote bool
	width int // columns that an item's lines are indented by
}

func (o container) prefix() string {
	if o.quote {
		return "> "
	}
	return strings.Repeat(" ", o.width)
}

// containersOf are the quotes and items around n, outermost first.
func containersOf(n ast.Node) []container {
	if n == nil {
		return nil
	}
	open := containersOf(n.Parent())
	switch n := n.(type) {
	case *ast.Blockquote:
		open = append(open, container{quote: true})
	case *ast.ListItem:
		open = append(open, container{width: n.Offset})
	}
	return open
}

func quotePrefix(open []container) string {
	s := ""
	for _, o := range open {
		if o.quote {
			s += o.prefix()
		}
	}
	return s
}

// carry writes rest, which began within the open containers, so that it stands without the items of lists: their
// lines lose the indent, those of quotes keep their sign. From where all have ended rest is written as it is.
func carry(b *strings.Builder, rest string, open []container, midLine bool) {
	for len(open) > 0 && rest != "" {
		end := strings.IndexByte(rest, '\n') + 1
		if end == 0 {
			end = len(rest)
		}
		line := rest[:end]
		if !midLine {
			open = strip(b, &line, open)
		}
		b.WriteString(line)
		rest, midLine = rest[end:], false
	}
	b.WriteString(rest)
}

// strip takes from line what the open containers put before it, writes what is kept of that, and returns those that
// go on.
func strip(b *strings.Builder, line *string, open []container) []container {
	blank := strings.TrimSpace(*line) == ""
	for i, o := range open {
		indent, at := indentOf(*line)
		switch {
		case o.quote && indent < 4 && at < len(*line) && (*line)[at] == '>':
			*line = strings.TrimPrefix((*line)[at+1:], " ")
			b.WriteString("> ")
		case !o.quote && blank:
			// a blank line ends no item
		case !o.quote && indent >= min(o.width, 4):
			*line = strings.Repeat(" ", max(indent-o.width, 0)) + (*line)[at:]
		default:
			return open[:i]
		}
	}
	return open
}

// indentOf is how far line is indented, in columns, and where its text starts.
func indentOf(line string) (columns, at int) {
	for at < len(line) {
		switch line[at] {
		case ' ':
			columns++
		case '\t':
			columns += 4 - columns%4
		default:
			return columns, at
		}
		at++
	}
	return columns, at
}

// shielded escapes the beginning of s, the rest of a line, if it would begin a list, a quote, a heading or a code
// block there.
func shielded(s string) string {
	if s == "" {
		return s
	}
	if strings.IndexByte("-+*>#=|", s[0]) >= 0 && (len(s) == 1 || isSpace(s[1]) || s[0] == s[1] || s[0] == '>') ||
		strings.HasPrefix(s, "```") || strings.HasPrefix(s, "~~~") {
		return `\` + s
	}
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	if i > 0 && i < 10 && i < len(s) && (s[i] == '.' || s[i] == ')') {
		return s[:i] + `\` + s[i:]
	}
	return s
}

// runeStart moves n back to the start of the rune that holds it.
func runeStart(s string, n int) int {
	for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	return n
}
