package email

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime/quotedprintable"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/htmlindex"

	"chatgateway/channels"
)

// specimen is a mail and what is to be read of it.
type specimen struct {
	name, mail, text string
	files            []string
}

// texts by the charsets in which such mails are written.
var written = map[string]string{
	"us-ascii": "Plain old text, please answer.", "utf-8": "Grüße – 你好 – привет 😀", "iso-8859-1": "Köln, à demain, señor", "iso-8859-15": "Das kostet 5 €",
	"windows-1252": "“Quotes” — and an ellipsis…", "windows-1251": "Привет, как дела?", "koi8-r": "Добрый день", "iso-2022-jp": "こんにちは、元気ですか",
	"shift_jis": "日本語のメール", "euc-jp": "お元気ですか", "gb2312": "你好，请回答", "gb18030": "请帮我看一下", "big5": "繁體中文", "euc-kr": "안녕하세요", "iso-8859-2": "Zażółć gęślą jaźń",
	"windows-1255": "שלום", "windows-1256": "مرحبا", "iso-8859-7": "Καλημέρα",
}

func encoded(t testing.TB, charset, text string) []byte {
	t.Helper()
	if charset == "utf-8" || charset == "us-ascii" {
		return []byte(text)
	}
	enc, err := htmlindex.Get(charset)
	if err != nil {
		t.Fatal(err)
	}
	b, err := enc.NewEncoder().Bytes([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", charset, err)
	}
	return b
}

func transfer(how string, b []byte) string {
	var out bytes.Buffer
	switch how {
	case "base64":
		s := base64.StdEncoding.EncodeToString(b)
		for len(s) > 60 {
			out.WriteString(s[:60] + "\r\n")
			s = s[60:]
		}
		out.WriteString(s)
	case "quoted-printable":
		w := quotedprintable.NewWriter(&out)
		_, _ = w.Write(b)
		_ = w.Close()
	default:
		out.Write(b)
	}
	return out.String()
}

func part(kind, charset, how string, body []byte) string {
	return fmt.Sprintf("Content-Type: %s; charset=%s\r\nContent-Transfer-Encoding: %s\r\n\r\n%s\r\n", kind, charset, how, transfer(how, body))
}

func multi(kind string, parts ...string) string {
	bound := fmt.Sprintf("=_%s_%d", strings.ReplaceAll(kind, "/", "-"), len(strings.Join(parts, "")))
	return fmt.Sprintf("Content-Type: %s; boundary=\"%s\"\r\n\r\nThis is a multi-part message.\r\n--%s\r\n%s\r\n--%s--\r\n",
		kind, bound, bound, strings.Join(parts, "\r\n--"+bound+"\r\n"), bound)
}

const usualHead = "From: Ann <ann@people.example>\r\nTo: bot@gateway.example\r\nMessage-ID: <x1@people.example>\r\nIn-Reply-To: <x0@people.example>\r\nSubject: Re: hello\r\nMIME-Version: 1.0\r\n"

func attachment(name string, data []byte) string {
	return fmt.Sprintf("Content-Type: application/pdf; name=%q\r\nContent-Disposition: attachment; filename=%q\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n",
		name, name, transfer("base64", data))
}

// corpus makes the mails: every charset in every encoding and shape, and what breaks in practice.
func corpus(t testing.TB) (list []specimen) {
	var names []string
	for charset := range written {
		names = append(names, charset)
	}
	slices.Sort(names)
	for _, charset := range names {
		text := written[charset]
		raw := encoded(t, charset, text)
		page := encoded(t, charset, "<html><head><style>p{}</style></head><body><p>"+text+"</p></body></html>")
		for _, how := range []string{"8bit", "quoted-printable", "base64"} {
			plain, html := part("text/plain", charset, how, raw), part("text/html", charset, how, page)
			for shape, body := range map[string]string{
				"plain": plain, "html": html, "alternative": multi("multipart/alternative", plain, html),
				"nested": multi("multipart/mixed", multi("multipart/related", multi("multipart/alternative", plain, html),
					"Content-Type: image/png\r\nContent-ID: <logo>\r\nContent-Disposition: inline; filename=\"logo.png\"\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n"),
					attachment("report.pdf", []byte("%PDF-1.4 fake"))),
			} {
				s := specimen{name: charset + " " + how + " " + shape, mail: usualHead + body, text: text}
				if shape == "nested" {
					s.files = []string{"logo.png", "report.pdf"}
				}
				list = append(list, s)
			}
		}
	}
	return append(list, broken()...)
}

// broken are mails as programs, hosts and wars between them leave them.
func broken() []specimen {
	utf := part("text/plain", "utf-8", "8bit", []byte("still readable é"))
	ok := "still readable é"
	deep := part("text/plain", "utf-8", "8bit", []byte("bottom"))
	for range 60 {
		deep = multi("multipart/mixed", deep)
	}
	return []specimen{
		{name: "mbox line on top", mail: "From ann@people.example Mon Jan  1 00:00:00 2026\r\n" + usualHead + utf, text: ok},
		{name: "bare LF", mail: strings.ReplaceAll(usualHead+utf, "\r\n", "\n"), text: ok},
		{name: "a line without a colon", mail: "garbage here\r\n" + usualHead + "more garbage\r\n" + utf, text: ok},
		{name: "a space before the colon", mail: strings.Replace(usualHead, "Subject:", "Subject :", 1) + utf, text: ok},
		{name: "NUL bytes", mail: usualHead + part("text/plain", "utf-8", "8bit", []byte("still\x00 readable é")), text: ok},
		{name: "no charset", mail: usualHead + "Content-Type: text/plain\r\n\r\nstill readable é\r\n", text: ok},
		{name: "no content type", mail: usualHead + "\r\nstill readable é\r\n", text: ok},
		{name: "unknown charset", mail: usualHead + part("text/plain", "x-klingon", "8bit", []byte("still readable é")), text: ok},
		{name: "latin 1 called utf-8", mail: usualHead + part("text/plain", "utf-8", "8bit", []byte("caf\xe9")), text: "caf\uFFFD"},
		{name: "latin 1 called nothing", mail: usualHead + "\r\ncaf\xe9\r\n", text: "café"},
		{name: "ascii that is none", mail: usualHead + part("text/plain", "us-ascii", "8bit", []byte("still readable é")), text: ok},
		{name: "quoted charset", mail: usualHead + part("text/plain", "\"UTF-8\"", "8bit", []byte("still readable é")), text: ok},
		{name: "broken quoted-printable", mail: usualHead + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nstill =ZZ read=\r\nable =C3=A9 =\r\n", text: "still =ZZ readable é"},
		{name: "broken base64", mail: usualHead + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nc3RpbGwg!!cmVhZGFibGUg*w6k\r\n", text: ok},
		{name: "unknown encoding", mail: usualHead + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7-bits\r\n\r\nstill readable é\r\n", text: ok},
		{name: "multipart that never ends", mail: usualHead + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + utf, text: ok},
		{name: "multipart without boundary", mail: usualHead + "Content-Type: multipart/mixed\r\n\r\n--abcdef123\r\n" + utf + "--abcdef123--\r\n", text: ok},
		{name: "multipart that is none", mail: usualHead + "Content-Type: multipart/alternative\r\n\r\nstill readable é\r\n", text: ok},
		{name: "content type of nonsense", mail: usualHead + "Content-Type: text\r\n\r\nstill readable é\r\n", text: ok},
		{name: "params of nonsense", mail: usualHead + "Content-Type: text/plain; charset=utf-8; format=flowed; ; =x; name=\r\n\r\nstill readable é\r\n", text: ok},
		{name: "two content types", mail: usualHead + "Content-Type: text/plain; charset=utf-8\r\nContent-Type: text/html\r\n\r\nstill readable é\r\n", text: ok},
		{name: "empty plain beside html", mail: usualHead + multi("multipart/alternative", part("text/plain", "utf-8", "8bit", []byte(" \r\n")), part("text/html", "utf-8", "8bit", []byte("<p>still readable é</p>"))), text: ok},
		{name: "html says the charset", mail: usualHead + "Content-Type: text/html\r\n\r\n<html><head><meta http-equiv=Content-Type content=\"text/html; charset=koi8-r\"></head><body>\xf0\xd2\xc9\xd7\xc5\xd4</body></html>\r\n", text: "Привет"},
		{name: "html without ends", mail: usualHead + "Content-Type: text/html; charset=utf-8\r\n\r\n<div><p>still <b>readable<i> é<table><tr><td>\r\n", text: ok},
		{name: "hidden text", mail: usualHead + "Content-Type: text/html; charset=utf-8\r\n\r\n<div style=\"display: none\">preheader<div>x</div></div><p>still readable é</p>\r\n", text: ok},
		{name: "links and lists", mail: usualHead + "Content-Type: text/html; charset=utf-8\r\n\r\n<p>See <a href=\"https://example.org/a\">this</a>:</p><ul><li>one</li><li>two</li></ul>\r\n", text: "See this (https://example.org/a):\n\n- one\n- two"},
		{name: "deep", mail: usualHead + deep, text: ""},
		{name: "a forwarded mail within", mail: usualHead + multi("multipart/mixed", utf, "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner text\r\n"), text: ok, files: []string{""}},
		{name: "a path for a name", mail: usualHead + multi("multipart/mixed", utf, attachment(`..\..\etc/passwd`, []byte("x"))), text: ok, files: []string{"passwd"}},
		{name: "header only", mail: usualHead, text: ""},
		{name: "a header of one line", mail: "Subject: x", text: "x"},
		{name: "8 bits in the subject", mail: "From: a@b.example\r\nSubject: Gr\xfc\xdfe\r\n\r\n", text: "Grüße"},
		{name: "subject in pieces", mail: "From: a@b.example\r\nSubject: =?utf-8?B?R3LDvMOf?=\r\n =?utf-8?Q?e_an_alle?=\r\n\r\n", text: "Grüße an alle"},
		{name: "subject and body", mail: "From: a@b.example\r\nSubject: A question\r\n\r\nWhat is 1+1?\r\n", text: "A question\n\nWhat is 1+1?"},
		{name: "subject is a command", mail: "From: a@b.example\r\nSubject: /model fast\r\n\r\n-- \r\nAnn\r\n", text: "/model fast"},
		{name: "first line is a command", mail: usualHead + "\r\n/status\r\n\r\nBest regards\r\nAnn\r\n", text: "/status"},
		{name: "answer above", mail: usualHead + "\r\nMy answer.\r\n\r\nOn Mon, Jan 5, 2026 at 10:00 AM Bot <bot@gateway.example> wrote:\r\n> a\r\n> b\r\n", text: "My answer."},
		{name: "answer above, two lines", mail: usualHead + "\r\nMy answer.\r\n\r\nOn Mon, Jan 5, 2026 at 10:00 AM Bot\r\n<bot@gateway.example> wrote:\r\n\r\n> a\r\n", text: "My answer."},
		{name: "answer below", mail: usualHead + "\r\nAm 05.01.26 um 10:00 schrieb Bot:\r\n> a\r\n> b\r\n\r\nMy answer.\r\n-- \r\nAnn\r\n", text: "My answer."},
		{name: "answer between", mail: usualHead + "\r\n> first?\r\nYes.\r\n> second?\r\nNo.\r\n", text: "> first?\nYes.\n> second?\nNo."},
		{name: "outlook", mail: usualHead + "\r\nMy answer.\r\n\r\n________________________________\r\nFrom: Bot <bot@gateway.example>\r\nSent: Monday, January 5, 2026\r\nTo: Ann\r\nSubject: x\r\n\r\nold text\r\n", text: "My answer."},
		{name: "original message", mail: usualHead + "\r\nMy answer.\r\n\r\n-----Original Message-----\r\nFrom: Bot\r\n\r\nold\r\n", text: "My answer."},
		{name: "from a telephone", mail: usualHead + "\r\nMy answer.\r\n\r\nSent from my iPhone\r\n\r\n> On 5 Jan 2026, at 10:00, Bot <bot@gateway.example> wrote:\r\n> \r\n> old\r\n", text: "My answer."},
		{name: "gmail html", mail: usualHead + "Content-Type: text/html; charset=utf-8\r\n\r\n<div dir=ltr>My answer.</div><br><div class=\"gmail_quote\"><div>On Mon wrote:</div><blockquote>old<div>x</div></blockquote></div>\r\n", text: "My answer."},
		{name: "forwarded", mail: "From: a@b.example\r\nSubject: Fwd: news\r\n\r\nSum this up.\r\n\r\n---------- Forwarded message ---------\r\nFrom: X <x@y.example>\r\nDate: today\r\nSubject: news\r\n\r\nThe news.\r\n", text: "Fwd: news\n\nSum this up.\n\n---------- Forwarded message ---------\nFrom: X <x@y.example>\nDate: today\nSubject: news\n\nThe news."},
	}
}

func ready(t testing.TB) *channel {
	t.Helper()
	return &channel{set: Settings{AttachmentLimit: 1, AuthServID: []string{"mx.gateway.example"}}, o: channels.Options{}}
}

func TestCorpus(t *testing.T) {
	t.Parallel()
	list := corpus(t)
	if len(list) < 200 {
		t.Errorf("%d mails; want 200 at the least", len(list))
	}
	c := ready(t)
	for _, s := range list {
		m, err := c.parse([]byte(s.mail), false)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		if got := strings.TrimSpace(m.text); got != s.text {
			t.Errorf("%s: read %q; want %q", s.name, got, s.text)
		}
		var names []string
		for _, f := range m.files {
			names = append(names, f.Name)
			if f.Data == nil {
				t.Errorf("%s: the attachment %q is empty", s.name, f.Name)
			}
		}
		if !slices.Equal(names, s.files) {
			t.Errorf("%s: attachments %q; want %q", s.name, names, s.files)
		}
	}
}

func TestAttachmentLimit(t *testing.T) {
	t.Parallel()
	big := bytes.Repeat([]byte("x"), 700<<10)
	m, err := ready(t).parse([]byte(usualHead+multi("multipart/mixed", part("text/plain", "utf-8", "8bit", []byte("two files")), attachment("a.pdf", big), attachment("b.pdf", big))), false)
	if err != nil || len(m.files) != 2 || m.files[0].Data == nil || m.files[1].Data != nil || m.files[1].Note == "" {
		t.Fatalf("read %v, %v; want the first file, and a note for the second", m, err)
	}
}

func FuzzParse(f *testing.F) {
	for i, s := range corpus(f) {
		if i%7 == 0 || strings.Contains(s.name, " ") && len(s.mail) < 2000 {
			f.Add([]byte(s.mail))
		}
	}
	c := ready(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := c.parse(raw, false)
		if err != nil {
			if strings.Contains(err.Error(), "cannot be read") {
				t.Fatal(err)
			}
			return
		}
		if m.id == "" || strings.ContainsAny(m.id, " <>\r\n\x00") || strings.ContainsAny(m.from, " \r\n<>") {
			t.Errorf("id %q, from %q", m.id, m.from)
		}
		if m.vouched && m.from == "" {
			t.Error("nobody is vouched for")
		}
		for _, r := range append(m.refs, m.id) {
			k := talk{r, "ann@people.example"}
			if back, err := parseTalk(k.conversation()); err != nil || back != k {
				t.Errorf("the conversation %q does not come back: %v", k.conversation(), err)
			}
		}
	})
}

func FuzzAuthResults(f *testing.F) {
	for _, s := range forgeries {
		f.Add(s.header)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, list, ok := authResults(s)
		if ok && (id == "" && len(list) > 0) {
			t.Errorf("results %v of nobody", list)
		}
	})
}
