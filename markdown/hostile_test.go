package markdown

import (
	"runtime"
	"strings"
	"testing"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// hostile are texts for which parsers need a time that grows with the square of their length.
var hostile = map[string]string{
	"quotes": "> ", "items": "- ", "brackets": "[", "links": "[a](", "images": "![a](", "stars": "*a ", "marks": "**a *b",
	"backticks": "`a``b", "comments": "<!--", "tags": "<a b='", "formulas": `\(a`, "references": "[a]: b\n", "cells": "|a",
	"rows": "|a|b|\n|-|-|\n", "fences": "```\na\n", "items of code": "- ```\n",
}

// counting is a parser that counts what it is given.
type counting struct {
	parser.Parser
	bytes, most int
}

func (c *counting) Parse(r text.Reader, opts ...parser.ParseOption) ast.Node {
	n := len(r.Source())
	c.bytes += n
	c.most = max(c.most, n)
	return c.Parser.Parse(r, opts...)
}

// work is how many bytes do's parsers get in all and at once, and how often it takes memory.
func work(do func()) (bytes, most int, allocs uint64) {
	c := &counting{Parser: dialect}
	dialect = c
	defer func() { dialect = c.Parser }()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return c.bytes, c.most, after.Mallocs - before.Mallocs
}

// TestHostile: no text takes more work than its length tells. The parser may need the square of what it gets at once,
// so that is bounded too.
func TestHostile(t *testing.T) {
	for name, s := range hostile {
		md := strings.Repeat(s, 2*maxPart/len(s))
		bytes, most, allocs := work(func() { _ = Telegram(md) })
		if most > maxPart+lookAhead && strings.Trim(s, unseen) != "" { // what shows nothing nests no deeper than maxDepth
			t.Errorf("%s: %d bytes are parsed at once", name, most)
		}
		if bytes > 4*len(md) || allocs > 5*uint64(len(md)) {
			t.Errorf("%s: to show %d bytes %d are parsed, with %d allocations", name, len(md), bytes, allocs)
		}
		bytes, most, allocs = work(func() { _, _ = Split(md, Fit(md, 2000, DiscordLen)) })
		if bytes > 64*len(md) || allocs > 40*maxPart || most > len(md) {
			t.Errorf("%s: to cut a message of %d bytes %d are parsed, %d at once, with %d allocations", name, len(md), bytes, most, allocs)
		}
	}
}
