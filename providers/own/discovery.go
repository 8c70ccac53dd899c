package own

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"chatgateway/providerauth"
)

// metadata is what an issuer says of itself (OpenID Connect Discovery, RFC 8414).
type metadata struct {
	Issuer    string   `json:"issuer"`
	Authorize string   `json:"authorization_endpoint"`
	Token     string   `json:"token_endpoint"`
	Device    string   `json:"device_authorization_endpoint"`
	Revoke    string   `json:"revocation_endpoint"`
	Scopes    []string `json:"scopes_supported"`
	Auth      []string `json:"token_endpoint_auth_methods_supported"`
	PKCE      []string `json:"code_challenge_methods_supported"`
}

const (
	metadataLife = time.Hour
	metadataTime = 10 * time.Second
	metadataMax  = 1 << 20
)

// client is the registration: what config.yaml says, and for the rest what the issuer says.
func (p *Provider) client(ctx context.Context, doing string) (providerauth.Client, error) {
	s := p.own.SignIn
	c := providerauth.Client{Name: p.own.Name, HTTP: p.own.Client, RedirectURL: Redirect}
	scopes := []string{"openid", "profile", "email", "offline_access"}
	if s.Issuer != "" {
		m, err := p.discover(ctx, doing)
		if e, ok := errors.AsType[*providerauth.OAuthError](err); ok { // no token was sent yet
			e.Err, e.Unsent, e.Cut = errors.New("its issuer: "+e.Reason()), true, false
		}
		if err != nil {
			return providerauth.Client{}, err
		}
		c.AuthorizeURL, c.TokenURL, c.DeviceURL, c.RevokeURL = m.Authorize, m.Token, m.Device, m.Revoke
		c.Basic = !s.ClientSecret.Empty() && !slices.Contains(m.Auth, "client_secret_post")
		if len(m.Scopes) > 0 {
			scopes = slices.DeleteFunc(scopes, func(s string) bool { return !slices.Contains(m.Scopes, s) })
		}
	}
	c.Scopes = scopes
	return s.Client(c), nil
}

// discover asks the issuer for its endpoints, once an hour.
func (p *Provider) discover(ctx context.Context, doing string) (metadata, error) {
	p.mu.Lock()
	m, until := p.found, p.until
	p.mu.Unlock()
	if time.Now().Before(until) {
		return m, nil
	}
	issuer := strings.TrimRight(p.own.SignIn.Issuer, "/")
	var err error
	for _, address := range addresses(issuer) {
		if m, err = p.fetch(ctx, doing, address); err == nil {
			break
		}
	}
	if err != nil {
		return metadata{}, err
	}
	if strings.TrimRight(m.Issuer, "/") != issuer {
		return metadata{}, providerauth.Problem("The issuer of " + p.own.Name + " calls itself by another address than config.yaml does. Set `sign_in." + p.own.ID + ".issuer` to the one that it gives.")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.found, p.until = m, time.Now().Add(metadataLife)
	return m, nil
}

// addresses are where the metadata may be: OpenID's behind the issuer, the other before its path.
func addresses(issuer string) []string {
	u, err := url.Parse(issuer)
	if err != nil {
		return []string{issuer}
	}
	path := u.Path
	u.Path = "/.well-known/oauth-authorization-server" + path
	return []string{issuer + "/.well-known/openid-configuration", u.String()}
}

// fetch reads metadata. Its errors name no address and hold no body.
func (p *Provider) fetch(ctx context.Context, doing, address string) (metadata, error) {
	fail := &providerauth.OAuthError{Name: p.own.Name, Doing: doing}
	if err := providerauth.CheckEndpoint(address); err != nil {
		fail.Err, fail.Unsent = err, true
		return metadata{}, fail
	}
	ctx, cancel := context.WithTimeout(ctx, metadataTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		fail.Err = errors.New("the address of the issuer is not valid")
		return metadata{}, fail
	}
	req.Header.Set("Accept", "application/json")
	res, err := p.own.Client.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err // without the address
		}
		fail.Err, fail.Unsent = err, false
		return metadata{}, fail
	}
	defer func() { _ = res.Body.Close() }() // only read from
	fail.Status = res.StatusCode
	var m metadata
	if res.StatusCode != http.StatusOK {
		return metadata{}, fail
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, metadataMax)).Decode(&m); err != nil || m.Token == "" {
		fail.Cut = true
		return metadata{}, fail
	}
	return m, nil
}
