package google

import (
	"net/http"
	"testing"

	"chatgateway/internal/secret"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/providertest"
)

var fakeKey = providerauth.Credential{ID: "google", Type: providerauth.Key, Key: secret.New("AIzaFAKE-key-for-tests")}

func TestGoogle(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Harness {
		srv := providertest.NewServer(t, "testdata")
		client := &http.Client{Transport: &http.Transport{}}
		return providertest.Harness{
			Provider: New(providers.Options{BaseURL: srv.URL, Client: client}),
			Cred:     fakeKey, Service: srv, Model: "gemini-3.8-flash", Blind: "gemma-3-1b-it", Client: client,
		}
	})
}
