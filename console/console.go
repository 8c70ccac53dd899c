// Package console serves the page's side panel: the live state of channels, providers and the model in force, as
// JSON. It is mounted beside channels/web on one mux, behind that one's access check, and checks nothing itself.
//
// What the panel lets a person do, to log in for instance, it does by commands in the chat: there is one way to do a
// thing, and one check of who may.
package console

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"chatgateway/commands"
	"chatgateway/internal/status"
)

// How long the state, and the lists of models, may take.
const (
	statusWait = 5 * time.Second
	modelsWait = 15 * time.Second
)

// Source is what the panel shows; the gateway is one. It is safe for concurrent use.
type Source interface {
	Status(ctx context.Context) status.Gateway
	// Changed gives a channel that is closed at the next change of the status.
	Changed() <-chan struct{}
	// LocalServers lists model servers that run on this host and need no key.
	LocalServers(ctx context.Context) []commands.Local
	// Models lists what can be chosen, and says of which providers no list could be had. "" means all providers.
	Models(ctx context.Context, provider string) (list []commands.Model, notes []string)
}

// Panel is an http.Handler with two answers in JSON: GET /status, the status.Gateway with the model servers on this
// host under "local", and GET /models. They hold no secret, because what they are made of holds none. Changed tells
// when to ask again; the page hears it through the stream that it has open anyway, since browsers allow few
// connections to one host.
type Panel struct {
	src Source
	mux *http.ServeMux
}

// Handler makes the panel.
func Handler(src Source) *Panel {
	p := &Panel{src: src, mux: http.NewServeMux()}
	p.mux.HandleFunc("GET /status", p.status)
	p.mux.HandleFunc("GET /models", p.models)
	return p
}

// ServeHTTP implements http.Handler.
func (p *Panel) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// Changed gives a channel that is closed at the next change.
func (p *Panel) Changed() <-chan struct{} { return p.src.Changed() }

// local is a commands.Local as the page gets it.
type local struct {
	Provider string `json:"provider"`
	Name     string `json:"name"`
	URL      string `json:"url"`
	Models   int    `json:"models"`
}

func (p *Panel) status(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), statusWait)
	defer cancel()
	var out struct {
		status.Gateway
		Local []local `json:"local"`
	}
	out.Gateway = p.src.Status(ctx)
	for _, l := range p.src.LocalServers(ctx) {
		out.Local = append(out.Local, local(l))
	}
	reply(w, out)
}

// model is a commands.Model as the page gets it.
type model struct {
	Ref    string `json:"ref"` // as /model takes it
	Name   string `json:"name,omitempty"`
	Window int    `json:"window,omitempty"` // tokens
	Sees   bool   `json:"sees,omitempty"`
	Thinks bool   `json:"thinks,omitempty"`
}

func (p *Panel) models(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), modelsWait)
	defer cancel()
	list, notes := p.src.Models(ctx, "")
	out := struct {
		Models []model  `json:"models"`
		Notes  []string `json:"notes,omitempty"`
	}{[]model{}, notes}
	for _, m := range list {
		out.Models = append(out.Models, model{m.Ref.String(), m.Name, m.Window, m.Sees, m.Thinks})
	}
	reply(w, out)
}

func reply(w http.ResponseWriter, out any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(out) // the browser is gone
}
