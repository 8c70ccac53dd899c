package discord

import (
	"context"
	"errors"

	"chatgateway/channels"
)

// editShown edits a message that all see. Where it was the answer to a command, in a channel that the bot cannot look
// into, the command's token is used.
func (c *channel) editShown(ctx context.Context, to address, id channels.MessageID, part wirePost, partial bool) error {
	err := c.inChannel(to, func(channel string) error {
		return c.rest.do(ctx, call{what: doEdit, method: "PATCH", path: "/channels/" + channel + "/messages/" + string(id),
			route: "/channels/#/messages/#", major: channel, body: part, partial: partial}, nil)
	})
	if errors.Is(err, channels.ErrGone) {
		if a, aerr := c.answerAt(string(id)); aerr == nil {
			_, err = a.by.edit(ctx, a.id, part, nil, partial)
		}
	}
	return err
}

// editHidden edits a message that one person alone sees; further parts follow it in the same way.
func (c *channel) editHidden(ctx context.Context, id channels.MessageID, parts []wirePost, partial bool) error {
	h, err := c.answerAt(string(id)[len(hiddenMark):])
	if err != nil {
		return err
	}
	if _, err := h.by.edit(ctx, h.id, parts[0], nil, partial); err != nil {
		return err
	}
	for _, part := range parts[1:] {
		m, err := h.by.post(ctx, part, nil, true, false)
		if err != nil {
			return err
		}
		c.keepAnswer(m, h.by)
	}
	return nil
}

// inChannel does something in a conversation's channel; in the parent of a thread that could not be opened.
func (c *channel) inChannel(to address, do func(channel string) error) error {
	err := do(to.channel)
	if to.parent != "" && is(err, codeUnknownChannel, codeUnknownMessage) {
		return do(to.parent)
	}
	return err
}

// gone makes no error of a message that is gone already.
func gone(err error) error {
	if is(err, codeUnknownMessage) {
		return nil
	}
	return err
}
