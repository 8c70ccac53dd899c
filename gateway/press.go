package gateway

import (
	"context"
	"errors"
	"strings"

	"chatgateway/access"
	"chatgateway/channels"
	"chatgateway/commands"
	"chatgateway/internal/secret"
	"chatgateway/store"
)

// pressed finds out what a button means. An answer goes to its question; all else waits its turn in the conversation.
func (g *Gateway) pressed(conv store.Conv, i store.Item, role access.Role) {
	g.aside(func(ctx context.Context) {
		defer g.wake(conv) // the conversation waits behind it
		p, err := g.o.Store.TakePress(ctx, i.Message.Press, conv, i.Message.From)
		if err != nil {
			g.drop(ctx, i)
			g.deadButton(ctx, conv, i.Message, err)
			return
		}
		verb, rest, _ := strings.Cut(p.Action, " ")
		if verb == actAnswer {
			g.drop(ctx, i)
			if !g.asks.take(askKey{conv, i.Message.From}, secret.New(rest)) {
				g.deadButton(ctx, conv, i.Message, store.ErrUsed)
			}
			return
		}
		name, _, _ := commands.Parse(p.Action)
		if name == "stop" || name == "cancel" {
			g.halt(askKey{conv, i.Message.From}, name, i.Message, i.Seq-1)
			g.drop(ctx, i) // until now what was said later waits behind it
			return
		}
		if c, ok := commands.Find(g.o.Commands, name); ok && c.Asks {
			g.asks.announce(askKey{conv, i.Message.From}, i.Seq)
		}
		g.session(conv).meant(i.Seq, p.Action)
	})
}

// actAnswer begins the action of a button that answers a question; all others are command lines.
const actAnswer = "answer"

func (g *Gateway) deadButton(ctx context.Context, conv store.Conv, m channels.Message, err error) {
	text := "That button no longer works. Ask again."
	if errors.Is(err, store.ErrNotYours) {
		text = "That button is for somebody else."
	}
	g.tell(ctx, conv, "", text)
	g.log.Debug("dead button", "account", string(conv.Account), "from", string(m.From), "err", err)
}
