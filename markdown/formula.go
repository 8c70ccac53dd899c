package markdown

import (
	"bytes"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// formula leaves what stands between $ and $, $$ and $$, \( and \), \[ and \] as it is: nothing there is Markdown.
// A single $ opens before a sign that is no space and closes after one, if no digit follows: "$5 and $10" is money.
type formula struct{}

func (formula) Trigger() []byte { return []byte{'$', '\\'} }

func (formula) Parse(_ ast.Node, r text.Reader, _ parser.Context) ast.Node {
	line, seg := r.PeekLine()
	n := formulaLen(line)
	if n == 0 {
		return nil
	}
	r.Advance(n)
	return ast.NewRawTextSegment(text.NewSegment(seg.Start, seg.Start+n))
}

// formulaLen is the length of the formula that line begins with, 0 if it begins with none.
func formulaLen(line []byte) int {
	if len(line) < 3 {
		return 0
	}
	closer := ""
	switch {
	case line[0] == '\\' && line[1] == '(':
		closer = `\)`
	case line[0] == '\\' && line[1] == '[':
		closer = `\]`
	case line[0] == '$' && line[1] == '$':
		closer = "$$"
	case line[0] == '$':
		return dollarLen(line)
	default:
		return 0
	}
	i := bytes.Index(line[2:], []byte(closer))
	if i < 1 {
		return 0
	}
	return i + 4
}

func dollarLen(line []byte) int {
	if isSpace(line[1]) {
		return 0
	}
	for i := 2; i < len(line); i++ {
		if line[i] != '$' || line[i-1] == '\\' {
			continue
		}
		if isSpace(line[i-1]) || i+1 < len(line) && line[i+1] >= '0' && line[i+1] <= '9' {
			return 0
		}
		return i + 1
	}
	return 0
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
