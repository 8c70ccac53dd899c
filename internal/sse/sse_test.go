package sse

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

type got struct{ name, data string }

func read(r io.Reader) (events []got, err error) {
	for ev, e := range Read(r) {
		if e != nil {
			return events, e
		}
		events = append(events, got{ev.Name, string(ev.Data)})
	}
	return events, nil
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []got
	}{
		{"plain", "data: a\n\ndata: b\n\n", []got{{"", "a"}, {"", "b"}}},
		{"names", "event: ping\ndata: {}\n\n", []got{{"ping", "{}"}}},
		{"name alone", "event: done\n\n", []got{{"done", ""}}},
		{"crlf", "event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n", []got{{"x", "a"}, {"", "b"}}},
		{"cr", "data: a\r\rdata: b\r\r", []got{{"", "a"}, {"", "b"}}},
		{"bom", "\xef\xbb\xbfdata: a\n\n", []got{{"", "a"}}},
		{"bom only once", "data: a\n\n\xef\xbb\xbfdata: b\n\n", []got{{"", "a"}}},
		{"comments", ": keep-alive\n\n:\n\ndata: a\n: more\n\n", []got{{"", "a"}}},
		{"lines of data", "data: a\ndata:\ndata: b\n\n", []got{{"", "a\n\nb"}}},
		{"one space only", "data:  a\n\ndata:b\n\n", []got{{"", " a"}, {"", "b"}}},
		{"no colon", "data\n\n", []got{{"", ""}}},
		{"other fields", "id: 7\nretry: 3\n\ndata: a\n\n", []got{{"", "a"}}},
		{"done", "data: [DONE]\n\n", []got{{"", "[DONE]"}}},
		{"no empty line at the end", "data: a", []got{{"", "a"}}},
		{"many empty lines", "\n\n\ndata: a\n\n\n\n", []got{{"", "a"}}},
		{"long line", "data: " + strings.Repeat("x", 300_000) + "\n\n", []got{{"", strings.Repeat("x", 300_000)}}},
		{"empty", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in))} {
				events, err := read(r)
				if err != nil {
					t.Fatal(err)
				}
				if len(events) != len(c.want) {
					t.Fatalf("got %d events, want %d", len(events), len(c.want))
				}
				for i := range events {
					if events[i] != c.want[i] {
						t.Errorf("got %.40q, want %.40q", events[i], c.want[i])
					}
				}
			}
		})
	}
}

func TestReadError(t *testing.T) {
	cut := errors.New("cut")
	events, err := read(io.MultiReader(strings.NewReader("data: a\n\ndata: b\n"), iotest.ErrReader(cut)))
	if !errors.Is(err, cut) || len(events) != 1 {
		t.Errorf("got %v, %v; want one event and the error", events, err)
	}
}

func TestReadBound(t *testing.T) {
	line := "data: " + strings.Repeat("x", 1<<20) + "\n"
	for name, in := range map[string]io.Reader{
		"line":  io.MultiReader(strings.NewReader("data: "), endless{}),
		"event": strings.NewReader(strings.Repeat(line, 17)),
	} {
		if _, err := read(in); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: got %v, want ErrTooLarge", name, err)
		}
	}
}

func TestReadDoesNotWaitForWhatFollows(t *testing.T) {
	for _, in := range []string{"data: a\n\n", "data: a\r\n\r\n", "data: a\r\r"} {
		r, w := io.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.WriteString(w, in) // returns when all was read; the pipe stays open
		}()
		for range Read(r) {
			break
		}
		_ = r.Close()
		<-done
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// FuzzRead checks Read against the plainest reading of the rules, whole and byte by byte.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"data: a\n\n", "event: e\r\ndata: a\r\n\r\n", ":c\ndata\n\n", "data:a\rdata:b\r\r", "\xef\xbb\xbfdata:x\n\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		want := plain(in)
		for _, r := range []io.Reader{bytes.NewReader(in), iotest.OneByteReader(bytes.NewReader(in)), iotest.DataErrReader(bytes.NewReader(in))} {
			events, err := read(r)
			if err != nil {
				t.Fatal(err)
			}
			if len(events) != len(want) {
				t.Fatalf("got %q, want %q", events, want)
			}
			for i := range want {
				if events[i] != want[i] {
					t.Fatalf("got %q, want %q", events, want)
				}
			}
		}
	})
}

func plain(in []byte) (events []got) {
	s := strings.TrimPrefix(string(in), "\xef\xbb\xbf")
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	var ev got
	var data []string
	some := false
	flush := func() {
		if some {
			ev.data = strings.Join(data, "\n")
			events = append(events, ev)
		}
		ev, data, some = got{}, nil, false
	}
	for line := range strings.SplitSeq(s, "\n") {
		if line == "" {
			flush()
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "data":
			data, some = append(data, value), true
		case "event":
			ev.name, some = value, true
		}
	}
	flush()
	return events
}

func BenchmarkRead(b *testing.B) {
	in := bytes.Repeat([]byte("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"hello\"}}\n\n"), 1000)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		for range Read(bytes.NewReader(in)) {
		}
	}
}
