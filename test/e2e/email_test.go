package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	gomail "github.com/emersion/go-message/mail"

	"chatgateway/channels/email/emailtest"
	"chatgateway/internal/testpeers"
)

// post is Dovecot and Postfix, seen from the people's side.
type post struct {
	t *testing.T
	r *emailtest.Real
	n int
}

// letter is a mail that the bot wrote.
type letter struct {
	header     mail.Header
	id         string
	text, html string
}

const (
	ownerMail = "ann@people.example"
	botMail   = "bot@gateway.example"
)

// settings are config.yaml's of an account at the servers.
func (m *post) settings(more string) string {
	return fmt.Sprintf("{imap_host: 127.0.0.1, imap_port: %d, imap_tls: tls, smtp_host: 127.0.0.1, smtp_port: %d, smtp_tls: starttls, ca_file: %q, authserv_id: [%q], %s}\n",
		m.r.IMAPS, m.r.Submission, m.r.CA, emailtest.Trusted, more)
}

// write sends a mail from elsewhere, as From says, and gives its id. What it answers is nil, or a letter of the bot's.
func (m *post) write(from, to, subject, text string, answers *letter, more ...string) (id string) {
	m.t.Helper()
	m.n++
	id = fmt.Sprintf("mail.%d@people.example", m.n)
	raw := fmt.Sprintf("From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nMessage-ID: <%s>\r\n%s", from, to, subject, id, strings.Join(more, ""))
	if answers != nil {
		raw += fmt.Sprintf("In-Reply-To: <%s>\r\nReferences: %s <%[1]s>\r\n", answers.id, strings.Join(strings.Fields(answers.header.Get("References")), " "))
	}
	m.r.Deliver(m.t, from, to, []byte(raw+"Content-Type: text/plain; charset=utf-8\r\n\r\n"+text+"\r\n"))
	return id
}

// mails are what is in a person's mailbox.
func (m *post) mails(person string) (list []letter) {
	m.t.Helper()
	raws, _ := m.r.Mails(m.t, person, "INBOX")
	for _, raw := range raws {
		head, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			m.t.Fatalf("no mail: %v\n%s", err, raw)
		}
		l := letter{header: head.Header, id: strings.Trim(head.Header.Get("Message-Id"), "<>")}
		r, err := gomail.CreateReader(bytes.NewReader(raw))
		if err != nil {
			m.t.Fatal(err)
		}
		for {
			p, err := r.NextPart()
			if err != nil {
				break // the end
			}
			body, _ := io.ReadAll(p.Body)
			if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
				l.html = string(body)
			} else {
				l.text = string(body)
			}
		}
		list = append(list, l)
	}
	return list
}

// want waits until a person has a mail that answers one, with a text.
func (m *post) want(person, id, text string) (l *letter) {
	m.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) { // other processes: no event to wait for
		list := m.mails(person)
		i := slices.IndexFunc(list, func(l letter) bool {
			return strings.Contains(l.text, text) && strings.Contains(l.header.Get("In-Reply-To")+l.header.Get("References"), id)
		})
		if i >= 0 {
			return &list[i]
		}
		if time.Now().After(deadline) {
			var all strings.Builder
			for _, l := range list {
				fmt.Fprintf(&all, "%s: %q\n%v\n\n", l.id, l.text, l.header)
			}
			m.t.Fatalf("%s never has an answer to %s with %q, but:\n%s", person, id, text, &all)
		}
	}
}

// TestEmail: on Dovecot and Postfix, a test mail, a sign-in by a code, chat in a thread, commands in subject and text, no
// place for a secret, forged and automatic mails that get nothing, a kill in the middle.
func TestEmail(t *testing.T) {
	m := &post{t: t, r: emailtest.Start(t)}
	slow := testpeers.Says("slowly", slowly)
	slow.Latency, slow.Pieces = 300, 6
	c := newCompany(t, "channels:\n  email: "+m.settings("owners: ["+ownerMail+"], allow_from: [gone@people.example], display_name: The Gateway"), slow,
		testpeers.Says("table", "## Result\n\n| a | b |\n|---|---|\n| 1 | **2** |\n\n- one\n- two `code`\n\n```go\nfunc main() {}\n```\n\nSee [this](https://example.org/x)."))
	c.set("user name", botMail, "channels", "set", "email", "username")
	c.set("password", emailtest.Password, "channels", "set", "email", "password")
	out, code := c.Run("", "channels", "test", "email", "--send", ownerMail)
	for _, want := range []string{"IDLE", "INBOX", "Senders count as far as " + emailtest.Trusted, "Mail is sent as " + botMail, "A test message was sent to " + ownerMail} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("channels test gave %d, without %q:\n%s", code, want, out)
		}
	}
	m.want(ownerMail, "", "This is a test message")
	c.connected("email")

	// Nobody is logged in yet: a sign-in by a code, in the mail's thread.
	login := m.write(ownerMail, botMail, "/login company device", "", nil)
	step := m.want(ownerMail, login, "enter the code")
	c.issuer.Enter(regexp.MustCompile(`http://127\.0\.0\.1:\d+/device\S*`).FindString(step.text), regexp.MustCompile(`\b[A-Z]{4}-[A-Z]{4}\b`).FindString(step.text))
	m.want(ownerMail, login, "Logged in to Company AI")
	byLink := m.write(ownerMail, botMail, "/login company:second browser", "", nil)
	step = m.want(ownerMail, byLink, "send its whole address here")
	pasted := m.write(ownerMail, botMail, "Re: /login company:second browser", mustOpen(c, link.FindString(step.text))+"\r\n\r\n-- \r\nAnn", step)
	m.want(ownerMail, pasted, "Logged in to Company AI as company:second")

	first := m.write(ownerMail, botMail, "A talk", "hello there", nil)
	a := m.want(ownerMail, first, "Hello from the company.")
	for field, want := range map[string]string{"Subject": "Re: A talk", "Auto-Submitted": "auto-replied", "In-Reply-To": "<" + first + ">", "From": `"The Gateway" <` + botMail + ">"} {
		if got := a.header.Get(field); got != want {
			t.Errorf("%s is %q; want %q", field, got, want)
		}
	}
	if !strings.Contains(a.html, "Hello from the company.") {
		t.Errorf("the mail has no HTML part: %q", a.html)
	}
	second := m.write(ownerMail, botMail, "Re: A talk", "again please\r\n\r\nOn Monday, The Gateway <"+botMail+"> wrote:\r\n> Hello from the company.", a)
	if b := m.want(ownerMail, second, "Here again."); strings.Join(strings.Fields(b.header.Get("References")), " ") != fmt.Sprintf("<%s> <%s> <%s>", first, a.id, second) {
		t.Errorf("the chain is %q", b.header.Get("References"))
	}
	m.want(ownerMail, m.write(ownerMail, botMail, "A table", "a table please", nil), "code")
	m.commands(c)
	m.strangers(c)
	m.bounce(c)

	// A kill in the middle of an answer: one mail, or twice the same one.
	cut := m.write(ownerMail, botMail, "Re: A talk", "slowly now", a)
	untilAsked(t, c.models, "slowly")
	c.Stop(syscall.SIGKILL)
	c.Start()
	kept := m.want(ownerMail, cut, "grows and grows.")
	m.want(ownerMail, m.write(ownerMail, botMail, "Re: A talk", "hello, are you back?", a), "Hello from the company.")
	for _, l := range m.mails(ownerMail) {
		if strings.Contains(l.header.Get("In-Reply-To"), cut) && l.id != kept.id {
			t.Errorf("two mails answer one: %q, %q", kept.text, l.text)
		}
	}
	for _, secret := range append(c.tokens.list(), emailtest.Password) {
		if found := c.traces(secret); len(found) > 0 {
			t.Errorf("a secret is in %v", found)
		}
	}
}

// commands: in the subject, in the first line, and what mail is no place for.
func (m *post) commands(c *company) {
	m.t.Helper()
	m.want(ownerMail, m.write(ownerMail, botMail, "/auth", "", nil), "Company AI")
	m.want(ownerMail, m.write(ownerMail, botMail, "a question", "/model\r\n\r\nBest regards\r\nAnn", nil), "company/company-large")
	if where := m.want(ownerMail, m.write(ownerMail, botMail, "/login anthropic key", "", nil), "no place for them"); !strings.Contains(where.text, "Web page") {
		m.t.Errorf("/login does not say where it works: %q", where.text)
	}
	key := "sk-ant-api03-FAKE-typed-in-a-mail-000111222333"
	m.want(ownerMail, m.write(ownerMail, botMail, "Re: my key", "/login anthropic "+key, nil), "no place for them")
	if found := c.traces(key); len(found) > 0 {
		m.t.Errorf("a key that was mailed is in %v", found)
	}
	for _, l := range m.mails(ownerMail) {
		if strings.Contains(l.text, "is through") || strings.Contains(l.text, "in private") || strings.Count(l.text, "/device?") > 1 {
			m.t.Errorf("a mail for nothing, or that says a thing twice: %q", l.text)
		}
	}
}

// strangers, forgers and machines get nothing.
func (m *post) strangers(c *company) {
	m.t.Helper()
	before := len(m.mails(ownerMail))
	m.write("bob@people.example", botMail, "hello", "hello from a stranger", nil)
	m.n++
	m.r.Deliver(m.t, "evil@evil.example", botMail, []byte("Authentication-Results: "+emailtest.Trusted+"; dmarc=pass header.from=people.example\r\n"+
		"From: Ann <"+ownerMail+">\r\nReply-To: evil@people.example\r\nMessage-ID: <forged@evil.example>\r\nSubject: /auth\r\n\r\nhello\r\n"))
	for _, head := range []string{"Auto-Submitted: auto-replied\r\n", "Precedence: bulk\r\n", "List-Id: <list.people.example>\r\n"} {
		m.write(ownerMail, botMail, "hello", "hello from a machine", nil, head)
	}
	m.want(ownerMail, m.write(ownerMail, botMail, "hello", "hello after them all", nil), "Hello from the company.") // mail is read in order
	if n := len(m.mails("bob@people.example")) + len(m.mails("evil@people.example")); n > 0 {
		m.t.Errorf("strangers got %d mails", n)
	}
	if n := len(m.mails(ownerMail)) - before; n != 1 {
		m.t.Errorf("%d mails came to the owner; want the last answer alone", n)
	}
}

// bounce: an answer that comes back is told to the owner, once, in a mail of its own.
func (m *post) bounce(c *company) {
	m.t.Helper()
	for range 2 {
		m.write("gone@people.example", botMail, "hello", "hello from who has gone since", nil)
	}
	told := "An answer to gone@people.example came back (5.4."
	m.want(ownerMail, "", told)
	for deadline := time.Now().Add(20 * time.Second); strings.Count(c.Out.String(), "mail came back") < 2; time.Sleep(50 * time.Millisecond) { // another process: no event to wait for
		if time.Now().After(deadline) {
			m.t.Fatalf("the second answer never comes back:\n%s", c.Out)
		}
	}
	m.want(ownerMail, m.write(ownerMail, botMail, "hello", "hello after it", nil), "Hello from the company.")
	if out, _ := c.Run("", "status"); !strings.Contains(out, told) {
		m.t.Errorf("status does not tell it:\n%s", out)
	}
	n := 0
	for _, l := range m.mails(ownerMail) {
		if strings.Contains(l.text, told) {
			n++
		}
	}
	if n != 1 {
		m.t.Errorf("the owner was told %d times; want once", n)
	}
}

// TestMailLoop: two accounts that answer everybody write to each other, and it ends by itself.
func TestMailLoop(t *testing.T) {
	m := &post{t: t, r: emailtest.Start(t)}
	one, two := "one@people.example", "two@people.example"
	p := newGateway(t, "model: anthropic/claude-test-1\nchannels:\n  email: "+m.settings("allow_from: [\"*\"]")+"  email:two: "+m.settings("allow_from: [\"*\"]"), append(models(1), testpeers.Says("", "I hear you. And what do you say?"))...)
	p.set("anthropic key", "sk-ant-api03-FAKE-loop-canary-000111222333", "auth", "set", "anthropic")
	for account, user := range map[string]string{"email": one, "email:two": two} {
		p.set("user name", user, "channels", "set", account, "username")
		p.set("password", emailtest.Password, "channels", "set", account, "password")
	}
	p.connected("email")
	p.connected("email:two")
	m.want(one, m.write(one, two, "Hello", "a person at the account of the one writes to the other", nil), "I hear you")
	// What comes after it is answered: all before it was read, and nothing of it was answered.
	for _, bot := range []string{one, two} {
		m.want(ownerMail, m.write(ownerMail, bot, "And now", "are you there?", nil), "I hear you")
	}
	if n, k := len(m.mails(one)), len(m.mails(two)); n != 2 || k != 2 {
		t.Errorf("there are %d and %d mails; want one of each other and one of a person's", n, k)
	}
}

// set stores something by a command line.
func (p *gateway) set(what, value string, args ...string) {
	p.T.Helper()
	if out, code := p.Run(value, args...); code != 0 {
		p.T.Fatalf("set the %s: %s", what, out)
	}
}

// connected waits until a channel is.
func (p *gateway) connected(account string) {
	p.T.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) { // another process: no event to wait for
		out, _ := p.Run("", "channels", "list")
		if strings.Contains(out, account+": connected") {
			return
		}
		if time.Now().After(deadline) {
			p.T.Fatalf("%s never is connected:\n%s\n%s", account, out, p.Out)
		}
	}
}
