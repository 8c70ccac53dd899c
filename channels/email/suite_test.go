package email

import (
	"bytes"
	"fmt"
	"mime"
	"net/mail"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/email/emailtest"
	"chatgateway/markdown"
)

// short makes what takes long in life take little in tests.
var short = times{reply: 5 * time.Second, slice: 2 * time.Second, tick: 400 * time.Millisecond, dial: 5 * time.Second}

// service is Service with short times.
func service(t times) channels.Service {
	s := Service
	s.Open = func(o channels.Options) (channels.Channel, error) {
		ch, err := open(o)
		if err == nil {
			ch.(*channel).times = t
		}
		return ch, err
	}
	return s
}

func settings(s *emailtest.Server) *Settings {
	return &Settings{
		IMAPHost: "127.0.0.1", IMAPPort: s.IMAP, IMAPTLS: "none", SMTPHost: "127.0.0.1", SMTPPort: s.SMTP, SMTPTLS: "none",
		AuthServID: []string{emailtest.Trusted}, PollInterval: 50 * time.Millisecond, MaxPerHour: 1000,
	}
}

var (
	good = map[string]string{"username": emailtest.User, "password": emailtest.Password}
	bad  = map[string]string{"username": emailtest.User, "password": "NONE-knows-this.9999"}

	// without is what mail cannot do.
	without = []string{
		channeltest.Groups, channeltest.Presses, channeltest.Deletes, channeltest.Edits, channeltest.Asks, channeltest.Onlys, channeltest.Typing,
	}
)

func TestSuite(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, func(t *testing.T) channeltest.Harness {
		s := emailtest.New(t, emailtest.Options{})
		return channeltest.Harness{
			Service: service(short), Settings: settings(s), Peer: &peer{s: s}, Secrets: good, Bad: bad, Without: without, Text: markdown.Plain,
		}
	})
}

func TestSuiteWithoutIdle(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, func(t *testing.T) channeltest.Harness {
		s := emailtest.New(t, emailtest.Options{NoIdle: true})
		return channeltest.Harness{
			Service: service(short), Settings: settings(s), Peer: &peer{s: s}, Secrets: good, Bad: bad, Without: without, Text: markdown.Plain,
		}
	})
}

// peer drives the server as the suite wants it: every person has one thread with the bot.
type peer struct {
	s    *emailtest.Server
	last []byte
	n    int
	refs map[string][]string // by person
}

func addressOf(person string) string { return person + "@people.example" }

// Say implements channeltest.Peer.
func (p *peer) Say(t testing.TB, l channeltest.Line) {
	if p.refs == nil {
		p.refs = map[string][]string{}
	}
	p.n++
	id := fmt.Sprintf("%s.%d@people.example", l.Person, p.n)
	subject := mime.QEncoding.Encode("utf-8", l.Text)
	if len(p.refs[l.Person]) > 0 {
		subject = "Re: " + subject
	}
	m := mailOf(addressOf(l.Person), subject, l.Text, id, p.refs[l.Person])
	p.refs[l.Person] = append(p.refs[l.Person], id)
	p.last = []byte(m)
	p.s.Put(t, "INBOX", p.last, time.Now())
}

// mailOf is a mail as the receiving server keeps it.
func mailOf(from, subject, text, id string, refs []string) string {
	_, domain, _ := strings.Cut(from, "@")
	var b strings.Builder
	fmt.Fprintf(&b, "Return-Path: <%s>\r\nAuthentication-Results: %s;\r\n dkim=pass header.d=%s; dmarc=pass header.from=%s\r\n", from, emailtest.Trusted, domain, domain)
	fmt.Fprintf(&b, "From: A Person <%s>\r\nTo: %s\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s>\r\n", from, emailtest.User, subject, time.Now().Format(time.RFC1123Z), id)
	if len(refs) > 0 {
		fmt.Fprintf(&b, "In-Reply-To: <%s>\r\nReferences: <%s>\r\n", refs[len(refs)-1], strings.Join(refs, "> <"))
	}
	fmt.Fprintf(&b, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s\r\n", text)
	return b.String()
}

// Shown implements channeltest.Peer.
func (p *peer) Shown(t testing.TB, viewer string, _ bool) []channeltest.Shown {
	var out []channeltest.Shown
	for _, m := range p.s.Sent() {
		if m.To != addressOf(viewer) {
			continue
		}
		id, text := read(t, m.Raw)
		out = append(out, channeltest.Shown{ID: channels.MessageID(id), Text: text})
	}
	return out
}

// read gives the Message-ID and the plain text of a mail that the bot sent.
func read(t testing.TB, raw []byte) (id, text string) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("the bot sent what is no mail: %v\n%s", err, raw)
	}
	_, body := divide(raw)
	r := reader{most: 1 << 20}
	kind, params := contentType(m.Header.Get("Content-Type"))
	r.multipart(kind, params["boundary"], body, 0)
	return strings.Trim(m.Header.Get("Message-Id"), "<>"), strings.TrimSpace(r.said())
}

// Cut implements channeltest.Cutter.
func (p *peer) Cut(testing.TB) { p.s.Cut() }

// Limit implements channeltest.Limiter.
func (p *peer) Limit(_ testing.TB, d time.Duration) { p.s.Defer(d) }

// Repeat implements channeltest.Repeater.
func (p *peer) Repeat(t testing.TB) { p.s.Put(t, "INBOX", p.last, time.Now()) }
