package google

import (
	"context"
	"net/url"
	"strings"
	"time"

	"chatgateway/internal/lazyregexp"
	"chatgateway/internal/secret"
	"chatgateway/login"
	"chatgateway/providerauth"
)

// signIn adds the sign-in with an OAuth client of the owner's own, the way that Google documents
// (https://ai.google.dev/gemini-api/docs/oauth). The client of Google's own programs is not used: Google forbids it.
func (p *Provider) signIn(s providerauth.Scheme) providerauth.Scheme {
	if p.row.id != gemini.id || p.own.BaseURL != "" && p.own.SignIn.TokenURL == "" {
		return s
	}
	c := p.client()
	m := providerauth.LoopbackMethod("browser", "Sign in with Google", c)
	m.Login = withProject(m.Login, c.ID)
	if c.ID == "" {
		m.Off = "It needs an OAuth client of your own: make one of the type \"Desktop app\" at https://console.cloud.google.com/apis/credentials and set `providers.google.oauth.client_id` and `client_secret` in config.yaml."
	} else {
		s.Refresh, s.Revoke = c.Refresh, c.Revoke
	}
	s.Methods = append(s.Methods, m)
	return s
}

func (p *Provider) client() providerauth.Client {
	return p.own.SignIn.Client(providerauth.Client{ //nolint:gosec // addresses
		Name: p.svc.Name, HTTP: p.own.Client,
		AuthorizeURL: "https://accounts.google.com/o/oauth2/v2/auth",
		TokenURL:     "https://oauth2.googleapis.com/token",
		RevokeURL:    "https://oauth2.googleapis.com/revoke",
		RedirectURL:  "http://127.0.0.1/oauth2callback",
		Scopes: []string{"openid", "email", "https://www.googleapis.com/auth/cloud-platform",
			"https://www.googleapis.com/auth/generative-language.retriever"},
		Params: url.Values{"access_type": {"offline"}, "prompt": {"consent"}}, // else there is no refresh token
	})
}

var (
	projectID     = lazyregexp.New(`^[a-z0-9][a-z0-9-]{3,62}$`)
	projectNumber = lazyregexp.New(`^(\d+)-`)
)

// withProject asks for the project that pays, which every request must name, before the sign-in. The client's own one
// is offered: its number is the beginning of the client's id.
func withProject(signIn func(context.Context, login.Prompter) (providerauth.Credential, error), clientID string) func(context.Context, login.Prompter) (providerauth.Credential, error) {
	return func(ctx context.Context, p login.Prompter) (providerauth.Credential, error) {
		step := login.Step{
			Text: "Which Google Cloud project is used and billed? Its Gemini API must be switched on.",
			Field: &login.Field{Name: "Google Cloud project", Free: true, Check: func(a string) error {
				if !projectID.MatchString(strings.TrimSpace(a)) {
					return providerauth.Problem("A project is named by its id or number, such as my-project-123.")
				}
				return nil
			}},
			Expires: time.Now().Add(5 * time.Minute),
		}
		if n := projectNumber.FindStringSubmatch(clientID); n != nil {
			step.Choices = []login.Choice{{Label: "The one of the OAuth client (" + n[1] + ")", Value: n[1]}}
		}
		var project secret.String
		project, err := p.Prompt(ctx, step)
		if err != nil {
			return providerauth.Credential{}, err
		}
		c, err := signIn(ctx, p)
		c.Extra = map[string]string{"project": strings.TrimSpace(project.Reveal())}
		return c, err
	}
}
