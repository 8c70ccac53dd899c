package email

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// htmlText makes text of HTML: what is shown, with line breaks, list points and the addresses of links. What a mail
// program puts around a quoted mail is left out with what it quotes, unless nothing else is said.
func htmlText(s string) string {
	w := &htmlWriter{dropQuotes: true}
	w.write(s)
	if t := strings.TrimSpace(w.out.String()); t != "" {
		return t
	}
	w = &htmlWriter{}
	w.write(s)
	return strings.TrimSpace(w.out.String())
}

type htmlWriter struct {
	out        strings.Builder
	dropQuotes bool
	skip       atom.Atom // the element that is left out
	depth      int       // how many of its kind are open inside
	pre        int
	blank      int // line breaks at the end of out
	space      bool
	link       string
	linkFrom   int
}

var (
	skipped = map[atom.Atom]bool{atom.Script: true, atom.Style: true, atom.Head: true, atom.Title: true, atom.Template: true, atom.Object: true, atom.Svg: true}
	blocks  = map[atom.Atom]int{
		atom.P: 2, atom.H1: 2, atom.H2: 2, atom.H3: 2, atom.H4: 2, atom.Blockquote: 2, atom.Ul: 2, atom.Ol: 2, atom.Table: 2, atom.Pre: 2, atom.Hr: 2,
		atom.Div: 1, atom.Li: 1, atom.Tr: 1, atom.Section: 1, atom.Article: 1, atom.Header: 1, atom.Footer: 1, atom.Dt: 1, atom.Dd: 1, atom.Center: 1,
	}
	voids = map[atom.Atom]bool{atom.Br: true, atom.Hr: true, atom.Img: true, atom.Meta: true, atom.Link: true, atom.Input: true, atom.Base: true, atom.Col: true, atom.Wbr: true}
)

// write walks the tags; no tree is made, so that nothing nests too deep.
func (w *htmlWriter) write(s string) {
	z := html.NewTokenizer(strings.NewReader(s))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.TextToken:
			if w.skip == 0 {
				w.text(string(z.Text()))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			if t := z.Token(); !w.inside(t, true) {
				w.start(t)
			}
		case html.EndTagToken:
			if t := z.Token(); !w.inside(t, false) {
				w.end(t)
			}
		}
	}
}

// inside reports whether a tag stands in what is left out, or begins or ends that.
func (w *htmlWriter) inside(t html.Token, start bool) bool {
	if w.skip != 0 {
		switch {
		case t.DataAtom != w.skip:
		case start && t.Type == html.StartTagToken:
			w.depth++
		case !start:
			if w.depth--; w.depth == 0 {
				w.skip = 0
			}
		}
		return true
	}
	if start && t.Type == html.StartTagToken && !voids[t.DataAtom] && t.DataAtom != 0 && (skipped[t.DataAtom] || hidden(t) || w.dropQuotes && quoted(t)) {
		w.skip, w.depth = t.DataAtom, 1
		return true
	}
	return false
}

func attr(t html.Token, key string) string {
	for _, a := range t.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func hidden(t html.Token) bool {
	style := strings.ReplaceAll(strings.ToLower(attr(t, "style")), " ", "")
	return strings.Contains(style, "display:none") || strings.Contains(style, "mso-hide:all")
}

// quoted: what the common mail programs put around the mail that is answered.
func quoted(t html.Token) bool {
	class, id := attr(t, "class"), attr(t, "id")
	for _, c := range []string{"gmail_quote", "moz-cite-prefix", "yahoo_quoted", "protonmail_quote", "zmail_extra", "tutanota_quote"} {
		if strings.Contains(class, c) {
			return true
		}
	}
	return id == "divRplyFwdMsg" || id == "appendonsend" || t.DataAtom == atom.Blockquote && attr(t, "type") == "cite"
}

func (w *htmlWriter) start(t html.Token) {
	switch t.DataAtom {
	case atom.Br:
		w.raw("\n")
		return
	case atom.Td, atom.Th:
		w.space = w.space || w.blank == 0 && w.out.Len() > 0
	case atom.Pre:
		w.pre++
	case atom.A:
		w.link, w.linkFrom = attr(t, "href"), w.out.Len()
	case atom.Img:
		if alt := attr(t, "alt"); alt != "" {
			w.text("[" + alt + "]")
		}
	}
	w.lines(blocks[t.DataAtom])
	if t.DataAtom == atom.Li {
		w.raw("- ")
	}
}

func (w *htmlWriter) end(t html.Token) {
	switch t.DataAtom {
	case atom.Pre:
		w.pre = max(w.pre-1, 0)
	case atom.A:
		shown := strings.TrimSpace(w.out.String()[min(w.linkFrom, w.out.Len()):])
		if (strings.HasPrefix(w.link, "http://") || strings.HasPrefix(w.link, "https://")) && shown != "" && !strings.Contains(w.link, shown) && len(w.link) < 500 {
			w.raw(" (" + w.link + ")")
		}
		w.link = ""
	}
	w.lines(blocks[t.DataAtom])
}

// lines ends the line, and leaves an empty one if n is 2.
func (w *htmlWriter) lines(n int) {
	if n == 0 || w.out.Len() == 0 {
		return
	}
	w.space = false
	for w.blank < n {
		w.raw("\n")
	}
}

func (w *htmlWriter) raw(s string) {
	for _, r := range s {
		if r == '\n' {
			w.blank++
		} else {
			w.blank = 0
		}
	}
	w.out.WriteString(s)
}

// text writes text, its spaces made one.
func (w *htmlWriter) text(s string) {
	if w.pre > 0 {
		w.raw(html.UnescapeString(s))
		return
	}
	s = html.UnescapeString(s)
	for i, word := range strings.FieldsFunc(s, breaks) {
		if i > 0 || w.space || breaks([]rune(s)[0]) {
			if w.blank == 0 && w.out.Len() > 0 {
				w.raw(" ")
			}
		}
		w.raw(word)
		w.space = false
	}
	if s != "" && breaks([]rune(s)[len([]rune(s))-1]) {
		w.space = true
	}
}

func breaks(r rune) bool {
	return r == ' ' || r == '\n' || r == '\r' || r == '\t' || r == '\f' || r == '\u200b' || r == '\u200c' || r == '\u034f' || r == '\u00ad'
}
