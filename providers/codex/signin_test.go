package codex

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatgateway/internal/secret"
	"chatgateway/login"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/providertest"
)

const client = "app_EMoamEEZ73f0CkXaXp7hrann"

// server is OpenAI's authorization server as far as this provider needs it: it checks what is sent, and answers as
// OpenAI does.
type server struct {
	t       *testing.T
	mu      sync.Mutex // guards what follows
	pending []answer   // to the polling, before the person is done; the last one for ever if stuck
	stuck   bool
	off     bool   // the sign-in by code is switched off
	renewal answer // to a refresh; zero: it is renewed
	seen    []url.Values
	asked   time.Time
}

// answer is a status and a body.
type answer struct {
	status int
	body   string
}

func jwt(claims map[string]any) string {
	b, _ := json.Marshal(claims)
	return "e30." + base64.RawURLEncoding.EncodeToString(b) + ".FAKE"
}

func start(t *testing.T) (*server, *Provider) {
	s := &server{t: t}
	mux := http.NewServeMux()
	mux.HandleFunc("POST auth.openai.com/oauth/token", s.token)
	mux.HandleFunc("POST auth.openai.com/oauth/revoke", func(w http.ResponseWriter, r *http.Request) {
		s.note(s.json(r, "token", "token_type_hint", "client_id"))
		reply(w, answer{http.StatusOK, `{}`})
	})
	mux.HandleFunc("POST auth.openai.com/api/accounts/deviceauth/usercode", s.userCode)
	mux.HandleFunc("POST auth.openai.com/api/accounts/deviceauth/token", s.poll)
	mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked for %s %s%s", r.Method, r.Host, r.URL) })
	return s, New(providers.Options{
		Client: &http.Client{Transport: providertest.Direct(mux)},
		SignIn: providers.SignIn{RedirectURL: "http://localhost/auth/callback"},
	})
}

func reply(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

// json reads a body that must be JSON with these fields and no other.
func (s *server) json(r *http.Request, fields ...string) url.Values {
	var m map[string]string
	err := json.NewDecoder(r.Body).Decode(&m)
	slices.Sort(fields)
	if got := slices.Sorted(maps.Keys(m)); err != nil || r.Header.Get("Content-Type") != "application/json" || !slices.Equal(got, fields) {
		s.t.Errorf("%s: %s with %v, %v; want JSON with %v", r.URL.Path, r.Header.Get("Content-Type"), got, err, fields)
	}
	v := url.Values{}
	for k, x := range m {
		v.Set(k, x)
	}
	return v
}

func (s *server) note(v url.Values) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, v)
}

func (s *server) token(w http.ResponseWriter, r *http.Request) {
	if kind := r.Header.Get("Content-Type"); kind != "application/x-www-form-urlencoded" || r.PostFormValue("client_id") != client {
		s.t.Errorf("sent %s: %v", kind, r.PostForm)
	}
	s.note(r.PostForm)
	switch grant := r.PostForm.Get("grant_type"); {
	case grant == "refresh_token" && s.renewal != answer{}:
		reply(w, s.renewal)
		return
	case grant == "authorization_code" && (r.PostForm.Get("code") != "FAKE-code" || r.PostForm.Get("code_verifier") == ""):
		reply(w, answer{http.StatusBadRequest, `{"error":{"message":"Invalid authorization code.","type":"invalid_request_error","param":null,"code":"invalid_grant"}}`})
		return
	}
	id := jwt(map[string]any{"email": "ann@example.org", "https://api.openai.com/auth": map[string]any{"chatgpt_account_id": "acc-1", "chatgpt_plan_type": "plus"}})
	body, _ := json.Marshal(map[string]any{"id_token": id, "access_token": jwt(map[string]any{"exp": time.Now().Add(time.Hour).Unix()}), "refresh_token": "FAKE-refresh"})
	reply(w, answer{http.StatusOK, string(body)})
}

func (s *server) userCode(w http.ResponseWriter, r *http.Request) {
	if v := s.json(r, "client_id"); v.Get("client_id") != client {
		s.t.Errorf("sent %v", v)
	}
	if s.off {
		reply(w, answer{http.StatusNotFound, `{"detail":"Not Found"}`})
		return
	}
	s.asked = time.Now()
	reply(w, answer{http.StatusOK, `{"device_auth_id":"deviceauth_FAKE","user_code":"WXYZ-12345","interval":"5"}`})
}

func (s *server) poll(w http.ResponseWriter, r *http.Request) {
	if v := s.json(r, "device_auth_id", "user_code"); v.Get("device_auth_id") != "deviceauth_FAKE" || v.Get("user_code") != "WXYZ-12345" {
		s.t.Errorf("sent %v", v)
	}
	if d := time.Since(s.asked); d < 5*time.Second {
		s.t.Errorf("asked again after %v", d)
	}
	s.asked = time.Now()
	if len(s.pending) == 0 {
		reply(w, answer{http.StatusOK, `{"authorization_code":"FAKE-code","code_challenge":"FAKE-challenge","code_verifier":"FAKE-verifier"}`})
		return
	}
	reply(w, s.pending[0])
	if len(s.pending) > 1 || !s.stuck {
		s.pending = s.pending[1:]
	}
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
		if u.Host+u.Path != "auth.openai.com/oauth/authorize" || q.Get("originator") != "chatgateway" || q.Get("codex_cli_simplified_flow") != "true" ||
			q.Get("scope") != "openid profile email offline_access" || q.Get("code_challenge_method") != "S256" || !strings.HasPrefix(q.Get("redirect_uri"), "http://localhost:") {
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

const stillPending = `{"error":{"message":"Device authorization is pending. Please try again.","type":"invalid_request_error","param":null,"code":"deviceauth_authorization_pending"}}`

func TestDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := start(t)
		s.pending = []answer{{http.StatusForbidden, stillPending}, {http.StatusNotFound, ``}, {http.StatusBadGateway, `<html>`}, {http.StatusForbidden, `{}`}}
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
		if shown.Code != "WXYZ-12345" || shown.URL != "https://auth.openai.com/codex/device" || !strings.Contains(shown.Text, "15 minutes") {
			t.Errorf("shown %+v", shown)
		}
		if v := s.seen[0]; v.Get("redirect_uri") != "https://auth.openai.com/deviceauth/callback" || v.Get("code_verifier") != "FAKE-verifier" {
			t.Errorf("sent %v", v)
		}
	})
}

func TestDeviceEnds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*server)
		want   string
	}{
		"switched off":    {func(s *server) { s.off = true }, "Settings, Security"},
		"nobody comes":    {func(s *server) { s.pending, s.stuck = []answer{{http.StatusForbidden, stillPending}}, true }, "the code was not entered in time"},
		"declined":        {func(s *server) { s.pending = []answer{{http.StatusForbidden, `{"error":{"code":"access_denied"}}`}} }, "was declined"},
		"not taken":       {func(s *server) { s.pending = []answer{{http.StatusBadRequest, `{"error":"FAKE-leak"}`}} }, "status 400"},
		"an empty answer": {func(s *server) { s.pending = []answer{{http.StatusOK, `{"code_challenge":"c"}`}} }, "could not be read"},
		"a code too old": {func(s *server) {
			s.pending = []answer{{http.StatusOK, `{"authorization_code":"old","code_verifier":"v"}`}}
		}, "did not take the code"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, p := start(t)
				c.change(s)
				_, err := method(t, p, "device").Login(t.Context(), prompter(func(login.Step) string { return "" }))
				if said := providertest.Told(err); !strings.Contains(said, c.want) || strings.Contains(said, "FAKE") {
					t.Errorf("it ended with %q, want %q", said, c.want)
				}
			})
		})
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
	if v := s.seen[0]; v.Get("refresh_token") != "FAKE-old-refresh" {
		t.Errorf("sent %v", v)
	}
	for name, a := range map[string]struct {
		answer
		ended bool
	}{
		"a failing server": {answer{http.StatusServiceUnavailable, `upstream connect error`}, false},
		"too often":        {answer{http.StatusTooManyRequests, `{"error":{"message":"FAKE-leak","type":"rate_limit_error","param":null,"code":null}}`}, false},
		"used before":      {answer{http.StatusUnauthorized, `{"error":{"message":"Your refresh token has already been used. FAKE-leak","type":"invalid_request_error","param":null,"code":"refresh_token_reused"}}`}, true},
		"any 401":          {answer{http.StatusUnauthorized, `{"error":{"message":"FAKE-leak","code":"whatever"}}`}, true},
		"by the standard":  {answer{http.StatusBadRequest, `{"error":"invalid_grant","error_description":"FAKE-leak"}`}, true},
	} {
		s.renewal = a.answer
		if _, err := sc.Refresh(t.Context(), old); err == nil || errors.Is(err, providerauth.ErrNeedsLogin) != a.ended || strings.Contains(err.Error(), "FAKE") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := sc.Revoke(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if v := s.seen[len(s.seen)-1]; v.Get("token") != "FAKE-old-refresh" || v.Get("token_type_hint") != "refresh_token" || v.Get("client_id") != client {
		t.Errorf("sent %v", v)
	}
}
