package slack

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

// Slack delivers again what nobody acknowledged, but only for some minutes. What was said while no connection stood for
// longer is read over the Web API, from the mark of its conversation, before another connection is opened.

// Bounds of what is read.
const (
	roomsMost   = 200 // channels and direct conversations that are known; the ones silent for longest go first
	threadsMost = 100
	pageSize    = 200
	pagesMost   = 5              // of one conversation: 1,000 messages are the most
	oldest      = 24 * time.Hour // what was said before is not taken any more
	readers     = 4
)

// catchUp reads what was missed and hands it in. It returns when all was tried once, but after a while in any case; what
// could not be read is tried again beside.
func (c *channel) catchUp(ctx context.Context, in *inbox) {
	if !in.progress.fallBehind() {
		return
	}
	tried := make(chan struct{})
	c.tasks.Go(func() {
		for n := 0; ; n++ {
			todo := in.progress.todo()
			if ctx.Err() == nil && len(todo) > 0 {
				c.readAll(ctx, in, todo)
			}
			if n == 0 {
				close(tried)
			}
			if len(todo) == 0 || ctx.Err() != nil {
				return
			}
			if len(in.progress.todo()) > 0 && adapter.Pause(ctx, adapter.Jitter(15*c.times.tick)) != nil {
				return
			}
		}
	})
	ahead := time.NewTimer(c.times.ahead)
	defer ahead.Stop()
	select {
	case <-tried:
	case <-ahead.C:
		c.log.Info("slack: there is much to read; it goes on beside")
	case <-ctx.Done():
	}
}

// readAll reads conversations, some at the same time.
func (c *channel) readAll(ctx context.Context, in *inbox, todo map[string]lag) {
	var wg sync.WaitGroup
	turn := make(chan struct{}, readers)
	for place, l := range todo {
		wg.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			last, err := c.readOne(ctx, in, place, l.after)
			var e *apiError
			switch {
			case ctx.Err() != nil:
			case err == nil:
				in.progress.done(place, l, last, false)
			case errors.Is(err, channels.ErrGone):
				in.progress.done(place, l, 0, true)
			case errors.As(err, &e) && !e.passing():
				c.cannotRead(e)
				in.progress.done(place, l, 0, false)
			default:
				c.log.Warn("slack: missed messages could not be read; trying again", "err", err)
			}
		})
	}
	wg.Wait()
}

// readOne reads one conversation from a mark on, hands in what was missed, and gives how far it was read.
func (c *channel) readOne(ctx context.Context, in *inbox, place string, after uint64) (last uint64, err error) {
	to, err := parseConversation(channels.ConversationID(place))
	if err != nil {
		return 0, err
	}
	last = after
	from := max(after-min(after, uint64(c.times.overlap.Microseconds())), stampAt(time.Now().Add(-oldest)))
	list, err := c.said(ctx, to, from)
	if err != nil {
		return 0, err
	}
	var out []channels.Message
	var begun []channels.ConversationID // threads that were begun meanwhile
	for _, e := range list {
		m, ok, err := c.message(ctx, c.identity().team, e)
		if err != nil {
			return 0, err
		}
		if ok {
			out = append(out, m)
		}
		last = max(last, stamp(e.TS))
		thread := conversation(to.channel, e.TS)
		if to.thread == "" && (ok || to.dm) && stamp(e.Latest) > from && !in.progress.knows(thread) {
			begun = append(begun, thread)
		}
	}
	for chunk := range slices.Chunk(out, batchSize) {
		if err := in.handIn(ctx, chunk); err != nil {
			return 0, err
		}
	}
	for _, thread := range begun {
		if _, err := c.readOne(ctx, in, string(thread), from); err != nil {
			return 0, err
		}
	}
	return last, nil
}

// said lists what was said in a conversation after a time, oldest first.
func (c *channel) said(ctx context.Context, to address, after uint64) (list []event, err error) {
	cl := call{what: "read missed messages", method: "conversations.history"}
	form := url.Values{"channel": {to.channel}, "oldest": {tsOf(after)}, "limit": {strconv.Itoa(pageSize)}}
	if to.thread != "" {
		cl.method = "conversations.replies"
		form.Set("ts", to.thread)
	}
	for range pagesMost {
		var page struct {
			Messages []json.RawMessage `json:"messages"`
			Meta     struct {
				Next string `json:"next_cursor"`
			} `json:"response_metadata"`
		}
		if err := c.query(ctx, cl, form, &page); err != nil {
			return nil, err
		}
		for _, raw := range page.Messages {
			e := event{}
			if json.Unmarshal(raw, &e) == nil && e.TS != to.thread && stamp(e.TS) > after {
				e.Type, e.Channel = "message", to.channel
				list = append(list, e)
			}
		}
		if form.Set("cursor", page.Meta.Next); page.Meta.Next == "" {
			break
		}
	}
	if form.Get("cursor") != "" {
		c.log.Warn("slack: more messages were missed than are read", "conversation", string(conversation(to.channel, to.thread)))
	}
	slices.SortFunc(list, func(a, b event) int { return cmp.Compare(stamp(a.TS), stamp(b.TS)) })
	return list, nil
}

// cannotRead notes a right that the app lacks; the state tells of it.
func (c *channel) cannotRead(e *apiError) {
	c.log.Warn("slack: what was missed cannot be read", "err", e)
	if e.code != "missing_scope" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if needed := adapter.Clip(e.scopes(), 100); !slices.Contains(c.unread, needed) {
		c.unread = append(c.unread, needed)
	}
}
