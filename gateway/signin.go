package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chatgateway/access"
	"chatgateway/channels"
	"chatgateway/commands"
	"chatgateway/providerauth"
	"chatgateway/providers"
)

// startsSignIn reports whether a model could not be asked because its provider was switched on without a credential.
func (a *asking) startsSignIn(ctx context.Context, r providers.Ref, err error) bool {
	return r.Account == "" && errors.Is(err, providerauth.ErrNone) && slices.Contains(a.s.g.o.Auth.SignInFirst(ctx), r.Provider)
}

// signInFirst gives the answer to a message for such a provider: an owner's begins the sign-in, anybody else is told to
// ask one.
func (a *asking) signInFirst(ctx context.Context, provider string) string {
	name := provider
	if s, err := a.s.g.o.Auth.Scheme(provider); err == nil {
		name = s.Name
	}
	d := a.s.g.o.Policy.Decide(ctx, a.conv.Account, a.m)
	if d.Role != access.Owner {
		return fmt.Sprintf("Nobody is logged in to %s yet. Ask one of the bot's owners to sign in, then send your message again.", name)
	}
	a.signIn = provider
	return fmt.Sprintf("Nobody is logged in to %s yet. The sign-in begins now; send your message again, or /retry, when it is through.", name)
}

// beginSignIn runs /login for an owner who did not type it. turn makes its posts' keys, apart from those of commands.
func (s *session) beginSignIn(ctx context.Context, m channels.Message, provider string, turn int64) {
	c, ok := commands.Find(s.g.o.Commands, "login")
	if !ok {
		return
	}
	say := func(ctx context.Context, text string, choices ...commands.Choice) {
		if err := s.g.answer(ctx, s.conv, m, commands.Answer{Text: text, Choices: choices}, sayOptions{key: -turn}); err != nil {
			s.g.log.Warn("sign-in not answered", "err", err)
		}
	}
	opt := sayOptions{key: -turn, private: c.Where == commands.Privately}
	call := &commands.Call{
		Name: c.Name, Args: []string{provider}, Private: m.Private, Scope: scopeOf(s.conv), Host: s.g, Session: sessionView{s, m},
		Person: commands.Person{ID: string(m.From), Name: m.FromName, Account: string(s.conv.Account), Role: commands.Owner},
		Say: func(ctx context.Context, a commands.Answer) error {
			opt.n++
			return s.g.answer(ctx, s.conv, m, a, opt)
		},
	}
	s.g.asks.begin(askKey{s.conv, m.From})
	s.askAside(ctx, c, call, m, -turn, say, func() {})
}
