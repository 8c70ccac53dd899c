package email

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"chatgateway/channels"
)

// line is a connection on which no read and no write lasts for ever. What the libraries say of deadlines is ignored:
// they set none while they wait for a server.
type line struct {
	net.Conn
	write time.Duration
	mu    sync.Mutex
	read  time.Duration // guarded by mu: how long the other side may be silent
}

// allow says how long the other side may be silent from now on.
func (l *line) allow(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read = d
	_ = l.Conn.SetReadDeadline(time.Now().Add(d)) // fails where a read fails too
}

// Read implements net.Conn.
func (l *line) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if n > 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		_ = l.Conn.SetReadDeadline(time.Now().Add(l.read))
	}
	return n, err //nolint:wrapcheck // io.EOF must come as it is
}

// Write implements net.Conn.
func (l *line) Write(p []byte) (int, error) {
	_ = l.Conn.SetWriteDeadline(time.Now().Add(l.write)) // fails where the write fails too
	return l.Conn.Write(p)                               //nolint:wrapcheck // nothing to add
}

// SetDeadline implements net.Conn; it does nothing.
func (l *line) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn; it does nothing.
func (l *line) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn; it does nothing.
func (l *line) SetWriteDeadline(time.Time) error { return nil }

// wire is a connection, encrypted or not yet, and the line below it.
type wire struct {
	net.Conn
	line *line
}

// dial connects, encrypted at once if so asked, and gives what a later encryption needs.
func (c *channel) dial(ctx context.Context, host string, port int, encrypt bool) (*wire, *tls.Config, error) {
	secure, err := c.secure(host)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.times.dial)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // wrapped by the caller
	}
	l := &line{Conn: raw, write: c.times.reply}
	l.allow(c.times.reply)
	if !encrypt {
		return &wire{l, l}, secure, nil
	}
	t := tls.Client(l, secure)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, nil, errors.Join(trust(err), raw.Close())
	}
	return &wire{t, l}, secure, nil
}

// startTLS encrypts an IMAP connection that has just been made (RFC 3501, 6.2.1). go-imap can do it too, but then nothing
// can stand between it and the encryption; see given. What comes out begins with a greeting, which a server gives once only.
func startTLS(ctx context.Context, l *line, secure *tls.Config) (net.Conn, error) {
	in := bufio.NewReaderSize(l, 4096) // no longer line is taken
	said, err := in.ReadSlice('\n')
	if err == nil && !bytes.HasPrefix(bytes.ToUpper(said), []byte("* OK")) {
		err = errors.New("the server does not let anybody in now")
	}
	if err == nil {
		_, err = l.Write([]byte("S STARTTLS\r\n"))
	}
	for n := 0; err == nil && !bytes.HasPrefix(said, []byte("S ")); n++ {
		if said, err = in.ReadSlice('\n'); n > 20 {
			err = errors.New("the server does not answer STARTTLS")
		}
	}
	switch {
	case err != nil:
		return nil, err
	case !bytes.HasPrefix(bytes.ToUpper(said), []byte("S OK")):
		return nil, &failure{fmt.Errorf("STARTTLS was refused: %w", channels.ErrSetup), "The mail server does not encrypt the connection with STARTTLS. Set imap_tls: tls, and the port for it, mostly 993."}
	case in.Buffered() > 0:
		return nil, errors.New("the server said more before the encryption than it may") // somebody in between put it there
	}
	t := tls.Client(l, secure)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, trust(err)
	}
	return &greeted{Conn: t, greeting: []byte("* OK\r\n")}, nil
}

// greeted is a connection on which a greeting comes before what the server says.
type greeted struct {
	net.Conn
	greeting []byte
}

// Read implements net.Conn.
func (g *greeted) Read(p []byte) (int, error) {
	if n := copy(p, g.greeting); n > 0 {
		g.greeting = g.greeting[n:]
		return n, nil
	}
	return g.Conn.Read(p) //nolint:wrapcheck // io.EOF must come as it is
}

// secure is how connections are encrypted.
func (c *channel) secure(host string) (*tls.Config, error) {
	t := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if c.set.CAFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(c.set.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read ca_file: %w: %w", err, channels.ErrSetup)
	}
	if t.RootCAs, err = x509.SystemCertPool(); err != nil {
		t.RootCAs = x509.NewCertPool()
	}
	if !t.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca_file holds no certificate: %w", channels.ErrSetup)
	}
	return t, nil
}

// trust adds what to do about a certificate that is not trusted.
func trust(err error) error {
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		return &failure{err, "The certificate of the mail server is not trusted. If it is your own server, name its CA in ca_file."}
	}
	return err
}
