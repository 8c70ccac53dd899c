package anthropic

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"chatgateway/internal/secret"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/wire"
)

// TestHeaders checks how each kind of credential is sent, and that nothing is sent that passes for another program.
func TestHeaders(t *testing.T) {
	var got http.Header
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		_, _ = fmt.Fprint(w, `{"data":[]}`)
	}))
	defer srv.Close()
	p := New(providers.Options{BaseURL: srv.URL + "/v1/"})
	s := secret.New("FAKE-secret-for-tests")
	for _, c := range []struct {
		name         string
		cred         providerauth.Credential
		key, auth    string
		beta, absent string
	}{
		{"key", providerauth.Credential{Type: providerauth.Key, Key: s}, "FAKE-secret-for-tests", "", "", "Authorization"},
		{"sign-in", providerauth.Credential{Type: providerauth.OAuth, Access: s}, "", "Bearer FAKE-secret-for-tests", "oauth-2025-04-20", "X-Api-Key"},
		{"setup-token", providerauth.Credential{Type: providerauth.Token, Key: s}, "", "Bearer FAKE-secret-for-tests", "oauth-2025-04-20", "X-Api-Key"},
		{"token as a key", providerauth.Credential{Type: providerauth.Key, Key: secret.New("sk-ant-oat01-FAKE")}, "", "Bearer sk-ant-oat01-FAKE", "oauth-2025-04-20", "X-Api-Key"},
	} {
		if _, err := p.Models(t.Context(), c.cred); err != nil {
			t.Fatal(err)
		}
		if got.Get("X-Api-Key") != c.key || got.Get("Authorization") != c.auth || got.Get("Anthropic-Beta") != c.beta || got.Values(c.absent) != nil {
			t.Errorf("%s: sent %v", c.name, got)
		}
		if got.Get("Anthropic-Version") != "2023-06-01" || !strings.HasPrefix(got.Get("User-Agent"), "chatgateway/") || got.Get("X-App") != "" {
			t.Errorf("%s: sent %v", c.name, got)
		}
	}
}

func TestModelsInPages(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if after := r.URL.Query().Get("after_id"); after == "" {
			_, _ = fmt.Fprint(w, `{"data":[{"id":"claude-opus-5-5"}],"has_more":true,"last_id":"claude-opus-5-5"}`)
			return
		}
		_, _ = fmt.Fprint(w, `{"data":[{"id":"claude-haiku-4-5"}],"has_more":false,"last_id":"claude-haiku-4-5"}`)
	}))
	defer srv.Close()
	list, err := New(providers.Options{BaseURL: srv.URL, Models: []string{"claude-mine"}}).Models(t.Context(), fakeKey)
	if err != nil || len(list) != 3 || list[1].ID != "claude-haiku-4-5" || list[2].ID != "claude-mine" {
		t.Errorf("got %v, %v", list, err)
	}
}

func TestMiniMaxFindsTheSite(t *testing.T) {
	s := NewKnown("minimax", providers.Options{}).Auth()
	if len(s.Hosts) != 2 || s.Env[0] != "MINIMAX_API_KEY" {
		t.Errorf("got %+v", s)
	}
	site2 := func(good bool) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !good || !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_, _ = fmt.Fprint(w, `{"data":[{"id":"MiniMax-M2.5"}]}`)
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	china := site2(true)
	p := build(row{id: "minimax", name: "MiniMax", base: site2(false), bearer: true, where: "here", siblings: []wire.Site{{Where: "the site in China", Base: china}}}, providers.Options{})
	f, err := p.probe(t.Context(), fakeKey)
	if err != nil || !f.Works || f.Extra[wire.SiteKey] != china || !strings.Contains(f.Note, "China") {
		t.Errorf("found %+v, %v", f, err)
	}
}

func TestCheckKey(t *testing.T) {
	check := New(providers.Options{}).Auth().CheckKey
	if check("sk-ant-api03-FAKE-key-for-tests") != nil || check("sk-ant-admin01-FAKE-key-for-tests") == nil || check("x") == nil {
		t.Error("the shape of keys is judged wrongly")
	}
}
