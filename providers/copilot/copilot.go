// Package copilot is GitHub Copilot: its models speak Chat Completions and Responses at an address that belongs to the
// credential (https://docs.github.com/en/copilot). The interface is not documented for other programs.
package copilot

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/catalog"
	"chatgateway/providers/wire"
	"chatgateway/providers/wire/chat"
	"chatgateway/providers/wire/responses"
)

// ID is the provider's.
const ID = "github-copilot"

// Provider is GitHub Copilot.
type Provider struct {
	svc *wire.Service
	own providers.Options
}

// New makes GitHub Copilot.
func New(o providers.Options) *Provider {
	svc := wire.Service{ID: ID, Name: "GitHub Copilot", Base: "https://api.githubcopilot.com", Hosts: []string{"api.githubcopilot.com"}, Sign: sign}
	return &Provider{svc: svc.With(o), own: o}
}

func sign(h http.Header, cred providerauth.Credential) {
	h.Set("Authorization", "Bearer "+cred.Secret().Reveal())
}

// What Credential.Extra holds.
const (
	hostKey     = "host"     // the GitHub host: github.com, or a company's
	endpointKey = "endpoint" // where the models are, as the token says
)

// at gives the service at the address that a credential belongs to.
func (p *Provider) at(cred providerauth.Credential) *wire.Service {
	base := cred.Extra[endpointKey]
	if host := cred.Extra[hostKey]; base == "" && host != "" && host != publicHost {
		base = "https://copilot-api." + host
	}
	u, err := url.Parse(base)
	if p.own.BaseURL != "" || base == "" || err != nil || !ours(u, cred.Extra[hostKey]) {
		return p.svc
	}
	s := *p.svc
	s.Base, s.Hosts = strings.TrimRight(base, "/"), []string{u.Hostname()}
	return &s
}

// ours reports whether an address is GitHub's: a token is not sent wherever an answer says.
func ours(u *url.URL, host string) bool {
	return u.Scheme == "https" && (strings.HasSuffix(u.Hostname(), ".githubcopilot.com") || host != "" && u.Hostname() == "copilot-api."+host)
}

// Auth implements providers.Provider.
func (p *Provider) Auth() providerauth.Scheme { return p.scheme() }

// Models implements providers.Provider.
func (p *Provider) Models(ctx context.Context, cred providerauth.Credential) ([]catalog.Model, error) {
	var list struct {
		Data []model `json:"data"`
	}
	if err := p.at(cred).JSON(ctx, cred, wire.Call{Path: "/models"}, &list); err != nil {
		return nil, err
	}
	var models []catalog.Model
	for _, m := range list.Data {
		if m.chats() {
			models = append(models, m.known())
		}
	}
	for _, id := range p.own.Models {
		if !slices.ContainsFunc(models, func(m catalog.Model) bool { return m.ID == id }) {
			models = append(models, catalog.Model{ID: id})
		}
	}
	for i, m := range models {
		known, _ := catalog.Lookup(ID, m.ID)
		m.Thinks, m.Efforts = known.Thinks, known.Efforts
		models[i] = m
	}
	return models, nil
}

// model is one of the list.
type model struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Picker *bool  `json:"model_picker_enabled"`
	Policy struct {
		State string `json:"state"`
	} `json:"policy"`
	Endpoints    []string `json:"supported_endpoints"`
	Capabilities struct {
		Type   string `json:"type"`
		Limits struct {
			Window int `json:"max_context_window_tokens"`
			MaxOut int `json:"max_output_tokens"`
		} `json:"limits"`
		Supports struct {
			Vision bool  `json:"vision"`
			Tools  *bool `json:"tool_calls"`
		} `json:"supports"`
	} `json:"capabilities"`
}

// chats reports whether the account may chat with the model, in a format that is spoken here.
func (m model) chats() bool {
	if m.ID == "" || m.Capabilities.Type != "" && m.Capabilities.Type != "chat" {
		return false
	}
	if m.Picker != nil && !*m.Picker || m.Policy.State != "" && m.Policy.State != "enabled" {
		return false
	}
	return len(m.Endpoints) == 0 || slices.Contains(m.Endpoints, "/chat/completions") || slices.Contains(m.Endpoints, "/responses")
}

func (m model) known() catalog.Model {
	c := m.Capabilities
	return catalog.Model{ID: m.ID, Name: m.Name, Window: c.Limits.Window, MaxOut: c.Limits.MaxOut, Sees: c.Supports.Vision,
		NoTools: c.Supports.Tools != nil && !*c.Supports.Tools}
}

// Stream implements providers.Provider.
func (p *Provider) Stream(ctx context.Context, cred providerauth.Credential, req providers.Request) iter.Seq2[providers.Delta, error] {
	svc := p.at(cred)
	return svc.Stream(ctx, cred, func() (wire.Call, wire.Decoder, error) {
		var call wire.Call
		var dec wire.Decoder
		var err error
		m, _ := catalog.Lookup(ID, req.Model)
		if strings.Contains(req.Model, "codex") { // these have Responses only
			call, dec, err = responses.Prepare(svc, responses.Dialect{Reasons: m.Thinks, NoMaxOut: true}, svc.Base, req)
		} else {
			call, dec, err = chat.Prepare(svc, chat.Dialect{}, svc.Base, req)
		}
		call.Header = header(req)
		return call, dec, err
	})
}

// header says who asks, a person or a tool's result, and that there are images: Copilot counts requests by it.
func header(req providers.Request) http.Header {
	h := http.Header{"Openai-Intent": {"conversation-panel"}, "X-Initiator": {"user"}}
	if n := len(req.Messages); n > 0 && slices.ContainsFunc(req.Messages[n-1].Parts, func(p providers.Part) bool { return p.Result != nil }) {
		h.Set("X-Initiator", "agent")
	}
	if wire.HasImage(req) {
		h.Set("Copilot-Vision-Request", "true")
	}
	return h
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
