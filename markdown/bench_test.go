package markdown

import (
	"strings"
	"testing"
)

// article is 3.5 KB of what models write.
var article = strings.Repeat(essay, 3)[:3500]

func BenchmarkRender(b *testing.B) {
	for _, r := range renderers {
		b.Run(r.name, func(b *testing.B) {
			b.SetBytes(int64(len(article)))
			b.ReportAllocs()
			for b.Loop() {
				_ = r.render(article)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	src := source(article)
	for b.Loop() {
		_ = parse(src)
	}
}

func BenchmarkGrowing(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = Growing(article)
	}
}

// BenchmarkFit measures what an edit asks for: does it all fit, and where is a long answer cut?
func BenchmarkFit(b *testing.B) {
	long := strings.Repeat(essay, 200<<10/len(essay))
	for _, c := range []struct{ name, md string }{{"all", article}, {"200KB", long}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = Fit(c.md, 4096, TelegramLen)
			}
		})
	}
}

func BenchmarkSplit(b *testing.B) {
	long := strings.Repeat(essay, 200<<10/len(essay))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Split(long, 5000)
	}
}
