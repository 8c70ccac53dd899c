package discord

import (
	"context"
	"slices"
	"sync"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

// Discord has no acknowledgement: what it told once it does not tell again. So events go through a bounded queue to
// one goroutine that hands them in, in order and again until they are kept; what finds the queue full, and what was
// said while there was no connection, is read over REST from the mark of its channel.

const (
	queueSize = 1024
	batchSize = 50
	seenSize  = 8192
	// interactionPatience is how long a command waits for a handler that fails, before its person is asked to send it
	// again: Discord does not deliver it twice.
	interactionPatience = 10 * time.Second
)

// event is one thing that came in: a message, an interaction, or that a connection began.
type event struct {
	message     *wireMessage
	interaction *interaction
	begun       bool
}

// inbox hands in what comes in.
type inbox struct {
	c     *channel
	queue chan event
	wake  chan struct{}
	tick  time.Duration // first pause after the handler failed

	mu     sync.Mutex
	behind map[string]*behind // guarded by mu, as what they hold: channels to be read over REST
	fresh  []source           // guarded by mu: channels that came to be known by writing to them

	// What follows belongs to the goroutine of run.
	handle channels.Handler
	unkept []channels.Message // handed in when the last Run ended, and not kept
	origin []source           // where each of them was said
	marks  *adapter.Marks
	seen   *adapter.Recent
	again  *time.Timer // when a channel that could not be read is tried again
}

// behind says that a channel has to be read over REST.
type behind struct {
	source
	after  uint64    // from this id on
	times  int       // how often it was said
	rounds int       // how often it was read, and there was more
	hold   time.Time // not before, for it failed
}

// source is a channel with its guild; guild is empty for a direct conversation.
type source struct{ guild, channel string }

func newInbox(c *channel) *inbox {
	again := time.NewTimer(time.Hour)
	again.Stop()
	return &inbox{c: c, again: again, queue: make(chan event, queueSize), wake: make(chan struct{}, 1), tick: time.Second, behind: map[string]*behind{},
		seen: adapter.NewRecent(seenSize)}
}

// put takes an event in without ever waiting.
func (in *inbox) put(ctx context.Context, e event) {
	select {
	case in.queue <- e:
		return
	default:
	}
	switch {
	case e.message != nil:
		if e.message.Edited == nil {
			id, _ := snowflake(e.message.ID)
			in.late(source{e.message.Guild, e.message.Channel}, id-1)
		}
	case e.interaction != nil:
		e.interaction.drop(ctx, "The bot is too busy at the moment. Please send that again in a minute.")
	case e.begun:
		in.late(source{}, 0)
	}
}

// late notes that a channel must be read over REST; the zero source stands for all that are known.
func (in *inbox) late(s source, after uint64) {
	in.mu.Lock()
	in.lag(s, after)
	in.mu.Unlock()
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// lag is late with in.mu held.
func (in *inbox) lag(s source, after uint64) {
	b, ok := in.behind[s.channel]
	if !ok {
		b = &behind{source: s, after: after}
		in.behind[s.channel] = b
	}
	b.after = min(b.after, after)
	b.times++
}

// run hands in until ctx ends.
func (in *inbox) run(ctx context.Context, h channels.Handler) {
	in.handle = h
	defer in.again.Stop()
	out, from := in.unkept, in.origin
	in.unkept, in.origin = nil, nil
	in.deliver(ctx, out, from, nil)
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-in.queue:
			in.take(ctx, e)
		case <-in.wake:
		case <-in.again.C:
		}
		in.catchUp(ctx)
	}
}

// take hands in e and what waits behind it.
func (in *inbox) take(ctx context.Context, e event) {
	var out []channels.Message
	var from []source
	var asked []*interaction
	for n := 0; ; n++ {
		if e.begun {
			in.late(source{}, 0)
			break // what follows must wait until the channels are read
		}
		if m, s, ok := in.read(ctx, e); ok && (m.Edited || !has(out, m.ID)) {
			out, from, asked = append(out, m), append(from, s), append(asked, e.interaction)
		}
		if n == batchSize || len(in.overdue()) > 0 {
			break
		}
		select {
		case e = <-in.queue:
			continue
		default:
		}
		break
	}
	in.deliver(ctx, out, from, asked)
}

func has(ms []channels.Message, id channels.MessageID) bool {
	return slices.ContainsFunc(ms, func(m channels.Message) bool { return m.ID == id })
}

// read makes a Message of an event; ok is false if there is nothing to hand in.
func (in *inbox) read(ctx context.Context, e event) (channels.Message, source, bool) {
	if e.interaction != nil {
		m, ok := e.interaction.message(ctx)
		return m, source{e.interaction.wire.Guild, e.interaction.wire.Channel}, ok
	}
	m, s := *e.message, source{e.message.Guild, e.message.Channel}
	if m.Edited == nil && in.seen.Has(m.ID) {
		return channels.Message{}, s, false
	}
	if m.Edited == nil && in.waitsFor(m.Channel) {
		return channels.Message{}, s, false // it comes with what is read over REST, in order
	}
	out, ok := in.c.message(ctx, m, false)
	if !ok && m.Edited == nil {
		in.pass(s, m.ID)
	}
	return out, s, ok
}

// deliver hands in messages until they are kept or ctx ends. from says where each was said.
func (in *inbox) deliver(ctx context.Context, out []channels.Message, from []source, asked []*interaction) {
	if len(out) == 0 {
		return
	}
	begun := time.Now()
	for n := 0; ctx.Err() == nil && len(out) > 0; n++ {
		b := channels.Batch{Messages: out, Marks: in.marksOf(out, from)}
		err := in.handle(ctx, b)
		if err == nil {
			for i, m := range out {
				if asked == nil || asked[i] == nil {
					in.seen.Add(string(m.ID))
				}
			}
			in.marks.Kept(b.Marks)
			return
		}
		in.c.log.Warn("discord: messages could not be kept; trying again", "messages", len(out), "err", err)
		if adapter.Pause(ctx, adapter.Jitter(in.tick<<min(n, 5))) != nil {
			break
		}
		if time.Since(begun) > interactionPatience {
			out, from, asked = in.giveUp(ctx, out, from, asked)
		}
	}
	in.unkept, in.origin, _ = in.giveUp(ctx, out, from, asked)
}

// giveUp tells the people whose commands could not be kept, and leaves those out.
func (in *inbox) giveUp(ctx context.Context, out []channels.Message, from []source, asked []*interaction) (ms []channels.Message, ss []source, is []*interaction) {
	for i, m := range out {
		if asked != nil && asked[i] != nil {
			asked[i].drop(ctx, "That could not be kept. Please send it again.")
			continue
		}
		ms, ss, is = append(ms, m), append(ss, from[i]), append(is, nil)
	}
	return ms, ss, is
}

// marksOf gives the marks that go with messages, and with what came to be known meanwhile.
func (in *inbox) marksOf(out []channels.Message, from []source) map[string]string {
	in.mu.Lock()
	fresh := in.fresh
	in.fresh = nil
	in.mu.Unlock()
	for _, s := range fresh {
		in.meet(s)
	}
	for i, m := range out {
		if _, ok := snowflake(string(m.ID)); ok && !m.Edited {
			in.reach(from[i], string(m.ID))
		} else {
			in.meet(from[i])
		}
	}
	return in.marks.Changed()
}

// end tells the people whose commands are left in the queue, when nothing puts anything into it any more. Messages
// stay in it for the next Run.
func (in *inbox) end(ctx context.Context) {
	for range len(in.queue) {
		switch e := <-in.queue; {
		case e.interaction != nil:
			e.interaction.drop(ctx, restarting)
		case e.message != nil:
			in.put(ctx, e)
		}
	}
}
