// Package google speaks the Gemini API (https://ai.google.dev/api/generate-content), at Google AI and, with a key, at
// Vertex AI.
package google

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
)

// Provider is Google AI or Vertex AI.
type Provider struct {
	svc *wire.Service
	row row
	own providers.Options
}

// New makes Google AI.
func New(o providers.Options) *Provider { return build(gemini, o) }

// NewVertex makes Vertex AI in express mode, which takes an API key. Service accounts are not supported.
func NewVertex(o providers.Options) *Provider { return build(vertex, o) }

func build(r row, o providers.Options) *Provider {
	svc := wire.Service{ID: r.id, Name: r.name, Base: r.base, Sign: sign}
	return &Provider{svc: svc.With(o), row: r, own: o}
}

// sign puts a key into its header, never into the URL.
func sign(h http.Header, cred providerauth.Credential) {
	if cred.Type != providerauth.OAuth {
		h.Set("X-Goog-Api-Key", cred.Secret().Reveal())
		return
	}
	h.Set("Authorization", "Bearer "+cred.Secret().Reveal())
	if project := cred.Extra["project"]; project != "" {
		h.Set("X-Goog-User-Project", project)
	}
}

// Auth implements providers.Provider.
func (p *Provider) Auth() providerauth.Scheme { return p.scheme() }

// Models implements providers.Provider.
func (p *Provider) Models(ctx context.Context, cred providerauth.Credential) ([]catalog.Model, error) {
	if p.row.noList {
		return p.filled(catalog.Known("google")), nil
	}
	var models []catalog.Model
	token := ""
	for range maxPages {
		var page struct {
			Models []model `json:"models"`
			Next   string  `json:"nextPageToken"`
		}
		q := url.Values{"pageSize": {"1000"}}
		if token != "" {
			q.Set("pageToken", token)
		}
		if err := p.svc.JSON(ctx, cred, wire.Call{Path: "/models?" + q.Encode()}, &page); err != nil {
			return nil, err
		}
		for _, m := range page.Models {
			if m.chats() {
				models = append(models, m.known())
			}
		}
		if page.Next == "" {
			break
		}
		token = page.Next
	}
	return p.filled(models), nil
}

// Stream implements providers.Provider.
func (p *Provider) Stream(ctx context.Context, cred providerauth.Credential, req providers.Request) iter.Seq2[providers.Delta, error] {
	return p.svc.Stream(ctx, cred, func() (wire.Call, wire.Decoder, error) {
		m, _ := catalog.Lookup("google", req.Model)
		if m.Blind && p.own.ID == "" && wire.HasImage(req) {
			return wire.Call{}, nil, p.svc.Unable("")
		}
		body, err := encode(p.svc, req)
		if err != nil {
			return wire.Call{}, nil, err
		}
		return wire.Call{Path: path(req.Model) + ":streamGenerateContent?alt=sse", Body: body}, &decoder{svc: p.svc}, nil
	})
}

// path gives the path of a model, whatever a person typed as its name.
func path(id string) string {
	if name, ok := strings.CutPrefix(id, "tunedModels/"); ok {
		return "/tunedModels/" + url.PathEscape(name)
	}
	return "/models/" + url.PathEscape(strings.TrimPrefix(id, "models/"))
}

// maxPages bounds a list whose end never comes.
const maxPages = 20

// model is one model of the list.
type model struct {
	Name        string   `json:"name"` // "models/…"
	DisplayName string   `json:"displayName"`
	In          int      `json:"inputTokenLimit"`
	Out         int      `json:"outputTokenLimit"`
	Methods     []string `json:"supportedGenerationMethods"`
	Thinking    bool     `json:"thinking"`
}

func (m model) chats() bool {
	if !slices.Contains(m.Methods, "generateContent") || !wire.Chats(m.Name) {
		return false
	}
	return !slices.ContainsFunc([]string{"-live", "robotics", "computer-use", "-audio", "banana", "aqa", "lyria"}, func(w string) bool {
		return strings.Contains(m.Name, w)
	})
}

func (m model) known() catalog.Model {
	return catalog.Model{ID: strings.TrimPrefix(m.Name, "models/"), Name: m.DisplayName, Window: m.In, MaxOut: m.Out, Thinks: m.Thinking}
}

func (p *Provider) filled(models []catalog.Model) []catalog.Model {
	for _, id := range p.own.Models {
		if !slices.ContainsFunc(models, func(m catalog.Model) bool { return m.ID == id }) {
			models = append(models, catalog.Model{ID: id})
		}
	}
	return catalog.Merge("google", models)
}

// Interface guards
var _ providers.Provider = (*Provider)(nil)
