package discord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/gorilla/websocket"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
	"chatgateway/internal/status"
)

// times are how long things take; tests shorten them.
type times struct {
	tick    time.Duration // first pause after a failure
	most    time.Duration // longest pause
	open    time.Duration // to connect, until Discord says that it is ready
	grace   time.Duration // for discordgo to let go of a connection: it sleeps for a second
	silence time.Duration // without a byte: heartbeats are acknowledged every 41 s
	stable  time.Duration // a connection that lasted as long was good
	look    time.Duration // between two reports that it is alive
	overlap time.Duration // before a mark, is read again
}

var usual = times{tick: time.Second, most: time.Minute, open: 30 * time.Second, grace: 3 * time.Second, silence: 100 * time.Second,
	stable: time.Minute, look: 30 * time.Second, overlap: 10 * time.Second}

const (
	intents      = discordgo.IntentGuilds | discordgo.IntentGuildMessages | discordgo.IntentDirectMessages
	resumesMost  = 5
	flagsContent = 1<<18 | 1<<19 // of the application: it has the Message Content intent

	// After these codes one does not connect again: https://docs.discord.com/developers/topics/opcodes-and-status-codes#gateway.
	closeRejected  = 4004
	closeShard     = 4010
	closeSharding  = 4011
	closeVersion   = 4012
	closeNoSuch    = 4013
	closeForbidden = 4014
)

// supervise keeps a connection to the gateway until ctx ends, or Discord says that it cannot be had.
func (c *channel) supervise(ctx context.Context) (err error) {
	var s *session
	content := c.identity().content
	fails, resumes := 0, 0
	forget := func() {
		if s != nil {
			s.end()
		}
		s, resumes = nil, 0
	}
	defer func() { forget() }()
	for ctx.Err() == nil {
		if s == nil {
			if s, err = c.begin(ctx, content); err != nil {
				if errors.Is(err, channels.ErrRejected) {
					return err
				}
				fails++
				c.retry(ctx, fails, err)
				continue
			}
		}
		begun := time.Now()
		if err = s.open(ctx); err == nil {
			c.watch(ctx, s, content)
			if ctx.Err() != nil {
				return nil
			}
			if resumes = 0; time.Since(begun) > c.times.stable {
				fails = 0
			}
			err = errors.New("the connection was lost")
		}
		switch code := closeCode(err); {
		case ctx.Err() != nil:
			return nil
		case code == closeRejected:
			return state(badToken, channels.ErrRejected)
		case code == closeForbidden && content:
			content = false
			forget()
			continue
		case code == closeForbidden || code == closeNoSuch:
			return state("Discord refuses the bot's intents; look at "+c.page("bot")+", Privileged Gateway Intents.", channels.ErrSetup)
		case code == closeSharding:
			return state("The bot is in more servers than one connection serves; remove it from some.", channels.ErrSetup)
		case code == closeShard || code == closeVersion:
			return state(fmt.Sprintf("Discord does not take this gateway's way to connect any more (%d); install a newer gateway.", code), channels.ErrSetup)
		case errors.Is(err, errHung):
			c.log.Warn("discord: a connection hung and was given up")
			forget()
		case code >= 4000 && code != 4000 && code != 4008: // the session is over
			forget()
		case resumes >= resumesMost || !s.resumable() || !s.settled():
			forget()
		default:
			resumes++
		}
		fails++
		c.retry(ctx, fails, err)
	}
	return nil
}

// begin makes a session, when Discord allows another one.
func (c *channel) begin(ctx context.Context, content bool) (*session, error) {
	var g struct {
		URL   string `json:"url"`
		Limit struct {
			Total int   `json:"total"`
			Left  int   `json:"remaining"`
			After int64 `json:"reset_after"` // milliseconds
		} `json:"session_start_limit"`
	}
	for {
		if err := c.rest.do(ctx, call{what: "ask for the gateway", method: "GET", path: "/gateway/bot", route: "/gateway/bot"}, &g); err != nil {
			return nil, err
		}
		if g.Limit.Total == 0 || g.Limit.Left > 0 {
			break
		}
		wait := time.Duration(max(g.Limit.After, 1)) * time.Millisecond
		c.report(status.Connecting, fmt.Sprintf("Discord allows no further connection today; waiting %s.", wait.Round(time.Second)))
		if err := adapter.Pause(ctx, wait); err != nil {
			return nil, err
		}
	}
	address, err := gatewayAddress(g.URL)
	if err != nil {
		return nil, err
	}
	want := discordgo.Intent(intents)
	if content {
		want |= discordgo.IntentMessageContent
	}
	return newSession(ctx, c.token(), want, address, c.times, func(kind string, raw json.RawMessage) { c.dispatch(ctx, kind, raw) })
}

// watch returns when the connection is lost or ctx ends.
func (c *channel) watch(ctx context.Context, s *session, content bool) {
	state, detail := status.Connected, ""
	if !content {
		state = status.Degraded
		detail = "The Message Content intent is off: in servers the bot hears only what mentions it. Switch it on at " + c.page("bot") +
			", Privileged Gateway Intents, then restart the gateway."
	}
	c.report(state, detail)
	t := time.NewTicker(c.times.look)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.lost():
			return
		case <-t.C:
			c.o.Report(status.Channel{State: state, Detail: detail, Bot: c.bot(), Alive: time.Unix(0, s.read.Load())})
			c.sweep(ctx)
		}
	}
}

// retry pauses after a failure, longer each time.
func (c *channel) retry(ctx context.Context, fails int, err error) {
	if ctx.Err() != nil {
		return
	}
	wait := adapter.Backoff(fails-1, c.times.tick, c.times.most)
	c.log.Info("discord: connecting again", "err", err, "after", wait)
	c.report(status.Connecting, "The connection to Discord was lost; connecting again.")
	_ = adapter.Pause(ctx, wait) // the caller looks at ctx
}

// closeCode gives the code that Discord closed a connection with; 0: none.
func closeCode(err error) int {
	var ce *websocket.CloseError
	if errors.As(err, &ce) {
		return ce.Code
	}
	return 0
}

// dispatch takes in an event of the gateway. It does not wait.
func (c *channel) dispatch(ctx context.Context, kind string, raw json.RawMessage) {
	var err error
	switch kind {
	case "READY", "RESUMED":
		c.inbox.put(ctx, event{begun: true})
	case "MESSAGE_CREATE", "MESSAGE_UPDATE":
		m := wireMessage{}
		if err = json.Unmarshal(raw, &m); err == nil && m.ID != "" && (kind == "MESSAGE_CREATE") == (m.Edited == nil) {
			c.inbox.put(ctx, event{message: &m})
		}
	case "INTERACTION_CREATE":
		w := wireInteraction{}
		if err = json.Unmarshal(raw, &w); err == nil {
			c.interact(ctx, w)
		}
	case "GUILD_CREATE":
		g := wireGuild{}
		if err = json.Unmarshal(raw, &g); err == nil {
			c.places.guild(g, c.identity().id)
		}
	case "CHANNEL_CREATE", "CHANNEL_UPDATE", "THREAD_CREATE", "THREAD_UPDATE":
		ch := wireChannel{}
		if err = json.Unmarshal(raw, &ch); err == nil {
			c.places.learn(ch)
			c.mended()
		}
	case "GUILD_MEMBER_UPDATE": // of the bot itself, whatever its intents
		c.mended()
	case "CHANNEL_DELETE", "THREAD_DELETE":
		ch := wireChannel{}
		if err = json.Unmarshal(raw, &ch); err == nil {
			c.places.forget(ch.ID)
		}
	case "THREAD_LIST_SYNC":
		l := wireGuild{}
		if err = json.Unmarshal(raw, &l); err == nil {
			c.places.learn(l.Threads...)
		}
	case "GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE":
		r := struct {
			Guild string   `json:"guild_id"`
			Role  wireRole `json:"role"`
		}{}
		if err = json.Unmarshal(raw, &r); err == nil {
			c.places.role(r.Guild, r.Role, c.identity().id)
			c.mended()
		}
	}
	if err != nil {
		c.log.Warn("discord: an event could not be read", "event", kind, "err", err)
	}
}

// report tells what the account is doing.
func (c *channel) report(s status.State, detail string) {
	ch := status.Channel{State: s, Detail: detail, Bot: c.bot()}
	if s == status.Connected || s == status.Degraded {
		ch.Alive = time.Now()
	}
	c.mu.Lock()
	c.told = ch
	c.mu.Unlock()
	c.o.Report(ch)
}

// mended tells that permissions have changed, so that the bot may do what it could not.
func (c *channel) mended() {
	c.mu.Lock()
	ch := c.told
	c.mu.Unlock()
	if ch.Works() {
		ch.Alive, ch.Mended = time.Now(), true
		c.o.Report(ch)
	}
}

// bot says who the bot is; empty until that is known.
func (c *channel) bot() string {
	me := c.identity()
	if me.id == "" {
		return ""
	}
	return "@" + me.name + " (" + me.id + ")"
}

// page is a page of the Developer Portal for this bot.
func (c *channel) page(name string) string { return portal + "/" + c.identity().app + "/" + name }
