package openai

import (
	"testing"

	"chatgateway/internal/testpeers"
	"chatgateway/login"
	"chatgateway/providerauth"
	"chatgateway/providers"
)

// TestSignInsAtARealServer signs in as each service that is plain OAuth does, at a real authorization server, and renews.
func TestSignInsAtARealServer(t *testing.T) {
	i := testpeers.StartIssuer(t)
	own := providers.SignIn{
		ClientID: "gateway", AuthorizeURL: i.URL + "/auth", TokenURL: i.URL + "/token", DeviceURL: i.URL + "/device/auth",
		RedirectURL: "http://localhost/callback", Scopes: []string{"openid", "offline_access"},
	}
	for _, c := range []struct{ service, method string }{{"qwen", "device"}, {"huggingface", "device"}, {"huggingface", "browser"}} {
		t.Run(c.service+" "+c.method, func(t *testing.T) {
			t.Parallel()
			s := NewKnown(c.service, providers.Options{SignIn: own}).Auth()
			visit := prompter(func(st login.Step) string {
				switch {
				case st.Code != "":
					i.Enter(st.URL, st.Code)
				case st.URL != "":
					i.Open(st.URL, true)
				}
				return ""
			})
			var got providerauth.Credential
			for _, m := range s.Methods {
				if m.ID != c.method {
					continue
				}
				var err error
				if got, err = m.Login(t.Context(), visit); err != nil {
					t.Fatal(err)
				}
			}
			renewed, err := s.Refresh(t.Context(), got)
			if err != nil || renewed.Access.Empty() || renewed.Access.Equal(got.Access) || renewed.Refresh.Equal(got.Refresh) {
				t.Errorf("the renewal: %v", err)
			}
		})
	}
}
