package markdown

import (
	"strings"

	"github.com/yuin/goldmark/ast"
)

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

// maxOpen is how many containers are opened again at most.
const maxOpen = 16

// containersOf are the quotes and items around n, outermost first.
func containersOf(n ast.Node) []container {
	if n == nil {
		return nil
	}
	open := containersOf(n.Parent())
	switch n := n.(type) {
	case *ast.Blockquote:
		if len(open) < maxOpen {
			open = append(open, container{quote: true})
		}
	case *ast.ListItem:
		if len(open) < maxOpen {
			open = append(open, container{width: n.Offset})
		}
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
			prefix, text, goOn := strip(line, open)
			if len(goOn) < len(open) && numberLen(strings.TrimLeft(text, " ")) > 0 { // or it would go on the paragraph before
				b.WriteString(prefix + "\n")
			}
			line, open = prefix+text, goOn
		}
		b.WriteString(line)
		rest, midLine = rest[end:], false
	}
	b.WriteString(rest)
}

// strip takes from line what the open containers put before it. It returns what is kept of that, the text of the
// line and the containers that go on.
func strip(line string, open []container) (prefix, text string, goOn []container) {
	for i, o := range open {
		indent, at := indentOf(line)
		switch {
		case o.quote && indent < 4 && at < len(line) && line[at] == '>':
			line = strings.TrimPrefix(line[at+1:], " ")
			prefix += o.prefix()
		case !o.quote && at == len(line):
			// a blank line ends no item
		case !o.quote && indent >= min(o.width, 4):
			line = strings.Repeat(" ", max(indent-o.width, 0)) + line[at:]
		default:
			return prefix, line, open[:i]
		}
	}
	return prefix, line, open
}

// indentOf is how far line is indented, in columns, and where its text starts; that is its length if it is blank.
func indentOf(line string) (columns, at int) {
	for at < len(line) {
		switch line[at] {
		case ' ':
			columns++
		case '\t':
			columns += 4 - columns%4
		case '\r', '\n':
			if strings.TrimSpace(line[at:]) != "" {
				return columns, at
			}
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
	if i := numberLen(s); i > 0 {
		return s[:i-1] + `\` + s[i-1:]
	}
	return s
}

// numberLen is the length of the sign of a numbered item, such as "12.", that s begins with; 0 if it begins with none.
func numberLen(s string) int {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	if i > 0 && i < 10 && i < len(s) && (s[i] == '.' || s[i] == ')') && (i+1 == len(s) || isSpace(s[i+1])) {
		return i + 1
	}
	return 0
}
