package email

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"golang.org/x/oauth2"

	"chatgateway/channels"
	"chatgateway/internal/secret"
	"chatgateway/login"
	"chatgateway/login/loopback"
)

// signIn is Service.Login: a sign-in with a code or a link, with a client id of one's own. Nothing is stored of one that
// the mailbox does not take.
func signIn(ctx context.Context, o channels.Options, p login.Prompter) error {
	ch, err := open(o)
	if err != nil {
		return err
	}
	c := ch.(*channel) //nolint:forcetypeassert // open makes nothing else
	have, store := map[string]secret.String{}, map[string]secret.String{}
	for _, f := range []struct{ Name, Help string }{{"username", "mail address to sign in"}, {"client_id", "client id of your own app"}} {
		if have[f.Name] = o.Secrets.Secret(f.Name); !have[f.Name].Empty() {
			continue
		}
		got, err := p.Prompt(ctx, login.Step{Text: "What is the " + f.Help + "?", Field: &login.Field{Name: f.Name, Check: filledIn}})
		if err != nil {
			return fmt.Errorf("email: sign in: %w", err)
		}
		store[f.Name] = secret.New(strings.TrimSpace(got.Reveal()))
		have[f.Name] = store[f.Name]
	}
	conf := c.oauth()
	conf.ClientID = have["client_id"].Reveal()
	how, err := way(ctx, conf, p)
	if err != nil {
		return err
	}
	t, err := how(c.client(ctx), conf, p)
	if err != nil {
		return err
	}
	if err := c.welcome(ctx, creds{user: have["username"].Reveal(), token: secret.New(t.AccessToken)}); err != nil {
		return err
	}
	for _, f := range []string{nextRefresh, nextAccess, nextOf} { // of a sign-in that is over
		if !o.Secrets.Secret(f).Empty() {
			store[f] = secret.String{}
		}
	}
	store["access_token"] = secret.New(t.AccessToken)
	if t.RefreshToken != "" {
		store["refresh_token"] = secret.New(t.RefreshToken)
	}
	err = o.Secrets.Alone(context.WithoutCancel(ctx), func(ctx context.Context) error { return o.Secrets.Store(ctx, store) })
	if err != nil {
		return fmt.Errorf("email: store the sign-in: %w", err)
	}
	return nil
}

// way finds how to sign in. Where there are two ways the person chooses.
func way(ctx context.Context, conf *oauth2.Config, p login.Prompter) (func(context.Context, *oauth2.Config, login.Prompter) (*oauth2.Token, error), error) {
	code, page := conf.Endpoint.DeviceAuthURL != "", conf.Endpoint.AuthURL != ""
	switch {
	case conf.Endpoint.TokenURL == "" || !code && !page:
		return nil, &failure{
			fmt.Errorf("email: no sign-in is known for this host: %w", channels.ErrSetup),
			"No sign-in is known for this mail host. Set oauth_link_url or oauth_device_url, oauth_token_url and oauth_scopes, or store a password: gateway channels set email password",
		}
	case code && page:
		got, err := p.Prompt(ctx, login.Step{
			Text:    "How do you want to sign in?",
			Field:   &login.Field{Name: "way", Check: oneOf(byCode, byLink)},
			Choices: []login.Choice{{Label: "With a code, on any device", Value: byCode}, {Label: "With a link, and the address that it ends on", Value: byLink}},
		})
		if err != nil {
			return nil, fmt.Errorf("email: sign in: %w", err)
		}
		code = got.Reveal() == byCode
	}
	if code {
		return device, nil
	}
	return link, nil
}

const byCode, byLink = "code", "link"

func oneOf(list ...string) func(string) error {
	return func(s string) error {
		for _, v := range list {
			if s == v {
				return nil
			}
		}
		return fmt.Errorf("it is one of: %s", strings.Join(list, ", "))
	}
}

// device shows the code and waits until it was entered.
func device(ctx context.Context, conf *oauth2.Config, p login.Prompter) (*oauth2.Token, error) {
	d, err := conf.DeviceAuth(ctx)
	if err != nil {
		return nil, signInError(err)
	}
	_, err = p.Prompt(ctx, login.Step{
		Text: "Open the page and enter the code to let the bot read and send this mailbox's mail.",
		URL:  orElse(d.VerificationURIComplete, d.VerificationURI), Code: d.UserCode, Expires: d.Expiry,
	})
	if err != nil {
		return nil, fmt.Errorf("email: sign in: %w", err)
	}
	t, err := conf.DeviceAccessToken(ctx, d)
	if err != nil {
		return nil, signInError(err)
	}
	return t, nil
}

// linkTime is how long a link waits for its answer.
const linkTime = 15 * time.Minute

// link shows the page of a sign-in (PKCE S256) and takes its answer, whose state must be the one sent: the browser brings
// it to a listener of this host, or the person sends the address that it ended on.
func link(ctx context.Context, conf *oauth2.Config, p login.Prompter) (*oauth2.Token, error) {
	state, verifier := rand.Text(), oauth2.GenerateVerifier()
	l := loopback.Listen(ctx, conf.RedirectURL)
	conf.RedirectURL = l.Redirect
	step := login.Step{
		Text: "Open the page, sign in as the bot's mailbox and allow the access. If the page you end on cannot be opened, because you are on another device, send its whole address here.",
		URL:  conf.AuthCodeURL(state, oauth2.AccessTypeOffline, oauth2.ApprovalForce, oauth2.S256ChallengeOption(verifier)), Label: "Sign in",
		Expires: time.Now().Add(linkTime),
		Field: &login.Field{Name: "Address", Check: func(s string) error {
			_, _, err := answerOf(s, state)
			return err
		}},
	}
	answer, err := l.Race(ctx, p, step, state, func(word string) string { return refusedSignIn(word).say })
	if err != nil {
		return nil, fmt.Errorf("email: sign in: %w", err)
	}
	code, fault, err := answerOf(answer, state)
	switch {
	case err != nil:
		return nil, err
	case fault != "":
		return nil, refusedSignIn(fault)
	}
	t, err := conf.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, signInError(err)
	}
	return t, nil
}

// answerOf takes the code, or the word of a refusal, out of the address that a sign-in ended on.
func answerOf(s, state string) (code, fault string, err error) {
	u, err := url.Parse(strings.Trim(strings.Join(strings.Fields(s), ""), "<>\"'"))
	if err != nil {
		return "", "", errors.New("that is no address; send the whole address of the page you ended on")
	}
	q := u.Query()
	switch {
	case q.Get("code") == "" && q.Get("error") == "":
		return "", "", errors.New("there is no code in that; send the whole address of the page you ended on")
	case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1:
		return "", "", errors.New("that is the answer to another sign-in; use the link above, and send the address that it ends on")
	}
	return q.Get("code"), q.Get("error"), nil
}

// welcome fails if the mailbox does not take the sign-in. That it cannot be reached is no reason to throw a token away.
func (c *channel) welcome(ctx context.Context, cr creds) error {
	b, err := c.reach(ctx)
	if err != nil {
		c.o.Log.Warn("email: the sign-in was not tried at the mailbox", "err", err)
		return nil
	}
	defer b.close()
	err = c.authenticate(b.c, cr)
	var no *imap.Error
	if errors.Is(err, errChallenge) || errors.As(err, &no) && no.Type == imap.StatusResponseTypeNo && !passing(no.Code) {
		return &failure{
			fmt.Errorf("email: sign in: %w", cr.clean(err)),
			"The mail server does not let " + cr.user + " in with this sign-in; nothing was stored. Sign in as that mailbox, and see that the app may use IMAP and SMTP.",
		}
	}
	return nil
}

// signInError tells what the server said, in its own short word.
func signInError(err error) error {
	var no *oauth2.RetrieveError
	if errors.As(err, &no) {
		return refusedSignIn(orElse(no.ErrorCode, no.Response.Status))
	}
	return fmt.Errorf("email: sign in: %w", err)
}

func refusedSignIn(word string) *failure {
	if len(word) > 60 || strings.ContainsFunc(word, func(r rune) bool { return r < ' ' || r > '~' }) {
		word = "no reason given"
	}
	return &failure{fmt.Errorf("email: sign in: %s", word), "The sign-in was refused (" + word + "). Check the client id, and what the app is allowed."}
}

func filledIn(s string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("it must not be empty")
	}
	return nil
}
