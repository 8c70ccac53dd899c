package discord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/gorilla/websocket"

	"chatgateway/internal/adapter"
	"chatgateway/internal/secret"
)

// quiet keeps discordgo from writing to the standard logger.
const quiet = -1

// session is one session at Discord's gateway: a discordgo.Session and its connection, then the one that resumes it.
//
// discordgo may lock up for good while it connects (its issue 513); then its socket is closed and it is abandoned,
// with the goroutine that hangs in it. Its Close is never called: it tells Discord that the session is over, so that
// it cannot be resumed. Closing the socket under it has the same effect without that.
type session struct {
	dg    *discordgo.Session
	times times
	on    func(kind string, raw json.RawMessage)
	stop  context.CancelFunc // ends a dial, and all later ones
	read  atomic.Int64       // when something was last read, in Unix nanoseconds

	mu     sync.Mutex
	closed bool        // guarded by mu: events are not passed on any more
	conn   net.Conn    // guarded by mu
	now    *connection // guarded by mu
	bounce bool        // guarded by mu: the next dial fails, so that discordgo forgets the old address
	resume string      // guarded by mu: where to resume; empty: it cannot be resumed
}

// connection is what is known of the present connection.
type connection struct {
	lost   signal // nothing comes any more
	ready  signal // Discord said READY or RESUMED
	ended  signal // discordgo has let go of it
	opened bool   // discordgo reads from it; guarded by session.mu
}

// signal is an event that happens once.
type signal struct {
	once sync.Once
	c    chan struct{}
}

func newConnection() *connection {
	return &connection{lost: signal{c: make(chan struct{})}, ready: signal{c: make(chan struct{})}, ended: signal{c: make(chan struct{})}}
}

func (s *signal) fire() { s.once.Do(func() { close(s.c) }) }

var errBounce = errors.New("the address is asked for again")

// newSession makes a session that is not connected. on is called with every event, in order.
func newSession(ctx context.Context, token secret.String, intents discordgo.Intent, gateway string, t times, on func(kind string, raw json.RawMessage)) (*session, error) {
	dg, err := discordgo.New("Bot " + token.Reveal())
	if err != nil {
		return nil, fmt.Errorf("discord: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &session{dg: dg, times: t, on: on, stop: cancel}
	dg.LogLevel = quiet
	dg.ShouldReconnectOnError, dg.SyncEvents, dg.StateEnabled, dg.Compress = false, true, false, false
	dg.Identify.Compress, dg.Identify.Intents = false, intents
	dg.Client = &http.Client{Transport: &transport{base: &url.URL{}, token: func() secret.String { return token }, next: http.DefaultTransport,
		gateway: func() string {
			// What discordgo adds to the address, its old version of the API, comes to stand behind the "#".
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.resume != "" {
				return s.resume
			}
			return gateway
		}}}
	dg.Dialer = &websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: t.open,
		NetDialContext: func(dctx context.Context, network, addr string) (net.Conn, error) {
			dctx, cancel := context.WithCancel(dctx)
			defer cancel()
			defer context.AfterFunc(ctx, cancel)()
			return s.dial(dctx, network, addr)
		}}
	dg.AddHandler(func(_ *discordgo.Session, e *discordgo.Event) { s.event(e) })
	dg.AddHandler(func(*discordgo.Session, *discordgo.Disconnect) { s.over() })
	return s, nil
}

// gatewayAddress writes an address as the dialer shall use it.
func gatewayAddress(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "wss" && !(u.Scheme == "ws" && adapter.Loopback(u.Hostname())) {
		return "", errors.New("discord: the gateway's address is none that is connected to")
	}
	u.RawQuery, u.Fragment = "v="+apiVersion[1:]+"&encoding=json", ""
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String() + "#", nil
}

// open connects, and returns when Discord has said READY or RESUMED. After a loss it resumes.
func (s *session) open(ctx context.Context) error {
	now := newConnection()
	s.mu.Lock()
	s.now = now
	s.bounce = s.resume != ""
	s.mu.Unlock()
	opened := make(chan error, 1)
	go func() { // ends when the socket is closed, unless discordgo hangs: see session
		err := s.dg.Open()
		if errors.Is(err, errBounce) {
			err = s.dg.Open()
		}
		opened <- err
	}()
	limit := time.NewTimer(s.times.open)
	defer limit.Stop()
	lost, ready := now.lost.c, now.ready.c
	for opened != nil || ready != nil {
		select {
		case err := <-opened:
			if err != nil {
				s.hangUp()
				return err
			}
			opened = nil
			s.mu.Lock()
			now.opened = true
			s.mu.Unlock()
		case <-ready:
			ready = nil
		case <-lost:
			if opened == nil {
				return errors.New("the connection was lost before it was ready")
			}
			lost = nil
			limit.Reset(s.times.grace) // Open tells why, if it can
		case <-limit.C:
			s.hangUp()
			return s.hung(now, opened)
		case <-ctx.Done():
			s.stop()
			s.hangUp()
			_ = s.hung(now, opened)
			return ctx.Err()
		}
	}
	return nil
}

// hung waits a little for Open, so that its goroutine is not left behind if it can end.
func (s *session) hung(now *connection, opened chan error) error {
	slow := errors.New("no word from Discord that it was ready")
	if opened == nil {
		return slow
	}
	select {
	case err := <-opened:
		if err == nil {
			s.mu.Lock()
			now.opened = true
			s.mu.Unlock()
			err = slow
		}
		return err
	case <-time.After(s.times.grace):
		return errHung
	}
}

var errHung = errors.New("the connection hung while it was opened")

// hangUp closes the socket.
func (s *session) hangUp() {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		_ = conn.Close() // it may be closed already
	}
}

// end closes the socket for good and waits until discordgo has let go of it; no event is passed on any more.
func (s *session) end() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.hangUp()
	s.settled()
}

// settled waits until discordgo has let go of a connection that was lost; false if it does not.
func (s *session) settled() bool {
	s.mu.Lock()
	now := s.now
	wait := now != nil && now.opened
	s.mu.Unlock()
	if !wait {
		return true
	}
	select {
	case <-now.ended.c:
		return true
	case <-time.After(s.times.grace):
		return false
	}
}

// resumable reports whether Discord has told where the session can go on.
func (s *session) resumable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.resume != ""
}

// lost is closed when nothing comes any more.
func (s *session) lost() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.lost.c
}

// dial connects the socket.
func (s *session) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	s.mu.Lock()
	bounce := s.bounce
	s.bounce = false
	s.mu.Unlock()
	if bounce {
		return nil, errBounce
	}
	d := net.Dialer{Timeout: s.times.open}
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = &watched{Conn: conn, s: s, lost: s.now.lost.fire}
	return s.conn, nil
}

// event takes in an event from discordgo; it holds discordgo's locks and must not wait.
func (s *session) event(e *discordgo.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || e == nil {
		return
	}
	if e.Type == "READY" {
		var r struct {
			Resume string `json:"resume_gateway_url"`
		}
		s.resume = ""
		if json.Unmarshal(e.RawData, &r) == nil {
			s.resume, _ = gatewayAddress(r.Resume) // empty if it is none
		}
	}
	s.on(e.Type, e.RawData)
	if e.Type == "READY" || e.Type == "RESUMED" {
		s.now.ready.fire()
	}
}

// over notes that discordgo has let go of the connection.
func (s *session) over() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.lost.fire()
	s.now.ended.fire()
}

// watched is a connection that notices when nothing comes any more: Discord acknowledges every heartbeat.
type watched struct {
	net.Conn
	s    *session
	lost func()
}

// Read implements net.Conn.
func (w *watched) Read(p []byte) (int, error) {
	if err := w.Conn.SetReadDeadline(time.Now().Add(w.s.times.silence)); err != nil {
		w.lost()
		return 0, err
	}
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.s.read.Store(time.Now().UnixNano())
	}
	if err != nil {
		// discordgo would tell Discord that the session is over, on a socket that is only silent.
		_ = w.Close()
	}
	return n, err
}

// Close implements net.Conn.
func (w *watched) Close() error {
	w.lost()
	return w.Conn.Close()
}

// SetDeadline implements net.Conn. The silence decides on reads.
func (w *watched) SetDeadline(t time.Time) error { return w.Conn.SetWriteDeadline(t) }

// SetReadDeadline implements net.Conn.
func (w *watched) SetReadDeadline(time.Time) error { return nil }
