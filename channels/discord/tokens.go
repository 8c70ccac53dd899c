package discord

import (
	"context"
	"time"

	"chatgateway/channels"
)

// hiddenMark begins the ids of messages that one person alone sees: only the token of an interaction reaches them.
const hiddenMark = "e"

// hiddenMessage is such a message, and who can change it.
type hiddenMessage struct {
	by *interaction
	id string // at that interaction: "@original" or the message's id
}

// keepToken remembers an interaction for the fifteen minutes that it can be answered. A press on a message that one
// person alone sees renews the right to change that.
func (c *channel) keepToken(i *interaction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.tokens) > tokensMax {
		c.sweepTokens()
	}
	c.tokens[i.id()] = i
	if m := i.wire.Message; m != nil && m.Flags&flagEphemeral != 0 {
		c.hidden[m.ID] = hiddenMessage{i, "@original"}
	}
}

// sweepTokens forgets what is over. c.mu is held.
func (c *channel) sweepTokens() {
	now := time.Now()
	for id, i := range c.tokens {
		if now.After(i.until) {
			delete(c.tokens, id)
		}
	}
	for id, h := range c.hidden {
		if now.After(h.by.until) {
			delete(c.hidden, id)
		}
	}
}

// sweep takes "an answer is being made" away where none came, before Discord says that the bot did not answer.
func (c *channel) sweep(ctx context.Context) {
	c.mu.Lock()
	var late []*interaction
	for _, i := range c.tokens {
		i.mu.Lock()
		if i.pending && time.Until(i.until) < time.Minute {
			i.pending = false
			late = append(late, i)
		}
		i.mu.Unlock()
	}
	c.sweepTokens()
	c.mu.Unlock()
	for _, i := range late {
		if err := i.remove(ctx, "@original"); err != nil {
			c.log.Debug("discord: a command without an answer stays", "err", err)
		}
	}
}

// tokenFor finds the interaction by which a post can be shown: the one that it answers, else the last one of its
// person there. nil: none.
func (c *channel) tokenFor(p channels.Post) *interaction {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if i, ok := c.tokens[p.Answers]; ok && now.Before(i.until) && (p.Only == "" || i.user == p.Only) {
		return i
	}
	if p.Only == "" {
		return nil
	}
	var last *interaction
	for _, i := range c.tokens {
		if i.user == p.Only && i.conv == p.To && now.Before(i.until) && (last == nil || i.until.After(last.until)) {
			last = i
		}
	}
	return last
}

// shownAs gives the id that a message is known by to the core.
func (c *channel) shownAs(m *wireShown) channels.MessageID {
	if m == nil {
		return ""
	}
	if m.Flags&flagEphemeral != 0 {
		return channels.MessageID(hiddenMark + m.ID)
	}
	return channels.MessageID(m.ID)
}

// keepHidden remembers who can change a message that one person alone sees.
func (c *channel) keepHidden(m wireShown, by *interaction) channels.MessageID {
	if m.Flags&flagEphemeral != 0 {
		c.mu.Lock()
		c.hidden[m.ID] = hiddenMessage{by, m.ID}
		c.mu.Unlock()
	}
	return c.shownAs(&m)
}

// hiddenBy finds who can change a message that one person alone sees.
func (c *channel) hiddenBy(id channels.MessageID) (hiddenMessage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, ok := c.hidden[string(id)[len(hiddenMark):]]
	if !ok || time.Now().After(h.by.until) {
		return h, unsupported("the time to change this message has passed")
	}
	return h, nil
}
