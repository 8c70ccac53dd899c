package markdown

import (
	"bytes"
	"sort"

	extast "github.com/yuin/goldmark/extension/ast"
)

// cutTable is a table that may have to be cut: between rows, and the header is repeated.
type cutTable struct {
	node  *extast.Table
	src   []byte
	start int   // of the line of the header
	body  int   // of the first row's line
	rows  []int // where the lines of the rows start
	end   int
}

// tableAt is the table whose lines n lies in, the start of its first line excepted.
func (c *cutter) tableAt(n int) *cutTable {
	for i := len(c.tables) - 1; i >= 0; i-- {
		t := newCutTable(c.tables[i], c.src)
		if t == nil || n <= t.start {
			continue
		}
		if n < t.end {
			return t
		}
		return nil
	}
	return nil
}

func newCutTable(n *extast.Table, src []byte) *cutTable {
	header := n.FirstChild()
	if header == nil || header.FirstChild() == nil || header.FirstChild().Lines().Len() == 0 {
		return nil
	}
	t := &cutTable{node: n, src: src, start: lineStart(src, header.FirstChild().Lines().At(0).Start)}
	t.body = lineAfter(src, lineAfter(src, t.start))
	t.end = t.body
	for row := header.NextSibling(); row != nil; row = row.NextSibling() {
		at := lineStart(src, row.Pos())
		t.rows = append(t.rows, at)
		t.end = lineAfter(src, at)
	}
	return t
}

// place moves n to the start of a row, so that one row at least stands before it; else before the table.
func (t *cutTable) place(n int) int {
	i := sort.SearchInts(t.rows, n+1) - 1 // the row that holds n
	if i < 1 {
		return t.start
	}
	return t.rows[i]
}

// reopens reports whether the header is repeated at n.
func (t *cutTable) reopens(n int) bool {
	i := sort.SearchInts(t.rows, n)
	return i > 0 && i < len(t.rows) && t.rows[i] == n
}

// header are the two lines that begin the table.
func (t *cutTable) header() string { return string(t.src[t.start:t.body]) }

func lineStart(src []byte, n int) int { return bytes.LastIndexByte(src[:n], '\n') + 1 }

func lineAfter(src []byte, n int) int {
	if i := bytes.IndexByte(src[n:], '\n'); i >= 0 {
		return n + i + 1
	}
	return len(src)
}
