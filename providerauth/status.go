package providerauth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"chatgateway/internal/status"
)

// The states of a credential in status.Provider.State.
const (
	StateOK         = "ok"
	StateExpiring   = "expiring"    // within a day, and it cannot renew itself
	StateExpired    = "expired"     // with Renews: it is renewed at the next use
	StateNeedsLogin = "needs-login" // the provider does not renew it any more
	StateCooling    = "cooling"
	StateDisabled   = "disabled"
	StateMissing    = "missing"
)

// Status tells of every credential of a provider, in the order of trying, or of all providers for "". A provider
// without one has a row that says so. It is computed from what requests get, does no network call and renews nothing.
// InUse is left to who knows the model in force. The error is ErrUnknown's; an unreadable file is told by StoreErr.
func (m *Manager) Status(ctx context.Context, provider string) ([]status.Provider, error) {
	v := m.look()
	now := time.Now()
	if provider != "" {
		sc := v.scheme(provider)
		if sc == nil {
			return nil, &Error{Kind: ErrUnknown, ID: ID(provider)}
		}
		return m.rows(ctx, v, sc, now), nil
	}
	var out []status.Provider
	for i := range v.schemes {
		out = append(out, m.rows(ctx, v, &v.schemes[i], now)...)
	}
	for _, id := range slices.Sorted(maps.Keys(v.creds)) {
		if v.scheme(id.Provider()) == nil {
			out = append(out, status.Provider{
				ID: string(id), Name: id.Provider(), Account: id.Account(), Configured: true, Source: string(FromStore),
				State: StateOK, LastError: "This gateway has no provider of this name. The record is kept.",
			})
		}
	}
	return out, nil
}

// rows tells of one provider.
func (m *Manager) rows(ctx context.Context, v *view, sc *Scheme, now time.Time) []status.Provider {
	p := v.byID[sc.ID]
	var out []status.Provider
	for _, id := range p.overIDs {
		out = append(out, m.row(ctx, v, sc, p.over[id], now))
	}
	for _, id := range v.inOrder(p) {
		if p.over[id] == nil {
			r := m.row(ctx, v, sc, v.creds[id], now)
			if r.Note == "" && v.unordered(p, id) {
				r.Note = fmt.Sprintf("It is used only where it is pinned: the order that is set for %s does not name it.", sc.Name)
			}
			out = append(out, r)
		}
	}
	if env := m.fromEnv(v, sc, v.envID(sc)); env != nil {
		r := m.row(ctx, v, sc, env, now)
		if len(p.stored) > 0 && !slices.ContainsFunc(p.order, func(id ID) bool { return isEnv(id, sc.ID) }) {
			r.Note = "It is not used while something is stored, unless an order names it (env)."
		}
		out = append(out, r)
	}
	for id, err := range v.bad {
		if v.scheme(id.Provider()) == sc {
			out = append(out, status.Provider{
				ID: string(id), Name: sc.Name, Account: id.Account(), Configured: true, Source: string(FromStore),
				State: StateMissing, LastError: userMessage(err),
			})
		}
	}
	if len(out) > 0 {
		return out
	}
	r := status.Provider{ID: sc.ID, Name: sc.Name, State: StateMissing}
	if v.disabled(ID(sc.ID)) {
		r.State = StateDisabled
	}
	if sc.NoKey {
		r.Configured, r.Source = true, string(FromNone)
		if r.State == StateMissing {
			r.State = StateOK
		}
	}
	return append(out, r)
}

// unordered reports whether an order is set that leaves a stored id out.
func (v *view) unordered(p *provider, id ID) bool {
	return p.order != nil && !slices.ContainsFunc(p.order, func(o ID) bool { return v.named(p.scheme, o) == id })
}

// inOrder gives the stored ids, those of a set order first.
func (v *view) inOrder(p *provider) []ID {
	if p.order == nil {
		return p.stored
	}
	var out []ID
	for _, id := range slices.Concat(p.order, p.stored) {
		if id = v.named(p.scheme, id); v.creds[id] != nil && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// row tells of one credential.
func (m *Manager) row(ctx context.Context, v *view, sc *Scheme, c *Credential, now time.Time) status.Provider {
	r := status.Provider{
		ID: string(c.ID), Name: sc.Name, Account: c.ID.Account(), Configured: true, Source: string(c.Source),
		Label: c.Label, Method: "key", State: StateOK, Expires: c.Expires, Renews: renews(sc, c),
	}
	switch c.Type {
	case OAuth:
		r.Method = "oauth"
	case Token:
		r.Method = "token"
	}
	if r.Label == "" {
		r.Label = c.Owner
	}
	if r.Label == "" {
		r.Label = refLabel(c)
	}
	m.judge(v, c, &r, now)
	if why := m.leadsNowhere(ctx, *c); why != "" && r.State == StateOK {
		r.State, r.LastError = StateMissing, "Its reference leads nowhere: "+why+"."
	}
	if first := v.rival(sc, c.ID); first != "" && c.Source == FromStore {
		r.Note = fmt.Sprintf("%s is another name of %s, which is stored too and goes first. If you do not need it: /auth %s logout", c.ID, first, c.ID)
	}
	return r
}

// judge sets the state and the last error of a row.
func (m *Manager) judge(v *view, c *Credential, r *status.Provider, now time.Time) {
	if l, ok := v.settings.Renewals[c.ID]; ok && l.Reason != "" && l.Fingerprint == c.Refresh.Fingerprint() {
		r.LastError = "The last renewal failed: " + l.Reason + "."
	}
	if k, cooling := m.cool.peek(c, now); cooling {
		r.State, r.CoolUntil = StateCooling, k.until
		r.LastError = "It is passed over because " + reasons[k.outcome] + "."
	}
	latch, dead := v.latched(c)
	switch {
	case v.disabled(c.ID) && c.Source != FromRuntime:
		r.State = StateDisabled
	case dead:
		r.State, r.Renews = StateNeedsLogin, false
		r.LastError = "The sign-in has ended: " + latch.Reason + "."
	case expired(c, now) || c.Type == OAuth && c.Access.Empty():
		r.State = StateExpired
		if !r.Renews {
			r.LastError = "It has run out and cannot renew itself."
		}
	case !r.Renews && !c.Expires.IsZero() && now.Add(soon).After(c.Expires) && r.State == StateOK:
		r.State = StateExpiring
	}
}

// userMessage is the sentence of an error, or its text.
func userMessage(err error) string {
	var u interface{ UserMessage() string }
	if errors.As(err, &u) {
		return u.UserMessage()
	}
	return err.Error()
}
