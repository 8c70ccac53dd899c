package openai

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"chatgateway/internal/secret"
	"chatgateway/login"
	"chatgateway/providerauth"
	"chatgateway/providers"
)

type prompter func(login.Step) string

func (p prompter) Prompt(ctx context.Context, s login.Step) (secret.String, error) {
	a := p(s)
	if s.Field != nil && a == "" {
		<-ctx.Done()
	}
	return secret.New(a), ctx.Err()
}

func TestOpenRouterSignIn(t *testing.T) {
	var sent map[string]string
	status := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/auth/keys" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		_ = json.NewDecoder(r.Body).Decode(&sent)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"key":"sk-or-v1-FAKE-key","user_id":"u"}`)
	}))
	defer srv.Close()
	p := NewKnown("openrouter", providers.Options{SignIn: providers.SignIn{TokenURL: srv.URL + "/api/v1/auth/keys", RedirectURL: "http://localhost/callback"}})
	m := p.Auth().Methods[0]
	challenge := ""
	visit := prompter(func(s login.Step) string {
		if s.Field == nil {
			return ""
		}
		u, err := url.Parse(s.URL)
		if err != nil || u.Host != "openrouter.ai" || u.Path != "/auth" {
			t.Errorf("the link is %s", s.URL)
		}
		challenge = u.Query().Get("code_challenge")
		back, _ := url.Parse(u.Query().Get("callback_url"))
		q := back.Query()
		if len(q.Get("state")) < 20 {
			t.Errorf("the way back has no nonce: %s", back)
		}
		q.Set("code", "FAKE-code")
		back.RawQuery = q.Encode()
		r, err := http.Get(back.String()) //nolint:noctx // a listener of ours
		if err != nil {
			t.Error(err)
			return "x"
		}
		_ = r.Body.Close()
		return ""
	})
	c, err := m.Login(t.Context(), visit)
	if err != nil || c.Type != providerauth.Key || c.Key.Reveal() != "sk-or-v1-FAKE-key" {
		t.Fatalf("%v", err)
	}
	if sent["code"] != "FAKE-code" || oauth2.S256ChallengeFromVerifier(sent["code_verifier"]) != challenge || sent["code_challenge_method"] != "S256" {
		t.Errorf("sent %v", sent)
	}
	status = http.StatusForbidden
	if _, err := m.Login(t.Context(), visit); err == nil || strings.Contains(err.Error(), "FAKE") {
		t.Errorf("got %v", err)
	}
}

func TestSignInsThatNeedSomething(t *testing.T) {
	off := func(id, method string, o providers.Options) string {
		for _, m := range NewKnown(id, o).Auth().Methods {
			if m.ID == method {
				return m.Off
			}
		}
		return "none"
	}
	if got := off("huggingface", "device", providers.Options{}); !strings.Contains(got, "providers.huggingface.oauth.client_id") {
		t.Errorf("Hugging Face without an app: %q", got)
	}
	if got := off("huggingface", "browser", providers.Options{SignIn: providers.SignIn{ClientID: "ours"}}); got != "" {
		t.Errorf("Hugging Face with an app: %q", got)
	}
	if got := off("qwen", "device", providers.Options{}); !strings.Contains(got, "15 April 2026") || !strings.Contains(got, "DashScope") {
		t.Errorf("Qwen: %q", got)
	}
	own := providers.SignIn{ClientID: "ours", DeviceURL: "https://id.example/d", TokenURL: "https://id.example/t"}
	if got := off("qwen", "device", providers.Options{SignIn: own}); got != "" {
		t.Errorf("Qwen with endpoints: %q", got)
	}
	for _, id := range []string{"openrouter", "huggingface", "qwen"} {
		if n := len(NewKnown(id, providers.Options{BaseURL: "https://proxy.example"}).Auth().Methods); n != 1 {
			t.Errorf("%s at another address still has %d ways to log in", id, n)
		}
	}
}
