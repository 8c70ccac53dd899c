package slack

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

// limiter keeps requests inside Slack's rate limits. Slack tells them only by refusing, so a refusal holds the method
// back for as long as Slack says. A request that grows an answer (partial) never waits, spends from a budget below
// Slack's own, and gives way to those that must arrive.
type limiter struct {
	edits *rate.Limiter

	mu      sync.Mutex
	until   map[string]time.Time // guarded by mu, by method and channel
	waiting map[string]int       // guarded by mu: requests that must arrive and wait or run, by channel
}

const busyFor = 300 * time.Millisecond // what a growing answer waits while others have the turn

func newLimiter() *limiter {
	// Tier 3 is fifty a minute; ten of them are left to what is final.
	return &limiter{edits: rate.NewLimiter(rate.Every(time.Minute/40), 10), until: map[string]time.Time{}, waiting: map[string]int{}}
}

// take waits until a request may be sent; a partial one fails with *Busy instead. done is called after the request.
func (l *limiter) take(ctx context.Context, cl call) (done func(), err error) {
	if cl.partial {
		l.mu.Lock()
		wait, others := time.Until(l.until[cl.key()]), l.waiting[cl.channel] > 0 && cl.channel != ""
		l.mu.Unlock()
		switch {
		case wait > 0:
			return nil, &channels.Busy{After: wait}
		case others:
			return nil, &channels.Busy{After: busyFor}
		case cl.method == "chat.update" && !l.edits.Allow():
			return nil, &channels.Busy{After: time.Second}
		}
		return func() {}, nil
	}
	l.mu.Lock()
	l.waiting[cl.channel]++
	l.mu.Unlock()
	done = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.waiting[cl.channel]--; l.waiting[cl.channel] <= 0 {
			delete(l.waiting, cl.channel)
		}
	}
	for {
		l.mu.Lock()
		wait := time.Until(l.until[cl.key()])
		l.mu.Unlock()
		if wait <= 0 {
			return done, nil
		}
		if err := adapter.Pause(ctx, wait); err != nil {
			done()
			return nil, err
		}
	}
}

// hold keeps a method back.
func (l *limiter) hold(cl call, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for k, t := range l.until {
		if t.Before(now) {
			delete(l.until, k)
		}
	}
	l.until[cl.key()] = now.Add(d)
}

// backoff is the n-th pause after failures, with jitter.
func (t times) backoff(n int) time.Duration {
	return adapter.Backoff(n, t.tick, t.most)
}
