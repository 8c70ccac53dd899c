package slack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"

	"chatgateway/channels"
	"chatgateway/markdown"
)

// streamMax is how many characters one streamed message gets: Slack takes 12,000 in a call.
const streamMax = 11_000

// stream begins an answer that Slack itself shows growing. It needs a thread and, for whom it is, the person who spoke
// last in it.
func (c *channel) stream(p channels.Post) (channels.Draft, error) {
	to, err := parseConversation(p.To)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	rcpt, ok := c.speaker[p.To]
	c.mu.Unlock()
	switch {
	case to.thread == "" || !ok || rcpt.team == "":
		return nil, unsupported("streaming needs a thread and a person")
	case p.Only != "" && !to.dm, c.refused("stream " + to.channel), c.refused("stream"):
		return nil, unsupported("Slack does not stream here")
	}
	return &draft{c: c, to: to, p: p, rcpt: rcpt}, nil
}

// draft is an answer that grows: streamed, in several messages if it is long; by edits where Slack does not stream.
type draft struct {
	c     *channel
	to    address
	p     channels.Post
	rcpt  recipient
	plain bool               // Slack does not stream here
	cuts  []int              // where the messages that are whole end, each counted from the end of the one before
	ts    string             // the message that is streamed now; empty: none
	shown string             // its text
	last  channels.MessageID // the last message
}

// Show implements channels.Draft.
func (d *draft) Show(ctx context.Context, all string) error {
	if d.plain {
		return d.edit(ctx, all)
	}
	err := d.grow(ctx, all, true)
	if d.plain {
		return d.edit(ctx, all)
	}
	return err
}

// Finish implements channels.Draft.
func (d *draft) Finish(ctx context.Context, all string) (channels.MessageID, error) {
	if !d.plain {
		if err := d.grow(ctx, all, false); !d.plain {
			return d.last, err
		}
	}
	p := d.p
	p.Text, p.Partial = all, false
	if d.last == "" {
		return d.c.Send(ctx, p)
	}
	if d.ts != "" { // Slack said that it is no stream any more; one that is cannot be edited
		if err := d.c.stopStream(ctx, d.to.channel, d.ts, nil); err != nil {
			d.c.log.Debug("slack: a stream had ended", "err", err)
		}
		d.ts = ""
	}
	return d.last, d.c.Edit(ctx, d.last, p)
}

// edit shows the text so far by edits: its first message.
func (d *draft) edit(ctx context.Context, all string) (err error) {
	p := d.p
	p.Text, p.Partial = all[:fit(all)], true
	if d.last == "" {
		p.Key, p.Choices = "", nil
		d.last, err = d.c.Send(ctx, p)
		return err
	}
	return d.c.Edit(ctx, d.last, p)
}

// grow streams what is new; with partial unset it ends the stream.
func (d *draft) grow(ctx context.Context, all string, partial bool) error {
	rest := all
	for i := 0; ; i++ {
		n := markdown.Fit(rest, streamMax, runes)
		if i < len(d.cuts) {
			n = min(d.cuts[i], len(rest))
		} else if n == len(rest) {
			break
		}
		head, tail := markdown.Split(rest, n)
		if i == len(d.cuts) {
			if err := d.finish(ctx, head); err != nil || d.plain {
				return err
			}
			d.cuts = append(d.cuts, n)
		}
		rest = tail
	}
	if !partial {
		return d.finish(ctx, rest)
	}
	text := guard(rest)
	if cut := strings.TrimSuffix(text, "<"); !strings.HasPrefix(cut, d.shown) || cut == d.shown {
		return nil // it has changed: the end puts it right
	} else {
		text = cut
	}
	if d.ts == "" {
		return d.start(ctx, text)
	}
	err := d.c.do(ctx, d.call("append to a stream", "chat.appendStream"), func(ctx context.Context, api *slackgo.Client) error {
		_, _, err := api.AppendStreamContext(ctx, d.to.channel, d.ts, slackgo.MsgOptionMarkdownText(text[len(d.shown):]))
		return err
	})
	switch {
	case err == nil:
		d.shown = text
	case unsure(err):
		d.shown = "\x00" // what is shown is not known: the end puts it right
	case is(err, "message_not_in_streaming_state", "message_not_found", "channel_not_found"):
		d.plain = true // it was stopped or deleted; what is shown is edited
	}
	return err
}

// start begins a streamed message.
func (d *draft) start(ctx context.Context, text string) error {
	began := time.Now()
	err := d.c.do(ctx, d.call("stream", "chat.startStream"), func(ctx context.Context, api *slackgo.Client) (err error) {
		_, d.ts, err = api.StartStreamContext(ctx, d.to.channel, slackgo.MsgOptionTS(d.to.thread), slackgo.MsgOptionRecipientUserID(d.rcpt.user),
			slackgo.MsgOptionRecipientTeamID(d.rcpt.team), slackgo.MsgOptionMarkdownText(text))
		return err
	})
	if err == nil {
		d.shown = text
		d.begun()
		return nil
	}
	if unsure(err) {
		d.adopt(ctx, began)
		return err
	}
	var e *apiError
	if errors.As(err, &e) && e.code != "" && !e.passing() {
		d.c.log.Info("slack: no streaming here; answers grow by edits", "why", e.code)
		d.c.refuse("stream " + d.to.channel)
		if is(err, "unknown_method", "missing_scope", "method_deprecated", "not_allowed_token_type") {
			d.c.refuse("stream")
		}
		d.plain = true
		return nil
	}
	return err
}

// begun notes the message that is streamed now.
func (d *draft) begun() {
	d.last = messageID(d.to.channel, d.ts)
	d.c.sent.note("", d.last, d.p.To)
	d.c.threads.spoke(d.p.To)
}

// adopt looks for a stream whose beginning was not confirmed: what is in the thread since then, is the bot's, and was
// not posted otherwise.
func (d *draft) adopt(ctx context.Context, began time.Time) {
	me := d.c.identity()
	var said []slackgo.Message
	err := d.c.do(ctx, call{what: "read a thread", method: "conversations.replies"}, func(ctx context.Context, api *slackgo.Client) (err error) {
		said, _, _, err = api.GetConversationRepliesContext(ctx, &slackgo.GetConversationRepliesParameters{ChannelID: d.to.channel, Timestamp: d.to.thread,
			Oldest: fmt.Sprintf("%d.000000", began.Unix()-5), Limit: 200, IncludeAllMetadata: true})
		return err
	})
	if err != nil {
		d.c.log.Warn("slack: it is not known if a stream began", "err", err)
	}
	for _, m := range said {
		_, known := d.c.sent.conv(messageID(d.to.channel, m.Timestamp))
		if m.User == me.user && m.Metadata.EventType != postEvent && !known && m.Timestamp != d.to.thread {
			d.ts, d.shown = m.Timestamp, "\x00"
			d.begun()
		}
	}
}

// finish ends a message with its whole text: by the rest of the stream, or by an edit where it is not known what of it
// is shown. It is never posted again.
func (d *draft) finish(ctx context.Context, all string) error {
	text := guard(all)
	if d.ts == "" { // there is nothing to grow: a post can be found again if its answer is lost, a stream cannot
		p := d.p
		p.Text, p.Partial = all, false
		if p.Key != "" {
			p.Key = fmt.Sprintf("%s.s%d", p.Key, len(d.cuts))
		}
		id, err := d.c.Send(ctx, p)
		if err == nil {
			d.last = id
		}
		return err
	}
	known := strings.HasPrefix(text, d.shown)
	var opts []slackgo.MsgOption
	if known && len(text) > len(d.shown) {
		opts = append(opts, slackgo.MsgOptionMarkdownText(text[len(d.shown):]))
	}
	err := d.c.stopStream(ctx, d.to.channel, d.ts, opts)
	if unsure(err) {
		known = false
		err = d.c.stopStream(ctx, d.to.channel, d.ts, nil)
	}
	if is(err, "message_not_found") {
		d.ts, d.shown = "", ""
		return nil // somebody deleted it, who will not want it again
	}
	if err == nil && known {
		d.ts, d.shown = "", ""
		return nil
	}
	if err != nil && !is(err, "message_not_in_streaming_state") {
		d.c.log.Warn("slack: a stream did not end as it should", "err", err)
	}
	p := d.p
	p.Text, p.Partial = all, false
	d.ts, d.shown = "", ""
	return d.c.Edit(ctx, d.last, p)
}

// stopStream ends a stream. What is given with it is not sent again where it is not known if it arrived.
func (c *channel) stopStream(ctx context.Context, ch, ts string, opts []slackgo.MsgOption) error {
	cl := call{what: "end a stream", method: "chat.stopStream", channel: ch, once: len(opts) > 0}
	return c.do(ctx, cl, func(ctx context.Context, api *slackgo.Client) error {
		_, _, err := api.StopStreamContext(ctx, ch, ts, opts...)
		return err
	})
}

func (d *draft) call(what, method string) call {
	return call{what: what, method: method, channel: d.to.channel, partial: true, once: true}
}

func runes(s string) int { return len([]rune(s)) }

// guard keeps what a model writes from mentioning people: a mention is made of "<" and one of these signs.
func guard(md string) string { return mention.Replace(md) }

var mention = strings.NewReplacer("<!", "<\u200b!", "<@", "<\u200b@", "<#", "<\u200b#")
