package ollama

import (
	"encoding/json"
	"strings"
	"testing"

	"chatgateway/internal/sse"
	"chatgateway/providers"
	"chatgateway/providers/wire"
)

// FuzzDecode: whatever the lines of a stream are, nothing breaks, and what comes out is JSON where it has to be.
func FuzzDecode(f *testing.F) {
	f.Add(`{"message":{"thinking":"a"}}` + "\n" + `{"message":{"content":"b","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]}}` + "\n" + `{"done":true,"done_reason":"stop","eval_count":3}`)
	f.Add(`{"error":"x"}`)
	f.Add(`{"message":{"tool_calls":[{"function":{"arguments":"{"}}]},"done":true,"eval_count":-1}`)
	f.Fuzz(func(t *testing.T, in string) {
		d := &decoder{svc: &wire.Service{Name: "Ollama"}}
		for _, line := range strings.Split(in, "\n") {
			_, _ = d.Event(sse.Event{Data: []byte(line)}, func(delta providers.Delta) bool {
				p := delta.Part
				if p.Call != nil && !json.Valid(p.Call.Args) || p.Raw != nil && !json.Valid(p.Raw) {
					t.Errorf("got %+v", p)
				}
				return true
			})
		}
	})
}
