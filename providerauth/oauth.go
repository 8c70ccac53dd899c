package providerauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"chatgateway/internal/secret"
	"chatgateway/login"
)

// Client is a registration with an OAuth 2.0 authorization server and the server's addresses: what sign-ins are made
// of. It is plain data, safe to copy and for concurrent use.
type Client struct {
	Name         string // the provider's, for people
	ID           string // client id
	Secret       secret.String
	AuthorizeURL string
	TokenURL     string
	DeviceURL    string
	RevokeURL    string
	// RedirectURL is where the browser goes with the code. For PasteMethod: the page that shows the code. For
	// LoopbackMethod: an http URL on localhost or 127.0.0.1, its port the registered one; without a port any is taken.
	RedirectURL string
	Ports       []int // other registered ports for LoopbackMethod
	Scopes      []string
	Params      url.Values // further parameters of the authorize URL
	JSON        bool       // the token endpoint takes JSON, not a form
	Basic       bool       // the secret goes into the Authorization header, not into the body
	DevicePKCE  bool       // the device flow has PKCE besides
	HTTP        *http.Client
	// Finish makes the last changes to a credential from what the token endpoint answered: an account id, a name. It
	// is called after a login and after every renewal. nil: nothing to do.
	Finish func(ctx context.Context, c *Credential, answer map[string]any) error
}

var errNotYet = errors.New("not built yet")

// PasteMethod signs in with a link and a code that is pasted back (PKCE S256, a random state of its own).
func PasteMethod(id, name string, c Client) Method {
	return Method{ID: id, Name: name, Browser: true, Login: func(context.Context, login.Prompter) (Credential, error) {
		return Credential{}, errNotYet
	}}
}

// LoopbackMethod signs in with a link whose answer comes back to a listener on this host, or is pasted, whichever is
// first.
func LoopbackMethod(id, name string, c Client) Method {
	return PasteMethod(id, name, c)
}

// DeviceMethod signs in with a code that is entered on any device (RFC 8628).
func DeviceMethod(id, name string, c Client) Method {
	return PasteMethod(id, name, c)
}

// Refresh renews old with its refresh token; it is made for Scheme.Refresh.
func (c Client) Refresh(ctx context.Context, old Credential) (Credential, error) {
	return Credential{}, errNotYet
}

// Revoke ends cred at the server (RFC 7009); it is made for Scheme.Revoke.
func (c Client) Revoke(ctx context.Context, cred Credential) error { return errNotYet }

// OAuthError is a failure of an authorization server. It holds no body, no address and no secret.
type OAuthError struct {
	Name       string        // the provider's, for people
	Doing      string        // "renew", "sign in"
	Status     int           // HTTP status; 0: no answer came
	Code       string        // the server's error code, if it is a known word; else ""
	RetryAfter time.Duration // what the server asked for
	Cut        bool          // the answer broke off
	Dead       bool          // the refresh token is definitely refused; the error wraps ErrNeedsLogin
	Err        error
}

// Error implements error.
func (e *OAuthError) Error() string { return e.Name + ": " + e.Doing + ": " + e.Reason() }

// Reason says it as the end of a sentence.
func (e *OAuthError) Reason() string { return "status " + e.Code }

// Unwrap gives the cause.
func (e *OAuthError) Unwrap() []error {
	if e.Dead {
		return []error{ErrNeedsLogin}
	}
	return nil
}
