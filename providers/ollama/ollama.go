// Package ollama speaks Ollama's own API (https://docs.ollama.com/api), to a server on this host or elsewhere, and to
// Ollama's cloud.
package ollama

import (
	"context"
	"encoding/json"
	"iter"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/catalog"
	"chatgateway/providers/wire"
)

// Provider is an Ollama server.
type Provider struct {
	svc *wire.Service
	row row
	own providers.Options
}

// New makes the server on this host, or where OLLAMA_HOST or o.BaseURL says.
func New(o providers.Options) *Provider {
	r := local
	getenv := o.Getenv
	if getenv == nil {
		getenv = os.Getenv
	}
	r.base = baseURL(getenv("OLLAMA_HOST"))
	return build(r, o)
}

// NewCloud makes Ollama's cloud.
func NewCloud(o providers.Options) *Provider { return build(cloud, o) }

func build(r row, o providers.Options) *Provider {
	o.BaseURL = strings.TrimSuffix(strings.TrimSuffix(strings.TrimRight(o.BaseURL, "/"), "/v1"), "/api")
	svc := wire.Service{ID: r.id, Name: r.name, Base: r.base, Sign: sign}
	return &Provider{svc: svc.With(o), row: r, own: o}
}

func sign(h http.Header, cred providerauth.Credential) {
	h.Set("Authorization", "Bearer "+cred.Secret().Reveal())
}

// Auth implements providers.Provider.
func (p *Provider) Auth() providerauth.Scheme { return p.scheme() }

// Models implements providers.Provider. A server on this host is asked about each of its models.
func (p *Provider) Models(ctx context.Context, cred providerauth.Credential) ([]catalog.Model, error) {
	models, err := p.tags(ctx, cred)
	if err != nil {
		return nil, err
	}
	if p.row.noKey {
		models = p.shown(ctx, cred, models)
	}
	for _, id := range p.own.Models {
		if !slices.ContainsFunc(models, func(m catalog.Model) bool { return m.ID == id }) {
			models = append(models, catalog.Model{ID: id})
		}
	}
	return catalog.Merge(p.row.id, models), nil
}

// Stream implements providers.Provider.
func (p *Provider) Stream(ctx context.Context, cred providerauth.Credential, req providers.Request) iter.Seq2[providers.Delta, error] {
	return p.svc.Lines(ctx, cred, func() (wire.Call, wire.Decoder, error) {
		body, err := encode(p.svc, req)
		return wire.Call{Path: "/api/chat", Body: body}, &decoder{svc: p.svc}, err
	})
}

// Detect looks for Ollama on this host, where OLLAMA_HOST says or at its usual port, for at most 300 ms. ok is false
// if it is not there or has no model. client is as in providers.Options.
func Detect(ctx context.Context, client *http.Client) (base string, models []catalog.Model, ok bool) {
	p := New(providers.Options{Client: client})
	base = p.svc.Base
	if !wire.Local(base) {
		return base, nil, false
	}
	return detect(ctx, p)
}

func detect(ctx context.Context, p *Provider) (string, []catalog.Model, bool) {
	ctx, cancel := context.WithTimeout(ctx, detectTime)
	defer cancel()
	models, err := p.tags(ctx, providerauth.Credential{})
	return p.svc.Base, catalog.Merge(p.row.id, models), err == nil && len(models) > 0
}

// detectTime is how long a server on this host may take to answer.
const detectTime = 300 * time.Millisecond

// tags lists the models by name.
func (p *Provider) tags(ctx context.Context, cred providerauth.Credential) ([]catalog.Model, error) {
	var body json.RawMessage
	if err := p.svc.JSON(ctx, cred, wire.Call{Path: "/api/tags"}, &body); err != nil {
		return nil, err
	}
	models, err := wire.ParseModels(body)
	if err != nil {
		return nil, &providers.Error{Kind: providers.ErrBadRequest, Provider: p.svc.Name, Err: err}
	}
	return models, nil
}

// maxShown bounds how many models a server is asked about.
const maxShown = 50

// shown fills in what the server knows of each model, and leaves out those that do not chat. A model that it does not
// tell about stays as it is.
func (p *Provider) shown(ctx context.Context, cred providerauth.Credential, models []catalog.Model) []catalog.Model {
	var out []catalog.Model
	for i, m := range models {
		var show struct {
			Capabilities []string                   `json:"capabilities"`
			Info         map[string]json.RawMessage `json:"model_info"`
		}
		call := wire.Call{Path: "/api/show", Body: map[string]string{"model": m.ID}}
		if i >= maxShown || ctx.Err() != nil || p.svc.JSON(ctx, cred, call, &show) != nil {
			out = append(out, m)
			continue
		}
		if len(show.Capabilities) > 0 {
			if !slices.Contains(show.Capabilities, "completion") {
				continue
			}
			m.Sees = slices.Contains(show.Capabilities, "vision")
			m.Thinks = slices.Contains(show.Capabilities, "thinking")
			m.NoTools = !slices.Contains(show.Capabilities, "tools")
		}
		for k, v := range show.Info {
			if strings.HasSuffix(k, ".context_length") {
				_ = json.Unmarshal(v, &m.Window)
			}
		}
		out = append(out, m)
	}
	return out
}

// baseURL reads OLLAMA_HOST as Ollama does: a URL, a host, a port or both; a server that listens everywhere is asked
// on this host.
func baseURL(host string) string {
	const scheme, ip, port = "http", "127.0.0.1", "11434"
	host = strings.Trim(strings.TrimSpace(host), `"'`)
	if host == "" {
		return scheme + "://" + net.JoinHostPort(ip, port)
	}
	if !strings.Contains(host, "://") {
		host = scheme + "://" + host
	}
	u, err := url.Parse(host)
	if err != nil {
		return scheme + "://" + net.JoinHostPort(ip, port)
	}
	name, number := u.Hostname(), u.Port()
	if name == "" || name == "0.0.0.0" || name == "::" {
		name = ip
	}
	if number == "" {
		number = map[string]string{"http": port, "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(name, number) + strings.TrimRight(u.Path, "/")
}

// Interface guards
var _ providers.Provider = (*Provider)(nil)
