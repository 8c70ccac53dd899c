package copilot

import (
	"context"
	"errors"
	"fmt"
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

const models = `{"data":[
 {"id":"gpt-4o","name":"GPT-4o","model_picker_enabled":true,"policy":{"state":"enabled"},"supported_endpoints":["/chat/completions"],
  "capabilities":{"type":"chat","limits":{"max_context_window_tokens":128000,"max_output_tokens":4096},"supports":{"vision":true,"tool_calls":true}}},
 {"id":"claude-x","policy":{"state":"unconfigured"},"capabilities":{"type":"chat"}},
 {"id":"text-embedding","capabilities":{"type":"embeddings"}},
 {"id":"other-wire","capabilities":{"type":"chat"},"supported_endpoints":["/v1/messages"]}]}`

func TestCopilot(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Harness {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS("../openai/testdata/chat")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "models.json"), []byte(models), 0o600); err != nil {
			t.Fatal(err)
		}
		srv := providertest.NewServer(t, dir)
		client := &http.Client{Transport: &http.Transport{}}
		return providertest.Harness{
			Provider: New(providers.Options{BaseURL: srv.URL, Client: client}),
			Cred:     providerauth.Credential{ID: ID, Type: providerauth.OAuth, Access: secret.New("FAKE-bearer-token-for-tests")},
			Service:  srv, Model: "gpt-4o", Client: client,
		}
	})
}

func TestOnlyWhatCanBeUsedIsListed(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, models) }))
	defer srv.Close()
	list, err := New(providers.Options{BaseURL: srv.URL}).Models(t.Context(), providerauth.Credential{})
	if err != nil || len(list) != 1 || list[0].ID != "gpt-4o" || list[0].Window != 128000 || !list[0].Sees {
		t.Errorf("got %+v, %v", list, err)
	}
}

func TestATokenIsSentToGitHubOnly(t *testing.T) {
	p := New(providers.Options{})
	for extra, want := range map[string]string{
		"": "https://api.githubcopilot.com", "https://api.individual.githubcopilot.com/": "https://api.individual.githubcopilot.com",
		"https://evil.example": "https://api.githubcopilot.com", "http://api.x.githubcopilot.com": "https://api.githubcopilot.com",
		"https://githubcopilot.com.evil.example": "https://api.githubcopilot.com",
	} {
		if got := p.at(providerauth.Credential{Extra: map[string]string{endpointKey: extra}}).Base; got != want {
			t.Errorf("%q leads to %s, want %s", extra, got, want)
		}
	}
	if got := p.at(providerauth.Credential{Extra: map[string]string{hostKey: "company.ghe.com"}}).Base; got != "https://copilot-api.company.ghe.com" {
		t.Errorf("a company's is at %s", got)
	}
}

func TestHeader(t *testing.T) {
	h := header(providers.Request{Messages: []providers.Message{{Parts: []providers.Part{{Result: &providers.Result{}}, {Blob: &providers.Blob{Type: "image/png"}}}}}})
	if h.Get("X-Initiator") != "agent" || h.Get("Copilot-Vision-Request") != "true" {
		t.Errorf("got %v", h)
	}
}

// github is GitHub, as far as this provider needs it.
type github struct {
	*httptest.Server
	mu      sync.Mutex // guards what follows
	status  int        // of the exchange
	pending int
	seen    []string
}

// start gives GitHub, and a provider whose requests to any GitHub host reach it.
func start(t *testing.T) (*github, *Provider) {
	g := &github{status: http.StatusOK, pending: 1}
	mux := http.NewServeMux()
	mux.HandleFunc("/login/device/code", func(w http.ResponseWriter, r *http.Request) {
		g.note(r.Host + " device " + r.PostFormValue("client_id") + " " + r.PostFormValue("scope"))
		_, _ = io.WriteString(w, `{"device_code":"FAKE-device","user_code":"ABCD-1234","verification_uri":"https://github.com/login/device","expires_in":900,"interval":0.01}`)
	})
	mux.HandleFunc("/login/oauth/access_token", func(w http.ResponseWriter, _ *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.pending--; g.pending >= 0 {
			_, _ = io.WriteString(w, `{"error":"authorization_pending"}`)
			return
		}
		_, _ = io.WriteString(w, `{"access_token":"FAKE-github-token","token_type":"bearer","scope":"read:user"}`)
	})
	mux.HandleFunc("/copilot_internal/v2/token", func(w http.ResponseWriter, r *http.Request) {
		g.note(r.Host + " exchange " + r.Header.Get("Authorization") + " " + r.UserAgent())
		g.mu.Lock()
		defer g.mu.Unlock()
		w.WriteHeader(g.status)
		_, _ = fmt.Fprintf(w, `{"token":"tid=1;exp=2;proxy-ep=proxy.individual.githubcopilot.com;FAKE-bearer","expires_at":%d,"refresh_in":1500}`, time.Now().Add(30*time.Minute).Unix())
	})
	mux.HandleFunc("/user", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"login":"ann"}`) })
	g.Server = httptest.NewTLSServer(mux)
	t.Cleanup(g.Close)
	client := g.Client()
	client.Transport = everywhere{g.Server.URL, client.Transport}
	return g, New(providers.Options{Client: client, SignIn: providers.SignIn{Restricted: true}})
}

// everywhere sends every request to one server, and leaves its Host as it was.
type everywhere struct {
	to   string
	base http.RoundTripper
}

func (e everywhere) RoundTrip(r *http.Request) (*http.Response, error) {
	u, err := url.Parse(e.to)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Host, r.URL.Host = r.URL.Host, u.Host
	return e.base.RoundTrip(r)
}

func (g *github) note(what string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = append(g.seen, what)
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
	g, p := start(t)
	code := ""
	c, err := p.Auth().Methods[0].Login(t.Context(), prompter(func(s login.Step) string {
		if s.Code != "" {
			code = s.Code
		}
		return "https://Company.ghe.com/"
	}))
	if err != nil {
		t.Fatal(err)
	}
	if code != "ABCD-1234" || c.Refresh.Reveal() != "FAKE-github-token" || !strings.HasSuffix(c.Access.Reveal(), "FAKE-bearer") || c.Owner != "ann" {
		t.Errorf("got %+v", c)
	}
	if c.Extra[hostKey] != "company.ghe.com" || c.Extra[endpointKey] != "https://api.individual.githubcopilot.com" {
		t.Errorf("got %v", c.Extra)
	}
	if d := time.Until(c.Expires); d < 25*time.Minute || d > 27*time.Minute {
		t.Errorf("it expires in %v", d)
	}
	if g.seen[0] != "company.ghe.com device "+editors+" read:user" || !strings.HasPrefix(g.seen[1], "api.company.ghe.com exchange Bearer FAKE-github-token chatgateway") {
		t.Errorf("sent %q", g.seen)
	}
	for status, want := range map[int]error{http.StatusUnauthorized: providerauth.ErrNeedsLogin, http.StatusServiceUnavailable: nil} {
		g.status = status
		_, err := p.Auth().Refresh(t.Context(), c)
		if err == nil || errors.Is(err, providerauth.ErrNeedsLogin) != (want != nil) || strings.Contains(err.Error(), "FAKE") {
			t.Errorf("status %d: %v", status, err)
		}
	}
	if last := g.seen[len(g.seen)-1]; !strings.HasPrefix(last, "api.company.ghe.com ") {
		t.Errorf("renewed at %s", last)
	}
	g.status = http.StatusForbidden // GitHub exchanges it not; Copilot may take it as it is
	if c, err = p.Auth().Refresh(t.Context(), c); err != nil || c.Access.Reveal() != "FAKE-github-token" || !c.Expires.IsZero() {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestItIsOffUntilTurnedOn(t *testing.T) {
	if m := New(providers.Options{}).Auth().Methods[0]; !strings.Contains(m.Off, "providers.github-copilot.restricted_sign_in") {
		t.Errorf("off: %q", m.Off)
	}
	if m := New(providers.Options{SignIn: providers.SignIn{ClientID: "ours"}}).Auth().Methods[0]; m.Off != "" {
		t.Errorf("with a client of one's own: %q", m.Off)
	}
}

func TestCleanHost(t *testing.T) {
	for in, ok := range map[string]bool{"github.com": true, "https://a-b.ghe.com/x": true, "localhost": false, "a b.com": false, "evil.com:80": false, "-a.com": false, "1.2.3.4": false} {
		if hostName.MatchString(cleanHost(in)) != ok {
			t.Errorf("%q is taken: %v", in, !ok)
		}
	}
}

// TestKeyPrompt: whoever is asked for a token reads which kind it takes, and where it is made.
func TestKeyPrompt(t *testing.T) {
	p := New(providers.Options{})
	var shown login.Step
	_, err := p.Auth().Methods[1].Login(t.Context(), prompter(func(s login.Step) string {
		shown = s
		return "github_pat_FAKEfakeFAKEfake00000"
	}))
	if err != nil || !shown.Field.Secret || shown.URL != p.Auth().KeyPage ||
		!strings.HasPrefix(shown.Text, "Send a GitHub token that may use Copilot: a fine-grained one with the permission Copilot Requests") {
		t.Errorf("shown: %+v, %v", shown, err)
	}
}
