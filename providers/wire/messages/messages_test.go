package messages

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
	call, _, err := Prepare(svc, d, "https://api.example", req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(call.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEffort(t *testing.T) {
	for _, c := range []struct {
		d      Dialect
		effort string
		max    int
		want   string
	}{
		{Dialect{MaxOut: 100}, "", 0, `{"model":"m","max_tokens":100,"messages":null,"stream":true}`},
		{Dialect{MaxOut: 100}, "", 5, `{"model":"m","max_tokens":5,"messages":null,"stream":true}`},
		{Dialect{MaxOut: 100}, "low", 0, `{"model":"m","max_tokens":3072,"messages":null,"thinking":{"type":"enabled","budget_tokens":2048},"stream":true}`},
		{Dialect{MaxOut: 64000}, "high", 0, `{"model":"m","max_tokens":64000,"messages":null,"thinking":{"type":"enabled","budget_tokens":24576},"stream":true}`},
		{Dialect{MaxOut: 100, Adaptive: true}, "high", 0, `{"model":"m","max_tokens":100,"messages":null,"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"high"},"stream":true}`},
		{Dialect{MaxOut: 100, Adaptive: true}, "none", 0, `{"model":"m","max_tokens":100,"messages":null,"thinking":{"type":"disabled"},"stream":true}`},
		{Dialect{MaxOut: 100, Adaptive: true, Always: true}, "none", 0, `{"model":"m","max_tokens":100,"messages":null,"output_config":{"effort":"low"},"stream":true}`},
	} {
		if got := body(t, c.d, providers.Request{Model: "m", Effort: c.effort, MaxOut: c.max}); got != c.want {
			t.Errorf("%+v %q: got %s, want %s", c.d, c.effort, got, c.want)
		}
	}
}

func TestHistory(t *testing.T) {
	raw := json.RawMessage(`{"type":"thinking","thinking":"hm","signature":"s"}`)
	req := providers.Request{Model: "m", System: "sys", Messages: []providers.Message{
		{Role: providers.User, Parts: []providers.Part{{Text: "a"}, {Text: " \n"}}},
		{Role: providers.Assistant, Parts: []providers.Part{{Thought: "hm", Raw: raw, By: "me"}, {Thought: "x", Raw: raw, By: "other"}, {Thought: "y"}, {Text: "b"},
			{Call: &providers.Call{ID: "i:1", Name: "f"}}}},
		{Role: providers.User, Parts: []providers.Part{{Text: "and?"}, {Result: &providers.Result{ID: "i:1", Text: "r", Error: true}}}},
		{Role: providers.Assistant, Parts: []providers.Part{{Text: "  "}}},
	}}
	const want = `"messages":[{"role":"user","content":[{"type":"text","text":"a"}]},` +
		`{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"b"},{"type":"tool_use","id":"i_1","name":"f","input":{}}]},` +
		`{"role":"user","content":[{"type":"tool_result","tool_use_id":"i_1","content":"r","is_error":true},{"type":"text","text":"and?"}]}]`
	if got := body(t, Dialect{MaxOut: 1}, req); !strings.Contains(got, want) || !strings.Contains(got, `"system":"sys"`) {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

func TestFiles(t *testing.T) {
	req := func(typ string) providers.Request {
		return providers.Request{Messages: []providers.Message{{Role: providers.User, Parts: []providers.Part{{Blob: &providers.Blob{Type: typ, Name: "n", Data: []byte("x")}}}}}}
	}
	for typ, want := range map[string]string{
		"image/png":        `{"type":"image","source":{"type":"base64","media_type":"image/png","data":"eA=="}}`,
		"application/pdf":  `{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"eA=="},"title":"n"}`,
		"text/x-go":        `{"type":"text","text":"[n]\nx"}`,
		"application/json": `{"type":"text","text":"[n]\nx"}`,
	} {
		if got := body(t, Dialect{}, req(typ)); !strings.Contains(got, want) {
			t.Errorf("%s: got %s", typ, got)
		}
	}
	if _, _, err := Prepare(svc, Dialect{}, "", req("image/tiff")); err == nil {
		t.Error("a TIFF was sent")
	}
}

func TestRedactedThinkingGoesBack(t *testing.T) {
	d := &decoder{svc: svc}
	var parts []providers.Part
	for _, e := range []string{
		`{"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking","data":"enc"}}`, `{"type":"content_block_stop","index":0}`,
		`{"type":"content_block_start","index":1,"content_block":{"type":"server_tool_use","id":"x"}}`, `{"type":"content_block_stop","index":1}`,
		`{"type":"content_block_start","index":2,"content_block":{"type":"thinking","thinking":"","signature":""}}`, `{"type":"content_block_stop","index":2}`,
		`{"type":"something_new"}`,
	} {
		if _, err := d.Event(sse.Event{Data: []byte(e)}, func(delta providers.Delta) bool { parts = append(parts, delta.Part); return true }); err != nil {
			t.Fatal(err)
		}
	}
	if len(parts) != 1 || string(parts[0].Raw) != `{"type":"redacted_thinking","data":"enc"}` || parts[0].By != "me" {
		t.Errorf("got %+v", parts)
	}
}

// FuzzDecode checks that no stream makes it fail otherwise than with an error.
func FuzzDecode(f *testing.F) {
	f.Add(`{"type":"content_block_start","content_block":{"type":"tool_use","id":"1","name":"f","input":{}}}` + "\n" + `{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{"}}` + "\n" + `{"type":"content_block_stop"}`)
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
