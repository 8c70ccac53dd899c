package chat

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

func user(parts ...providers.Part) providers.Message {
	return providers.Message{Role: providers.User, Parts: parts}
}

func TestPrepare(t *testing.T) {
	hi := providers.Request{Model: "m", Messages: []providers.Message{user(providers.Part{Text: "hi"})}}
	with := func(change func(*providers.Request)) providers.Request {
		r := hi
		change(&r)
		return r
	}
	const start = `{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true}`
	for _, c := range []struct {
		name string
		d    Dialect
		req  providers.Request
		want string
	}{
		{"plain", Dialect{}, hi, start + `}`},
		{"no options", Dialect{NoStreamOptions: true}, hi, strings.Replace(start, `,"stream_options":{"include_usage":true}`, "", 1) + `}`},
		{"limit", Dialect{}, with(func(r *providers.Request) { r.MaxOut = 5 }), start + `,"max_tokens":5}`},
		{"other limit", Dialect{MaxCompletion: true}, with(func(r *providers.Request) { r.MaxOut = 5 }), start + `,"max_completion_tokens":5}`},
		{"effort", Dialect{}, with(func(r *providers.Request) { r.Effort = "low" }), start + `,"reasoning_effort":"low"}`},
		{"effort by object", Dialect{Effort: ByObject}, with(func(r *providers.Request) { r.Effort = "none" }), start + `,"reasoning":{"effort":"none"}}`},
		{"effort by toggle", Dialect{Effort: ByToggle}, with(func(r *providers.Request) { r.Effort = "high" }), start + `,"thinking":{"type":"enabled"}}`},
		{"effort by switch", Dialect{Effort: BySwitch}, with(func(r *providers.Request) { r.Effort = "none" }), start + `,"enable_thinking":false}`},
		{"effort by nothing", Dialect{Effort: ByNothing}, with(func(r *providers.Request) { r.Effort = "none" }), start + `}`},
	} {
		if got := body(t, c.d, c.req); got != c.want {
			t.Errorf("%s: got\n%s, want\n%s", c.name, got, c.want)
		}
	}
}

func TestPrepareHistory(t *testing.T) {
	raw := json.RawMessage(`{"reasoning_content":"hm"}`)
	req := providers.Request{Model: "m", System: "s", Messages: []providers.Message{
		user(providers.Part{Text: "a"}, providers.Part{Text: "b"}),
		{Role: providers.Assistant, Parts: []providers.Part{
			{Thought: "hm", Raw: raw, By: "me"}, {Thought: "foreign", Raw: json.RawMessage(`{"x":1}`), By: "other"}, {Text: "c"},
			{Call: &providers.Call{ID: "x|1", Name: "f", Args: json.RawMessage(`{"q":1}`)}}}},
		user(providers.Part{Text: "and?"}, providers.Part{Result: &providers.Result{ID: "x|1", Text: "r"}}),
		{Role: providers.Assistant, Parts: []providers.Part{{Thought: "nothing else"}}},
	}}
	const want = `"messages":[{"role":"system","content":"s"},{"role":"user","content":"a\n\nb"},` +
		`{"role":"assistant","content":"c","tool_calls":[{"id":"x_1","type":"function","function":{"name":"f","arguments":"{\"q\":1}"}}],"reasoning_content":"hm"},` +
		`{"role":"tool","content":"r","tool_call_id":"x_1"},{"role":"user","content":"and?"}]`
	if got := body(t, Dialect{}, req); !strings.Contains(got, want) {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

func TestShortIDs(t *testing.T) {
	for _, id := range []string{"", "call_abc", "abcDEF123", "a|b"} {
		got := shortID(id)
		if len(got) != 9 || got != shortID(id) || shortID(got) != got {
			t.Errorf("shortID(%q) = %q", id, got)
		}
	}
	if shortID("abcDEF123") != "abcDEF123" {
		t.Error("an id that is short already was changed")
	}
}

// play decodes events and gives what they come to.
func play(t *testing.T, events ...string) (parts []providers.Part, last providers.Delta, whole bool, err error) {
	t.Helper()
	d := &decoder{svc: svc}
	emit := func(delta providers.Delta) bool {
		parts = providers.Append(parts, delta.Part)
		if delta.Stop != "" {
			last = delta
		}
		return true
	}
	for _, e := range events {
		if whole, err = d.Event(sse.Event{Data: []byte(e)}, emit); whole || err != nil {
			return parts, last, whole, err
		}
	}
	return parts, last, d.End(emit), nil
}

func TestDecodeOddities(t *testing.T) {
	const done = `[DONE]`
	text := func(parts []providers.Part) (s string) {
		for _, p := range parts {
			s += p.Text
		}
		return s
	}
	for _, c := range []struct {
		name   string
		events []string
		text   string
		stop   providers.Stop
		whole  bool
		calls  int
	}{
		{"no DONE", []string{`{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}`}, "a", providers.StopEnd, true, 0},
		{"no finish_reason", []string{`{"choices":[{"index":0,"delta":{"content":"a"}}]}`, done}, "a", providers.StopEnd, true, 0},
		{"DONE at once", []string{done}, "", "", false, 0},
		{"neither", []string{`{"choices":[{"index":0,"delta":{"content":"a"}}]}`}, "a", "", false, 0},
		{"second choice", []string{`{"choices":[{"index":1,"delta":{"content":"b"}},{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}`}, "a", providers.StopEnd, true, 0},
		{"unknown reason", []string{`{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"because"}]}`}, "a", providers.StopEnd, true, 0},
		{"parts", []string{`{"choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"a"}]},"finish_reason":"stop"}]}`}, "a", providers.StopEnd, true, 0},
		{"calls without index", []string{`{"choices":[{"index":0,"delta":{"tool_calls":[{"id":"1","function":{"name":"f","arguments":"{}"}},{"id":"2","function":{"name":"g","arguments":"{}"}}]},"finish_reason":"stop"}]}`}, "", providers.StopCall, true, 2},
		{"calls with one index", []string{`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"1","function":{"name":"f","arguments":"{}"}}]}}]}`,
			`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"2","function":{"name":"g","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}`}, "", providers.StopCall, true, 2},
		{"call cut off", []string{`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"1","function":{"name":"f","arguments":"{\"a"}}]},"finish_reason":"length"}]}`}, "", providers.StopLength, true, 0},
		{"null everywhere", []string{`{"choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":null,"refusal":null},"finish_reason":null}],"usage":null,"error":null}`, `{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}`}, "a", providers.StopEnd, true, 0},
	} {
		parts, last, whole, err := play(t, c.events...)
		calls := 0
		for _, p := range parts {
			if p.Call != nil {
				calls++
			}
		}
		if err != nil || text(parts) != c.text || last.Stop != c.stop || whole != c.whole || calls != c.calls {
			t.Errorf("%s: got %q, %d calls, stop %q, whole %v, %v", c.name, text(parts), calls, last.Stop, whole, err)
		}
	}
	if _, _, _, err := play(t, `{"choices":[{"index":0,"delta":{},"finish_reason":"network_error"}]}`); err == nil {
		t.Error("a failure was taken for an end")
	}
}

// TestReasoningDetails checks that the pieces of what OpenRouter wants back are put together.
func TestReasoningDetails(t *testing.T) {
	chunk := func(detail string) string {
		return `{"choices":[{"index":0,"delta":{"reasoning":"x","reasoning_details":[` + detail + `]}}]}`
	}
	parts, _, _, err := play(t,
		chunk(`{"type":"reasoning.text","text":"Let me ","format":"anthropic-claude-v1","index":0,"signature":null}`),
		chunk(`{"type":"reasoning.text","text":"think.","format":"anthropic-claude-v1","index":0}`),
		chunk(`{"type":"reasoning.text","signature":"sig","format":"anthropic-claude-v1","index":0}`),
		chunk(`{"type":"reasoning.encrypted","data":"enc","index":1}`),
		`{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}`)
	if err != nil || len(parts) != 2 {
		t.Fatalf("got %+v, %v", parts, err)
	}
	const want = `{"reasoning_details":[{"format":"anthropic-claude-v1","index":0,"signature":"sig","text":"Let me think.","type":"reasoning.text"},{"type":"reasoning.encrypted","data":"enc","index":1}]}`
	if got := string(parts[0].Raw); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// FuzzDecode checks that no stream makes it fail otherwise than with an error, and that all calls are whole.
func FuzzDecode(f *testing.F) {
	f.Add(`{"choices":[{"delta":{"content":"a","tool_calls":[{"index":0,"id":"1","function":{"name":"f","arguments":"{"}}]},"finish_reason":"stop"}]}`)
	f.Add("{\"choices\":[{\"delta\":{\"reasoning_details\":[{\"index\":0}]}}]}\n[DONE]")
	f.Fuzz(func(t *testing.T, in string) {
		parts, _, _, err := play(t, strings.Split(in, "\n")...)
		for _, p := range parts {
			if p.Call != nil && (!json.Valid(p.Call.Args) || p.Call.ID == "" || p.Call.Name == "") || p.Raw != nil && !json.Valid(p.Raw) {
				t.Errorf("got %+v, %v", p, err)
			}
		}
	})
}
