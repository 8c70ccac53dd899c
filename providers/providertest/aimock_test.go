package providertest_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"chatgateway/internal/secret"
	"chatgateway/internal/testpeers"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/anthropic"
	"chatgateway/providers/google"
	"chatgateway/providers/ollama"
	"chatgateway/providers/openai"
	"chatgateway/providers/providertest"
)

const aimockKey = "FAKE-key-for-tests-aimock"

// TestAimock asks a model server that we did not write, in every format.
func TestAimock(t *testing.T) {
	weather := providers.Tool{Name: "weather", Help: "Tells the weather.", Schema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}}}`)}
	m := testpeers.StartAimock(t, []string{aimockKey},
		testpeers.Fixture{Match: map[string]any{"userMessage": "rain", "hasToolResult": true}, Response: map[string]any{"content": "Take an umbrella."}},
		testpeers.Fixture{Match: map[string]any{"userMessage": "rain"}, Response: map[string]any{
			"toolCalls": []any{map[string]any{"name": "weather", "arguments": map[string]any{"city": "Paris"}}}}},
		testpeers.Fixture{Match: map[string]any{"userMessage": "think"}, Response: map[string]any{"content": "It is 42.", "reasoning": "Let me think about it."}},
		testpeers.Fixture{Match: map[string]any{"userMessage": "cut"}, Response: map[string]any{"content": strings.Repeat("This will be cut. ", 20)}, Cut: 8, Latency: 5},
		testpeers.Fixture{Match: map[string]any{"userMessage": "long"}, Response: map[string]any{"content": strings.Repeat("A long answer. ", 4000)}, Pieces: 40},
		testpeers.Fails("too much", 400, "invalid_request_error", "This model's maximum context length is 8192 tokens."),
		testpeers.Fails("busy", 429, "rate_limit_error", "Slow down."),
		testpeers.Fails("broken", 503, "server_error", "Broken."),
		testpeers.Says("hello", "Hello from aimock!"),
	)
	client := &http.Client{Transport: &http.Transport{}}
	o := func(path string) providers.Options { return providers.Options{BaseURL: m.URL + path, Client: client} }
	for name, c := range map[string]struct {
		p     providers.Provider
		model string
	}{
		"Chat":      {openai.NewKnown("groq", o("/v1")), "openai/gpt-4o"},
		"Responses": {openai.New(o("/v1")), "gpt-5.6-terra"},
		"Anthropic": {anthropic.New(o("")), "claude-opus-5-5"},
		"Google":    {google.New(o("/v1beta")), "gemini-3.8-flash"},
		"Ollama":    {ollama.New(o("")), "llama3.2"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &session{t: t, p: c.p, model: c.model, key: aimockKey}
			if a := s.ask("hello"); a.text != "Hello from aimock!" || a.err != nil || a.stop != providers.StopEnd || a.usage == nil {
				t.Errorf("hello: %+v", a)
			}
			wantThought := "Let me think about it."
			if name == "Ollama" {
				wantThought = "" // aimock has it in reasoning_content, where Ollama has it in thinking
			}
			if a := s.ask("think"); a.text != "It is 42." || a.err != nil || a.thought != wantThought {
				t.Errorf("think: %+v", a)
			}
			if a := s.ask("long"); a.err != nil || len(a.text) != 60000 {
				t.Errorf("long: %d bytes, %v", len(a.text), a.err)
			}
			if a := s.ask("cut"); !errors.Is(a.err, providers.ErrCut) || a.text == "" {
				t.Errorf("cut: %+v", a)
			}
			s.tools = []providers.Tool{weather}
			a := s.ask("rain")
			if a.err != nil || a.stop != providers.StopCall || len(a.calls) != 1 || a.calls[0].Name != "weather" || !strings.Contains(string(a.calls[0].Args), "Paris") {
				t.Fatalf("rain: %+v", a)
			}
			s.history = append(s.history, providers.Message{Role: providers.Assistant, Parts: a.parts})
			b := s.send(providers.Part{Result: &providers.Result{ID: a.calls[0].ID, Text: "It rains."}})
			if b.err != nil || b.text != "Take an umbrella." {
				t.Errorf("the result: %+v", b)
			}
			s.tools = nil
			for word, want := range map[string]error{"too much": providers.ErrTooLong, "busy": providers.ErrRateLimited, "broken": providers.ErrOverloaded} {
				if a := s.ask(word); !errors.Is(a.err, want) {
					t.Errorf("%s: got %v, want %v", word, a.err, want)
				}
			}
			for range s.stream("long") {
				break
			}
			s.key = "FAKE-key-for-tests-wrong"
			if a := s.ask("hello"); !errors.Is(a.err, providers.ErrUnauthorized) {
				t.Errorf("a wrong key: %v", a.err)
			}
		})
	}
	client.CloseIdleConnections()
}

type session struct {
	t       *testing.T
	p       providers.Provider
	model   string
	key     string
	tools   []providers.Tool
	history []providers.Message
}

type result struct {
	text, thought string
	parts         []providers.Part
	calls         []*providers.Call
	usage         *providers.Usage
	stop          providers.Stop
	err           error
}

func (s *session) ask(text string) result {
	s.history = nil
	return s.send(providers.Part{Text: text})
}

func (s *session) stream(text string) func(func(providers.Delta, error) bool) {
	cred := providerauth.Credential{Type: providerauth.Key, Key: secret.New(s.key)}
	return s.p.Stream(s.t.Context(), cred, providers.Request{Model: s.model, Messages: providertest.Said(text)})
}

func (s *session) send(part providers.Part) (r result) {
	s.history = append(s.history, providers.Message{Role: providers.User, Parts: []providers.Part{part}})
	cred := providerauth.Credential{Type: providerauth.Key, Key: secret.New(s.key)}
	req := providers.Request{Model: s.model, System: "Be brief.", Messages: s.history, Tools: s.tools}
	for d, err := range s.p.Stream(s.t.Context(), cred, req) {
		if err != nil {
			r.err = err
			break
		}
		r.parts = providers.Append(r.parts, d.Part)
		r.text += d.Part.Text
		r.thought += d.Part.Thought
		if d.Part.Call != nil {
			r.calls = append(r.calls, d.Part.Call)
		}
		if d.Usage != nil {
			r.usage = d.Usage
		}
		r.stop = d.Stop
	}
	return r
}
