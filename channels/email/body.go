package email

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"github.com/emersion/go-message/textproto"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"

	"chatgateway/channels"
	"chatgateway/internal/lazyregexp"
)

// How deep mails nest, how many parts they have and how much text is taken of them.
const (
	maxDepth = 12
	maxParts = 200
	maxText  = 1 << 20
)

// What machines say of a mail of ours, and what of it they give back; the later ones are RFC 6533's.
var (
	reports  = []string{"message/delivery-status", "message/disposition-notification", "message/global-delivery-status", "message/global-disposition-notification"}
	returned = []string{"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"}
)

// reader collects what is in a mail.
type reader struct {
	most   int64 // bytes that attachments may have together
	used   int64
	parts  int
	texts  []string
	files  []channels.Attachment
	report bool
	lost   []string // who did not get a mail, as a delivery report says: address and status
	about  string   // the Message-ID of a mail that is in it, or whose header is
}

func (r *reader) said() string { return strings.Join(r.texts, "\n\n") }

// entity reads a mail, or a part of one.
func (r *reader) entity(h *textproto.Header, body []byte, depth int) {
	if r.parts++; r.parts > maxParts || depth > maxDepth {
		return
	}
	kind, params := contentType(h.Get("Content-Type"))
	name, attached := fileName(h, params)
	switch {
	case strings.HasPrefix(kind, "multipart/"):
		r.multipart(kind, params["boundary"], body, depth)
	case slices.Contains(reports, kind):
		r.report, r.lost = true, undelivered(body)
	case kind == "text/plain" && !attached, kind == "text/html" && !attached:
		r.add(textOf(kind, params["charset"], decode(h.Get("Content-Transfer-Encoding"), body)))
	default:
		data := decode(h.Get("Content-Transfer-Encoding"), body)
		if slices.Contains(returned, kind) {
			r.about = idWithin(data)
		}
		r.file(kind, name, data)
	}
}

func (r *reader) add(text string) {
	if strings.TrimSpace(text) != "" {
		r.texts = append(r.texts, text)
	}
}

// multipart reads the parts. Of alternatives the plain text is taken, if it says anything; of a report nothing.
func (r *reader) multipart(kind, boundary string, body []byte, depth int) {
	if kind == "multipart/report" {
		r.report = true
	}
	if boundary == "" {
		boundary = guessBoundary(body)
	}
	if boundary == "" {
		r.add(textOf("text/plain", "", body))
		return
	}
	var plain, other []reader
	mr := textproto.NewMultipartReader(bytes.NewReader(body), boundary)
	for r.parts < maxParts {
		p, err := mr.NextPart()
		if err != nil {
			break // the end, or what cannot be read any further
		}
		raw, _ := io.ReadAll(p) // a part that was cut off is taken as far as it goes
		one := reader{most: r.most, used: r.used, parts: r.parts}
		one.entity(&p.Header, raw, depth+1)
		r.parts, r.used, r.report = one.parts, one.used, r.report || one.report
		r.files, r.lost, r.about = append(r.files, one.files...), append(r.lost, one.lost...), orElse(r.about, one.about)
		if t, _ := contentType(p.Header.Get("Content-Type")); t == "text/plain" {
			plain = append(plain, one)
		} else {
			other = append(other, one)
		}
		if kind != "multipart/alternative" {
			r.texts = append(r.texts, one.texts...)
		}
	}
	if kind == "multipart/alternative" {
		for _, list := range [][]reader{plain, other} {
			for _, one := range list {
				if len(one.texts) > 0 {
					r.texts = append(r.texts, one.texts...)
					return
				}
			}
		}
	}
}

// file takes an attachment, if there is room for it.
func (r *reader) file(kind, name string, data []byte) {
	a := channels.Attachment{Name: name, Type: kind, Size: int64(len(data))}
	if r.used+a.Size > r.most {
		a.Note = fmt.Sprintf("too large: more than %d MB came with this mail", r.most>>20)
	} else {
		r.used += a.Size
		a.Data = data
	}
	r.files = append(r.files, a)
}

var typeForm = lazyregexp.New(`^[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+$`)

// contentType reads a Content-Type, also a broken one; text/plain if it says nothing.
func contentType(field string) (kind string, params map[string]string) {
	kind, params, err := mime.ParseMediaType(field)
	if err != nil {
		head, rest, _ := strings.Cut(field, ";")
		kind, params = strings.ToLower(strings.TrimSpace(head)), map[string]string{}
		for _, m := range looseParam.FindAllStringSubmatch(rest, 20) {
			params[strings.ToLower(m[1])] = strings.Trim(m[2], `"' `)
		}
	}
	switch {
	case kind == "text":
		kind = "text/plain"
	case kind == "html":
		kind = "text/html"
	case !typeForm.MatchString(kind):
		kind = "text/plain"
	}
	return kind, params
}

var looseParam = lazyregexp.New(`([A-Za-z0-9*-]+)\s*=\s*("[^"]*"|[^;\s]+)`)

// fileName gives the name of an attachment, and whether the part is one.
func fileName(h *textproto.Header, params map[string]string) (name string, attached bool) {
	disposition, more, err := mime.ParseMediaType(h.Get("Content-Disposition"))
	if err != nil {
		disposition, _, _ = strings.Cut(strings.ToLower(h.Get("Content-Disposition")), ";")
	}
	name = words(orElse(more["filename"], params["name"]))
	name = path.Base(strings.ReplaceAll(name, `\`, "/")) // never a path
	if name == "." || name == "/" || name == ".." {
		name = ""
	}
	return name, strings.TrimSpace(disposition) == "attachment" || name != "" && disposition != "inline"
}

var dashes = lazyregexp.New(`(?m)^--([0-9A-Za-z'()+_,./:=?-]{6,70})\r?$`)

// guessBoundary finds the boundary of a body whose header does not name it.
func guessBoundary(body []byte) string {
	if m := dashes.FindSubmatch(body); m != nil {
		return string(m[1])
	}
	return ""
}

// decode undoes a transfer encoding. What is broken is left as it is, what follows is read on.
func decode(encoding string, body []byte) []byte {
	switch strings.ToLower(strings.Trim(strings.TrimSpace(encoding), `"`)) {
	case "base64":
		return decodeBase64(body)
	case "quoted-printable":
		return decodeQuoted(body)
	}
	return body
}

func decodeBase64(b []byte) []byte {
	clean := make([]byte, 0, len(b))
	for _, ch := range b {
		if ch|0x20 >= 'a' && ch|0x20 <= 'z' || ch >= '0' && ch <= '9' || ch == '+' || ch == '/' {
			clean = append(clean, ch)
		}
	}
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(clean)))
	n, _ := base64.RawStdEncoding.Decode(out, clean) // only bits at the very end can be wrong
	return out[:n]
}

func decodeQuoted(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for line := range bytes.Lines(b) {
		text := bytes.TrimRight(line, " \t\r\n")
		end := line[len(bytes.TrimRight(line, "\r\n")):]
		if bytes.HasSuffix(text, []byte("=")) {
			text, end = text[:len(text)-1], nil
		}
		for i := 0; i < len(text); i++ {
			if text[i] == '=' && i+2 < len(text) && unhex(text[i+1]) >= 0 && unhex(text[i+2]) >= 0 {
				out = append(out, byte(unhex(text[i+1])<<4|unhex(text[i+2])))
				i += 2
				continue
			}
			out = append(out, text[i])
		}
		out = append(out, end...)
	}
	return out
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// textOf makes text of a part.
func textOf(kind, charset string, body []byte) string {
	body = body[:min(len(body), maxText)]
	if charset == "" && kind == "text/html" {
		charset = htmlCharset(body)
	}
	text := toUTF8(charset, body)
	if kind == "text/html" {
		text = htmlText(text)
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.ReplaceAll(text, "\x00", "")
}

var metaCharset = lazyregexp.New(`(?i)<meta[^>]{0,200}charset\s*=\s*["']?([a-z0-9_:-]{3,30})`)

func htmlCharset(body []byte) string {
	if m := metaCharset.FindSubmatch(body[:min(len(body), 4096)]); m != nil {
		return string(m[1])
	}
	return ""
}

// toUTF8 converts text. Where the charset is not said, not known or plainly wrong, it is UTF-8 if it can be, else the
// western one.
func toUTF8(name string, b []byte) string {
	switch name = strings.ToLower(strings.Trim(name, ` "'`)); name {
	case "", "utf-8", "utf8", "us-ascii", "ascii", "unknown-8bit", "x-unknown", "default", "binary", "iso-8859-1":
		if utf8.Valid(b) {
			return strings.TrimPrefix(string(b), "\uFEFF")
		}
		if name == "utf-8" || name == "utf8" {
			return strings.ToValidUTF8(string(b), "\uFFFD")
		}
		name = "windows-1252"
	}
	r, err := charsetReader(name, bytes.NewReader(b))
	if err == nil {
		if t, err := io.ReadAll(r); err == nil {
			return strings.ToValidUTF8(strings.TrimPrefix(string(t), "\uFEFF"), "\uFFFD")
		}
	}
	if utf8.Valid(b) {
		return string(b)
	}
	t, _ := charmap.Windows1252.NewDecoder().Bytes(b) // every byte is a character there
	return string(t)
}

// charsetReader converts by the names that browsers know, which are those that mail programs mean, else by IANA's.
func charsetReader(name string, r io.Reader) (io.Reader, error) {
	if enc, err := htmlindex.Get(name); err == nil && !strings.HasPrefix(name, "utf-16") {
		return enc.NewDecoder().Reader(r), nil
	}
	return charset.Reader(name, r) //nolint:wrapcheck // nothing to add
}
