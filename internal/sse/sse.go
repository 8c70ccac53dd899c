// Package sse reads server-sent events, as model services send them.
package sse

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"
)

// MaxEvent is the most bytes that one event, or one line, may have.
const MaxEvent = 16 << 20

// ErrTooLarge is yielded when an event or a line is longer than MaxEvent.
var ErrTooLarge = errors.New("sse: event too large")

// Event is one event. Data is only good until the loop goes on.
type Event struct {
	Name string // the event field; empty: none was sent
	Data []byte // the data fields, joined by line feeds
}

// Read ranges over the events of r: lines may end in LF, CR LF or CR, a byte order mark at the beginning, comments and
// unknown fields are skipped, and events without data are too, unless they have a name. "[DONE]" is data like any
// other. An event that the stream ends in without an empty line is yielded too; whoever reads it sees whether it is
// whole. The loop ends with the stream, or with one pair that holds an error other than io.EOF. It does not close r.
func Read(r io.Reader) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		l := lines{r: bufio.NewReaderSize(r, 16<<10)}
		var ev event
		for first := true; ; first = false {
			line, err := l.next()
			if first {
				line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
			}
			ended := errors.Is(err, io.EOF)
			if err == nil || ended {
				if len(line) > 0 && !ev.add(line) {
					err, ended = ErrTooLarge, false
				}
			}
			switch {
			case ended:
				if ev.some {
					yield(ev.Event, nil)
				}
				return
			case err != nil:
				yield(Event{}, err)
				return
			case len(line) > 0:
				continue
			}
			if ev.some && !yield(ev.Event, nil) {
				return
			}
			ev = event{Event: Event{Data: ev.Data[:0]}}
		}
	}
}

// event is an Event in the making.
type event struct {
	Event
	some  bool // it has a field
	lines int  // of data
}

// add takes a line that is not empty; it reports whether there was room.
func (e *event) add(line []byte) bool {
	field, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(field) {
	case "data":
		if len(e.Data)+len(value) >= MaxEvent {
			return false
		}
		if e.lines > 0 {
			e.Data = append(e.Data, '\n')
		}
		e.Data = append(e.Data, value...)
		e.some = true
		e.lines++
	case "event":
		e.Name = string(value)
		e.some = true
	}
	return true
}

// lines splits a stream into lines without waiting for what follows a CR.
type lines struct {
	r    *bufio.Reader
	buf  []byte
	skip bool // the last line ended in CR; an LF that follows belongs to it
}

// next gives the next line without its end; with io.EOF, what stands behind the last one.
func (l *lines) next() ([]byte, error) {
	l.buf = l.buf[:0]
	for {
		if _, err := l.r.Peek(1); err != nil {
			return l.buf, err
		}
		b, _ := l.r.Peek(l.r.Buffered())
		if l.skip && b[0] == '\n' {
			l.skip = false
			_, _ = l.r.Discard(1)
			continue
		}
		l.skip = false
		i := bytes.IndexAny(b, "\r\n")
		if i < 0 {
			i = len(b)
		}
		if len(l.buf)+i > MaxEvent {
			return nil, ErrTooLarge
		}
		l.buf = append(l.buf, b[:i]...)
		if i == len(b) {
			_, _ = l.r.Discard(i)
			continue
		}
		l.skip = b[i] == '\r'
		_, _ = l.r.Discard(i + 1)
		return l.buf, nil
	}
}
