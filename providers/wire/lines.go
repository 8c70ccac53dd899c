package wire

import (
	"bufio"
	"bytes"
	"io"
	"iter"

	"chatgateway/internal/sse"
)

// readLines ranges over the lines of r that are not empty, as events.
func readLines(r io.Reader) iter.Seq2[sse.Event, error] {
	return func(yield func(sse.Event, error) bool) {
		sc := bufio.NewScanner(r)
		sc.Buffer(make([]byte, 0, 16<<10), sse.MaxEvent)
		for sc.Scan() {
			if line := bytes.TrimSpace(sc.Bytes()); len(line) > 0 && !yield(sse.Event{Data: line}, nil) {
				return
			}
		}
		if err := sc.Err(); err != nil {
			yield(sse.Event{}, err)
		}
	}
}
