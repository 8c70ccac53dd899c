package email

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
	"github.com/wneessen/go-mail/smtp"

	"chatgateway/channels"
	"chatgateway/internal/secret"
)

// creds are what the bot signs in with: a token if there is one, else the password.
type creds struct {
	user            string
	password, token secret.String
	fresh           bool // the token was renewed just now
}

// credentials finds what holds now. A stale token is renewed; again: the one that was given before was refused.
func (c *channel) credentials(ctx context.Context, again bool) (creds, error) {
	cr := creds{user: c.o.Secrets.Secret("username").Reveal(), password: c.o.Secrets.Secret("password")}
	if cr.user == "" {
		return cr, missing("The mailbox has no user name. Store it: gateway channels set email username (or EMAIL_USERNAME)")
	}
	var err error
	cr.token, cr.fresh, err = c.token(ctx, again)
	if err == nil && cr.token.Empty() && cr.password.Empty() {
		err = missing("The mailbox has no password. Store it: gateway channels set email password (or EMAIL_PASSWORD); or sign in: gateway channels login email")
	}
	return cr, err
}

func missing(say string) error {
	return &failure{fmt.Errorf("email: no credentials: %w", channels.ErrSetup), say}
}

// errAgain: the token was refused, and another may be got.
var errAgain = errors.New("the token was refused")

// enter signs in to IMAP. It fails with errAgain if a renewed token, on a new connection, may be taken.
func (c *channel) enter(ctx context.Context, client *imapclient.Client, again bool) error {
	cr, err := c.credentials(ctx, again)
	if err != nil {
		return err
	}
	if err = c.authenticate(client, cr); err == nil {
		return nil
	}
	no := (*imap.Error)(nil)
	refused := errors.As(err, &no) && no.Type == imap.StatusResponseTypeNo && !passing(no.Code)
	switch {
	case !refused && !errors.Is(err, errChallenge):
		return fmt.Errorf("email: sign in: %w", cr.clean(err))
	case !again && !cr.fresh && !cr.token.Empty() && c.renewable():
		return errAgain
	}
	return rejected(fmt.Errorf("email: sign in: %w", cr.clean(err)), cr)
}

// passing reports whether a refusal says nothing of the credentials.
func passing(code imap.ResponseCode) bool {
	return slices.Contains([]imap.ResponseCode{imap.ResponseCodeUnavailable, imap.ResponseCodeLimit, imap.ResponseCodeInUse, imap.ResponseCodeServerBug}, code)
}

func (c *channel) authenticate(client *imapclient.Client, cr creds) error {
	caps := client.Caps()
	switch {
	case !cr.token.Empty():
		return client.Authenticate(&xoauth2{cr.user, cr.token})
	case caps.Has("AUTH=PLAIN"):
		return client.Authenticate(sasl.NewPlainClient("", cr.user, cr.password.Reveal()))
	case caps.Has("AUTH=LOGIN") && caps.Has(imap.CapLoginDisabled):
		return client.Authenticate(sasl.NewLoginClient(cr.user, cr.password.Reveal()))
	}
	return client.Login(cr.user, cr.password.Reveal()).Wait()
}

// rejected says that the credentials are no good.
func rejected(err error, cr creds) error {
	say := "The mail server refused user name or password. Many hosts want an app password here. Store it: gateway channels set email password"
	if !cr.token.Empty() {
		say = "The mail server refused the sign-in. Sign in again: gateway channels login email"
	}
	return &failure{fmt.Errorf("%w: %w", err, channels.ErrRejected), say}
}

// clean takes secrets out of an error that a server's text may have brought them into.
func (cr creds) clean(err error) error {
	text := err.Error()
	for _, s := range []secret.String{cr.password, cr.token} {
		if v := s.Reveal(); v != "" {
			for _, form := range []string{v, base64.StdEncoding.EncodeToString([]byte(v)), base64.StdEncoding.EncodeToString([]byte("\x00" + cr.user + "\x00" + v))} {
				text = strings.ReplaceAll(text, form, secret.Mask)
			}
		}
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

// xoauth2 is the SASL mechanism XOAUTH2, for which go-sasl has no client.
type xoauth2 struct {
	user  string
	token secret.String
}

// Start implements sasl.Client.
func (x *xoauth2) Start() (string, []byte, error) {
	return "XOAUTH2", []byte("user=" + x.user + "\x01auth=Bearer " + x.token.Reveal() + "\x01\x01"), nil
}

// errChallenge: a challenge says why the token was refused, in words for programs. The empty answer that the server
// wants cannot be given: go-imap writes "=" for it, which is no answer.
var errChallenge = errors.New("the server refused the token")

// Next implements sasl.Client.
func (x *xoauth2) Next([]byte) ([]byte, error) { return nil, errChallenge }

// sender signs in to SMTP, by what the server offers.
type sender struct {
	cr    creds
	plain bool // the connection may be unencrypted: the server is this host
	mech  sasl.Client
}

// Start implements smtp.Auth.
func (s *sender) Start(server *smtp.ServerInfo) (string, []byte, error) {
	if !server.TLS && !s.plain {
		return "", nil, fmt.Errorf("the connection is not encrypted: %w", channels.ErrSetup)
	}
	has := func(m string) bool {
		return slices.ContainsFunc(server.Auth, func(a string) bool { return strings.EqualFold(a, m) })
	}
	switch {
	case !s.cr.token.Empty():
		s.mech = &xoauth2{s.cr.user, s.cr.token}
	case has("PLAIN"):
		s.mech = sasl.NewPlainClient("", s.cr.user, s.cr.password.Reveal())
	case has("LOGIN"):
		s.mech = &loginMech{user: s.cr.user, password: s.cr.password}
	default:
		return "", nil, fmt.Errorf("the server offers no way to sign in with a password (%s): %w", strings.Join(server.Auth, " "), channels.ErrSetup)
	}
	return s.mech.Start()
}

// Next implements smtp.Auth.
func (s *sender) Next(challenge []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	out, err := s.mech.Next(challenge)
	if errors.Is(err, errChallenge) {
		return []byte{}, nil // its refusal follows, with a code
	}
	return out, err //nolint:wrapcheck // nothing to add
}

// loginMech is LOGIN: name and password, each on request.
type loginMech struct {
	user     string
	password secret.String
	asked    int
}

// Start implements sasl.Client.
func (l *loginMech) Start() (string, []byte, error) { return "LOGIN", nil, nil }

// Next implements sasl.Client.
func (l *loginMech) Next([]byte) ([]byte, error) {
	l.asked++
	switch l.asked {
	case 1:
		return []byte(l.user), nil
	case 2:
		return []byte(l.password.Reveal()), nil
	}
	return nil, errors.New("the server asks for more than name and password")
}

// code is the answer of an SMTP server in an error; 0 if there is none.
func code(err error) int {
	var e *textproto.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// failure is an error with a sentence for people.
type failure struct {
	err error
	say string
}

func (f *failure) Error() string       { return f.err.Error() }
func (f *failure) Unwrap() error       { return f.err }
func (f *failure) UserMessage() string { return f.say }
