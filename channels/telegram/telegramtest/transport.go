package telegramtest

import (
	"bytes"
	"io"
	"net/http"
	"syscall"
)

// Transport carries requests to the server without a network, so that tests can run on fake time (testing/synctest
// waits for no sockets). The host in the URL does not matter. Faults look as they do over TCP.
func (s *Server) Transport() http.RoundTripper { return direct{s} }

type direct struct{ s *Server }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &memory{header: http.Header{}, code: http.StatusOK}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	done := make(chan error, 1)
	go func() {
		defer func() {
			if v := recover(); v != nil && v != http.ErrAbortHandler { //nolint:errorlint // a value thrown, not an error returned
				panic(v)
			} else if v != nil {
				done <- syscall.ECONNRESET
			}
			close(done)
		}()
		d.s.ServeHTTP(w, r)
	}()
	err := <-done // the server sees the context's end itself
	if c := r.Body.Close(); err == nil {
		err = c
	}
	switch {
	case r.Context().Err() != nil:
		return nil, r.Context().Err()
	case err != nil && w.body.Len() == 0:
		return nil, err
	}
	body := io.Reader(bytes.NewReader(w.body.Bytes()))
	if err != nil {
		body = io.MultiReader(body, broken{})
	}
	return &http.Response{
		StatusCode: w.code, Status: http.StatusText(w.code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(body), ContentLength: -1, Request: r,
	}, nil
}

// broken is a body after a reset.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// memory is a response in memory.
type memory struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (m *memory) Header() http.Header         { return m.header }
func (m *memory) WriteHeader(code int)        { m.code = code }
func (m *memory) Write(p []byte) (int, error) { return m.body.Write(p) }
func (m *memory) FlushError() error           { return nil }
