package openai

import (
	"net/http"
	"testing"

	"chatgateway/internal/secret"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/providertest"
)

var fakeKey = providerauth.Credential{ID: "openai", Type: providerauth.Key, Key: secret.New("sk-proj-FAKE-key-for-tests")}

func TestResponses(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Harness {
		srv := providertest.NewServer(t, "testdata/responses")
		client := &http.Client{Transport: &http.Transport{}}
		return providertest.Harness{
			Provider: New(providers.Options{BaseURL: srv.URL, Client: client}),
			Cred:     fakeKey, Service: srv, Model: "gpt-5.6-terra", Blind: "gpt-3.5-turbo", Client: client,
		}
	})
}

func TestChat(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Harness {
		srv := providertest.NewServer(t, "testdata/chat")
		client := &http.Client{Transport: &http.Transport{}}
		return providertest.Harness{
			Provider: NewKnown("groq", providers.Options{BaseURL: srv.URL, Client: client}),
			Cred:     fakeKey, Service: srv, Model: "openai/gpt-4o", Blind: "openai/gpt-oss-120b", Client: client,
		}
	})
}
