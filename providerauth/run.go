package providerauth

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"
)

const (
	aheadMin  = 5 * time.Minute
	soon      = 24 * time.Hour // "expires soon", for what cannot renew itself
	tick      = time.Second
	failsTold = 3 // failed renewals in a row before the owners are told
)

// Run renews sign-ins ahead of time and tells the owners what they should know, until ctx ends. It sees changes by
// other processes within a second. It is called once.
func (m *Manager) Run(ctx context.Context) {
	t := time.NewTicker(tick)
	defer t.Stop()
	told := map[ID]string{}
	for {
		v := m.look()
		now := time.Now()
		for id, c := range v.creds {
			m.ahead(ctx, v, id, c, now)
		}
		m.announce(ctx, v, now, told)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// ahead starts a renewal whose time has come, and the second attempt to write one that could not be written.
func (m *Manager) ahead(ctx context.Context, v *view, id ID, c *Credential, now time.Time) {
	sc := v.scheme(id.Provider())
	if sc == nil || sc.Refresh == nil || c.Type != OAuth || c.Refresh.Empty() || v.disabled(id) {
		return
	}
	m.mu.Lock()
	u, waiting := m.unsaved[id]
	if waiting && now.After(u.next) {
		u.next = now.Add(10 * time.Second)
		m.unsaved[id] = u
	} else {
		waiting = false
	}
	m.mu.Unlock()
	if !waiting && !due(c, now) {
		return
	}
	if _, dead := v.latched(c); dead || m.backedOff(c) != nil {
		return
	}
	_, _ = m.join(ctx, *sc, id, c.Access, false) // what comes of it is logged there
}

// due reports whether it is time to renew ahead: the larger of five minutes and a tenth of the token's life before its
// end, at most half its life, and earlier by some chance, so that many tokens and many gateways spread out.
func due(c *Credential, now time.Time) bool {
	if c.Expires.IsZero() {
		return c.Access.Empty()
	}
	ahead := aheadMin
	if !c.Issued.IsZero() && c.Issued.Before(c.Expires) {
		life := c.Expires.Sub(c.Issued)
		ahead = min(max(ahead, life/10), life/2)
	}
	var h maphash.Hash
	h.SetSeed(seed)
	_, _ = h.WriteString(c.Access.Reveal()) // never fails
	jitter := time.Duration(h.Sum64() % uint64(ahead/5+1))
	return !now.Before(c.Expires.Add(-ahead - jitter))
}

// seed makes the jitter of every process its own, and the same for a token at every look.
var seed = maphash.MakeSeed()

// announce tells the owners what they do not know yet. What has ended or will expire is remembered in the store, so
// that they are told once and not at every start; told remembers failing renewals.
func (m *Manager) announce(ctx context.Context, v *view, now time.Time, told map[ID]string) {
	if m.notify == nil {
		return
	}
	for id, c := range v.creds {
		sc := v.scheme(id.Provider())
		if sc == nil || v.disabled(id) {
			continue
		}
		if l, dead := v.latched(c); dead {
			if !l.Told {
				m.tellEnded(ctx, sc, id, l)
			}
			continue
		}
		m.mu.Lock()
		f := m.failures[id]
		m.mu.Unlock()
		switch {
		case f.count == 0:
			delete(told, id)
		case f.count >= failsTold && told[id] != f.token && f.token == c.Refresh.Fingerprint():
			told[id] = f.token
			m.notify(Event{Kind: Failing, ID: id, Name: sc.Name, At: c.Expires, Text: fmt.Sprintf(
				"The sign-in to %s could not be renewed %d times: %s. It is kept, and tried again; nothing is to be done yet.",
				title(sc, id), f.count, failureReason(f.err))})
		}
		if !renews(sc, c) && !c.Expires.IsZero() && now.Add(soon).After(c.Expires) && v.settings.Warned[id] != c.Secret().Fingerprint() {
			m.tellExpiring(ctx, sc, id, c, now)
		}
	}
}

func (m *Manager) tellEnded(ctx context.Context, sc *Scheme, id ID, l Latch) {
	tell := false
	err := m.store.UpdateSettings(ctx, func(s *Settings) error {
		cur, ok := s.Latched[id]
		if tell = ok && cur.Fingerprint == l.Fingerprint && !cur.Told; tell {
			cur.Told = true
			s.Latched[id] = cur
		}
		return nil
	})
	if err != nil || !tell {
		return
	}
	m.notify(Event{Kind: Ended, ID: id, Name: sc.Name, Text: fmt.Sprintf(
		"The sign-in to %s has ended: %s. Log in again with /login %s.", title(sc, id), l.Reason, id)})
}

func (m *Manager) tellExpiring(ctx context.Context, sc *Scheme, id ID, c *Credential, now time.Time) {
	tell, mark := false, c.Secret().Fingerprint()
	err := m.store.UpdateSettings(ctx, func(s *Settings) error {
		if tell = s.Warned[id] != mark; tell {
			if s.Warned == nil {
				s.Warned = map[ID]string{}
			}
			s.Warned[id] = mark
		}
		return nil
	})
	if err != nil || !tell {
		return
	}
	when := "runs out in " + left(c.Expires)
	if expired(c, now) {
		when = "has run out"
	}
	m.notify(Event{Kind: Expiring, ID: id, Name: sc.Name, At: c.Expires, Text: fmt.Sprintf(
		"The login to %s %s and cannot renew itself. Log in again with /login %s.", title(sc, id), when, id)})
}

// renews reports whether a credential can renew itself.
func renews(sc *Scheme, c *Credential) bool {
	return c.Type == OAuth && !c.Refresh.Empty() && sc.Refresh != nil
}

// title names a credential for people: "Anthropic", "Anthropic (work)".
func title(sc *Scheme, id ID) string {
	if id.Account() == "" {
		return sc.Name
	}
	return sc.Name + " (" + id.Account() + ")"
}

func failureReason(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Reason != "" {
		return e.Reason
	}
	return "its server could not be reached, or failed"
}
