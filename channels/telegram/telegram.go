// Package telegram is a bot on Telegram: direct chats, groups, topics of forums, and channels if they are wanted.
//
// It reads by long polling, over https://core.telegram.org/bots/api or a Bot API server of one's own. The library
// go-telegram-bot-api carries the requests and lends some types; the loop, the errors and what is newer than the
// library are here: [poll.go] reads, [inbound.go] makes messages of what was read, [api.go] speaks HTTP and keeps the
// token, [limits.go] paces what is written, [menu.go], [files.go], [draft.go] and [rich.go] are the abilities that need room.
package telegram

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"chatgateway/channelauth"
	"chatgateway/channels"
	"chatgateway/internal/status"
	"chatgateway/markdown"
)

// Service is Telegram.
var Service = channels.Service{
	Name:  "telegram",
	Title: "Telegram",
	Help:  "Talk to @BotFather on Telegram, send /newbot, and copy the token that it gives.",
	Secrets: []channelauth.Field{{
		Name: "bot_token", Env: "TELEGRAM_BOT_TOKEN", Help: "bot token from @BotFather", Page: "https://t.me/BotFather",
		Check: checkToken,
	}},
	Settings: func() any { return &Settings{AttachmentLimit: 20} },
	Open:     open,
}

// Settings are what config.yaml may say of an account.
type Settings struct {
	channels.Common `yaml:",inline"`
	APIBase         string `yaml:"api_base"`         // a Bot API server of one's own; empty: Telegram's
	Drafts          bool   `yaml:"drafts"`           // show growing answers as drafts (sendMessageDraft) in direct chats
	RichMessages    bool   `yaml:"rich_messages"`    // show tables, formulas and long answers as rich messages (sendRichMessage)
	ChannelPosts    bool   `yaml:"channel_posts"`    // take posts of channels that the bot is an admin of
	AttachmentLimit int    `yaml:"attachment_limit"` // MB that a file may have; Telegram's own server gives 20 at most
	DropPending     bool   `yaml:"drop_pending"`     // at the first start, drop what was written before it
}

const maxText = 4096 // UTF-16 code units of a message

// channel is one bot.
type channel struct {
	o       channels.Options
	set     Settings
	base    string
	polls   *http.Client
	sends   *http.Client
	budgets budgets
	moves   moves
	growing growing
	menu    menu
	drafts  atomic.Int64 // the last draft's id
	plain   atomic.Bool  // the server knows no rich messages

	mu      sync.Mutex
	me      self // guarded by mu: who the bot is, once getMe told
	dropped bool // guarded by mu: DropPending was done
}

func open(o channels.Options) (channels.Channel, error) {
	set, ok := o.Settings.(*Settings)
	if !ok {
		return nil, fmt.Errorf("telegram: settings are %T", o.Settings)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Report == nil {
		o.Report = func(status.Channel) {}
	}
	c := &channel{o: o, set: *set, base: strings.TrimRight(set.APIBase, "/"), polls: client(o.Client), sends: client(o.Client)}
	if c.base == "" {
		c.base = DefaultAPI
	}
	u, err := url.Parse(c.base)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || strings.ContainsAny(c.base, "%?#") || u.User != nil {
		return nil, errors.New("telegram: api_base must be an address such as https://api.telegram.org, without a query")
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		o.Log.Warn("the bot token goes over the network unencrypted, which is fine on one of your own, nowhere else", "account", o.Account, "api_base", u.Host)
	}
	if set.AttachmentLimit < 0 {
		return nil, errors.New("telegram: attachment_limit must not be negative")
	}
	return c, nil
}

// Run implements channels.Channel.
func (c *channel) Run(ctx context.Context, h channels.Handler) error {
	if err := c.listen(ctx, h); ctx.Err() == nil {
		return err
	}
	return nil
}

// Send implements channels.Channel.
func (c *channel) Send(ctx context.Context, p channels.Post) (channels.MessageID, error) {
	to, err := parseTarget(p.To)
	if err != nil {
		return "", err
	}
	if !to.seenBy(p.Only) {
		return "", fmt.Errorf("telegram: a message in a group for one person alone: %w", errors.ErrUnsupported)
	}
	keys, err := buttons(p.Choices)
	if err != nil {
		return "", err
	}
	var id channels.MessageID
	fit := c.fit
	for first, rest := true, linked(p); first || rest != ""; first = false {
		whole := rest
		var head string
		head, rest = markdown.Split(rest, fit(rest))
		params := to.params()
		if first {
			to.answer(params, p.Answers)
		}
		if rest == "" && keys != "" {
			params["reply_markup"] = keys
		}
		id, err = c.say(ctx, to, params, head, p.Partial)
		if errors.Is(err, errNotRich) {
			fit = fitPlain
			head, rest = markdown.Split(whole, fit(whole))
			if rest != "" {
				delete(params, "reply_markup") // it is under the last of several
			}
			id, err = c.say(ctx, to, params, head, p.Partial)
		}
		if err != nil {
			return "", err
		}
		if at, err := parseMessage(id); err == nil && p.Partial {
			c.growing.note(at, head+keys, true)
		}
	}
	return id, nil
}

// say sends one message.
func (c *channel) say(ctx context.Context, to target, params tgbotapi.Params, md string, partial bool) (channels.MessageID, error) {
	var m sentMessage
	err := c.write(ctx, to.chat, partial, func(ctx context.Context, chat int64) error {
		params["chat_id"] = itoa(chat)
		err := c.text(ctx, "sendMessage", params, "text", md, &m)
		if r := (*reply)(nil); errors.As(err, &r) && r.says("message thread not found") && params["reply_parameters"] != "" {
			// Telegram loses old topics of busy forums; an answer finds its topic by what it answers.
			delete(params, "message_thread_id")
			params["reply_parameters"] = strings.Replace(params["reply_parameters"], "true", "false", 1)
			err = c.text(ctx, "sendMessage", params, "text", md, &m)
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("telegram: send: %w", err)
	}
	return m.id(), nil
}

// text carries out a method with md as a rich message if it is to be one, else as HTML; where Telegram cannot read
// that, as plain text made from md itself.
func (c *channel) text(ctx context.Context, method string, params tgbotapi.Params, key, md string, result any) error {
	if richMethods[method] != "" && c.wantsRich(md) {
		if ok, err := c.asRich(ctx, method, params, md, result); ok {
			return err
		}
		if markdown.TelegramLen(md) > maxText {
			return errNotRich
		}
	}
	a := c.api(c.sends)
	params[key], params["parse_mode"] = orDots(markdown.Telegram(md)), tgbotapi.ModeHTML
	if key == "text" {
		params["link_preview_options"] = `{"is_disabled":true}`
	}
	err := a.call(ctx, method, params, result)
	if r := (*reply)(nil); errors.As(err, &r) && r.code == http.StatusBadRequest && r.says("can't parse entities") {
		c.o.Log.Warn("telegram could not read markup", "account", c.o.Account, "err", err)
		params[key] = orDots(markdown.Plain(md))
		delete(params, "parse_mode")
		err = a.call(ctx, method, params, result)
	}
	return err
}

// Limits implements channels.Channel.
func (c *channel) Limits(id channels.ConversationID) channels.Limits {
	every := privateEvery
	if to, err := parseTarget(id); err == nil && !to.private() {
		every = groupEvery
	}
	if l := c.set.StreamingLatency; l != nil {
		every = max(time.Duration(*l*float64(time.Second)), 100*time.Millisecond)
	}
	return channels.Limits{Fit: c.fit, EditEvery: every}
}

// fit is Limits.Fit.
func (c *channel) fit(md string) int {
	if !c.rich() {
		return fitPlain(md)
	}
	if len(md) <= markdown.RichLimit/100 {
		return len(md)
	}
	return markdown.Fit(md, markdown.RichLimit, markdown.TelegramRichLen)
}

// fitPlain is what an ordinary message holds. What is short is not measured: no markup but a table's makes a text ten
// times as long.
func fitPlain(md string) int {
	if len(md) <= maxText/10 && !strings.Contains(md, "|") {
		return len(md)
	}
	return markdown.Fit(md, maxText, markdown.TelegramLen)
}

// Edit implements channels.Editor.
func (c *channel) Edit(ctx context.Context, id channels.MessageID, p channels.Post) error {
	at, err := parseMessage(id)
	if err != nil {
		return err
	}
	keys, err := buttons(p.Choices)
	if err != nil {
		return err
	}
	text := linked(p)
	if c.growing.shows(at, text+keys) {
		c.growing.note(at, text+keys, p.Partial)
		return nil
	}
	params := tgbotapi.Params{"message_id": itoa(at.message)}
	if keys != "" {
		params["reply_markup"] = keys
	}
	err = c.write(ctx, at.chat, p.Partial, func(ctx context.Context, chat int64) error {
		params["chat_id"] = itoa(chat)
		err := c.text(ctx, "editMessageText", params, "text", text, nil)
		r := (*reply)(nil)
		switch {
		case !errors.As(err, &r):
			return err
		case r.says("there is no text in the message"):
			delete(params, "text")
			err = c.text(ctx, "editMessageCaption", params, "caption", text, nil)
			if r = nil; !errors.As(err, &r) {
				return err
			}
		}
		if r.says("message is not modified") {
			return nil
		}
		return err
	})
	if r := (*reply)(nil); errors.As(err, &r) && r.says("message to edit not found", "message can't be edited", "message_id_invalid") {
		return fmt.Errorf("telegram: edit: %s: %w", r.text, errors.ErrUnsupported)
	}
	if errors.Is(err, errNotRich) && !p.Partial {
		return c.editInParts(ctx, id, p)
	}
	if err != nil {
		return fmt.Errorf("telegram: edit: %w", err)
	}
	c.growing.note(at, text+keys, p.Partial)
	return nil
}

// Delete implements channels.Deleter. A bot may delete what a person wrote in a direct chat, and in a group where it
// is an admin, within 48 hours.
func (c *channel) Delete(ctx context.Context, _ channels.ConversationID, id channels.MessageID) error {
	at, err := parseMessage(id)
	if err != nil {
		return err
	}
	err = c.retry(ctx, at.chat, false, func(ctx context.Context, chat int64) error {
		return c.api(c.sends).call(ctx, "deleteMessage", tgbotapi.Params{"chat_id": itoa(chat), "message_id": itoa(at.message)}, nil)
	})
	r := (*reply)(nil)
	switch {
	case err == nil, errors.As(err, &r) && r.says("message to delete not found"):
		return nil
	case r != nil && r.says("message can't be deleted"):
		return fmt.Errorf("telegram: delete: %s: %w", r.text, errors.ErrUnsupported)
	}
	return fmt.Errorf("telegram: delete: %w", err)
}

// Typing implements channels.Typist. While Telegram asks to wait it shows nothing, and says nothing.
func (c *channel) Typing(ctx context.Context, id channels.ConversationID) error {
	to, err := parseTarget(id)
	if err != nil {
		return err
	}
	if c.budgets.paused(to.chat) > 0 {
		return nil
	}
	params := tgbotapi.Params{"action": tgbotapi.ChatTyping}
	params.AddNonZero64("message_thread_id", to.thread) // General, too, is named here
	err = c.retry(ctx, to.chat, true, func(ctx context.Context, chat int64) error {
		params["chat_id"] = itoa(chat)
		return c.api(c.sends).call(ctx, "sendChatAction", params, nil)
	})
	if busy := (*channels.Busy)(nil); errors.As(err, &busy) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("telegram: typing: %w", err)
	}
	return nil
}

// Direct implements channels.Director. A bot may write to those who wrote to it before.
func (c *channel) Direct(ctx context.Context, u channels.UserID) (channels.ConversationID, error) {
	to, err := parseTarget(channels.ConversationID(u))
	if err != nil || !to.private() || to.thread != 0 {
		return "", fmt.Errorf("telegram: %q is no user id", string(u))
	}
	if err := c.Typing(ctx, channels.ConversationID(u)); errors.Is(err, channels.ErrGone) {
		return "", fmt.Errorf("telegram: the person must write to the bot first: %w", errors.ErrUnsupported)
	} else if err != nil {
		return "", err
	}
	return channels.ConversationID(u), nil
}

// api speaks with the token that holds now.
func (c *channel) api(h *http.Client) *api {
	return &api{base: c.base, token: c.o.Secrets.Secret("bot_token"), http: h}
}

// orDots stands in for a text that shows nothing, which Telegram refuses.
func orDots(s string) string {
	if strings.TrimSpace(s) == "" {
		return "…"
	}
	return s
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func checkToken(s string) error {
	if !wellFormed(strings.TrimSpace(s)) {
		return errors.New("a bot token is a number, a colon and letters, as @BotFather shows it")
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
	_ channels.Director   = (*channel)(nil)
	_ channels.Streamer   = (*channel)(nil)
	_ channels.Fetcher    = (*channel)(nil)
	_ channels.Tester     = (*channel)(nil)
)
