package copilot

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatgateway/internal/secret"
	"chatgateway/login"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/providertest"
)

const models = `{"data":[
 {"id":"gpt-4o","name":"GPT-4o","model_picker_enabled":true,"policy":{"state":"enabled"},"supported_endpoints":["/chat/completions"],
  "capabilities":{"type":"chat","limits":{"max_context_window_tokens":128000,"max_output_tokens":4096},"supports":{"vision":true,"tool_calls":true}}},
 {"id":"claude-x","policy":{"state":"unconfigured"},"capabilities":{"type":"chat"}},
 {"id":"text-embedding","capabilities":{"type":"embeddings"}},
 {"id":"other-wire","capabilities":{"type":"chat"},"supported_endpoints":["/v1/messages"]}]}`

func TestCopilot(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Harness {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS("../openai/testdata/chat")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "models.json"), []byte(models), 0o600); err != nil {
			t.Fatal(err)
		}
		srv := providertest.NewServer(t, dir)
		client := &http.Client{Transport: &http.Transport{}}
		return providertest.Harness{
			Provider: New(providers.Options{BaseURL: srv.URL, Client: client}),
			Cred:     providerauth.Credential{ID: ID, Type: providerauth.OAuth, Access: secret.New("FAKE-bearer-token-for-tests")},
			Service:  srv, Model: "gpt-4o", Client: client,
		}
	})
}

func TestOnlyWhatCanBeUsedIsListed(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, models) }))
	defer srv.Close()
	list, err := New(providers.Options{BaseURL: srv.URL}).Models(t.Context(), providerauth.Credential{})
	if err != nil || len(list) != 1 || list[0].ID != "gpt-4o" || list[0].Window != 128000 || !list[0].Sees {
		t.Errorf("got %+v, %v", list, err)
	}
}

func TestATokenIsSentToGitHubOnly(t *testing.T) {
	p := New(providers.Options{})
	for extra, want := range map[string]string{
		"": "https://api.githubcopilot.com", "https://api.individual.githubcopilot.com/": "https://api.individual.githubcopilot.com",
		"https://evil.example": "https://api.githubcopilot.com", "http://api.x.githubcopilot.com": "https://api.githubcopilot.com",
		"https://githubcopilot.com.evil.example": "https://api.githubcopilot.com",
	} {
		if got := p.at(providerauth.Credential{Extra: map[string]string{endpointKey: extra}}).Base; got != want {
			t.Errorf("%q leads to %s, want %s", extra, got, want)
		}
	}
	if got := p.at(providerauth.Credential{Extra: map[string]string{hostKey: "company.ghe.com"}}).Base; got != "https://copilot-api.company.ghe.com" {
		t.Errorf("a company's is at %s", got)
	}
}

func TestHeader(t *testing.T) {
	h := header(providers.Request{Messages: []providers.Message{{Parts: []providers.Part{{Result: &providers.Result{}}, {Blob: &providers.Blob{Type: "image/png"}}}}}})
	if h.Get("X-Initiator") != "agent" || h.Get("Copilot-Vision-Request") != "true" {
		t.Errorf("got %v", h)
	}
}

func TestItIsOffUntilTurnedOn(t *testing.T) {
	if m := New(providers.Options{}).Auth().Methods[0]; !strings.Contains(m.Off, "providers.github-copilot.restricted_sign_in") {
		t.Errorf("off: %q", m.Off)
	}
	if m := New(providers.Options{SignIn: providers.SignIn{ClientID: "ours"}}).Auth().Methods[0]; m.Off != "" {
		t.Errorf("with a client of one's own: %q", m.Off)
	}
}

func TestCleanHost(t *testing.T) {
	for in, ok := range map[string]bool{"github.com": true, "https://a-b.ghe.com/x": true, "localhost": false, "a b.com": false, "evil.com:80": false, "-a.com": false, "1.2.3.4": false} {
		if hostName.MatchString(cleanHost(in)) != ok {
			t.Errorf("%q is taken: %v", in, !ok)
		}
	}
}

// TestKeyPrompt: whoever is asked for a token reads which kind it takes, and where it is made.
func TestKeyPrompt(t *testing.T) {
	p := New(providers.Options{})
	var shown login.Step
	_, err := p.Auth().Methods[1].Login(t.Context(), prompter(func(s login.Step) string {
		shown = s
		return "github_pat_FAKEfakeFAKEfake00000"
	}))
	if err != nil || !shown.Field.Secret || shown.URL != p.Auth().KeyPage ||
		!strings.HasPrefix(shown.Text, "Send a GitHub token that may use Copilot: a fine-grained one with the permission Copilot Requests") {
		t.Errorf("shown: %+v, %v", shown, err)
	}
}
