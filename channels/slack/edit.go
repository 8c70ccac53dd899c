package slack

import (
	"context"

	slackgo "github.com/slack-go/slack"

	"chatgateway/channels"
)

// update changes a message that all see.
func (c *channel) update(ctx context.Context, ch, ts string, m message, partial bool) error {
	opts := []slackgo.MsgOption{slackgo.MsgOptionText(m.text, false), slackgo.MsgOptionBlocks(m.blocks...)}
	cl := call{what: "edit", method: "chat.update", channel: ch, partial: partial}
	edit := func(ctx context.Context, api *slackgo.Client) error {
		_, _, _, err := api.UpdateMessageContext(ctx, ch, ts, opts...)
		return err
	}
	err := c.do(ctx, cl, edit)
	if !is(err, "streaming_state_conflict") {
		return err
	}
	// An earlier run of the program began to stream it.
	if err := c.stopStream(ctx, ch, ts, nil); err != nil && !is(err, "message_not_in_streaming_state") {
		return err
	}
	return c.do(ctx, cl, edit)
}

// editHidden changes a message that one person alone sees: only a press on it gives the right to do so.
func (c *channel) editHidden(ctx context.Context, id channels.MessageID, parts []message) error {
	for n, m := range parts {
		body := map[string]any{"replace_original": n == 0, "response_type": "ephemeral", "text": m.text}
		if len(m.blocks) > 0 {
			body["blocks"] = m.blocks
		}
		if err := c.respondHidden(ctx, id, body); err != nil {
			return err
		}
	}
	return nil
}

func (c *channel) deleteHidden(ctx context.Context, id channels.MessageID) error {
	return c.respondHidden(ctx, id, map[string]any{"delete_original": true})
}

func (c *channel) respondHidden(ctx context.Context, id channels.MessageID, body map[string]any) error {
	c.mu.Lock()
	r := c.replies[id]
	c.mu.Unlock()
	if r == nil || !r.use() {
		return unsupported("Slack gives no right to change this message")
	}
	return c.respond(ctx, "edit", r.url, body)
}
