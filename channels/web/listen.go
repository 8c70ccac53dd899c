package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"chatgateway/channels"
)

// defaultAddr is where the page is if Listen says nothing.
const defaultAddr = "127.0.0.1:8765"

// problem is an error for people: what happened and what to do next.
type problem struct {
	say string
	err error // channels.ErrSetup where trying again is of no use
}

func (p *problem) Error() string       { return p.say }
func (p *problem) UserMessage() string { return p.say }
func (p *problem) Unwrap() error       { return p.err }

func setup(format string, args ...any) error {
	return &problem{fmt.Sprintf(format, args...), channels.ErrSetup}
}

// check says what is wrong with the settings.
func (s *Settings) check() error {
	if (s.TLSCert == "") != (s.TLSKey == "") {
		return setup("The page needs tls_cert and tls_key, not one of them.")
	}
	for _, n := range s.Names {
		if _, _, err := splitName(n); err != nil {
			return setup("names of the page: %q is no host name; write it like chat.example.org or chat.example.org:8443.", n)
		}
	}
	if s.BehindProxy && len(s.Names) == 0 {
		return setup("behind_proxy is set: add the name that people open to names, for instance chat.example.org.")
	}
	if s.Listen == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return setup("page.listen: %q is no address; write it like 127.0.0.1:8765.", s.Listen)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n > 65535 {
		return setup("page.listen: %q is no port; use a number up to 65535.", port)
	}
	if !loopback(host) && s.TLSCert == "" && !s.BehindProxy {
		return setup("The page would be open to other hosts without encryption at %s. Listen at 127.0.0.1, or give it tls_cert and tls_key, or set behind_proxy if a proxy ends TLS in front of it.", s.Listen)
	}
	if !loopback(host) && len(s.Names) == 0 {
		return setup("The page is to be served at %s: add the name that people open to names, for instance chat.example.org.", s.Listen)
	}
	return nil
}

func (s *Settings) folder() string {
	if s.Home == "" {
		return ""
	}
	return filepath.Join(s.Home, "web")
}

// loopback reports whether only this host reaches an address there.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func listenTCP(ctx context.Context, addr string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", addr)
}

// listen opens the address: the one of the settings, or the first of the usual one, the last one and any that is
// free. The note says so if it is not the usual one.
func (c *Channel) listen(ctx context.Context) (ln net.Listener, note string, err error) {
	addr := c.set.Listen
	if addr != "" {
		if ln, err = c.ln(ctx, c.last(addr)); err != nil {
			return nil, "", unopened(addr, err)
		}
	} else if ln, err = c.ln(ctx, defaultAddr); err != nil {
		for _, a := range []string{c.last(""), c.access.port(), "127.0.0.1:0"} {
			if a == "" {
				continue
			}
			if ln, err = c.ln(ctx, a); err == nil {
				break
			}
		}
		if err != nil {
			return nil, "", unopened(defaultAddr, err)
		}
		note = "Port 8765 is taken by another program, so the page is at another one; set page.listen in config.yaml to choose it."
		c.access.setPort(ln.Addr().String())
	}
	if c.set.TLSCert != "" {
		certs := &keyPair{cert: c.set.TLSCert, key: c.set.TLSKey}
		if _, err := certs.get(nil); err != nil {
			_ = ln.Close()
			return nil, "", setup("The certificate of the page cannot be used: %s. Mend tls_cert and tls_key.", cause(err))
		}
		ln = tls.NewListener(ln, &tls.Config{
			MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: certs.get,
		})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addr = ln.Addr().String()
	c.hosts = newHosts(c.set, c.addr)
	return ln, note, nil
}

// last gives the address of an earlier Run where addr leaves the port open, so that pages that are open find us again.
func (c *Channel) last(addr string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.addr != "" && (addr == "" || strings.HasSuffix(addr, ":0")) {
		return c.addr
	}
	return addr
}

func unopened(addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE), strings.Contains(err.Error(), "Only one usage"): // the latter is Windows'
		return &problem{"The page's address " + addr + " is taken by another program. Stop that one, or set page.listen in config.yaml to another port.", err}
	case errors.Is(err, os.ErrPermission):
		return &problem{"The page may not be served at " + addr + ": ports below 1024 need rights. Set page.listen in config.yaml to a higher port.", fmt.Errorf("%w: %w", channels.ErrSetup, err)}
	default:
		return &problem{"The page cannot be served at " + addr + ": " + cause(err) + ". Set page.listen in config.yaml to an address of this host.", err}
	}
}

// cause is the innermost reason of an error, without addresses and paths.
func cause(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}

// keyPair reads a certificate again when its file changed.
type keyPair struct {
	cert, key string

	mu      sync.Mutex // guards what follows; held while the files are read
	pair    *tls.Certificate
	read    time.Time // modification time of cert when it was read
	checked time.Time
}

func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pair != nil && time.Since(k.checked) < 10*time.Second {
		return k.pair, nil
	}
	k.checked = time.Now()
	info, err := os.Stat(k.cert)
	if err == nil && (k.pair == nil || !info.ModTime().Equal(k.read)) {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(k.cert, k.key); err == nil {
			k.pair, k.read = &pair, info.ModTime()
		}
	}
	if k.pair == nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	return k.pair, nil // a new one that cannot be read leaves the old one in force
}

// hosts are the names by which the page may be asked for.
type hosts struct {
	origins map[string]string // Host of a request → origin of the pages there
	main    string            // the origin that links lead to
}

func newHosts(s *Settings, addr string) hosts {
	scheme, usual := "http", "80"
	if s.TLSCert != "" {
		scheme, usual = "https", "443"
	}
	h := hosts{origins: map[string]string{}}
	bound, port, _ := net.SplitHostPort(addr) // of a listener: it has both
	add := func(scheme, usual, name, port string) {
		host := name + ":" + port
		if port == usual {
			host = name
			h.origins[name+":"+port] = scheme + "://" + name
		}
		h.origins[host] = scheme + "://" + host
		h.main = scheme + "://" + host
	}
	add(scheme, usual, "[::1]", port)
	add(scheme, usual, "localhost", port)
	add(scheme, usual, "127.0.0.1", port)
	if ip, err := netip.ParseAddr(bound); err == nil && !ip.IsUnspecified() {
		name := ip.String()
		if ip.Is6() {
			name = "[" + name + "]"
		}
		add(scheme, usual, name, port)
	}
	local := h.main
	for _, n := range slices.Backward(s.Names) { // the first is the one for links
		name, p, _ := splitName(n) // was checked
		switch {
		case s.BehindProxy && p == "":
			add("https", "443", name, "443")
		case s.BehindProxy:
			add("https", "443", name, p)
		case p == "":
			add(scheme, usual, name, port)
		default:
			add(scheme, usual, name, p)
		}
	}
	if loopback(bound) && !s.BehindProxy {
		h.main = local
	}
	return h
}

// splitName takes a host name with an optional port apart. The name comes back in lower case.
func splitName(s string) (name, port string, err error) {
	name, port = strings.ToLower(s), ""
	if h, p, err := net.SplitHostPort(name); err == nil {
		name, port = h, p
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", "", fmt.Errorf("port of %q", s)
		}
	}
	if name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.')
	}) {
		return "", "", fmt.Errorf("name of %q", s)
	}
	return name, port, nil
}

// origin gives the origin that belongs to a Host; "" if we are not called so.
func (h hosts) origin(host string) string { return h.origins[strings.ToLower(host)] }

// Addr gives the address that the page is served at, host and port; "" before it was.
func (c *Channel) Addr() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.addr
}

// Ready gives a channel that is closed when the page is first served.
func (c *Channel) Ready() <-chan struct{} { return c.ready }

// URL gives the page's address for a browser; "" before it was served.
func (c *Channel) URL() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.addr == "" {
		return ""
	}
	return c.hosts.main + "/"
}
