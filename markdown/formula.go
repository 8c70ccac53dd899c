package markdown

import (
	"bytes"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// formula leaves what stands between $ and $, $$ and $$, \( and \), \[ and \] on a line as it is: nothing there is
// Markdown. A single $ opens before a sign that is no space and closes after one, if no letter or digit follows:
// "$5 and $10" is money.
type formula struct{}

func (formula) Trigger() []byte { return []byte{'$', '\\'} }

func (formula) Parse(_ ast.Node, r text.Reader, _ parser.Context) ast.Node {
	line, seg := r.PeekLine()
	n := formulaLen(line)
	if n == 0 {
		return nil
	}
	r.Advance(n)
	f := &formulaNode{}
	f.AppendChild(f, ast.NewRawTextSegment(text.NewSegment(seg.Start, seg.Start+n)))
	return f
}

// formulaNode is a formula within a line: one text, with what opens and closes it. It is no text itself, because the
// parser would join to that what follows, and leave the escapes in it.
type formulaNode struct{ ast.BaseInline }

var kindFormula = ast.NewNodeKind("Formula")

func (*formulaNode) Kind() ast.NodeKind              { return kindFormula }
func (n *formulaNode) Dump(source []byte, level int) { ast.DumpHelper(n, source, level, nil, nil) }

func (n *formulaNode) text(src []byte) string { return textOf(n.FirstChild().(*ast.Text), src) }

// formulaLen is the length of the formula that line begins with, 0 if it begins with none.
func formulaLen(line []byte) int {
	closer := closerOf(line)
	if closer == "" {
		if len(line) > 2 && line[0] == '$' && line[1] != '$' {
			return dollarLen(line)
		}
		return 0
	}
	i := bytes.Index(line[2:], []byte(closer))
	if i < 1 {
		return 0
	}
	return i + 4
}

// closerOf is what ends the formula that begins line with two signs; "" if none does.
func closerOf(line []byte) string {
	if len(line) < 2 {
		return ""
	}
	switch string(line[:2]) {
	case `\(`:
		return `\)`
	case `\[`:
		return `\]`
	case "$$":
		return "$$"
	}
	return ""
}

func dollarLen(line []byte) int {
	if isSpace(line[1]) {
		return 0
	}
	for i := 2; i < len(line); i++ {
		if line[i] == '`' { // $PATH and `$HOME` are no formula
			return 0
		}
		if line[i] != '$' || line[i-1] == '\\' {
			continue
		}
		if isSpace(line[i-1]) || i+1 < len(line) && wordStart(string(line[i+1:min(i+5, len(line))])) {
			return 0
		}
		return i + 1
	}
	return 0
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// display parses formulas of several lines, between $$ or \[ at the start of a line and $$ or \] on a later one.
// The end must come before a blank line: else it is no formula, and swallows nothing.
type display struct{}

// displayNode is such a formula: its lines, with what opens and closes it.
type displayNode struct {
	ast.BaseBlock
	closer string
}

var kindDisplay = ast.NewNodeKind("Display")

func (*displayNode) Kind() ast.NodeKind              { return kindDisplay }
func (*displayNode) IsRaw() bool                     { return true }
func (n *displayNode) Dump(source []byte, level int) { ast.DumpHelper(n, source, level, nil, nil) }

func (display) Trigger() []byte { return []byte{'$', '\\'} }

func (display) Open(_ ast.Node, r text.Reader, _ parser.Context) (ast.Node, parser.State) {
	line, seg := r.PeekLine()
	start := bytes.TrimLeft(line, " ")
	closer := closerOf(start)
	if closer == "" || closer == `\)` || bytes.Contains(start[2:], []byte(closer)) {
		return nil, parser.NoChildren
	}
	rest := r.Source()[seg.Stop:]
	rest = rest[:min(len(rest), lookAhead)]
	if i := bytes.Index(rest, []byte("\n\n")); i >= 0 {
		rest = rest[:i]
	}
	if !bytes.Contains(rest, []byte(closer)) {
		return nil, parser.NoChildren
	}
	n := &displayNode{closer: closer}
	n.Lines().Append(seg)
	r.AdvanceToEOL()
	return n, parser.NoChildren
}

func (display) Continue(n ast.Node, r text.Reader, _ parser.Context) parser.State {
	d := n.(*displayNode)
	last := d.Lines().At(d.Lines().Len() - 1)
	line, seg := r.PeekLine()
	if d.Lines().Len() > 1 && bytes.Contains(last.Value(r.Source()), []byte(d.closer)) || isBlank(line) {
		return parser.Close
	}
	d.Lines().Append(seg)
	r.AdvanceToEOL()
	return parser.Continue | parser.NoChildren
}

func (display) Close(ast.Node, text.Reader, parser.Context) {}
func (display) CanInterruptParagraph() bool                 { return true }
func (display) CanAcceptIndentedLine() bool                 { return false }

func isBlank(line []byte) bool { return len(bytes.TrimSpace(line)) == 0 }
