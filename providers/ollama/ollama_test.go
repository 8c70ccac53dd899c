package ollama

import (
	"net/http"
	"testing"

	"chatgateway/internal/secret"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/providertest"
)

var fakeKey = providerauth.Credential{ID: "ollama-cloud", Type: providerauth.Key, Key: secret.New("FAKE-key-for-tests-ollama")}

func TestOllama(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Harness {
		srv := providertest.NewServer(t, "testdata")
		client := &http.Client{Transport: &http.Transport{}}
		return providertest.Harness{
			Provider: New(providers.Options{BaseURL: srv.URL, Client: client}),
			Cred:     fakeKey, Service: srv, Model: "gemma3:4b", Client: client,
		}
	})
}
