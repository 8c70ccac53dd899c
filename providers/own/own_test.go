package own

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"chatgateway/internal/secret"
	"chatgateway/internal/testpeers"
	"chatgateway/login"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/catalog"
)

// inner stands for the provider that speaks to the service.
type inner struct{}

func (inner) Auth() providerauth.Scheme {
	return providerauth.Scheme{Hosts: []string{"models.example"}}
}

func (inner) Models(context.Context, providerauth.Credential) ([]catalog.Model, error) {
	return []catalog.Model{{ID: "one"}}, nil
}

func (inner) Stream(context.Context, providerauth.Credential, providers.Request) iter.Seq2[providers.Delta, error] {
	return func(func(providers.Delta, error) bool) {}
}

// visitor is a person in front of the issuer.
type visitor struct {
	i    *testpeers.Issuer
	mu   sync.Mutex // guards text
	text string
}

func (v *visitor) Prompt(ctx context.Context, s login.Step) (secret.String, error) {
	v.mu.Lock()
	v.text += s.Text + s.URL + s.Code
	v.mu.Unlock()
	switch {
	case s.Code != "":
		v.i.Enter(s.URL, s.Code)
	case s.Field != nil:
		address, _ := v.i.Open(s.URL, false)
		return secret.New(address), nil
	}
	return secret.String{}, ctx.Err()
}

func TestAgainstAnIssuer(t *testing.T) {
	i := testpeers.StartIssuer(t)
	for name, c := range map[string]struct {
		sign   providers.SignIn
		method string
	}{
		"without a secret": {providers.SignIn{Issuer: i.URL, ClientID: "gateway"}, "browser"},
		"with a secret":    {providers.SignIn{Issuer: i.URL + "/", ClientID: "company", ClientSecret: secret.New(testpeers.CompanySecret)}, "browser"},
		"by code":          {providers.SignIn{Issuer: i.URL, ClientID: "gateway", Flow: "device"}, "device"},
		"by its endpoints": {providers.SignIn{AuthorizeURL: i.URL + "/auth", TokenURL: i.URL + "/token", RevokeURL: i.URL + "/token/revocation",
			ClientID: "gateway", Scopes: []string{"openid", "email", "offline_access"}}, "browser"},
	} {
		t.Run(name, func(t *testing.T) {
			before := i.Stats()
			c.sign.RedirectURL = "http://localhost/callback"
			sc := New(providers.Options{ID: "company", Name: "Company AI", SignIn: c.sign}, inner{}).Auth()
			if len(sc.Hosts) != 1 || sc.Name != "Company AI" {
				t.Errorf("got %+v", sc)
			}
			m := providerauth.New(providerauth.Options{Store: &providerauth.Memory{}, Schemes: []providerauth.Scheme{sc}})
			out, err := m.Login(t.Context(), "company", c.method, &visitor{i: i})
			if err != nil {
				t.Fatal(err)
			}
			if out.Credential.Owner != "ann@example.org" || out.Credential.Refresh.Empty() {
				t.Errorf("got %+v", out.Credential)
			}
			if _, err := m.Renew(t.Context(), out.Credential); err != nil {
				t.Error(err)
			}
			gone, err := m.Logout(t.Context(), "company")
			if err != nil || !gone.Revoked {
				t.Errorf("got %+v, %v", gone, err)
			}
			if s := i.Stats(); s.RevokedGrants != before.RevokedGrants+1 {
				t.Errorf("the issuer did %+v", s)
			}
		})
	}
}

func TestMethods(t *testing.T) {
	for name, c := range map[string]struct {
		sign providers.SignIn
		want string
	}{
		"an issuer":   {providers.SignIn{Issuer: "https://id.example"}, "browser device"},
		"by code":     {providers.SignIn{Issuer: "https://id.example", Flow: "device"}, "device"},
		"in browsers": {providers.SignIn{Issuer: "https://id.example", Flow: "code"}, "browser"},
		"endpoints":   {providers.SignIn{AuthorizeURL: "https://id.example/a", TokenURL: "https://id.example/t"}, "browser"},
	} {
		var ids []string
		for _, m := range New(providers.Options{ID: "x", SignIn: c.sign}, inner{}).Auth().Methods {
			ids = append(ids, m.ID)
		}
		if got := strings.Join(ids, " "); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestAWrongIssuer(t *testing.T) {
	answer := `{"issuer":"https://somebody.else","token_endpoint":"https://somebody.else/token"}`
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/.well-known/") {
			t.Errorf("a token went to %s", r.URL.Path)
		}
		_, _ = w.Write([]byte(answer))
	}))
	old := providerauth.Credential{ID: "company", Type: providerauth.OAuth, Refresh: secret.New("FAKE-refresh")}
	for _, a := range []string{answer, `{"issuer":`, `[]`, `<html>FAKE-leak`} {
		answer = a
		sc := New(providers.Options{ID: "company", SignIn: providers.SignIn{Issuer: srv.URL, ClientID: "x"}}, inner{}).Auth()
		if _, err := sc.Refresh(t.Context(), old); err == nil || errors.Is(err, providerauth.ErrNeedsLogin) || strings.Contains(err.Error(), "FAKE") {
			t.Errorf("%s: %v", a, err)
		}
		if _, err := sc.Methods[0].Login(t.Context(), &visitor{}); err == nil {
			t.Errorf("%s: a login went on", a)
		}
	}
	srv.Close()
	sc := New(providers.Options{ID: "company", Name: "Company AI", SignIn: providers.SignIn{Issuer: srv.URL, ClientID: "x"}}, inner{}).Auth()
	_, err := sc.Refresh(t.Context(), old)
	if err == nil || !strings.Contains(err.Error(), "cannot be reached") || strings.Contains(err.Error(), srv.URL) {
		t.Errorf("out of reach: %v", err)
	}
	for _, issuer := range []string{"http://id.example", "javascript:1", "id.example"} {
		sc := New(providers.Options{ID: "company", SignIn: providers.SignIn{Issuer: issuer, ClientID: "x"}}, inner{}).Auth()
		if _, err := sc.Refresh(t.Context(), old); err == nil {
			t.Errorf("%s was taken", issuer)
		}
	}
}
