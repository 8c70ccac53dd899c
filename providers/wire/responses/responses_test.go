package responses

import (
	"encoding/json"
	"strings"
	"testing"

	"chatgateway/internal/sse"
	"chatgateway/providers"
	"chatgateway/providers/wire"
)

var svc = &wire.Service{ID: "me", Name: "Me"}

func body(t *testing.T, d Dialect, req providers.Request) string {
	t.Helper()
	call, _, err := Prepare(svc, d, "https://api.example/v1", req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(call.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPrepare(t *testing.T) {
	for _, c := range []struct {
		d    Dialect
		req  providers.Request
		want string
	}{
		{Dialect{}, providers.Request{Model: "m"}, `{"model":"m","input":[],"store":false,"stream":true}`},
		{Dialect{Reasons: true}, providers.Request{Model: "m", System: "s", Effort: "low", MaxOut: 1},
			`{"model":"m","instructions":"s","input":[],"reasoning":{"effort":"low"},"max_output_tokens":16,"include":["reasoning.encrypted_content"],"store":false,"stream":true}`},
		{Dialect{Reasons: true, Summary: true, NoMaxOut: true}, providers.Request{Model: "m", MaxOut: 100},
			`{"model":"m","input":[],"reasoning":{"summary":"auto"},"include":["reasoning.encrypted_content"],"store":false,"stream":true}`},
		{Dialect{}, providers.Request{Model: "m", Tools: []providers.Tool{{Name: "f", Help: "h"}}},
			`{"model":"m","input":[],"tools":[{"type":"function","name":"f","description":"h","parameters":{"type":"object","properties":{}},"strict":false}],"store":false,"stream":true}`},
	} {
		if got := body(t, c.d, c.req); got != c.want {
			t.Errorf("got\n%s, want\n%s", got, c.want)
		}
	}
}

func TestHistory(t *testing.T) {
	raw := json.RawMessage(`{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"e"}`)
	req := providers.Request{Model: "m", Messages: []providers.Message{
		{Role: providers.User, Parts: []providers.Part{{Text: "a"}, {Blob: &providers.Blob{Type: "image/png", Data: []byte("x")}}, {Blob: &providers.Blob{Type: "application/pdf", Data: []byte("x")}}}},
		{Role: providers.Assistant, Parts: []providers.Part{{Raw: raw, By: "me"}, {Raw: raw, By: "other"}, {Text: "b"}, {Call: &providers.Call{ID: "1", Name: "f", Args: json.RawMessage(`{}`)}}}},
		{Role: providers.User, Parts: []providers.Part{{Result: &providers.Result{ID: "1", Text: ""}}, {Text: "c"}}},
	}}
	const want = `"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_image","image_url":"data:image/png;base64,eA=="},{"type":"input_file","filename":"file.pdf","file_data":"data:application/pdf;base64,eA=="}]},` +
		`{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"e"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"b"}]},` +
		`{"type":"function_call","call_id":"1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"1","output":""},{"type":"message","role":"user","content":[{"type":"input_text","text":"c"}]}]`
	if got := body(t, Dialect{}, req); !strings.Contains(got, want) {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

func TestReasoningWithoutContentStaysHere(t *testing.T) {
	d := &decoder{svc: svc}
	_, err := d.Event(sse.Event{Data: []byte(`{"type":"response.output_item.done","item":{"type":"reasoning","id":"rs_1","summary":[]}}`)}, func(delta providers.Delta) bool {
		t.Errorf("got %+v", delta)
		return true
	})
	if err != nil {
		t.Error(err)
	}
}

// FuzzDecode checks that no stream makes it fail otherwise than with an error.
func FuzzDecode(f *testing.F) {
	f.Add(`{"type":"response.output_item.done","item":{"type":"function_call","name":"f","arguments":"{"}}` + "\n" + `{"type":"response.completed","response":{"usage":null}}`)
	f.Fuzz(func(t *testing.T, in string) {
		d := &decoder{svc: svc}
		for _, e := range strings.Split(in, "\n") {
			done, err := d.Event(sse.Event{Data: []byte(e)}, func(delta providers.Delta) bool {
				p := delta.Part
				if p.Call != nil && !json.Valid(p.Call.Args) || p.Raw != nil && !json.Valid(p.Raw) {
					t.Errorf("got %+v", p)
				}
				return true
			})
			if done || err != nil {
				return
			}
		}
	})
}
