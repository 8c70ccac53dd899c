package markdown

import (
	"strings"

	"github.com/yuin/goldmark/ast"
)

// Growing returns md, the beginning of an answer that still grows, as it is best shown: emphasis, code and links that
// are open at its end are closed, half a marker and the head of a table that is not yet one are held back. The whole
// answer is shown without it.
func Growing(md string) string {
	c := newCutter(md, len(md))
	if f, info, _ := c.fenceAt(len(md)); f != nil && !info.closed {
		return md
	}
	shown := strings.TrimRight(md, " \t\n")
	leaf := c.blockAt(len(md))
	switch leaf.Kind() {
	case ast.KindParagraph, ast.KindTextBlock, ast.KindHeading:
	default:
		return shown
	}
	lines := leaf.Lines()
	if lines.Len() == 0 {
		return shown
	}
	if start := tableHead(leaf, c.src); start >= 0 {
		shown = md[:start]
	} else if lines.At(lines.Len()-1).Stop >= len(shown) { // else the paragraph has ended
		shown = c.finished(leaf, shown, lines.At(0).Start)
	}
	if isUnseen(shown) {
		return md
	}
	return shown
}

// tableHead is where the one or two lines that may become the head of a table start at the end of a paragraph; -1 if
// there are none.
func tableHead(leaf ast.Node, src []byte) int {
	lines := leaf.Lines()
	if leaf.Kind() != ast.KindParagraph && leaf.Kind() != ast.KindTextBlock {
		return -1
	}
	head := -1
	for i := lines.Len() - 1; i >= max(lines.Len()-2, 0); i-- {
		line := lines.At(i)
		if text := strings.TrimSpace(string(line.Value(src))); !strings.HasPrefix(text, "|") {
			break
		}
		head = line.Start
	}
	if head >= 0 && strings.TrimLeft(string(src[lineStart(src, head):head]), unseen) != "" {
		return -1 // the first line of an item
	}
	return head
}

// openMark is a marker that nothing closes.
type openMark struct {
	mark string
	at   int
}

// openMarks are the markers of leaf that nothing closes, in order.
func openMarks(leaf ast.Node, src []byte) []openMark {
	var open []openMark
	for n := leaf.FirstChild(); n != nil; n = n.NextSibling() {
		t, ok := n.(*ast.Text)
		if !ok {
			continue
		}
		for i := t.Segment.Start; i < t.Segment.Stop; i++ {
			if src[i] == '\\' {
				i++
				continue
			}
			if strings.IndexByte("*_~`", src[i]) < 0 {
				continue
			}
			end := i
			for end < len(src) && src[end] == src[i] {
				end++
			}
			if mark := string(src[i:end]); opens(mark, src, i, end) {
				open = append(open, openMark{mark, i})
				if mark[0] == '`' { // all that follows is code
					return open
				}
			}
			i = end - 1
		}
	}
	return open
}

// opens reports whether mark, src[start:end], begins something.
func opens(mark string, src []byte, start, end int) bool {
	if end >= len(src) || isSpace(src[end]) {
		return false
	}
	switch mark[0] {
	case '`':
		return len(mark) < 3
	case '~':
		return len(mark) == 2
	}
	return len(mark) <= 3 && !wordEnd(src[:start])
}

// finished is text, whose last paragraph is leaf and starts there, without half a marker at its end and with what is
// open closed.
func (c *cutter) finished(leaf ast.Node, text string, start int) string {
	open := openMarks(leaf, c.src)
	text = c.withoutMarker(leaf, text)
	if len(open) == 0 || open[len(open)-1].mark[0] != '`' {
		text = text[:start] + withoutLink(text[start:])
	}
	text = strings.TrimRight(text, " \t\n")
	closers := ""
	for _, o := range open {
		if o.at < len(text) {
			closers = o.mark + closers
		}
	}
	return text + closers
}

// withoutMarker is text without a marker at its end that is not yet whole, or has nothing behind it.
func (c *cutter) withoutMarker(leaf ast.Node, text string) string {
	switch last := leaf.LastChild().(type) {
	case *ast.Text:
		if last.Segment.Stop < len(text) {
			return text
		}
		short := strings.TrimRight(text, "*_~`")
		if strings.HasSuffix(short, "\\") {
			return text
		}
		return strings.TrimSuffix(strings.TrimSuffix(short, "["), "!")
	case *ast.Emphasis: // "**bold*" is on its way to "**bold**"
		if at, _ := c.extent(last); at > 0 && c.src[at-1] == c.src[at] {
			return strings.TrimRight(text, string(c.src[at:at+1]))
		}
	}
	return text
}

// withoutLink is text with the label alone of a link whose address is not complete at its end.
func withoutLink(text string) string {
	i := strings.LastIndex(text, "](")
	if i < 0 || strings.ContainsAny(text[i:], ") \n") {
		return text
	}
	start := strings.LastIndexByte(text[:i], '[')
	if start < 0 || strings.IndexByte(text[start:i], '\n') >= 0 {
		return text
	}
	return strings.TrimSuffix(text[:start], "!") + text[start+1:i]
}
