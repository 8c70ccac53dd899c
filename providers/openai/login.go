package openai

import (
	"context"
	"encoding/json"
	"errors"
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

// checkKey looks at a key's shape: a key made for another service is told, and with a base URL of one's own any key
// goes.
func (p *Provider) checkKey(key string) error {
	if p.own.BaseURL != "" || p.row.noKey {
		return nil
	}
	for prefix, hint := range p.row.notKeys {
		if strings.HasPrefix(key, prefix) {
			return providerauth.KeyError(hint)
		}
	}
	return providerauth.DefaultCheckKey(key)
}

// probe tries a credential: with the service's own call for that, else its list of models, else, where that is open to
// all, a question of one word. A key that is bound to a region or a plan is tried at its provider's other sites too.
func (p *Provider) probe(ctx context.Context, cred providerauth.Credential) (providerauth.Finding, error) {
	found, err := p.row.sites().Probe(ctx, cred, p.base(cred), p.row.plans, p.try)
	if err == nil {
		return found, nil
	}
	if errors.Is(err, providers.ErrForbidden) && p.row.restrictedKeys {
		return providerauth.Finding{Note: "The key may not list models, as restricted keys may not; it could not be checked further."}, nil
	}
	return wire.Finding(err)
}

// try makes the call that shows whether a credential is good.
func (p *Provider) try(ctx context.Context, cred providerauth.Credential, base string) (providerauth.Finding, error) {
	good := providerauth.Finding{Works: true, Sure: true}
	switch {
	case p.row.check == none:
		return providerauth.Finding{Note: "There is no call to check it with; it is tried at the first message."}, nil
	case p.row.check == ask:
		return good, p.ask(ctx, cred, base)
	case p.row.check != "":
		call := wire.Call{Path: p.row.check}
		if strings.HasPrefix(p.row.check, "/") {
			call.Path = base + p.row.check
		}
		var body json.RawMessage
		if err := p.svc.JSON(ctx, cred, call, &body); err != nil {
			return good, err
		}
		p.account(body, &good)
		return good, nil
	}
	models, err := p.list(ctx, cred, base)
	for _, m := range models[:min(len(models), 10)] {
		good.Models = append(good.Models, m.ID)
	}
	return good, err
}

// account reads what services tell of a key and its account.
func (p *Provider) account(body []byte, f *providerauth.Finding) {
	var a struct {
		Name      string `json:"name"`
		Available *bool  `json:"is_available"` // DeepSeek
		Data      struct {
			Remaining *float64 `json:"limit_remaining"` // OpenRouter
		} `json:"data"`
		Blocked  bool `json:"api_key_blocked"` // xAI
		Disabled bool `json:"api_key_disabled"`
	}
	if json.Unmarshal(body, &a) != nil {
		return
	}
	if p.row.ownerName {
		f.Owner = a.Name
	}
	switch {
	case a.Blocked || a.Disabled:
		f.Works, f.Note = false, "The key is switched off."
	case a.Available != nil && !*a.Available, a.Data.Remaining != nil && *a.Data.Remaining <= 0:
		f.Note = "The key is good, but there is no credit left on its account."
	}
}

// ask puts a question of one word to the preferred model, or to the first on the list.
func (p *Provider) ask(ctx context.Context, cred providerauth.Credential, base string) error {
	models, err := p.list(ctx, cred, base)
	if err != nil {
		return err
	}
	cred.Extra = map[string]string{wire.SiteKey: base}
	return wire.Ask(ctx, p, cred, models)
}
