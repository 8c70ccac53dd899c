// Package openai speaks OpenAI's two formats: Responses (https://platform.openai.com/docs/api-reference/responses),
// which OpenAI itself gets, and Chat Completions (https://platform.openai.com/docs/api-reference/chat), which the
// compatible services of the table in compatible.go get.
package openai

import (
	"context"
	"iter"
	"net/http"

	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/catalog"
	"chatgateway/providers/wire"
	"chatgateway/providers/wire/chat"
	"chatgateway/providers/wire/messages"
	"chatgateway/providers/wire/responses"
)

// Provider is one service that speaks one of OpenAI's formats.
type Provider struct {
	svc *wire.Service
	row row
	own providers.Options
}

// New makes OpenAI itself.
func New(o providers.Options) *Provider { return build(openAI, o) }

func build(r row, o providers.Options) *Provider {
	r.base, r.list = expand(r.base, o.Getenv), expand(r.list, o.Getenv)
	if o.BaseURL != "" {
		r.siblings = nil // a base URL of one's own is the only one
		if r.list != none {
			r.list = ""
		}
		if r.check != none && r.check != ask {
			r.check = ""
		}
	}
	svc := wire.Service{ID: r.id, Name: r.name, Base: r.base, Hosts: r.hosts(), Words: r.words, Sign: r.sign}
	return &Provider{svc: svc.With(o), row: r, own: o}
}

// sign puts a credential where the service looks for it.
func (r row) sign(h http.Header, cred providerauth.Credential) {
	if r.header != "" && cred.Type != providerauth.OAuth {
		h.Set(r.header, cred.Secret().Reveal())
		return
	}
	h.Set("Authorization", "Bearer "+cred.Secret().Reveal())
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
		switch in, base := p.route(req.Model, p.base(cred)); in {
		case inMessages:
			return messages.Prepare(p.svc, messages.For(m), base, req)
		case inResponses:
			return responses.Prepare(p.svc, responses.Dialect{Reasons: m.Thinks}, base, req)
		default:
			return chat.Prepare(p.svc, p.row.dialect, base, req)
		}
	})
}

// route gives the format and the base URL to ask a model at.
func (p *Provider) route(id, base string) (format, string) {
	switch {
	case p.row.route != nil:
		return p.row.route(id, base)
	case p.row.responses:
		return inResponses, base
	}
	return inChat, base
}

// base is the base URL that a credential is good at: a key that is bound to a site carries it.
func (p *Provider) base(cred providerauth.Credential) string {
	return p.row.sites().Base(cred, p.svc.Base)
}

// Interface guards
var _ providers.Provider = (*Provider)(nil)
