package telegramtest

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// tags are the tags of parse_mode HTML and the entities they make.
var tags = map[string]string{
	"b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
	"s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "span": "spoiler", "tg-spoiler": "spoiler",
	"a": "text_link", "code": "code", "pre": "pre", "blockquote": "blockquote", "tg-emoji": "custom_emoji",
}

// html is a reader of parse_mode HTML, as strict as the Bot API: tags it does not know, that are not closed, or are
// closed out of order are refused, with the byte at which they stand.
type html struct {
	src   string
	at    int
	text  strings.Builder
	units int // UTF-16 code units of text
	open  []openTag
	out   []Entity
}

type openTag struct {
	name   string
	entity Entity
	start  int // bytes of text before it
}

// parseHTML gives the text that s shows and its entities.
func parseHTML(s string) (string, []Entity, error) {
	h := &html{src: s}
	for h.at < len(s) {
		var err error
		switch s[h.at] {
		case '<':
			err = h.tag()
		case '&':
			h.reference()
		default:
			_, n := utf8.DecodeRuneInString(s[h.at:])
			h.put(s[h.at : h.at+n])
			h.at += n
		}
		if err != nil {
			return "", nil, err
		}
	}
	if n := len(h.open); n > 0 {
		return "", nil, fmt.Errorf("Can't find end tag corresponding to start tag %q", h.open[n-1].name) //nolint:staticcheck // Telegram's words
	}
	slices.SortStableFunc(h.out, func(a, b Entity) int {
		if a.Offset != b.Offset {
			return a.Offset - b.Offset
		}
		return b.Length - a.Length
	})
	return h.text.String(), h.out, nil
}

func (h *html) put(s string) {
	h.text.WriteString(s)
	for _, r := range s {
		h.units += max(1, utf16.RuneLen(r))
	}
}

// reference reads "&lt;" and the like; what is none is text.
func (h *html) reference() {
	end := strings.IndexByte(h.src[h.at:], ';')
	name := ""
	if end > 0 && end < 12 {
		name = h.src[h.at+1 : h.at+end]
	}
	for want, text := range map[string]string{"lt": "<", "gt": ">", "amp": "&", "quot": `"`} {
		if name == want {
			h.put(text)
			h.at += end + 1
			return
		}
	}
	var code int
	if n, _ := fmt.Sscanf(name, "#x%x", &code); n == 1 || strings.HasPrefix(name, "#") {
		if n != 1 {
			n, _ = fmt.Sscanf(name, "#%d", &code)
		}
		if n == 1 && code > 0 && code <= utf8.MaxRune {
			h.put(string(rune(code)))
			h.at += end + 1
			return
		}
	}
	h.put("&")
	h.at++
}

func (h *html) tag() error {
	begin := h.at
	h.at++
	if h.at < len(h.src) && h.src[h.at] == '/' {
		return h.close(begin)
	}
	name := strings.ToLower(h.word(" \t\r\n>"))
	if h.at >= len(h.src) {
		return fmt.Errorf("Unclosed start tag at byte offset %d", begin) //nolint:staticcheck // Telegram's words
	}
	kind, known := tags[name]
	if !known {
		return fmt.Errorf("Unsupported start tag %q at byte offset %d", name, begin) //nolint:staticcheck // Telegram's words
	}
	e := Entity{Type: kind, Offset: h.units}
	for {
		h.spaces()
		if h.at >= len(h.src) {
			return fmt.Errorf("Unclosed start tag %q at byte offset %d", name, begin) //nolint:staticcheck // Telegram's words
		}
		if h.src[h.at] == '>' {
			h.at++
			break
		}
		key, value, err := h.attribute(name, begin)
		if err != nil {
			return err
		}
		switch {
		case name == "a" && key == "href":
			e.URL = value
		case name == "code" && key == "class" && strings.HasPrefix(value, "language-"):
			e.Language = strings.TrimPrefix(value, "language-")
		case name == "span" && key == "class" && value == "tg-spoiler":
			e.URL = value
		}
	}
	if name == "span" && e.URL == "" {
		return fmt.Errorf("Tag \"span\" must have class \"tg-spoiler\" at byte offset %d", begin) //nolint:staticcheck // Telegram's words
	}
	if name == "span" {
		e.URL = ""
	}
	h.open = append(h.open, openTag{name, e, h.text.Len()})
	return nil
}

func (h *html) spaces() {
	for h.at < len(h.src) && strings.IndexByte(" \t\r\n", h.src[h.at]) >= 0 {
		h.at++
	}
}

// word reads up to a byte of stop.
func (h *html) word(stop string) string {
	begin := h.at
	for h.at < len(h.src) && !strings.ContainsRune(stop, rune(h.src[h.at])) {
		h.at++
	}
	return h.src[begin:h.at]
}

func (h *html) attribute(tag string, begin int) (key, value string, err error) {
	key = strings.ToLower(h.word(" \t\r\n=>\"'"))
	if key == "" {
		return "", "", fmt.Errorf("Empty attribute name in the tag %q at byte offset %d", tag, begin) //nolint:staticcheck // Telegram's words
	}
	h.spaces()
	if h.at >= len(h.src) || h.src[h.at] != '=' {
		return key, "", nil
	}
	h.at++
	h.spaces()
	if h.at >= len(h.src) {
		return "", "", fmt.Errorf("Unclosed start tag %q at byte offset %d", tag, begin) //nolint:staticcheck // Telegram's words
	}
	if q := h.src[h.at]; q == '"' || q == '\'' {
		h.at++
		value = h.word(string(q))
		if h.at >= len(h.src) {
			return "", "", fmt.Errorf("Unclosed start tag at byte offset %d", begin) //nolint:staticcheck // Telegram's words
		}
		h.at++
		return key, unescape(value), nil
	}
	return key, unescape(h.word(" \t\r\n>")), nil
}

func (h *html) close(begin int) error {
	h.at++
	if len(h.open) == 0 {
		return fmt.Errorf("Unexpected end tag at byte offset %d", begin) //nolint:staticcheck // Telegram's words
	}
	name := strings.ToLower(h.word(" \t\r\n>"))
	h.spaces()
	if h.at >= len(h.src) || h.src[h.at] != '>' {
		return fmt.Errorf("Unclosed end tag at byte offset %d", begin) //nolint:staticcheck // Telegram's words
	}
	h.at++
	t := h.open[len(h.open)-1]
	h.open = h.open[:len(h.open)-1]
	if name != "" && name != t.name {
		return fmt.Errorf("Unmatched end tag at byte offset %d, expected \"</%s>\", found \"</%s>\"", begin, t.name, name) //nolint:staticcheck // Telegram's words
	}
	t.entity.Length = h.units - t.entity.Offset
	if t.entity.Length == 0 {
		return nil
	}
	if t.name == "a" && t.entity.URL == "" {
		t.entity.URL = h.text.String()[t.start:]
	}
	if t.name == "a" && !strings.Contains(t.entity.URL, ".") && !strings.HasPrefix(t.entity.URL, "tg:") && !strings.HasPrefix(t.entity.URL, "mailto:") {
		return nil // a link to nowhere is text
	}
	if n := len(h.out); t.name == "pre" && n > 0 && h.out[n-1].Type == "code" && h.out[n-1].Language != "" &&
		h.out[n-1].Offset == t.entity.Offset && h.out[n-1].Length == t.entity.Length {
		t.entity.Language = h.out[n-1].Language
		h.out = h.out[:n-1]
	}
	h.out = append(h.out, t.entity)
	return nil
}

// unescape reads the references of an attribute's value.
func unescape(s string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&amp;", "&").Replace(s)
}

// units is how many UTF-16 code units s has.
func units(s string) (n int) {
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}
