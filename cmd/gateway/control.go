package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"chatgateway/config"
	"chatgateway/internal/status"
)

// control is the socket in the home folder by which other commands reach a running serve. Whoever may open it (0600, in
// a 0700 folder) is the owner.
type control struct {
	ln  net.Listener
	srv *http.Server
}

// socketPath is where the socket is: in the home folder, or in the folder for temporary files where the path would be
// too long for a socket.
func socketPath(home config.Home) string {
	if p := home.Socket(); len(p) < 100 {
		return p
	}
	sum := sha256.Sum256([]byte(home))
	return filepath.Join(os.TempDir(), "gateway-"+hex.EncodeToString(sum[:8])+".sock")
}

func listenControl(ctx context.Context, s *server) (*control, error) {
	path := socketPath(s.home)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // left by a crash: the home is locked, so nobody uses it
		return nil, fmt.Errorf("remove the old control socket: %w", err)
	}
	ln, err := listenPrivate(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open the control socket: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, s.status(r.Context())) })
	mux.HandleFunc("POST /link", s.handleLink)
	mux.HandleFunc("POST /access", s.handleAccess)
	mux.HandleFunc("POST /terminal", s.handleTerminal)
	return &control{ln: ln, srv: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}}, nil
}

// serve answers until ctx ends.
func (c *control) serve(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { _ = c.srv.Close() })
	defer stop()
	_ = c.srv.Serve(c.ln)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// status is what `gateway status` and the page show.
func (s *server) status(ctx context.Context) status.Gateway {
	st := s.core.Status(ctx)
	st.PID = os.Getpid()
	return st
}

func (s *server) handleLink(w http.ResponseWriter, r *http.Request) {
	p := s.pageOf()
	if p == nil {
		http.Error(w, "The page is switched off in config.yaml.", http.StatusConflict)
		return
	}
	select {
	case <-p.Ready():
	case <-r.Context().Done():
		return
	case <-time.After(5 * time.Second):
		http.Error(w, "The page is not open: see `gateway status`.", http.StatusConflict)
		return
	}
	link, err := p.NewLink()
	if err != nil {
		http.Error(w, message(err), http.StatusInternalServerError)
		return
	}
	writeJSON(w, map[string]string{"link": link})
}

// errNotRunning is what dial gives where no gateway serves the home folder.
var errNotRunning = errors.New("no gateway runs on this home folder; start one with: gateway serve")

// controlClient talks to the running serve.
func controlClient(home config.Home) *http.Client {
	return &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dialControl(ctx, home) },
	}}
}

func dialControl(ctx context.Context, home config.Home) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socketPath(home))
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", errNotRunning, err)
	}
	return conn, nil
}

// call asks the running serve and reads its answer into v.
func call(ctx context.Context, home config.Home, method, path string, v any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://gateway"+path, nil)
	if err != nil {
		return err
	}
	client := controlClient(home)
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if errors.Is(err, errNotRunning) {
		return errNotRunning
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return errors.New(string(text))
	}
	return json.NewDecoder(resp.Body).Decode(v)
}
