package providertest

import "testing"

// BenchmarkFake is what a stream of the Fake costs, for whoever measures what stands above it.
func BenchmarkFake(b *testing.B) {
	f := New("fake")
	f.Forget()
	f.Always(Play(Text("Hello, ", "world")...))
	cred, req := f.Cred(), ask("hi")
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range f.Stream(b.Context(), cred, req) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
