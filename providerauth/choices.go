package providerauth

import (
	"context"
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

// Variables lists the variables of the environment that serve a provider: its own, and OPENAI_API_KEY's like, as far as no
// other provider has them.
func (m *Manager) Variables(provider string) []string {
	v := m.look()
	sc := v.scheme(provider)
	if sc == nil {
		return nil
	}
	return slices.Clone(v.byID[sc.ID].env)
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
