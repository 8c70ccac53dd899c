package codex

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/internal/secret"
	"chatgateway/login"
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

// server is OpenAI's authorization server and the backend, as far as this provider needs them.
type server struct {
	*httptest.Server
	mu      sync.Mutex // guards what follows
	pending int
	off     bool // the sign-in by code is switched off
	status  int  // of refreshes
	seen    []string
}

func jwt(claims map[string]any) string {
	b, _ := json.Marshal(claims)
	return "e30." + base64.RawURLEncoding.EncodeToString(b) + ".FAKE"
}

func start(t *testing.T) (*server, *Provider) {
	s := &server{status: http.StatusOK}
	id := jwt(map[string]any{"email": "ann@example.org", "https://api.openai.com/auth": map[string]any{"chatgpt_account_id": "acc-1", "chatgpt_plan_type": "plus"}})
	access := jwt(map[string]any{"exp": time.Now().Add(time.Hour).Unix()})
	tokens := func(w http.ResponseWriter) {
		_ = json.NewEncoder(w).Encode(map[string]any{"id_token": id, "access_token": access, "refresh_token": "FAKE-refresh"})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/oauth/token", func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("grant_type") == "refresh_token" && s.status != http.StatusOK {
			w.WriteHeader(s.status)
			_, _ = io.WriteString(w, `{"error":{"message":"FAKE-leak","code":"whatever"}}`)
			return
		}
		s.note("token " + r.PostFormValue("grant_type") + " " + r.PostFormValue("code") + " " + r.PostFormValue("redirect_uri"))
		tokens(w)
	})
	mux.HandleFunc("/oauth/revoke", func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		s.note("revoke " + string(b))
	})
	mux.HandleFunc("/api/accounts/deviceauth/usercode", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.off {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, `{"device_auth_id":"dev-1","usercode":"WXYZ-1234","interval":"0.01"}`)
	})
	mux.HandleFunc("/api/accounts/deviceauth/token", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.pending > 0 {
			s.pending--
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(w, `{"authorization_code":"FAKE-code","code_verifier":"FAKE-verifier","code_challenge":"c"}`)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s, New(providers.Options{SignIn: providers.SignIn{
		AuthorizeURL: s.URL + "/oauth/authorize", TokenURL: s.URL + "/oauth/token", RevokeURL: s.URL + "/oauth/revoke",
		DeviceURL: s.URL + "/api/accounts/deviceauth/usercode", RedirectURL: "http://localhost/auth/callback",
	}})
}

func (s *server) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, what)
}

// prompter shows steps to a function.
type prompter func(login.Step) string

func (p prompter) Prompt(ctx context.Context, s login.Step) (secret.String, error) {
	a := p(s)
	if s.Field == nil || a != "" {
		return secret.New(a), nil
	}
	<-ctx.Done()
	return secret.String{}, ctx.Err()
}

func method(t *testing.T, p *Provider, id string) providerauth.Method {
	t.Helper()
	for _, m := range p.Auth().Methods {
		if m.ID == id && m.Off == "" {
			return m
		}
	}
	t.Fatalf("there is no method %q", id)
	return providerauth.Method{}
}

func check(t *testing.T, c providerauth.Credential) {
	t.Helper()
	if c.Extra[accountKey] != "acc-1" || c.Extra["plan"] != "plus" || c.Owner != "ann@example.org" || c.Refresh.Empty() {
		t.Errorf("got %+v", c)
	}
	if d := time.Until(c.Expires); d < 55*time.Minute || d > 65*time.Minute {
		t.Errorf("it expires in %v", d)
	}
}

func TestBrowser(t *testing.T) {
	_, p := start(t)
	c, err := method(t, p, "browser").Login(t.Context(), prompter(func(s login.Step) string {
		if s.Field == nil {
			return ""
		}
		u, _ := url.Parse(s.URL)
		q := u.Query()
		if q.Get("originator") != "chatgateway" || q.Get("codex_cli_simplified_flow") != "true" || !strings.HasPrefix(q.Get("redirect_uri"), "http://localhost:") {
			t.Errorf("the link is %s", s.URL)
		}
		r, err := http.Get(q.Get("redirect_uri") + "?code=FAKE-code&state=" + q.Get("state")) //nolint:noctx // a listener of ours
		if err != nil {
			t.Error(err)
			return "x"
		}
		_ = r.Body.Close()
		return ""
	}))
	if err != nil {
		t.Fatal(err)
	}
	check(t, c)
}

func TestDevice(t *testing.T) {
	s, p := start(t)
	s.pending = 2
	var shown login.Step
	c, err := method(t, p, "device").Login(t.Context(), prompter(func(st login.Step) string {
		if st.Code != "" {
			shown = st
		}
		return ""
	}))
	if err != nil {
		t.Fatal(err)
	}
	check(t, c)
	if shown.Code != "WXYZ-1234" || shown.URL != s.URL+"/codex/device" {
		t.Errorf("shown %+v", shown)
	}
	if want := "token authorization_code FAKE-code " + s.URL + "/deviceauth/callback"; s.seen[0] != want {
		t.Errorf("sent %q, want %q", s.seen[0], want)
	}
	s.off = true
	if _, err = method(t, p, "device").Login(t.Context(), prompter(func(login.Step) string { return "" })); err == nil || !strings.Contains(err.Error(), "Settings, Security") {
		t.Errorf("switched off: %v", err)
	}
}

func TestRenewalAndLogout(t *testing.T) {
	s, p := start(t)
	sc := p.Auth()
	old := providerauth.Credential{ID: ID, Type: providerauth.OAuth, Refresh: secret.New("FAKE-old-refresh")}
	c, err := sc.Refresh(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	check(t, c)
	s.status = http.StatusServiceUnavailable
	if _, err := sc.Refresh(t.Context(), old); err == nil || errors.Is(err, providerauth.ErrNeedsLogin) {
		t.Errorf("a failing server: %v", err)
	}
	s.status = http.StatusUnauthorized
	if _, err := sc.Refresh(t.Context(), old); !errors.Is(err, providerauth.ErrNeedsLogin) || strings.Contains(err.Error(), "FAKE") {
		t.Errorf("a refusal: %v", err)
	}
	if err := sc.Revoke(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if last := s.seen[len(s.seen)-1]; !strings.Contains(last, `"token":"FAKE-old-refresh"`) || !strings.Contains(last, `"client_id"`) {
		t.Errorf("sent %s", last)
	}
}
