package email

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-message/textproto"

	"chatgateway/channels"
	"chatgateway/internal/lazyregexp"
)

// letterIn is a mail that came, as far as it matters here.
type letterIn struct {
	header  textproto.Header
	id      string   // Message-ID without brackets
	refs    []string // the mails before it in its thread, the first one first
	index   string   // names its thread, as the server, Exchange or Outlook do; empty: they do not
	from    string   // the address in From, in lower case; empty: there is not exactly one
	name    string
	vouched bool // the receiving server says that it is from there
	subject string
	text    string
	files   []channels.Attachment
	report  bool     // a delivery report
	lost    []string // who did not get a mail, says the report
	about   string   // the Message-ID of that mail
	cut     bool     // only its beginning was read
}

const maxHeader = 256 << 10 // bytes of a header that are read

// parse reads a mail. It takes whatever comes: what is broken is read as far as it goes.
func (c *channel) parse(raw []byte, cut bool) (m *letterIn, err error) {
	defer func() {
		if v := recover(); v != nil { // the libraries below read what anybody sends
			m, err = nil, fmt.Errorf("it cannot be read: %v", v)
		}
	}()
	head, body := divide(raw)
	h, err := textproto.ReadHeader(bufio.NewReader(bytes.NewReader(tidy(head))))
	if err != nil && h.Len() == 0 {
		return nil, errors.New("it has no header")
	}
	m = &letterIn{header: h, cut: cut, subject: words(h.Get("Subject"))}
	m.id = messageID(h.Get("Message-Id"), raw)
	m.refs, m.index = references(&h), threadIndex(h.Get("Thread-Index"))
	m.from, m.name = author(&h)
	m.vouched = m.from != "" && vouched(&h, m.from, c.trusted())
	t := reader{most: int64(c.set.AttachmentLimit) << 20}
	t.entity(&h, body, 0)
	m.report, m.lost, m.about, m.files = t.report, t.lost, t.about, t.files
	m.text = m.said(t.said())
	if cut {
		m.files = append(m.files, channels.Attachment{Note: "the mail is larger than is taken here; only its beginning was read"})
	}
	return m, nil
}

// message is the message that the mail is. Its conversation is found later.
func (m *letterIn) message(came time.Time) channels.Message {
	msg := channels.Message{
		ID: channels.MessageID(m.id), FromName: m.name, Text: m.text, Attachments: m.files, Private: true, Addressed: true, Time: came,
	}
	if m.vouched {
		msg.From = channels.UserID(m.from)
	}
	if n := len(m.refs); n > 0 {
		msg.Answers = channels.MessageID(m.refs[n-1])
	}
	return msg
}

var (
	replyWord   = lazyregexp.New(`(?i)^\s*(re|aw|sv|antw|odp|vs|ref|res|r|回复|答复|返信)\s*(\[\d+\])?\s*[:：]\s*`)
	forwardWord = lazyregexp.New(`(?i)^\s*(fwd?|wg|tr|rv|i|enc|转发|転送)\s*[:：]\s*`)
)

// said is what the person says: the body, under the subject where that says something of its own. A command may stand
// in either.
func (m *letterIn) said(body string) string {
	if !forwardWord.MatchString(m.subject) {
		body = ownWords(body)
	}
	body = strings.TrimSpace(body)
	first, _, _ := strings.Cut(body, "\n")
	reply := len(m.refs) > 0 || replyWord.MatchString(m.subject)
	subject := strings.TrimSpace(m.subject)
	switch {
	case command(first):
		return strings.TrimSpace(first) // what follows is a greeting or a signature
	case !reply && command(subject):
		return subject
	case reply && body == "":
		return ""
	case reply || subject == "" || strings.HasPrefix(body, subject):
		return body
	}
	return strings.TrimSpace(subject + "\n\n" + body)
}

// command reports whether a line is a command: a slash and a letter.
func command(line string) bool {
	return len(line) > 1 && line[0] == '/' && (line[1]|0x20 >= 'a' && line[1]|0x20 <= 'z')
}

// divide parts header and body at the first empty line.
func divide(raw []byte) (head, body []byte) {
	for at := 0; at < len(raw); {
		n := bytes.IndexByte(raw[at:], '\n')
		if n < 0 {
			break
		}
		if len(bytes.TrimRight(raw[at:at+n], "\r")) == 0 {
			return raw[:at], raw[at+n+1:]
		}
		at += n + 1
	}
	return raw, nil
}

var fieldLine = lazyregexp.New("^[!-9;-~]+[ \t]*:")

// tidy takes out of a header what is no header: one odd line, such as the "From " of old mailboxes, must not hide the
// others. A line that is taken out takes its continuations with it.
func tidy(head []byte) []byte {
	var out bytes.Buffer
	ok := false
	for line := range bytes.Lines(head[:min(len(head), maxHeader)]) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
			if ok {
				out.Write(bytes.ReplaceAll(line, []byte{0}, nil))
				out.WriteString("\r\n")
			}
			continue
		}
		if ok = fieldLine.Match(line); ok {
			out.Write(bytes.ReplaceAll(line, []byte{0}, nil))
			out.WriteString("\r\n")
		}
	}
	out.WriteString("\r\n")
	return out.Bytes()
}

var decoder = mime.WordDecoder{CharsetReader: charsetReader}

// words decodes the text of a header; a line is made of it.
func words(s string) string {
	if !utf8.ValidString(s) {
		s = toUTF8("", []byte(s))
	}
	if t, err := decoder.DecodeHeader(s); err == nil {
		s = t
	}
	return strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " ")
}

var (
	messageIDs = lazyregexp.New(`<([^<>\s"\\]+)>`)
	printable  = lazyregexp.New(`^[!-~]{1,250}$`)
)

// nameless ends ids that were made here for mails that have none, or none that can be named.
const nameless = "@nameless.invalid"

// messageID is the id of a mail: its own, else one made of what it says.
func messageID(field string, raw []byte) string {
	id := strings.Trim(strings.TrimSpace(field), "<>")
	if m := messageIDs.FindStringSubmatch(field); m != nil {
		id = m[1]
	}
	if id == "" {
		id = string(raw)
	}
	return nameable(id)
}

func nameable(id string) string {
	if printable.MatchString(id) && !strings.ContainsAny(id, "<>") {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "mail." + hex.EncodeToString(sum[:12]) + nameless
}

// references are the mails before this one: References, and behind them what In-Reply-To names.
func references(h *textproto.Header) (refs []string) {
	for _, field := range []string{"References", "In-Reply-To"} {
		for _, m := range messageIDs.FindAllStringSubmatch(h.Get(field), 200) {
			if id := nameable(m[1]); len(refs) == 0 || refs[len(refs)-1] != id {
				refs = append(refs, id)
			}
		}
	}
	return chain(refs)
}

// author gives the one address in the one From of a mail; nothing if there are more, or it is written in a way that
// programs read differently.
func author(h *textproto.Header) (addr, name string) {
	fields := h.FieldsByKey("From")
	if fields.Len() != 1 {
		return "", ""
	}
	fields.Next()
	p := mail.AddressParser{WordDecoder: &decoder}
	list, err := p.ParseList(fields.Value())
	if err != nil || len(list) != 1 {
		return "", ""
	}
	addr, ok := address(list[0].Address)
	if !ok {
		return "", ""
	}
	return addr, words(list[0].Name)
}

var addressForm = lazyregexp.New("^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([a-z0-9]([a-z0-9-]{0,62})\\.)*[a-z0-9][a-z0-9-]{0,62}$")

// address gives a mail address in lower case. Quoted and foreign-language ones are not taken.
func address(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	return s, len(s) <= 254 && addressForm.MatchString(s)
}
