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

// statusWait bounds how long the state may take.
const statusWait = 5 * time.Second

// Source is what the panel shows; the gateway is one. It is safe for concurrent use.
type Source interface {
	Status(ctx context.Context) status.Gateway
	// Changed gives a channel that is closed at the next change of the status.
	Changed() <-chan struct{}
	// LocalServers lists model servers that run on this host and need no key.
	LocalServers(ctx context.Context) []commands.Local
}

// Panel is an http.Handler with one page, GET /status: the status.Gateway as JSON, with the model servers on this host
// under "local". It holds no secret, because package status holds none. Changed tells when to ask again; the page hears it through the stream that it has open
// anyway, since browsers allow few connections to one host.
type Panel struct {
	src Source
	mux *http.ServeMux
}

// Handler makes the panel.
func Handler(src Source) *Panel {
	p := &Panel{src: src, mux: http.NewServeMux()}
	p.mux.HandleFunc("GET /status", p.status)
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
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(out) // the browser is gone
}
