package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	slackgo "github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
	"chatgateway/internal/lazyregexp"
	"chatgateway/internal/status"
)

// Slack says some seconds before it closes a connection (disconnect), and wants another one opened. The old one is
// read on until then, so that nothing, and above all no slash command, which Slack delivers once, falls between them.

const frameMax = 4 << 20 // bytes of one envelope

// conn is one connection.
type conn struct {
	ws    *websocket.Conn
	hello socketmode.Request
	leave chan struct{} // closed when Slack asks to go
	done  chan struct{} // closed when it has ended
	why   string        // the reason of the disconnect; read after leave

	mu sync.Mutex // guards writing
}

// supervise keeps a connection open until ctx ends or Slack refuses for good.
func (c *channel) supervise(ctx context.Context, in *inbox) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var heard time.Time // until when nothing can have been missed
	for failures := 0; ; {
		cn, err := c.connect(ctx, func() {
			if now := time.Now(); now.Sub(heard) > c.times.gap {
				c.catchUp(ctx, in)
				heard = now
			}
		})
		if err == nil {
			err = c.sameApp(cn.hello)
		}
		if err != nil {
			if cn != nil {
				_ = cn.ws.Close()
			}
			if ctx.Err() != nil {
				return nil
			}
			if permanent(err) {
				return err
			}
			wait := c.times.backoff(failures)
			failures++
			c.log.Warn("slack: no connection; trying again", "err", err, "in", wait)
			if !c.tell(err) {
				c.report(status.Connecting, "Slack cannot be reached; trying again.")
			}
			if adapter.Pause(ctx, wait) != nil {
				return nil
			}
			continue
		}
		began := time.Now()
		c.connected(cn)
		wg.Go(func() { c.keepAlive(ctx, cn) })
		wg.Go(func() { c.read(ctx, cn, in) })
		if err := c.watch(ctx, cn); err != nil || ctx.Err() != nil {
			return err
		}
		heard = time.Now()
		if time.Since(began) > c.times.most {
			failures = 0
			continue
		}
		if adapter.Pause(ctx, c.times.backoff(failures)) != nil { // one that is asked to go is read meanwhile
			return nil
		}
		failures++
	}
}

// watch returns when another connection is needed, or with an error that no other can mend.
func (c *channel) watch(ctx context.Context, cn *conn) error {
	probe := time.NewTicker(c.times.probe)
	defer probe.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-cn.leave:
			err := leaving(cn.why)
			if permanent(err) {
				return err
			}
			c.log.Info("slack: Slack asks for another connection", "reason", adapter.Clip(cn.why, 40))
			c.tell(err)
			return nil
		case <-cn.done:
			if ctx.Err() == nil {
				c.report(status.Connecting, "The connection to Slack was lost; opening another.")
			}
			return nil
		case <-probe.C:
			if _, err := c.lookUp(ctx); err != nil && permanent(err) {
				return err
			} else if err == nil {
				c.connected(cn)
			}
		}
	}
}

// leaving says what Slack means by a disconnect: https://docs.slack.dev/apis/events-api/using-socket-mode#disconnect. It may
// come in place of a hello. A warning and a refresh_requested want another connection.
func leaving(reason string) error {
	switch reason {
	case "link_disabled":
		return state("Socket Mode is switched off for this Slack app; switch it on at "+portal+", Socket Mode.", channels.ErrSetup)
	case "too_many_websockets": // not on that page: https://github.com/slackapi/node-slack-sdk/issues/1654
		return state("Slack takes no more connections of this app: other programs are connected with its app-level token; stop them.", nil)
	}
	return fmt.Errorf("slack: connect: Slack asks for another connection: %s", adapter.Clip(first(reason, "no reason"), 40))
}

// tell reports a state that has a sentence of its own, and whether there was one.
func (c *channel) tell(err error) bool {
	var s *adapter.State
	if !errors.As(err, &s) {
		return false
	}
	c.report(status.Connecting, s.Text)
	return true
}

// connect opens a connection and waits until Slack said hello on it: without, it would be open and bring nothing. before is
// called when Slack can be reached.
func (c *channel) connect(ctx context.Context, before func()) (*conn, error) {
	var address string
	err := c.do(ctx, call{what: "open a connection", method: "apps.connections.open", once: true}, func(ctx context.Context, api *slackgo.Client) (err error) {
		_, address, err = api.StartSocketModeContext(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "wss" && !(u.Scheme == "ws" && adapter.Loopback(u.Hostname())) {
		return nil, errors.New("slack: connect: Slack named no address to connect to")
	}
	before()
	dialer := websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: c.times.hello}
	ws, res, err := dialer.DialContext(ctx, address, http.Header{"User-Agent": {userAgent}})
	if res != nil && res.Body != nil {
		_ = res.Body.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("slack: connect: %w", bare(err))
	}
	stop := context.AfterFunc(ctx, func() { _ = ws.Close() })
	defer stop()
	ws.SetReadLimit(frameMax)
	cn := &conn{ws: ws, leave: make(chan struct{}), done: make(chan struct{})}
	for end := time.Now().Add(c.times.hello); cn.hello.Type != "hello"; {
		if err = ws.SetReadDeadline(end); err == nil {
			var data []byte
			if _, data, err = ws.ReadMessage(); err == nil {
				_ = json.Unmarshal(data, &cn.hello) // what is no JSON is no hello
			}
		}
		if err == nil && cn.hello.Type == "disconnect" {
			_ = ws.Close()
			return nil, leaving(cn.hello.Reason)
		}
		if err != nil {
			_ = ws.Close()
			return nil, fmt.Errorf("slack: connect: Slack said no hello: %w", err)
		}
	}
	return cn, nil
}

// read hands what comes in over a connection to the inbox, until it ends.
func (c *channel) read(ctx context.Context, cn *conn, in *inbox) {
	defer close(cn.done)
	defer func() { _ = cn.ws.Close() }()
	alive := func() { _ = cn.ws.SetReadDeadline(time.Now().Add(c.times.silence)) }
	alive()
	cn.ws.SetPongHandler(func(string) error { alive(); return nil })
	cn.ws.SetPingHandler(func(data string) error {
		alive()
		_ = cn.ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(c.times.ping))
		return nil
	})
	for {
		_, data, err := cn.ws.ReadMessage()
		if err != nil {
			if ctx.Err() == nil {
				c.log.Info("slack: a connection ended", "err", err)
			}
			return
		}
		alive()
		var r socketmode.Request
		if json.Unmarshal(data, &r) != nil {
			var odd struct {
				ID string `json:"envelope_id"`
			}
			if json.Unmarshal(data, &odd) == nil {
				cn.ack(odd.ID, nil) // nothing can be made of it, now or when it comes again
			}
			continue
		}
		switch {
		case r.Type == "disconnect" && cn.why == "":
			if cn.why = r.Reason; cn.why == "" {
				cn.why = "unknown"
			}
			close(cn.leave)
		case r.EnvelopeID != "":
			c.take(ctx, in, cn, r)
		}
	}
}

// keepAlive asks for signs of life, and closes the connection when ctx ends or, after Slack asked to go, in good time.
func (c *channel) keepAlive(ctx context.Context, cn *conn) {
	ping := time.NewTicker(c.times.ping)
	defer ping.Stop()
	leave, late := cn.leave, (<-chan time.Time)(nil)
	for {
		select {
		case <-cn.done:
			return
		case <-ctx.Done():
			_ = cn.ws.Close()
			return
		case <-late:
			_ = cn.ws.Close()
			return
		case <-leave:
			leave = nil
			t := time.NewTimer(c.times.grace)
			defer t.Stop()
			late = t.C
		case <-ping.C:
			_ = cn.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(c.times.ping)) // if it cannot be written, reading ends
		}
	}
}

// ack tells Slack that an envelope was taken; payload answers it. On a connection that has ended nothing is told, and
// Slack delivers it again on another.
func (cn *conn) ack(envelope string, payload any) {
	if envelope == "" {
		return
	}
	cn.mu.Lock()
	defer cn.mu.Unlock()
	_ = cn.ws.SetWriteDeadline(time.Now().Add(10 * time.Second))
	if err := cn.ws.WriteJSON(socketmode.Response{EnvelopeID: envelope, Payload: payload}); err != nil {
		_ = cn.ws.Close()
	}
}

// connected reports that a connection stands, and what is missing all the same.
func (c *channel) connected(cn *conn) {
	me := c.identity()
	if n := cn.hello.NumConnections; n > 2 {
		c.log.Warn("slack: other programs are connected as this app; each gets only a part of what is said", "connections", n)
	}
	if lacks := me.lacks(true); len(lacks) > 0 {
		c.report(status.Degraded, "The Slack app lacks the scopes "+strings.Join(lacks, ", ")+"; add them at "+me.page("oauth")+" and install the app again.")
		return
	}
	c.mu.Lock()
	unread := strings.Join(c.unread, ", ")
	c.mu.Unlock()
	if unread != "" {
		c.report(status.Degraded, "What is said while the bot is away cannot be read: the Slack app lacks the scopes "+unread+"; add them at "+me.page("oauth")+
			" and install the app again.")
		return
	}
	c.report(status.Connected, "")
}

// sameApp finds tokens of two apps: what one is told the other cannot answer.
func (c *channel) sameApp(hello socketmode.Request) error {
	app := hello.ConnectionInfo.AppID
	if app == "" {
		app = appOf(c.appToken().Reveal())
	}
	if me := c.identity(); me.app == "" || app == "" || me.app == app {
		return nil
	}
	return state("The Slack bot token and the app-level token belong to different apps; copy both from one app at "+portal+".", channels.ErrRejected)
}

var appToken = lazyregexp.New(`^xapp-\d+-(A[A-Z0-9]+)-`)

// appOf gives the app that an app-level token belongs to; empty if it does not say.
func appOf(token string) string {
	if m := appToken.FindStringSubmatch(token); m != nil {
		return m[1]
	}
	return ""
}

// permanent reports whether an error stays until somebody changes something.
func permanent(err error) bool {
	return errors.Is(err, channels.ErrRejected) || errors.Is(err, channels.ErrSetup)
}
