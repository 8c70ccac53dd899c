package copilot

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"

	"chatgateway/internal/lazyregexp"
	"chatgateway/internal/secret"
	"chatgateway/login"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/wire"
)

const publicHost = "github.com"

func (p *Provider) scheme() providerauth.Scheme {
	m := providerauth.Method{ID: "device", Name: "Sign in with GitHub", Browser: true, Login: p.signIn}
	if p.own.SignIn.ClientID == "" {
		m.Off = p.own.SignIn.Off(ID, "GitHub lets only its own programs and editors in with the sign-in that Copilot takes.")
	}
	s := providerauth.Scheme{
		ID: p.svc.ID, Name: p.svc.Name, Aliases: []string{"copilot"}, Hosts: p.svc.Hosts, Probe: p.probe,
		Env:     []string{"COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"},
		KeyPage: "https://github.com/settings/personal-access-tokens",
	}
	key := providerauth.AskKey("Send a GitHub token that may use Copilot: a fine-grained one with the permission Copilot Requests, made at "+
		s.KeyPage+". Classic tokens (ghp_…) are not taken by Copilot.", s.KeyPage, nil)
	key.Name = "GitHub token"
	s.Methods = []providerauth.Method{m, key}
	if m.Off == "" {
		s.Refresh = p.refresh
	}
	return s
}

// editors is the public registration of GitHub's own editor plug-in, the only kind whose tokens GitHub exchanges.
const editors = "Iv1.b507a08c87ecfe98"

func (p *Provider) client(host string) providerauth.Client {
	return p.own.SignIn.Client(providerauth.Client{
		Name: p.svc.Name, HTTP: p.own.Client, ID: editors,
		DeviceURL: "https://" + host + "/login/device/code",
		TokenURL:  "https://" + host + "/login/oauth/access_token",
		Scopes:    []string{"read:user"},
	})
}

var hostName = lazyregexp.New(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$`)

// signIn asks for the GitHub host, signs in there with a code, and exchanges GitHub's token for Copilot's.
func (p *Provider) signIn(ctx context.Context, pr login.Prompter) (providerauth.Credential, error) {
	a, err := pr.Prompt(ctx, login.Step{
		Text: "Where is your GitHub account? At github.com, or at your company's GitHub: then send its name, such as company.ghe.com.",
		Field: &login.Field{Name: "GitHub host", Free: true, Check: func(a string) error {
			if !hostName.MatchString(cleanHost(a)) {
				return providerauth.Problem("That is no name of a host. Send github.com, or something like company.ghe.com.")
			}
			return nil
		}},
		Choices: []login.Choice{{Label: publicHost, Value: publicHost}},
		Expires: time.Now().Add(5 * time.Minute),
	})
	if err != nil {
		return providerauth.Credential{}, err
	}
	host := cleanHost(a.Reveal())
	github, err := providerauth.DeviceMethod("device", "", p.client(host)).Login(ctx, pr)
	if err != nil {
		return providerauth.Credential{}, err
	}
	c := providerauth.Credential{
		Type: providerauth.OAuth, Refresh: github.Access, Extra: map[string]string{hostKey: host},
		Owner: p.owner(ctx, host, github.Access),
	}
	return p.exchange(ctx, c, "sign in")
}

func cleanHost(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	s, _, _ = strings.Cut(s, "/")
	return s
}

// refresh gets another short-lived token for GitHub's long-lived one, at the host where it was made.
func (p *Provider) refresh(ctx context.Context, old providerauth.Credential) (providerauth.Credential, error) {
	return p.exchange(ctx, old, "renew")
}

// exchange gets Copilot's token for GitHub's. Where GitHub does not exchange it, Copilot may still take it as it is.
func (p *Provider) exchange(ctx context.Context, c providerauth.Credential, doing string) (providerauth.Credential, error) {
	var answer struct {
		Token     string `json:"token"`
		ExpiresAt int64  `json:"expires_at"`
		RefreshIn int64  `json:"refresh_in"`
		Endpoints struct {
			API string `json:"api"`
		} `json:"endpoints"`
	}
	start := time.Now()
	err := p.github(c.Extra[hostKey]).JSON(ctx, bearer(c.Refresh), wire.Call{Path: "/copilot_internal/v2/token"}, &answer)
	e, ok := errors.AsType[*providers.Error](err)
	if ok && (e.Status == http.StatusForbidden || e.Status == http.StatusNotFound) {
		c.Access, c.Expires = c.Refresh, time.Time{}
		return c, nil
	}
	if err != nil {
		failed := &providerauth.OAuthError{Name: p.svc.Name, Doing: doing, Err: err}
		if ok {
			failed.Status, failed.RetryAfter, failed.Dead = e.Status, e.RetryAfter, e.Status == http.StatusUnauthorized
		}
		return providerauth.Credential{}, failed
	}
	if answer.Token == "" {
		return providerauth.Credential{}, &providerauth.OAuthError{Name: p.svc.Name, Doing: doing, Status: http.StatusOK, Cut: true}
	}
	c.Access, c.Issued, c.Expires = secret.New(answer.Token), start, time.Unix(answer.ExpiresAt, 0)
	if answer.RefreshIn > 0 { // counted from now, whatever the clocks say: a minute before the end
		c.Expires = start.Add(time.Duration(min(answer.RefreshIn, 24*3600)+60) * time.Second)
	} else if answer.ExpiresAt <= 0 {
		c.Expires = time.Time{}
	}
	c.Extra = maps.Clone(c.Extra)
	c.Extra[endpointKey] = endpoint(answer.Token, answer.Endpoints.API)
	return c, nil
}

// endpoint is where the models are: what the answer says, or what the token names as its proxy.
func endpoint(token, api string) string {
	if api != "" {
		return api
	}
	for field := range strings.SplitSeq(token, ";") {
		if host, ok := strings.CutPrefix(field, "proxy-ep="); ok {
			return "https://api." + strings.TrimPrefix(host, "proxy.")
		}
	}
	return ""
}

// github is GitHub's API at a host.
func (p *Provider) github(host string) *wire.Service {
	if host == "" {
		host = publicHost
	}
	s := wire.Service{Name: p.svc.Name, Base: "https://api." + host, Hosts: []string{"api." + host}, Sign: sign}
	return s.With(providers.Options{BaseURL: p.own.SignIn.Issuer, Client: p.own.Client})
}

// owner asks whose account it is; "" if that is not told.
func (p *Provider) owner(ctx context.Context, host string, token secret.String) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var who struct {
		Login string `json:"login"`
	}
	if p.github(host).JSON(ctx, bearer(token), wire.Call{Path: "/user"}, &who) != nil {
		return ""
	}
	return who.Login
}

func bearer(token secret.String) providerauth.Credential {
	return providerauth.Credential{Type: providerauth.Token, Key: token}
}
