package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"chatgateway/channels"
	"chatgateway/internal/status"
	"chatgateway/markdown"
)

// patience is how often a text is tried that a service refuses without saying that it always will.
const patience = 5

// refuses reports whether the service does not take a post for what it says, as far as can be known: it said so, or it
// has refused the same text again and again although the account is connected.
func (d *draft) refuses(err error) bool {
	var busy *channels.Busy
	switch {
	case d.post.Only != "", errors.As(err, &busy), errors.Is(err, errNotOpen):
		return false
	case errors.Is(err, channels.ErrGone), errors.Is(err, channels.ErrSetup), errors.Is(err, channels.ErrRejected):
		return false
	case errors.Is(err, errors.ErrUnsupported):
		return true
	}
	return d.tries >= patience && d.g.account(d.conv.Account).snapshot().State == status.Connected
}

// instead shows something else in the place of a part that the service refused with err: the same without markup, or a
// sentence that says that it is missing; the buttons go only if it must be. It gives err back where the post may still
// be taken later, or nothing is taken.
func (d *draft) instead(ctx context.Context, ch channels.Channel, text string, choices []channels.Choice, err error) error {
	if !d.refuses(err) {
		return err
	}
	bare := escape(markdown.Plain(text))
	if d.try(ctx, ch, bare, choices) {
		return nil
	}
	if len(choices) > 0 && d.try(ctx, ch, bare+"\n\n_(Its buttons cannot be shown here.)_", nil) {
		d.g.log.Warn("a service refuses the buttons of an answer", "account", string(d.conv.Account), "err", err)
		return nil
	}
	shown := d.shown
	d.shown = "" // what was shown of it stays, and the sentence follows
	missing := fmt.Sprintf("_(%s does not take this part of the answer, not even as plain text. Ask me to put it in other words.)_",
		d.g.account(d.conv.Account).Service.Title)
	if d.try(ctx, ch, missing, choices) || len(choices) > 0 && d.try(ctx, ch, missing, nil) {
		d.g.log.Warn("a service refuses a part of an answer; the person was told", "account", string(d.conv.Account), "err", err)
		return nil
	}
	d.shown = shown
	return err
}

// try reports whether the service takes text as the part that grows.
func (d *draft) try(ctx context.Context, ch channels.Channel, text string, choices []channels.Choice) bool {
	l := ch.Limits(d.post.To)
	if l.Fit != nil && l.Fit(text) < len(text) {
		text = d.shorten(text, l)
	}
	return d.put(ctx, ch, text, false, choices) == nil
}

// escape writes a plain text as Markdown that shows it as it is.
func escape(plain string) string {
	var b strings.Builder
	for line := range strings.Lines(plain) {
		for _, r := range strings.TrimLeft(line, " \t") {
			if strings.ContainsRune("\\`*_{}[]<>()#+-.!|~&$:", r) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}
