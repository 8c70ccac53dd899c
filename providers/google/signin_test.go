package google

import (
	"context"
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
	a := p(s)
	if s.Field != nil && s.Field.Check != nil {
		if err := s.Field.Check(a); err != nil {
			return secret.String{}, err
		}
	}
	return secret.New(a), ctx.Err()
}

func TestSignIn(t *testing.T) {
	s := New(providers.Options{}).Auth()
	if m := s.Methods[1]; m.ID != "browser" || !strings.Contains(m.Off, "providers.google.oauth.client_id") || s.Refresh != nil {
		t.Errorf("without a client: %+v", m)
	}
	var sent url.Values
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		sent = r.PostForm
		_, _ = io.WriteString(w, `{"access_token":"ya29.FAKE","refresh_token":"1//FAKE","expires_in":3599}`)
	}))
	defer srv.Close()
	s = New(providers.Options{SignIn: providers.SignIn{ClientID: "123456-abc.apps.googleusercontent.com", ClientSecret: secret.New("FAKE-installed"), TokenURL: srv.URL}}).Auth()
	var offered []login.Choice
	c, err := s.Methods[1].Login(t.Context(), prompter(func(st login.Step) string {
		switch {
		case st.Field == nil:
			return ""
		case st.URL == "":
			offered = st.Choices
			return "my-project-1"
		}
		u, _ := url.Parse(st.URL)
		if u.Query().Get("access_type") != "offline" || !strings.HasPrefix(u.Query().Get("redirect_uri"), "http://127.0.0.1:") {
			t.Errorf("the link is %s", st.URL)
		}
		return u.Query().Get("redirect_uri") + "?code=4/FAKE-code&state=" + u.Query().Get("state")
	}))
	if err != nil || c.Extra["project"] != "my-project-1" || c.Refresh.Empty() {
		t.Fatalf("got %+v, %v", c, err)
	}
	if len(offered) != 1 || offered[0].Value != "123456" || sent.Get("client_secret") != "FAKE-installed" || sent.Get("code") != "4/FAKE-code" {
		t.Errorf("offered %v, sent %v", offered, sent)
	}
	if c, err = s.Refresh(t.Context(), providerauth.Credential{ID: "google", Type: providerauth.OAuth, Refresh: c.Refresh}); err != nil || c.Access.Empty() {
		t.Error(err)
	}
}
