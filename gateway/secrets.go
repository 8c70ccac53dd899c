package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chatgateway/channels"
	"chatgateway/commands"
	"chatgateway/internal/secret"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/store"
)

// maskMessages gives a conversation without the gateway's own secrets; nearly always the very same one.
func (g *Gateway) maskMessages(ms []providers.Message) []providers.Message {
	for i, m := range ms {
		if !slices.ContainsFunc(m.Parts, g.holds) {
			continue
		}
		ms = slices.Clone(ms)
		for ; i < len(ms); i++ {
			ms[i].Parts = g.maskParts(ms[i].Parts)
		}
		return ms
	}
	return ms
}

func (g *Gateway) holds(p providers.Part) bool {
	s := g.o.Secrets
	return s.Holds(p.Text) || s.Holds(p.Thought) || s.Holds(string(p.Raw))
}

// maskParts gives the parts without the gateway's own secrets; all else in them stays as it is.
func (g *Gateway) maskParts(parts []providers.Part) []providers.Part {
	if !slices.ContainsFunc(parts, g.holds) {
		return parts
	}
	parts = slices.Clone(parts)
	for i := range parts {
		p := &parts[i]
		p.Text, p.Thought = g.o.Secrets.Mask(p.Text), g.o.Secrets.Mask(p.Thought)
		if p.Raw != nil {
			p.Raw = []byte(g.o.Secrets.Mask(string(p.Raw)))
		}
	}
	return parts
}

// looksSecret reports whether a text is shaped like a key, or holds a secret of the gateway's own.
func (g *Gateway) looksSecret(text string) bool {
	return secret.Shaped(text) || g.o.Secrets.Holds(text)
}

// secretArg says which word of a command line is a secret; -1: none.
func (s *sorter) secretArg(name string, args []string, isCommand bool) int {
	if !isCommand {
		return -1
	}
	c, ok := commands.Find(s.g.o.Commands, name)
	if near := commands.Near(s.g.o.Commands, name); !ok && near != "" {
		c, ok = commands.Find(s.g.o.Commands, near) // what a mistyped /login holds is as secret
	}
	for i := range args {
		long := ok && c.Asks && len(args[i]) >= 20 && (i > 0 || !s.g.isProvider(args[i])) // a key where a name should stand
		if ok && i < len(c.Args) && c.Args[i].Secret || long || s.g.looksSecret(args[i]) {
			return i
		}
	}
	return -1
}

// isProvider reports whether a word names a provider, or a sign-in with one.
func (g *Gateway) isProvider(word string) bool {
	_, err := g.o.Auth.Scheme(providerauth.ID(word).Provider())
	return err == nil
}

// eraseSecret deletes a person's message that held a secret, or asks them to. Where others could read it, that is not
// enough, which is said too.
func (g *Gateway) eraseSecret(ctx context.Context, conv store.Conv, m channels.Message) {
	d, ok := g.account(conv.Account).channel().(channels.Deleter)
	err := errors.ErrUnsupported
	if ok {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		err = d.Delete(ctx, conv.Conversation, m.ID)
	}
	if err != nil {
		g.log.Warn("a message that held a secret was not deleted", "account", string(conv.Account), "err", err)
		g.tell(ctx, conv, "", "I could not delete your message with the secret in it. Please delete it yourself.")
	}
	if !m.Private {
		g.tell(ctx, conv, "", "Everybody here could read what you sent. If it was a key, it is safe no more, deleted or not: revoke it at the provider and make a new one.")
	}
}

// forgetCuts closes the questions of an earlier run that this person was asked there: they are asked anew.
func (g *Gateway) forgetCuts(k askKey) {
	if cut := g.asks.wasCut(k); len(cut) > 0 {
		g.aside(func(ctx context.Context) { g.closeQuestions(ctx, cut) })
	}
}

func (g *Gateway) closeQuestions(ctx context.Context, qs []store.Question) {
	for _, q := range qs {
		if err := g.o.Store.CloseQuestion(ctx, q.ID); err != nil {
			g.log.Warn("question not closed", "err", err)
		}
	}
}

// known reports whether a word is a command, or nearly one.
func (g *Gateway) known(name string) bool {
	_, ok := commands.Find(g.o.Commands, name)
	return ok || commands.Near(g.o.Commands, name) != ""
}

// cutAnswer refuses the answer to a question that a restart ended.
func (g *Gateway) cutAnswer(k askKey, m channels.Message) {
	cut := g.asks.wasCut(k)
	if len(cut) == 0 {
		return
	}
	g.aside(func(ctx context.Context) {
		q := cut[len(cut)-1]
		if q.Secret {
			g.eraseSecret(ctx, k.conv, m)
		}
		g.closeQuestions(ctx, cut)
		g.tell(ctx, k.conv, "", fmt.Sprintf("Your sign-in was cut by a restart, and what you sent was not kept. Begin again: /login %s", q.Provider))
	})
}

// strayKey refuses a text that looks like a key where none was asked for.
func (g *Gateway) strayKey(k askKey, m channels.Message) {
	g.aside(func(ctx context.Context) {
		g.eraseSecret(ctx, k.conv, m)
		g.tell(ctx, k.conv, "", "That held something that looks like a key. It was not kept and not sent to a model. To log in with a key, begin with /login.")
	})
}

// eraseStrangers deletes a message of somebody without rights that held a secret, after the commit. Nobody is told: a
// stranger gets no answer.
func (s *sorter) eraseStrangers(m channels.Message, arg bool) {
	d, can := s.a.channel().(channels.Deleter)
	if !can || !m.Private || !arg && !s.g.looksSecret(m.Text) {
		return
	}
	s.after = append(s.after, func(ctx context.Context) {
		if err := d.Delete(ctx, m.Conversation, m.ID); err != nil {
			s.g.log.Debug("a stranger's message that held a secret was not deleted", "account", string(s.a.ID), "err", err)
		}
	})
}
