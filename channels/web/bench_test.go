package web

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
)

// BenchmarkEdit is an edit of an answer that grows, as the core waits for it.
func BenchmarkEdit(b *testing.B) {
	bk := newBook(b.TempDir(), slog.New(slog.DiscardHandler))
	t, err := bk.of(Owner, "conversation1", true)
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		if err := bk.put(t, entry{ID: "x", Text: fmt.Sprint(i), Growing: true}, true); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSend is a whole message, on disk.
func BenchmarkSend(b *testing.B) {
	bk := newBook(b.TempDir(), slog.New(slog.DiscardHandler))
	t, err := bk.of(Owner, "conversation1", true)
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		if err := bk.put(t, entry{ID: channels.MessageID(fmt.Sprint(i % 100)), Text: fmt.Sprint(i)}, true); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkShow renders an answer of 20 KB, as each flush of a stream does while it grows.
func BenchmarkShow(b *testing.B) {
	e := entry{ID: "x", Text: strings.Repeat("Some **words** of an answer, with `code` and [a link](https://example.org/).\n\n", 250), Time: time.Now()}
	b.SetBytes(int64(len(e.Text)))
	for b.Loop() {
		e.show()
	}
}
