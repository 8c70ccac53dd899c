package gateway

import (
	"context"
	"errors"
	"time"

	"chatgateway/channels"
	"chatgateway/store"
)

// troubleWait is how long a conversation waits for a file that cannot be written.
const troubleWait = 2 * time.Second

// notKept tells, once in each conversation, that what was written there waits: the service or its adapter delivers it
// again until it can be kept.
func (g *Gateway) notKept(a *account, in []store.Incoming, err error) {
	if a.holds("") {
		g.log.Error("not kept; told once, and tried again", "account", string(a.ID), "err", err)
	}
	for _, i := range in {
		conv := store.Conv{Account: a.ID, Conversation: i.Message.Conversation}
		if !a.holds(conv.Conversation) {
			continue
		}
		g.aside(func(ctx context.Context) {
			g.tell(ctx, conv, i.Message.ID, g.userMessage(err)+" What you wrote is taken up as soon as it can be kept.")
		})
	}
}

// keeps says that messages of the account are kept again.
func (g *Gateway) keeps(a *account) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.held != nil {
		a.held = nil
		g.log.Info("kept again", "account", string(a.ID))
	}
}

// holds notes that what is written in a conversation, or "" in any, cannot be kept; false if that was noted before.
func (a *account) holds(c channels.ConversationID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.held[c] {
		return false
	}
	if a.held == nil {
		a.held = map[channels.ConversationID]bool{}
	}
	a.held[c] = true
	return true
}

// rest is a pause after a turn that could not begin because of the file; the person is told once.
func (s *session) rest(ctx context.Context, m channels.Message, err error) {
	var trouble *store.Error
	if !errors.As(err, &trouble) {
		return // it was stopped meanwhile
	}
	if a := s.g.account(s.conv.Account); a != nil {
		s.g.notKept(a, []store.Incoming{{Message: m}}, err)
	}
	select {
	case <-ctx.Done():
	case <-s.quit:
	case <-time.After(troubleWait):
	}
}
