package web

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
)

// Nobody else reaches the page by mistake: another address than loopback needs TLS or a stated proxy.
func TestSettings(t *testing.T) {
	names := []string{"chat.example.org"}
	for _, c := range []struct {
		set  Settings
		want string // part of the sentence; "": fine
	}{
		{Settings{}, ""},
		{Settings{Listen: "127.0.0.1:0"}, ""},
		{Settings{Listen: "127.1.2.3:80"}, ""},
		{Settings{Listen: "[::1]:8765"}, ""},
		{Settings{Listen: "localhost:8765"}, ""},
		{Settings{Listen: "0.0.0.0:8765"}, "without encryption"},
		{Settings{Listen: ":8765"}, "without encryption"},
		{Settings{Listen: "[::]:8765"}, "without encryption"},
		{Settings{Listen: "192.0.2.1:8765", Names: names}, "without encryption"},
		{Settings{Listen: "[::ffff:192.0.2.1]:8765", Names: names}, "without encryption"},
		{Settings{Listen: "example.org:8765", Names: names}, "without encryption"},
		{Settings{Listen: "127.0.0.1.evil.example:8765", Names: names}, "without encryption"},
		{Settings{Listen: "0.0.0.0:8765", TLSCert: "c", TLSKey: "k"}, "names"},
		{Settings{Listen: "0.0.0.0:8765", TLSCert: "c", TLSKey: "k", Names: names}, ""},
		{Settings{Listen: "0.0.0.0:8765", BehindProxy: true, Names: names}, ""},
		{Settings{BehindProxy: true}, "names"},
		{Settings{TLSCert: "c"}, "tls_key"},
		{Settings{Listen: "8765"}, "127.0.0.1:8765"},
		{Settings{Listen: "127.0.0.1:port"}, "port"},
		{Settings{Listen: "127.0.0.1:99999"}, "port"},
		{Settings{Names: []string{"https://x.example"}}, "names"},
		{Settings{Names: []string{"*"}}, "names"},
		{Settings{Names: []string{""}}, "names"},
	} {
		_, err := Service.Open(channels.Options{Settings: &c.set})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%+v: %v", c.set, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, channels.ErrSetup)):
			t.Errorf("%+v gave %v; want ErrSetup and %q", c.set, err, c.want)
		}
	}
}

func TestHosts(t *testing.T) {
	for _, c := range []struct {
		set        Settings
		addr       string
		main       string
		host, want string // origin of a Host
	}{
		{Settings{}, "127.0.0.1:8765", "http://127.0.0.1:8765", "localhost:8765", "http://localhost:8765"},
		{Settings{}, "127.0.0.1:80", "http://127.0.0.1", "127.0.0.1", "http://127.0.0.1"},
		{Settings{}, "[::1]:8765", "http://[::1]:8765", "[::1]:8765", "http://[::1]:8765"},
		{Settings{Names: []string{"Pi.local"}}, "127.0.0.1:8765", "http://127.0.0.1:8765", "pi.LOCAL:8765", "http://pi.local:8765"},
		{Settings{Names: []string{"a.example", "b.example"}, BehindProxy: true}, "127.0.0.1:8765", "https://a.example", "b.example", "https://b.example"},
		{Settings{Names: []string{"a.example"}, BehindProxy: true}, "127.0.0.1:8765", "https://a.example", "a.example:8765", ""},
		{Settings{Names: []string{"a.example:8443"}, BehindProxy: true}, "0.0.0.0:80", "https://a.example:8443", "a.example:8443", "https://a.example:8443"},
		{Settings{Names: []string{"a.example"}, TLSCert: "c"}, "0.0.0.0:443", "https://a.example", "a.example", "https://a.example"},
		{Settings{Names: []string{"a.example"}, TLSCert: "c"}, "0.0.0.0:8443", "https://a.example:8443", "0.0.0.0:8443", ""},
	} {
		h := newHosts(&c.set, c.addr)
		if got := h.origin(c.host); h.main != c.main || got != c.want {
			t.Errorf("%+v at %s: main %s, %s is %q; want %s and %q", c.set, c.addr, h.main, c.host, got, c.main, c.want)
		}
	}
}

// A port that is taken is said with what to do; the usual one gives way to a free one, which stays the same.
func TestPortTaken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	c, err := open(channels.Options{Settings: &Settings{Listen: ln.Addr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Run(t.Context(), nil)
	if p, ok := errors.AsType[*problem](err); !ok || !strings.Contains(p.UserMessage(), "taken by another program") || !strings.Contains(p.say, "listen") {
		t.Errorf("Run gave %v; want a sentence", err)
	}
	if errors.Is(err, channels.ErrSetup) {
		t.Error("a port that is taken may be free again: it is worth another try")
	}
	if _, err := c.(*Channel).NewLink(); err == nil {
		t.Error("there is a link to a page that is not served")
	}

	home := t.TempDir()
	addr := ""
	for range 2 {
		h := run(t, home, func(s *Settings) {
			s.Listen = ""
		}, func(c *Channel) {
			c.ln = func(ctx context.Context, addr string) (net.Listener, error) {
				if addr == defaultAddr {
					addr = ln.Addr().String() // taken
				}
				return listenTCP(ctx, addr)
			}
		})
		if addr != "" && h.Addr() != addr {
			t.Errorf("the second start chose %s; want %s again", h.Addr(), addr)
		}
		addr = h.Addr()
		h.Channel.mu.Lock()
		note := h.state.Detail
		h.Channel.mu.Unlock()
		if !strings.Contains(note, "8765") {
			t.Errorf("the note is %q; want it to say why", note)
		}
		h.stop()
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	pool := certificate(t, cert, key, 1)
	h := run(t, "", func(s *Settings) { s.TLSCert, s.TLSKey = cert, key })
	link, err := h.NewLink()
	if err != nil || !strings.HasPrefix(link, "https://127.0.0.1:") {
		t.Fatalf("the link does not begin with https (%v)", err)
	}
	_, token, _ := strings.Cut(link, "#k=")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	resp, err := client.Post(h.URL()+"api/enter", "application/json", strings.NewReader(`{"link":"`+token+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if c := resp.Header.Get("Set-Cookie"); resp.StatusCode != 200 || !strings.Contains(c, "Secure") || !strings.HasPrefix(c, "__Secure-") {
		t.Errorf("%d; the cookie is not Secure", resp.StatusCode)
	}
	old := tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	if c, err := tls.Dial("tcp", h.Addr(), &old); err == nil {
		_ = c.Close()
		t.Error("TLS 1.1 is spoken")
	}
	certs := &keyPair{cert: cert, key: key}
	first, err := certs.get(nil)
	if err != nil {
		t.Fatal(err)
	}
	certificate(t, cert, key, 2)
	if err := os.Chtimes(cert, time.Now(), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	certs.checked = time.Time{}
	if second, err := certs.get(nil); err != nil || second == first {
		t.Errorf("a new certificate is not taken up (%v)", err)
	}
}

// certificate writes one for 127.0.0.1 and gives who trusts it.
func certificate(t *testing.T, certFile, keyFile string, serial int64) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(c)
	return pool
}
