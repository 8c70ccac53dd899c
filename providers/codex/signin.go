package codex

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"chatgateway/login"
	"chatgateway/providerauth"
)

func (p *Provider) scheme() providerauth.Scheme {
	c := p.client()
	return providerauth.Scheme{
		ID: p.svc.ID, Name: p.svc.Name, Aliases: []string{"codex", "chatgpt"}, Hosts: p.svc.Hosts, Probe: p.probe,
		Methods: []providerauth.Method{
			providerauth.LoopbackMethod("browser", "Sign in with ChatGPT", c),
			{ID: "device", Name: "Sign in with a code", Browser: true, Login: func(ctx context.Context, pr login.Prompter) (providerauth.Credential, error) {
				return p.device(ctx, c, pr)
			}},
		},
		Refresh: func(ctx context.Context, old providerauth.Credential) (providerauth.Credential, error) {
			fresh, err := c.Refresh(ctx, old)
			if e, ok := errors.AsType[*providerauth.OAuthError](err); ok && e.Status == http.StatusUnauthorized {
				e.Dead = true // OpenAI's own program takes any 401 for the end too
			}
			return fresh, err
		},
		Revoke: func(ctx context.Context, cred providerauth.Credential) error {
			c := c
			c.JSON = true
			return c.Revoke(ctx, cred)
		},
	}
}

// issuer is OpenAI's authorization server.
const issuer = "https://auth.openai.com"

// client is the public registration that OpenAI's own command line has, and that it lets other programs use.
func (p *Provider) client() providerauth.Client {
	return p.own.SignIn.Client(providerauth.Client{
		Name: p.svc.Name, HTTP: p.own.Client,
		ID:           "app_EMoamEEZ73f0CkXaXp7hrann",
		AuthorizeURL: issuer + "/oauth/authorize",
		TokenURL:     issuer + "/oauth/token",
		RevokeURL:    issuer + "/oauth/revoke",
		DeviceURL:    issuer + "/api/accounts/deviceauth/usercode",
		RedirectURL:  "http://localhost:1455/auth/callback",
		Ports:        []int{1457},
		Scopes:       []string{"openid", "profile", "email", "offline_access"},
		Params:       url.Values{"id_token_add_organizations": {"true"}, "codex_cli_simplified_flow": {"true"}, "originator": {"chatgateway"}},
		Finish:       finish,
	})
}

// finish finds the ChatGPT account, which every request must name.
func finish(c *providerauth.Credential, answer map[string]any) error {
	for _, field := range []string{"id_token", "access_token"} {
		jwt, _ := answer[field].(string)
		claims := providerauth.Claims(jwt)
		auth, _ := claims["https://api.openai.com/auth"].(map[string]any)
		id, _ := auth["chatgpt_account_id"].(string)
		if id == "" {
			id = organization(claims)
		}
		if id == "" {
			continue
		}
		c.Extra = map[string]string{accountKey: id}
		if plan, _ := auth["chatgpt_plan_type"].(string); plan != "" {
			c.Extra["plan"] = plan
		}
		return nil
	}
	return providerauth.Problem("OpenAI did not say which ChatGPT account this is. Sign in with one that has ChatGPT.")
}

func organization(claims map[string]any) string {
	list, _ := claims["organizations"].([]any)
	if len(list) == 0 {
		return ""
	}
	first, _ := list[0].(map[string]any)
	id, _ := first["id"].(string)
	return id
}

const deviceLife = 15 * time.Minute

// device is OpenAI's own kind of sign-in on another device: no RFC 8628. The answer to the polling is an authorization
// code with its verifier, which is then exchanged as usual.
func (p *Provider) device(ctx context.Context, c providerauth.Client, pr login.Prompter) (providerauth.Credential, error) {
	asked := c
	asked.JSON = true
	answer, err := asked.Call(ctx, c.DeviceURL, url.Values{})
	if e, ok := errors.AsType[*providerauth.OAuthError](err); ok && e.Status == http.StatusNotFound {
		return providerauth.Credential{}, providerauth.Problem("The sign-in by code is switched off for this ChatGPT account or workspace. Switch it on in ChatGPT under Settings, Security, or choose the sign-in in the browser: /login codex browser.")
	}
	if err != nil {
		return providerauth.Credential{}, err
	}
	id, code := field(answer, "device_auth_id"), field(answer, "user_code", "usercode")
	if id == "" || code == "" {
		return providerauth.Credential{}, &providerauth.OAuthError{Name: c.Name, Doing: "sign in", Status: http.StatusOK, Cut: true}
	}
	polled := asked
	polled.ID = "" // the client is named by the first request alone
	base := strings.TrimSuffix(c.DeviceURL, "/api/accounts/deviceauth/usercode")
	until := time.Now().Add(deviceLife)
	if _, err := pr.Prompt(ctx, providerauth.DeviceStep(c.Name, base+"/codex/device", code, until)); err != nil {
		return providerauth.Credential{}, err
	}
	cred, err := providerauth.Poll(ctx, providerauth.Interval(answer), until, func(ctx context.Context) (providerauth.Credential, error) {
		got, err := polled.Call(ctx, base+"/api/accounts/deviceauth/token", url.Values{"device_auth_id": {id}, "user_code": {code}})
		if err != nil {
			return providerauth.Credential{}, pending(err)
		}
		grant, verifier := field(got, "authorization_code"), field(got, "code_verifier")
		if grant == "" || verifier == "" {
			return providerauth.Credential{}, &providerauth.OAuthError{Name: c.Name, Doing: "sign in", Status: http.StatusOK, Cut: true}
		}
		cred, err := c.Token(ctx, url.Values{
			"grant_type":    {"authorization_code"},
			"code":          {grant},
			"code_verifier": {verifier},
			"redirect_uri":  {base + "/deviceauth/callback"},
		})
		return cred, providerauth.Final(err)
	})
	providerauth.DeviceDone(ctx, pr, c.Name, err)
	return cred, err
}

// pending translates what the polling is answered with. Until the person is done the status is 403 or 404, whatever the
// body says, unless it is a refusal.
func pending(err error) error {
	e, ok := errors.AsType[*providerauth.OAuthError](err)
	waits := ok && (e.Status == http.StatusForbidden || e.Status == http.StatusNotFound)
	if waits && e.Code != "access_denied" && e.Code != "authorization_declined" && e.Code != "expired_token" {
		e.Code = "authorization_pending"
	}
	return err
}

func field(m map[string]any, keys ...string) string {
	for _, k := range keys {
		if s, _ := m[k].(string); s != "" {
			return s
		}
	}
	return ""
}
