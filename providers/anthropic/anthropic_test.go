package anthropic

import (
	"net/http"
	"testing"

	"chatgateway/internal/secret"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/providertest"
)

var fakeKey = providerauth.Credential{ID: "anthropic", Type: providerauth.Key, Key: secret.New("sk-ant-api03-FAKE-key-for-tests")}

func TestAnthropic(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Harness {
		srv := providertest.NewServer(t, "testdata")
		client := &http.Client{Transport: &http.Transport{}}
		return providertest.Harness{
			Provider: New(providers.Options{BaseURL: srv.URL, Client: client}),
			Cred:     fakeKey, Service: srv, Model: "claude-opus-5-5", Client: client,
		}
	})
}
