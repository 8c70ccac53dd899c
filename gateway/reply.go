package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"chatgateway/channels"
	"chatgateway/markdown"
	"chatgateway/store"
)

// typingEvery is how often the sign that an answer is being made is renewed.
const typingEvery = 4 * time.Second

// cutNotice ends an answer that is longer than its place takes.
const cutNotice = " … (cut: this place takes no more)"

// deliver posts a text that must arrive: in as many parts as it takes, tried again until ctx ends unless the
// conversation is gone or it cannot be done. It gives the last part's id.
func (g *Gateway) deliver(ctx context.Context, conv store.Conv, p channels.Post) (channels.MessageID, error) {
	d := newDraft(g, conv, p, nil, nil)
	return d.Finish(ctx, g.o.Secrets.Mask(p.Text))
}

// draft is the one way in which answers are shown: a channels.Draft over Send and Edit, or over the channel's own
// streaming. The text is split where the channel's Fit says.
type draft struct {
	g     *Gateway
	conv  store.Conv
	post  channels.Post
	sent  func(n int, id channels.MessageID, text string) // told of every part that was posted or is whole
	old   []channels.MessageID                            // posted by an earlier run: edited, not posted again
	parts []channels.MessageID
	shown string // what the part that grows shows
	grows bool   // it was shown as Partial
	begin string // what Split put before the part that grows: a fence that goes on
	at    int    // where the part that grows begins in the whole text
}

func newDraft(g *Gateway, conv store.Conv, p channels.Post, old []store.Part, sent func(int, channels.MessageID, string)) *draft {
	d := &draft{g: g, conv: conv, post: p, sent: sent}
	for _, o := range old {
		d.old = append(d.old, o.ID)
	}
	return d
}

// Show implements channels.Draft.
func (d *draft) Show(ctx context.Context, all string) error {
	ch := d.g.account(d.conv.Account).channel()
	if ch == nil {
		return &channels.Busy{After: time.Second}
	}
	limits := ch.Limits(d.conv.Conversation)
	_, edits := ch.(channels.Editor)
	edits = edits && limits.EditEvery > 0
	for {
		text, rest, more := d.cut(all, limits)
		if !more && (!edits || strings.TrimSpace(text) == "" || text == d.shown) {
			return nil
		}
		if err := d.put(ctx, ch, text, !more, nil); err != nil {
			return err
		}
		if !more {
			return nil
		}
		d.next(all, rest)
	}
}

// Finish implements channels.Draft.
func (d *draft) Finish(ctx context.Context, all string) (channels.MessageID, error) {
	wait, level := time.Second, slog.LevelWarn
	for {
		err := d.finish(ctx, all)
		var busy *channels.Busy
		switch {
		case err == nil:
			return d.last(), nil
		case errors.Is(err, channels.ErrGone), errors.Is(err, errors.ErrUnsupported), errors.Is(err, channels.ErrSetup), ctx.Err() != nil:
			return d.last(), err
		case errors.As(err, &busy):
			wait = busy.After
		}
		d.g.log.Log(ctx, level, "answer not delivered yet", "account", string(d.conv.Account), "err", err, "again_in", wait)
		level = slog.LevelDebug // said once
		select {
		case <-ctx.Done():
			return d.last(), ctx.Err()
		case <-time.After(wait + rand.N(wait/4+1)):
		}
		wait = min(2*wait, 30*time.Second)
	}
}

func (d *draft) finish(ctx context.Context, all string) error {
	ch := d.g.account(d.conv.Account).channel()
	if ch == nil {
		return fmt.Errorf("%s is not open", d.conv.Account)
	}
	limits := ch.Limits(d.conv.Conversation)
	for {
		text, rest, more := d.cut(all, limits)
		var choices []channels.Choice
		if !more {
			choices = d.post.Choices
		}
		if text == "" && len(d.parts) > 0 {
			return nil
		}
		if text != d.shown || d.grows || len(choices) > 0 || text == "" {
			if err := d.put(ctx, ch, text, false, choices); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		d.next(all, rest)
	}
}

// cut gives what the part that grows shows of the whole text, and what is left for the next one.
func (d *draft) cut(all string, l channels.Limits) (text, rest string, more bool) {
	text = d.begin + all[min(d.at, len(all)):]
	if l.Fit == nil {
		return text, "", false
	}
	n := l.Fit(text)
	if n >= len(text) {
		return text, "", false
	}
	if l.Parts > 0 && len(d.full()) >= l.Parts-1 {
		return d.shorten(text, l), "", false
	}
	text, rest = markdown.Split(text, n)
	return text, rest, strings.TrimSpace(rest) != ""
}

// full are the parts that grow no more.
func (d *draft) full() []channels.MessageID {
	if d.shown == "" {
		return d.parts
	}
	return d.parts[:len(d.parts)-1]
}

// shorten cuts a text so that it fits together with the notice that it was cut.
func (d *draft) shorten(text string, l channels.Limits) string {
	head := text
	for n := l.Fit(text); n > 0; n = n * 9 / 10 {
		head, _ = markdown.Split(text, markdown.Fit(text, n, func(s string) int { return len(s) }))
		if head += cutNotice; l.Fit(head) == len(head) {
			return head
		}
	}
	return head
}

// next begins another part with what is left.
func (d *draft) next(all, rest string) {
	tail := all[min(d.at, len(all)):]
	for k := 0; k <= len(tail); k++ { // rest is a beginning of Split's own and an end of all
		if end := tail[k:]; strings.HasSuffix(rest, end) {
			d.begin, d.at = rest[:len(rest)-len(end)], len(all)-len(end)
			break
		}
	}
	d.shown = ""
}

// put shows text as the part that grows: posted, or edited if it was posted before.
func (d *draft) put(ctx context.Context, ch channels.Channel, text string, partial bool, choices []channels.Choice) error {
	p := d.post
	p.Text, p.Partial, p.Choices = text, partial, choices
	if partial && !ch.Limits(p.To).Verbatim {
		if p.Text = markdown.Growing(text); strings.TrimSpace(p.Text) == "" {
			return nil
		}
	}
	grows := d.shown != ""
	n := len(d.full())
	if p.Key != "" {
		p.Key = fmt.Sprintf("%s.%d", p.Key, n)
	}
	e, edits := ch.(channels.Editor)
	id := channels.MessageID("")
	switch {
	case grows && edits:
		id = d.parts[n]
	case !grows && n < len(d.old) && edits:
		id = d.old[n]
	}
	if id != "" {
		if err := e.Edit(ctx, id, p); err != nil {
			return err
		}
	} else {
		if n > 0 {
			p.Answers = ""
		}
		var err error
		if id, err = ch.Send(ctx, p); err != nil {
			return err
		}
	}
	if !grows {
		d.parts = append(d.parts, id)
	}
	if d.sent != nil && (!grows || !partial) {
		d.sent(n, id, text)
	}
	d.shown, d.grows = text, partial
	return nil
}

func (d *draft) last() channels.MessageID {
	if len(d.parts) == 0 {
		return ""
	}
	return d.parts[len(d.parts)-1]
}

// reply shows an answer while it grows. grow may be called as often as there is text; what is shown is the latest,
// at most as often as the channel allows.
type reply struct {
	d    channels.Draft
	ch   channels.Channel // as it was at the beginning; nil: not open
	post channels.Post
	news chan struct{}
	stop chan struct{}
	done sync.WaitGroup

	mu   sync.Mutex
	text string // guarded by mu
}

// newReply begins an answer to m. With old, parts that an earlier run posted are edited.
func (g *Gateway) newReply(ctx context.Context, conv store.Conv, m channels.Message, base *channels.Common, turn store.Turn) *reply {
	ch := g.account(conv.Account).channel()
	p := channels.Post{To: conv.Conversation, Answers: m.ID, Key: fmt.Sprintf("t%d", turn.ID)}
	if m.Press != "" {
		p.Answers = ""
	}
	r := &reply{ch: ch, post: p, news: make(chan struct{}, 1), stop: make(chan struct{})}
	sent := func(n int, id channels.MessageID, text string) {
		g.o.Store.SetPart(turn.ID, store.Part{N: n, ID: id, Text: text})
	}
	r.d = newDraft(g, conv, p, turn.Parts, sent)
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
		r.done.Go(func() { r.paint(ctx, every, g) })
	}
	if t, ok := ch.(channels.Typist); ok {
		r.done.Go(func() { r.typing(ctx, t, conv.Conversation) })
	}
	return r
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
	for {
		if err := t.Typing(ctx, c); errors.Is(err, errors.ErrUnsupported) {
			return
		}
		select {
		case <-r.stop:
			return
		case <-ctx.Done():
			return
		case <-time.After(typingEvery):
		}
	}
}

// end ends the growing.
func (r *reply) end() {
	close(r.stop)
	r.done.Wait()
}

// finish shows the whole answer with its buttons, after the growing has ended.
func (r *reply) finish(ctx context.Context, text string, choices []channels.Choice) error {
	r.end()
	d, plain := r.d.(*draft)
	if plain {
		d.post.Choices = choices
	}
	id, err := r.d.Finish(ctx, text)
	if err == nil && !plain && len(choices) > 0 { // a stream of the service's own bears no buttons while it grows
		if e, ok := r.ch.(channels.Editor); ok {
			p := r.post
			p.Text, p.Choices = text, choices
			err = e.Edit(ctx, id, p)
		}
	}
	return err
}
