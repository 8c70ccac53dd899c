package markdown

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// essay is an answer as models write them.
const essay = `# Sorting in Go

Go's standard library sorts with **pattern-defeating quicksort**, which is *not stable*. Use ` + "`slices.SortStableFunc`" + ` if
equal elements must keep their order.

## An example

` + "```go\n" + `package main

import (
	"fmt"
	"slices"
)

type person struct {
	name string
	age  int
}

func main() {
	people := []person{{"Ada", 36}, {"Grace", 85}, {"Edsger", 72}}
	slices.SortFunc(people, func(a, b person) int { return a.age - b.age })
	fmt.Println(people) // <sorted> & "printed"
}
` + "```" + `

## What to choose

| Function | Stable | Time |
|:---------|:------:|-----:|
| ` + "`slices.Sort`" + ` | no | O(n log n) |
| ` + "`slices.SortStableFunc`" + ` | yes | O(n log² n) |
| ` + "`sort.Slice`" + ` | no | O(n log n) |

1. **Small inputs**: insertion sort is used below twelve elements.
2. **Patterns**:
   - sorted and reversed inputs take linear time;
   - many equal elements are partitioned at once, see
     [the paper](https://arxiv.org/abs/2106.05123) by Orson Peters.
3. **Bad luck**: after too many unbalanced partitions it falls back to heapsort, so that the worst case stays
   at $O(n \log n)$.

> Premature optimisation is the root of all evil.
>
> ~~Always~~ Usually true.

---

Would you like to see a ~50 line benchmark? 😀
`

func TestGrowing(t *testing.T) {
	for _, c := range []struct{ md, want string }{
		{"", ""},
		{"plain text", "plain text"},
		{"plain **bo", "plain **bo**"},
		{"plain **bold ", "plain **bold**"},
		{"plain **bold*", "plain **bold**"},
		{"plain **bold**", "plain **bold**"},
		{"plain **", "plain"},
		{"a *b **c", "a *b **c***"},
		{"a **b *c*", "a **b *c***"},
		{"**_", "**_"},
		{"a ~~b~", "a ~~b~~"},
		{"use `co **", "use `co`"},
		{"use ``a `", "use ``a``"},
		{"use `", "use"},
		{"see [the page](https://exa", "see the page"},
		{"see ![the picture](https://exa", "see the picture"},
		{"see [the page](https://example.com)", "see [the page](https://example.com)"},
		{"see [", "see"},
		{"list[1](x) and 2*3", "list[1](x) and 2*3"},
		{"a \\*", "a \\*"},
		{"snake_ca", "snake_ca"},
		{"# Head **li", "# Head **li**"},
		{"- item *x", "- item *x*"},
		{"> quote *x", "> quote *x*"},
		{"**a\n\nb", "**a\n\nb"},
		{"text\n\n| a | b |", "text\n\n"},
		{"text\n\n| a | b |\n|--", "text\n\n"},
		{"| a | b |\n|--", "| a | b |\n|--"},
		{"text\n\n| a |\n|---|\n| **b", "text\n\n| a |\n|---|\n| **b"},
		{"```go\nx := *p", "```go\nx := *p"},
		{"done\n\n", "done"},
		{"costs $5 and *x", "costs $5 and *x*"},
	} {
		if got := Growing(c.md); got != c.want {
			t.Errorf("Growing(%q) = %q, want %q", c.md, got, c.want)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct{ name, head, tail, wantHead, wantTail string }{
		{"text", "one ", "two", "one ", "two"},
		{"code", "```go\na\n", "b\n```\nc", "```go\na\n```\n", "```go\nb\n```\nc"},
		{"code within a line", "```go\na ", "b\n```", "```go\na \n```\n", "```go\nb\n```"},
		{"longer fence", "~~~~\n~~~\n", "b\n~~~~\n", "~~~~\n~~~\n~~~~\n", "~~~~\nb\n~~~~\n"},
		{"code not closed yet", "```\na\n", "b", "```\na\n```\n", "```\nb"},
		{"before the closing fence", "```\na\n", "```\nb", "```\na\n```\n", "b"},
		{"within the closing fence", "```\na\n``", "`\nb", "```\na\n```\n", "b"},
		{"within the opening fence", "x\n\n```g", "o\na\n```\n", "x\n\n", "```go\na\n```\n"},
		{"after the opening fence", "x\n\n```go\n", "a\n```\n", "x\n\n", "```go\na\n```\n"},
		{"code in a quote", "> ```go\n> a\n", "> b\n> ```\nc", "> ```go\n> a\n> ```\n", "> ```go\n> b\n> ```\nc"},
		{"code in an item", "- x\n\n  ```go\n  a\n", "    b\n  ```\n\n  y\n- z", "- x\n\n  ```go\n  a\n  ```\n", "```go\n  b\n```\n\ny\n- z"},
		{"code in an item in a quote", "> 1. ```\n>    a\n", ">    b\n>    ```\n> 2. c", "> 1. ```\n>    a\n>    ```\n", "> ```\n> b\n> ```\n> \n> 2. c"},
		{"two lists deep", "- a\n  - b\n", "    - c\n      - d\n- e", "- a\n  - b\n", "- c\n  - d\n- e"},
		{"paragraph of an item", "1.  a\n\n", "    b\n\n    c\n\nd", "1.  a\n\n", "b\n\nc\n\nd"},
		{"number after an item", "1. a ", "b\n2. c", "1. a ", "b\n\n2. c"},
		{"number after an item in a quote", "> 1. a ", "b\n> 2. c", "> 1. a ", "> b\n> \n> 2. c"},
		{"quote within a line", "> a ", "b\n> c", "> a ", "> b\n> c"},
		{"heading within a line", "## a ", "b\nc", "## a ", "## b\nc"},
		{"a sign that would begin a list", "a ", "- b", "a ", "\\- b"},
		{"a number that would", "in ", "1984. b", "in ", "1984\\. b"},
		{"emphasis", "a **b ", "c** d", "a **b** ", "**c** d"},
		{"emphasis over lines", "a *b\n", "c* d", "a *b*\n", "*c* d"},
		{"emphasis in emphasis", "**a _b ", "c_ d** e", "**a _b_** ", "**_c_ d** e"},
		{"struck twice", "~~a ~~b ", "c~~ d~~", "~~a ~~b~~ ", "~~c~~ d~~"},
		{"before what is struck twice", "~~a ", "~~b~~ c~~", "~~a~~ ", "~~b~~ c~~"},
		{"struck", "~~a ", "b~~", "~~a~~ ", "~~b~~"},
		{"code span", "a `b ", "c` d", "a `b` ", "`c` d"},
		{"link", "[a ", "b](http://c)", "[a](<http://c>) ", "[b](http://c)"},
		{"after a link", "[a](http://c)", "dd", "[a](http://c)", "dd"},
		{"after an address", "x <http://a>", "b", "x <http://a>", "b"},
		{"address", "a [b](http", "://c) d", "a ", "[b](http://c) d"},
		{"between backslash and sign", "a \\", "* b", "a ", "\\* b"},
		{"table", "|a|\n|-|\n|b|\n", "|c|\n|d|\n", "|a|\n|-|\n|b|\n", "|a|\n|-|\n|c|\n|d|\n"},
		{"within a row", "|a|\n|-|\n|b|\n|", "c|\n", "|a|\n|-|\n|b|\n", "|a|\n|-|\n|c|\n"},
		{"after one row at the most", "x\n\n|a|\n|-|\n", "|b|\n|c|\n", "x\n\n", "|a|\n|-|\n|b|\n|c|\n"},
		{"table in a quote", "> |a|\n> |-|\n> |b|\n", "> |c|\n", "> |a|\n> |-|\n> |b|\n", "> |a|\n> |-|\n> |c|\n"},
		{"only space is left", "a", " \n\n", "a", ""},
		{"the end", "```\na", "", "```\na\n```\n", ""},
		{"the start", "", "a", "", "a"},
	} {
		head, tail := Split(c.head+c.tail, len(c.head))
		if head != c.wantHead || tail != c.wantTail {
			t.Errorf("%s: Split(%q|%q) = %q, %q, want %q, %q", c.name, c.head, c.tail, head, tail, c.wantHead, c.wantTail)
		}
	}
	if head, tail := Split("é", 1); head != "é" || tail != "" {
		t.Errorf("a rune is cut: %q, %q", head, tail)
	}
}

func TestFit(t *testing.T) {
	byteLen := func(s string) int { return len(s) }
	for _, c := range []struct {
		name, head, tail string
		limit            int
	}{
		{"all", "one two", "", 7},
		{"paragraph", "First one. And\n\n", "second one. Third", 26},
		{"line", "first line\n", "second line here", 20},
		{"sentence", "One two. Three four. ", "Five six seven", 28},
		{"word", "one two ", "three four", 12},
		{"paragraph too far back", "ab\n\nsome words ", "that follow", 18},
		{"rune", "日本", "日本", 7},
		{"joined sign", "abcdefg", "e\u0301xy", 9},
		{"at least a rune", "日", "本", 1},
		{"no heading at the end", "Some text here\n\n", "# Head\n\nmore text", 26},
		{"before code", "Some text here\n\n", "```\na\nb\nc\n```\n", 28},
		{"what closes must fit too", "[" + strings.Repeat("b", 24) + " c](http://a)", "dd", 38},
		{"line of code", "```\naaaa\nbbbb\n", "cccc\n```\n", 20},
	} {
		md := c.head + c.tail
		if n := Fit(md, c.limit, byteLen); n != len(c.head) {
			t.Errorf("%s: Fit cuts %q|%q, want %q|%q", c.name, md[:n], md[n:], c.head, c.tail)
		}
	}
}

// TestFitLong: however long a text is, finding its first message takes little time.
func TestFitLong(t *testing.T) {
	calls := 0
	long := strings.Repeat(essay, 200)
	n := Fit(long, 4096, func(s string) int {
		if calls++; len(s) > 16<<10 {
			t.Errorf("measures %d bytes", len(s))
		}
		return TelegramLen(s)
	})
	head, _ := Split(long, n)
	if size := TelegramLen(head); size > 4096 || size < 2048 {
		t.Errorf("the message has %d", size)
	}
	if calls > 16 {
		t.Errorf("measures %d times", calls)
	}
}

// TestWords: the words of a text of any build are all shown, in order, by every service, whole and cut.
func TestWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &builder{T: t}
		md := g.blocks(3)
		for _, r := range renderers {
			g.check(md, r.name, visible(r.name, r.render(md)))
		}
		limit := rapid.IntRange(60, 400).Draw(t, "limit")
		s := rapid.SampledFrom(sizes).Draw(t, "size")
		shown, rest := "", md
		for rest != "" {
			var head string
			head, rest = Split(rest, Fit(rest, limit, s.size))
			shown += Plain(head) + "\n"
		}
		g.check(md, s.name+" in parts", shown)
	})
}

// builder makes up Markdown whose words are numbered.
type builder struct {
	*rapid.T
	words int
	cells []string // words of tables; rows may be shown as lists, with the header's words at each
}

func (g *builder) cell() string {
	s := fmt.Sprintf("c%dc", len(g.cells))
	g.cells = append(g.cells, s)
	return s
}

func (g *builder) word() string {
	g.words++
	return fmt.Sprintf("w%dw", g.words)
}

func (g *builder) check(md, name, shown string) {
	g.Helper()
	for _, word := range g.cells {
		if !strings.Contains(shown, word) {
			g.Fatalf("%s: %s is lost in %q of %q", name, word, shown, md)
		}
	}
	for i := 1; i <= g.words; i++ {
		word := fmt.Sprintf("w%dw", i)
		at := strings.Index(shown, word)
		if at < 0 {
			g.Fatalf("%s: %s is lost or out of order in %q of %q", name, word, shown, md)
		}
		shown = shown[at:]
	}
}

func (g *builder) blocks(depth int) string {
	var all []string
	for range rapid.IntRange(1, 3).Draw(g.T, "blocks") {
		all = append(all, g.block(depth))
	}
	return strings.Join(all, "\n\n")
}

func (g *builder) block(depth int) string {
	kinds := []string{"text", "text", "heading", "code", "table"}
	if depth > 0 {
		kinds = append(kinds, "quote", "items", "numbers")
	}
	switch rapid.SampledFrom(kinds).Draw(g.T, "kind") {
	case "heading":
		return "## " + g.inline(1)
	case "code":
		return "```go\n" + g.word() + "\n\n\tif " + g.word() + " {\n```"
	case "table":
		s := "| " + g.cell() + " | " + strings.Repeat(g.cell()+" ", rapid.IntRange(1, 20).Draw(g.T, "width")) + "|\n|---|--:|\n"
		for range rapid.IntRange(1, 3).Draw(g.T, "rows") {
			s += "| " + g.cell() + " | **" + g.cell() + "** |\n"
		}
		return strings.TrimSuffix(s, "\n")
	case "quote":
		return "> " + strings.ReplaceAll(g.blocks(depth-1), "\n", "\n> ")
	case "items":
		return "- " + strings.ReplaceAll(g.blocks(depth-1), "\n", "\n  ") + "\n- " + g.inline(2)
	case "numbers":
		return "1. " + strings.ReplaceAll(g.blocks(depth-1), "\n", "\n   ") + "\n2. " + g.inline(2)
	}
	return g.inline(2) + "\n" + g.inline(2)
}

func (g *builder) inline(depth int) string {
	var all []string
	for range rapid.IntRange(1, 4).Draw(g.T, "inlines") {
		kind := rapid.SampledFrom([]string{"", "", "**", "_", "~~", "`", "[", "![", "<"}).Draw(g.T, "inline")
		switch {
		case kind == "`" || kind == "" || depth == 0:
			all = append(all, kindOr(kind, "`", "")+g.word()+" "+g.word()+kindOr(kind, "`", ""))
		case kind == "[" || kind == "![":
			all = append(all, kind+g.word()+" "+g.word()+"](https://example.com/a_b)")
		case kind == "<":
			all = append(all, "<https://example.com/"+g.word()+">")
		default:
			all = append(all, kind+g.word()+" "+g.inline(depth-1)+kind)
		}
	}
	return strings.Join(all, " ")
}

func kindOr(kind, want, otherwise string) string {
	if kind == want {
		return kind
	}
	return otherwise
}

// TestTogether renders from many goroutines; run with -race.
func TestTogether(t *testing.T) {
	want := Telegram(essay)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				if Telegram(essay) != want {
					t.Error("differs")
				}
			}
		})
	}
	all.Wait()
}
