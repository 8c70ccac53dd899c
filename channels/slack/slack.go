// Package slack is the channel for Slack: an app of one's own, in direct messages, channels, group conversations and
// threads, with slash commands, buttons, menus and forms.
//
// It speaks the Web API and Socket Mode, https://docs.slack.dev/apis, through slack-go/slack: requests with waits of
// ours (api.go, limits.go), connections under a supervisor of ours (socket.go), so that a new one stands before the
// old one goes, and so that an envelope is confirmed only when its message is kept. Events are decoded here.
package slack

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

	slackgo "github.com/slack-go/slack"

	"chatgateway/channelauth"
	"chatgateway/channels"
	"chatgateway/internal/adapter"
	"chatgateway/internal/secret"
	"chatgateway/internal/status"
	"chatgateway/login"
)

// Service is Slack.
var Service = channels.Service{
	Name:  "slack",
	Title: "Slack",
	Help: "Make an app at " + portal + " from what `gateway channels manifest slack` prints, install it, and copy its " +
		"bot token (OAuth & Permissions) and an app-level token with connections:write (Basic Information).",
	Secrets: []channelauth.Field{
		{Name: botField, Env: "SLACK_BOT_TOKEN", Help: "bot token of the app, from OAuth & Permissions (xoxb-…)", Page: portal, Check: checkBotToken},
		{Name: appField, Env: "SLACK_APP_TOKEN", Help: "app-level token with connections:write, from Basic Information (xapp-…)", Page: portal, Check: checkAppToken},
	},
	Settings: func() any { return &Settings{Command: "gateway", Threads: true, AttachmentLimit: 25} },
	Open:     open,
	Manifest: manifest,
}

const (
	botField  = "bot_token"
	appField  = "app_token"
	portal    = "https://api.slack.com/apps"
	editEvery = 1500 * time.Millisecond // Slack allows about fifty edits a minute
)

// Settings are what config.yaml may set for an account.
type Settings struct {
	channels.Common `yaml:",inline"`
	// Command is the slash command that all others can be given by: /gateway login openai.
	Command string `yaml:"command"`
	// Threads: what is said to the bot in a channel is answered in a thread, which is a conversation of its own.
	Threads bool `yaml:"threads"`
	// APIBase is where Slack's API is; empty: https://slack.com/api. http is taken on loopback alone.
	APIBase string `yaml:"api_base"`
	// AttachmentLimit is how large a file may be that is read, in MB.
	AttachmentLimit int `yaml:"attachment_limit"`
}

// channel is one bot.
type channel struct {
	o       channels.Options
	set     *Settings
	log     *slog.Logger
	base    *url.URL
	http    *http.Client
	limits  *limiter
	people  *people
	threads *threads
	sent    *sent
	asks    *asks
	times   times
	tasks   sync.WaitGroup // what answers beside the inbox; Run waits for it

	mu       sync.Mutex
	me       identity                                    // guarded by mu
	menu     []channels.Command                          // guarded by mu
	replies  map[channels.MessageID]*reply               // guarded by mu
	directs  map[channels.UserID]channels.ConversationID // guarded by mu
	speaker  map[channels.ConversationID]recipient       // guarded by mu: who spoke last
	untold   map[channels.ConversationID]bool            // guarded by mu: assistant threads that have no title yet
	cannot   map[string]bool                             // guarded by mu: what Slack refused once and for all, by call and channel
	unread   []string                                    // guarded by mu: scopes without which what was missed cannot be read
	progress *progress                                   // guarded by mu: of the present Run; nil before the first
}

// times are how long things take.
type times struct {
	tick    time.Duration // first pause after a failure
	most    time.Duration // longest pause
	hello   time.Duration // how long a new connection may take to say hello
	ping    time.Duration // how often a connection is asked for a sign of life
	silence time.Duration // how long it may give none
	grace   time.Duration // how long a connection that Slack wants to close is still read
	probe   time.Duration // how often the tokens are looked at
	gap     time.Duration // without a connection; after more, Slack may not deliver again what was said
	ahead   time.Duration // to read what was missed, before a connection is opened
	overlap time.Duration // before a mark, is read again: Slack may tell of two messages in another order
}

var usual = times{tick: time.Second, most: time.Minute, hello: 15 * time.Second, ping: 10 * time.Second, silence: 35 * time.Second,
	grace: 10 * time.Second, probe: 5 * time.Minute, gap: 30 * time.Second, ahead: 10 * time.Second, overlap: 10 * time.Second}

func open(o channels.Options) (channels.Channel, error) {
	set, ok := o.Settings.(*Settings)
	if !ok {
		return nil, fmt.Errorf("slack: settings are %T", o.Settings)
	}
	if set.AttachmentLimit < 0 {
		return nil, errors.New("slack: attachment_limit must not be negative")
	}
	c := &channel{o: o, set: set, log: o.Log, times: usual, limits: newLimiter(), sent: newSent(time.Now()),
		replies: map[channels.MessageID]*reply{}, directs: map[channels.UserID]channels.ConversationID{},
		speaker: map[channels.ConversationID]recipient{}, untold: map[channels.ConversationID]bool{}, cannot: map[string]bool{}}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.o.Report == nil {
		c.o.Report = func(status.Channel) {}
	}
	api := set.APIBase
	if api == "" {
		api = "https://slack.com/api"
	}
	var err error
	if c.base, err = adapter.BaseAddress(api, "https://slack.com/api"); err != nil {
		return nil, fmt.Errorf("slack: api_base: %w", err)
	}
	// A redirect would carry the token elsewhere.
	c.http = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if o.Client != nil {
		c.http.Transport = o.Client.Transport
	}
	c.people = &people{c: c, names: map[string]name{}}
	c.threads = &threads{c: c, known: map[channels.ConversationID]bool{}}
	c.asks = &asks{c: c, open: map[string]*question{}, done: adapter.NewRecent(512)}
	return c, nil
}

// Run implements channels.Channel.
func (c *channel) Run(ctx context.Context, h channels.Handler) error {
	c.report(status.Connecting, "")
	if err := c.checkTokens(); err != nil {
		return err
	}
	_, err := c.lookUp(ctx)
	if err == nil {
		err = c.listen(ctx, h)
	}
	if ctx.Err() != nil {
		err = nil
	}
	return err
}

// listen takes in what comes until ctx ends or Slack refuses for good. What it started has ended when it returns.
func (c *channel) listen(ctx context.Context, h channels.Handler) error {
	r, err := loadProgress(ctx, c.o.Mark)
	if err != nil {
		return fmt.Errorf("slack: read the marks: %w", err)
	}
	c.mu.Lock()
	c.progress = r
	c.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	in := newInbox(c, r)
	var wg sync.WaitGroup
	wg.Go(func() { in.run(ctx, h) })
	err = c.supervise(ctx, in)
	cancel()
	wg.Wait()
	c.tasks.Wait()
	return err
}

// Send implements channels.Channel.
func (c *channel) Send(ctx context.Context, p channels.Post) (channels.MessageID, error) {
	return c.show(ctx, p, nil)
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
	parts := c.parts(p, nil)
	if p.Partial {
		parts = parts[:1]
	}
	if hidden(id) {
		return c.editHidden(ctx, id, parts)
	}
	ch, ts, ok := parseMessage(id)
	if !ok {
		return unsupported("a command cannot be edited")
	}
	if err := c.update(ctx, ch, ts, parts[0], p.Partial); err != nil {
		return err
	}
	for n, part := range parts[1:] {
		if p.Key == "" {
			p.Key = "edit-" + string(id)
		}
		if _, err := c.post(ctx, to, part, postKey(p, n+1), p); err != nil {
			return err
		}
	}
	return nil
}

// Delete implements channels.Deleter. Slack lets an app delete its own messages alone.
func (c *channel) Delete(ctx context.Context, _ channels.ConversationID, id channels.MessageID) error {
	if hidden(id) {
		return c.deleteHidden(ctx, id)
	}
	ch, ts, ok := parseMessage(id)
	switch {
	case strings.HasPrefix(string(id), answerMark) || strings.HasPrefix(string(id), fileMark):
		return unsupported("Slack gives no right to delete this message")
	case !ok:
		return nil // a command or a press: it left no message
	}
	err := c.do(ctx, call{what: "delete", method: "chat.delete"}, func(ctx context.Context, api *slackgo.Client) error {
		_, _, err := api.DeleteMessageContext(ctx, ch, ts)
		return err
	})
	if is(err, "message_not_found") {
		return nil
	}
	return err
}

// Typing implements channels.Typist, in threads: Slack has a status line there and nowhere else.
func (c *channel) Typing(ctx context.Context, conv channels.ConversationID) error {
	to, err := parseConversation(conv)
	if err != nil {
		return err
	}
	if to.thread == "" || c.refused("status "+to.channel) {
		return unsupported("Slack shows a status line in threads alone")
	}
	err = c.do(ctx, call{what: "show the status line", method: "assistant.threads.setStatus", partial: true}, func(ctx context.Context, api *slackgo.Client) error {
		return api.SetAssistantThreadsStatusContext(ctx, slackgo.AssistantThreadsSetStatusParameters{ChannelID: to.channel, ThreadTS: to.thread, Status: "is thinking…"})
	})
	if e := (*apiError)(nil); errors.As(err, &e) && e.code != "" {
		c.refuse("status " + to.channel)
		return fmt.Errorf("%w: %w", unsupported("no status line here"), err)
	}
	return err
}

// SetMenu implements channels.MenuSetter. Slack takes slash commands from the app's manifest alone, so nothing is
// sent; the names are needed to know commands that are given as !name, and by the slash command for all.
func (c *channel) SetMenu(_ context.Context, menu []channels.Command) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.menu = menu
	return nil
}

// Upload implements channels.Uploader.
func (c *channel) Upload(ctx context.Context, p channels.Post, files []channels.File) (channels.MessageID, error) {
	return c.upload(ctx, p, files)
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
	if !idShape.MatchString(string(u)) {
		return "", fmt.Errorf("slack: %q is no user id: %w", adapter.Clip(string(u), 40), channels.ErrGone)
	}
	var ch *slackgo.Channel
	err := c.do(ctx, call{what: "open a direct conversation", method: "conversations.open"}, func(ctx context.Context, api *slackgo.Client) (err error) {
		ch, _, _, err = api.OpenConversationContext(ctx, &slackgo.OpenConversationParameters{Users: []string{string(u)}})
		return err
	})
	if err != nil {
		return "", err
	}
	conv = channels.ConversationID(ch.ID)
	c.direct(u, conv)
	c.mu.Lock()
	r := c.progress
	c.mu.Unlock()
	if r != nil {
		r.meet(ch.ID)
	}
	return conv, nil
}

// Stream implements channels.Streamer, in threads.
func (c *channel) Stream(_ context.Context, p channels.Post) (channels.Draft, error) {
	return c.stream(p)
}

// Helpers

func (c *channel) botToken() secret.String { return c.o.Secrets.Secret(botField) }
func (c *channel) appToken() secret.String { return c.o.Secrets.Secret(appField) }

func (c *channel) identity() identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.me
}

func (c *channel) report(s status.State, detail string) {
	c.o.Report(status.Channel{State: s, Detail: detail, Bot: c.bot(), Alive: time.Now()})
}

func (c *channel) editEvery() time.Duration {
	if l := c.set.StreamingLatency; l != nil && *l > 0 {
		return max(time.Duration(*l*float64(time.Second)), time.Second)
	}
	return editEvery
}

// direct notes the private conversation with a person.
func (c *channel) direct(u channels.UserID, conv channels.ConversationID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	adapter.Remember(c.directs, 5000, u, conv)
}

// refused tells what refuse noted: that Slack cannot do something in a place.
func (c *channel) refused(what string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cannot[what]
}

func (c *channel) refuse(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	adapter.Remember(c.cannot, 5000, what, true)
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
	_ channels.Streamer   = (*channel)(nil)
	_ channels.Fetcher    = (*channel)(nil)
	_ channels.Tester     = (*channel)(nil)
)
