package google

import (
	"testing"

	"chatgateway/internal/secret"
	"chatgateway/internal/testpeers"
	"chatgateway/login"
	"chatgateway/providers"
)

// TestSignInAtARealServer signs in at a real authorization server with a client that has a secret, and renews.
func TestSignInAtARealServer(t *testing.T) {
	i := testpeers.StartIssuer(t)
	s := New(providers.Options{SignIn: providers.SignIn{
		ClientID: "company", ClientSecret: secret.New(testpeers.CompanySecret), AuthorizeURL: i.URL + "/auth", TokenURL: i.URL + "/token",
		RedirectURL: "http://localhost/callback", Scopes: []string{"openid", "offline_access"},
	}}).Auth()
	got, err := s.Methods[1].Login(t.Context(), prompter(func(st login.Step) string {
		switch {
		case st.Field == nil:
			return ""
		case st.URL == "":
			return "my-project-1"
		}
		address, _ := i.Open(st.URL, false)
		return address
	}))
	if err != nil || got.Extra["project"] != "my-project-1" {
		t.Fatalf("got %v, %v", got.Extra, err)
	}
	renewed, err := s.Refresh(t.Context(), got)
	if err != nil || renewed.Access.Equal(got.Access) || renewed.Refresh.Equal(got.Refresh) {
		t.Errorf("the renewal: %v", err)
	}
}
