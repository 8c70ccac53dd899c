package slack

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack/socketmode"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

// Slack delivers an envelope again that is not acknowledged within three seconds. So envelopes go through a bounded
// queue to one goroutine that hands them in, in order and again until they are kept, and only then acknowledges them.
// What finds the queue full is not taken: Slack has it still. What is delivered twice bears the same id twice.

const (
	queueSize = 2048
	batchSize = 50
)

// envelope is one thing that came in and is to be handed in.
type envelope struct {
	from *conn
	id   string
	read reader
}

// reader makes a Message of what came in; ok is false if it is not for the bot. On an error that cannot be told now.
type reader func(ctx context.Context) (m channels.Message, ok bool, err error)

// missed are messages that were read over the Web API.
type missed struct {
	messages []channels.Message
	kept     chan struct{} // closed when they are
}

// inbox hands in what comes in. It belongs to one Run.
type inbox struct {
	c        *channel
	progress *progress
	queue    chan envelope
	missed   chan missed
}

func newInbox(c *channel, r *progress) *inbox {
	return &inbox{c: c, progress: r, queue: make(chan envelope, queueSize), missed: make(chan missed)}
}

// put takes an envelope in without ever waiting.
func (in *inbox) put(e envelope) {
	select {
	case in.queue <- e:
	default:
		in.c.log.Warn("slack: too much is waiting; Slack will deliver it again")
	}
}

// run hands in until ctx ends. What is left then was not acknowledged.
func (in *inbox) run(ctx context.Context, h channels.Handler) {
	for {
		var list []envelope
		select {
		case <-ctx.Done():
			return
		case m := <-in.missed:
			if in.keep(ctx, h, m.messages) {
				close(m.kept)
			}
			continue
		case e := <-in.queue:
			list = append(list, e)
		}
		for more := true; more && len(list) < batchSize; {
			select {
			case e := <-in.queue:
				list = append(list, e)
			default:
				more = false
			}
		}
		in.deliver(ctx, h, list)
	}
}

// deliver hands in messages and acknowledges them. What cannot be read now is not acknowledged: Slack delivers it again.
func (in *inbox) deliver(ctx context.Context, h channels.Handler, list []envelope) {
	look, cancel := context.WithTimeout(ctx, lookTime) // for all of them: Slack waits three seconds
	defer cancel()
	var out []channels.Message
	var good []envelope
	for _, e := range list {
		m, ok, err := e.read(look)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			in.c.log.Warn("slack: it cannot be told now if a message is for the bot; Slack will deliver it again", "err", err)
			continue
		}
		if good = append(good, e); ok {
			out = merge(out, m)
		}
	}
	if !in.keep(ctx, h, out) {
		return
	}
	for _, e := range good {
		e.from.ack(e.id, nil)
	}
}

// keep hands in messages until they are kept; false if ctx ended before.
func (in *inbox) keep(ctx context.Context, h channels.Handler, out []channels.Message) bool {
	for n := 0; len(out) > 0; n++ {
		marks := in.progress.reach(out)
		err := h(ctx, channels.Batch{Messages: out, Marks: marks})
		if err == nil {
			in.progress.kept(marks)
			return true
		}
		in.c.log.Warn("slack: messages could not be kept; trying again", "messages", len(out), "err", err)
		if adapter.Pause(ctx, in.c.times.backoff(min(n, 5))) != nil {
			return false
		}
	}
	return true
}

// handIn hands in what was read over the Web API, and waits until it is kept.
func (in *inbox) handIn(ctx context.Context, list []channels.Message) error {
	m := missed{list, make(chan struct{})}
	select {
	case in.missed <- m:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-m.kept:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// merge adds a message. One that is told twice, as a message and as a mention, is taken as it says more.
func merge(out []channels.Message, m channels.Message) []channels.Message {
	at := slices.IndexFunc(out, func(o channels.Message) bool { return o.ID == m.ID && o.Edited == m.Edited })
	if at < 0 || m.Edited {
		return append(out, m)
	}
	if len(m.Attachments) > len(out[at].Attachments) || m.Addressed && !out[at].Addressed {
		out[at] = m
	}
	return out
}

// event is what is used of Slack's events.
type event struct {
	Type        string          `json:"type"`
	Subtype     string          `json:"subtype"`
	Channel     string          `json:"channel"`
	ChannelType string          `json:"channel_type"`
	User        string          `json:"user"`
	BotID       string          `json:"bot_id"`
	Team        string          `json:"team"`
	UserTeam    string          `json:"user_team"`
	Text        string          `json:"text"`
	TS          string          `json:"ts"`
	Thread      string          `json:"thread_ts"`
	Parent      string          `json:"parent_user_id"`
	Latest      string          `json:"latest_reply"`
	Files       []wireFile      `json:"files"`
	Shares      []share         `json:"attachments"`
	Edited      json.RawMessage `json:"edited"`
	Message     *event          `json:"message"`
	Before      *event          `json:"previous_message"`
	Assistant   *struct {
		User    string `json:"user_id"`
		Channel string `json:"channel_id"`
		Thread  string `json:"thread_ts"`
	} `json:"assistant_thread"`
}

// take sorts an envelope: what is to be kept goes to the inbox, the rest is dealt with and acknowledged at once.
func (c *channel) take(ctx context.Context, in *inbox, cn *conn, r socketmode.Request) {
	switch r.Type {
	case "slash_commands":
		c.takeSlash(in, cn, r)
	case "interactive":
		c.takeInteraction(ctx, in, cn, r)
	case "events_api":
		if !c.takeEvent(ctx, in, cn, r) {
			cn.ack(r.EnvelopeID, nil)
		}
	default:
		cn.ack(r.EnvelopeID, nil)
	}
}

// takeEvent reports whether an event went to the inbox.
func (c *channel) takeEvent(ctx context.Context, in *inbox, cn *conn, r socketmode.Request) bool {
	var outer struct {
		Team  string          `json:"team_id"`
		Event json.RawMessage `json:"event"`
	}
	var kind struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(r.Payload, &outer) != nil || json.Unmarshal(outer.Event, &kind) != nil {
		return false
	}
	switch kind.Type {
	case "message", "app_mention":
		var e event
		if err := json.Unmarshal(outer.Event, &e); err != nil {
			c.log.Warn("slack: an event is not as it should be", "type", kind.Type, "err", err)
			return false
		}
		in.put(envelope{cn, r.EnvelopeID, func(ctx context.Context) (channels.Message, bool, error) {
			m, ok, err := c.message(ctx, outer.Team, e)
			if !ok && err == nil {
				in.progress.skip(e)
			}
			return m, ok, err
		}})
		return true
	case "assistant_thread_started":
		var e event
		if json.Unmarshal(outer.Event, &e) == nil && e.Assistant != nil {
			c.tasks.Go(func() { c.greet(ctx, e.Assistant.Channel, e.Assistant.Thread) })
		}
	case "tokens_revoked", "app_uninstalled":
		_ = cn.ws.Close() // opening another shows what is left
	}
	return false
}

// message makes a Message of an event; ok is false if it is not for the bot. It fails if Slack has to be
// asked for that, and cannot be.
func (c *channel) message(ctx context.Context, team string, e event) (m channels.Message, ok bool, err error) {
	me := c.identity()
	edited := e.Subtype == "message_changed"
	if edited {
		if e.Message == nil || e.Before == nil || e.Message.Edited == nil || e.Message.Text == e.Before.Text {
			return m, false, nil // a preview was added, or a reply
		}
		ch, kind := e.Channel, e.ChannelType
		e = *e.Message
		e.Channel, e.ChannelType = ch, kind
	}
	if e.User == "" || e.User == me.user || e.BotID != "" || e.Channel == "" || !tsShape.MatchString(e.TS) {
		return m, false, nil
	}
	switch e.Subtype {
	case "", "file_share", "thread_broadcast", "me_message":
	default:
		return m, false, nil
	}
	private := e.ChannelType == "im" || strings.HasPrefix(e.Channel, "D")
	inThread := e.Thread != "" && e.Thread != e.TS
	m = channels.Message{ID: messageID(e.Channel, e.TS), From: channels.UserID(e.User), Private: private, Edited: edited, Time: timeOf(e.TS)}
	m.Addressed = private || e.Type == "app_mention" || mentions(e.Text, me.user)
	if !m.Addressed && inThread && !othersFirst(e.Text, me.user) {
		if m.Addressed = e.Parent == me.user; !m.Addressed {
			if m.Addressed, err = c.threads.mine(ctx, e.Channel, e.Thread); err != nil {
				return m, false, err
			}
		}
	}
	if !m.Addressed && c.set.GroupPolicy != "open" {
		return m, false, nil // its mention, if it is one, comes as an event of its own
	}
	thread := e.Thread
	if !private {
		m.Places = places(first(team, e.Team), e.Channel)
		if thread == "" && c.set.Threads {
			thread = e.TS
		}
	}
	m.Conversation = conversation(e.Channel, thread)
	if m.Addressed && !private {
		c.threads.spoke(m.Conversation)
	}
	if private {
		c.direct(m.From, channels.ConversationID(e.Channel))
	}
	if inThread && e.Parent != "" {
		m.Answers = messageID(e.Channel, e.Thread)
	}
	m.Text = c.command(plain(e.Text, me.user, func(id string) string { return c.people.name(ctx, id) }))
	m.FromName = c.people.name(ctx, e.User)
	m.Attachments = append(c.shared(ctx, e.Shares, me.user), c.attachments(e.Files)...)
	if m.Text == "" && len(m.Attachments) == 0 {
		if private || edited || !c.knows("help") {
			return m, false, nil
		}
		m.Text = "/help" // the bare mention
	}
	c.heard(m, first(e.UserTeam, e.Team, team))
	if private && thread != "" {
		c.title(ctx, m)
	}
	return m, true, nil
}

// recipient is for whom Slack streams an answer.
type recipient struct {
	user, team string
	at         time.Time
}

// heard notes who spoke last in a conversation.
func (c *channel) heard(m channels.Message, team string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	adapter.Remember(c.speaker, 5000, m.Conversation, recipient{string(m.From), team, time.Now()})
}
