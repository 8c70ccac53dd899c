package google

import (
	"context"

	"chatgateway/providerauth"
	"chatgateway/providers/wire"
)

// row is one of Google's services.
type row struct {
	id, name string
	base     string
	page     string // where keys are made
	env      []string
	aliases  []string
	noList   bool // has no list of models
}

var (
	gemini = row{id: "google", name: "Google Gemini", base: "https://generativelanguage.googleapis.com/v1beta", page: "https://aistudio.google.com/apikey",
		env: []string{"GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"}, aliases: []string{"gemini"}}
	vertex = row{id: "vertex", name: "Google Vertex AI", base: "https://aiplatform.googleapis.com/v1/publishers/google", page: "https://console.cloud.google.com/vertex-ai",
		env: []string{"GOOGLE_VERTEX_API_KEY"}, noList: true}
)

func (p *Provider) scheme() providerauth.Scheme {
	s := providerauth.Scheme{
		ID: p.svc.ID, Name: p.svc.Name, Aliases: p.row.aliases, Env: p.row.env, KeyPage: p.row.page,
		Hosts: p.svc.Hosts, Probe: p.probe, CheckKey: p.checkKey,
	}
	s.Methods = []providerauth.Method{providerauth.KeyMethod(p.svc.Name, p.row.page, p.checkKey)}
	return p.signIn(s)
}

// checkKey looks at a key's shape; with a base URL of one's own any key goes.
func (p *Provider) checkKey(key string) error {
	if p.own.BaseURL != "" {
		return nil
	}
	return providerauth.DefaultCheckKey(key)
}

// probe tries a credential with the list of models, or with a question of one word where there is none.
func (p *Provider) probe(ctx context.Context, cred providerauth.Credential) (providerauth.Finding, error) {
	good := providerauth.Finding{Works: true, Sure: true}
	models, err := p.Models(ctx, cred)
	if err == nil && p.row.noList {
		err = wire.Ask(ctx, p, cred, models)
	}
	if err != nil {
		return wire.Finding(err)
	}
	for _, m := range models[:min(len(models), 10)] {
		good.Models = append(good.Models, m.ID)
	}
	return good, nil
}
