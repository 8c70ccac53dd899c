package discord

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

// What is read are the channels that have a mark. A direct conversation in which nothing was said yet has none, and Discord
// lists none to a bot: https://github.com/discord/discord-api-docs/issues/184.

// Bounds of what is read over REST.
const (
	pageSize  = 100
	pagesMost = 5 // of one channel at a time
	// roundsMost is how often as much is read: 2,500 messages of one channel are the most.
	roundsMost = 4
	oldest     = 24 * time.Hour // what was said before is not taken any more
	readers    = 6              // channels read at the same time
)

// waitsFor reports whether this channel has.
func (in *inbox) waitsFor(channel string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	_, ok := in.behind[channel]
	return ok
}

// catchUp reads the channels that are behind and hands in what was missed. Those that cannot be read now are tried
// again later; until then nothing else of them is handed in.
func (in *inbox) catchUp(ctx context.Context) {
	for ctx.Err() == nil {
		todo := in.overdue()
		if len(todo) == 0 {
			return
		}
		for _, p := range in.readAll(ctx, todo) {
			switch {
			case ctx.Err() != nil:
				return
			case p.err == nil:
				in.handIn(ctx, p)
			case errors.Is(p.err, channels.ErrGone) || errors.Is(p.err, channels.ErrSetup):
				in.done(p.behind)
			default:
				in.c.log.Warn("discord: missed messages could not be read; trying again", "err", p.err)
				in.postpone(p.behind)
			}
		}
	}
}

// overdue lists what has to be read now; all known channels are, if a connection began.
func (in *inbox) overdue() []behind {
	in.mu.Lock()
	defer in.mu.Unlock()
	if _, all := in.behind[""]; all {
		delete(in.behind, "")
		for _, k := range in.marks.All() {
			in.lag(source{k.Note, k.Place}, k.Last)
		}
	}
	var todo []behind
	for _, b := range in.behind {
		if time.Now().After(b.hold) {
			todo = append(todo, *b)
		}
	}
	return todo
}

// done notes that a channel was read, unless something was missed there meanwhile.
func (in *inbox) done(b behind) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if now, ok := in.behind[b.channel]; ok && now.times == b.times {
		delete(in.behind, b.channel)
	}
}

// postpone puts off a channel that could not be read.
func (in *inbox) postpone(b behind) {
	wait := adapter.Jitter(15 * in.tick)
	in.mu.Lock()
	if now, ok := in.behind[b.channel]; ok {
		now.hold = time.Now().Add(wait)
	}
	in.mu.Unlock()
	in.again.Reset(wait + time.Millisecond)
}

// goOn notes that a channel holds more than was read, and where that begins; false if it was read often enough.
func (in *inbox) goOn(b behind, last uint64) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	now, ok := in.behind[b.channel]
	if !ok || b.rounds >= roundsMost {
		return false
	}
	now.rounds++
	now.after = last + in.overlap()
	return true
}

// page is what was read of one channel.
type page struct {
	behind
	messages []wireMessage // oldest first
	more     bool
	err      error
}

// overlap is how much is read again before a mark, as a difference of ids: Discord may tell of two messages in
// another order than they were sent in. What was kept is known by its id.
func (in *inbox) overlap() uint64 { return uint64(in.c.times.overlap/time.Millisecond) << 22 }

// readAll reads channels, some at the same time.
func (in *inbox) readAll(ctx context.Context, todo []behind) []page {
	pages := make([]page, len(todo))
	var wg sync.WaitGroup
	turn := make(chan struct{}, readers)
	for i, b := range todo {
		wg.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			pages[i] = in.readOne(ctx, b)
		})
	}
	wg.Wait()
	return pages
}

// readOne reads one channel from where it is behind.
func (in *inbox) readOne(ctx context.Context, b behind) page {
	p := page{behind: b}
	after := b.after - min(b.after, in.overlap())
	after = max(after, idAt(time.Now().Add(-oldest)))
	for range pagesMost {
		var got []wireMessage
		path := fmt.Sprintf("/channels/%s/messages?limit=%d&after=%d", b.channel, pageSize, after)
		if p.err = in.c.rest.do(ctx, call{what: "read missed messages", method: "GET", path: path, route: "/channels/#/messages", major: b.channel}, &got); p.err != nil {
			return p
		}
		slices.SortFunc(got, func(x, y wireMessage) int { return compareIDs(x.ID, y.ID) })
		p.messages = append(p.messages, got...)
		if p.more = len(got) >= pageSize; !p.more {
			return p
		}
		after, _ = snowflake(got[len(got)-1].ID)
	}
	return p
}

// handIn hands in what was read of a channel.
func (in *inbox) handIn(ctx context.Context, p page) {
	var out []channels.Message
	var from []source
	last := p.after
	for _, w := range p.messages {
		w.Guild = p.guild // left out of what REST gives
		if id, _ := snowflake(w.ID); id > last {
			last = id
		}
		if in.seen.Has(w.ID) {
			continue
		}
		if m, ok := in.c.message(ctx, w, true); ok {
			out, from = append(out, m), append(from, p.source)
		} else {
			in.pass(p.source, w.ID)
		}
	}
	for chunk := range slices.Chunk(out, batchSize) {
		in.deliver(ctx, chunk, from[:len(chunk)], nil)
		from = from[len(chunk):]
	}
	if ctx.Err() != nil {
		return // the rest is read at the next Run
	}
	if p.more {
		if in.goOn(p.behind, last) {
			return
		}
		in.c.log.Warn("discord: more messages were missed than are read", "channel", p.channel)
	}
	in.done(p.behind)
}

func compareIDs(a, b string) int {
	x, _ := snowflake(a)
	y, _ := snowflake(b)
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return strings.Compare(a, b)
}
