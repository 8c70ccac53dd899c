// Package redact takes the secrets that the gateway holds out of texts: what is logged, what people are told, what is
// said to a model.
package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"

	"chatgateway/internal/secret"
)

// Bounds of what is known and of what is taken for a secret.
const (
	shortest  = 8         // shorter ones are not looked for: too much else is alike
	fragment  = 12        // so many characters of a secret in a row are taken out by Clean
	knownSize = 128 << 10 // bytes of all secrets in all forms; the ones learned first are forgotten first
)

// Redactor knows secrets. The zero value knows none; a nil one too. It is safe for concurrent use, and reading takes
// no lock. It calls nothing but itself, so that it may stand under a log.
type Redactor struct {
	set atomic.Pointer[set]

	mu    sync.Mutex // guards known and the making of set
	known []string   // the newest last
}

// Learn makes secrets known; those that are known already are the newest again. What was known stays known, for an
// answer that tells of a key may come after its logout.
func (r *Redactor) Learn(secrets ...secret.String) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh := false
	for _, s := range secrets {
		text := s.Reveal()
		if len(text) < shortest {
			continue
		}
		if i := slices.Index(r.known, text); i >= 0 {
			r.known = slices.Delete(r.known, i, i+1)
		} else {
			fresh = true
		}
		r.known = append(r.known, text)
	}
	if !fresh {
		return
	}
	set, from := newSet(r.known)
	r.known = slices.Clone(r.known[from:])
	r.set.Store(set)
}

// Mask puts [secret] in the place of every known secret, as it is or as URLs, JSON and base64 write it, and leaves
// everything else as it is. A secret that could be common words ("password") is left too.
func (r *Redactor) Mask(text string) string {
	if s := r.load(); s != nil {
		return replace(text, s.whole(text))
	}
	return text
}

// Growing is Mask for a text of which more may come: an end that may be the beginning of a secret is left out.
func (r *Redactor) Growing(text string) string {
	s := r.load()
	if s == nil {
		return text
	}
	text = replace(text, s.whole(text))
	return text[:len(text)-s.tail(text)]
}

// Holds reports whether there is a known secret in text.
func (r *Redactor) Holds(text string) bool {
	s := r.load()
	return s != nil && len(s.whole(text)) > 0
}

// Clean is Mask for texts that nobody works with, logs and errors: it takes out too what is shaped like a key or a
// token, and pieces of a known secret.
func (r *Redactor) Clean(text string) string {
	if s := r.load(); s != nil {
		text = replace(text, s.pieces(text))
	}
	return secret.Redact(text)
}

func (r *Redactor) load() *set {
	if r == nil {
		return nil
	}
	return r.set.Load()
}

// span is a part of a text.
type span struct{ from, to int }

func replace(text string, spans []span) string {
	if len(spans) == 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for _, s := range spans {
		b.WriteString(text[at:s.from])
		b.WriteString(secret.Mask)
		at = s.to
	}
	b.WriteString(text[at:])
	return b.String()
}

// set is what is known at one time. It never changes.
type set struct {
	forms   []string            // of the secrets that cannot be common words
	first   map[uint64][]string // by their first 8 bytes, the longest first
	begins  filter              // of the keys of first
	windows map[uint64]bool     // every 8 bytes of every form
	inside  filter              // of windows
}

// newSet makes a set of the newest secrets, as many as fit, and says which is the first of them.
func newSet(known []string) (s *set, from int) {
	s = &set{first: map[uint64][]string{}, windows: map[uint64]bool{}}
	size := 0
	for from = len(known); from > 0; from-- {
		all := forms(known[from-1])
		for _, f := range all {
			size += len(f)
		}
		if size > knownSize && from < len(known) {
			break
		}
		for _, f := range all {
			for i := 0; i+8 <= len(f); i++ {
				s.windows[load(f, i)] = true
			}
			if telling(known[from-1]) {
				s.forms = append(s.forms, f)
				w := load(f, 0)
				s.first[w] = append(s.first[w], f)
			}
		}
	}
	for w, list := range s.first {
		slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
		s.begins.add(w)
	}
	for w := range s.windows {
		s.inside.add(w)
	}
	return s, from
}

// whole finds the secrets that are there from end to end.
func (s *set) whole(text string) (spans []span) {
	for i := 0; i+8 <= len(text); i++ {
		w := load(text, i)
		if !s.begins.has(w) {
			continue
		}
		for _, f := range s.first[w] {
			if strings.HasPrefix(text[i:], f) {
				spans = append(spans, span{i, i + len(f)})
				i += len(f) - 1
				break
			}
		}
	}
	return spans
}

// pieces finds what is made of 8 bytes of secrets after 8 bytes of secrets: at least fragment long, or a whole one, or at
// an end of the text, whose other part may stand in another line.
func (s *set) pieces(text string) (spans []span) {
	for i := 0; i+8 <= len(text); i++ {
		if w := load(text, i); !s.inside.has(w) || !s.windows[w] {
			continue
		}
		from := i
		for i++; i+8 <= len(text) && s.windows[load(text, i)]; i++ {
		}
		to := i + 7
		if to-from >= fragment || from == 0 || to == len(text) || len(s.whole(text[from:to])) > 0 {
			spans = append(spans, span{from, to})
			i = to - 1
		}
	}
	return spans
}

// tail is how much of the end of a text may be the beginning of a secret.
func (s *set) tail(text string) int {
	longest := 0
	for _, f := range s.forms {
		for n := min(len(f)-1, len(text)); n > longest; n-- {
			if text[len(text)-n] == f[0] && strings.HasSuffix(text, f[:n]) {
				longest = n
			}
		}
	}
	return longest
}

// telling reports whether a secret cannot be a common word or number, or words with hyphens between them, as the keys
// that servers without keys are given ("lm-studio").
func telling(s string) bool {
	if len(s) >= 16 {
		return true
	}
	kinds := map[int]bool{}
	for _, c := range s {
		switch {
		case unicode.IsLetter(c):
			kinds[0] = true
		case unicode.IsDigit(c):
			kinds[1] = true
		case c == '-' || c == '_':
		default:
			kinds[2] = true
		}
	}
	return len(kinds) > 1
}

// forms are the ways in which a secret may stand in a text: as it is, in a URL, in JSON, in base64 with whatever
// before and behind it.
func forms(s string) []string {
	list := []string{s, url.QueryEscape(s), url.PathEscape(s), lowerHex(url.QueryEscape(s)), inJSON(s, false), inJSON(s, true)}
	for shift := range 3 {
		if part := inBase64(s, shift); len(part) >= fragment {
			list = append(list, part, strings.NewReplacer("+", "-", "/", "_").Replace(part), url.QueryEscape(part))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// lowerHex writes %2F as %2f.
func lowerHex(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:], bytes.ToLower(b[i+1:i+3]))
		}
	}
	return string(b)
}

func inJSON(s string, html bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if e.Encode(s) != nil {
		return s
	}
	return strings.Trim(b.String(), "\"\n")
}

// inBase64 is what base64 makes of s behind shift other bytes, without the characters that depend on the neighbours.
func inBase64(s string, shift int) string {
	code := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), s...))
	from, to := (shift*8+5)/6, (shift+len(s))*8/6
	return code[from:to]
}

func load(s string, i int) uint64 {
	return binary.LittleEndian.Uint64([]byte(s[i : i+8]))
}

// filter says quickly that a number is not in a set.
type filter [1 << 12]uint64

func (f *filter) add(w uint64) {
	h := w * 0x9e3779b97f4a7c15 >> 46
	f[h>>6] |= 1 << (h & 63)
}

func (f *filter) has(w uint64) bool {
	h := w * 0x9e3779b97f4a7c15 >> 46
	return f[h>>6]&(1<<(h&63)) != 0
}
