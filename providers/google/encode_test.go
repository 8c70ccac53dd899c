package google

import (
	"encoding/json"
	"strings"
	"testing"

	"chatgateway/internal/sse"
	"chatgateway/providers"
	"chatgateway/providers/wire"
)

var svc = &wire.Service{ID: "google", Name: "Google Gemini"}

func body(t *testing.T, req providers.Request) string {
	t.Helper()
	r, err := encode(svc, req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEffort(t *testing.T) {
	for _, c := range []struct{ model, effort, want string }{
		{"gemini-3.8-flash", "", `"generationConfig":{}`},
		{"gemini-3.8-flash", "high", `"generationConfig":{"thinkingConfig":{"thinkingLevel":"high","includeThoughts":true}}`},
		{"gemini-3.8-flash", "none", `"generationConfig":{"thinkingConfig":{"thinkingLevel":"low"}}`},
		{"gemini-2.5-flash", "none", `"generationConfig":{"thinkingConfig":{"thinkingBudget":0}}`},
		{"gemini-2.5-pro", "none", `"generationConfig":{"thinkingConfig":{"thinkingBudget":128}}`},
		{"models/gemini-2.5-flash", "low", `"generationConfig":{"thinkingConfig":{"thinkingBudget":1024,"includeThoughts":true}}`},
	} {
		if got := body(t, providers.Request{Model: c.model, Effort: c.effort}); !strings.Contains(got, c.want) {
			t.Errorf("%s %q: got %s", c.model, c.effort, got)
		}
	}
}

// TestSignatures checks that a call goes back once, with its signature; and one that another model made without.
func TestSignatures(t *testing.T) {
	call := &providers.Call{ID: "1", Name: "f", Args: json.RawMessage(`{"a":1}`)}
	result := providers.Message{Role: providers.User, Parts: []providers.Part{{Result: &providers.Result{ID: "1", Text: "r"}}}}
	raw := json.RawMessage(`{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"sig"}`)
	for _, c := range []struct {
		name, model string
		parts       []providers.Part
		want        string
	}{
		{"own", "gemini-3.8-flash", []providers.Part{{Text: "t"}, {Call: call}, {Raw: raw, By: "google"}},
			`{"role":"model","parts":[{"text":"t"},{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"sig"}]}`},
		{"other's", "gemini-3.8-flash", []providers.Part{{Call: call}, {Raw: raw, By: "openai"}},
			`{"role":"model","parts":[{"functionCall":{"id":"1","name":"f","args":{"a":1}},"thoughtSignature":"skip_thought_signature_validator"}]}`},
		{"old model", "gemini-2.5-flash", []providers.Part{{Call: call}},
			`{"role":"model","parts":[{"functionCall":{"id":"1","name":"f","args":{"a":1}}}]}`},
		{"text", "gemini-3.8-flash", []providers.Part{{Text: "t"}, {Raw: json.RawMessage(`{"text":"","thoughtSignature":"sig"}`), By: "google"}},
			`{"role":"model","parts":[{"text":"t"},{"text":"","thoughtSignature":"sig"}]}`},
	} {
		got := body(t, providers.Request{Model: c.model, Messages: []providers.Message{{Role: providers.Assistant, Parts: c.parts}, result}})
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %s in it", c.name, got, c.want)
		}
		answer := `{"functionResponse":{"id":"1","name":"f","response":{"output":"r"}}}`
		if c.name == "own" {
			answer = `{"functionResponse":{"name":"f","response":{"output":"r"}}}` // as the call has no id either
		}
		if c.name != "text" && !strings.Contains(got, answer) {
			t.Errorf("%s: the result is missing: %s", c.name, got)
		}
	}
}

func TestPath(t *testing.T) {
	for id, want := range map[string]string{
		"gemini-3.8-flash": "/models/gemini-3.8-flash", "models/gemini-3.8-flash": "/models/gemini-3.8-flash", "tunedModels/mine": "/tunedModels/mine",
		"../../x?key=1#": "/models/..%2F..%2Fx%3Fkey=1%23",
	} {
		if got := path(id); got != want {
			t.Errorf("path(%s) = %s, want %s", id, got, want)
		}
	}
}

func TestVertex(t *testing.T) {
	p := NewVertex(providers.Options{})
	list, err := p.Models(t.Context(), fakeKey)
	if err != nil || len(list) == 0 || p.Auth().ID != "vertex" {
		t.Errorf("got %v, %v", list, err)
	}
}

// FuzzDecode checks that no stream makes it fail otherwise than with an error.
func FuzzDecode(f *testing.F) {
	f.Add(`{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"},"thoughtSignature":"s"},{"text":"a","thoughtSignature":"s"}]},"finishReason":"STOP"}]}`)
	f.Fuzz(func(t *testing.T, in string) {
		d := &decoder{svc: svc}
		_, _ = d.Event(sse.Event{Data: []byte(in)}, func(delta providers.Delta) bool {
			p := delta.Part
			if p.Call != nil && !json.Valid(p.Call.Args) || p.Raw != nil && !json.Valid(p.Raw) {
				t.Errorf("got %+v", p)
			}
			return true
		})
	})
}
