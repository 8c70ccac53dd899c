package slack

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	slackgo "github.com/slack-go/slack"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
	"chatgateway/markdown"
)

const (
	messageMax = 3900 // characters of a message; Slack asks for at most 4,000
	sectionMax = 2900 // of a section; Slack takes 3,000
	buttonsMax = 10   // choices shown as buttons; more are a menu
	rowMax     = 5    // buttons in a row
	optionsMax = 100  // options of a menu
	valueMax   = 150  // characters of an option's value
	addressMax = 3000 // letters of a link
	postEvent  = "gateway_post"
)

// message is one message to show.
type message struct {
	text   string // mrkdwn
	blocks []slackgo.Block
}

// show posts p, with controls in place of its choices if there are any, and gives the id of its last message.
func (c *channel) show(ctx context.Context, p channels.Post, controls []slackgo.Block) (last channels.MessageID, err error) {
	to, err := parseConversation(p.To)
	if err != nil {
		return "", err
	}
	by := c.replyFor(p)
	alone := p.Only != "" && (!to.dm || by != nil && by.foreign)
	for n, part := range c.parts(p, controls) {
		id, err := channels.MessageID(""), error(nil)
		if alone {
			id, err = c.whisper(ctx, to, part, by, p)
		} else {
			id, err = c.post(ctx, to, part, postKey(p, n), p)
			if by != nil && errors.Is(err, channels.ErrGone) { // commands can be given where the bot is not
				id, err = c.answer(ctx, to, part, by, "in_channel")
			}
		}
		if err != nil {
			return last, err
		}
		last = id
	}
	return last, nil
}

// whisper shows a message to p.Only alone: as the answer to their command or press, else by name.
func (c *channel) whisper(ctx context.Context, to address, m message, by *reply, p channels.Post) (channels.MessageID, error) {
	if by != nil {
		id, err := c.answer(ctx, to, m, by, "ephemeral")
		if err == nil || !errors.Is(err, errors.ErrUnsupported) {
			return id, err
		}
	}
	var ts string
	opts := append(m.options(to.thread), slackgo.MsgOptionPostEphemeral(string(p.Only)))
	err := c.do(ctx, call{what: "send to one person", method: "chat.postEphemeral", channel: to.channel, partial: p.Partial}, func(ctx context.Context, api *slackgo.Client) (err error) {
		ts, err = api.PostEphemeralContext(ctx, to.channel, string(p.Only), opts...)
		return err
	})
	if errors.Is(err, channels.ErrGone) || is(err, "user_not_in_channel") {
		return "", fmt.Errorf("%w: %w", unsupported("this cannot be shown to one person alone here"), err)
	}
	if err != nil {
		return "", err
	}
	id := hiddenMark + messageID(to.channel, ts)
	c.sent.note("", id, p.To)
	return id, nil
}

// answer shows a message by the address that came with a command or a press. Slack does not tell its id.
func (c *channel) answer(ctx context.Context, to address, m message, by *reply, kind string) (channels.MessageID, error) {
	if !by.use() {
		return "", unsupported("the time to answer this command has passed")
	}
	body := map[string]any{"response_type": kind, "replace_original": false, "text": m.text, "unfurl_links": false, "unfurl_media": false}
	if len(m.blocks) > 0 {
		body["blocks"] = m.blocks
	}
	if to.thread != "" {
		body["thread_ts"] = to.thread
	}
	if err := c.respond(ctx, "answer", by.url, body); err != nil {
		return "", err
	}
	return channels.MessageID(answerMark + rand.Text()), nil
}

// post posts a message once, whatever happens on the way: each bears its key as metadata, by which it is found again.
func (c *channel) post(ctx context.Context, to address, m message, key string, p channels.Post) (channels.MessageID, error) {
	conv := conversation(to.channel, to.thread)
	if id, ok := c.sent.id(key); ok {
		return id, nil
	}
	if p.Key != "" && c.sent.mayBeOld(p) {
		if id, ok, err := c.find(ctx, to, key, c.sent.from(p)); err == nil && ok {
			c.sent.note(key, id, conv)
			return id, nil
		}
	}
	opts := append(m.options(to.thread), slackgo.MsgOptionMetadata(slackgo.SlackMetadata{EventType: postEvent, EventPayload: map[string]any{"key": key}}))
	for n := 0; ; n++ {
		began := time.Now()
		var ts string
		err := c.do(ctx, call{what: "send", method: "chat.postMessage", channel: to.channel, partial: p.Partial, once: true}, func(ctx context.Context, api *slackgo.Client) (err error) {
			_, ts, err = api.PostMessageContext(ctx, to.channel, opts...)
			return err
		})
		if err == nil {
			id := messageID(to.channel, ts)
			c.sent.note(key, id, conv)
			c.threads.spoke(conv)
			return id, nil
		}
		if !unsure(err) || n+1 >= tries || ctx.Err() != nil {
			return "", err
		}
		if perr := adapter.Pause(ctx, c.times.backoff(n)); perr != nil {
			return "", perr
		}
		id, ok, ferr := c.find(ctx, to, key, began.Add(-time.Minute))
		if ok {
			c.sent.note(key, id, conv)
			return id, nil
		}
		if unsure(ferr) {
			return "", err // Slack cannot be asked now; whoever tries again with the same key is told
		}
	}
}

// find looks for a message of the bot's by its key, from a time on.
func (c *channel) find(ctx context.Context, to address, key string, from time.Time) (id channels.MessageID, ok bool, err error) {
	var said []slackgo.Message
	oldest := fmt.Sprintf("%d.000000", from.Unix())
	if to.thread != "" {
		err = c.do(ctx, call{what: "read a thread", method: "conversations.replies"}, func(ctx context.Context, api *slackgo.Client) (err error) {
			said, _, _, err = api.GetConversationRepliesContext(ctx, &slackgo.GetConversationRepliesParameters{ChannelID: to.channel, Timestamp: to.thread,
				Oldest: oldest, Limit: 200, IncludeAllMetadata: true})
			return err
		})
	} else {
		err = c.do(ctx, call{what: "read a conversation", method: "conversations.history"}, func(ctx context.Context, api *slackgo.Client) error {
			h, err := api.GetConversationHistoryContext(ctx, &slackgo.GetConversationHistoryParameters{ChannelID: to.channel, Oldest: oldest, Limit: 200,
				IncludeAllMetadata: true})
			if err == nil {
				said = h.Messages
			}
			return err
		})
	}
	for _, m := range said {
		if m.Metadata.EventType == postEvent && m.Metadata.EventPayload["key"] == key {
			return messageID(to.channel, m.Timestamp), true, nil
		}
	}
	return "", false, err
}

// options are how slack-go is told of a message.
func (m message) options(thread string) []slackgo.MsgOption {
	opts := []slackgo.MsgOption{slackgo.MsgOptionText(m.text, false), slackgo.MsgOptionDisableLinkUnfurl(), slackgo.MsgOptionDisableMediaUnfurl()}
	if len(m.blocks) > 0 {
		opts = append(opts, slackgo.MsgOptionBlocks(m.blocks...))
	}
	if thread != "" {
		opts = append(opts, slackgo.MsgOptionTS(thread))
	}
	return opts
}

// parts makes the messages that show p: its text in as many as it takes, its choices under the last.
func (c *channel) parts(p channels.Post, controls []slackgo.Block) []message {
	if controls == nil {
		controls = choices(p.Choices)
	}
	var parts []message
	rest := p.Text
	for {
		head, tail := markdown.Split(rest, fit(rest))
		if head == "" || tail == "" {
			head, rest = rest, ""
		} else {
			rest = tail
		}
		m := message{text: render(head)}
		if rest == "" && len(controls) > 0 {
			m.blocks = append(sections(head), controls...)
		}
		if parts = append(parts, m); rest == "" {
			return parts
		}
	}
}

// fit says how much of md one message holds.
func fit(md string) int { return markdown.Fit(md, messageMax, markdown.SlackLen) }

// render writes md as Slack's mrkdwn; it is never empty.
func render(md string) string {
	s := markdown.Slack(md)
	if strings.TrimSpace(s) == "" {
		return "…"
	}
	return s
}

// sections show md above controls.
func sections(md string) (list []slackgo.Block) {
	for md != "" {
		var head string
		head, md = markdown.Split(md, markdown.Fit(md, sectionMax, markdown.SlackLen))
		list = append(list, slackgo.NewSectionBlock(slackgo.NewTextBlockObject(slackgo.MarkdownType, adapter.Clip(render(head), 3000), false, false), nil, nil))
	}
	return list
}

// choices shows choices: a few as buttons, many as menus, links always as buttons.
func choices(list []channels.Choice) (rows []slackgo.Block) {
	var presses, links, buttons []slackgo.BlockElement // buttons: both, in their order
	var options []*slackgo.OptionBlockObject
	for n, ch := range list {
		label := slackgo.NewTextBlockObject(slackgo.PlainTextType, adapter.Clip(first(ch.Label, "…"), 75), false, false)
		switch {
		case ch.URL != "" && adapter.WebAddress(ch.URL, addressMax):
			links = append(links, slackgo.NewButtonBlockElement(fmt.Sprintf("%s%d", linkMark, n), "", label).WithURL(ch.URL))
			buttons = append(buttons, links[len(links)-1])
		case ch.Press != "":
			presses = append(presses, slackgo.NewButtonBlockElement(fmt.Sprintf("%s%d", pressMark, n), string(ch.Press), label))
			buttons = append(buttons, presses[len(presses)-1])
			if len(ch.Press) <= valueMax {
				options = append(options, slackgo.NewOptionBlockObject(string(ch.Press), label, nil))
			}
		}
	}
	if len(presses) <= buttonsMax || len(options) < len(presses) {
		options = nil
	} else {
		buttons = links
	}
	for n := 0; len(options) > 0; n++ {
		page := options[:min(len(options), optionsMax)]
		options = options[len(page):]
		title := "Choose one"
		if n > 0 || len(options) > 0 {
			title = adapter.Clip(page[0].Text.Text, 60) + " … " + adapter.Clip(page[len(page)-1].Text.Text, 60)
		}
		rows = append(rows, slackgo.NewActionBlock("", slackgo.NewOptionsSelectBlockElement(slackgo.OptTypeStatic,
			slackgo.NewTextBlockObject(slackgo.PlainTextType, title, false, false), fmt.Sprintf("%smenu.%d", pressMark, n), page...)))
	}
	for len(buttons) > 0 {
		row := buttons[:min(len(buttons), rowMax)]
		buttons = buttons[len(row):]
		rows = append(rows, slackgo.NewActionBlock("", row...))
	}
	return rows
}

// postKey is the same for the same part of the same post. A post without a key has one of its own, so that it can be
// found when Slack's answer was lost.
func postKey(p channels.Post, n int) string {
	if p.Key == "" {
		return rand.Text()
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d", p.To, p.Key, n))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// sent remembers what was posted.
type sent struct {
	since time.Time // when the program began: what was posted before is not here

	mu     sync.Mutex
	keys   map[string]channels.MessageID                  // guarded by mu
	convs  map[channels.MessageID]channels.ConversationID // guarded by mu
	looked map[channels.ConversationID]bool               // guarded by mu
}

func newSent(now time.Time) *sent {
	return &sent{since: now, keys: map[string]channels.MessageID{}, convs: map[channels.MessageID]channels.ConversationID{},
		looked: map[channels.ConversationID]bool{}}
}

const sentMax = 10_000

func (s *sent) note(key string, id channels.MessageID, conv channels.ConversationID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.convs) > sentMax {
		clear(s.convs)
		clear(s.keys)
	}
	if key != "" {
		s.keys[key] = id
	}
	s.convs[id] = conv
}

func (s *sent) id(key string) (channels.MessageID, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.keys[key]
	return id, ok
}

func (s *sent) conv(id channels.MessageID) (channels.ConversationID, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	conv, ok := s.convs[id]
	return conv, ok
}

// mayBeOld reports whether a post may have been posted by an earlier run of the program: it answers what was said
// before this one began, or nobody looked there yet.
func (s *sent) mayBeOld(p channels.Post) bool {
	if _, ts, ok := parseMessage(p.Answers); ok {
		return timeOf(ts).Before(s.since)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.looked[p.To] {
		return false
	}
	adapter.Remember(s.looked, sentMax, p.To, true)
	return true
}

// from is when such a post was posted at the earliest.
func (s *sent) from(p channels.Post) time.Time {
	if _, ts, ok := parseMessage(p.Answers); ok {
		return timeOf(ts)
	}
	return s.since.Add(-time.Hour)
}
