package markdown

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// writer puts lines together: what stands before each of them, and the marks (bold and the like) that are open.
// New lines are owed, not written, until something follows them; marks open with the first text within them. So no
// empty tag, no stray prefix and no blank end comes out.
type writer struct {
	out      []byte
	owed     int    // new lines to write before what comes next
	fresh    bool   // nothing stands on this line yet
	segments []lead // what stands before a line, outermost first
	marks    []mark // open inline, outermost first
	perLine  bool   // marks hold within one line only
	guard    bool   // marks must not touch letters: a zero-width space keeps them apart
	closed   bool   // a mark has just been closed
	text     int    // where the text of the present line starts
}

// lead is what a list item or a quote puts before its lines.
type lead struct {
	first, rest string
	used        bool
}

type mark struct {
	open, close string
	on          bool
}

const zeroWidth = "\u200b"

// line ends the line, if anything stands on it.
func (w *writer) line() {
	if !w.fresh {
		w.owed = max(w.owed, 1)
	}
}

// blank leaves a blank line, if anything stands on this one.
func (w *writer) blank() {
	if !w.fresh {
		w.owed = max(w.owed, 2)
	}
}

// feed adds a line break within a paragraph; several in a row make one blank line.
func (w *writer) feed() {
	if !w.fresh {
		w.owed = min(w.owed+1, 2)
	}
}

// pay writes the new lines that are owed.
func (w *writer) pay() {
	if w.owed == 0 {
		return
	}
	if w.perLine {
		w.suspend()
	}
	for i := range w.owed {
		w.out = append(w.out, '\n')
		if i+1 < w.owed {
			for _, l := range w.segments {
				w.out = append(w.out, l.rest...)
			}
			for n := len(w.out); n > 0 && w.out[n-1] == ' '; n = len(w.out) {
				w.out = w.out[:n-1]
			}
		}
	}
	w.owed, w.fresh, w.closed = 0, true, false
}

// begin makes ready for something on the present line.
func (w *writer) begin() {
	w.pay()
	if !w.fresh {
		return
	}
	w.fresh = false
	defer func() { w.text = len(w.out) }()
	for i := range w.segments {
		l := &w.segments[i]
		if l.used {
			w.out = append(w.out, l.rest...)
		} else {
			w.out = append(w.out, l.first...)
			l.used = true
		}
	}
}

// enter is begin with the marks opened, for text that begins with s.
func (w *writer) enter(s string) {
	w.begin()
	opened := false
	for i := range w.marks {
		m := &w.marks[i]
		if m.on {
			continue
		}
		if w.guard && !opened && wordEnd(w.out) {
			w.out = append(w.out, zeroWidth...)
		}
		w.out = append(w.out, m.open...)
		m.on, opened = true, true
	}
	if w.guard && w.closed && !opened && wordStart(s) {
		w.out = append(w.out, zeroWidth...)
	}
	w.closed = false
}

// raw writes s as it is.
func (w *writer) raw(s string) {
	if s == "" {
		return
	}
	w.enter(s)
	w.out = append(w.out, s...)
}

func (w *writer) push(open, close string) {
	w.marks = append(w.marks, mark{open: open, close: close})
}

func (w *writer) pop() {
	n := len(w.marks) - 1
	if w.marks[n].on {
		w.out = append(w.out, w.marks[n].close...)
		w.closed = true
	}
	w.marks = w.marks[:n]
}

// suspend closes all marks; they open again with the next text.
func (w *writer) suspend() {
	for i := len(w.marks) - 1; i >= 0; i-- {
		if m := &w.marks[i]; m.on {
			w.out = append(w.out, m.close...)
			m.on, w.closed = false, true
		}
	}
}

// indent puts first before the next line and rest before those that follow, until dedent.
func (w *writer) indent(first, rest string) {
	w.segments = append(w.segments, lead{first: first, rest: rest})
}

// dedent ends an indent; its first is written even if nothing followed it.
func (w *writer) dedent() {
	if n := len(w.segments) - 1; !w.segments[n].used {
		w.line()
		w.begin()
	}
	w.segments = w.segments[:len(w.segments)-1]
}

// quoted reports whether a quote's sign stands before the lines.
func (w *writer) quoted() bool {
	for _, l := range w.segments {
		if strings.Contains(l.rest, ">") {
			return true
		}
	}
	return false
}

// freshLine reports whether nothing but what indent put there stands on the line.
func (w *writer) freshLine() bool { return w.owed > 0 || w.fresh || w.text == len(w.out) }

// leave ends an indent; nothing is written if nothing followed it.
func (w *writer) leave() { w.segments = w.segments[:len(w.segments)-1] }

// flush leaves the lists and quotes for a block that must stand at the start of lines. It returns the function
// that goes back.
func (w *writer) flush() (back func()) {
	w.line()
	for _, l := range w.segments {
		if !l.used {
			w.begin()
			w.out = bytes.TrimRight(w.out, " ")
			w.line()
			break
		}
	}
	saved := w.segments
	w.segments = nil
	return func() { w.segments = saved }
}

// noFence returns code so that it ends no block that begins with three backticks.
func noFence(code string) string {
	if strings.Contains(code, "```") {
		return apart(code)
	}
	return code
}

// apart keeps backticks that follow each other apart.
func apart(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(s[i])
		if s[i] == '`' && i+1 < len(s) && s[i+1] == '`' {
			b.WriteString(zeroWidth)
		}
	}
	return b.String()
}

func wordEnd(b []byte) bool {
	r, _ := utf8.DecodeLastRune(b)
	return len(b) > 0 && isWord(r)
}

func wordStart(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return s != "" && isWord(r)
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
