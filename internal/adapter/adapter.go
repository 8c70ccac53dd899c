// Package adapter holds what adapters of chat services are made of: pauses, bounded reading, what was seen, and marks of
// how far a service has been read. It knows no service.
package adapter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"time"
)

// Pause waits; it fails if ctx ends first.
func Pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Jitter takes between half and all of d, so that many do not come at once.
func Jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1)
}

// Backoff is the pause before another try, after n that failed beside the first: tick, doubled each time, most at the
// most, with Jitter.
func Backoff(n int, tick, most time.Duration) time.Duration {
	return Jitter(min(tick<<min(n, 10), most))
}

// Clip cuts s to n runes.
func Clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// Loopback reports whether a host is this one.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// BaseAddress reads the base address of a service: https, or http on loopback. example is a good one, for the error.
func BaseAddress(s, example string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(s, "/"))
	if err != nil || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("is no web address like %s", example)
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && Loopback(u.Hostname())) {
		return nil, errors.New("must begin with https://; http:// is taken on loopback alone")
	}
	return u, nil
}

// WebAddress reports whether s is the address of a page, and no longer than most.
func WebAddress(s string, most int) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && len(s) <= most
}

// Limited reads a body and fails with tooLarge when more than most bytes come. Closing it ends the request by cancel.
func Limited(body io.ReadCloser, most int64, tooLarge error, cancel func()) io.ReadCloser {
	return &limited{body: body, left: most, tooLarge: tooLarge, cancel: cancel}
}

type limited struct {
	body     io.ReadCloser
	left     int64
	tooLarge error
	cancel   func()
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, l.tooLarge
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.body.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n - 1, l.tooLarge
	}
	return n, err
}

// Close implements io.Closer.
func (l *limited) Close() error {
	defer l.cancel()
	return l.body.Close()
}

// Remember puts v into m, which is emptied first where it holds most: what it forgets can be found out again.
func Remember[K comparable, V any](m map[K]V, most int, k K, v V) {
	if len(m) >= most {
		clear(m)
	}
	m[k] = v
}

// State is why an account cannot work as it is.
type State struct {
	Service string
	Text    string // for a person
	Err     error  // what the core decides by; nil: it may pass
}

// Error implements error.
func (e *State) Error() string { return e.Service + ": " + e.Text }

// Unwrap gives what the core decides by.
func (e *State) Unwrap() error { return e.Err }

// UserMessage says it to a person.
func (e *State) UserMessage() string { return e.Text }

// Recent remembers the last ids.
type Recent struct {
	ids  map[string]bool
	ring []string
	at   int
}

// NewRecent remembers n.
func NewRecent(n int) *Recent { return &Recent{ids: map[string]bool{}, ring: make([]string, n)} }

// Has reports whether an id is one of them.
func (r *Recent) Has(id string) bool { return r.ids[id] }

// Add remembers an id, and forgets the oldest.
func (r *Recent) Add(id string) {
	if r.ids[id] {
		return
	}
	delete(r.ids, r.ring[r.at])
	r.ring[r.at], r.ids[id] = id, true
	r.at = (r.at + 1) % len(r.ring)
}
