package twitch

import (
	"context"
	"sync"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

// What Twitch allows an account: messages in thirty seconds, more where it is a moderator, and rooms joined in ten. One
// less is used, and the windows are a little longer, because what leaves evenly may arrive bunched; an account that
// passes the limits is not heard for half an hour.
const (
	normalRate, moderatorRate, verifiedRate = 19, 99, 7400
	normalJoins, verifiedJoins              = 19, 1900
	rateWindow                              = 31 * time.Second
	joinWindow                              = 11 * time.Second
	roomEvery                               = 1100 * time.Millisecond // between two messages in a room where the bot is no moderator
	sameWindow                              = 31 * time.Second        // the same words in a room are refused for thirty seconds
)

// pacer keeps the account's rates. The rates are set once.
type pacer struct {
	normal, moderator, joins int

	mu    sync.Mutex
	sent  []time.Time // guarded by mu: in the last window
	enter []time.Time // guarded by mu: JOINs in the last window
	until time.Time   // guarded by mu: Twitch said that it was too fast
}

// take says how long to wait before a message may be sent; 0: it may be sent now, and is counted.
func (p *pacer) take(moderator bool) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if d := p.until.Sub(now); d > 0 {
		return d
	}
	limit := p.normal
	if moderator {
		limit = p.moderator
	}
	return count(&p.sent, now, limit, rateWindow)
}

// hold lets nothing be sent for a while.
func (p *pacer) hold(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := time.Now().Add(d); t.After(p.until) {
		p.until = t
	}
}

// join waits until a room may be joined.
func (p *pacer) join(ctx context.Context) error {
	for {
		p.mu.Lock()
		d := count(&p.enter, time.Now(), p.joins, joinWindow)
		p.mu.Unlock()
		if d <= 0 {
			return ctx.Err()
		}
		if err := adapter.Pause(ctx, d); err != nil {
			return err
		}
	}
}

// count counts one more now if there were fewer than limit in the window, else says when there will be.
func count(list *[]time.Time, now time.Time, limit int, window time.Duration) time.Duration {
	old := 0
	for old < len(*list) && now.Sub((*list)[old]) >= window {
		old++
	}
	*list = (*list)[old:]
	if n := len(*list); n >= limit {
		return window - now.Sub((*list)[n-limit])
	}
	*list = append(*list, now)
	return 0
}

// slot waits until a message may be sent in a room. A partial one waits for nothing.
func (c *channel) slot(ctx context.Context, r *room, partial bool) error {
	for {
		c.mu.Lock()
		d, moderator := time.Until(r.next), r.moderator
		c.mu.Unlock()
		if d <= 0 {
			if d = c.pace.take(moderator); d <= 0 {
				return nil
			}
		}
		if partial {
			return &channels.Busy{After: d}
		}
		if err := adapter.Pause(ctx, d); err != nil {
			return err
		}
	}
}
