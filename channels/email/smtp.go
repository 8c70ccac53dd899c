package email

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/wneessen/go-mail"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
	"chatgateway/markdown"
)

// letter is a mail to send.
type letter struct {
	id, to string
	msg    *mail.Msg
}

// outbox is what was sent, and what keeps from sending.
type outbox struct {
	room    chan struct{} // for so many connections at once
	mu      sync.Mutex
	sent    map[string]bool // guarded by mu: Message-IDs
	refused string          // guarded by mu: fingerprint of credentials that were refused
}

const (
	sendTime = 3 * time.Minute // for one try
	tries    = 5
)

// letter writes the mail that says p.
func (c *channel) letter(ctx context.Context, t talk, p channels.Post) (*letter, error) {
	th, ok, err := c.find(ctx, t.mark())
	if err != nil {
		return nil, err
	}
	text := withChoices(p)
	plain, html := markdown.Email(text)
	subject := "Re: " + bare(th.Subject)
	if !ok || strings.TrimSpace(th.Subject) == "" {
		subject = opening(plain)
	}
	refs := []string{t.root}
	if ok {
		refs = th.Refs
	}
	if p.Answers != "" {
		refs = append(slices.DeleteFunc(slices.Clone(refs), func(r string) bool { return r == string(p.Answers) }), string(p.Answers))
	}
	l := &letter{id: c.messageID(t, p.Key), to: t.person, msg: mail.NewMsg(mail.WithNoDefaultUserAgent())}
	l.msg.FromMailAddress(&netmail.Address{Name: c.set.DisplayName, Address: c.own()})
	l.msg.ToMailAddress(&netmail.Address{Address: t.person})
	l.msg.Subject(subject)
	l.msg.SetDate()
	l.msg.SetMessageIDWithValue(l.id)
	refs = slices.DeleteFunc(slices.Clone(refs), func(r string) bool { return strings.HasSuffix(r, nameless) })
	if n := len(refs); n > 0 {
		l.msg.SetGenHeaderPreformatted("In-Reply-To", "<"+refs[n-1]+">")
		l.msg.SetGenHeaderPreformatted("References", "<"+strings.Join(refs, ">\r\n <")+">")
	}
	l.msg.SetGenHeader("Auto-Submitted", "auto-replied")
	l.msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	l.msg.SetBodyString(mail.TypeTextPlain, plain)
	l.msg.AddAlternativeString(mail.TypeTextHTML, html)
	return l, nil
}

// bare is a subject without the words that answers put before it.
func bare(s string) string {
	for replyWord.MatchString(s) {
		s = replyWord.ReplaceAllString(s, "")
	}
	return s
}

// opening makes a subject of what a mail begins with.
func opening(plain string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(plain), "\n")
	words, s := strings.Fields(first), ""
	for i, w := range words {
		if len(s)+len(w) > 70 {
			if i == 0 {
				break
			}
			return s + " …"
		}
		s = strings.TrimSpace(s + " " + w)
	}
	return orElse(s, "A message")
}

// withChoices is the text with its choices below, numbered: mail has no buttons. A page that the text names is not named
// again.
func withChoices(p channels.Post) string {
	list := ""
	for i, ch := range p.Choices {
		switch {
		case ch.URL == "":
			list += fmt.Sprintf("\n%d. %s", i+1, ch.Label)
		case !strings.Contains(p.Text, ch.URL):
			list += fmt.Sprintf("\n%d. %s: <%s>", i+1, ch.Label, ch.URL)
		}
	}
	if p.Text != "" && list != "" {
		return p.Text + "\n" + list
	}
	return p.Text + list
}

// deliver sends a mail. What may pass is tried again for a minute or so; a mail that was sent is not sent again.
func (c *channel) deliver(ctx context.Context, l *letter) error {
	select {
	case c.outbox.room <- struct{}{}:
		defer func() { <-c.outbox.room }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var was bool
	once(&c.outbox.mu, func() { was = c.outbox.sent[l.id] })
	if was {
		return nil
	}
	for try := 0; ; try++ {
		err := c.attempt(ctx, l)
		if err == nil {
			break
		}
		if ctx.Err() != nil || lasting(err) || try+1 >= tries {
			return err
		}
		c.o.Log.Info("email: a mail was not taken yet", "err", err)
		if err := adapter.Pause(ctx, adapter.Backoff(try, 2*c.times.tick, time.Minute)); err != nil {
			return err
		}
	}
	once(&c.outbox.mu, func() {
		if c.outbox.sent == nil || len(c.outbox.sent) > 5000 {
			c.outbox.sent = map[string]bool{}
		}
		c.outbox.sent[l.id] = true
	})
	if c.set.SentFolder != "" {
		if err := c.copy(ctx, l); err != nil {
			c.o.Log.Warn("email: a mail was sent, but no copy kept; see sent_folder", "err", err)
		}
	}
	return nil
}

// sends notes whether answers can be sent: what one mail or one address is refused for says nothing of it.
func (c *channel) sends(err error) {
	var f interface{ UserMessage() string }
	switch {
	case err == nil:
		c.troubles.mended(cannotSend)
	case errors.Is(err, channels.ErrRejected), errors.Is(err, channels.ErrSetup):
		say := "The mail server does not let the bot send. gateway channels test email says more."
		if errors.As(err, &f) {
			say = f.UserMessage()
		}
		c.troubles.set(cannotSend, "Answers cannot be sent: "+say, time.Time{})
	}
}

// copy keeps a copy of a mail that was sent.
func (c *channel) copy(ctx context.Context, l *letter) error {
	ctx, cancel := context.WithTimeout(ctx, c.times.dial)
	defer cancel()
	var raw bytes.Buffer
	if _, err := l.msg.WriteTo(&raw); err != nil {
		return fmt.Errorf("email: write the copy: %w", err)
	}
	b, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.file(c.set.SentFolder, raw.Bytes()); err != nil {
		return fmt.Errorf("email: file the copy: %w", err)
	}
	return nil
}

// lasting reports whether another try would end the same.
func lasting(err error) bool {
	return errors.Is(err, channels.ErrGone) || errors.Is(err, channels.ErrRejected) || errors.Is(err, channels.ErrSetup) || errors.Is(err, errors.ErrUnsupported)
}

// attempt tries once, and once more with a renewed token if the one in hand was refused.
func (c *channel) attempt(ctx context.Context, l *letter) error {
	for again := false; ; again = true {
		cr, err := c.credentials(ctx, again)
		if err != nil {
			return err
		}
		if c.locked(cr) {
			return rejected(errors.New("the server refused the credentials before"), cr)
		}
		err = c.transmit(ctx, cr, l.msg)
		if err == nil {
			return nil
		}
		if !errors.Is(err, channels.ErrRejected) {
			return err
		}
		if again || cr.fresh || cr.token.Empty() || !c.renewable() {
			once(&c.outbox.mu, func() { c.outbox.refused = cr.fingerprint() })
			return err
		}
	}
}

// locked reports whether these credentials were refused: trying them again and again closes accounts.
func (c *channel) locked(cr creds) (yes bool) {
	once(&c.outbox.mu, func() { yes = c.outbox.refused != "" && c.outbox.refused == cr.fingerprint() })
	return yes
}

func (cr creds) fingerprint() string {
	return cr.user + " " + cr.password.Fingerprint() + " " + cr.token.Fingerprint()
}

// transmit sends over a connection of its own; nil msg: it signs in and sends nothing.
func (c *channel) transmit(ctx context.Context, cr creds, msg *mail.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	secure, err := c.secure(c.set.SMTPHost)
	if err != nil {
		return err
	}
	client, err := mail.NewClient(c.set.SMTPHost, c.smtpOptions(ctx, cr, secure)...)
	if err != nil {
		return fmt.Errorf("set up: %w: %w", err, channels.ErrSetup)
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return cr.verdict(c.signInVerdict(err, cr))
	}
	defer func() { _ = client.CloseWithSMTPClient(conn) }() // what it has taken, it has taken
	if msg == nil {
		return nil
	}
	err = client.SendWithSMTPClient(conn, msg)
	if err == nil || msg.IsDelivered() {
		return nil
	}
	return cr.verdict(refusal(err))
}

func (c *channel) smtpOptions(send context.Context, cr creds, secure *tls.Config) []mail.Option {
	policy := mail.TLSMandatory
	if c.set.SMTPTLS != "starttls" {
		policy = mail.NoTLS // it is encrypted from the first byte, or not at all
	}
	options := []mail.Option{
		mail.WithPort(c.set.SMTPPort), mail.WithTLSConfig(secure), mail.WithTLSPolicy(policy), mail.WithTimeout(sendTime), mail.WithoutNoop(),
		mail.WithHELO(c.helo()), mail.WithSMTPAuthCustom(&sender{cr: cr, plain: c.set.SMTPTLS == "none"}),
		mail.WithDialContextFunc(func(ctx context.Context, _, _ string) (net.Conn, error) {
			w, _, err := c.dial(ctx, c.set.SMTPHost, c.set.SMTPPort, c.set.SMTPTLS == "tls")
			if err != nil {
				return nil, err
			}
			context.AfterFunc(send, func() { _ = w.line.Close() })
			return w.Conn, nil // a *tls.Conn where it is encrypted: the library looks for that
		}),
	}
	if ascii(c.own()) { // people's addresses are; who asks for it without need cannot write to hosts that lack it (RFC 6531)
		options = append(options, mail.WithoutSMTPUTF8())
	}
	return options
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

func (c *channel) helo() string {
	if d := c.domain(); !strings.HasSuffix(d, ".invalid") {
		return d
	}
	return "localhost"
}

// signInVerdict says what a failure before the mail means.
func (c *channel) signInVerdict(err error, cr creds) error {
	switch n := code(err); {
	case n == 535 || n == 534 || n == 530 || n == 538:
		return rejected(err, cr)
	case n >= 500:
		return fmt.Errorf("%w: %w", err, channels.ErrSetup)
	}
	return trust(err)
}

// refusal says what the server's answer to a mail means.
func refusal(err error) error {
	var s *mail.SendError
	if !errors.As(err, &s) || s.ErrorCode() < 500 {
		return err
	}
	switch s.Reason {
	case mail.ErrSMTPRcptTo:
		return &failure{fmt.Errorf("%w: %w", err, channels.ErrGone), "The mail server does not take mail for that address."}
	case mail.ErrSMTPMailFrom:
		return &failure{fmt.Errorf("%w: %w", err, channels.ErrSetup), "The mail server does not let the bot send from its address. Set address in config.yaml to one that it may use."}
	}
	return &failure{fmt.Errorf("%w: %w", err, errors.ErrUnsupported), "The mail server refuses to send this mail."}
}

// verdict is an error without secrets, its meaning kept.
func (cr creds) verdict(err error) error {
	clean := cr.clean(err)
	if clean == err { //nolint:errorlint // the same value
		return err
	}
	for _, kind := range []error{channels.ErrGone, channels.ErrRejected, channels.ErrSetup, errors.ErrUnsupported} {
		if errors.Is(err, kind) {
			return fmt.Errorf("%w: %w", clean, kind)
		}
	}
	return clean
}
