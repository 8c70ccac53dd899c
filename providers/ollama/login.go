package ollama

import (
	"context"

	"chatgateway/providerauth"
	"chatgateway/providers/wire"
)

// row is a server of one's own, or the cloud.
type row struct {
	id, name string
	base     string
	page     string // where keys are made
	env      []string
	aliases  []string
	noKey    bool // works without a key
}

var (
	local = row{id: "ollama", name: "Ollama", noKey: true}
	cloud = row{id: "ollama-cloud", name: "Ollama Cloud", base: "https://ollama.com", page: "https://ollama.com/settings/keys", env: []string{"OLLAMA_API_KEY"}}
)

func (p *Provider) scheme() providerauth.Scheme {
	s := providerauth.Scheme{
		ID: p.svc.ID, Name: p.svc.Name, Aliases: p.row.aliases, Env: p.row.env, KeyPage: p.row.page,
		NoKey: p.row.noKey, Hosts: p.svc.Hosts, Probe: p.probe, CheckKey: p.checkKey,
	}
	s.Methods = []providerauth.Method{providerauth.KeyMethod(p.svc.Name, p.row.page, p.checkKey)}
	return s
}

// checkKey looks at a key's shape; in front of a server of one's own anything may stand.
func (p *Provider) checkKey(key string) error {
	if p.row.noKey || p.own.BaseURL != "" {
		return nil
	}
	return providerauth.DefaultCheckKey(key)
}

// probe asks a server of one's own for its models. The cloud's list is open to all and proves nothing: a model is put
// a question of one word.
func (p *Provider) probe(ctx context.Context, cred providerauth.Credential) (providerauth.Finding, error) {
	good := providerauth.Finding{Works: true, Sure: true}
	models, err := p.tags(ctx, cred)
	if err == nil && !p.row.noKey {
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
