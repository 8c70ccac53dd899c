package discord

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

// limiter keeps requests inside Discord's rate limits: one budget a route and channel, as the answers' headers tell,
// and one for all. A request that grows an answer (partial) never waits: it leaves the last place of a budget, and
// the turn, to those that must arrive.
type limiter struct {
	all *rate.Limiter // Discord allows a bot 50 requests a second

	mu      sync.Mutex
	hashes  map[string]string  // guarded by mu: a route's budget, by the name Discord gave it
	buckets map[string]*bucket // guarded by mu
	until   time.Time          // guarded by mu: nothing may be sent before
}

// bucket is one budget. Its requests go one after another, so that messages keep their order.
type bucket struct {
	turn    chan struct{} // holds one
	waiting int           // guarded by limiter.mu: requests that must arrive and wait or run
	known   bool          // guarded by limiter.mu, as are the rest
	limit   int
	left    int
	reset   time.Time
	used    time.Time
}

const (
	perSecond  = 45
	busyFor    = 300 * time.Millisecond // what a growing answer waits while others have the turn
	bucketsMax = 2000
)

func newLimiter() *limiter {
	return &limiter{all: rate.NewLimiter(perSecond, perSecond), hashes: map[string]string{}, buckets: map[string]*bucket{}}
}

// lease is the right to send one request.
type lease struct {
	l       *limiter
	b       *bucket
	route   string
	major   string
	partial bool
}

// take waits until a request may be sent. A partial one fails with *Busy instead of waiting. Every lease is given
// back with done.
func (l *limiter) take(ctx context.Context, route, major string, partial, global bool) (*lease, error) {
	b := l.bucket(route, major)
	if partial {
		return l.takePartial(b, route, major)
	}
	l.mu.Lock()
	b.waiting++
	l.mu.Unlock()
	t := &lease{l: l, b: b, route: route, major: major}
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		l.leave(b)
		return nil, ctx.Err()
	}
	for {
		wait := l.wait(b, 1)
		if wait <= 0 {
			break
		}
		if err := adapter.Pause(ctx, wait); err != nil {
			t.release()
			return nil, err
		}
	}
	if global {
		if err := l.all.Wait(ctx); err != nil {
			t.release()
			return nil, err
		}
	}
	return t, nil
}

func (l *limiter) takePartial(b *bucket, route, major string) (*lease, error) {
	l.mu.Lock()
	others := b.waiting > 0
	spare := 1
	if b.limit > 2 {
		spare = 2
	}
	l.mu.Unlock()
	if wait := l.wait(b, spare); wait > 0 {
		return nil, &channels.Busy{After: wait}
	}
	if others {
		return nil, &channels.Busy{After: busyFor}
	}
	select {
	case b.turn <- struct{}{}:
	default:
		return nil, &channels.Busy{After: busyFor}
	}
	if !l.all.Allow() {
		<-b.turn
		return nil, &channels.Busy{After: busyFor}
	}
	return &lease{l: l, b: b, route: route, major: major, partial: true}, nil
}

// bucket finds the budget of a route in a channel.
func (l *limiter) bucket(route, major string) *bucket {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := route
	if h, ok := l.hashes[route]; ok {
		name = h
	}
	return l.named(name + " " + major)
}

// named finds or makes a budget. l.mu is held.
func (l *limiter) named(key string) *bucket {
	b, ok := l.buckets[key]
	if !ok {
		if len(l.buckets) >= bucketsMax {
			l.sweep()
		}
		b = &bucket{turn: make(chan struct{}, 1)}
		l.buckets[key] = b
	}
	b.used = time.Now()
	return b
}

// sweep forgets budgets that nobody used for a while. l.mu is held.
func (l *limiter) sweep() {
	for k, b := range l.buckets {
		if b.waiting == 0 && len(b.turn) == 0 && time.Since(b.used) > time.Minute && time.Now().After(b.reset) {
			delete(l.buckets, k)
		}
	}
}

// wait tells how long a request that needs spare places in the budget has to wait.
func (l *limiter) wait(b *bucket, spare int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	wait := time.Until(l.until)
	if b.known && b.left < spare {
		wait = max(wait, time.Until(b.reset))
	}
	return wait
}

// leave takes a request out of those that wait.
func (l *limiter) leave(b *bucket) {
	l.mu.Lock()
	b.waiting--
	l.mu.Unlock()
}

// release gives the turn back without an answer.
func (t *lease) release() {
	<-t.b.turn
	if !t.partial {
		t.l.leave(t.b)
	}
}

// done gives the turn back and learns from the answer's headers; h is nil if there was none. after is the time that
// a refusal (429) asked for; 0: it was none.
func (t *lease) done(h http.Header, after time.Duration, global bool) {
	l := t.l
	l.mu.Lock()
	b := t.b
	if name := h.Get("X-Ratelimit-Bucket"); name != "" && l.hashes[t.route] != name {
		l.hashes[t.route] = name
		b = l.named(name + " " + t.major)
	}
	if left, err := strconv.Atoi(h.Get("X-Ratelimit-Remaining")); err == nil {
		b.known, b.left = true, left
		b.limit, _ = strconv.Atoi(h.Get("X-Ratelimit-Limit"))
		b.reset = time.Now().Add(seconds(h.Get("X-Ratelimit-Reset-After")))
	}
	switch {
	case after <= 0:
	case global:
		l.until = time.Now().Add(after)
	default:
		b.known, b.left, b.reset = true, 0, time.Now().Add(after)
	}
	l.mu.Unlock()
	t.release()
}

// seconds reads a number of seconds with decimals; 0 if it is none.
func seconds(s string) time.Duration {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 0 {
		return 0
	}
	return time.Duration(min(f, 24*3600) * float64(time.Second))
}
