package providerauth

import (
	"context"
	"errors"
	"slices"
)

// Logout is what a logout came to.
type Logout struct {
	Removed   bool   // there was one, and it is deleted here
	Revoked   bool   // the provider ended it too
	RevokeErr error  // why the provider did not; nil where it cannot be asked
	StillFrom string // the variable of the environment that still holds a key
}

// Logout deletes the credential here, always, and ends it at the provider where that can be done. A renewal under way
// does not bring it back, and Gone is closed. The error says that it could not be deleted; why the provider did not end
// it is in the Logout.
func (m *Manager) Logout(ctx context.Context, id ID) (Logout, error) {
	v := m.look()
	sc, id, err := v.canonical(id)
	if err != nil && v.creds[id] == nil {
		return Logout{}, err
	}
	m.mu.Lock()
	if fl := m.flights[id]; fl != nil {
		fl.cancel() // its result would be deleted anyway
	}
	over := id
	if sc != nil && v.rival(sc, id) == "" {
		over = MakeID(sc.ID, id.Account())
	}
	_, overridden := m.overrides[over]
	delete(m.overrides, over)
	m.mu.Unlock()

	var old Credential
	err = m.store.Update(ctx, id, func(_ context.Context, stored Credential) (Credential, error) {
		old = stored
		if u, ok := m.pending(id, stored.Refresh.Fingerprint()); ok {
			old = u
		}
		if stored.IsZero() {
			return Credential{}, errUnchanged
		}
		return Credential{}, nil
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		return Logout{}, err
	}
	out := Logout{Removed: err == nil || overridden}
	m.forget(id)
	m.goneNow(id)
	err = m.store.UpdateSettings(context.WithoutCancel(ctx), func(s *Settings) error {
		delete(s.Latched, id)
		delete(s.Renewals, id)
		delete(s.Warned, id)
		s.Disabled = slices.DeleteFunc(s.Disabled, func(d ID) bool { return d == id })
		return nil
	})
	v = m.look()
	if sc == nil {
		return out, err
	}
	if id.Account() == "" || id.Account() == envWord {
		if e := m.fromEnv(v, sc, id); e != nil {
			out.StillFrom = e.Label
		}
	}
	if sc.Revoke != nil && old.Type == OAuth {
		rctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTime)
		defer cancel()
		out.RevokeErr = sc.Revoke(rctx, old)
		out.Revoked = out.RevokeErr == nil
	}
	m.log.Info("logged out", "credential", string(id), "revoked", out.Revoked)
	return out, err
}
