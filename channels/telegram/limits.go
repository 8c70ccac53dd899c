package telegram

import (
	"context"
	"maps"
	"sync"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

// Telegram takes about one message a second in a chat, with short bursts, and about twenty a minute in a group. What
// it says itself (429) goes before all of this.
const (
	privateEvery, privateBurst = time.Second, 5
	groupEvery, groupBurst     = 3 * time.Second, 20
	groupReserve               = 4 // writes in a group that partial edits leave for whole answers
)

// budgets paces the writes to each chat: one at a time, whole answers first. A whole answer waits only for its turn
// and for as long as Telegram asks; a partial one waits for nothing.
type budgets struct {
	mu    sync.Mutex
	chats map[int64]*budget // guarded by mu
	most  int               // chats before those at rest are forgotten; guarded by mu
}

// budget is one chat's. A write costs one of what refills with time.
type budget struct {
	turn  chan struct{} // holds one: the write on its way, or waiting; whole answers wait in line for it
	until time.Time     // Telegram asked to wait; guarded by budgets.mu, as all below
	left  float64       // writes left
	at    time.Time     // when left was right
}

// enter takes the turn in a chat. It returns when the write may be sent; leave must be called after it. A partial
// write that may not be sent now fails with *channels.Busy.
func (b *budgets) enter(ctx context.Context, chat int64, partial bool) (leave func(), err error) {
	c := b.of(chat)
	if partial {
		if err := b.try(c, chat); err != nil {
			return nil, err
		}
		return func() { <-c.turn }, nil
	}
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := b.wait(ctx, c); err != nil {
		<-c.turn
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c.refill(chat)
	c.left = max(c.left-1, -1)
	return func() { <-c.turn }, nil
}

// try takes the turn for a partial write, or says when to come again.
func (b *budgets) try(c *budget, chat int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d := time.Until(c.until); d > 0 {
		return &channels.Busy{After: d}
	}
	every, need := privateEvery, 1.0
	if chat < 0 {
		every, need = groupEvery, 1+groupReserve
	}
	c.refill(chat)
	if c.left < need {
		return &channels.Busy{After: time.Duration((need - c.left) * float64(every))}
	}
	select {
	case c.turn <- struct{}{}:
	default:
		return &channels.Busy{After: every / 4}
	}
	c.left--
	return nil
}

// wait returns when Telegram does not ask to wait any more.
func (b *budgets) wait(ctx context.Context, c *budget) error {
	for {
		b.mu.Lock()
		d := time.Until(c.until)
		b.mu.Unlock()
		if d <= 0 {
			return nil
		}
		if err := adapter.Pause(ctx, d); err != nil {
			return err
		}
	}
}

// pause notes that Telegram asked to wait before the next write to a chat. Partial writes are rare for a while then.
func (b *budgets) pause(chat int64, d time.Duration) {
	c := b.of(chat)
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := time.Now().Add(d); t.After(c.until) {
		c.until = t
	}
	c.refill(chat)
	left := 2.0
	if chat < 0 {
		left += groupReserve
	}
	c.left = min(c.left, left)
}

// paused is how long Telegram asks to wait before the next write to a chat.
func (b *budgets) paused(chat int64) time.Duration {
	c := b.of(chat)
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Until(c.until)
}

// of gives a chat's budget. Those that are full again are forgotten now and then.
func (b *budgets) of(chat int64) *budget {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.chats[chat]; c != nil {
		return c
	}
	if b.chats == nil {
		b.chats, b.most = map[int64]*budget{}, 1000
	}
	if len(b.chats) >= b.most {
		maps.DeleteFunc(b.chats, func(_ int64, c *budget) bool {
			return len(c.turn) == 0 && time.Since(c.at) > time.Minute && time.Now().After(c.until)
		})
		b.most = max(1000, 2*len(b.chats))
	}
	c := &budget{turn: make(chan struct{}, 1), at: time.Now(), left: privateBurst}
	if chat < 0 {
		c.left = groupBurst
	}
	b.chats[chat] = c
	return c
}

// refill brings left up to now. The lock is held.
func (c *budget) refill(chat int64) {
	every, most := privateEvery, float64(privateBurst)
	if chat < 0 {
		every, most = groupEvery, groupBurst
	}
	now := time.Now()
	c.left = min(most, c.left+float64(now.Sub(c.at))/float64(every))
	c.at = now
}
