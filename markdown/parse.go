package markdown

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// dialect is CommonMark with tables, task lists, strikethrough by two tildes, and formulas, without HTML blocks:
// HTML is text for us, and Markdown between its tags shall show. It keeps no state between calls of Parse.
var dialect = newParser()

func newParser() parser.Parser {
	return parser.NewParser(
		parser.WithBlockParsers(
			util.Prioritized(setext{parser.NewSetextHeadingParser()}, 100),
			util.Prioritized(parser.NewThematicBreakParser(), 200),
			util.Prioritized(shallow{parser.NewListParser()}, 300),
			util.Prioritized(parser.NewListItemParser(), 400),
			util.Prioritized(parser.NewCodeBlockParser(), 500),
			util.Prioritized(parser.NewATXHeadingParser(), 600),
			util.Prioritized(display{}, 650),
			util.Prioritized(fence{parser.NewFencedCodeBlockParser()}, 700),
			util.Prioritized(shallow{parser.NewBlockquoteParser()}, 800),
			util.Prioritized(parser.NewParagraphParser(), 1000),
		),
		parser.WithInlineParsers(
			util.Prioritized(extension.NewTaskCheckBoxParser(), 0),
			util.Prioritized(formula{}, 50),
			util.Prioritized(parser.NewCodeSpanParser(), 100),
			util.Prioritized(newLinks(), 200),
			util.Prioritized(parser.NewAutoLinkParser(), 300),
			util.Prioritized(parser.NewRawHTMLParser(), 400),
			util.Prioritized(parser.NewEmphasisParser(), 500),
			util.Prioritized(strike{extension.NewStrikethroughParser()}, 500),
		),
		parser.WithParagraphTransformers(
			util.Prioritized(parser.LinkReferenceParagraphTransformer, 100),
			util.Prioritized(table{extension.NewTableParagraphTransformer()}, 200),
		),
		parser.WithASTTransformers(
			util.Prioritized(extension.NewTableASTTransformer(), 0),
		),
	)
}

// source makes of md what the parser takes: valid UTF-8, lines that end with a newline alone, no NUL.
func source(md string) []byte {
	if !utf8.ValidString(md) {
		md = strings.ToValidUTF8(md, "\uFFFD")
	}
	if strings.ContainsAny(md, "\r\x00") {
		md = strings.NewReplacer("\r\n", "\n", "\r", " ", "\x00", "\uFFFD").Replace(md)
	}
	return []byte(md)
}

func parse(src []byte) ast.Node { return dialect.Parse(text.NewReader(src)) }

// setext makes headings of underlined text only if the line has three signs or more: a growing answer would else
// show a paragraph as a heading for the moment in which the first sign of a list follows it.
type setext struct{ parser.BlockParser }

func (s setext) Open(parent ast.Node, r text.Reader, pc parser.Context) (ast.Node, parser.State) {
	line, _ := r.PeekLine()
	if len(bytes.TrimSpace(line)) < 3 {
		return nil, parser.NoChildren
	}
	return s.BlockParser.Open(parent, r, pc)
}

// strike takes two tildes only: "~5 min" is about five minutes.
type strike struct{ parser.InlineParser }

func (s strike) Parse(parent ast.Node, r text.Reader, pc parser.Context) ast.Node {
	line, _ := r.PeekLine()
	n := 0
	for n < len(line) && line[n] == '~' {
		n++
	}
	if n != 2 {
		return nil
	}
	return s.InlineParser.Parse(parent, r, pc)
}

// table takes no table without a bar: "-" below a line of text may become a list.
type table struct{ parser.ParagraphTransformer }

func (t table) Transform(n *ast.Paragraph, r text.Reader, pc parser.Context) {
	for i := range n.Lines().Len() {
		if line := n.Lines().At(i); bytes.IndexByte(line.Value(r.Source()), '|') >= 0 {
			t.ParagraphTransformer.Transform(n, r, pc)
			return
		}
	}
}

// shallow nests no deeper than maxDepth: the parser's time grows with the square of the depth, and nobody reads it.
type shallow struct{ parser.BlockParser }

const maxDepth = 60 // blocks; a list and its item are two

func (s shallow) Open(parent ast.Node, r text.Reader, pc parser.Context) (ast.Node, parser.State) {
	if len(pc.OpenedBlocks()) >= maxDepth {
		return nil, parser.NoChildren
	}
	return s.BlockParser.Open(parent, r, pc)
}

// links takes no more than maxLinks of one paragraph: the parser's time grows with the square of their number.
type links struct {
	parser.InlineParser
	parser.CloseBlocker
}

const maxLinks = 300

var linkCount = parser.NewContextKey()

func newLinks() links {
	p := parser.NewLinkParser()
	return links{p, p.(parser.CloseBlocker)}
}

func (l links) Parse(parent ast.Node, r text.Reader, pc parser.Context) ast.Node {
	if line, _ := r.PeekLine(); line[0] == '[' || len(line) > 1 && line[0] == '!' && line[1] == '[' {
		n, _ := pc.Get(linkCount).(int)
		if n++; n > maxLinks {
			return nil
		}
		pc.Set(linkCount, n)
	}
	return l.InlineParser.Parse(parent, r, pc)
}

func (l links) CloseBlock(parent ast.Node, r text.Reader, pc parser.Context) {
	pc.Set(linkCount, nil)
	l.CloseBlocker.CloseBlock(parent, r, pc)
}

// fenceInfo is what fence notes at a code block.
type fenceInfo struct {
	open   int    // where the line of the opening fence starts
	body   int    // where the line after it starts
	mark   string // the fence: "```"
	indent int    // spaces before it, within its containers
	closed bool   // the closing fence was met
	close  int    // where the line of the closing fence starts
	end    int    // where the line after it starts
}

const fenceKey = "fence"

// fence notes where a code block's fences are.
type fence struct{ parser.BlockParser }

func (f fence) Open(parent ast.Node, r text.Reader, pc parser.Context) (ast.Node, parser.State) {
	line, seg := r.PeekLine()
	n, state := f.BlockParser.Open(parent, r, pc)
	if n == nil {
		return n, state
	}
	at := max(pc.BlockOffset(), 0)
	end := at
	for end < len(line) && line[end] == line[at] {
		end++
	}
	src := r.Source()
	n.SetAttributeString(fenceKey, &fenceInfo{
		open:   bytes.LastIndexByte(src[:seg.Start], '\n') + 1,
		body:   seg.Stop,
		mark:   string(line[at:end]),
		indent: at,
	})
	return n, state
}

func (f fence) Continue(n ast.Node, r text.Reader, pc parser.Context) parser.State {
	_, seg := r.PeekLine()
	state := f.BlockParser.Continue(n, r, pc)
	if state == parser.Close {
		if info := fenceOf(n); info != nil {
			info.closed, info.end = true, seg.Stop
			info.close = bytes.LastIndexByte(r.Source()[:seg.Start], '\n') + 1
		}
	}
	return state
}

func fenceOf(n ast.Node) *fenceInfo {
	v, ok := n.AttributeString(fenceKey)
	if !ok {
		return nil
	}
	return v.(*fenceInfo)
}

// literal is the text that b, a piece of a paragraph, stands for: escapes and entities resolved.
func literal(b []byte) string {
	if bytes.IndexByte(b, '\\') < 0 && bytes.IndexByte(b, '&') < 0 {
		return string(b)
	}
	var s strings.Builder
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\\' && i+1 < len(b) && util.IsPunct(b[i+1]):
			i++
			s.WriteByte(b[i])
		case c == '&':
			t, n := entity(b[i:])
			s.WriteString(t)
			i += n - 1
		default:
			s.WriteByte(c)
		}
	}
	return s.String()
}

// entity reads the entity that b begins with, and says how many bytes it took; "&" and 1 if there is none.
func entity(b []byte) (string, int) {
	end := bytes.IndexByte(b[:min(len(b), 40)], ';')
	if end < 2 {
		return "&", 1
	}
	name := b[1:end]
	if name[0] != '#' {
		if e, ok := util.LookUpHTML5EntityByName(string(name)); ok {
			return string(e.Characters), end + 1
		}
		return "&", 1
	}
	digits, base := string(name[1:]), 10
	if strings.HasPrefix(digits, "x") || strings.HasPrefix(digits, "X") {
		digits, base = digits[1:], 16
	}
	v, err := strconv.ParseUint(digits, base, 32)
	if err != nil || len(digits) > 7 {
		return "&", 1
	}
	r := rune(v)
	if v == 0 || v > utf8.MaxRune || !utf8.ValidRune(r) {
		r = utf8.RuneError
	} else if r < ' ' || r == 0x7f {
		r = ' '
	}
	return string(r), end + 1
}

// link says where a destination leads: to a web page or a mail address, or nowhere that we would send anybody.
func link(dest []byte) (url string, ok bool) {
	d := string(util.URLEscape(bytes.TrimSpace(dest), true))
	scheme, rest, found := strings.Cut(d, ":")
	if !found || rest == "" {
		return d, false
	}
	switch strings.ToLower(scheme) {
	case "http", "https":
		return d, strings.HasPrefix(rest, "//") && len(rest) > 2
	case "mailto":
		return d, true
	}
	return d, false
}

// isBreak reports whether raw is the tag <br>, which models use within tables.
func isBreak(raw string) bool {
	raw = strings.ToLower(strings.Trim(raw, "<>/ \n"))
	return raw == "br"
}
