package chat

import (
	"bytes"
	"testing"

	"chatgateway/internal/sse"
	"chatgateway/providers"
)

// BenchmarkDecode is what a piece of an answer costs from bytes to delta.
func BenchmarkDecode(b *testing.B) {
	const pieces = 1000
	in := bytes.Repeat([]byte(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"model":"m","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]}`+"\n\n"), pieces)
	b.ReportAllocs()
	for b.Loop() {
		d := &decoder{svc: svc}
		n := 0
		for ev, err := range sse.Read(bytes.NewReader(in)) {
			if err != nil {
				b.Fatal(err)
			}
			if _, err := d.Event(ev, func(providers.Delta) bool { n++; return true }); err != nil {
				b.Fatal(err)
			}
		}
		if n != pieces {
			b.Fatalf("%d deltas", n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/pieces, "ns/piece")
}
