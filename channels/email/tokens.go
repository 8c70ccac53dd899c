package email

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"chatgateway/channels"
	"chatgateway/internal/secret"
	"chatgateway/login"
)

// tokens holds the access token that was got last. Access tokens live in memory alone; a refresh token that was
// replaced is stored before the token that came with it is used.
type tokens struct {
	mu      sync.Mutex // held while a token is renewed: one renewal at a time
	access  secret.String
	expires time.Time
	of      string // fingerprint of the refresh token that it came with
}

const (
	tokenTime = 30 * time.Second // for a renewal
	tokenLeft = 2 * time.Minute  // what is left of a token that is used
)

// token gives the access token to sign in with, empty if passwords are used. again: the last one was refused.
func (c *channel) token(ctx context.Context, again bool) (t secret.String, fresh bool, err error) {
	refresh := c.o.Secrets.Secret("refresh_token")
	if refresh.Empty() || !c.renewable() {
		return c.o.Secrets.Secret("access_token"), false, nil
	}
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	k := &c.tokens
	if !again && k.of == refresh.Fingerprint() && time.Until(k.expires) > tokenLeft {
		return k.access, false, nil
	}
	// A token that was replaced must not be lost because the caller gave up.
	got, err := c.renew(context.WithoutCancel(ctx), refresh)
	if err != nil {
		return secret.String{}, false, err
	}
	if got.RefreshToken != "" && got.RefreshToken != refresh.Reveal() {
		refresh = secret.New(got.RefreshToken)
		if err := c.o.Secrets.Store(context.WithoutCancel(ctx), map[string]secret.String{"refresh_token": refresh}); err != nil {
			c.o.Log.Error("email: the new refresh token could not be stored; after a restart sign in again", "err", err)
		}
	}
	k.access, k.expires, k.of = secret.New(got.AccessToken), got.Expiry, refresh.Fingerprint()
	if got.Expiry.IsZero() {
		k.expires = time.Now().Add(30 * time.Minute)
	}
	return k.access, true, nil
}

// renewable reports whether there is what it takes to renew a token.
func (c *channel) renewable() bool {
	return !c.o.Secrets.Secret("refresh_token").Empty() && !c.o.Secrets.Secret("client_id").Empty() && c.oauth().Endpoint.TokenURL != ""
}

func (c *channel) renew(ctx context.Context, refresh secret.String) (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(c.client(ctx), tokenTime)
	defer cancel()
	t, err := c.oauth().TokenSource(ctx, &oauth2.Token{RefreshToken: refresh.Reveal()}).Token()
	var no *oauth2.RetrieveError
	switch {
	case err == nil:
		return t, nil
	case errors.As(err, &no) && (no.ErrorCode == "invalid_grant" || no.ErrorCode == "invalid_client" || no.ErrorCode == "unauthorized_client"):
		return nil, &failure{
			fmt.Errorf("email: renew the token: %s: %w", no.ErrorCode, channels.ErrRejected),
			"The sign-in to the mail server is no longer good. Sign in again: gateway channels login email",
		}
	case no != nil:
		return nil, fmt.Errorf("email: renew the token: the server answered %s %s", no.Response.Status, no.ErrorCode)
	}
	return nil, fmt.Errorf("email: renew the token: %w", err)
}

func (c *channel) client(ctx context.Context) context.Context {
	h := c.o.Client
	if h == nil {
		h = http.DefaultClient
	}
	return context.WithValue(ctx, oauth2.HTTPClient, h)
}

// oauth is how tokens are got: as set, else as is known of the host.
func (c *channel) oauth() *oauth2.Config {
	o := &oauth2.Config{
		ClientID: c.o.Secrets.Secret("client_id").Reveal(), ClientSecret: c.o.Secrets.Secret("client_secret").Reveal(),
		Endpoint: oauth2.Endpoint{DeviceAuthURL: c.set.OAuthDeviceURL, TokenURL: c.set.OAuthTokenURL, AuthStyle: oauth2.AuthStyleInParams},
		Scopes:   c.set.OAuthScopes,
	}
	for _, k := range known {
		if strings.HasSuffix("."+strings.ToLower(c.set.IMAPHost), "."+k.host) {
			o.Endpoint.DeviceAuthURL = orElse(o.Endpoint.DeviceAuthURL, k.device)
			o.Endpoint.TokenURL = orElse(o.Endpoint.TokenURL, k.token)
			if o.Scopes == nil {
				o.Scopes = k.scopes
			}
		}
	}
	return o
}

// known are hosts that want tokens. Google's sign-in with a code gives no access to mail: there a refresh token that
// was got otherwise is stored.
var known = []struct {
	host, device, token string
	scopes              []string
}{
	{
		"outlook.office365.com", "https://login.microsoftonline.com/common/oauth2/v2.0/devicecode", "https://login.microsoftonline.com/common/oauth2/v2.0/token",
		[]string{"https://outlook.office.com/IMAP.AccessAsUser.All", "https://outlook.office.com/SMTP.Send", "offline_access"},
	},
	{"gmail.com", "", "https://oauth2.googleapis.com/token", []string{"https://mail.google.com/"}},
}

// signIn is Service.Login: a sign-in with a code, with a client id of one's own.
func signIn(ctx context.Context, o channels.Options, p login.Prompter) error {
	ch, err := open(o)
	if err != nil {
		return err
	}
	c := ch.(*channel) //nolint:forcetypeassert // open makes nothing else
	store := map[string]secret.String{}
	for _, f := range []struct{ Name, Help string }{{"username", "mail address to sign in"}, {"client_id", "client id of your own app"}} {
		if !o.Secrets.Secret(f.Name).Empty() {
			continue
		}
		got, err := p.Prompt(ctx, login.Step{Text: "What is the " + f.Help + "?", Field: &login.Field{Name: f.Name, Check: filledIn}})
		if err != nil {
			return fmt.Errorf("email: sign in: %w", err)
		}
		store[f.Name] = secret.New(strings.TrimSpace(got.Reveal()))
	}
	conf := c.oauth()
	if id, ok := store["client_id"]; ok {
		conf.ClientID = id.Reveal()
	}
	if conf.Endpoint.DeviceAuthURL == "" || conf.Endpoint.TokenURL == "" {
		return &failure{
			fmt.Errorf("email: no sign-in is known for this host: %w", channels.ErrSetup),
			"No sign-in with a code is known for this mail host. Set oauth_device_url, oauth_token_url and oauth_scopes, or store a password: gateway channels set email password",
		}
	}
	t, err := c.device(c.client(ctx), conf, p)
	if err != nil {
		return err
	}
	store["access_token"], store["refresh_token"] = secret.New(t.AccessToken), secret.New(t.RefreshToken)
	if err := o.Secrets.Store(ctx, store); err != nil {
		return fmt.Errorf("email: store the sign-in: %w", err)
	}
	return nil
}

// device shows the code and waits until it was entered.
func (c *channel) device(ctx context.Context, conf *oauth2.Config, p login.Prompter) (*oauth2.Token, error) {
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

// signInError tells what the server said, in its own short word.
func signInError(err error) error {
	var no *oauth2.RetrieveError
	if errors.As(err, &no) {
		return &failure{fmt.Errorf("email: sign in: %s", no.ErrorCode), "The sign-in was refused (" + no.ErrorCode + "). Check the client id, and that the app may use a sign-in with a code."}
	}
	return fmt.Errorf("email: sign in: %w", err)
}

func filledIn(s string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("it must not be empty")
	}
	return nil
}
