package gateway

import (
	"chatgateway/access"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"chatgateway/channels"
	"chatgateway/commands"
	"chatgateway/internal/status"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/store"
)

// Commands implements commands.Host.
func (g *Gateway) Commands() []commands.Command { return g.o.Commands }

// Auth implements commands.Host.
func (g *Gateway) Auth() *providerauth.Manager { return g.o.Auth }

// Record implements commands.Host.
func (g *Gateway) Record(_ context.Context, p commands.Person, deed, object, result string) {
	if g.o.Hooks.Record != nil {
		g.o.Hooks.Record(p, deed, object, result)
	}
}

// Endpoint implements commands.Host.
func (g *Gateway) Endpoint(provider string) string {
	if g.o.Hooks.Endpoint == nil {
		return ""
	}
	return g.o.Hooks.Endpoint(provider)
}

// LocalServers implements commands.Host.
func (g *Gateway) LocalServers(ctx context.Context) []commands.Local {
	if g.o.Hooks.Locals == nil {
		return nil
	}
	return g.o.Hooks.Locals(ctx)
}

// MayUse implements commands.Host.
func (g *Gateway) MayUse(r commands.Role, ref providers.Ref) bool {
	return g.o.Hooks.MayUse == nil || g.o.Hooks.MayUse(accessRole(r), ref.String())
}

// accessRole translates a command's role for the policy.
func accessRole(r commands.Role) access.Role {
	switch r {
	case commands.Owner:
		return access.Owner
	case commands.User:
		return access.User
	}
	return access.Nobody
}

// SecretsElsewhere implements commands.Host.
func (g *Gateway) SecretsElsewhere() string { return g.elsewhere("login") }

// elsewhere names the places where a command may be given that is no thing for all to see.
func (g *Gateway) elsewhere(command string) string {
	var names []string
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, id := range g.order {
		a := g.accounts[id]
		ch := a.channel()
		if ch == nil {
			continue
		}
		_, asks := ch.(channels.Asker)
		_, deletes := ch.(channels.Deleter)
		if title := a.Service.Title; (asks || deletes) && !slices.Contains(names, title) {
			names = append(names, title)
		}
	}
	return strings.Join(append(names, "`gateway "+command+"` on its host"), ", ")
}

// Claim implements commands.Host.
func (g *Gateway) Claim(ctx context.Context, c *commands.Call, code string) (string, error) {
	if g.o.Hooks.Claim == nil {
		return "", errors.ErrUnsupported
	}
	m := channels.Message{From: channels.UserID(c.Person.ID), FromName: c.Person.Name, Private: c.Private}
	return g.o.Hooks.Claim(ctx, channels.AccountID(c.Person.Account), m, code)
}

// Access implements commands.Host.
func (g *Gateway) Access(ctx context.Context, c *commands.Call, words []string) (commands.Answer, error) {
	if g.o.Hooks.Access == nil {
		return commands.Answer{}, errors.ErrUnsupported
	}
	return g.o.Hooks.Access(ctx, c, words)
}

// Audit implements commands.Host.
func (g *Gateway) Audit(ctx context.Context, n int) ([]string, error) {
	if g.o.Hooks.Audit == nil {
		return nil, errors.ErrUnsupported
	}
	return g.o.Hooks.Audit(ctx, n)
}

// nothingYet answers a message while there is no model to ask: what to do, and buttons that do it.
func (g *Gateway) nothingYet(ctx context.Context) (string, []commands.Choice) {
	if g.hasSignIn(ctx) {
		return "No model is chosen yet. Choose one, and I answer your next message.", []commands.Choice{{Label: "Choose a model", Run: "/model"}, {Label: "Help", Run: "/help"}}
	}
	var cs []commands.Choice
	text := "No model is set up yet. Log in to a model provider, and I answer your next message."
	if locals := g.LocalServers(ctx); len(locals) > 0 {
		text = "No model is set up yet. Log in to a model provider, or use the server that runs on this host without any key."
		for _, l := range locals {
			cs = append(cs, commands.Choice{Label: fmt.Sprintf("Use %s (%s)", l.Name, commands.Models(l.Models)), Run: "/model " + l.Provider})
		}
	}
	return text, append(cs, commands.Choice{Label: "Log in", Run: "/login"}, commands.Choice{Label: "Help", Run: "/help"})
}

// hasSignIn reports whether somebody is logged in anywhere.
func (g *Gateway) hasSignIn(ctx context.Context) bool {
	st, err := g.o.Auth.Status(ctx, "")
	return err == nil && slices.ContainsFunc(st, func(s status.Provider) bool {
		return s.Configured && s.Source != string(providerauth.FromNone)
	})
}

// failure says what went wrong and what to do, with buttons that do it.
func (g *Gateway) failure(ctx context.Context, r providers.Ref, err error) (string, []commands.Choice) {
	id := providerauth.MakeID(r.Provider, r.Account)
	loginButton := commands.Choice{Label: "Log in", Run: "/login " + string(id)}
	model := commands.Choice{Label: "Another model", Run: "/model"}
	retry := commands.Choice{Label: "Try again", Run: "/retry"}
	name := r.Provider
	if s, serr := g.o.Auth.Scheme(r.Provider); serr == nil {
		name = s.Name
	}
	var u interface{ UserMessage() string }
	var problem providerauth.Problem
	switch {
	case errors.Is(err, providerauth.ErrNone) && errors.As(err, &problem):
		if none, ok := errors.AsType[*providerauth.Error](err); ok && none.Login != "" {
			loginButton.Run = "/login " + string(none.Login)
			return string(problem), []commands.Choice{loginButton, model}
		}
		return string(problem), []commands.Choice{model}
	case errors.Is(err, providerauth.ErrNone):
		if r.Account != "" {
			return fmt.Sprintf("There is no sign-in %s for %s. Log in with it, or choose another model.", id, r), []commands.Choice{loginButton, model}
		}
		return fmt.Sprintf("Nobody is logged in to %s. Log in, or choose another model.", name), []commands.Choice{loginButton, model}
	case errors.Is(err, providerauth.ErrNeedsLogin), errors.Is(err, providers.ErrUnauthorized):
		return fmt.Sprintf("The sign-in to %s is no longer valid. Log in again, or choose another model.", name), []commands.Choice{loginButton, model}
	case errors.Is(err, providerauth.ErrCooling), errors.Is(err, providers.ErrBilling), errors.Is(err, providers.ErrForbidden),
		errors.Is(err, providers.ErrNoModel), errors.Is(err, providers.ErrUnable):
		return g.userMessage(err), []commands.Choice{model, retry}
	case errors.Is(err, providers.ErrRestricted):
		return g.userMessage(err), []commands.Choice{loginButton, model}
	case errors.Is(err, providers.ErrTooLong):
		return g.userMessage(err), []commands.Choice{{Label: "New conversation", Run: "/new"}, model}
	case errors.As(err, &u):
		return u.UserMessage(), []commands.Choice{retry, model}
	}
	g.log.Error("model failed", "model", r.String(), "err", err)
	return fmt.Sprintf("%s could not be asked: something went wrong here; the gateway's log says what.", name), []commands.Choice{retry, model}
}

// Aside does something beside the conversations, in a goroutine that the end of Serve cuts short and waits for. While
// Serve does not run it does nothing.
func (g *Gateway) Aside(f func(context.Context)) { g.aside(f) }

// Model says which model answers in a conversation, and why; "" if none does yet.
func (g *Gateway) Model(ctx context.Context, account channels.AccountID, c channels.ConversationID) (model, why string) {
	ref, why := g.modelFor(ctx, store.Conv{Account: account, Conversation: c}, channels.Message{})
	if ref.IsZero() {
		return "", ""
	}
	return ref.String(), why
}

// Forget removes what is remembered of a conversation.
func (g *Gateway) Forget(ctx context.Context, account channels.AccountID, c channels.ConversationID) error {
	conv := store.Conv{Account: account, Conversation: c}
	g.mu.Lock()
	s := g.sessions[conv]
	g.mu.Unlock()
	if s != nil {
		s.interrupt(errStopped)
		s.mu.Lock()
		s.forget = true
		s.mu.Unlock()
	}
	return g.o.Store.Forget(ctx, conv)
}

// Interface guards
var (
	_ commands.Host    = (*Gateway)(nil)
	_ commands.Session = sessionView{}
)
