package ollama

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"chatgateway/providers"
	"chatgateway/providers/wire"
)

func TestBaseURL(t *testing.T) {
	for host, want := range map[string]string{
		"": "http://127.0.0.1:11434", "0.0.0.0": "http://127.0.0.1:11434", "0.0.0.0:8080": "http://127.0.0.1:8080", ":8080": "http://127.0.0.1:8080",
		"box.lan": "http://box.lan:11434", "http://box.lan:80/": "http://box.lan:80", "https://box.lan": "https://box.lan:443", "[::1]:5": "http://[::1]:5",
		`"127.0.0.1"`: "http://127.0.0.1:11434", "http://x:y": "http://127.0.0.1:11434", "https://box.lan/ollama/": "https://box.lan:443/ollama",
	} {
		if got := baseURL(host); got != want {
			t.Errorf("baseURL(%q) = %q, want %q", host, got, want)
		}
	}
}

func TestEncode(t *testing.T) {
	call := &providers.Call{ID: "c1", Name: "f", Args: json.RawMessage(`{"a":1}`)}
	req := providers.Request{Model: "m", System: "s", MaxOut: 5, Effort: "low", Messages: []providers.Message{
		{Role: providers.User, Parts: []providers.Part{{Text: "a"}, {Blob: &providers.Blob{Type: "image/png", Data: []byte("x")}}}},
		{Role: providers.Assistant, Parts: []providers.Part{{Thought: "hm", Raw: json.RawMessage(`{"thinking":"hm"}`), By: "ollama"}, {Call: call}}},
		{Role: providers.User, Parts: []providers.Part{{Result: &providers.Result{ID: "c1", Text: "r"}}}},
	}}
	body, err := encode(&wire.Service{ID: "ollama"}, req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(body)
	const want = `{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"a","images":["eA=="]},` +
		`{"role":"assistant","content":"","thinking":"hm","tool_calls":[{"id":"c1","function":{"name":"f","arguments":{"a":1}}}]},` +
		`{"role":"tool","content":"r","tool_name":"f","tool_call_id":"c1"}],"think":true,"options":{"num_predict":5},"stream":true,"truncate":false,"shift":false}`
	if err != nil || string(b) != want {
		t.Errorf("got\n%s, %v, want\n%s", b, err, want)
	}
	for model, want := range map[string]string{"gpt-oss:20b": `"think":"low"`, "qwen3": `"think":true`} {
		req.Model = model
		body, _ := encode(&wire.Service{ID: "ollama"}, req)
		if b, _ := json.Marshal(body); !strings.Contains(string(b), want) {
			t.Errorf("%s: got %s", model, b)
		}
	}
	req.Effort = "none"
	body, _ = encode(&wire.Service{ID: "ollama"}, req)
	if b, _ := json.Marshal(body); !strings.Contains(string(b), `"think":false`) {
		t.Errorf("got %s", b)
	}
}

func TestDetect(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"models":[{"name":"llama3.2:latest","model":"llama3.2:latest"}]}`)
	}))
	at := func(url string) *Provider {
		return New(providers.Options{Getenv: func(string) string { return url }})
	}
	if base, models, ok := detect(t.Context(), at(srv.URL)); !ok || len(models) != 1 || base != srv.URL {
		t.Errorf("got %s, %v, %v", base, models, ok)
	}
	srv.Close()
	if _, _, ok := detect(t.Context(), at(srv.URL)); ok {
		t.Error("found where nobody listens")
	}
}

func TestSchemes(t *testing.T) {
	local, cloud := New(providers.Options{Getenv: func(string) string { return "" }}).Auth(), NewCloud(providers.Options{}).Auth()
	if !local.NoKey || len(local.Env) != 0 || cloud.NoKey || cloud.Env[0] != "OLLAMA_API_KEY" || cloud.Hosts[0] != "ollama.com" {
		t.Errorf("got %+v and %+v", local, cloud)
	}
}
