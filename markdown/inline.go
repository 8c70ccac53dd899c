package markdown

import (
	"strings"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
)

// inlines writes what parent holds. Texts that follow each other are written at once: what must be escaped depends
// on what stands around it.
func (r *renderer) inlines(parent ast.Node) {
	run := ""
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		switch t := n.(type) {
		case *formulaNode:
			run += t.text(r.src)
			continue
		case *ast.Text:
			run += textOf(t, r.src)
			if !t.SoftLineBreak() && !t.HardLineBreak() {
				continue
			}
			r.words(run)
			r.w.feed()
		default:
			r.words(run)
			r.inline(n)
		}
		run = ""
	}
	r.words(run)
}

func (r *renderer) inline(n ast.Node) {
	switch n := n.(type) {
	case *ast.String:
		r.words(string(n.Value))
	case *ast.CodeSpan:
		if s := codeOf(n, r.src); s != "" {
			r.code(&r.w, s)
		}
	case *ast.Emphasis:
		k := italic
		if n.Level == 2 {
			k = bold
		}
		r.emphasis(n, k)
	case *extast.Strikethrough:
		r.emphasis(n, strikethrough)
	case *ast.Link:
		r.anchor(n, n.Destination)
	case *ast.Image:
		r.anchor(n, n.Destination)
	case *ast.AutoLink:
		r.autoLink(n)
	case *ast.RawHTML:
		if s := string(n.Segments.Value(r.src)); isBreak(s) {
			r.w.feed()
		} else {
			r.words(s)
		}
	case *extast.TaskCheckBox:
		r.text(&r.w, checkBox(n.IsChecked))
	default:
		r.inlines(n)
	}
}

func (r *renderer) emphasis(n ast.Node, k kind) {
	r.open(k)
	r.inlines(n)
	r.shut(k)
}

// open begins a kind of emphasis; within the same kind it does nothing.
func (r *renderer) open(k kind) {
	r.on[k]++
	if r.on[k] > 1 {
		return
	}
	if open, end := r.mark(k); open != "" {
		r.w.push(open, end)
	}
}

func (r *renderer) shut(k kind) {
	r.on[k]--
	if r.on[k] > 0 {
		return
	}
	if open, _ := r.mark(k); open != "" {
		r.w.pop()
	}
}

// anchor writes a link, or a picture as a link.
func (r *renderer) anchor(n ast.Node, dest []byte) {
	url, ok := link(dest)
	label := plainText(n, r.src)
	switch {
	case r.inLink && label != "" || !ok && (url == "" || strings.HasPrefix(url, "#")):
		r.inlines(n)
	case r.inLink || !ok && label == "":
		r.words(url)
	case !ok:
		r.inlines(n)
		r.words(" (" + url + ")")
	default:
		r.follow(n, url)
	}
}

// follow writes a link. Links do not nest: what is a link within one shows its words.
func (r *renderer) follow(n ast.Node, url string) {
	r.inLink = true
	r.link(r, n, url)
	r.inLink = false
}

func (r *renderer) autoLink(n *ast.AutoLink) {
	if url, ok := autoURL(n, r.src); ok && !r.inLink {
		r.follow(n, url)
		return
	}
	r.words(string(n.Label(r.src)))
}

// autoURL is where an address between < and > leads.
func autoURL(n *ast.AutoLink, src []byte) (string, bool) {
	dest := n.URL(src)
	if n.AutoLinkType == ast.AutoLinkEmail && !strings.HasPrefix(strings.ToLower(string(dest)), "mailto:") {
		dest = append([]byte("mailto:"), dest...)
	}
	return link(dest)
}

// label writes what a link shows: its words, or the address if it has none.
func (r *renderer) label(n ast.Node, url string) {
	if auto, ok := n.(*ast.AutoLink); ok {
		r.text(&r.w, string(auto.Label(r.src)))
		return
	}
	if plainText(n, r.src) == "" {
		r.text(&r.w, url)
		return
	}
	r.inlines(n)
}

func textOf(n *ast.Text, src []byte) string {
	b := n.Segment.Value(src)
	if n.IsRaw() {
		return string(b)
	}
	return literal(b)
}

// codeOf is the content of a code span; line breaks are spaces.
func codeOf(n ast.Node, src []byte) string {
	var s strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			s.Write(t.Segment.Value(src))
		}
	}
	return strings.ReplaceAll(s.String(), "\n", " ")
}

// plainText is the text below n in one line, without any marks.
func plainText(n ast.Node, src []byte) string {
	if auto, ok := n.(*ast.AutoLink); ok {
		return string(auto.Label(src))
	}
	var s strings.Builder
	appendPlain(&s, n, src)
	return strings.TrimSpace(s.String())
}

func appendPlain(s *strings.Builder, parent ast.Node, src []byte) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Text:
			s.WriteString(strings.ReplaceAll(textOf(n, src), "\n", " "))
			if n.SoftLineBreak() || n.HardLineBreak() {
				s.WriteByte(' ')
			}
		case *ast.String:
			s.Write(n.Value)
		case *ast.CodeSpan:
			s.WriteString(codeOf(n, src))
		case *ast.AutoLink:
			s.Write(n.Label(src))
		case *ast.RawHTML:
			if raw := string(n.Segments.Value(src)); isBreak(raw) {
				s.WriteByte(' ')
			} else {
				s.WriteString(strings.ReplaceAll(raw, "\n", " "))
			}
		case *extast.TaskCheckBox:
			s.WriteString(checkBox(n.IsChecked))
		default:
			appendPlain(s, n, src)
		}
	}
}

func checkBox(checked bool) string {
	if checked {
		return "☑ "
	}
	return "☐ "
}
