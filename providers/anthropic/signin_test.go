package anthropic

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"chatgateway/internal/secret"
	"chatgateway/login"
	"chatgateway/providerauth"
	"chatgateway/providers"
)

type prompter func(login.Step) string

func (p prompter) Prompt(ctx context.Context, s login.Step) (secret.String, error) {
	return secret.New(p(s)), ctx.Err()
}

func TestSignIn(t *testing.T) {
	s := New(providers.Options{}).Auth()
	browser := s.Methods[len(s.Methods)-1]
	if browser.ID != "browser" || !strings.Contains(browser.Off, "providers.anthropic.restricted_sign_in: true") || s.Refresh != nil {
		t.Errorf("it is not off: %+v", browser)
	}

	var sent map[string]string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(&sent)
		_, _ = io.WriteString(w, `{"access_token":"sk-ant-oat01-FAKE","refresh_token":"sk-ant-ort01-FAKE","expires_in":28800,"account":{"email_address":"ann@example.org"}}`)
	}))
	defer srv.Close()
	s = New(providers.Options{SignIn: providers.SignIn{Restricted: true, TokenURL: srv.URL}}).Auth()
	browser = s.Methods[len(s.Methods)-1]
	state := ""
	c, err := browser.Login(t.Context(), prompter(func(st login.Step) string {
		if st.Field == nil {
			return ""
		}
		u, _ := url.Parse(st.URL)
		state = u.Query().Get("state")
		if u.Host != "claude.ai" || u.Query().Get("code") != "true" {
			t.Errorf("the link is %s", st.URL)
		}
		return "FAKE-code#" + state
	}))
	if err != nil || c.Owner != "ann@example.org" || c.Access.Empty() {
		t.Fatalf("got %+v, %v", c, err)
	}
	if sent["code"] != "FAKE-code" || sent["state"] != state || sent["code_verifier"] == "" || sent["code_verifier"] == state {
		t.Errorf("sent %v", sent)
	}
	if _, err := s.Refresh(t.Context(), c); err != nil || sent["grant_type"] != "refresh_token" {
		t.Errorf("sent %v, %v", sent, err)
	}
	if n := len(New(providers.Options{BaseURL: "https://proxy.example"}).Auth().Methods); n != 1 {
		t.Errorf("at another address there are %d ways to log in", n)
	}
}

func TestSetupToken(t *testing.T) {
	s := New(providers.Options{}).Auth()
	token := "sk-ant-oat01-" + strings.Repeat("FAKE", 20)
	for in, ok := range map[string]bool{token: true, token[:60]: false, "sk-ant-api03-" + strings.Repeat("FAKE", 20): false} {
		if err := checkSetupToken(in); (err == nil) != ok {
			t.Errorf("%.20s…: %v", in, err)
		}
	}
	c, err := s.Methods[1].Login(t.Context(), prompter(func(login.Step) string { return token }))
	if err != nil || c.Type != providerauth.Token || c.Expires.IsZero() {
		t.Errorf("got %+v, %v", c, err)
	}
}

// A setup-token may ask models and nothing else: that it may not list them does not make it bad.
func TestSetupTokenThatMayNotListModels(t *testing.T) {
	denied := roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(
			`{"type":"error","error":{"type":"permission_error","message":"OAuth token does not meet scope requirement user:profile"}}`))}, nil
	})
	s := New(providers.Options{Client: &http.Client{Transport: denied}}).Auth()
	for kind, sure := range map[providerauth.Type]bool{providerauth.Token: false, providerauth.Key: true} {
		f, err := s.Probe(t.Context(), providerauth.Credential{Type: kind, Key: secret.New("sk-ant-oat01-" + strings.Repeat("FAKE", 20))})
		if err != nil || f.Works || f.Sure != sure || f.Note == "" {
			t.Errorf("%s: %+v, %v", kind, f, err)
		}
	}
}

// One that the service does not know is bad, of whatever kind.
func TestSetupTokenThatIsRefused(t *testing.T) {
	refused := roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(
			`{"type":"error","error":{"type":"authentication_error","message":"OAuth token is invalid"}}`))}, nil
	})
	s := New(providers.Options{Client: &http.Client{Transport: refused}}).Auth()
	f, err := s.Probe(t.Context(), providerauth.Credential{Type: providerauth.Token, Key: secret.New("sk-ant-oat01-" + strings.Repeat("FAKE", 20))})
	if err != nil || f.Works || !f.Sure {
		t.Errorf("%+v, %v", f, err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
