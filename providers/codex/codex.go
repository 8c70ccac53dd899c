// Package codex is ChatGPT with a subscription: the backend of OpenAI's Codex, which takes Responses
// (https://platform.openai.com/docs/api-reference/responses) from who is signed in with ChatGPT. OpenAI supports such
// sign-ins in other programs, and has not documented the backend.
package codex

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"

	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/catalog"
	"chatgateway/providers/wire"
	"chatgateway/providers/wire/responses"
)

// ID is the provider's.
const ID = "openai-codex"

// Provider is ChatGPT.
type Provider struct {
	svc *wire.Service
	own providers.Options
}

// New makes ChatGPT.
func New(o providers.Options) *Provider {
	svc := wire.Service{ID: ID, Name: "ChatGPT", Base: "https://chatgpt.com/backend-api/codex", Hosts: []string{"chatgpt.com"}, Sign: sign}
	return &Provider{svc: svc.With(o), own: o}
}

// accountKey is the field of Credential.Extra that holds the ChatGPT account.
const accountKey = "account_id"

// sign puts the access token and its account into the header.
func sign(h http.Header, cred providerauth.Credential) {
	h.Set("Authorization", "Bearer "+cred.Secret().Reveal())
	if id := cred.Extra[accountKey]; id != "" {
		h.Set("Chatgpt-Account-Id", id)
	}
}

// header is what the backend wants besides: who asks.
var header = http.Header{"Openai-Beta": {"responses=experimental"}, "Originator": {"chatgateway"}}

// Auth implements providers.Provider.
func (p *Provider) Auth() providerauth.Scheme { return p.scheme() }

// known are the models that ChatGPT is known to give, the one to begin with first, for when its list is empty: it is
// for programs that it knows.
var known = []string{"gpt-5.1-codex", "gpt-5.1", "gpt-5.1-codex-mini", "gpt-5-codex", "gpt-5"}

// Models implements providers.Provider.
func (p *Provider) Models(ctx context.Context, cred providerauth.Credential) ([]catalog.Model, error) {
	models, err := p.live(ctx, cred)
	var e *providers.Error
	if err != nil && (!errors.As(err, &e) || e.Status != http.StatusNotFound && e.Status != http.StatusBadRequest) {
		return nil, err
	}
	if len(models) == 0 {
		for _, id := range known {
			models = append(models, catalog.Model{ID: id})
		}
	}
	for _, id := range p.own.Models {
		if !slices.ContainsFunc(models, func(m catalog.Model) bool { return m.ID == id }) {
			models = append(models, catalog.Model{ID: id})
		}
	}
	models = catalog.Merge("openai", models) // the models are OpenAI's
	for i := range models {
		models[i].Preferred, models[i].PriceIn, models[i].PriceOut = i == 0, 0, 0
	}
	return models, nil
}

// live asks for the list of models.
func (p *Provider) live(ctx context.Context, cred providerauth.Credential) (models []catalog.Model, err error) {
	var list struct {
		Models []struct {
			Slug       string `json:"slug"`
			Name       string `json:"display_name"`
			Window     int    `json:"context_window"`
			Visibility string `json:"visibility"`
		} `json:"models"`
	}
	err = p.svc.JSON(ctx, cred, wire.Call{Path: "/models?client_version=1.0.0", Header: header}, &list)
	for _, m := range list.Models {
		if m.Slug != "" && m.Visibility != "hide" {
			models = append(models, catalog.Model{ID: m.Slug, Name: m.Name, Window: m.Window})
		}
	}
	return models, err
}

// instructions is sent where there is no system prompt: the backend wants one.
const instructions = "You are a helpful assistant."

// Stream implements providers.Provider.
func (p *Provider) Stream(ctx context.Context, cred providerauth.Credential, req providers.Request) iter.Seq2[providers.Delta, error] {
	return p.svc.Stream(ctx, cred, func() (wire.Call, wire.Decoder, error) {
		m, found := catalog.Lookup("openai", req.Model)
		if found && !m.Sees && wire.HasImage(req) {
			return wire.Call{}, nil, p.svc.Unable("")
		}
		if req.System == "" {
			req.System = instructions
		}
		call, dec, err := responses.Prepare(p.svc, responses.Dialect{Reasons: m.Thinks, NoMaxOut: true}, p.svc.Base, req)
		call.Header = header
		return call, dec, err
	})
}

// probe tries a credential with the list of models.
func (p *Provider) probe(ctx context.Context, cred providerauth.Credential) (providerauth.Finding, error) {
	models, err := p.Models(ctx, cred)
	if err != nil {
		return wire.Finding(err)
	}
	good := providerauth.Finding{Works: true, Sure: true}
	for _, m := range models[:min(len(models), 10)] {
		good.Models = append(good.Models, m.ID)
	}
	return good, nil
}

// Interface guards
var _ providers.Provider = (*Provider)(nil)
