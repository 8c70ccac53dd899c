package markdown

import (
	"bytes"
	"strings"
	"unicode"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
	textwidth "golang.org/x/text/width"
)

// row is a row of a table: its cells, and what the line holds beyond the last column.
type row struct {
	cells []ast.Node
	extra string
}

// table writes a table in letters of one width if it is narrow and has no links, else each row as a list.
func (r *renderer) table(t *extast.Table) {
	rows, widths, links := r.measure(t)
	total := 0
	for _, w := range widths {
		total += w + 3
	}
	if links || total-3 > r.tableWidth() {
		r.records(rows)
		return
	}
	var b []byte
	for i, line := range rows {
		b = r.gridRow(b, t, line, widths)
		if i > 0 {
			continue
		}
		for j, w := range widths {
			if j > 0 {
				b = append(b, "-+-"...)
			}
			b = append(b, strings.Repeat("-", w)...)
		}
		b = append(b, '\n')
	}
	r.pre(&r.w, "", string(b))
}

func (r *renderer) measure(t *extast.Table) (rows []row, widths []int, links bool) {
	widths = make([]int, len(t.Alignments))
	for n := t.FirstChild(); n != nil; n = n.NextSibling() {
		line := rowOf(n, r.src)
		rows = append(rows, line)
		for i, c := range line.cells {
			widths[i] = max(widths[i], width(plainText(c, r.src)))
			links = links || hasLink(c)
		}
		links = links || line.extra != ""
	}
	return rows, widths, links
}

func (r *renderer) gridRow(b []byte, t *extast.Table, line row, widths []int) []byte {
	for i, c := range line.cells {
		if i > 0 {
			b = append(b, " | "...)
		}
		s := plainText(c, r.src)
		gap := widths[i] - width(s)
		left := 0
		switch t.Alignments[i] {
		case extast.AlignRight:
			left = gap
		case extast.AlignCenter:
			left = gap / 2
		}
		b = append(b, strings.Repeat(" ", left)...)
		b = append(b, s...)
		b = append(b, strings.Repeat(" ", gap-left)...)
	}
	return append(bytes.TrimRight(b, " "), '\n')
}

// records writes each row as an item with a line "column: cell" for each of its cells.
func (r *renderer) records(rows []row) {
	if len(rows) == 1 {
		r.record(rows[0], row{})
	}
	for _, line := range rows[1:] {
		r.record(line, rows[0])
	}
}

func (r *renderer) record(line, head row) {
	b := r.bullet(1, -1)
	r.w.line()
	r.w.indent(b, strings.Repeat(" ", width(b)))
	for i, c := range line.cells {
		title := ""
		if i < len(head.cells) {
			title = plainText(head.cells[i], r.src)
		}
		empty := plainText(c, r.src) == ""
		if empty && title == "" {
			continue
		}
		if title != "" {
			r.words(title + ": ")
		}
		switch {
		case empty:
			r.words("—")
		case i == 0:
			r.emphasis(c, bold)
		default:
			r.inlines(c)
		}
		r.w.line()
	}
	if line.extra != "" {
		r.words(line.extra)
	}
	r.w.dedent()
	r.w.line()
}

// rowOf reads a row. The parser drops what a line holds beyond the last column; we do not.
func rowOf(n ast.Node, src []byte) row {
	var line row
	end := -1
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		line.cells = append(line.cells, c)
		if l := c.Lines(); l.Len() > 0 {
			end = l.At(l.Len() - 1).Stop
		} else {
			end = -1
		}
	}
	if end >= 0 {
		rest := src[end:]
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			rest = rest[:i]
		}
		line.extra = literal(bytes.Trim(rest, "| \t\r"))
	}
	return line
}

func hasLink(n ast.Node) bool {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c.(type) {
		case *ast.Link, *ast.Image, *ast.AutoLink:
			return true
		}
		if hasLink(c) {
			return true
		}
	}
	return false
}

// width is how many columns s takes in letters of one width. An emoji takes two, however many runes make it.
func width(s string) int {
	n, last := 0, 0
	joined := false
	for _, r := range s {
		w := runeWidth(r)
		switch {
		case last == 2 && (joined || r >= '\U0001f3fb' && r <= '\U0001f3ff'): // part of the emoji before: a family, a colour of skin
			w = 0
		case last == 1 && r == '\ufe0f': // what is before is shown as an emoji
			n, last = n+1, 2
		case w > 0:
			last = w
		}
		joined = r == '\u200d'
		n += w
	}
	return n
}

func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	switch textwidth.LookupRune(r).Kind() {
	case textwidth.EastAsianWide, textwidth.EastAsianFullwidth:
		return 2
	}
	return 1
}
