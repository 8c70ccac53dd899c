package discord

import (
	"context"
	"errors"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

const threadArchive = 1440 // minutes without a message until Discord puts a thread away; writing brings it back

// openThread opens the thread that an answer goes to, if it is one that its first answer opens, and gives where to
// post: the parent channel where no thread can be opened. force opens it although nothing is known of it.
func (c *channel) openThread(ctx context.Context, to address, force bool) (address, error) {
	if to.parent == "" {
		return to, nil
	}
	c.mu.Lock()
	title, todo := c.threads[to.channel]
	refused := c.flat[to.channel]
	c.mu.Unlock()
	if refused {
		return address{channel: to.parent}, nil
	}
	if !todo && !force {
		return to, nil
	}
	if title == "" {
		title = "Chat"
	}
	var thread wireChannel
	err := c.rest.do(ctx, call{what: "open a thread", method: "POST", path: "/channels/" + to.parent + "/messages/" + to.channel + "/threads",
		route: "/channels/#/messages/#/threads", major: to.parent, body: map[string]any{"name": title, "auto_archive_duration": threadArchive}}, &thread)
	var e *apiError
	switch {
	case err == nil:
		c.places.learn(thread)
		c.inbox.met(source{thread.Guild, to.channel})
	case is(err, codeThreadThere):
	case force && !todo:
		return to, err
	case errors.As(err, &e) && e.status >= 400 && e.status < 500 && !errors.Is(err, channels.ErrRejected):
		c.log.Warn("discord: no thread could be opened; answering in the channel", "err", err)
		c.mu.Lock()
		adapter.Remember(c.flat, 1000, to.channel, true)
		c.mu.Unlock()
		return address{channel: to.parent}, nil
	default:
		return to, err
	}
	c.mu.Lock()
	delete(c.threads, to.channel)
	c.mu.Unlock()
	return to, nil
}
