// Package anthropic speaks Anthropic's Messages (https://platform.claude.com/docs/en/api/messages).
package anthropic

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/catalog"
	"chatgateway/providers/wire"
	"chatgateway/providers/wire/messages"
)

// Provider is Anthropic, or a service that speaks its format.
type Provider struct {
	svc *wire.Service
	row row
	own providers.Options
}

// New makes Anthropic itself.
func New(o providers.Options) *Provider { return build(claude, o) }

func build(r row, o providers.Options) *Provider {
	if o.BaseURL != "" {
		r.siblings = nil
		o.BaseURL = strings.TrimSuffix(strings.TrimRight(o.BaseURL, "/"), "/v1") // both are in use
	}
	svc := wire.Service{ID: r.id, Name: r.name, Base: r.base, Hosts: r.hosts(), Sign: r.sign, Words: r.words}
	return &Provider{svc: svc.With(o), row: r, own: o}
}

// oauthBeta is the documented header by which Anthropic takes an access token.
const oauthBeta = "oauth-2025-04-20"

// sign puts a key into x-api-key, and an access token or a setup-token into Authorization.
func (r row) sign(h http.Header, cred providerauth.Credential) {
	secret := cred.Secret().Reveal()
	if cred.Type == providerauth.Key && !r.bearer && !strings.HasPrefix(secret, "sk-ant-oat") {
		h.Set("X-Api-Key", secret)
		return
	}
	h.Set("Authorization", "Bearer "+secret)
	if !r.bearer {
		h.Set("Anthropic-Beta", oauthBeta)
	}
}

// Auth implements providers.Provider.
func (p *Provider) Auth() providerauth.Scheme { return p.scheme() }

// Models implements providers.Provider.
func (p *Provider) Models(ctx context.Context, cred providerauth.Credential) ([]catalog.Model, error) {
	return p.list(ctx, cred, p.base(cred))
}

// Stream implements providers.Provider.
func (p *Provider) Stream(ctx context.Context, cred providerauth.Credential, req providers.Request) iter.Seq2[providers.Delta, error] {
	return p.svc.Stream(ctx, cred, func() (wire.Call, wire.Decoder, error) {
		m, _ := catalog.Lookup(p.row.id, req.Model)
		if m.Blind && p.own.ID == "" && wire.HasImage(req) {
			return wire.Call{}, nil, p.svc.Unable("")
		}
		return messages.Prepare(p.svc, messages.For(m), p.base(cred), req)
	})
}

// list reads the list of models, which comes in pages.
func (p *Provider) list(ctx context.Context, cred providerauth.Credential, base string) ([]catalog.Model, error) {
	var models []catalog.Model
	after := ""
	for range maxPages {
		var page struct {
			Data    []model `json:"data"`
			HasMore bool    `json:"has_more"`
			LastID  string  `json:"last_id"`
		}
		q := url.Values{"limit": {"100"}}
		if after != "" {
			q.Set("after_id", after)
		}
		err := p.svc.JSON(ctx, cred, wire.Call{Path: base + "/v1/models?" + q.Encode(), Header: messages.Header()}, &page)
		var e *providers.Error
		if errors.As(err, &e) && e.Status == http.StatusNotFound {
			models = catalog.Known(p.row.id) // it has no list
			break
		}
		if err != nil {
			return nil, err
		}
		for _, m := range page.Data {
			if wire.Chats(m.ID) {
				models = append(models, m.known())
			}
		}
		if !page.HasMore || page.LastID == "" {
			break
		}
		after = page.LastID
	}
	for _, id := range p.own.Models {
		if !slices.ContainsFunc(models, func(m catalog.Model) bool { return m.ID == id }) {
			models = append(models, catalog.Model{ID: id})
		}
	}
	return catalog.Merge(p.row.id, models), nil
}

// maxPages bounds a list whose end never comes.
const maxPages = 20

// model is one model of the list, with what the service tells of it.
type model struct {
	ID           string `json:"id"`
	DisplayName  string `json:"display_name"`
	MaxInput     int    `json:"max_input_tokens"`
	MaxTokens    int    `json:"max_tokens"`
	Capabilities struct {
		Images   supported `json:"image_input"`
		Thinking supported `json:"thinking"`
	} `json:"capabilities"`
}

type supported struct {
	Supported bool `json:"supported"`
}

func (m model) known() catalog.Model {
	return catalog.Model{ID: m.ID, Name: m.DisplayName, Window: m.MaxInput, MaxOut: m.MaxTokens,
		Sees: m.Capabilities.Images.Supported, Thinks: m.Capabilities.Thinking.Supported}
}

// base is the base URL that a credential is good at: a key that is bound to a site carries it.
func (p *Provider) base(cred providerauth.Credential) string {
	return p.row.sites().Base(cred, p.svc.Base)
}

// Interface guards
var _ providers.Provider = (*Provider)(nil)
