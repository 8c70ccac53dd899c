package discord

import (
	"context"
	"time"

	"chatgateway/channels"
)

// hiddenMark begins the ids of messages that one person alone sees: only the token of an interaction reaches them.
const hiddenMark = "e"

// answer is a message that was posted by an interaction's token, and who can change it.
type answer struct {
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
		c.answers[m.ID] = answer{i, "@original"}
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
	for id, h := range c.answers {
		if now.After(h.by.until) {
			delete(c.answers, id)
		}
	}
}

// sweep takes "an answer is being made" away where none came, not even a refusal. An answer that comes later
// becomes a message of its own.
func (c *channel) sweep(ctx context.Context) {
	c.mu.Lock()
	var late []*interaction
	for _, i := range c.tokens {
		i.mu.Lock()
		if i.pending && time.Until(i.until) < tokenTime-answerWait {
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

// keepAnswer remembers who can change a message that was posted by a token, and gives its id.
func (c *channel) keepAnswer(m wireShown, by *interaction) channels.MessageID {
	if by != nil {
		c.mu.Lock()
		c.answers[m.ID] = answer{by, m.ID}
		c.mu.Unlock()
	}
	return c.shownAs(&m)
}

// answerAt finds who can change a message that was posted by a token.
func (c *channel) answerAt(id string) (answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.answers[id]
	if !ok || time.Now().After(a.by.until) {
		return a, unsupported("the time to change this message has passed")
	}
	return a, nil
}
