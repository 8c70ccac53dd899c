package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/terminal"
	"chatgateway/config"
)

// attach connects to the running gateway, or runs one in this process.
func (a *app) attach(ctx context.Context, home config.Home, conv channels.ConversationID, keyFiles []string) (net.Conn, func(), error) {
	conn, err := dialControl(ctx, home)
	if err == nil {
		if len(keyFiles) > 0 {
			return nil, nil, errors.Join(usageError("a gateway runs already, and --key-file would not reach it: give it to `gateway serve`"), conn.Close())
		}
		conn, err = upgrade(conn, conv)
		return conn, func() { _ = conn.Close() }, err
	}
	alone := *a
	alone.silent = true // the terminal is the chat's, which says what failed
	h, err := alone.openHost()
	if err != nil {
		return nil, nil, err
	}
	release, err := holdHome(ctx, h.home)
	if err != nil {
		return nil, nil, err
	}
	if err := a.keyFiles(h, keyFiles); err != nil {
		release()
		return nil, nil, err
	}
	s, err := a.newServer(ctx, h, true)
	if err != nil {
		release()
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- s.run(ctx) }()
	near, far := net.Pipe()
	t, err := s.terminal(ctx)
	if err != nil {
		cancel()
		release()
		return nil, nil, errors.Join(err, <-done)
	}
	attached := make(chan struct{})
	go func() { defer close(attached); _ = t.Attach(ctx, conv, far) }()
	return near, func() {
		_ = near.Close()
		<-attached
		cancel()
		if err := <-done; err != nil {
			fmt.Fprintln(a.err, "gateway: "+message(err))
		}
		release()
	}, nil
}

// upgrade turns a connection to the control socket into one to the terminal channel.
func upgrade(conn net.Conn, conv channels.ConversationID) (net.Conn, error) {
	req, err := http.NewRequest(http.MethodPost, "http://gateway/terminal?conversation="+url.QueryEscape(string(conv)), nil) //nolint:noctx // written by hand
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	req.Header.Set("Upgrade", "terminal")
	req.Header.Set("Connection", "Upgrade")
	if err := req.Write(conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, req) //nolint:bodyclose // the connection goes on
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, errors.Join(errors.New("the running gateway does not take a chat; is it of another version?"), conn.Close())
	}
	return &readConn{conn, r}, nil
}

// readConn is a connection whose first bytes were read ahead.
type readConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *readConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// handleTerminal lets a chat attach.
func (s *server) handleTerminal(w http.ResponseWriter, r *http.Request) {
	conv := channels.ConversationID(r.URL.Query().Get("conversation"))
	if conv == "" || len(conv) > 100 {
		http.Error(w, "no conversation", http.StatusBadRequest)
		return
	}
	t, err := s.terminal(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if _, err := conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: terminal\r\nConnection: Upgrade\r\n\r\n")); err != nil {
		_ = conn.Close()
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context())) // a hijacked connection outlives its request
	defer cancel()
	go func() {
		select {
		case <-s.ending:
			cancel()
		case <-ctx.Done():
		}
	}()
	_ = t.Attach(ctx, conv, &readConn{conn, buf.Reader})
}

// terminal waits for the terminal channel.
func (s *server) terminal(ctx context.Context) (*terminal.Channel, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	select {
	case <-s.termReady:
		return s.term, nil
	case <-ctx.Done():
		return nil, errors.New("the terminal channel is switched off")
	}
}
