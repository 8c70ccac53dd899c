package openai

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"chatgateway/internal/secret"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/wire"
)

func noEnv(string) string { return "" }

func TestTable(t *testing.T) {
	ids, names := map[string]bool{"openai": true}, map[string]string{"OPENAI_API_KEY": "openai"}
	for _, id := range Compatible() {
		p := NewKnown(id, providers.Options{Getenv: noEnv})
		s := p.Auth()
		if ids[id] {
			t.Errorf("%s is there twice", id)
		}
		ids[id] = true
		for _, a := range s.Aliases {
			if ids[a] {
				t.Errorf("%s: the alias %s is taken", id, a)
			}
			ids[a] = true
		}
		for _, v := range s.Env {
			if names[v] != "" {
				t.Errorf("%s: %s serves %s", id, v, names[v])
			}
			names[v] = id
		}
		if s.Name == "" || len(s.Methods) == 0 || s.Probe == nil || s.KeyPage == "" && !s.NoKey {
			t.Errorf("%s: got %+v", id, s)
		}
		if id == "azure" {
			continue // its base is a variable
		}
		u, err := url.Parse(p.svc.Base)
		if err != nil || u.Scheme != "https" && !s.NoKey || u.RawQuery != "" || strings.HasSuffix(u.Path, "/") || !slices.Contains(s.Hosts, u.Hostname()) {
			t.Errorf("%s: the base URL %s, hosts %v", id, p.svc.Base, s.Hosts)
		}
	}
	if NewKnown("nothing", providers.Options{}) != nil {
		t.Error("an unknown service was made")
	}
}

func TestExpand(t *testing.T) {
	env := map[string]string{}
	get := func(k string) string { return env[k] }
	azure := table[slices.IndexFunc(table, func(r row) bool { return r.id == "azure" })].base
	for _, c := range []struct {
		base string
		env  map[string]string
		want string
	}{
		{"https://a.example", nil, "https://a.example"},
		{"https://b.${AWS_REGION:us-east-1}.example", nil, "https://b.us-east-1.example"},
		{"https://b.${AWS_REGION:us-east-1}.example", map[string]string{"AWS_REGION": "eu-west-1"}, "https://b.eu-west-1.example"},
		{azure, nil, ""},
		{azure, map[string]string{"AZURE_RESOURCE_NAME": "res"}, "https://res.openai.azure.com/openai/v1"},
		{azure, map[string]string{"AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com/"}, "https://x.openai.azure.com/openai/v1"},
	} {
		env = c.env
		if got := expand(c.base, get); got != c.want {
			t.Errorf("expand(%s, %v) = %q, want %q", c.base, c.env, got, c.want)
		}
	}
}

func TestAzure(t *testing.T) {
	var got http.Header
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		_, _ = fmt.Fprint(w, `{"data":[{"id":"base-model"}]}`)
	}))
	defer srv.Close()
	p := NewKnown("azure", providers.Options{BaseURL: srv.URL, Models: []string{"my-deployment"}, Getenv: noEnv})
	list, err := p.Models(t.Context(), fakeKey)
	if err != nil || len(list) != 1 || list[0].ID != "my-deployment" {
		t.Errorf("got %v, %v", list, err)
	}
	for range p.Stream(t.Context(), fakeKey, providers.Request{Model: "my-deployment"}) {
	}
	if got.Get("Api-Key") != fakeKey.Key.Reveal() || got.Get("Authorization") != "" {
		t.Errorf("the header was %v", got)
	}
	where := NewKnown("azure", providers.Options{Getenv: noEnv})
	for _, err := range where.Stream(t.Context(), fakeKey, providers.Request{Model: "m"}) {
		if m, ok := err.(interface{ UserMessage() string }); !ok || !strings.Contains(m.UserMessage(), "base_url") {
			t.Errorf("got %v", err)
		}
	}
}

// sites answers at two sites: a key that begins with the site's name is good there.
func sites(t *testing.T, status int, body string) (a, b string) {
	t.Helper()
	site := func(name string) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer "+name) {
				w.WriteHeader(status)
				_, _ = fmt.Fprint(w, body)
				return
			}
			if r.Method == http.MethodPost {
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = fmt.Fprint(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
				return
			}
			_, _ = fmt.Fprintf(w, `{"data":[{"id":"model-of-%s"}]}`, name)
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	return site("first"), site("second")
}

func TestProbeFindsTheSite(t *testing.T) {
	for _, c := range []struct {
		name   string
		check  string
		plans  bool
		status int
		body   string
	}{
		{"list", "", false, 401, `{"error":{"message":"Invalid Authentication"}}`},
		{"plan", ask, true, 429, `{"error":{"code":"1113","message":"Insufficient balance"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			first, second := sites(t, c.status, c.body)
			r := row{id: "x", name: "X", base: first, where: "the first site", siblings: []wire.Site{{Where: "the second site", Base: second}}, check: c.check, plans: c.plans, words: zaiWords}
			p := build(r, providers.Options{Client: &http.Client{Transport: &http.Transport{}}, Getenv: noEnv})
			key := func(k string) providerauth.Credential {
				return providerauth.Credential{Type: providerauth.Key, Key: secret.New(k + "-FAKE-key-for-tests"), Source: providerauth.FromStore}
			}
			for k, want := range map[string]string{"first": "", "second": "the second site"} {
				f, err := p.probe(t.Context(), key(k))
				if err != nil || !f.Works || !f.Sure || !strings.Contains(f.Note, want) || (want != "") != (f.Extra[wire.SiteKey] == second) {
					t.Errorf("%s: found %+v, %v", k, f, err)
				}
			}
			if f, _ := p.probe(t.Context(), key("neither")); f.Works && c.name == "list" {
				t.Errorf("found %+v", f)
			}
			env := key("second")
			env.Source = providerauth.FromEnv
			if f, _ := p.probe(t.Context(), env); !strings.Contains(f.Note, "base_url") {
				t.Errorf("from the environment: %+v", f)
			}
			cred := key("second")
			cred.Extra = map[string]string{wire.SiteKey: second}
			list, err := p.Models(t.Context(), cred)
			if err != nil || len(list) != 1 || list[0].ID != "model-of-second" {
				t.Errorf("got %v, %v", list, err)
			}
			cred.Extra = map[string]string{wire.SiteKey: "https://evil.example"}
			if p.base(cred) != first {
				t.Error("any base URL is taken from a credential")
			}
		})
	}
}

func TestProbePublicListProvesNothing(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = fmt.Fprint(w, `{"data":[{"id":"gone"},{"id":"m"}]}`)
			return
		}
		var body struct {
			Model string `json:"model"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		switch {
		case !strings.Contains(r.Header.Get("Authorization"), "good"):
			w.WriteHeader(401)
		case body.Model == "gone":
			w.WriteHeader(404)
		default:
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = fmt.Fprint(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n")
		}
	}))
	defer srv.Close()
	p := NewKnown("nvidia", providers.Options{BaseURL: srv.URL, Getenv: noEnv})
	for k, works := range map[string]bool{"good": true, "bad": false} {
		f, err := p.probe(t.Context(), providerauth.Credential{Type: providerauth.Key, Key: secret.New(k + "-FAKE-key-for-tests")})
		if err != nil || f.Works != works || !f.Sure {
			t.Errorf("%s: found %+v, %v", k, f, err)
		}
	}
}

func TestCheckKey(t *testing.T) {
	for _, c := range []struct {
		id, key string
		ok      bool
	}{
		{"kimi", "sk-FAKEkeyfortests0123456", true},
		{"kimi", "sk-kimi-FAKEkeyfortests01", false},
		{"groq", "zq9", false},
		{"groq", "any-prefix-FAKE-key-for-tests", true},
		{"lmstudio", "x", true},
	} {
		if err := NewKnown(c.id, providers.Options{Getenv: noEnv}).Auth().CheckKey(c.key); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.id, err)
		} else if err != nil && strings.Contains(err.Error(), c.key) {
			t.Errorf("%s: the key is repeated: %v", c.id, err)
		}
	}
	own := NewCompatible(providers.Options{ID: "mine", BaseURL: "https://models.example/v1"}, "chat")
	if own.Auth().CheckKey("x") != nil {
		t.Error("a key for a service of one's own was refused")
	}
}

func TestNewCompatible(t *testing.T) {
	for base, noKey := range map[string]bool{"http://127.0.0.1:8000/v1": true, "http://localhost:8000/v1/": true, "https://models.example/v1": false} {
		s := NewCompatible(providers.Options{ID: "mine", Name: "Mine", BaseURL: base, Env: []string{"MINE"}}, "").Auth()
		if s.NoKey != noKey || s.ID != "mine" || s.Name != "Mine" || len(s.Env) != 1 || len(s.Hosts) != 1 {
			t.Errorf("%s: got %+v", base, s)
		}
	}
	if !NewCompatible(providers.Options{ID: "mine", BaseURL: "http://10.0.0.2", NoKey: true}, "").Auth().NoKey {
		t.Error("NoKey was not taken")
	}
	if NewCompatible(providers.Options{ID: "mine", BaseURL: "http://10.0.0.2"}, "responses").row.responses == false {
		t.Error("the format was not taken")
	}
}

func TestDetect(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, `{"data":[{"id":"qwen3-4b"},{"id":"text-embedding-nomic"}]}`)
	}))
	if _, models, ok := detect(t.Context(), nil, srv.URL+"/v1"); !ok || len(models) != 1 {
		t.Errorf("got %v, %v", models, ok)
	}
	srv.Close()
	if _, _, ok := detect(t.Context(), nil, srv.URL+"/v1"); ok {
		t.Error("found where nobody listens")
	}
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*detectTime)
	defer cancel()
	if _, _, ok := detect(ctx, nil, silent.URL+"/v1"); ok || ctx.Err() != nil {
		t.Error("it waited for a silent server")
	}
}

func TestOpenAIsModels(t *testing.T) {
	for id, want := range map[string]bool{"gpt-5.6-terra": true, "o4-mini": true, "chatgpt-4o-latest": true, "ft:gpt-4o:x": true, "gpt-4o-audio-preview": false, "gpt-4o-search-preview": false, "omni-moderation-latest": false, "gpt-3.5-turbo-instruct": false, "gpt-image-1": false, "sora-2": false} {
		if isOpenAI(id) != want {
			t.Errorf("isOpenAI(%s) is %v", id, !want)
		}
	}
}

func TestBedrock(t *testing.T) {
	var paths []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path+" "+r.Header.Get("Authorization")+" "+r.Header.Get("Anthropic-Version"))
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer srv.Close()
	p := NewKnown("bedrock", providers.Options{BaseURL: srv.URL + "/v1", Getenv: noEnv})
	for _, id := range []string{"anthropic.claude-opus-4-8", "openai.gpt-5.6-terra", "openai.gpt-oss-120b", "qwen.qwen3-32b"} {
		for range p.Stream(t.Context(), fakeKey, providers.Request{Model: id}) {
		}
	}
	auth := "Bearer " + fakeKey.Key.Reveal()
	want := []string{"/anthropic/v1/messages " + auth + " 2023-06-01", "/openai/v1/responses " + auth + " ", "/v1/chat/completions " + auth + " ", "/v1/chat/completions " + auth + " "}
	if !slices.Equal(paths, want) {
		t.Errorf("got %q, want %q", paths, want)
	}
	s := NewKnown("bedrock", providers.Options{Getenv: func(k string) string { return map[string]string{"AWS_REGION": "eu-west-1"}[k] }}).Auth()
	if s.Hosts[0] != "bedrock-mantle.eu-west-1.api.aws" {
		t.Errorf("the hosts are %v", s.Hosts)
	}
}
