// Package emailtest is a mail server in memory: one mailbox over IMAP, and an SMTP server that takes what the bot
// sends. It is made of go-imap's and go-smtp's own servers.
package emailtest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Who the bot is at the server.
const (
	User     = "bot@gateway.example"
	Password = "FAKE-mailbox-key.0001"
	Trusted  = "mx.gateway.example"
)

// Options say how the server differs from a usual one.
type Options struct {
	NoIdle bool // the server does not know IDLE
	// Threads are the threads of mails by their numbers, in the words of a server that names them: ThreadCap is its
	// capability, and ThreadItem what is fetched.
	Threads               map[uint32]string
	ThreadCap, ThreadItem string
}

// Server is the mail server.
type Server struct {
	IMAP, SMTP int // ports on loopback
	User       *imapmemserver.User

	mu     sync.Mutex
	conns  map[net.Conn]bool // guarded by mu: over IMAP
	sent   []Sent            // guarded by mu
	until  time.Time         // guarded by mu: SMTP refuses for now
	refuse error             // guarded by mu: SMTP's answer to a recipient
	deny   error             // guarded by mu: SMTP's answer to a sender
	hook   func(Sent)        // guarded by mu
}

// Sent is a mail that the bot sent.
type Sent struct {
	From, To string
	Raw      []byte
	UTF8     bool // the bot asked for SMTPUTF8
}

// New starts a server; it ends with the test.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{User: imapmemserver.NewUser(User, Password), conns: map[net.Conn]bool{}}
	if err := s.User.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	quiet := log.New(io.Discard, "", 0)
	is := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &reading{imapmemserver.NewUserSession(s.User)}, nil, nil
		},
		Caps:         imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapUIDPlus: {}, imap.CapMove: {}, imap.CapSASLIR: {}},
		InsecureAuth: true, Logger: quiet,
	})
	ss := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{s: s}, nil }))
	ss.Domain, ss.AllowInsecureAuth, ss.EnableSMTPUTF8, ss.ErrorLog = "mx.gateway.example", true, true, quiet
	il, sl := listen(t), listen(t)
	s.IMAP, s.SMTP = il.Addr().(*net.TCPAddr).Port, sl.Addr().(*net.TCPAddr).Port
	var wg sync.WaitGroup
	wg.Go(func() { _ = is.Serve(&watched{il, s, o}) })
	wg.Go(func() { _ = ss.Serve(sl) })
	t.Cleanup(func() {
		_ = il.Close() // a server that has not begun to serve yet knows nothing of its listener
		_ = sl.Close()
		_ = is.Close()
		_ = ss.Close()
		wg.Wait()
	})
	return s
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Put lays a mail into a folder.
func (s *Server) Put(t testing.TB, folder string, raw []byte, at time.Time) uint32 {
	t.Helper()
	d, err := s.User.Append(folder, literal{bytes.NewReader(raw), int64(len(raw))}, &imap.AppendOptions{Time: at})
	if err != nil {
		t.Fatal(err)
	}
	return uint32(d.UID)
}

// Count tells how many mails a folder holds, and how many of them are unseen.
func (s *Server) Count(t testing.TB, folder string) (all, unseen uint32) {
	t.Helper()
	d, err := s.User.Status(folder, &imap.StatusOptions{NumMessages: true, NumUnseen: true})
	if err != nil {
		t.Fatal(err)
	}
	return *d.NumMessages, *d.NumUnseen
}

type literal struct {
	*bytes.Reader
	size int64
}

func (l literal) Size() int64 { return l.size }

// Sent lists what the bot sent.
func (s *Server) Sent() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Sent(nil), s.sent...)
}

// OnSent calls f with every mail that is sent from now on.
func (s *Server) OnSent(f func(Sent)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = f
}

// Cut cuts every IMAP connection.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
	clear(s.conns)
}

// Defer makes SMTP answer 451 for a while.
func (s *Server) Defer(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = time.Now().Add(d)
}

// Refuse makes SMTP refuse every recipient so; nil: no more.
func (s *Server) Refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = err
}

// StartTLS gives a port where IMAP must be encrypted with STARTTLS first, and the file with the certificate to trust. What
// is slipped in comes, unencrypted, behind the server's consent.
func (s *Server) StartTLS(t testing.TB, slipped string) (port int, ca string) {
	dir := t.TempDir()
	certificate(t, dir)
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.encrypt(c, cert, slipped) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.Cut()
		wg.Wait()
	})
	return l.Addr().(*net.TCPAddr).Port, filepath.Join(dir, "cert.pem")
}

// encrypt passes a connection on to the server once it is encrypted.
func (s *Server) encrypt(c net.Conn, cert tls.Certificate, slipped string) {
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hello\r\n")
	line, err := bufio.NewReader(c).ReadString('\n')
	tag, command, _ := strings.Cut(strings.TrimSpace(line), " ")
	if err != nil || !strings.EqualFold(command, "STARTTLS") {
		return
	}
	_, _ = io.WriteString(c, tag+" OK begin\r\n"+slipped)
	plain := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
	up, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.IMAP))
	if err != nil {
		return
	}
	defer func() { _ = up.Close() }()
	in := bufio.NewReader(up)
	if _, err := in.ReadString('\n'); err != nil { // its greeting: one was given
		return
	}
	done := make(chan struct{})
	go func() { // ends with either connection
		defer close(done)
		_, _ = io.Copy(up, plain)
		_ = up.Close()
	}()
	_, _ = io.Copy(plain, in)
	_ = c.Close()
	<-done
}

// RefuseSender makes SMTP refuse the bot's address so; nil: no more.
func (s *Server) RefuseSender(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deny = err
}

// watched remembers its connections.
type watched struct {
	net.Listener
	s *Server
	o Options
}

func (w *watched) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	if err == nil {
		w.s.mu.Lock()
		w.s.conns[c] = true
		w.s.mu.Unlock()
		if w.o.NoIdle {
			c = idleless{c}
		}
		if w.o.ThreadCap != "" {
			c = &threading{Conn: c, o: w.o}
		}
	}
	return c, err //nolint:wrapcheck // nothing to add
}

// idleless is a connection to a server that does not know IDLE; go-imap's own always does.
type idleless struct{ net.Conn }

func (c idleless) Write(p []byte) (int, error) {
	return c.Conn.Write(bytes.ReplaceAll(p, []byte(" IDLE"), []byte(" XDLE"))) //nolint:wrapcheck // nothing to add
}

// threading is a connection to a server that tells threads, which go-imap's own does not.
type threading struct {
	net.Conn
	o     Options
	asked atomic.Bool
}

func (c *threading) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	out := bytes.Replace(p[:n], []byte(" "+c.o.ThreadItem), nil, 1)
	c.asked.Store(len(out) < n || c.asked.Load() && n == 0)
	return copy(p, out), err //nolint:wrapcheck // nothing to add
}

var uidForm = regexp.MustCompile(`FETCH \((.*\bUID (\d+).*)\)\r`)

func (c *threading) Write(p []byte) (int, error) {
	out := bytes.ReplaceAll(p, []byte(" UIDPLUS"), []byte(" UIDPLUS "+c.o.ThreadCap))
	if c.asked.Load() {
		out = uidForm.ReplaceAllFunc(out, func(line []byte) []byte {
			m := uidForm.FindSubmatch(line)
			uid, _ := strconv.ParseUint(string(m[2]), 10, 32)
			return fmt.Appendf(nil, "FETCH (%s %s %s)\r", c.o.ThreadItem, c.o.Threads[uint32(uid)], m[1])
		})
	}
	_, err := c.Conn.Write(out)
	return len(p), err //nolint:wrapcheck // nothing to add
}

// reading is one IMAP session.
type reading struct{ *imapmemserver.UserSession }

// Idle implements imapserver.Session. What came before it is told at once; go-imap's own waits for the next news.
func (r *reading) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	if err := r.Poll(w, true); err != nil {
		return err //nolint:wrapcheck // nothing to add
	}
	return r.UserSession.Idle(w, stop) //nolint:wrapcheck // nothing to add
}

// session is one SMTP session.
type session struct {
	s        *Server
	in, utf8 bool
	from, to string
}

// AuthMechanisms implements smtp.AuthSession.
func (x *session) AuthMechanisms() []string { return []string{"PLAIN", "LOGIN"} }

// Auth implements smtp.AuthSession.
func (x *session) Auth(mech string) (sasl.Server, error) {
	check := func(user, password string) error {
		if user != User || password != Password {
			return smtp.ErrAuthFailed
		}
		x.in = true
		return nil
	}
	if mech == "LOGIN" {
		return &loginServer{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, user, password string) error { return check(user, password) }), nil
}

type loginServer struct {
	check func(user, password string) error
	user  string
	asked int
}

func (l *loginServer) Next(response []byte) ([]byte, bool, error) {
	l.asked++
	switch l.asked {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.user = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.user, string(response))
}

func (x *session) Reset()        {}
func (x *session) Logout() error { return nil }

func (x *session) Mail(from string, o *smtp.MailOptions) error {
	if !x.in {
		return smtp.ErrAuthRequired
	}
	x.from, x.utf8 = from, o.UTF8
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	return x.s.deny
}

func (x *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	if time.Now().Before(x.s.until) {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "try again later"}
	}
	x.to = to
	return x.s.refuse
}

func (x *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if x.to == "" {
		return errors.New("no recipient")
	}
	m := Sent{x.from, strings.ToLower(x.to), raw, x.utf8}
	x.s.mu.Lock()
	x.s.sent = append(x.s.sent, m)
	hook := x.s.hook
	x.s.mu.Unlock()
	if hook != nil {
		hook(m)
	}
	return nil
}
