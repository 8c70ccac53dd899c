package copilot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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

// github is GitHub, or a company's, as far as this provider needs it: it checks what is sent, and answers as GitHub does,
// a refusal with status 200 too.
type github struct {
	t       *testing.T
	host    string
	mu      sync.Mutex // guards what follows
	off     bool       // the app has no sign-in by code
	pending int        // how often it is asked before the person is done; -1: for ever
	hurry   bool       // the first question comes too soon
	deny    bool
	status  int // of the exchange

	begun, asked time.Time
	interval     time.Duration
	exchanges    []string // what each was authorized by
}

func start(t *testing.T, host string) (*github, *Provider) {
	g := &github{t: t, host: host, pending: 1, interval: 5 * time.Second, status: http.StatusOK}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+host+"/login/device/code", g.device)
	mux.HandleFunc("POST "+host+"/login/oauth/access_token", g.token)
	mux.HandleFunc("GET api."+host+"/copilot_internal/v2/token", g.exchange)
	mux.HandleFunc("GET api."+host+"/user", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer gho_FAKEgithubtoken" {
			t.Errorf("whose it is, is asked with %v", r.Header)
		}
		answer(w, http.StatusOK, map[string]any{"login": "ann", "id": 1, "type": "User"})
	})
	mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked for %s %s%s", r.Method, r.Host, r.URL) })
	client := &http.Client{Transport: providertest.Direct(mux)}
	return g, New(providers.Options{Client: client, SignIn: providers.SignIn{Restricted: true}})
}

func answer(w http.ResponseWriter, status int, fields map[string]any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(fields)
}

// refuses answers with an error as OAuth knows it.
func refuses(w http.ResponseWriter, code, text string, more map[string]any) {
	fields := map[string]any{"error": code, "error_description": text, "error_uri": "https://docs.github.com/developers/apps/authorizing-oauth-apps#error-codes-for-the-device-flow"}
	for k, v := range more {
		fields[k] = v
	}
	answer(w, http.StatusOK, fields)
}

// form checks what GitHub needs to take a form and to answer with JSON.
func (g *github) form(r *http.Request) {
	if kind := r.Header.Get("Content-Type"); kind != "application/x-www-form-urlencoded" || r.Header.Get("Accept") != "application/json" || r.URL.RawQuery != "" {
		g.t.Errorf("%s: the body is %s, the answer is to be %s, the query is %q", r.URL.Path, kind, r.Header.Get("Accept"), r.URL.RawQuery)
	}
}

func (g *github) device(w http.ResponseWriter, r *http.Request) {
	g.form(r)
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case r.PostFormValue("client_id") != editors || r.PostFormValue("scope") != "read:user":
		g.t.Errorf("sent %v", r.PostForm)
	case g.off:
		refuses(w, "device_flow_disabled", "Device Flow must be explicitly enabled for this App", nil)
	default:
		g.begun = time.Now()
		answer(w, http.StatusOK, map[string]any{
			"device_code": "3584d83530557fdd1f46af8289938c8ef79f9dc5", "user_code": "WDJB-MJHT",
			"verification_uri": "https://" + g.host + "/login/device", "expires_in": 900, "interval": 5,
		})
	}
}

func (g *github) token(w http.ResponseWriter, r *http.Request) {
	g.form(r)
	g.mu.Lock()
	defer g.mu.Unlock()
	since := time.Since(g.asked)
	g.asked = time.Now()
	switch {
	case r.PostFormValue("client_id") != editors:
		refuses(w, "incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.", nil)
	case r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:device_code":
		refuses(w, "unsupported_grant_type", "The grant type is not supported.", nil)
	case r.PostFormValue("device_code") != "3584d83530557fdd1f46af8289938c8ef79f9dc5":
		refuses(w, "incorrect_device_code", "The device_code provided is not valid.", nil)
	case time.Since(g.begun) >= 900*time.Second:
		refuses(w, "expired_token", "The device code has expired.", nil)
	case g.hurry || since < g.interval:
		if !g.hurry {
			g.t.Errorf("asked again after %v, and may every %v", since, g.interval)
		}
		g.hurry, g.interval = false, 25*time.Second
		refuses(w, "slow_down", "Too many requests have been made in the same timeframe.", map[string]any{"interval": 25})
	case g.pending != 0:
		g.pending--
		refuses(w, "authorization_pending", "The authorization request is still pending.", nil)
	case g.deny:
		refuses(w, "access_denied", "The authorization request was denied.", nil)
	default:
		answer(w, http.StatusOK, map[string]any{"access_token": "gho_FAKEgithubtoken", "token_type": "bearer", "scope": "read:user"})
	}
}

func (g *github) exchange(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.exchanges = append(g.exchanges, r.Header.Get("Authorization")+" "+r.UserAgent())
	switch g.status {
	case http.StatusOK:
		end := time.Now().Add(30 * time.Minute).Unix()
		answer(w, g.status, map[string]any{
			"token":      fmt.Sprintf("tid=FAKE;exp=%d;sku=monthly_subscriber;proxy-ep=proxy.individual.githubcopilot.com;8kp=1:FAKE-bearer", end),
			"expires_at": end, "refresh_in": 1500, "chat_enabled": true, "sku": "monthly_subscriber",
		})
	case http.StatusUnauthorized:
		answer(w, g.status, map[string]any{"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest", "status": "401"})
	case http.StatusForbidden:
		answer(w, g.status, map[string]any{"message": "Resource not accessible by integration", "documentation_url": "https://docs.github.com/rest", "status": "403"})
	default:
		http.Error(w, "<html>Unicorn! FAKE-leak</html>", g.status)
	}
}

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
	synctest.Test(t, func(t *testing.T) {
		g, p := start(t, "company.ghe.com")
		g.hurry = true
		var shown login.Step
		c, err := p.Auth().Methods[0].Login(t.Context(), prompter(func(s login.Step) string {
			if s.Code != "" {
				shown = s
			}
			return "https://Company.ghe.com/"
		}))
		if err != nil {
			t.Fatal(err)
		}
		if shown.Code != "WDJB-MJHT" || shown.URL != "https://company.ghe.com/login/device" || c.Refresh.Reveal() != "gho_FAKEgithubtoken" || !strings.HasSuffix(c.Access.Reveal(), "FAKE-bearer") || c.Owner != "ann" {
			t.Errorf("shown %+v, got %+v", shown, c)
		}
		if c.Extra[hostKey] != "company.ghe.com" || c.Extra[endpointKey] != "https://api.individual.githubcopilot.com" {
			t.Errorf("got %v", c.Extra)
		}
		if d := time.Until(c.Expires); d != 1560*time.Second {
			t.Errorf("it expires in %v", d)
		}
		if !strings.HasPrefix(g.exchanges[0], "Bearer gho_FAKEgithubtoken chatgateway") {
			t.Errorf("exchanged by %q", g.exchanges)
		}
		for status, ended := range map[int]bool{http.StatusUnauthorized: true, http.StatusServiceUnavailable: false} {
			g.status = status
			_, err := p.Auth().Refresh(t.Context(), c)
			if err == nil || errors.Is(err, providerauth.ErrNeedsLogin) != ended || strings.Contains(err.Error(), "FAKE") {
				t.Errorf("status %d: %v", status, err)
			}
		}
		g.status = http.StatusForbidden // GitHub exchanges it not; Copilot may take it as it is
		if c, err = p.Auth().Refresh(t.Context(), c); err != nil || c.Access.Reveal() != "gho_FAKEgithubtoken" || !c.Expires.IsZero() {
			t.Errorf("got %+v, %v", c, err)
		}
	})
}

func TestSignInEnds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*github)
		want   string
	}{
		"declined":            {func(g *github) { g.deny = true }, "was declined on the page of GitHub Copilot"},
		"the code runs out":   {func(g *github) { g.pending = -1 }, "code"},
		"no sign-in by code":  {func(g *github) { g.off = true }, "switched off for this client"},
		"nothing exchanged":   {func(g *github) { g.status = http.StatusUnauthorized }, "status 401"},
		"a failing exchange":  {func(g *github) { g.status = http.StatusBadGateway }, "status 502"},
		"done at the seventh": {func(g *github) { g.pending = 6 }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, p := start(t, publicHost)
				c.change(g)
				_, err := p.Auth().Methods[0].Login(t.Context(), prompter(func(login.Step) string { return publicHost }))
				if said := providertest.Told(err); said == "" != (c.want == "") || !strings.Contains(said, c.want) || strings.Contains(said, "FAKE") {
					t.Errorf("it ended with %q, want %q", said, c.want)
				}
			})
		})
	}
}
