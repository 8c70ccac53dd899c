package providerauth

import (
	"context"
	"crypto/subtle"
	"errors"
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

// LoopbackMethod signs in with a link whose answer comes back to a listener on this host, or is pasted as for
// PasteMethod, whichever is first. The listener is on 127.0.0.1 and ::1 only, at the registered port or the next one of
// Ports, and gone when the login ends; where none is free, pasting alone remains. A hit with a wrong state gets a page
// that says so, and the wait goes on.
func LoopbackMethod(id, name string, c Client) Method {
	return Method{ID: id, Name: name, Browser: true, Login: func(ctx context.Context, p login.Prompter) (Credential, error) {
		redirect, listeners := c.listen(ctx)
		a := c.authorize(redirect)
		text := "Open the page, sign in to " + c.Name + " and allow the access. If the page you end on cannot be opened, because you are on another device, send its whole address here."
		answer, err := a.race(ctx, p, a.step(text), listeners)
		if err != nil {
			return Credential{}, a.unanswered(ctx, p, err)
		}
		return a.finish(ctx, p, answer)
	}}
}

// race waits for a hit on the listeners and for a pasted answer. What it started has ended when it returns.
func (a authorization) race(ctx context.Context, p login.Prompter, s login.Step, ls []net.Listener) (string, error) {
	hits := make(chan string, 1)
	stop := a.serve(ls, hits)
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
		if !errors.Is(r.err, errors.ErrUnsupported) || len(ls) == 0 {
			return r.text, r.err
		}
	}
	// Nothing can be typed here, but the page may still come back.
	_, _ = p.Prompt(ctx, login.Step{Text: "Nothing can be typed here: waiting for the browser; it must run on this host." + waits(time.Until(a.until))})
	late := time.NewTimer(time.Until(a.until))
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

// listen opens the listeners for the redirect and gives the redirect as it is to be sent. Without a free port it gives
// the registered one, whose page cannot be opened then, but whose address can be pasted.
func (c Client) listen(ctx context.Context) (redirect string, ls []net.Listener) {
	u, err := url.Parse(c.RedirectURL)
	if err != nil || u.Scheme != "http" || !isLoopback(u.Hostname()) {
		return c.RedirectURL, nil
	}
	port, _ := strconv.Atoi(u.Port()) // 0: any
	for _, n := range append([]int{port}, c.Ports...) {
		if ls = listenBoth(ctx, u.Hostname(), n); ls != nil {
			u.Host = net.JoinHostPort(u.Hostname(), strconv.Itoa(ls[0].Addr().(*net.TCPAddr).Port))
			return u.String(), ls
		}
	}
	return c.RedirectURL, nil
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

// serve answers on the listeners until stop is called, and sends the first answer that fits to hits.
func (a authorization) serve(ls []net.Listener, hits chan<- string) (stop func()) {
	if len(ls) == 0 {
		return func() {}
	}
	u, _ := url.Parse(a.redirect) // it was parsed before
	srv := &http.Server{
		Handler:           a.handler(u.Path, hits),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       5 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	srv.SetKeepAlivesEnabled(false)
	var running sync.WaitGroup
	for _, l := range ls {
		running.Go(func() { _ = srv.Serve(l) }) // it ends with ErrServerClosed
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

func (a authorization) handler(path string, hits chan<- string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch {
		case r.Method != http.MethodGet || r.URL.Path != path:
			page(w, http.StatusNotFound, "Nothing here", "This page belongs to a sign-in of the gateway.")
		case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(a.state)) != 1:
			page(w, http.StatusBadRequest, "Another sign-in", "This is the answer to another sign-in, perhaps from an older tab. The gateway goes on waiting: use the newest link.")
		case q.Get("error") != "":
			offer(hits, r.URL.RawQuery)
			page(w, http.StatusOK, "Not signed in", a.refused(q.Get("error")).UserMessage()+" You can close this window.")
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
	case hits <- query:
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
