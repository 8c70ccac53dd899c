package commands

import (
	"context"
	"fmt"
	"strings"

	"chatgateway/providerauth"
)

// order shows, sets and clears the order of a provider's accounts: everywhere, in the chat account where it is said
// ("channel"), or in this conversation ("here"). words are what follows "order".
func order(ctx context.Context, c *Call, s providerauth.Scheme, words []string) (string, error) {
	m := c.Host.Auth()
	var where providerauth.Scope
	deed := "set"
	for len(words) > 0 {
		switch w := strings.TrimLeft(strings.ToLower(words[0]), "-—"); w { // phones make one dash of two
		case "here", "conversation":
			where = c.Scope
		case "channel":
			where = c.Scope.Channel()
		case "get", "set", "clear":
			deed = w
		default:
			if deed != "set" {
				return "", refusal(fmt.Sprintf("Nothing follows %s. An order is set like this: `/auth %s order work default`", deed, s.ID))
			}
			if err := m.SetOrder(ctx, s.ID, where, OrderIDs(s, words)); err != nil {
				return "", err
			}
			return OrderText(ctx, m, s, c.Scope, !c.Private), nil
		}
		words = words[1:]
	}
	if deed == "clear" {
		if err := m.SetOrder(ctx, s.ID, where, nil); err != nil {
			return "", err
		}
	}
	return OrderText(ctx, m, s, c.Scope, !c.Private) + fmt.Sprintf("\n\nAnother one: `/auth %[1]s order work default env`; for this conversation alone `/auth %[1]s order here …`, "+
		"for this chat service `/auth %[1]s order channel …`; `clear` takes it away.", s.ID), nil
}

// OrderIDs reads the accounts of an order as a person types them.
func OrderIDs(s providerauth.Scheme, words []string) []providerauth.ID {
	var ids []providerauth.ID
	for _, w := range strings.FieldsFunc(strings.Join(words, " "), func(r rune) bool { return r == ' ' || r == ',' }) {
		if w == "default" {
			w = s.ID
		}
		ids = append(ids, providerauth.ID(w))
	}
	return ids
}

// OrderText says in which order a provider's accounts are tried: everywhere, and wherever another one is set. here is
// the conversation that asks; only leaves out those that do not hold in it.
func OrderText(ctx context.Context, m *providerauth.Manager, s providerauth.Scheme, here providerauth.Scope, only bool) string {
	text := s.Name + " has no set order: the default account comes first, then the others, then the environment."
	if ids, _ := m.Order(ctx, s.ID, ""); len(ids) > 0 {
		text = fmt.Sprintf("%s is tried in this order: %s.", s.Name, JoinIDs(ids))
	}
	for _, at := range m.Scopes(ctx, s.ID) {
		if only && at != here && at != here.Channel() {
			continue
		}
		ids, _ := m.Order(ctx, s.ID, at)
		text += fmt.Sprintf("\nIn %s: %s.", scopeName(at, here), JoinIDs(ids))
	}
	return text
}

// scopeName names where an order holds, for a person in the conversation here.
func scopeName(at, here providerauth.Scope) string {
	switch at {
	case "":
		return "everywhere"
	case here:
		return fmt.Sprintf("this conversation (%s)", at)
	}
	return string(at)
}

// orders tells of every provider that has an order, for the whole list of sign-ins.
func orders(ctx context.Context, c *Call) (text string) {
	m := c.Host.Auth()
	for _, s := range m.Schemes() {
		ids, _ := m.Order(ctx, s.ID, c.Scope)
		if len(ids) > 0 || len(m.Scopes(ctx, s.ID)) > 0 {
			text += "\n" + OrderText(ctx, m, s, c.Scope, !c.Private)
		}
	}
	if text != "" {
		text = "\n" + text
	}
	return text
}

// JoinIDs lists accounts for people.
func JoinIDs(ids []providerauth.ID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = string(id)
	}
	return strings.Join(names, ", ")
}
