package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"chatgateway/providerauth"
)

// one finds the one model that a text means. Where several fit, the person chooses; ok is false then.
func one(ctx context.Context, c *Call, text, again string) (m Model, ok bool, err error) {
	found, err := match(ctx, c, text)
	if err != nil {
		return m, false, err
	}
	if len(found) > 1 {
		var cs []Choice
		for _, f := range found[:min(len(found), pageSize)] {
			cs = append(cs, Choice{Label: f.Ref.String(), Run: again + f.Ref.String()})
		}
		return m, false, c.say(ctx, fmt.Sprintf("%d models fit %q. Which one?", len(found), text), cs...)
	}
	return found[0], true, nil
}

// match finds the models that a text means. A trailing "@work" or "@anthropic:work" pins that account where there is
// one; else the "@" belongs to the model's name, as in "claude-3@20240229".
func match(ctx context.Context, c *Call, text string) ([]Model, error) {
	for at := range text {
		if text[at] != '@' || at == 0 {
			continue
		}
		head, tail := text[:at], text[at+1:]
		ids := pins(ctx, c.Host, tail)
		if len(ids) == 0 {
			continue
		}
		found, err := c.Host.Match(ctx, head)
		if err != nil {
			return nil, err
		}
		if found = pinTo(found, ids); len(found) == 0 {
			return nil, refusal(fmt.Sprintf("The account %s belongs to another provider than the model %s.", tail, head))
		}
		return found, nil
	}
	found, err := c.Host.Match(ctx, text)
	if err == nil {
		return found, nil
	}
	at := strings.LastIndex(text, "@")
	if at <= 0 {
		return nil, err
	}
	if found, herr := c.Host.Match(ctx, text[:at]); herr == nil && providerauth.CheckAccount(text[at+1:]) == nil {
		return nil, refusal(fmt.Sprintf("%s has no account %q. Log in to it first, with `/login %s:%[2]s`, or leave it out.",
			providerName(c.Host, found[0].Ref.Provider), text[at+1:], found[0].Ref.Provider))
	}
	return nil, err
}

// pins finds the accounts that "work" or "anthropic:work" means.
func pins(ctx context.Context, h Host, text string) (ids []providerauth.ID) {
	provider, account, whole := strings.Cut(text, ":")
	if !whole {
		account = text
	}
	for _, s := range h.Auth().Schemes() {
		if named, err := h.Auth().Scheme(provider); whole && (err != nil || named.ID != s.ID) {
			continue
		}
		for _, id := range h.Auth().Accounts(ctx, s.ID) {
			if strings.EqualFold(id.Account(), account) || id.Account() == "" && strings.EqualFold(account, "default") {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// pinTo leaves those of the models that one of the accounts opens, pinned to it.
func pinTo(found []Model, ids []providerauth.ID) (out []Model) {
	for _, m := range found {
		at := slices.IndexFunc(ids, func(id providerauth.ID) bool { return id.Provider() == m.Ref.Provider })
		if at < 0 {
			continue
		}
		if m.Ref.Account = ids[at].Account(); m.Ref.Account == "" {
			m.Ref.Account = "default"
		}
		out = append(out, m)
	}
	return out
}

func providerName(h Host, id string) string {
	if s, err := h.Auth().Scheme(id); err == nil {
		return s.Name
	}
	return id
}
