package twitch

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"chatgateway/internal/secret"
)

// session is one connection, logged in.
type session struct {
	c      *channel
	conn   net.Conn
	lines  lineReader
	tags   bool          // the server sends tags
	states bool          // the server sends USERSTATE and NOTICE
	over   chan struct{} // closed when it is over
	began  time.Time

	write  sync.Mutex // held while a line is written
	mu     sync.Mutex
	probes map[string]chan struct{} // guarded by mu: what waits for a PONG
}

// errLogin: Twitch refused name and token.
var errLogin = errors.New("Twitch refused the login") //nolint:staticcheck // a name

// errReconnect: Twitch asked for another connection.
var errReconnect = errors.New("Twitch asked to connect anew") //nolint:staticcheck // a name

const writeTime = 10 * time.Second

// dialer makes connections to a server.
func dialer(encrypted bool) func(context.Context, string) (net.Conn, error) {
	d := net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}
	if encrypted {
		t := &tls.Dialer{NetDialer: &d, Config: &tls.Config{MinVersion: tls.VersionTLS12}}
		return func(ctx context.Context, addr string) (net.Conn, error) { return t.DialContext(ctx, "tcp", addr) }
	}
	return func(ctx context.Context, addr string) (net.Conn, error) { return d.DialContext(ctx, "tcp", addr) }
}

// connect opens a connection and logs in. The session must be closed.
func (c *channel) connect(ctx context.Context, nick string, token secret.String) (*session, error) {
	dialing, cancel := context.WithTimeout(ctx, c.times.answer)
	defer cancel()
	conn, err := c.dial(dialing, c.set.address())
	if err != nil {
		return nil, fmt.Errorf("twitch: connect: %w", err)
	}
	s := &session{c: c, conn: conn, lines: lineReader{r: bufio.NewReaderSize(conn, 8<<10)}, over: make(chan struct{}), began: time.Now(),
		probes: map[string]chan struct{}{}}
	stop := context.AfterFunc(ctx, func() { s.close() })
	defer stop()
	if err := s.login(nick, token); err != nil {
		s.close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("twitch: log in: %w", err)
	}
	return s, nil
}

// login introduces the bot, and reads until the server welcomes it.
func (s *session) login(nick string, token secret.String) error {
	deadline := time.Now().Add(s.c.times.answer)
	hello := []string{"CAP REQ :twitch.tv/tags twitch.tv/commands", "NICK " + nick}
	if !token.Empty() {
		hello = slices.Insert(hello, 1, "PASS oauth:"+token.Reveal())
	}
	if s.c.auth.off() { // a plain IRC server wants to hear more, and to hear that no capability is waited for
		hello = append(hello, "USER "+nick+" 0 * :"+nick, "CAP END")
	}
	if err := s.send(hello...); err != nil {
		return err
	}
	for {
		if err := s.conn.SetReadDeadline(deadline); err != nil {
			return err
		}
		text, err := s.lines.read()
		if errors.Is(err, errLong) {
			continue
		}
		if err != nil {
			return err
		}
		l, ok := parseLine(text)
		if !ok {
			continue
		}
		switch l.command {
		case "CAP":
			if l.param(1) == "ACK" {
				caps := strings.Fields(l.param(len(l.params) - 1))
				s.tags = s.tags || slices.Contains(caps, "twitch.tv/tags")
				s.states = s.states || slices.Contains(caps, "twitch.tv/commands")
			}
		case "PING":
			if err := s.send("PONG :" + l.param(0)); err != nil {
				return err
			}
		case "NOTICE":
			if l.room() == "" && loginRefused(l.param(1)) {
				return errLogin
			}
		case "464", "465":
			return errLogin
		case "432", "433":
			return fmt.Errorf("the server does not take the name: %s", clip(l.param(len(l.params)-1), 80))
		case "ERROR":
			if strings.Contains(strings.ToLower(l.param(0)), "password") {
				return errLogin
			}
			return fmt.Errorf("the server said: %s", clip(l.param(0), 80))
		case "RECONNECT":
			return errReconnect
		case "001":
			return nil
		}
	}
}

// loginRefused reports whether a notice to nobody in particular ends the login.
func loginRefused(text string) bool {
	return slices.Contains([]string{"login authentication failed", "login unsuccessful", "improperly formatted auth", "invalid nick", "error logging in"},
		strings.ToLower(strings.Trim(text, ". ")))
}

// read hands every line to handle until the connection is lost, which is always an error. A connection without a sign
// of life is lost.
func (s *session) read(handle func(line) error) error {
	asked := false
	for {
		wait := s.c.times.idle
		if asked {
			wait = s.c.times.answer
		}
		if err := s.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return err
		}
		text, err := s.lines.read()
		switch {
		case errors.Is(err, errLong):
			s.c.log.Warn("twitch: a line was too long", "account", s.c.o.Account)
			continue
		case errors.Is(err, os.ErrDeadlineExceeded) && asked:
			return errors.New("the server gives no sign of life")
		case errors.Is(err, os.ErrDeadlineExceeded):
			asked = true
			if err := s.send("PING :alive"); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		asked = false
		l, ok := parseLine(text)
		if !ok {
			continue
		}
		switch l.command {
		case "PING":
			err = s.send("PONG :" + l.param(0))
		case "PONG":
			s.answered(l.param(len(l.params) - 1))
		case "ERROR":
			err = fmt.Errorf("the server said: %s", clip(l.param(0), 80))
		default:
			err = handle(l)
		}
		if err != nil {
			return err
		}
	}
}

// send writes lines.
func (s *session) send(lines ...string) error {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(oneLine(l))
		b.WriteString("\r\n")
	}
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	_, err := s.conn.Write([]byte(b.String()))
	return err
}

// probe asks for a PONG; the channel is closed when it is there.
func (s *session) probe(name string) (<-chan struct{}, error) {
	done := make(chan struct{})
	s.mu.Lock()
	s.probes[name] = done
	s.mu.Unlock()
	return done, s.send("PING :" + name)
}

func (s *session) answered(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if done, ok := s.probes[name]; ok {
		close(done)
		delete(s.probes, name)
	}
}

func (s *session) close() { s.conn.Close() }
