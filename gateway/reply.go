package gateway

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"chatgateway/channels"
	"chatgateway/store"
)

// typingFirst is how long an answer may take before the sign that it is being made: a quick one needs none.
const typingFirst = 300 * time.Millisecond

// typingEvery is how often the sign that an answer is being made is renewed.
const typingEvery = 4 * time.Second

// reply shows an answer while it grows. grow may be called as often as there is text; what is shown is the latest,
// at most as often as the channel allows.
type reply struct {
	g     *Gateway
	d     channels.Draft
	plain *draft           // takes over from a stream of the service's own that fails
	ch    channels.Channel // as it was at the beginning; nil: not open
	post  channels.Post
	news  chan struct{}
	stop  chan struct{}
	done  sync.WaitGroup

	mu   sync.Mutex
	text string // guarded by mu
}

// newReply begins an answer to m. With old, parts that an earlier run posted are edited.
func (g *Gateway) newReply(ctx context.Context, conv store.Conv, m channels.Message, base *channels.Common, turn store.Turn) *reply {
	ch := g.account(conv.Account).channel()
	p := channels.Post{To: conv.Conversation, Answers: m.ID, Key: turnKey(conv, turn)}
	if m.Press != "" {
		p.Answers = ""
	}
	r := &reply{g: g, ch: ch, post: p, news: make(chan struct{}, 1), stop: make(chan struct{})}
	sent := func(n int, id channels.MessageID, text string) {
		g.o.Store.SetPart(turn.ID, store.Part{N: n, ID: id, Text: text})
	}
	r.plain = newDraft(g, conv, p, turn, sent)
	r.d = r.plain
	grows := base.Streaming == nil || *base.Streaming
	if s, ok := ch.(channels.Streamer); ok && grows && len(turn.Parts) == 0 {
		if d, err := s.Stream(ctx, p); err == nil {
			r.d = d
		}
	}
	if ch == nil {
		return r
	}
	every := ch.Limits(conv.Conversation).EditEvery
	if base.StreamingLatency != nil && *base.StreamingLatency > 0 {
		every = max(every, time.Duration(*base.StreamingLatency*float64(time.Second)))
	}
	if grows {
		r.done.Go(func() { defer g.contain("showing an answer"); r.paint(ctx, every, g) })
	}
	if t, ok := ch.(channels.Typist); ok {
		r.done.Go(func() { defer g.contain("typing"); r.typing(ctx, t, conv.Conversation) })
	}
	return r
}

// turnKey names the posts of a turn: the same after a crash, another where the conversation has moved to.
func turnKey(conv store.Conv, t store.Turn) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(conv.Conversation))
	return fmt.Sprintf("t%d-%x", t.ID, h.Sum32())
}

// grow says what the answer is so far.
func (r *reply) grow(text string) {
	r.mu.Lock()
	r.text = text
	r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// paint shows the latest text whenever there is news and the channel allows it.
func (r *reply) paint(ctx context.Context, every time.Duration, g *Gateway) {
	for {
		select {
		case <-r.stop:
			return
		case <-ctx.Done():
			return
		case <-r.news:
		}
		r.mu.Lock()
		text := r.text
		r.mu.Unlock()
		wait := every
		var busy *channels.Busy
		if err := r.d.Show(ctx, g.o.Secrets.Growing(text)); errors.As(err, &busy) {
			wait = max(busy.After, every)
			r.grow(text) // the next round shows it, or what came since
		} else if r.d != channels.Draft(r.plain) && errors.Is(err, errors.ErrUnsupported) {
			r.d = r.plain // nothing was shown: it grows by edits
			r.grow(text)
		} else if err != nil && ctx.Err() == nil {
			g.log.Debug("growing answer not shown", "err", err)
			wait = max(every, time.Second)
		}
		select {
		case <-r.stop:
			return
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// typing shows that an answer is being made, until it is whole.
func (r *reply) typing(ctx context.Context, t channels.Typist, c channels.ConversationID) {
	for wait := typingFirst; ; wait = typingEvery {
		select {
		case <-r.stop:
			return
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if err := t.Typing(ctx, c); errors.Is(err, errors.ErrUnsupported) {
			return
		}
	}
}

// end ends the growing.
func (r *reply) end() {
	close(r.stop)
	r.done.Wait()
}

// finish shows the whole answer with its buttons, after the growing has ended. Once it is shown, the end of the turn is
// noted, and so its last part is not.
func (r *reply) finish(ctx context.Context, text string, choices []channels.Choice) error {
	r.end()
	r.plain.noted = true
	return r.show(ctx, text, choices)
}

// whole is finish for an answer whose turn does not end with it.
func (r *reply) whole(ctx context.Context, text string) error {
	r.end()
	return r.show(ctx, text, nil)
}

func (r *reply) show(ctx context.Context, text string, choices []channels.Choice) error {
	d, plain := r.d.(*draft)
	if plain {
		d.post.Choices = choices
	}
	id, err := r.d.Finish(ctx, text)
	if plain {
		return err
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, channels.ErrGone) {
		r.g.log.Warn("streamed answer not ended; it is sent as messages", "err", err)
		r.plain.post.Choices = choices
		_, err = r.plain.Finish(ctx, text)
		return err
	}
	if e, ok := r.ch.(channels.Editor); ok && err == nil && len(choices) > 0 { // a stream bears no buttons while it grows
		p := r.post
		p.Text, p.Choices = text, choices
		if err := e.Edit(ctx, id, p); err != nil {
			r.g.log.Warn("no buttons under a streamed answer", "err", err)
		}
	}
	return err
}
