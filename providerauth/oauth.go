package providerauth

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatgateway/internal/secret"
	"chatgateway/login/loopback"
)

// Client is a registration with an OAuth 2.0 authorization server and the server's addresses: what sign-ins are made
// of. It is plain data, safe to copy and for concurrent use.
//
// Of golang.org/x/oauth2 it uses the authorize URL and PKCE. The calls are its own: there, an odd "expires_in" throws
// a rotated token away, the device flow ignores its context and ends at the first network failure, and errors print
// the answer's body.
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
	Params      url.Values   // further parameters of the authorize URL
	JSON        bool         // the token endpoint takes JSON, not a form
	Basic       bool         // the secret goes into the Authorization header, not into the body
	DevicePKCE  bool         // the device flow has PKCE besides
	HTTP        *http.Client // nil: one that refuses redirects and waits 25 seconds
	// Finish makes the last changes to a credential from what the token endpoint answered: an account id, a name. It
	// does no I/O. Its error ends a login; after a renewal it is passed over, because the token is good. nil: nothing.
	Finish func(c *Credential, answer map[string]any) error
	// Link makes the page's address where it is no authorize URL; nil: it is one. The state comes back as a parameter.
	Link func(redirect, state, challenge string) string
	// Exchange turns a code into a credential where the token endpoint is none; nil: it is one. It does so once.
	Exchange func(ctx context.Context, c Client, code, verifier string) (Credential, error)
}

// maxAnswer is the most bytes that an authorization server's answer may have.
const maxAnswer = 1 << 20

// exchangeTime is for one call; it is shorter than Store.Update's time.
const exchangeTime = 25 * time.Second

// httpClient is for those that bring none.
var httpClient = func() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableKeepAlives = true // the calls are few, and one over a dead connection would be lost
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	return &http.Client{
		Transport:     t,
		Timeout:       exchangeTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}()

// Refresh renews old with its refresh token; it is made for Scheme.Refresh. One exchange, never repeated.
func (c Client) Refresh(ctx context.Context, old Credential) (Credential, error) {
	if old.Refresh.Empty() {
		return Credential{}, fmt.Errorf("%s: there is no refresh token: %w", c.Name, ErrNeedsLogin)
	}
	return c.token(ctx, doRenew, url.Values{
		"grant_type":    {"refresh_token"},
		"refresh_token": {old.Refresh.Reveal()},
	})
}

// Revoke ends cred at the server (RFC 7009); it is made for Scheme.Revoke.
func (c Client) Revoke(ctx context.Context, cred Credential) error {
	form := url.Values{"token": {cred.Refresh.Reveal()}, "token_type_hint": {"refresh_token"}}
	if cred.Refresh.Empty() {
		form = url.Values{"token": {cred.Access.Reveal()}, "token_type_hint": {"access_token"}}
	}
	_, _, err := c.post(ctx, doRevoke, c.RevokeURL, form)
	return err
}

// token asks the token endpoint and makes a credential of the answer.
func (c Client) token(ctx context.Context, doing string, form url.Values) (Credential, error) {
	start := time.Now()
	answer, skew, err := c.post(ctx, doing, c.TokenURL, form)
	if err != nil {
		return Credential{}, err
	}
	cred := Credential{
		Type:    OAuth,
		Access:  secret.New(text(answer, "access_token")),
		Refresh: secret.New(text(answer, "refresh_token")),
		Expires: expiry(answer, start, skew),
		Issued:  start,
		Owner:   owner(answer),
	}
	if cred.Access.Empty() {
		return Credential{}, &OAuthError{Name: c.Name, Doing: doing, Status: http.StatusOK, Cut: true}
	}
	if c.Finish == nil {
		return cred, nil
	}
	if err := c.Finish(&cred, answer); err != nil && doing != doRenew {
		return Credential{}, err
	}
	return cred, nil
}

// Call sends a form to an address of the server, for what is particular to one provider: a POST, once, as JSON if c.JSON
// says so, with the client's id. The error is an *OAuthError.
func (c Client) Call(ctx context.Context, to string, form url.Values) (answer map[string]any, err error) {
	answer, _, err = c.post(ctx, doSignIn, to, form)
	return answer, err
}

// Token asks the token endpoint with a grant of a provider's own, for a login.
func (c Client) Token(ctx context.Context, form url.Values) (Credential, error) {
	return c.token(ctx, doSignIn, form)
}

// post sends a form to the server and gives the object it answers, and how far its clock is ahead of ours.
func (c Client) post(ctx context.Context, doing, to string, form url.Values) (answer map[string]any, skew time.Duration, err error) {
	fail := &OAuthError{Name: c.Name, Doing: doing}
	req, err := c.request(ctx, to, form)
	if err != nil {
		fail.Err, fail.Unsent = err, true
		return nil, 0, fail
	}
	client := c.HTTP
	if client == nil {
		client = httpClient
	}
	res, err := client.Do(req)
	if err != nil {
		fail.Err = withoutURL(err)
		return nil, 0, fail
	}
	defer func() { _ = res.Body.Close() }() // only read from
	fail.Status = res.StatusCode
	fail.RetryAfter = seconds(res.Header.Get("Retry-After"))
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		fail.Cut, fail.Err = true, withoutURL(err)
		return nil, 0, fail
	}
	answer = parseAnswer(res.Header.Get("Content-Type"), data)
	code := errorCode(answer)
	if res.StatusCode/100 != 2 || code != "" {
		fail.Code = known(code)
		fail.RetryAfter = max(fail.RetryAfter, seconds(text(answer, "interval"))) // beside slow_down, at some
		fail.Dead = doing == doRenew && slices.Contains(deadCodes, code)
		return nil, 0, fail
	}
	if answer == nil && len(bytes.TrimSpace(data)) > 0 && doing != doRevoke {
		fail.Cut = true
		return nil, 0, fail
	}
	if at, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		skew = time.Until(at)
	}
	return answer, skew, nil
}

func (c Client) request(ctx context.Context, to string, form url.Values) (*http.Request, error) {
	if err := CheckEndpoint(to); err != nil {
		return nil, err
	}
	if c.ID != "" && !c.Basic {
		form.Set("client_id", c.ID)
		if !c.Secret.Empty() {
			form.Set("client_secret", c.Secret.Reveal())
		}
	}
	body, kind := []byte(form.Encode()), "application/x-www-form-urlencoded"
	if c.JSON {
		flat := map[string]string{}
		for k := range form {
			flat[k] = form.Get(k)
		}
		var err error
		if body, err = json.Marshal(flat); err != nil {
			return nil, err
		}
		kind = "application/json"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the address is not valid")
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "chatgateway")
	if c.Basic {
		req.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret.Reveal()))
	}
	return req, nil
}

// CheckEndpoint says what is wrong with an address that secrets are sent to or people are: it must be https, or http on
// this host.
func CheckEndpoint(s string) error {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return errors.New("no address is configured for it")
	case err != nil || u.Host == "":
		return errors.New("the address is not valid")
	case u.Scheme == "https" || u.Scheme == "http" && loopback.Is(u.Hostname()):
		return nil
	}
	return errors.New("the address must begin with https://")
}

// withoutURL takes the address out of an error of net/http, however often it was wrapped.
func withoutURL(err error) error {
	for {
		ue, ok := errors.AsType[*url.Error](err)
		if !ok {
			return err
		}
		err = ue.Err
	}
}

func parseAnswer(kind string, data []byte) map[string]any {
	var m map[string]any
	if json.Unmarshal(data, &m) == nil && m != nil {
		return m
	}
	media, _, _ := mime.ParseMediaType(kind)
	if media != "application/x-www-form-urlencoded" && media != "text/plain" {
		return nil
	}
	form, err := url.ParseQuery(string(data))
	if err != nil || form.Get("access_token")+form.Get("error")+form.Get("device_code") == "" {
		return nil
	}
	m = map[string]any{}
	for k := range form {
		m[k] = form.Get(k)
	}
	return m
}

// text gives a field of an answer that is a string or a number.
func text(m map[string]any, key string) string {
	switch v := m[key].(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

func seconds(s string) time.Duration {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n > 0) || n > float64(10*365*24*3600) {
		return 0
	}
	return time.Duration(n * float64(time.Second))
}

// expiry says when a token ends: what the server says, counted from before it was asked; else what a JWT says of
// itself, by the server's clock; else nobody knows.
func expiry(answer map[string]any, start time.Time, skew time.Duration) time.Time {
	if d := seconds(text(answer, "expires_in")); d > 0 {
		return start.Add(d)
	}
	claims := Claims(text(answer, "access_token"))
	if exp, ok := claims["exp"].(float64); ok && exp > 0 && exp < 1e11 {
		return time.Unix(int64(exp), 0).Add(-skew)
	}
	return time.Time{}
}

// owner says whose account it is, from an id token that came straight from the server.
func owner(answer map[string]any) string {
	claims := Claims(text(answer, "id_token"))
	for _, k := range []string{"email", "preferred_username", "name"} {
		if s := text(claims, k); s != "" {
			return strings.Map(printable, s[:min(len(s), 200)])
		}
	}
	return ""
}

func printable(r rune) rune {
	if strconv.IsPrint(r) {
		return r
	}
	return -1
}
