package twitch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
	"chatgateway/internal/status"
)

// stateError ends Run with a sentence for the owner.
type stateError struct {
	sentence string
	err      error
}

func (e *stateError) Error() string       { return "twitch: " + e.sentence + ": " + e.err.Error() }
func (e *stateError) Unwrap() error       { return e.err }
func (e *stateError) UserMessage() string { return e.sentence }

// supervise keeps a connection until ctx ends or Twitch refuses the token for good. The token is looked at before
// every connection, and renewed first if it must be.
func (c *channel) supervise(ctx context.Context) error {
	fails, refused := 0, false
	for ctx.Err() == nil {
		err := c.auth.ready(ctx)
		var s *session
		used := c.auth.token()
		if err == nil {
			c.learn(c.auth.owner())
			s, err = c.connect(ctx, c.nick(), used)
		}
		switch {
		case ctx.Err() != nil:
			if s != nil {
				s.close()
			}
			continue // the end
		case errors.Is(err, channels.ErrRejected), errors.Is(err, channels.ErrSetup):
			return err
		case errors.Is(err, errLogin) && !refused && c.auth.canRefresh():
			renewed := c.auth.renew(ctx, used)
			if errors.Is(renewed, channels.ErrRejected) {
				return renewed
			}
			if refused = renewed == nil; refused {
				continue
			}
		case errors.Is(err, errLogin):
			return &stateError{c.auth.refusal(), channels.ErrRejected}
		case err == nil:
			refused = false
			if err = c.serve(ctx, s); ctx.Err() != nil {
				continue // the end
			}
			if errors.Is(err, channels.ErrRejected) {
				return err
			}
			if time.Since(s.began) > c.times.most {
				fails = 0
			}
			if errors.Is(err, errReconnect) && fails == 0 {
				c.log.Info("twitch asked to connect anew", "account", c.o.Account)
				fails++
				continue
			}
		}
		fails++
		pause := adapter.Backoff(fails-1, c.times.tick, c.times.most)
		c.log.Warn("twitch is not connected", "account", c.o.Account, "err", err, "again_in", pause)
		c.report(status.Connecting, fmt.Sprintf("The connection to Twitch is lost (%s); the gateway tries again.", plainReason(err)))
		_ = adapter.Pause(ctx, pause) // the loop sees if ctx ended
	}
	return nil
}

// plainReason is an error without our name before it.
func plainReason(err error) string {
	if err == nil {
		return "no reason given"
	}
	return clip(strings.TrimPrefix(err.Error(), "twitch: "), 160)
}

// serve reads a session until it is over. The rooms are joined, and the token is watched, beside.
func (c *channel) serve(ctx context.Context, s *session) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	stop := context.AfterFunc(ctx, func() { s.close() })
	c.begin(s)
	wg.Go(func() { c.join(ctx, s) })
	var rejected error
	wg.Go(func() {
		if rejected = c.watchToken(ctx); rejected != nil {
			cancel()
		}
	})
	err := s.read(func(l line) error { return c.handle(s, l) })
	c.end(s)
	cancel()
	stop()
	s.close()
	wg.Wait()
	if rejected != nil {
		return rejected
	}
	return err
}

// begin makes s the session that is used.
func (c *channel) begin(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.settled = s, false
	for _, r := range c.rooms {
		r.leave()
	}
	c.changed()
}

// end tells everybody that a session is over.
func (c *channel) end(s *session) {
	close(s.over)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.settled = nil, false
	for _, r := range c.rooms {
		r.leave()
	}
	c.changed()
}

// join joins the rooms, as fast as Twitch allows, tries again those that refused, and reports.
func (c *channel) join(ctx context.Context, s *session) {
	for {
		for _, name := range c.names {
			if c.joined(name) {
				continue
			}
			if c.pace.join(ctx) != nil || s.send("JOIN #"+name) != nil {
				return
			}
		}
		c.awaitJoins(ctx)
		if ctx.Err() != nil {
			return
		}
		c.noteMissing()
		c.tell()
		every := c.times.idle
		if !c.allJoined() {
			every = c.times.rejoin
		}
		if adapter.Pause(ctx, every) != nil {
			return
		}
		c.tell()
	}
}

func (c *channel) joined(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rooms[name].joined
}

func (c *channel) allJoined() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.rooms {
		if !r.joined {
			return false
		}
	}
	return true
}

// awaitJoins waits until every room is joined or has refused, but not long.
func (c *channel) awaitJoins(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, c.times.answer)
	defer cancel()
	for {
		c.mu.Lock()
		news, open := c.change, false
		for _, r := range c.rooms {
			open = open || !r.joined && r.trouble == ""
		}
		c.mu.Unlock()
		if !open {
			return
		}
		select {
		case <-news:
		case <-ctx.Done():
			return
		}
	}
}

// noteMissing says of rooms that did not answer that they did not. The state may be told from now on.
func (c *channel) noteMissing() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settled = true
	for _, r := range c.rooms {
		if !r.joined && r.trouble == "" {
			r.trouble = fmt.Sprintf("The room #%s did not answer; check that it exists and is spelt so.", r.name)
		}
	}
}

// learn notes who the token belongs to.
func (c *channel) learn(me self) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if me.login != "" {
		c.me.id, c.me.login = me.id, me.login
	}
}

// nick is the name to log in with: the token's owner's, for Twitch takes no other.
func (c *channel) nick() string {
	if me := c.self(); me.login != "" {
		return me.login
	}
	return roomName(c.set.Nick)
}

// tell reports the state: connected, or what is missing.
func (c *channel) tell() {
	c.telling.Lock() // what was found last is reported last
	defer c.telling.Unlock()
	c.mu.Lock()
	s := c.now
	var lacks []string
	if s != nil && !s.tags {
		lacks = append(lacks, "The server sends no message tags, so nobody's identity is known and nobody may talk to the bot.")
	}
	for _, name := range c.names {
		if t := c.rooms[name].trouble; t != "" {
			lacks = append(lacks, t)
		}
	}
	nick, login, settled := roomName(c.set.Nick), c.me.login, c.settled
	c.mu.Unlock()
	if s == nil || !settled {
		return
	}
	if nick != "" && login != "" && nick != login {
		lacks = append(lacks, fmt.Sprintf("nick says %s, but the token belongs to %s; the bot is %s.", nick, login, login))
	}
	var notices []string
	if say, notice := c.auth.warning(); say != "" {
		lacks, notices = append(lacks, say), append(notices, notice)
	}
	if n := c.in.lost(); n > 0 {
		lacks = append(lacks, fmt.Sprintf("%d messages were dropped because too many came at once.", n))
	}
	state := status.Connected
	if len(lacks) > 0 {
		state = status.Degraded
	}
	c.reportLocked(state, strings.Join(lacks, " "), notices...)
}

// report reports a state.
func (c *channel) report(s status.State, detail string) {
	c.telling.Lock()
	defer c.telling.Unlock()
	c.reportLocked(s, detail)
}

func (c *channel) reportLocked(s status.State, detail string, notices ...string) {
	me := c.self()
	bot := me.login
	if bot != "" && me.id != "" {
		bot += " (" + me.id + ")"
	}
	c.o.Report(status.Channel{State: s, Detail: detail, Bot: bot, Alive: time.Now(), Notices: notices})
}
