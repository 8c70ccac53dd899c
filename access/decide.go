package access

import (
	"context"
	"slices"
	"strings"

	"chatgateway/channels"
)

// Decide implements Policy. Messages, edits, presses and commands are the same to it. A stranger in a private chat is
// given a pairing code, once; for that one short write is made.
func (a *Access) Decide(ctx context.Context, account channels.AccountID, m channels.Message) Decision {
	if a.o.Local(account) {
		return Decision{Role: Owner, Why: "of this host"}
	}
	if m.From == "" {
		return a.nobody(account, m)
	}
	p := Person{account, m.From}
	a.mu.Lock()
	d, asks := a.decide(p, m)
	a.mu.Unlock()
	if asks {
		return a.pair(ctx, p, m)
	}
	return d
}

// nobody decides about a message of a sender for whom the service does not vouch: an anonymous admin, a channel that
// writes in a group. Where the bot would answer others they are told why it does not answer them, once in a conversation.
func (a *Access) nobody(account channels.AccountID, m channels.Message) Decision {
	d := Decision{Why: "the service does not vouch for the sender"}
	a.mu.Lock()
	defer a.mu.Unlock()
	c, known := a.config.Accounts[account]
	if !known || m.Private || !m.Addressed || m.Edited || c.groups() == "off" || !listed(c, m) {
		return d
	}
	at := where{account, m.Conversation}
	if !a.faceless[at] && len(a.faceless) < maxTold {
		a.faceless[at] = true
		d.Reply = "I cannot tell who wrote that, so I may not answer. Write as yourself: not anonymously, and not in the name of a group or channel."
	}
	return d
}

// listed reports whether a message stands in one of the account's groups.
func listed(c Account, m channels.Message) bool {
	return slices.Contains(c.Groups, star) ||
		slices.ContainsFunc(m.Places, func(id channels.PlaceID) bool { return has(c.Groups, string(id)) })
}

// decide is Decide without the pairing; pair says that it is the case. a.mu is held.
func (a *Access) decide(p Person, m channels.Message) (d Decision, pair bool) {
	c, known := a.config.Accounts[p.Account]
	g := a.grants[a.spelled(p)]
	owner := g.Role == Owner || has(c.Owners, string(p.ID))
	switch {
	case !known && !owner:
		return Decision{Why: "the account is not configured"}, false
	case m.Private:
		return a.private(p, c, g, owner, m)
	default:
		return group(c, p, g, owner, m), false
	}
}

func (a *Access) private(p Person, c Account, g Grant, owner bool, m channels.Message) (d Decision, pair bool) {
	policy := c.private()
	switch {
	case owner:
		return Decision{Role: Owner, Why: "owner"}, false
	case policy == "off":
		return Decision{Why: "private chats are off"}, false
	case has(c.AllowFrom, string(p.ID)):
		return Decision{Role: User, Why: "in allow_from"}, false
	case g.Role == User:
		return Decision{Role: User, Why: "granted by " + g.By}, false
	case policy != "pairing":
		return Decision{Why: "not in allow_from"}, false
	case m.Press != "" || m.Edited || isClaim(m.Text):
		return Decision{Why: "a stranger"}, false
	default:
		return Decision{}, true
	}
}

// isClaim: somebody with the claim code is no stranger who asks to be let in.
func isClaim(text string) bool {
	word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	return strings.EqualFold(word, "/claim")
}

// group decides outside private chats. What was granted for private chats opens no group.
func group(c Account, p Person, g Grant, owner bool, m channels.Message) Decision {
	policy := c.groups()
	addressed := m.Addressed || m.Press != ""
	place := listed(c, m)
	switch {
	case policy == "off":
		return Decision{Why: "groups are off"}
	case owner && addressed:
		return Decision{Role: Owner, Why: "owner"}
	case !place:
		return Decision{Why: "not in groups"}
	case !addressed && policy != "open":
		return Decision{Why: "not addressed"}
	case owner:
		return Decision{Role: Owner, Why: "owner"}
	case has(c.AllowFrom, string(p.ID)):
		return Decision{Role: User, Why: "in allow_from"}
	case g.Role == User && g.Groups:
		return Decision{Role: User, Why: "granted by " + g.By}
	case slices.Contains(c.Roles, star) || slices.ContainsFunc(m.Roles, func(r string) bool { return has(c.Roles, r) }):
		return Decision{Role: User, Why: "by role"}
	default:
		return Decision{Why: "not in allow_from, and no role of roles"}
	}
}
