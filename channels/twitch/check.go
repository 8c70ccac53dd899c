package twitch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"chatgateway/channels"
)

// Test implements channels.Tester. It renews no token.
func (c *channel) Test(ctx context.Context) ([]string, error) {
	var say []string
	if !c.auth.off() {
		v, err := c.auth.validate(ctx, c.auth.token())
		if err != nil {
			return nil, err
		}
		c.auth.mu.Lock()
		c.auth.seen = v
		c.auth.mu.Unlock()
		say = append(say, fmt.Sprintf("The token belongs to %s (%s).", v.Login, v.UserID))
		if lack := v.lacks(); lack != "" {
			return append(say, "It lacks "+lack+"."), &stateError{fmt.Sprintf("The token lacks %s; get another one: gateway channels login %s", lack, c.auth.account), channels.ErrRejected}
		}
		say = append(say, "It has the scopes "+strings.Join(scopes, " and ")+".", c.auth.life(v))
		c.learn(c.auth.owner())
	}
	err := c.visit(ctx, func(context.Context) error {
		say = append(say, fmt.Sprintf("Logged in to %s as %s.", c.set.address(), c.nick()))
		say = append(say, c.roomReport()...)
		return nil
	})
	return say, err
}

// life says how long a token lasts, and whether it renews itself.
func (a *auth) life(v validation) string {
	switch {
	case a.canRefresh():
		return "It renews itself."
	case v.expires.IsZero():
		return "It does not expire."
	}
	return fmt.Sprintf("It expires in %s and cannot renew itself; one that can comes from: gateway channels login %s", roughly(time.Until(v.expires)), a.account)
}

// roomReport says, a sentence each, how the rooms stand.
func (c *channel) roomReport() (say []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range c.names {
		switch r := c.rooms[name]; {
		case r.trouble != "":
			say = append(say, r.trouble)
		case r.moderator:
			say = append(say, fmt.Sprintf("In #%s it is a moderator: 100 messages in 30 seconds.", name))
		case r.slow > 0:
			say = append(say, fmt.Sprintf("In #%s it is no moderator: 20 messages in 30 seconds, one every %d (slow mode).", name, int(r.slow.Seconds())))
		default:
			say = append(say, fmt.Sprintf("In #%s it is no moderator: 20 messages in 30 seconds. /mod %s makes it one.", name, c.me.login))
		}
		if owner := c.rooms[name].owner; owner != "" {
			say = append(say, fmt.Sprintf("The broadcaster of #%s has the user id %s; that is what owners and allow_from take.", name, owner))
		}
	}
	return say
}

// SendTest writes a test message to a room.
func (c *channel) SendTest(ctx context.Context, to string) error {
	name, _, _ := strings.Cut(to, "/")
	if name = roomName(name); c.room(name) == nil {
		return refused(fmt.Sprintf("%q is no room of the settings; name one of: %s.", clip(to, 40), strings.Join(c.names, ", ")))
	}
	send := func(ctx context.Context) error {
		_, err := c.Send(ctx, channels.Post{To: conversation(name, "test"), Text: "This is a test message of the gateway. It works."})
		return err
	}
	return c.visit(ctx, send)
}

// visit connects, joins the rooms, does something and leaves. Where Run is connected already, it uses that.
func (c *channel) visit(ctx context.Context, do func(context.Context) error) error {
	c.mu.Lock()
	running := c.now != nil
	c.mu.Unlock()
	if running {
		return do(ctx)
	}
	s, err := c.connect(ctx, c.nick(), c.auth.token())
	if errors.Is(err, errLogin) {
		return &stateError{c.auth.refusal(), channels.ErrRejected}
	}
	if err != nil {
		return err
	}
	c.begin(s)
	var wg sync.WaitGroup
	wg.Go(func() {
		// What people say meanwhile is not taken. That the connection ends is what stops it.
		_ = s.read(func(l line) error {
			if l.command == "PRIVMSG" {
				return nil
			}
			return c.handle(s, l)
		})
		c.end(s)
	})
	defer func() {
		_ = s.send("QUIT") // a courtesy
		s.close()
		wg.Wait()
	}()
	for _, name := range c.names {
		if err := c.pace.join(ctx); err != nil {
			return err
		}
		if err := s.send("JOIN #" + name); err != nil {
			return fmt.Errorf("twitch: join: %w", err)
		}
	}
	c.awaitJoins(ctx)
	c.noteMissing()
	c.catchUp(ctx, s)
	return do(ctx)
}

// catchUp waits, but not long, until what the server has said of the rooms is read: how they stand follows a JOIN.
func (c *channel) catchUp(ctx context.Context, s *session) {
	ctx, cancel := context.WithTimeout(ctx, c.times.answer)
	defer cancel()
	pong, err := s.probe(newNonce())
	if err != nil {
		return
	}
	select {
	case <-pong:
	case <-s.over:
	case <-ctx.Done():
	}
}
