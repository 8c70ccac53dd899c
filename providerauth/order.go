package providerauth

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Scope says where an order holds: in all conversations of a chat account ("telegram:support"), or in one of them
// ("telegram:support/1234"). Empty: everywhere.
type Scope string

// MakeScope puts a Scope together; with the conversation "" it is the whole account.
func MakeScope(account, conversation string) Scope {
	if conversation == "" {
		return Scope(account)
	}
	return Scope(account + "/" + conversation)
}

// Channel gives the chat account of a Scope, as a Scope.
func (s Scope) Channel() Scope { account, _, _ := strings.Cut(string(s), "/"); return Scope(account) }

// Order gives the order in which a provider's credentials are tried there, and for which Scope it was set: the
// conversation, the chat account, or "" for everywhere, by the owner or by config. nil: none is set.
func (m *Manager) Order(_ context.Context, provider string, where Scope) ([]ID, Scope) {
	v := m.look()
	sc := v.scheme(provider)
	if sc == nil {
		return nil, ""
	}
	order, from := v.orderIn(v.byID[sc.ID], where)
	return slices.Clone(order), from
}

// Scopes lists where a provider has an order of its own, besides everywhere.
func (m *Manager) Scopes(_ context.Context, provider string) (all []Scope) {
	v := m.look()
	sc := v.scheme(provider)
	if sc == nil {
		return nil
	}
	for _, where := range slices.Sorted(maps.Keys(v.settings.OrderIn)) {
		if len(v.settings.OrderIn[where][sc.ID]) > 0 {
			all = append(all, where)
		}
	}
	return all
}

// SetOrder sets the order in which a provider's credentials are tried there, and that no other is; "env" stands for the
// environment. Accounts may be named alone ("work") or whole ("anthropic:work"). nil takes the order away, and that of
// the next wider Scope holds again: the chat account's, the one for everywhere, config's.
func (m *Manager) SetOrder(ctx context.Context, provider string, where Scope, order []ID) error {
	v := m.look()
	sc := v.scheme(provider)
	if sc == nil {
		return &Error{Kind: ErrUnknown, ID: ID(provider)}
	}
	var ids []ID
	for _, id := range order {
		full, err := v.listed(sc, id)
		if err != nil {
			return err
		}
		if !slices.Contains(ids, full) {
			ids = append(ids, full)
		}
	}
	err := m.store.UpdateSettings(ctx, func(s *Settings) error {
		if where == "" {
			s.Order = with(s.Order, sc.ID, ids)
		} else {
			s.OrderIn = with(s.OrderIn, where, with(s.OrderIn[where], sc.ID, ids))
		}
		return nil
	})
	m.look()
	return err
}

// MoveScope takes the orders of a conversation along to the one that took its place.
func (m *Manager) MoveScope(ctx context.Context, from, to Scope) error {
	if m.look().settings.OrderIn[from] == nil {
		return nil
	}
	err := m.store.UpdateSettings(ctx, func(s *Settings) error {
		s.OrderIn = with(with(s.OrderIn, to, s.OrderIn[from]), from, nil)
		return nil
	})
	m.look()
	return err
}

// with puts a value into a map, or takes it out where it is empty; the map is made if need be, nil once it is empty.
func with[K comparable, V ~[]ID | ~map[string][]ID](m map[K]V, key K, value V) map[K]V {
	if m = maps.Clone(m); m == nil {
		m = map[K]V{}
	}
	m[key] = value
	if maps.DeleteFunc(m, func(_ K, v V) bool { return len(v) == 0 }); len(m) == 0 {
		return nil
	}
	return m
}

// orderIn gives the order that holds in a Scope, and for which one it was set; nil: none is.
func (v *view) orderIn(p *provider, where Scope) ([]ID, Scope) {
	if where != "" && len(v.settings.OrderIn) > 0 {
		for _, at := range [...]Scope{where, where.Channel()} {
			if order := v.settings.OrderIn[at][p.scheme.ID]; len(order) > 0 {
				return order, at
			}
		}
	}
	return p.order, ""
}

// listed finds the credential that an entry of an order means.
func (v *view) listed(sc *Scheme, id ID) (ID, error) {
	if isEnv(id, sc.ID) {
		return envWord, nil
	}
	full := v.named(sc, id)
	if v.creds[full] == nil {
		return "", &Error{Kind: ErrNone, ID: full, Name: sc.Name, Reason: fmt.Sprintf("the order names %q", id)}
	}
	return full, nil
}

// firstNamed is the first login that an order names; empty if it names the environment alone.
func (v *view) firstNamed(sc *Scheme, order []ID) ID {
	for _, id := range order {
		if !isEnv(id, sc.ID) {
			return v.named(sc, id)
		}
	}
	return ""
}

// named gives the whole id of an entry of an order, which may be an account's name alone.
func (v *view) named(sc *Scheme, id ID) ID {
	switch {
	case v.creds[id] != nil || v.scheme(id.Provider()) == sc:
		return v.at(sc, id)
	}
	return v.at(sc, MakeID(sc.ID, string(id)))
}

func isEnv(id ID, provider string) bool {
	return id == envWord || id.Account() == envWord && id.Provider() == provider
}
