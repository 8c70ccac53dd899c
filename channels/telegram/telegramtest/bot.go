package telegramtest

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// Bot is an account of a program.
type Bot struct {
	s    *Server
	user User

	// The server's mu guards all below.
	private    bool // privacy mode
	next       int64
	queue      []update
	allowed    []string
	poll       *poll
	wake       chan struct{} // closed when the queue grows
	webhook    string
	menus      map[string][]Command // by scope
	blocked    map[int64]bool       // by these persons
	conflictAt time.Time            // no 409 before
	lastOffset int64
	lastPoll   time.Time
}

// poll is a long poll that is held.
type poll struct{ stop chan *failure }

// User is the bot as others see it.
func (b *Bot) User() User { return b.user }

// SetPrivacy switches privacy mode, which is on at first: in groups the bot then gets only what is meant for it.
func (b *Bot) SetPrivacy(on bool) {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	b.private = on
}

// SetWebhook sets a webhook, as another program would; polls are refused from then on.
func (b *Bot) SetWebhook(url string) {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	b.setWebhook(url)
}

func (b *Bot) setWebhook(url string) {
	b.webhook = url
	if url != "" {
		b.dropPoll(&failure{Code: 409, Text: "Conflict: terminated by setWebhook request"})
	}
}

// Webhook is the address of the webhook; empty if there is none.
func (b *Bot) Webhook() string {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	return b.webhook
}

// Menu is the menu of a scope as getMyCommands gives it; scope is "default", "all_private_chats", "chat:7", ….
func (b *Bot) Menu(scope string) []Command {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	return slices.Clone(b.menus[scope])
}

// Pending is how many updates wait to be confirmed.
func (b *Bot) Pending() int {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	return len(b.queue)
}

// Polls reports whether a long poll is held now.
func (b *Bot) Polls() bool {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	return b.poll != nil
}

// Push puts an update of any kind into the queue, for what Say and Press cannot make.
func (b *Bot) Push(kind string, body any) {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	b.push(kind, body, 24*time.Hour)
}

// push queues an update that is kept for so long. The lock is held.
func (b *Bot) push(kind string, body any, keep time.Duration) {
	if b.allowed != nil && !slices.Contains(b.allowed, kind) {
		return
	}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	b.queue = append(b.queue, update{b.next, kind, raw, time.Now().Add(keep)})
	b.next++
	close(b.wake)
	b.wake = make(chan struct{})
}

// dropPoll ends the poll that is held, if there is one. The lock is held.
func (b *Bot) dropPoll(no *failure) {
	if b.poll != nil {
		b.poll.stop <- no // has room for one
		b.poll = nil
	}
}

// take confirms what lies before offset and gives what follows. The lock is held.
func (b *Bot) take(offset int64, limit int) []update {
	now := time.Now()
	b.queue = slices.DeleteFunc(b.queue, func(u update) bool { return now.After(u.until) })
	if offset < 0 { // counted from the end
		offset = max(b.next+offset, 0)
	}
	if offset > b.next+10 {
		offset = 0 // an offset from another life: begin at the head
	}
	for len(b.queue) > 0 && b.queue[0].id < offset {
		b.queue = b.queue[1:]
	}
	return slices.Clone(b.queue[:min(limit, len(b.queue))])
}

func getUpdates(s *Server, ctx context.Context, b *Bot, p params) (any, error) {
	offset, limit, timeout := p.num("offset"), int(p.num("limit")), time.Duration(p.num("timeout"))*time.Second
	if limit < 1 || limit > 100 {
		limit = 100
	}
	timeout = min(max(timeout, 0), 50*time.Second)
	s.mu.Lock()
	s.counts["getUpdates"]++
	if b.webhook != "" {
		s.mu.Unlock()
		return nil, b.conflict(ctx, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")
	}
	var kinds []string
	if ok, err := p.object("allowed_updates", &kinds); ok && err == nil {
		b.allowed = kinds
		if len(kinds) == 0 {
			b.allowed = nil
		}
	}
	now := time.Now()
	if offset == b.lastOffset && timeout < 3*time.Second && now.Before(b.lastPoll.Add(3*time.Second)) {
		timeout = 3 * time.Second // who asks the same again at once is made to wait
	}
	b.lastOffset, b.lastPoll = offset, now
	list := b.take(offset, limit)
	if len(list) > 0 || timeout == 0 {
		s.mu.Unlock()
		return list, nil
	}
	b.dropPoll(&failure{Code: 409, Text: "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"})
	me := &poll{stop: make(chan *failure, 1)}
	b.poll = me
	wake := b.wake
	s.mu.Unlock()
	return b.hold(ctx, me, wake, offset, limit, timeout)
}

// hold waits until there is something, the time is over, or another poll takes over.
func (b *Bot) hold(ctx context.Context, me *poll, wake chan struct{}, offset int64, limit int, timeout time.Duration) (any, error) {
	over := time.NewTimer(timeout)
	defer over.Stop()
	for {
		var list []update
		done := false
		select {
		case no := <-me.stop:
			if no.Code == 409 {
				return nil, b.conflict(ctx, no.Text)
			}
			return nil, no
		case <-ctx.Done():
			done = true
		case <-over.C:
			done = true
		case <-wake:
		}
		b.s.mu.Lock()
		if b.poll != me {
			b.s.mu.Unlock()
			continue // stop tells why
		}
		if ctx.Err() == nil {
			list = b.take(offset, limit)
		}
		wake = b.wake
		if done || len(list) > 0 {
			b.poll = nil
			b.s.mu.Unlock()
			if ctx.Err() != nil {
				return nil, context.Canceled
			}
			return append([]update{}, list...), nil
		}
		b.s.mu.Unlock()
	}
}

// conflict answers 409, at most one every ConflictEvery; the others wait.
func (b *Bot) conflict(ctx context.Context, text string) error {
	b.s.mu.Lock()
	now := time.Now()
	early := now.Before(b.conflictAt)
	if !early {
		b.conflictAt = now.Add(b.s.ConflictEvery)
	}
	b.s.mu.Unlock()
	if early {
		select {
		case <-time.After(b.s.ConflictEvery):
		case <-ctx.Done():
			return context.Canceled
		}
	}
	return &failure{Code: 409, Text: text}
}
