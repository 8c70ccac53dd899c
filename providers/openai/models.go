package openai

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/catalog"
	"chatgateway/providers/wire"
)

// list asks for the models at a base URL. A service without a list has those that are known or configured.
func (p *Provider) list(ctx context.Context, cred providerauth.Credential, base string) ([]catalog.Model, error) {
	if p.row.list == none || p.row.deployments && len(p.own.Models) > 0 {
		return p.filled(nil), nil
	}
	call := wire.Call{Path: base + "/models"}
	if p.row.list != "" {
		call.Path = p.row.list
	}
	var body json.RawMessage
	err := p.svc.JSON(ctx, cred, call, &body)
	var e *providers.Error
	if errors.As(err, &e) && (e.Status == http.StatusNotFound || e.Status == http.StatusMethodNotAllowed) {
		return p.filled(nil), nil
	}
	if err != nil {
		return nil, err
	}
	models, err := wire.ParseModels(body)
	if err != nil {
		return nil, &providers.Error{Kind: providers.ErrBadRequest, Provider: p.svc.Name, Err: err}
	}
	if p.row.keep != nil {
		models = slices.DeleteFunc(models, func(m catalog.Model) bool { return !p.row.keep(m.ID) })
	}
	return p.filled(models), nil
}

// filled adds the configured models, and what is known of each.
func (p *Provider) filled(live []catalog.Model) []catalog.Model {
	if live == nil {
		live = catalog.Known(p.row.id)
	}
	for _, id := range p.own.Models {
		if !slices.ContainsFunc(live, func(m catalog.Model) bool { return m.ID == id }) {
			live = append(live, catalog.Model{ID: id})
		}
	}
	return catalog.Merge(p.row.id, live)
}
