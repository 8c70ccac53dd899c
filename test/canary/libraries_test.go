package canary

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestCanaryLibraries: what libraries print by themselves goes through the log too. The service answers what it was not
// asked, the bot's token, which Go's HTTP client tells the world.
func TestCanaryLibraries(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go blab(c)
		}
	}()
	g := newGateway(t, fmt.Sprintf("channels: {telegram: {api_base: %q}}\n", "http://"+ln.Addr().String()))
	g.run(g.secret("the bot's token", "123456:"), "channels", "set", "telegram", "bot_token")
	g.Start()
	g.Out.Find(t, 0, regexp.MustCompile("Unsolicited response"))
	g.search("what a library printed", map[string]string{})
	g.Stop(syscall.SIGTERM)
}

// blab answers the requests of one connection, and says their addresses once more.
func blab(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body := `{"ok":false,"error_code":500,"description":"no"}`
		_, token, _ := strings.Cut(strings.TrimSuffix(r.URL.Path, "/getMe"), "/bot")
		fmt.Fprintf(c, "HTTP/1.1 500 No\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%sonce more %s", len(body), body, token)
	}
}
