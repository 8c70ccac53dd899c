package wire

import (
	"context"
	"errors"

	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/catalog"
)

// Ask puts a question of one word to the preferred of some models, to see whether a credential is good where nothing
// else shows it. It gives the error of the request; nil as soon as the model begins to answer.
func Ask(ctx context.Context, p providers.Provider, cred providerauth.Credential, models []catalog.Model) error {
	m, ok := catalog.Pick(models)
	if !ok {
		return &providers.Error{Kind: providers.ErrNoModel, Provider: p.Auth().Name}
	}
	req := providers.Request{Model: m.ID, MaxOut: 1, Messages: []providers.Message{
		{Role: providers.User, Parts: []providers.Part{{Text: "Hi"}}}}}
	for _, err := range p.Stream(ctx, cred, req) {
		if errors.Is(err, providers.ErrCut) && ctx.Err() == nil {
			return nil // it began to answer
		}
		return err
	}
	return nil
}
