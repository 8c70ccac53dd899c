package markdown

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fit returns how many bytes of md, counted from its start, one message can hold: the largest n, cut at the end of a
// paragraph, else of a line, a sentence, a word, for which size(head of Split(md, n)) is at most limit. It is
// len(md) if all of it fits, never inside a rune, and at least one rune: only then may the limit be passed. A
// boundary counts if it leaves the message at least half full. size is what the service counts, such as
// [TelegramLen]; it is called about ten times with texts not much longer than the message, however long md is.
func Fit(md string, limit int, size func(md string) int) int {
	if md == "" {
		return 0
	}
	if len(md) <= 4*limit && size(md) <= limit-closing { // the usual case: an answer that still grows
		return len(md)
	}
	f := &fitter{md: md, limit: limit, size: size}
	n, all := f.search()
	if all {
		return len(md)
	}
	return f.backOff(n)
}

// closing is more than Split adds at the end of a message.
const closing = 100

type fitter struct {
	*cutter
	md    string
	limit int
	size  func(string) int // nil: everything fits
}

// fits reports whether md up to n fits; n must lie within what the cutter has read.
func (f *fitter) fits(n int) (int, bool) {
	if f.size == nil {
		return 0, true
	}
	s := f.size(f.head(n))
	return s, s <= f.limit
}

// search finds about the largest n that fits, or that all of md does.
func (f *fitter) search() (n int, all bool) {
	low, high := 0, len(f.md)+1 // low fits, high does not
	probe := min(len(f.md), max(f.limit, 1)+64)
	slack := f.limit / 128
	read := -1
	for {
		if probe > read {
			read = min(len(f.md), probe*2)
			f.cutter = newCutter(f.md, read)
		}
		at := f.place(probe)
		if at > read {
			read = at
			f.cutter = newCutter(f.md, read)
		}
		s, ok := f.fits(at)
		if ok {
			if at == len(f.md) {
				return at, true
			}
			low = max(low, probe, at)
		} else {
			high = min(high, probe)
		}
		if high-low <= 1 || low > 0 && high-low <= slack {
			break
		}
		probe = f.guess(probe, s, low, high)
	}
	if low == 0 {
		low = f.place(1)
	}
	return f.place(low), false
}

// guess is where to look next: where the last probe and its size suggest, but always between low and high, and far
// enough from both that the search ends soon.
func (f *fitter) guess(probe, size, low, high int) int {
	next := probe * 2
	if size > 0 {
		next = int(float64(probe) * float64(f.limit) / float64(size))
	}
	if high > len(f.md) {
		return min(max(next, low+low/2, low+1), len(f.md))
	}
	margin := (high - low) / 8
	return min(max(next, low+margin, low+1), high-max(margin, 1))
}

// backOff moves n, which fits, back to the best boundary.
func (f *fitter) backOff(n int) int {
	first := len(f.md) - len(strings.TrimLeftFunc(f.md, unicode.IsSpace)) // where the text begins
	least := max(n/2, first+1)
	for _, boundary := range []func(n, least int) int{f.paragraph, f.lineEnd, f.sentence, f.word} {
		at := n
		for range 3 {
			at = boundary(at, least)
			if at < least {
				break
			}
			p := f.place(at)
			if p >= least && p <= n {
				if _, ok := f.fits(p); ok {
					return p
				}
			}
			at--
		}
	}
	return f.cluster(n)
}

// paragraph is the last start of a block at or before n and not before least, which leaves no heading alone at the
// end; -1 if there is none.
func (f *fitter) paragraph(n, least int) int {
	for n >= least {
		at := f.lineEnd(n, least)
		if at < least {
			return -1
		}
		if b, info, ended := f.fenceAt(at); b != nil && !ended {
			n = info.open
			if n >= least && !f.underHeading(n) {
				return n
			}
		} else if blankBefore(f.md, at) && !f.underHeading(at) {
			return at
		}
		n = min(n, at) - 1
	}
	return -1
}

// underHeading reports whether the last line with text before n is a heading.
func (f *fitter) underHeading(n int) bool {
	s := strings.TrimRight(f.md[:n], " \t\n")
	return strings.HasPrefix(strings.TrimLeft(s[strings.LastIndexByte(s, '\n')+1:], " "), "#")
}

// blankBefore reports whether the line before n, where a line starts, is blank.
func blankBefore(s string, n int) bool {
	before := strings.TrimRight(s[:n-1], " \t\r")
	return before == "" || before[len(before)-1] == '\n'
}

// lineEnd is the last start of a line at or before n.
func (f *fitter) lineEnd(n, least int) int {
	if n < least || n <= 0 {
		return -1
	}
	return strings.LastIndexByte(f.md[:n], '\n') + 1
}

// sentence is the last place after a full stop or its like and a space.
func (f *fitter) sentence(n, least int) int {
	for i := n; i >= least && i > 1; i-- {
		if !isSpace(f.md[i-1]) {
			if r, _ := utf8.DecodeLastRuneInString(f.md[:i]); strings.ContainsRune("。！？", r) {
				return i
			}
			continue
		}
		before := strings.TrimRight(f.md[:i-1], `"')]*_`)
		if r, _ := utf8.DecodeLastRuneInString(before); strings.ContainsRune(".!?…", r) && before != "" {
			return i
		}
	}
	return -1
}

// word is the last place after a space.
func (f *fitter) word(n, least int) int {
	for i := n; i >= least && i > 0; i-- {
		if isSpace(f.md[i-1]) {
			return i
		}
	}
	return -1
}

// cluster moves n back so that it does not part a sign from what is joined to it.
func (f *fitter) cluster(n int) int {
	at := n
	for at > 0 && at > n-64 {
		r, _ := utf8.DecodeRuneInString(f.md[at:])
		before, size := utf8.DecodeLastRuneInString(f.md[:at])
		if !unicode.In(r, unicode.Mn, unicode.Me) && r != joiner && before != joiner && before != '\\' {
			break
		}
		at -= size
	}
	if at <= 0 || at <= n-64 {
		return n
	}
	if p := f.place(at); p > 0 && p <= n {
		if _, ok := f.fits(p); ok {
			return p
		}
	}
	return n
}

const joiner = '\u200d'
