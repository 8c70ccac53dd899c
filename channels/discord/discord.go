// Package discord is the channel for Discord: a bot of one's own, in direct messages, in the channels and threads of
// guilds ("servers"), with application commands, buttons, menus and forms.
//
// It speaks version 10 of the API, https://discord.com/developers/docs, through bwmarrin/discordgo: its connection to
// the gateway under a supervisor of ours (gateway.go), its HTTP requests without its own waiting and repeating
// (rest.go). Events are decoded here.
package discord

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"

	"chatgateway/channelauth"
	"chatgateway/channels"
	"chatgateway/internal/adapter"
	"chatgateway/internal/secret"
	"chatgateway/internal/status"
	"chatgateway/login"
)

// Service is Discord.
var Service = channels.Service{
	Name:  "discord",
	Title: "Discord",
	Help: "Make an application at https://discord.com/developers/applications, copy its bot token, switch the Message Content intent on, " +
		"and invite the bot with the scopes bot and applications.commands.",
	Secrets: []channelauth.Field{{
		Name: tokenField, Env: "DISCORD_BOT_TOKEN", Help: "bot token from the Developer Portal, page Bot",
		Page: portal, Check: checkToken,
	}},
	Settings: func() any { return &Settings{AttachmentLimit: 25} },
	Open:     open,
}

const (
	tokenField = "bot_token"
	portal     = "https://discord.com/developers/applications"
	editEvery  = 1200 * time.Millisecond // Discord allows five edits in five seconds
)

// Settings are what config.yaml may set for an account.
type Settings struct {
	channels.Common `yaml:",inline"`
	// Channels says how a channel or a guild, by its id, is listened to, in place of group_policy: always, mention or off.
	Channels map[string]string `yaml:"channels"`
	// Threads: a mention in a channel is answered in a thread of its own.
	Threads bool `yaml:"threads"`
	// APIBase is where Discord's API is; empty: https://discord.com/api. http is taken on loopback alone.
	APIBase string `yaml:"api_base"`
	// CDNBase is where files are, besides Discord's own hosts.
	CDNBase string `yaml:"cdn_base"`
	// AttachmentLimit is how large a file may be that is read, in MB.
	AttachmentLimit int `yaml:"attachment_limit"`
}

// channel is one bot.
type channel struct {
	o      channels.Options
	set    *Settings
	log    *slog.Logger
	base   *url.URL
	cdn    *url.URL // nil: Discord's hosts alone
	next   http.RoundTripper
	rest   *rest
	places *places
	asks   *asks
	inbox  *inbox // its queue outlives a Run; what else it holds belongs to one
	times  times
	tasks  sync.WaitGroup // what answers interactions beside the inbox; Run waits for it

	mu      sync.Mutex
	me      identity                                    // guarded by mu
	menu    []channels.Command                          // guarded by mu
	tokens  map[channels.MessageID]*interaction         // guarded by mu
	answers map[string]answer                           // guarded by mu, by the message's id
	taken   *adapter.Recent                             // guarded by mu: interactions
	threads map[string]string                           // guarded by mu: threads to be opened by their first answer, and their titles
	flat    map[string]bool                             // guarded by mu: threads that could not be opened
	directs map[channels.UserID]channels.ConversationID // guarded by mu
	told    status.Channel                              // guarded by mu: what was reported last
}

// identity is who the bot is.
type identity struct {
	id, name, app string
	content       bool // the Message Content intent is switched on
}

func open(o channels.Options) (channels.Channel, error) {
	set, ok := o.Settings.(*Settings)
	if !ok {
		return nil, fmt.Errorf("discord: settings are %T", o.Settings)
	}
	if set.AttachmentLimit < 0 {
		return nil, errors.New("discord: attachment_limit must not be negative")
	}
	c := &channel{o: o, set: set, log: o.Log, times: usual, taken: adapter.NewRecent(2048),
		tokens: map[channels.MessageID]*interaction{}, answers: map[string]answer{}, threads: map[string]string{}, flat: map[string]bool{},
		directs: map[channels.UserID]channels.ConversationID{}}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.o.Report == nil {
		c.o.Report = func(status.Channel) {}
	}
	for id, how := range set.Channels {
		if how != listenAlways && how != listenMention && how != listenOff {
			return nil, fmt.Errorf("discord: channels: %s: %q is none of always, mention, off", id, how)
		}
	}
	var err error
	api := set.APIBase
	if api == "" {
		api = "https://discord.com/api"
	}
	if c.base, err = adapter.BaseAddress(api, "https://discord.com/api"); err != nil {
		return nil, fmt.Errorf("discord: api_base: %w", err)
	}
	if set.CDNBase != "" {
		if c.cdn, err = adapter.BaseAddress(set.CDNBase, "https://discord.com/api"); err != nil {
			return nil, fmt.Errorf("discord: cdn_base: %w", err)
		}
	}
	c.next = http.DefaultTransport
	if o.Client != nil && o.Client.Transport != nil {
		c.next = o.Client.Transport
	}
	session, err := discordgo.New("")
	if err != nil {
		return nil, fmt.Errorf("discord: %w", err)
	}
	session.LogLevel = quiet
	session.Client = &http.Client{Transport: &transport{base: c.base, token: c.token, next: c.next},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	c.rest = &rest{session: session, limits: newLimiter(), token: c.token, tick: c.times.tick}
	c.places = newPlaces(c.rest)
	c.asks = &asks{c: c, open: map[string]*question{}}
	c.inbox = newInbox(c)
	return c, nil
}

// Run implements channels.Channel.
func (c *channel) Run(ctx context.Context, h channels.Handler) error {
	if err := c.run(ctx, h); ctx.Err() == nil {
		return err
	}
	return nil // ctx ended, as it should
}

func (c *channel) run(ctx context.Context, h channels.Handler) error {
	c.report(status.Connecting, "")
	if c.token().Empty() {
		return state("There is no bot token; set one with `gateway channels set discord bot_token`.", channels.ErrRejected)
	}
	if _, err := c.lookUp(ctx); err != nil {
		return err
	}
	marks, err := loadMarks(ctx, c.o.Mark)
	if err != nil {
		return fmt.Errorf("discord: read the marks: %w", err)
	}
	c.inbox.marks = marks
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { c.inbox.run(ctx, h) })
	err = c.supervise(ctx)
	cancel()
	wg.Wait()
	c.inbox.end(ctx)
	c.tasks.Wait()
	return err
}

// Send implements channels.Channel.
func (c *channel) Send(ctx context.Context, p channels.Post) (channels.MessageID, error) {
	return c.show(ctx, p, outgoing{})
}

// Limits implements channels.Channel.
func (c *channel) Limits(channels.ConversationID) channels.Limits {
	return channels.Limits{Fit: fit, EditEvery: c.editEvery()}
}

// Edit implements channels.Editor. Of a text that takes several messages the first is edited and the others are sent,
// unless p is Partial.
func (c *channel) Edit(ctx context.Context, id channels.MessageID, p channels.Post) error {
	to, err := parseConversation(p.To)
	if err != nil {
		return err
	}
	parts := c.parts(p, outgoing{})
	if p.Partial {
		parts = parts[:1]
	}
	if strings.HasPrefix(string(id), hiddenMark) {
		return c.editHidden(ctx, id, parts, p.Partial)
	}
	if _, ok := snowflake(string(id)); !ok {
		return unsupported("a command cannot be edited")
	}
	if err := c.editShown(ctx, to, id, parts[0], p.Partial); err != nil {
		return err
	}
	for n, part := range parts[1:] {
		if p.Key == "" {
			p.Key = "edit-" + string(id)
		}
		part.Nonce, part.EnforceNonce = nonce(p, n+1), true
		if _, err := c.post(ctx, to, part, nil, false); err != nil {
			return err
		}
	}
	return nil
}

// Delete implements channels.Deleter.
func (c *channel) Delete(ctx context.Context, conv channels.ConversationID, id channels.MessageID) error {
	to, err := parseConversation(conv)
	if err != nil {
		return err
	}
	if strings.HasPrefix(string(id), hiddenMark) {
		h, err := c.answerAt(string(id)[len(hiddenMark):])
		if err != nil {
			return err
		}
		return gone(h.by.remove(ctx, h.id))
	}
	if _, ok := snowflake(string(id)); !ok {
		return nil // a command or a press: it left no message
	}
	err = c.inChannel(to, func(channel string) error {
		return c.rest.do(ctx, call{what: "delete", method: "DELETE", path: "/channels/" + channel + "/messages/" + string(id),
			route: "/channels/#/messages/#", major: channel}, nil)
	})
	if errors.Is(err, channels.ErrSetup) {
		return fmt.Errorf("%w: %w", unsupported("the bot lacks the permission Manage Messages"), err)
	}
	return gone(err)
}

// Typing implements channels.Typist.
func (c *channel) Typing(ctx context.Context, conv channels.ConversationID) error {
	to, err := parseConversation(conv)
	if err != nil {
		return err
	}
	c.mu.Lock()
	if _, unopened := c.threads[to.channel]; unopened || c.flat[to.channel] {
		to.channel = to.parent
	}
	c.mu.Unlock()
	return c.rest.do(ctx, call{what: "show typing", method: "POST", path: "/channels/" + to.channel + "/typing", route: "/channels/#/typing",
		major: to.channel, partial: true, once: true}, nil)
}

// SetMenu implements channels.MenuSetter.
func (c *channel) SetMenu(ctx context.Context, menu []channels.Command) error {
	c.mu.Lock()
	c.menu = menu
	c.mu.Unlock()
	return c.syncMenu(ctx, menu)
}

// Upload implements channels.Uploader.
func (c *channel) Upload(ctx context.Context, p channels.Post, files []channels.File) (channels.MessageID, error) {
	return c.show(ctx, p, outgoing{files: files})
}

// Ask implements channels.Asker.
func (c *channel) Ask(ctx context.Context, p channels.Post, s login.Step) (secret.String, error) {
	return c.asks.ask(ctx, p, s)
}

// Direct implements channels.Director.
func (c *channel) Direct(ctx context.Context, u channels.UserID) (channels.ConversationID, error) {
	c.mu.Lock()
	conv, ok := c.directs[u]
	c.mu.Unlock()
	if ok {
		return conv, nil
	}
	if _, ok := snowflake(string(u)); !ok {
		return "", fmt.Errorf("discord: %q is no user id: %w", adapter.Clip(string(u), 40), channels.ErrGone)
	}
	var ch wireChannel
	err := c.rest.do(ctx, call{what: "open a direct conversation", method: "POST", path: "/users/@me/channels", route: "/users/@me/channels",
		body: map[string]string{"recipient_id": string(u)}}, &ch)
	if err != nil {
		return "", err
	}
	conv = place{channel: ch.ID}.conversation()
	c.mu.Lock()
	adapter.Remember(c.directs, 5000, u, conv)
	c.mu.Unlock()
	c.inbox.met(source{channel: ch.ID})
	return conv, nil
}

// Helpers

func (c *channel) token() secret.String { return c.o.Secrets.Secret(tokenField) }

func (c *channel) identity() identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.me
}

func (c *channel) editEvery() time.Duration {
	if l := c.set.StreamingLatency; l != nil && *l > 0 {
		return max(time.Duration(*l*float64(time.Second)), time.Second)
	}
	return editEvery
}

// checkToken says what is wrong with a bot token, without repeating it.
func checkToken(s string) error {
	switch {
	case strings.ContainsAny(s, " \t\r\n"):
		return errors.New("a bot token has no spaces; leave out the word Bot")
	case len(s) < 20:
		return errors.New("this is too short for a bot token; copy it from the page Bot of the Developer Portal")
	}
	return nil
}

// Interface guards
var (
	_ channels.Channel    = (*channel)(nil)
	_ channels.Editor     = (*channel)(nil)
	_ channels.Deleter    = (*channel)(nil)
	_ channels.Typist     = (*channel)(nil)
	_ channels.MenuSetter = (*channel)(nil)
	_ channels.Uploader   = (*channel)(nil)
	_ channels.Asker      = (*channel)(nil)
	_ channels.Director   = (*channel)(nil)
	_ channels.Fetcher    = (*channel)(nil)
	_ channels.Tester     = (*channel)(nil)
)
