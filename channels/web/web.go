// Package web is the gateway's own page: a chat in the browser of whoever owns the gateway, on loopback unless told
// otherwise. It needs no service and no account; a one-time link lets a browser in (see access.go).
//
// The page holds what it shows in a book (book.go), kept on disk as one file of JSON lines per conversation (file.go),
// so that a browser that comes back, or a gateway that starts again, misses nothing. The browser makes the ids of
// conversations and messages, so that a message sent again is one message. What changes is sent as server-sent events
// (stream.go), not as a list of events but as the difference between what a browser has and what holds.
//
// Goroutines: Run serves HTTP and waits for every handler. Nothing else is started.
package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/secret"
	"chatgateway/internal/status"
	"chatgateway/login"
)

// Service is the page as a chat service.
var Service = channels.Service{
	Name:     "web",
	Title:    "Web page",
	Help:     "A private page on this host: `gateway open` prints a link that lets a browser in.",
	Settings: func() any { return new(Settings) },
	Open:     open,
	Local:    true,
}

// Owner is the person whom a link of NewLink lets in.
const Owner channels.UserID = "owner"

// Settings are those of the page in config.yaml, and what only the program sets.
type Settings struct {
	channels.Common `yaml:",inline"`

	// Listen is the address to serve at. Empty: 127.0.0.1:8765, or a free port if that one is taken. An address that
	// other hosts can reach needs TLSCert and TLSKey, or BehindProxy.
	Listen string `yaml:"listen"`
	// Names are host names, with a port if it is not the usual one, by which the page may be asked for besides
	// 127.0.0.1 and localhost.
	Names []string `yaml:"names"`
	// TLSCert and TLSKey are files in PEM form. They are read again when they change.
	TLSCert string `yaml:"tls_cert"`
	TLSKey  string `yaml:"tls_key"`
	// BehindProxy says that a proxy ends TLS for Names and that nobody else can reach the address.
	BehindProxy bool `yaml:"behind_proxy"`

	// Home is the gateway's home folder; the page keeps its files in its folder "web". Empty: nothing is kept.
	Home string `yaml:"-"`
	// Panel serves what is below /panel/ of the page, behind the same access check. If it has a method
	// Changed() <-chan struct{}, whose channel is closed at the next change, the page is told of changes.
	Panel http.Handler `yaml:"-"`
	// Core is asked what the page cannot know by itself; nil: nothing is.
	Core Core `yaml:"-"`
}

// Core is what the page asks of the gateway. It is safe for concurrent use.
type Core interface {
	// LooksSecret reports whether a text is shaped like a key: the page then keeps and shows only that there was one.
	LooksSecret(text string) bool
	// Model says which model answers in a conversation, and why that one; "" if none does yet.
	Model(ctx context.Context, account channels.AccountID, c channels.ConversationID) (model, why string)
	// Forget removes what is remembered of a conversation that the person deleted.
	Forget(ctx context.Context, account channels.AccountID, c channels.ConversationID) error
}

// Channel is the page. Besides the abilities of a channel it has NewLink, Addr, Ready, Sessions and Revoke.
type Channel struct {
	set    *Settings
	log    *slog.Logger
	report func(status.Channel)
	acct   channels.AccountID
	access *access
	book   *book
	failed *limiter // links that do not work
	stale  *limiter // requests without a session

	mu    sync.Mutex
	addr  string         // guarded by mu: where the last Run listened
	hosts hosts          // guarded by mu
	state status.Channel // guarded by mu: what was last reported
	ready chan struct{}  // closed when the page is first served
	once  func()         // closes ready
	ln    func(context.Context, string) (net.Listener, error)
}

func open(o channels.Options) (channels.Channel, error) {
	set, ok := o.Settings.(*Settings)
	if !ok {
		return nil, fmt.Errorf("web: settings are %T", o.Settings)
	}
	if err := set.check(); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Report == nil {
		o.Report = func(status.Channel) {}
	}
	b := newBook(set.folder(), o.Log)
	c := &Channel{
		set: set, log: o.Log, report: o.Report, acct: o.Account, access: newAccess(set.folder()), book: b,
		failed: &limiter{most: 10, now: time.Now}, stale: &limiter{most: 30, now: time.Now},
		ready: make(chan struct{}), ln: listenTCP,
	}
	c.once = sync.OnceFunc(func() { close(c.ready) })
	b.failed = c.unwritten
	return c, nil
}

// Run implements channels.Channel.
func (c *Channel) Run(ctx context.Context, h channels.Handler) error {
	c.say(status.Channel{State: status.Connecting})
	if err := c.access.load(); err != nil {
		return c.fail(err)
	}
	if err := c.book.open(); err != nil {
		return c.fail(err)
	}
	ln, note, err := c.listen(ctx)
	if err != nil {
		return c.fail(err)
	}
	defer c.book.settle() // what was growing grows no more
	s := newServer(c, h)
	return s.serve(ctx, ln, func() {
		c.say(status.Channel{State: status.Connected, Detail: note, Bot: c.URL(), Alive: time.Now()})
		c.once()
	})
}

// Send implements channels.Channel. A post whose Key was sent before replaces that one.
func (c *Channel) Send(_ context.Context, p channels.Post) (channels.MessageID, error) {
	return c.post(p, nil)
}

// Limits implements channels.Channel: everything fits, and an edit costs next to nothing.
func (c *Channel) Limits(channels.ConversationID) channels.Limits {
	return channels.Limits{EditEvery: 60 * time.Millisecond}
}

// Edit implements channels.Editor. A message that a power failure took is made again; one that was deleted is not.
func (c *Channel) Edit(_ context.Context, id channels.MessageID, p channels.Post) error {
	t, err := c.book.to(p)
	if err != nil {
		return fmt.Errorf("web: edit: %w", err)
	}
	if err := c.book.put(t, entry{ID: id, Text: p.Text, Choices: choices(p.Choices), Growing: p.Partial}, true); err != nil {
		return fmt.Errorf("web: edit: %w", err)
	}
	return nil
}

// Delete implements channels.Deleter. What the message said is overwritten in its file.
func (c *Channel) Delete(_ context.Context, conv channels.ConversationID, id channels.MessageID) error {
	t, err := c.book.talk(conv)
	if errors.Is(err, channels.ErrGone) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("web: delete: %w", err)
	}
	if err := c.book.remove(t, id); err != nil {
		return fmt.Errorf("web: delete: %w", err)
	}
	return nil
}

// Typing implements channels.Typist.
func (c *Channel) Typing(_ context.Context, conv channels.ConversationID) error {
	t, err := c.book.talk(conv)
	if err != nil {
		return fmt.Errorf("web: typing: %w", err)
	}
	c.book.typing(t, 6*time.Second)
	return nil
}

// SetMenu implements channels.MenuSetter: the composer completes the commands and their arguments.
func (c *Channel) SetMenu(_ context.Context, menu []channels.Command) error {
	c.book.setMenu(menu)
	return nil
}

// Upload implements channels.Uploader.
func (c *Channel) Upload(_ context.Context, p channels.Post, files []channels.File) (channels.MessageID, error) {
	return c.post(p, files)
}

// Ask implements channels.Asker. The form stands in the conversation while Ask waits and leaves nothing behind.
func (c *Channel) Ask(ctx context.Context, p channels.Post, s login.Step) (secret.String, error) {
	t, err := c.book.to(p)
	if err != nil {
		return secret.String{}, fmt.Errorf("web: ask: %w", err)
	}
	return c.book.ask(ctx, t, s)
}

// Direct implements channels.Director: the conversation that the person used last, or a new one.
func (c *Channel) Direct(_ context.Context, u channels.UserID) (channels.ConversationID, error) {
	if u != Owner && !c.access.knows(u) {
		return "", fmt.Errorf("web: nobody here is %q: %w", u, errors.ErrUnsupported)
	}
	t, err := c.book.latest(u)
	if err != nil {
		return "", fmt.Errorf("web: direct: %w", err)
	}
	return t.id, nil
}

// post shows p as a message.
func (c *Channel) post(p channels.Post, files []channels.File) (channels.MessageID, error) {
	t, err := c.book.to(p)
	if err != nil {
		return "", fmt.Errorf("web: send: %w", err)
	}
	e := entry{ID: botID(t.id, p.Key), Text: p.Text, Choices: choices(p.Choices), Growing: p.Partial, Time: time.Now()}
	for _, f := range files {
		a, err := c.book.keepFile(t, f.Name, f.Type, f.Data)
		if err != nil {
			return "", fmt.Errorf("web: upload: %w", err)
		}
		e.Files = append(e.Files, a)
	}
	if err := c.book.put(t, e, false); err != nil {
		return "", fmt.Errorf("web: send: %w", err)
	}
	return e.ID, nil
}

// botID makes the id of a message of the bot's: of the key, so that the same answer is the same message.
func botID(conv channels.ConversationID, key string) channels.MessageID {
	if key == "" {
		return channels.MessageID(string(conv) + ".r" + random(12))
	}
	sum := sha256.Sum256([]byte(key))
	return channels.MessageID(string(conv) + ".b" + hex.EncodeToString(sum[:12]))
}

func choices(cs []channels.Choice) []choice {
	var out []choice
	for _, c := range cs {
		out = append(out, choice{Label: c.Label, Press: c.Press, URL: webURL(c.URL)})
	}
	return out
}

// say reports a state and remembers it.
func (c *Channel) say(s status.Channel) {
	c.mu.Lock()
	c.state = s
	c.mu.Unlock()
	c.report(s)
}

// unwritten is told when a message could not be written to disk, and with nil when one could again.
func (c *Channel) unwritten(err error) {
	c.mu.Lock()
	s := c.state
	c.mu.Unlock()
	switch {
	case err != nil && s.State == status.Connected:
		c.log.Warn("page: messages are shown but not kept", "err", err)
		s.State, s.Detail = status.Degraded, "Messages are shown but not kept: "+cause(err)+". Free space, or see who owns the home folder."
	case err == nil && s.State == status.Degraded:
		s.State, s.Detail = status.Connected, ""
	default:
		return
	}
	c.say(s)
}

// fail reports why Run ends.
func (c *Channel) fail(err error) error {
	s := status.Channel{State: status.Connecting, Detail: err.Error()}
	if u, ok := errors.AsType[interface {
		error
		UserMessage() string
	}](err); ok {
		s.Detail = u.UserMessage()
	}
	if errors.Is(err, channels.ErrSetup) {
		s.State = status.Failed
	}
	c.say(s)
	return fmt.Errorf("web: %w", err)
}

// Interface guards
var (
	_ channels.Channel    = (*Channel)(nil)
	_ channels.Editor     = (*Channel)(nil)
	_ channels.Deleter    = (*Channel)(nil)
	_ channels.Typist     = (*Channel)(nil)
	_ channels.MenuSetter = (*Channel)(nil)
	_ channels.Uploader   = (*Channel)(nil)
	_ channels.Asker      = (*Channel)(nil)
	_ channels.Director   = (*Channel)(nil)
)
