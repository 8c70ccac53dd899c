package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"chatgateway/channels"
	"chatgateway/markdown"
	"chatgateway/store"
)

// cutNotice ends an answer that is longer than its place takes.
const cutNotice = " … (cut: this place takes no more)"

// againNotice begins an answer that is given anew where what an earlier run showed of it cannot be edited.
const againNotice = "_Again, after a restart of the gateway:_\n\n"

// notNeeded replaces a part of an earlier run that can be edited, but not deleted.
const notNeeded = "_(nothing more)_"

// errNotOpen is why nothing can be shown just now.
var errNotOpen = errors.New("the account is not open")

// deliver posts a text that must arrive: in as many parts as it takes, tried again until ctx ends unless the
// conversation is gone or it cannot be done. It gives the last part's id.
func (g *Gateway) deliver(ctx context.Context, conv store.Conv, p channels.Post) (channels.MessageID, error) {
	d := newDraft(g, conv, p, store.Turn{}, nil)
	return d.Finish(ctx, g.o.Secrets.Mask(p.Text))
}

// draft is the one way in which answers are shown: a channels.Draft over Send and Edit, or over the channel's own
// streaming. The text is split where the channel's Fit says.
type draft struct {
	g     *Gateway
	conv  store.Conv
	post  channels.Post
	sent  func(n int, id channels.MessageID, text string) // told of every part that was posted or is whole
	old   []store.Part                                    // posted by an earlier run: edited, not posted again
	whole bool                                            // old are parts of this very text
	lead  string                                          // stands before the text; see meet
	met   bool
	parts []channels.MessageID
	shown string // what the part that grows shows
	grows bool   // it was shown as Partial
	noted bool   // who finishes it notes its end: sent is not told of the last part
	ends  bool   // the part that grows is the last one
	begin string // what Split put before the part that grows: a fence that goes on
	at    int    // where the part that grows begins in the whole text
	tries int    // how often Finish failed
}

func newDraft(g *Gateway, conv store.Conv, p channels.Post, t store.Turn, sent func(int, channels.MessageID, string)) *draft {
	return &draft{g: g, conv: conv, post: p, sent: sent, old: t.Parts, whole: t.State == store.Answered}
}

// canEdit reports whether messages can be edited there.
func canEdit(ch channels.Channel, l channels.Limits) bool {
	_, ok := ch.(channels.Editor)
	return ok && l.EditEvery > 0
}

// meet decides, when the channel is first seen open, what becomes of what an earlier run posted: where it cannot be
// edited, parts of this very text stay and are not posted again, and another text says that it comes again.
func (d *draft) meet(ch channels.Channel, l channels.Limits) {
	if d.met {
		return
	}
	d.met = true
	switch {
	case len(d.old) == 0 || canEdit(ch, l):
	case !d.whole:
		d.lead, d.old = againNotice, nil
		d.post.Key += "r" // another text under the same key would be taken for the same message
	case strings.HasPrefix(d.old[0].Text, againNotice):
		d.lead = againNotice
	}
}

// Show implements channels.Draft.
func (d *draft) Show(ctx context.Context, all string) error {
	ch := d.g.account(d.conv.Account).channel()
	if ch == nil {
		return &channels.Busy{After: time.Second}
	}
	limits := ch.Limits(d.conv.Conversation)
	edits := canEdit(ch, limits)
	d.meet(ch, limits)
	all = d.lead + all
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

// Finish implements channels.Draft. What the service refuses for what it says is not tried for ever: see instead.
func (d *draft) Finish(ctx context.Context, all string) (channels.MessageID, error) {
	wait, level := time.Second, slog.LevelWarn
	for {
		err := d.finish(ctx, all)
		d.tries++
		var busy *channels.Busy
		switch {
		case err == nil:
			return d.last(), nil
		case errors.Is(err, channels.ErrGone), errors.Is(err, errors.ErrUnsupported), errors.Is(err, channels.ErrSetup), ctx.Err() != nil:
			return d.last(), err
		case errors.Is(err, errNotOpen):
			if d.g.isClosing() {
				return d.last(), err
			}
			wait = time.Second
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
		return fmt.Errorf("%s: %w", d.conv.Account, errNotOpen)
	}
	limits := ch.Limits(d.conv.Conversation)
	d.meet(ch, limits)
	all = d.lead + all
	for {
		text, rest, more := d.cut(all, limits)
		d.ends = !more
		var choices []channels.Choice
		if !more {
			choices = d.post.Choices
		}
		if text == "" && len(d.parts) > 0 {
			d.tidy(ctx, ch)
			return nil
		}
		if text != d.shown || d.grows || len(choices) > 0 || text == "" {
			err := d.put(ctx, ch, text, false, choices)
			if err != nil {
				err = d.instead(ctx, ch, text, choices, err)
			}
			if err != nil {
				return err
			}
		}
		if !more {
			d.tidy(ctx, ch)
			return nil
		}
		d.next(all, rest)
	}
}

// tidy takes away the parts of an earlier run that are more than this answer has.
func (d *draft) tidy(ctx context.Context, ch channels.Channel) {
	for n := len(d.parts); n < len(d.old); n++ {
		err := errors.ErrUnsupported
		if del, ok := ch.(channels.Deleter); ok {
			err = del.Delete(ctx, d.conv.Conversation, d.old[n].ID)
		}
		if e, ok := ch.(channels.Editor); ok && err != nil {
			err = e.Edit(ctx, d.old[n].ID, channels.Post{To: d.post.To, Text: notNeeded})
		}
		if err != nil {
			d.g.log.Warn("a part of an earlier answer was not taken away", "account", string(d.conv.Account), "err", err)
		}
	}
	d.old = d.old[:min(len(d.old), len(d.parts))]
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
	id, err := d.place(ctx, ch, p, n)
	if err != nil {
		return err
	}
	if !grows {
		d.parts = append(d.parts, id)
	}
	d.parts[n] = id
	if d.sent != nil && (!grows || !partial) && !(d.noted && d.ends) {
		d.sent(n, id, text)
	}
	d.shown, d.grows = text, partial
	return nil
}

// place posts part n, or edits it where it was posted before, in this run or an earlier one. It gives the message.
func (d *draft) place(ctx context.Context, ch channels.Channel, p channels.Post, n int) (channels.MessageID, error) {
	id := channels.MessageID("")
	switch {
	case d.shown != "":
		id = d.parts[n]
	case n < len(d.old):
		id = d.old[n].ID
	}
	e, _ := ch.(channels.Editor)
	if id != "" && canEdit(ch, ch.Limits(p.To)) {
		err := e.Edit(ctx, id, p)
		if !errors.Is(err, channels.ErrGone) && !errors.Is(err, errors.ErrUnsupported) || p.Partial {
			return id, err
		}
		p.Key = "" // somebody deleted it, or it is too old to be edited: it is posted anew
	} else if id != "" && d.shown == "" && d.old[n].Text == p.Text && len(p.Choices) == 0 {
		return id, nil // it stands there already
	}
	if n > 0 {
		p.Answers = ""
	}
	return ch.Send(ctx, p)
}

func (d *draft) last() channels.MessageID {
	if len(d.parts) == 0 {
		return ""
	}
	return d.parts[len(d.parts)-1]
}
