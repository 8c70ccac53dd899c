package wire

import (
	"context"
	"errors"

	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/catalog"
)

// maxAsked is how many models Ask tries.
const maxAsked = 3

// Ask puts a question of one word to the preferred of some models, to see whether a credential is good where nothing
// else shows it. It gives the error of the request, nil as soon as a model begins to answer. A model that is on the
// list and not there makes way for the next.
func Ask(ctx context.Context, p providers.Provider, cred providerauth.Credential, models []catalog.Model) error {
	best, _ := catalog.Pick(models)
	ids := []string{best.ID}
	for _, m := range models {
		if m.ID != best.ID && len(ids) < maxAsked {
			ids = append(ids, m.ID)
		}
	}
	err := error(&providers.Error{Kind: providers.ErrNoModel, Provider: p.Auth().Name})
	for _, id := range ids {
		if id == "" {
			break
		}
		err = ask(ctx, p, cred, id)
		if !errors.Is(err, providers.ErrNoModel) && !errors.Is(err, providers.ErrBadRequest) {
			break
		}
	}
	return err
}

func ask(ctx context.Context, p providers.Provider, cred providerauth.Credential, id string) error {
	req := providers.Request{Model: id, MaxOut: 1, Messages: []providers.Message{
		{Role: providers.User, Parts: []providers.Part{{Text: "Hi"}}}}}
	for _, err := range p.Stream(ctx, cred, req) {
		if errors.Is(err, providers.ErrCut) && ctx.Err() == nil {
			return nil // it began to answer
		}
		return err
	}
	return nil
}
