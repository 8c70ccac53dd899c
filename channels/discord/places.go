package discord

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

// A conversation's id says what is needed to write to it, also after a restart: "dm:<channel>", "ch:<channel>" or
// "th:<parent>:<thread>". A thread opened from a message bears that message's id, so the conversation of an answer
// that will open one has its id before the thread is there.
const (
	dmPrefix     = "dm:"
	guildPrefix  = "ch:"
	threadPrefix = "th:"
)

// address is a ConversationID taken apart.
type address struct {
	channel string // where messages are posted
	parent  string // of a thread
	dm      bool
}

func parseConversation(c channels.ConversationID) (a address, err error) {
	s := string(c)
	switch {
	case strings.HasPrefix(s, dmPrefix):
		a = address{channel: s[len(dmPrefix):], dm: true}
	case strings.HasPrefix(s, guildPrefix):
		a = address{channel: s[len(guildPrefix):]}
	case strings.HasPrefix(s, threadPrefix):
		a.parent, a.channel, _ = strings.Cut(s[len(threadPrefix):], ":")
		if _, ok := snowflake(a.parent); !ok {
			a.channel = ""
		}
	}
	if _, ok := snowflake(a.channel); !ok {
		return address{}, fmt.Errorf("discord: %q is no conversation of this account: %w", adapter.Clip(s, 40), channels.ErrGone)
	}
	return a, nil
}

// place is where a message was said.
type place struct {
	guild   string // empty: a direct conversation
	channel string
	parent  string // of a thread
	thread  bool
	owner   string // who opened the thread
}

// conversation gives the id of what is said there.
func (p place) conversation() channels.ConversationID {
	switch {
	case p.guild == "":
		return channels.ConversationID(dmPrefix + p.channel)
	case p.thread:
		return channels.ConversationID(threadPrefix + p.parent + ":" + p.channel)
	}
	return channels.ConversationID(guildPrefix + p.channel)
}

// ids are the places, widest first; none for a direct conversation.
func (p place) ids() []channels.PlaceID {
	if p.guild == "" {
		return nil
	}
	ids := []channels.PlaceID{channels.PlaceID(p.guild)}
	if p.thread && p.parent != "" {
		ids = append(ids, channels.PlaceID(p.parent))
	}
	return append(ids, channels.PlaceID(p.channel))
}

const (
	placesMax = 50_000
	askAgain  = 10 * time.Minute // when a channel that could not be read is asked for again
)

// places knows guilds and their channels, as the gateway tells them. What it does not know is asked over REST.
type places struct {
	rest *rest

	mu       sync.Mutex
	channels map[string]wireChannel // guarded by mu
	roles    map[string]string      // guarded by mu: a guild's role that is the bot itself
	unknown  map[string]time.Time   // guarded by mu: channels that could not be read, and when
	members  map[string]cachedRoles // guarded by mu
}

type cachedRoles struct {
	roles []string
	at    time.Time
}

func newPlaces(r *rest) *places {
	return &places{rest: r, channels: map[string]wireChannel{}, roles: map[string]string{}, unknown: map[string]time.Time{},
		members: map[string]cachedRoles{}}
}

// of says where a channel of a guild is; guild is empty for a direct conversation.
func (p *places) of(ctx context.Context, guild, channel string) place {
	at := place{guild: guild, channel: channel}
	if guild == "" {
		return at
	}
	c, ok := p.known(channel)
	if !ok {
		c, ok = p.fetch(ctx, channel)
	}
	if ok && c.thread() {
		at.thread, at.parent, at.owner = true, c.Parent, c.Owner
	}
	return at
}

func (p *places) known(channel string) (wireChannel, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.channels[channel]
	return c, ok
}

func (p *places) fetch(ctx context.Context, channel string) (wireChannel, bool) {
	p.mu.Lock()
	failed, ok := p.unknown[channel]
	p.mu.Unlock()
	if ok && time.Since(failed) < askAgain {
		return wireChannel{}, false
	}
	var c wireChannel
	err := p.rest.do(ctx, call{what: "read a channel", method: "GET", path: "/channels/" + channel, route: "/channels/#", major: channel}, &c)
	if err != nil {
		p.mu.Lock()
		adapter.Remember(p.unknown, 1000, channel, time.Now())
		p.mu.Unlock()
		return wireChannel{}, false
	}
	p.learn(c)
	return c, true
}

// learn takes in channels and threads.
func (p *places) learn(cs ...wireChannel) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range cs {
		adapter.Remember(p.channels, placesMax, c.ID, c)
		delete(p.unknown, c.ID)
	}
}

// guild takes in a guild with all that comes with it.
func (p *places) guild(g wireGuild, me string) {
	p.learn(g.Channels...)
	p.learn(g.Threads...)
	for _, r := range g.Roles {
		p.role(g.ID, r, me)
	}
}

// role notes the role that Discord made for the bot: people mention it in place of the bot.
func (p *places) role(guild string, r wireRole, me string) {
	if r.Tags.Bot != me || me == "" {
		return
	}
	p.mu.Lock()
	p.roles[guild] = r.ID
	p.mu.Unlock()
}

// ownRole gives the role that is the bot itself; empty if it is not known.
func (p *places) ownRole(guild string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.roles[guild]
}

func (p *places) forget(channel string) {
	p.mu.Lock()
	delete(p.channels, channel)
	p.mu.Unlock()
}

// rolesOf asks for a person's roles: messages read over REST come without them.
func (p *places) rolesOf(ctx context.Context, guild, user string) []string {
	key := guild + "/" + user
	p.mu.Lock()
	c, ok := p.members[key]
	p.mu.Unlock()
	if ok && time.Since(c.at) < time.Minute {
		return c.roles
	}
	var m wireMember
	err := p.rest.do(ctx, call{what: "read a member", method: "GET", path: "/guilds/" + guild + "/members/" + user, route: "/guilds/#/members/#", major: guild}, &m)
	if err != nil {
		return nil // without roles they have no more rights than with them
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	adapter.Remember(p.members, 1000, key, cachedRoles{m.Roles, time.Now()})
	return m.Roles
}
