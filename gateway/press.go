package gateway

import (
	"context"
	"errors"
	"runtime/debug"
	"strconv"
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
		defer g.givesUp(ctx, conv, i)
		p, err := g.o.Store.TakePress(ctx, i.Message.Press, conv, i.Message.From)
		if err != nil {
			g.drop(ctx, i)
			g.deadButton(ctx, conv, i.Message, err)
			return
		}
		verb, rest, _ := strings.Cut(p.Action, " ")
		if verb == actAnswer {
			g.drop(ctx, i)
			g.chosen(ctx, askKey{conv, i.Message.From}, i.Message, rest)
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

// givesUp, deferred, drops a press that was met with a panic, and says so: it must not be met with it for ever.
func (g *Gateway) givesUp(ctx context.Context, conv store.Conv, i store.Item) {
	v := recover()
	if v == nil {
		return
	}
	_ = g.logPanic("a button's press", v, debug.Stack())
	ctx = context.WithoutCancel(ctx)
	g.drop(ctx, i)
	g.tellAlone(ctx, conv, i.Message, "Something went wrong with that button; the gateway's log says what. Ask again.")
}

// pressedEarlier gives the command line of a press that an earlier run kept; "" if it is none any more.
func (s *session) pressedEarlier(ctx context.Context, i store.Item) string {
	p, err := s.g.o.Store.TakePress(ctx, i.Message.Press, s.conv, i.Message.From)
	if err != nil {
		s.g.deadButton(ctx, s.conv, i.Message, err)
		return ""
	}
	if verb, rest, _ := strings.Cut(p.Action, " "); verb == actAnswer { // its question was of that run too
		s.g.chosen(ctx, askKey{s.conv, i.Message.From}, i.Message, rest)
		return ""
	}
	return p.Action
}

// chosen hands a choice over to the question that it answers.
func (g *Gateway) chosen(ctx context.Context, k askKey, m channels.Message, value string) {
	if !g.asks.take(k, secret.New(value)) {
		g.deadButton(ctx, k.conv, m, store.ErrUsed)
	}
}

// typed gives what a person chose by its number or its label where choices are lines of text. Any other text that is no
// command turns away from them: a number is for the model again.
func (s *sorter) typed(ctx context.Context, k askKey, m channels.Message) (action string, ok bool) {
	ch, text := s.a.channel(), strings.TrimSpace(m.Text)
	if ch == nil || text == "" || m.Press != "" || m.Edited || !ch.Limits(m.Conversation).Numbered {
		return "", false
	}
	lines, err := s.g.o.Store.Lines(ctx, k.conv, k.person)
	if err != nil {
		s.g.log.Error("choices not read", "err", err)
	}
	if len(lines) == 0 {
		return "", false
	}
	n, _ := strconv.Atoi(strings.Trim(text, "(#.:) ")) // 0 is the number of none
	for _, l := range lines {
		if l.Line == n || strings.EqualFold(l.Label, text) {
			return l.Action, true
		}
	}
	if _, _, isCommand := commands.Parse(text); !isCommand {
		s.closed = append(s.closed, k)
	}
	return "", false
}

// actAnswer begins the action of a button that answers a question; all others are command lines.
const actAnswer = "answer"

func (g *Gateway) deadButton(ctx context.Context, conv store.Conv, m channels.Message, err error) {
	text := "That button no longer works. Ask again."
	if errors.Is(err, store.ErrNotYours) {
		text = "That button is for somebody else."
	}
	g.tellAlone(ctx, conv, m, text)
	g.log.Debug("dead button", "account", string(conv.Account), "from", string(m.From), "err", err)
}

// tellAlone tells who pressed a button, and nobody else where the service can do that.
func (g *Gateway) tellAlone(ctx context.Context, conv store.Conv, m channels.Message, text string) {
	alone := channels.Post{To: conv.Conversation, Answers: m.ID, Only: m.From, Text: text}
	if _, unable := g.deliver(ctx, conv, alone); errors.Is(unable, errors.ErrUnsupported) {
		g.tell(ctx, conv, "", text)
	}
}
