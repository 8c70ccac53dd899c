// Package loopback receives the answer of a sign-in in the browser, on a listener of this host.
package loopback

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"chatgateway/login"
)

// Listener waits for the browser to come back from a sign-in.
type Listener struct {
	Redirect string // where the sign-in is to end, as it is to be sent
	ls       []net.Listener
}

// Listen listens where a redirect leads: on 127.0.0.1 and ::1 only, at its port or the next one of ports; without a port
// at any. Where none is free, or the redirect leads elsewhere, nothing listens and the redirect stays as it is: its page
// cannot be opened then, but its address can be pasted. Race must follow.
func Listen(ctx context.Context, redirect string, ports ...int) *Listener {
	u, err := url.Parse(redirect)
	if err != nil || u.Scheme != "http" || !Is(u.Hostname()) {
		return &Listener{Redirect: redirect}
	}
	port, _ := strconv.Atoi(u.Port()) // 0: any
	for _, n := range append([]int{port}, ports...) {
		if ls := listenBoth(ctx, u.Hostname(), n); ls != nil {
			u.Host = net.JoinHostPort(u.Hostname(), strconv.Itoa(ls[0].Addr().(*net.TCPAddr).Port))
			return &Listener{Redirect: u.String(), ls: ls}
		}
	}
	return &Listener{Redirect: redirect}
}

// Is reports whether a host is this one.
func Is(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

// Race shows s and waits for the answer, which is pasted, or comes to the listener as a query with that state, whichever
// is first. A hit with a wrong state gets a page that says so, and the wait goes on. refused says what an error of the
// service means, for the page. What it started has ended when it returns, the listener too.
func (l *Listener) Race(ctx context.Context, p login.Prompter, s login.Step, state string, refused func(word string) string) (string, error) {
	hits := make(chan string, 1)
	stop := l.serve(l.handler(state, refused, hits))
	defer stop()

	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	type reply struct {
		text string
		err  error
	}
	replies := make(chan reply, 1)
	go func() { // ends with the prompt, which cancel takes back; received below in every case
		v, err := p.Prompt(asking, s)
		replies <- reply{v.Reveal(), err}
	}()
	select {
	case hit := <-hits:
		cancel()
		<-replies
		return hit, nil
	case r := <-replies:
		if !errors.Is(r.err, errors.ErrUnsupported) || len(l.ls) == 0 {
			return r.text, r.err
		}
	}
	// Nothing can be typed here, but the page may still come back.
	left := time.Until(s.Expires)
	_, _ = p.Prompt(ctx, login.Step{Text: fmt.Sprintf("Nothing can be typed here: waiting for the browser; it must run on this host. I wait %d minutes for it.", int(left/time.Minute))})
	late := time.NewTimer(left)
	defer late.Stop()
	select {
	case hit := <-hits:
		return hit, nil
	case <-late.C:
		return "", login.ErrExpired
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// listenBoth listens on both loopback addresses at one port; nil if somebody else has one of them. "localhost" may lead
// to either; a host without IPv6 has one only.
func listenBoth(ctx context.Context, host string, port int) []net.Listener {
	var lc net.ListenConfig
	first, second := "127.0.0.1", "::1"
	switch host {
	case "::1":
		first, second = second, ""
	case "127.0.0.1":
		second = ""
	}
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort(first, strconv.Itoa(port)))
	if err != nil {
		return nil
	}
	if second == "" {
		return []net.Listener{l}
	}
	l2, err := lc.Listen(ctx, "tcp", net.JoinHostPort(second, strconv.Itoa(l.Addr().(*net.TCPAddr).Port)))
	switch {
	case err == nil:
		return []net.Listener{l, l2}
	case isInUse(err):
		_ = l.Close() // another program would get half of the answers
		return nil
	}
	return []net.Listener{l}
}

// serve answers on the listeners until stop is called.
func (l *Listener) serve(h http.Handler) (stop func()) {
	if len(l.ls) == 0 {
		return func() {}
	}
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       5 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	srv.SetKeepAlivesEnabled(false)
	var running sync.WaitGroup
	for _, x := range l.ls {
		running.Go(func() { _ = srv.Serve(x) }) // it ends with ErrServerClosed
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second) // for the page to reach the browser
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close()
		}
		running.Wait()
	}
}

// handler sends the first answer that fits to hits.
func (l *Listener) handler(state string, refused func(string) string, hits chan<- string) http.Handler {
	path := "/"
	if u, err := url.Parse(l.Redirect); err == nil {
		path = cmp.Or(u.Path, path)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch {
		case r.Method != http.MethodGet || r.URL.Path != path:
			page(w, http.StatusNotFound, "Nothing here", "This page belongs to a sign-in of the gateway.")
		case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1:
			page(w, http.StatusBadRequest, "Another sign-in", "This is the answer to another sign-in, perhaps from an older tab. The gateway goes on waiting: use the newest link.")
		case q.Get("error") != "":
			offer(hits, r.URL.RawQuery)
			page(w, http.StatusOK, "Not signed in", refused(q.Get("error"))+" You can close this window.")
		case q.Get("code") == "":
			page(w, http.StatusBadRequest, "No code", "There is no code in this address. The gateway goes on waiting.")
		default:
			offer(hits, r.URL.RawQuery)
			page(w, http.StatusOK, "Thank you", "The gateway goes on from here. You can close this window.")
		}
	})
}

// offer hands in the first answer; later ones are the same page loaded again.
func offer(hits chan<- string, query string) {
	select {
	case hits <- "?" + query:
	default:
	}
}

func page(w http.ResponseWriter, code int, title, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, `<!doctype html><meta name="viewport" content="width=device-width"><title>`+html.EscapeString(title)+
		`</title><body style="font:17px system-ui;margin:15vh auto;max-width:28em;padding:0 1em"><h1>`+
		html.EscapeString(title)+`</h1><p>`+html.EscapeString(text)) // the browser may have gone
}
