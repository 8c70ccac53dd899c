package codex

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"chatgateway/internal/secret"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/providertest"
)

const models = `{"models":[{"slug":"gpt-5.6-terra","display_name":"GPT-5.6","context_window":272000,"visibility":"list"},{"slug":"secret-model","visibility":"hide"},{"slug":"gpt-3.5-turbo"}]}`

func TestCodex(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Harness {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS("../openai/testdata/responses")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "models.json"), []byte(models), 0o600); err != nil {
			t.Fatal(err)
		}
		srv := providertest.NewServer(t, dir)
		client := &http.Client{Transport: &http.Transport{}}
		return providertest.Harness{
			Provider: New(providers.Options{BaseURL: srv.URL, Client: client}),
			Cred: providerauth.Credential{ID: ID, Type: providerauth.OAuth, Access: secret.New("FAKE-access-token-for-tests"),
				Extra: map[string]string{accountKey: "acc-1"}},
			Service: srv, Model: "gpt-5.6-terra", Blind: "gpt-3.5-turbo", Client: client,
		}
	})
}
