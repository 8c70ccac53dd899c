package providerauth

import (
	"context"
	"time"
)

// probe tries a credential. It never fails: what could not be checked is said.
func (m *Manager) probe(ctx context.Context, sc *Scheme, c Credential) Finding {
	if sc.Probe == nil {
		return Finding{Note: "It could not be checked: the service has no call for that."}
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	f, err := sc.Probe(ctx, c)
	if err != nil {
		m.log.Warn("credential not checked", "credential", string(c.ID), "err", err)
		f.Works, f.Sure = false, false
		if f.Note == "" {
			f.Note = "It could not be checked: the service cannot be reached at the moment, or failed."
		}
	}
	return f
}

// Check tries the credential of an id with the service's cheapest call, renewed first if need be, and ends its
// cool-down if it works. Errors are as of Credential; a refusal is no error but a Finding.
func (m *Manager) Check(ctx context.Context, id ID) (Finding, error) {
	v := m.look()
	sc, id, err := v.canonical(id)
	if err != nil {
		return Finding{}, err
	}
	c, err := m.inForce(ctx, v, sc, id)
	if err != nil {
		return Finding{}, err
	}
	f := m.probe(ctx, sc, c)
	if f.Sure && !f.Works && c.Type == OAuth {
		if again, err := m.Renew(ctx, c); err == nil {
			f = m.probe(ctx, sc, again)
		}
	}
	if f.Sure && f.Works && m.cool.clear(c.ID) {
		m.tell()
	}
	return f, nil
}

// inForce gives what an id stands for now, cooling or not: its override, its record, or the environment.
func (m *Manager) inForce(ctx context.Context, v *view, sc *Scheme, id ID) (Credential, error) {
	now := time.Now()
	cands := v.candidates(sc, Want{Provider: sc.ID, Account: id.Account()}, nil)
	if id.Account() == "" {
		cands = v.candidates(sc, Want{Provider: sc.ID, Order: []ID{id}}, nil)
		if len(cands) == 0 {
			cands = append(cands, candidate{id: v.envID(sc), src: FromEnv})
		}
	}
	for _, c := range cands {
		switch c.src {
		case FromNone:
			return Credential{ID: c.id, Source: FromNone}, nil
		case FromEnv:
			if e := m.fromEnv(v, sc, c.id); e != nil {
				return *e, nil
			}
			if sc.NoKey {
				return Credential{ID: id, Source: FromNone}, nil
			}
		default:
			return m.fresh(ctx, v, sc, c.cred, now)
		}
	}
	return Credential{}, v.nothing(sc, id)
}
