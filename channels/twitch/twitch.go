// Package twitch is a bot in chat rooms of Twitch.
//
// It speaks Twitch's IRC, https://dev.twitch.tv/docs/chat/irc, over TLS: [conn.go] is one connection, [line.go] reads
// and writes its lines, [session.go] keeps one open and joins the rooms again, [inbound.go] makes messages of what is
// said, [outbound.go] says something and waits for Twitch's word on it, [notices.go] understands refusals,
// [limits.go] keeps the account's rate, [token.go] and [login.go] care for its token.
//
// Rooms are public: there is no private conversation, no message for one person alone, no edit, no button and no
// question for a secret. Each person in each room has a conversation of their own, and is answered in replies.
package twitch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"chatgateway/channelauth"
	"chatgateway/channels"
	"chatgateway/internal/status"
	"chatgateway/markdown"
)

// Service is Twitch.
var Service = channels.Service{
	Name:  "twitch",
	Title: "Twitch",
	Help: "Register an application at " + portal + ", set its client_id, and say: gateway channels login twitch " +
		"(signed in as the bot's account). Or paste a user token with the scopes chat:read and chat:edit.",
	Secrets: []channelauth.Field{
		{Name: tokenField, Env: "TWITCH_TOKEN", Help: "user token of the bot's account, with or without oauth:", Page: portal, Check: checkToken},
		{Name: refreshField, Help: "refresh token, with which the token renews itself", Page: portal, Optional: true},
		{Name: idField, Help: "client id of your application", Page: portal, Optional: true, Plain: true},
		{Name: clientField, Help: "client secret of your application; a public one has none", Page: portal, Optional: true, Shared: true},
	},
	Settings:   func() any { return &Settings{Prefix: "!", Parts: 2} },
	Open:       open,
	Login:      signIn,
	NeverPairs: true,
}

const (
	tokenField   = "token"
	refreshField = "refresh_token"
	idField      = "client_id"
	clientField  = "client_secret"
	portal       = "https://dev.twitch.tv/console/apps"
)

// Settings are what config.yaml may say of an account.
type Settings struct {
	channels.Common `yaml:",inline"`
	ChannelName     string   `yaml:"channel_name"`                // the room: a Twitch name, with or without #
	Channels        []string `yaml:"channels"`                    // further rooms
	Nick            string   `yaml:"nick"`                        // the bot's Twitch name; empty: the one that the token belongs to
	Prefix          string   `yaml:"prefix"`                      // what commands begin with: !ask, !login; empty: only mentions
	Parts           int      `yaml:"parts"`                       // messages that an answer may take
	Rate            string   `yaml:"rate" enum:"normal,verified"` // the account's limits: normal (default), or of a verified bot
	Server          string   `yaml:"server"`                      // host:port of the IRC server; empty: Twitch's
	TLS             *bool    `yaml:"tls"`                         // false: no TLS, for a server on this host
	APIBase         string   `yaml:"api_base"`                    // where tokens are checked and renewed; empty: Twitch; "off": nowhere
}

// Base gives the common settings. Where groups are not set they are the rooms.
func (s *Settings) Base() *channels.Common {
	c := s.Common
	if len(c.Groups) == 0 {
		c.Groups = s.rooms()
	}
	return &c
}

// channel is one bot.
type channel struct {
	o     channels.Options
	set   Settings
	log   *slog.Logger
	auth  *auth
	times times
	pace  pacer
	in    inbox
	dial  func(ctx context.Context, addr string) (net.Conn, error)

	telling sync.Mutex // held while a state is found out and reported; before mu
	mu      sync.Mutex
	rooms   map[string]*room // guarded by mu, as all below; the map itself is never changed
	names   []string         // of the rooms, as they were set; never changed
	now     *session         // nil: not connected
	settled bool             // the rooms of this connection have answered, or had their time
	change  chan struct{}    // closed, and made anew, when a session or a room changes
	me      self
	menu    map[string]bool // commands that are known
	lastMsg map[channels.ConversationID]channels.MessageID
}

// self is who the bot is there.
type self struct{ id, login, shown string }

// times are how long things take; tests change them.
type times struct {
	tick    time.Duration // first pause after a failure
	most    time.Duration // longest pause
	idle    time.Duration // without a line before the server is asked for one
	answer  time.Duration // it may take to answer that, to log in, to join
	receipt time.Duration // Twitch may take to confirm a message
	rejoin  time.Duration // between two tries to join a room that refused
	check   time.Duration // between two looks at the token
	ready   time.Duration // a post waits for a connection
}

var usual = times{tick: time.Second, most: time.Minute, idle: time.Minute, answer: 15 * time.Second, receipt: 5 * time.Second,
	rejoin: 5 * time.Minute, check: time.Hour, ready: 20 * time.Second}

func open(o channels.Options) (channels.Channel, error) {
	set, ok := o.Settings.(*Settings)
	if !ok {
		return nil, fmt.Errorf("twitch: settings are %T", o.Settings)
	}
	c := &channel{o: o, set: *set, log: o.Log, times: usual, names: set.rooms(), rooms: map[string]*room{}, change: make(chan struct{}),
		lastMsg: map[channels.ConversationID]channels.MessageID{}}
	if err := set.check(); err != nil {
		return nil, err
	}
	for _, name := range c.names {
		c.rooms[name] = newRoom(name)
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.o.Report == nil {
		c.o.Report = func(status.Channel) {}
	}
	var err error
	if c.auth, err = newAuth(o, set.APIBase); err != nil {
		return nil, err
	}
	if c.auth.off() && set.Nick == "" {
		return nil, errors.New("twitch: nick must be set where api_base is off")
	}
	c.dial = dialer(set.TLS == nil || *set.TLS)
	c.pace.normal, c.pace.moderator, c.pace.joins = normalRate, moderatorRate, normalJoins
	if set.Rate == "verified" {
		c.pace.normal, c.pace.moderator, c.pace.joins = verifiedRate, verifiedRate, verifiedJoins
	}
	c.in.news = make(chan struct{}, 1)
	return c, nil
}

// Run implements channels.Channel. Twitch delivers nothing twice and keeps nothing: what is said while the bot is away
// is lost, and what the handler refuses is kept here, up to a bound.
func (c *channel) Run(ctx context.Context, h channels.Handler) error {
	c.report(status.Connecting, "")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { c.in.run(ctx, h, c.log) })
	err := c.supervise(ctx)
	stopped := ctx.Err() != nil
	cancel()
	wg.Wait()
	if stopped {
		return nil
	}
	return err
}

// Send implements channels.Channel. The posts of a room go one after another, each within the account's rate and
// confirmed by Twitch before the next. A Key that was sent before is not sent again, as long as the program runs; after
// a crash Twitch itself refuses the same words within thirty seconds.
func (c *channel) Send(ctx context.Context, p channels.Post) (channels.MessageID, error) {
	name, _, err := parseConversation(p.To)
	if err != nil {
		return "", err
	}
	r := c.room(name)
	if r == nil {
		return "", fmt.Errorf("twitch: the room %q is not in the settings: %w", name, channels.ErrGone)
	}
	if p.Only != "" {
		return "", fmt.Errorf("twitch: a message in a room for one person alone: %w", errors.ErrUnsupported)
	}
	var id channels.MessageID
	for n, text := range c.parts(p) {
		key := p.Key
		if key != "" && n > 0 {
			key = fmt.Sprintf("%s+%d", key, n)
		}
		if id, err = c.post(ctx, r, outgoing{text: text, reply: c.parent(p), key: key, partial: p.Partial}); err != nil {
			return "", err
		}
	}
	return id, nil
}

// Limits implements channels.Channel.
func (c *channel) Limits(channels.ConversationID) channels.Limits {
	return channels.Limits{Fit: c.fit, Parts: c.set.Parts, NoSecrets: true, Numbered: true}
}

func (c *channel) fit(md string) int { return markdown.Fit(md, maxText, c.size) }

// SetMenu implements channels.MenuSetter. Twitch has no menu; the names are needed to tell our commands from those of
// other bots in the room.
func (c *channel) SetMenu(_ context.Context, menu []channels.Command) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.menu = make(map[string]bool, len(menu))
	for _, cmd := range menu {
		c.menu[cmd.Name] = true
	}
	return nil
}

// Helpers

func (c *channel) room(name string) *room {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rooms[name]
}

func (c *channel) self() self {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.me
}

// changed wakes whoever waits for a session or a room. c.mu is held.
func (c *channel) changed() {
	close(c.change)
	c.change = make(chan struct{})
}

// client is for the requests about tokens. A redirect would carry them elsewhere.
func client(o channels.Options) *http.Client {
	h := &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if o.Client != nil {
		h.Transport = o.Client.Transport
	}
	return h
}

// Interface guards
var (
	_ channels.Channel    = (*channel)(nil)
	_ channels.MenuSetter = (*channel)(nil)
	_ channels.Tester     = (*channel)(nil)
)
