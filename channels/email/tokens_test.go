package email

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/email/emailtest"
	"chatgateway/internal/secret"
	"chatgateway/login"
)

// authServer gives tokens: every renewal replaces the refresh token.
type authServer struct {
	mu      sync.Mutex
	refresh string // guarded by mu: the one that is good
	access  string // guarded by mu
	renewed int    // guarded by mu
	polls   int    // guarded by mu
	keeps   bool   // guarded by mu: a refresh token is good for ever
}

func (a *authServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	say := func(code int, v map[string]any) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(v)
	}
	switch {
	case r.URL.Path == "/device":
		say(200, map[string]any{"device_code": "d", "user_code": "ABCD-EFGH", "verification_uri": "https://login.example/device", "expires_in": 60, "interval": 1})
		return
	case strings.Contains(r.FormValue("grant_type"), "device_code"):
		if a.polls++; a.polls < 2 {
			say(400, map[string]any{"error": "authorization_pending"})
			return
		}
	case r.FormValue("refresh_token") != a.refresh:
		say(400, map[string]any{"error": "invalid_grant", "error_description": "no " + r.FormValue("refresh_token")})
		return
	}
	a.renewed++
	if a.access = nth("FAKE-access-token.%04d", a.renewed); !a.keeps {
		a.refresh = nth("FAKE-refresh-token.%04d", a.renewed)
	}
	say(200, map[string]any{"access_token": a.access, "refresh_token": a.refresh, "token_type": "Bearer", "expires_in": 3600})
}

// xoauthServer is an IMAP server that takes the access token that is good now, and no more than signs in.
func xoauthServer(t *testing.T, a *authServer) int {
	return answers(t, "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hello\r\n", func(line string) string {
		words := strings.Fields(line)
		if len(words) == 4 && words[1] == "AUTHENTICATE" && words[2] == "XOAUTH2" {
			got, _ := base64.StdEncoding.DecodeString(words[3])
			a.mu.Lock()
			defer a.mu.Unlock()
			if string(got) == "user="+emailtest.User+"\x01auth=Bearer "+a.access+"\x01\x01" {
				return words[0] + " OK [CAPABILITY IMAP4rev1] in\r\n"
			}
			return "+ " + base64.StdEncoding.EncodeToString([]byte(`{"status":"400"}`)) + "\r\n"
		}
		if len(words) == 0 { // the empty answer to the challenge
			return "T1 NO [AUTHENTICATIONFAILED] no\r\n"
		}
		return words[0] + " OK done\r\n"
	})
}

func TestTokens(t *testing.T) {
	t.Parallel()
	a := &authServer{refresh: "FAKE-refresh-token.0000"}
	hs := httptest.NewServer(a)
	t.Cleanup(hs.Close)
	r := newRig(t, emailtest.Options{}, func(s *Settings) { s.OAuthTokenURL, s.OAuthDeviceURL = hs.URL+"/token", hs.URL+"/device" })
	r.set.IMAPPort = xoauthServer(t, a)
	secrets := channeltest.NewSecrets(map[string]string{"username": emailtest.User, "client_id": "fake-client", "refresh_token": "FAKE-refresh-token.0000"})
	r.open(secrets)
	in := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		b, err := r.ch.connect(ctx)
		if err == nil {
			b.close()
		}
		return err
	}
	for range 3 {
		if err := in(); err != nil {
			t.Fatal(err)
		}
	}
	if a.renewed != 1 || secrets.Secret("refresh_token").Reveal() != "FAKE-refresh-token.0001" {
		t.Errorf("renewed %d times; want once, and the new refresh token stored", a.renewed)
	}
	a.mu.Lock()
	a.access = "FAKE-access-token.revoked" // as when somebody signs out elsewhere
	a.mu.Unlock()
	if err := in(); err != nil || a.renewed != 2 {
		t.Errorf("a refused token was renewed %d times, and gave %v", a.renewed-1, err)
	}
	a.mu.Lock()
	a.refresh, a.access = "gone", "gone"
	a.mu.Unlock()
	err := in()
	if !errors.Is(err, channels.ErrRejected) || strings.Contains(err.Error(), "FAKE") {
		t.Errorf("a dead refresh token gave %v", err)
	}
	a.mu.Lock()
	a.polls = 0
	a.mu.Unlock()
	p := &prompter{}
	fresh := channeltest.NewSecrets(nil)
	if err := Service.Login(t.Context(), channels.Options{Account: "email", Settings: r.set, Secrets: fresh}, p); err != nil {
		t.Fatal(err)
	}
	if p.code != "ABCD-EFGH" || fresh.Secret("username").Reveal() != emailtest.User || !strings.HasPrefix(fresh.Secret("refresh_token").Reveal(), "FAKE-refresh") {
		t.Errorf("the sign-in showed %q and stored %q", p.code, fresh.Secret("username").Reveal())
	}
	r.open(fresh)
	if err := in(); err != nil {
		t.Errorf("after the sign-in: %v", err)
	}
	if strings.Contains(r.Log(), "FAKE") {
		t.Error("a token is in the log")
	}
}

// prompter answers what a sign-in asks.
type prompter struct{ code string }

func (p *prompter) Prompt(_ context.Context, s login.Step) (secret.String, error) {
	switch {
	case s.Field == nil:
		p.code = s.Code
		return secret.String{}, nil
	case s.Field.Name == "username":
		return secret.New(emailtest.User), nil
	}
	return secret.New("fake-client"), nil
}
