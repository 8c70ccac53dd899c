package anthropic

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/wire"
)

func (p *Provider) scheme() providerauth.Scheme {
	s := providerauth.Scheme{
		ID: p.svc.ID, Name: p.svc.Name, Aliases: p.row.aliases, Env: p.row.env, KeyPage: p.row.page,
		NoKey: p.row.noKey, Hosts: p.svc.Hosts, Probe: p.probe, CheckKey: p.checkKey,
	}
	s.Methods = []providerauth.Method{providerauth.KeyMethod(p.svc.Name, p.row.page, p.checkKey)}
	return p.signIn(s)
}

// checkKey looks at a key's shape; with a base URL of one's own any key goes.
func (p *Provider) checkKey(key string) error {
	switch {
	case p.own.BaseURL != "" || p.row.noKey:
		return nil
	case strings.HasPrefix(key, "sk-ant-admin"):
		return providerauth.KeyError("This is an admin key, which cannot ask models. Make an API key at " + p.row.page + ".")
	}
	return providerauth.DefaultCheckKey(key)
}

// probe tries a credential with the list of models; a key that is bound to a site is tried at the others too.
func (p *Provider) probe(ctx context.Context, cred providerauth.Credential) (providerauth.Finding, error) {
	found, err := p.row.sites().Probe(ctx, cred, p.base(cred), false, p.try)
	if err == nil {
		return found, nil
	}
	if errors.Is(err, providers.ErrForbidden) && cred.Type != providerauth.Key {
		return providerauth.Finding{Note: "This token may not list models; it could not be checked further."}, nil
	}
	return wire.Finding(err)
}

func (p *Provider) try(ctx context.Context, cred providerauth.Credential, base string) (providerauth.Finding, error) {
	good := providerauth.Finding{Works: true, Sure: true}
	models, err := p.list(ctx, cred, base)
	for _, m := range models[:min(len(models), 10)] {
		good.Models = append(good.Models, m.ID)
	}
	return good, err
}

// hosts are the hosts of all of a service's sites.
func (r row) hosts() (hosts []string) {
	for _, s := range append([]wire.Site{{Base: r.base}}, r.siblings...) {
		if u, err := url.Parse(s.Base); err == nil && u.Hostname() != "" {
			hosts = append(hosts, u.Hostname())
		}
	}
	return hosts
}
