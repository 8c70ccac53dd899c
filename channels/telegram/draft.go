package telegram

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"chatgateway/channels"
	"chatgateway/markdown"
)

// Stream implements channels.Streamer: in direct chats Telegram shows an answer that grows as a draft, without edits.
// It needs the setting drafts, and a server that knows them.
func (c *channel) Stream(_ context.Context, p channels.Post) (channels.Draft, error) {
	to, err := parseTarget(p.To)
	if err != nil {
		return nil, err
	}
	if !c.set.Drafts || !to.private() || !to.seenBy(p.Only) || c.drafts.Load() < 0 {
		return nil, fmt.Errorf("telegram: drafts: %w", errors.ErrUnsupported)
	}
	return &draft{c: c, to: to, p: p, id: c.drafts.Add(1)}, nil
}

// draft is an answer that grows: whole messages for what no longer fits, and a draft, which Telegram shows for half a
// minute at the most, for the rest.
type draft struct {
	c    *channel
	to   target
	p    channels.Post
	id   int64
	cuts []int // where the messages sent so far end, each counted from the end of the one before
	last channels.MessageID
}

// Show implements channels.Draft.
func (d *draft) Show(ctx context.Context, all string) error {
	rest, err := d.roll(ctx, all, true)
	if err != nil {
		return err
	}
	params := d.to.params()
	params["draft_id"] = itoa(d.id)
	params["can_stop"], params["keep_on_stop"] = "true", "true" // a button, whose press is a /stop
	err = d.c.write(ctx, d.to.chat, true, func(ctx context.Context, chat int64) error {
		params["chat_id"] = itoa(chat)
		return d.c.text(ctx, "sendMessageDraft", params, "text", rest, nil)
	})
	r := (*reply)(nil)
	if errors.As(err, &r) && (r.code == http.StatusNotFound || r.code == http.StatusBadRequest) {
		d.c.drafts.Store(-1 << 62) // not here: answers grow by edits from now on
		if len(d.cuts) > 0 {
			return fmt.Errorf("telegram: draft: %w", err) // this one's beginning stands there; Finish sends the rest
		}
		return fmt.Errorf("telegram: draft: %w: %w", err, errors.ErrUnsupported)
	}
	if err != nil {
		return fmt.Errorf("telegram: draft: %w", err)
	}
	return nil
}

// Finish implements channels.Draft.
func (d *draft) Finish(ctx context.Context, all string) (channels.MessageID, error) {
	rest, err := d.roll(ctx, all, false)
	if err != nil || (rest == "" && len(d.p.Choices) == 0 && d.last != "") {
		return d.last, err
	}
	p := d.p
	p.Text, p.Partial = rest, false
	return d.c.Send(ctx, p)
}

// roll sends what fills whole messages and gives the rest.
func (d *draft) roll(ctx context.Context, all string, partial bool) (string, error) {
	for i := 0; ; i++ {
		n := d.c.fit(all)
		if i < len(d.cuts) {
			n = min(d.cuts[i], len(all))
		} else if n == len(all) {
			return all, nil
		}
		head, tail := markdown.Split(all, n)
		if i == len(d.cuts) {
			id, err := d.c.Send(ctx, channels.Post{To: d.p.To, Only: d.p.Only, Text: head, Partial: partial})
			if err != nil {
				return "", err
			}
			d.cuts, d.last = append(d.cuts, n), id
		}
		all = tail
	}
}
