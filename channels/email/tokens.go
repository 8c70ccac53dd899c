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

	"chatgateway/channelauth"
	"chatgateway/channels"
	"chatgateway/internal/secret"
)

// tokens holds the access token that was got last. It is stored as well, so that another start, or a test beside a running
// gateway, renews nothing. A refresh token that was replaced is stored before the token that came with it is used.
type tokens struct {
	mu      sync.Mutex // held while a token is renewed: one renewal at a time
	access  secret.String
	expires time.Time
	of      string        // fingerprint of the refresh token that it came with
	unkept  secret.String // a refresh token that could not be stored
	instead string        // fingerprint of the one whose place it takes
}

const (
	tokenTime = 30 * time.Second // for a renewal
	tokenLeft = 2 * time.Minute  // what is left of a token that is used
	untold    = 30 * time.Minute // a token is used so long where nobody says how long it is good; if it is refused, it is renewed
)

// The fields in which the tokens are kept that took the place of one that stands outside channels.json: in the
// environment, or where a reference leads. They hold as long as the same token stands there.
const (
	nextRefresh = "renewed_refresh_token"
	nextAccess  = "renewed_access_token"
	nextOf      = "renewed_of" // the fingerprint of that token
)

// signedIn gives the tokens that are in force; c.tokens.mu is held.
func (c *channel) signedIn() (refresh, access secret.String) {
	refresh, access = c.o.Secrets.Secret("refresh_token"), c.o.Secrets.Secret("access_token")
	switch of := refresh.Fingerprint(); {
	case !refresh.Empty() && c.tokens.instead == of:
		return c.tokens.unkept, secret.String{}
	case !refresh.Empty() && c.o.Secrets.Secret(nextOf).Reveal() == of:
		return c.o.Secrets.Secret(nextRefresh), c.o.Secrets.Secret(nextAccess)
	}
	return refresh, access
}

// token gives the access token to sign in with, empty if passwords are used. again: the last one was refused.
func (c *channel) token(ctx context.Context, again bool) (t secret.String, fresh bool, err error) {
	if !c.renewable() {
		return c.o.Secrets.Secret("access_token"), false, nil
	}
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	k := &c.tokens
	used := k.access
	refresh, stored := c.signedIn()
	if k.of != refresh.Fingerprint() && !stored.Empty() {
		k.access, k.expires, k.of = stored, time.Now().Add(untold), refresh.Fingerprint()
	}
	if !again && k.of == refresh.Fingerprint() && time.Until(k.expires) > tokenLeft {
		return k.access, false, nil
	}
	alone := false
	err = c.o.Secrets.Alone(ctx, func(ctx context.Context) error {
		alone = true
		return c.replaceOnce(ctx, used)
	})
	if err != nil && !alone && ctx.Err() == nil && c.o.Secrets.From("refresh_token") != channelauth.FromFile {
		err = c.replaceOnce(context.WithoutCancel(ctx), used) // the folder takes no lock: nothing can be stored there either
	}
	if err != nil {
		return secret.String{}, false, err
	}
	return k.access, true, nil
}

// replaceOnce renews the access token that was used, unless another process has just done so: then that one is taken.
func (c *channel) replaceOnce(ctx context.Context, used secret.String) error {
	k := &c.tokens
	refresh, stored := c.signedIn()
	if stored.Empty() || stored.Equal(used) {
		return c.replace(ctx, refresh)
	}
	k.access, k.expires, k.of = stored, time.Now().Add(untold), refresh.Fingerprint()
	return nil
}

// replace renews the access token. ctx is not the caller's: a token that was replaced must not be lost because it gave up.
func (c *channel) replace(ctx context.Context, refresh secret.String) error {
	k := &c.tokens
	got, err := c.renew(ctx, refresh)
	if err != nil {
		return err
	}
	next := refresh
	if got.RefreshToken != "" {
		next = secret.New(got.RefreshToken)
	}
	k.access, k.expires, k.of = secret.New(got.AccessToken), got.Expiry, next.Fingerprint()
	if got.Expiry.IsZero() {
		k.expires = time.Now().Add(untold)
	}
	c.store(ctx, next, k.access, !next.Equal(refresh))
	return nil
}

// store keeps renewed tokens. What stands outside channels.json is never written there, what took its place is. What
// cannot be stored serves until the program ends.
func (c *channel) store(ctx context.Context, refresh, access secret.String, replaced bool) {
	own := c.o.Secrets.Secret("refresh_token")
	err := c.o.Secrets.Store(ctx, map[string]secret.String{"refresh_token": refresh, "access_token": access})
	if errors.Is(err, channelauth.ErrFromEnvironment) {
		if refresh.Equal(own) {
			return
		}
		err = c.o.Secrets.Store(ctx, map[string]secret.String{nextRefresh: refresh, nextAccess: access, nextOf: secret.New(own.Fingerprint())})
	}
	switch {
	case err == nil:
		c.tokens.unkept, c.tokens.instead = secret.String{}, ""
		c.troubles.mended(cannotStore)
	case replaced:
		c.tokens.unkept, c.tokens.instead = refresh, own.Fingerprint()
		c.o.Log.Error("email: the new refresh token could not be stored; after a restart sign in again", "err", err)
		c.troubles.set(cannotStore, "The sign-in was renewed but cannot be stored, and will be lost at the next start. See that the home folder can be written to.", time.Time{})
	}
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
		Endpoint: oauth2.Endpoint{
			AuthURL: c.set.OAuthLinkURL, DeviceAuthURL: c.set.OAuthDeviceURL, TokenURL: c.set.OAuthTokenURL, AuthStyle: oauth2.AuthStyleInParams,
		},
		Scopes: c.set.OAuthScopes, RedirectURL: c.set.OAuthRedirectURL,
	}
	for _, k := range known {
		if strings.HasSuffix("."+strings.ToLower(c.set.IMAPHost), "."+k.host) {
			o.Endpoint.AuthURL = orElse(o.Endpoint.AuthURL, k.link)
			o.Endpoint.DeviceAuthURL = orElse(o.Endpoint.DeviceAuthURL, k.device)
			o.Endpoint.TokenURL = orElse(o.Endpoint.TokenURL, k.token)
			if o.Scopes == nil {
				o.Scopes = k.scopes
			}
		}
	}
	return o
}

// known are hosts that want tokens. Google's sign-in with a code gives no access to mail: there it is a link.
var known = []struct {
	host, link, device, token string
	scopes                    []string
}{
	{
		"outlook.office365.com", microsoft + "authorize", microsoft + "devicecode", microsoft + "token",
		[]string{"https://outlook.office.com/IMAP.AccessAsUser.All", "https://outlook.office.com/SMTP.Send", "offline_access"},
	},
	{"gmail.com", "https://accounts.google.com/o/oauth2/v2/auth", "", "https://oauth2.googleapis.com/token", []string{"https://mail.google.com/"}},
}

const microsoft = "https://login.microsoftonline.com/common/oauth2/v2.0/"
