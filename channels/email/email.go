// Package email is a mailbox as a chat: it reads over IMAP (RFC 3501, RFC 9051) and answers over SMTP (RFC 5321).
//
// A conversation is a thread of mails with one person. Whom a mail is from counts only as far as the receiving server
// vouches for it (RFC 8601); what machines send is never answered (RFC 3834). [imap.go] speaks to the mailbox,
// [watch.go] reads it, [inbound.go] and [body.go] make messages of mails, [senders.go] judges who sent them,
// [threads.go] keeps threads together, [smtp.go] sends, [login.go] and [tokens.go] sign in.
package email

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"strings"
	"sync"
	"time"

	"chatgateway/channelauth"
	"chatgateway/channels"
	"chatgateway/internal/adapter"
	"chatgateway/internal/status"
)

// Service is e-mail.
var Service = channels.Service{
	Name:  "email",
	Title: "E-mail",
	Help:  "Give the bot a mailbox of its own; set imap_host, smtp_host and authserv_id in config.yaml; store user name and password, or sign in.",
	Secrets: []channelauth.Field{
		{Name: "username", Env: "EMAIL_USERNAME", Help: "user name at the mail server, mostly the address", Plain: true},
		{Name: "password", Env: "EMAIL_PASSWORD", Help: "password, or app password, of the mailbox", Optional: true},
		{Name: "client_id", Env: "EMAIL_CLIENT_ID", Help: "client id of your own app, for hosts that take no passwords", Optional: true, Plain: true},
		{Name: "client_secret", Env: "EMAIL_CLIENT_SECRET", Help: "client secret of that app, if it has one", Optional: true, Shared: true},
		{Name: "refresh_token", Env: "EMAIL_REFRESH_TOKEN", Help: "refresh token; signing in stores it", Optional: true},
		{Name: "access_token", Env: "EMAIL_ACCESS_TOKEN", Help: "access token, where there is no refresh token", Optional: true},
	},
	Settings:   func() any { return &Settings{} },
	Open:       open,
	Login:      signIn,
	NeverPairs: true,
}

// Settings are what config.yaml may say of an account.
type Settings struct {
	channels.Common  `yaml:",inline"`
	IMAPHost         string        `yaml:"imap_host" help:"the server that holds the mailbox"`
	IMAPPort         int           `yaml:"imap_port" help:"993 by default"`
	IMAPTLS          string        `yaml:"imap_tls" enum:"tls,starttls,none" help:"tls on port 993, else starttls; none is taken on loopback only"`
	SMTPHost         string        `yaml:"smtp_host" help:"the server that takes mail to send"`
	SMTPPort         int           `yaml:"smtp_port" help:"587 by default"`
	SMTPTLS          string        `yaml:"smtp_tls" enum:"tls,starttls,none" help:"tls on port 465, else starttls; none is taken on loopback only"`
	CAFile           string        `yaml:"ca_file" help:"certificates (PEM) to trust besides the system's"`
	PollInterval     time.Duration `yaml:"poll_interval" help:"how often to look where the server cannot say that mail came; 30s by default"`
	Folder           string        `yaml:"folder" help:"the folder to read; INBOX by default"`
	After            string        `yaml:"after" enum:"seen,keep,move" help:"what is done with a mail that was taken: marked seen (default), left as it is, moved"`
	MoveTo           string        `yaml:"move_to" help:"the folder for after: move"`
	SentFolder       string        `yaml:"sent_folder" help:"the folder that gets a copy of what the bot sends; empty, as it belongs where the server keeps one itself (Google, Microsoft): none"`
	Address          string        `yaml:"address" help:"the address to answer from; the user name by default"`
	DisplayName      string        `yaml:"display_name" help:"the name beside that address"`
	AuthServID       []string      `yaml:"authserv_id" help:"the name that your mail server puts first in Authentication-Results; without it every sender is a stranger"`
	AttachmentLimit  int           `yaml:"attachment_limit" help:"MB that the attachments of a mail may have; 10 by default"`
	MaxPerHour       int           `yaml:"max_per_hour" help:"mails an hour that are taken from one sender; 30 by default"`
	OAuthLinkURL     string        `yaml:"oauth_link_url" help:"where a sign-in with a link begins; known for Microsoft and Google"`
	OAuthRedirectURL string        `yaml:"oauth_redirect_url" help:"where that sign-in ends, as registered with your app; http://localhost by default"`
	OAuthDeviceURL   string        `yaml:"oauth_device_url" help:"where a sign-in with a code begins; known for Microsoft"`
	OAuthTokenURL    string        `yaml:"oauth_token_url" help:"where tokens are renewed; known for Microsoft and Google"`
	OAuthScopes      []string      `yaml:"oauth_scopes" help:"what to ask for; known for Microsoft and Google"`
}

// channel is one mailbox.
type channel struct {
	o        channels.Options
	set      Settings
	times    times
	tokens   tokens
	threads  threads
	rates    rates
	outbox   outbox
	troubles troubles
}

// times are the waits; tests make them short.
type times struct {
	reply time.Duration // until the server answers a command, or goes on with an answer
	slice time.Duration // of one IDLE
	tick  time.Duration // the first pause after a failure
	dial  time.Duration
}

func open(o channels.Options) (channels.Channel, error) {
	s, ok := o.Settings.(*Settings)
	if !ok {
		return nil, fmt.Errorf("email: settings are %T", o.Settings)
	}
	set, err := s.filled()
	if err != nil {
		return nil, err
	}
	c := &channel{
		o: o, set: set, times: times{reply: time.Minute, slice: 4 * time.Minute, tick: 2 * time.Second, dial: 30 * time.Second},
		rates: rates{most: set.MaxPerHour},
	}
	c.outbox.room = make(chan struct{}, 3)
	if c.o.Log == nil {
		c.o.Log = slog.New(slog.DiscardHandler)
	}
	c.o.Log = c.o.Log.With("account", string(o.Account))
	if c.o.Report == nil {
		c.o.Report = func(status.Channel) {}
	}
	if c.o.Mark == nil {
		c.o.Mark = func(context.Context, string) (string, error) { return "", nil }
	}
	return c, nil
}

// filled gives the settings with their defaults, or says what is wrong with them.
func (s Settings) filled() (Settings, error) {
	if s.IMAPHost == "" || s.SMTPHost == "" {
		return s, errors.New("email: set imap_host and smtp_host in config.yaml: the names of your mail server")
	}
	s.IMAPPort, s.SMTPPort = orElse(s.IMAPPort, 993), orElse(s.SMTPPort, 587)
	s.PollInterval, s.AttachmentLimit = orElse(s.PollInterval, 30*time.Second), orElse(s.AttachmentLimit, 10)
	s.MaxPerHour = orElse(s.MaxPerHour, 30)
	s.OAuthRedirectURL = orElse(s.OAuthRedirectURL, "http://localhost")
	s.Folder, s.After = orElse(s.Folder, "INBOX"), orElse(s.After, "seen")
	s.IMAPTLS, s.SMTPTLS = orElse(s.IMAPTLS, secured(s.IMAPPort)), orElse(s.SMTPTLS, secured(s.SMTPPort))
	switch {
	case s.IMAPTLS == "none" && !adapter.Loopback(s.IMAPHost):
		return s, errors.New("email: imap_tls: none would send the password in the clear; it is taken for this host itself only")
	case s.SMTPTLS == "none" && !adapter.Loopback(s.SMTPHost):
		return s, errors.New("email: smtp_tls: none would send the password in the clear; it is taken for this host itself only")
	case s.After == "move" && s.MoveTo == "":
		return s, errors.New("email: after: move needs move_to, the folder to move mail to")
	case s.Address != "":
		a, err := mail.ParseAddress(s.Address)
		if err != nil || a.Name != "" {
			return s, errors.New("email: address must be one mail address and nothing else; a name belongs into display_name")
		}
	}
	return s, nil
}

// Run implements channels.Channel.
func (c *channel) Run(ctx context.Context, h channels.Handler) error {
	err := c.watch(ctx, h)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was told to end
	}
	return err
}

// Send implements channels.Channel. One post is one mail, whatever its length. Until the server takes it, or refuses
// it for good, it is tried again for a minute or so. The Message-ID is made of the post's key: what is sent a second
// time is the same mail.
func (c *channel) Send(ctx context.Context, p channels.Post) (channels.MessageID, error) {
	to, err := parseTalk(p.To)
	if err != nil {
		return "", err
	}
	if p.Only != "" && p.Only != channels.UserID(to.person) {
		return "", fmt.Errorf("email: to one person in a thread with another: %w", errors.ErrUnsupported)
	}
	if p.Partial {
		return "", fmt.Errorf("email: a part of an answer: %w", errors.ErrUnsupported)
	}
	l, err := c.letter(ctx, to, p)
	if err != nil {
		return "", err
	}
	err = c.deliver(ctx, l)
	c.sends(err)
	if err != nil {
		return "", fmt.Errorf("email: send: %w", err)
	}
	return channels.MessageID(l.id), nil
}

// Limits implements channels.Channel. Mail is no place for secrets: it lies about unencrypted, and cannot be unsent.
func (c *channel) Limits(channels.ConversationID) channels.Limits {
	return channels.Limits{NoSecrets: true, Numbered: true}
}

// Direct implements channels.Director: it is a thread of its own with that person.
func (c *channel) Direct(_ context.Context, u channels.UserID) (channels.ConversationID, error) {
	who, ok := address(string(u))
	if !ok {
		return "", fmt.Errorf("email: %q is no mail address", string(u))
	}
	return c.directly(who).conversation(), nil
}

// own is the bot's address.
func (c *channel) own() string {
	if c.set.Address != "" {
		return c.set.Address
	}
	if name := c.o.Secrets.Secret("username").Reveal(); strings.Contains(name, "@") {
		return name
	} else if name != "" {
		return name + "@" + c.set.SMTPHost
	}
	return ""
}

// once runs f under a lock.
func once(mu *sync.Mutex, f func()) {
	mu.Lock()
	defer mu.Unlock()
	f()
}

func orElse[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}

// secured is how a connection to a port is encrypted by default.
func secured(port int) string {
	if port == 993 || port == 465 {
		return "tls"
	}
	return "starttls"
}

// Interface guards
var (
	_ channels.Channel  = (*channel)(nil)
	_ channels.Director = (*channel)(nil)
	_ channels.Tester   = (*channel)(nil)
)
