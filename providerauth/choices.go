package providerauth

import (
	"context"
	"fmt"
	"slices"
)

// Accounts lists the stored credentials of a provider, in the order in which they are tried without a set one.
func (m *Manager) Accounts(_ context.Context, provider string) []ID {
	v := m.look()
	sc := v.scheme(provider)
	if sc == nil {
		return nil
	}
	return slices.Clone(v.byID[sc.ID].stored)
}

// Enable switches a credential on or off without touching it. Switched off, it is passed over, and the environment does
// not step in for it. Switched on where there is none, its provider is one of SignInFirst.
func (m *Manager) Enable(ctx context.Context, id ID, on bool) error {
	v := m.look()
	sc, id, err := v.canonical(id)
	if err != nil {
		return err
	}
	_, missing := m.inForce(ctx, v, sc, id)
	err = m.store.UpdateSettings(ctx, func(s *Settings) error {
		s.Disabled = slices.DeleteFunc(s.Disabled, func(d ID) bool { return d == id })
		s.Enabled = slices.DeleteFunc(s.Enabled, func(p string) bool { return p == sc.ID })
		switch {
		case !on:
			s.Disabled = append(s.Disabled, id)
		case missing != nil && v.creds[id] == nil:
			s.Enabled = append(s.Enabled, sc.ID)
		}
		return nil
	})
	m.look()
	return err
}

// SignInFirst lists the providers that were switched on without a credential: the first message for one of them starts
// the sign-in.
func (m *Manager) SignInFirst(context.Context) []string {
	return slices.Clone(m.look().settings.Enabled)
}

// Order gives the order in which a provider's credentials are tried that the owner or config set; nil: none is set.
func (m *Manager) Order(_ context.Context, provider string) []ID {
	v := m.look()
	sc := v.scheme(provider)
	if sc == nil {
		return nil
	}
	return slices.Clone(v.byID[sc.ID].order)
}

// SetOrder sets the order in which a provider's credentials are tried, and that no other is; "env" stands for the
// environment. Accounts may be named alone ("work") or whole ("anthropic:work"). nil takes the order away, and config's
// holds again.
func (m *Manager) SetOrder(ctx context.Context, provider string, order []ID) error {
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
		if len(ids) == 0 {
			delete(s.Order, sc.ID)
			return nil
		}
		if s.Order == nil {
			s.Order = map[string][]ID{}
		}
		s.Order[sc.ID] = ids
		return nil
	})
	m.look()
	return err
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

// named gives the whole id of an entry of an order, which may be an account's name alone.
func (v *view) named(sc *Scheme, id ID) ID {
	switch {
	case v.creds[id] != nil || id == ID(sc.ID):
		return id
	case v.scheme(id.Provider()) == sc:
		return MakeID(sc.ID, id.Account())
	}
	return MakeID(sc.ID, string(id))
}

// DefaultModel gives the model that `/model default` set; "" if none is.
func (m *Manager) DefaultModel(context.Context) string { return m.look().settings.Model }

// SetDefaultModel sets it; "" takes it away.
func (m *Manager) SetDefaultModel(ctx context.Context, ref string) error {
	err := m.store.UpdateSettings(ctx, func(s *Settings) error {
		s.Model = ref
		return nil
	})
	m.look()
	return err
}
