package loopback

import (
	"net"
	"testing"
)

// The listener of a sign-in is for this host alone.
func TestListenersAreOnLoopback(t *testing.T) {
	for _, host := range []string{"localhost", "127.0.0.1", "::1"} {
		for _, l := range listenBoth(t.Context(), host, 0) {
			if addr := l.Addr().(*net.TCPAddr); !addr.IP.IsLoopback() {
				t.Errorf("%s: it listens on %s", host, addr)
			}
			_ = l.Close()
		}
	}
}
