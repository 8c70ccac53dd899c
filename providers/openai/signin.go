package openai

import (
	"context"
	"net/url"

	"chatgateway/internal/secret"
	"chatgateway/providerauth"
)

// signIn adds what some services of the table have besides keys.
func (p *Provider) signIn(s providerauth.Scheme) providerauth.Scheme {
	if p.own.BaseURL != "" && p.own.SignIn.TokenURL == "" {
		return s // a token of the service is nothing for another address
	}
	switch p.row.id {
	case "openrouter":
		s.Methods = append([]providerauth.Method{p.openRouter()}, s.Methods...)
	case "huggingface":
		return p.huggingFace(s)
	case "qwen":
		return p.qwen(s)
	}
	return s
}

// openRouter signs in with OpenRouter's own flow for other programs (https://openrouter.ai/docs/use-cases/oauth-pkce):
// it needs no registration and yields an ordinary key that the person can end or limit there.
func (p *Provider) openRouter() providerauth.Method {
	c := p.own.SignIn.Client(providerauth.Client{ //nolint:gosec // addresses
		Name: p.svc.Name, HTTP: p.own.Client, JSON: true,
		AuthorizeURL: "https://openrouter.ai/auth",
		TokenURL:     "https://openrouter.ai/api/v1/auth/keys",
		RedirectURL:  "http://localhost:3000/callback", // a port that OpenRouter took at all times
		Ports:        []int{0},
	})
	page := c.AuthorizeURL
	c.Link = func(redirect, state, challenge string) string {
		q := url.Values{"callback_url": {redirect + "?state=" + state}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}}
		return page + "?" + q.Encode()
	}
	c.Exchange = func(ctx context.Context, c providerauth.Client, code, verifier string) (providerauth.Credential, error) {
		answer, err := c.Call(ctx, c.TokenURL, url.Values{"code": {code}, "code_verifier": {verifier}, "code_challenge_method": {"S256"}})
		if err != nil {
			return providerauth.Credential{}, err
		}
		key, _ := answer["key"].(string)
		if key == "" {
			return providerauth.Credential{}, &providerauth.OAuthError{Name: c.Name, Doing: "sign in", Status: 200, Cut: true}
		}
		return providerauth.Credential{Type: providerauth.Key, Key: secret.New(key)}, nil
	}
	return providerauth.LoopbackMethod("browser", "Sign in with OpenRouter", c)
}

// huggingFace signs in with a public app of the owner's own (https://huggingface.co/docs/hub/oauth).
func (p *Provider) huggingFace(s providerauth.Scheme) providerauth.Scheme {
	c := p.own.SignIn.Client(providerauth.Client{ //nolint:gosec // addresses
		Name: p.svc.Name, HTTP: p.own.Client,
		AuthorizeURL: "https://huggingface.co/oauth/authorize",
		TokenURL:     "https://huggingface.co/oauth/token",
		DeviceURL:    "https://huggingface.co/oauth/device",
		RedirectURL:  "http://localhost:8766/callback",
		Scopes:       []string{"openid", "profile", "inference-api"},
	})
	off := ""
	if c.ID == "" {
		off = "It needs an app of your own: make a public one at https://huggingface.co/settings/applications/new with the redirect URL " + c.RedirectURL + " and set `providers.huggingface.oauth.client_id` in config.yaml."
	} else {
		s.Refresh = c.Refresh
		if c.RevokeURL != "" {
			s.Revoke = c.Revoke
		}
	}
	s.Methods = append(s.Methods, switched(providerauth.DeviceMethod("device", "Sign in with a code", c), off),
		switched(providerauth.LoopbackMethod("browser", "Sign in with Hugging Face", c), off))
	return s
}

// qwen is the sign-in with a Qwen account, which Alibaba has ended; it runs against the endpoints of who has some.
func (p *Provider) qwen(s providerauth.Scheme) providerauth.Scheme {
	c := p.own.SignIn.Client(providerauth.Client{
		Name: p.svc.Name, HTTP: p.own.Client, DevicePKCE: true, Scopes: []string{"openid", "profile", "email", "model.completion"},
	})
	off := ""
	if c.ID == "" || c.DeviceURL == "" || c.TokenURL == "" {
		off = "Alibaba ended it on 15 April 2026; a DashScope key works. With endpoints of your own, set `device_url`, `token_url` and `client_id` under `providers.qwen.oauth` in config.yaml."
	} else {
		s.Refresh = c.Refresh
	}
	s.Methods = append(s.Methods, switched(providerauth.DeviceMethod("device", "Sign in with Qwen", c), off))
	return s
}

// switched switches a method off; "" leaves it on.
func switched(m providerauth.Method, why string) providerauth.Method {
	m.Off = why
	return m
}
