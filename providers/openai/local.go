package openai

import (
	"context"
	"net/http"
	"time"

	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/catalog"
)

// lmStudioBase is where LM Studio listens unless it was told otherwise.
const lmStudioBase = "http://127.0.0.1:1234/v1"

// detectTime is how long a server on this host may take to answer.
const detectTime = 300 * time.Millisecond

// DetectLMStudio looks for LM Studio on this host, for at most 300 ms. ok is false if it is not there or has no model.
// client is as in providers.Options.
func DetectLMStudio(ctx context.Context, client *http.Client) (baseURL string, models []catalog.Model, ok bool) {
	return detect(ctx, client, lmStudioBase)
}

func detect(ctx context.Context, client *http.Client, base string) (string, []catalog.Model, bool) {
	ctx, cancel := context.WithTimeout(ctx, detectTime)
	defer cancel()
	p := NewKnown("lmstudio", providers.Options{BaseURL: base, Client: client})
	models, err := p.Models(ctx, providerauth.Credential{})
	return base, models, err == nil && len(models) > 0
}
