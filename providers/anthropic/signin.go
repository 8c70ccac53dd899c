package anthropic

import (
	"net/url"
	"strings"
	"time"

	"chatgateway/providerauth"
)

// signIn adds what Anthropic itself has besides keys: setup-tokens, and the sign-in with a subscription, which it means
// for its own programs. Nothing here makes requests look like theirs; where Anthropic refuses them for that, it is said.
func (p *Provider) signIn(s providerauth.Scheme) providerauth.Scheme {
	if p.row.id != claude.id || p.own.BaseURL != "" && p.own.SignIn.TokenURL == "" {
		return s
	}
	browser := providerauth.PasteMethod("browser", "Sign in with Claude", p.client())
	browser.Off = p.own.SignIn.Off(claude.id, "Anthropic allows the sign-in with a Claude subscription in its own programs only, and may refuse its use here.")
	s.Methods = append(s.Methods, providerauth.TokenMethod(s.Name,
		"Run `claude setup-token` where Claude Code is installed, and send what it prints. Anthropic means such tokens for Claude Code and may refuse them here.",
		setupTokenLife, checkSetupToken), browser)
	if browser.Off == "" {
		s.Refresh = p.client().Refresh
		if p.own.SignIn.RevokeURL != "" {
			s.Revoke = p.client().Revoke
		}
	}
	return s
}

// client is the public registration that Anthropic's own command line has.
func (p *Provider) client() providerauth.Client {
	return p.own.SignIn.Client(providerauth.Client{ //nolint:gosec // addresses and a public client id
		Name: p.svc.Name, HTTP: p.own.Client, JSON: true,
		ID:           "9d1c250a-e61b-44d9-88ed-5944d1962f5e",
		AuthorizeURL: "https://claude.ai/oauth/authorize",
		TokenURL:     "https://platform.claude.com/v1/oauth/token",
		RedirectURL:  "https://console.anthropic.com/oauth/code/callback",
		Scopes:       []string{"org:create_api_key", "user:profile", "user:inference"},
		Params:       url.Values{"code": {"true"}},
		Finish: func(c *providerauth.Credential, answer map[string]any) error {
			account, _ := answer["account"].(map[string]any)
			c.Owner, _ = account["email_address"].(string)
			return nil
		},
	})
}

// setupTokenLife is how long a setup-token lasts.
const setupTokenLife = 365 * 24 * time.Hour

// checkSetupToken looks at the shape of a setup-token.
func checkSetupToken(token string) error {
	switch {
	case !strings.HasPrefix(token, "sk-ant-oat01-"):
		return providerauth.KeyError("That is no setup-token. `claude setup-token` prints one, in one line; an API key goes with /login anthropic key.")
	case len(token) < 80:
		return providerauth.KeyError("That is too short for a setup-token. Send the whole line.")
	}
	return providerauth.DefaultCheckKey(token)
}
