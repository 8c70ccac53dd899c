package providerauth

import (
	"context"
	"errors"
	"maps"
	"time"

	"chatgateway/internal/secret"
)

// flight is a renewal under way; everybody in this process who wants it waits for the same one.
type flight struct {
	done   chan struct{}
	cancel context.CancelFunc // ends the exchange: the credential is logged out
	cred   Credential         // after done
	err    error
}

// failure counts renewals that came to nothing, so that a server that is down is not asked at every message.
type failure struct {
	token string // fingerprint of the refresh token
	count int
	next  time.Time
	err   error
}

// unsaved is a renewed credential that could not be written. It is used from memory and written later: the provider
// has thrown its predecessor away.
type unsaved struct {
	cred Credential
	from string // fingerprint of the refresh token that it replaces
	next time.Time
}

// errUnchanged ends a Store.Update that has nothing to write.
var errUnchanged = errors.New("nothing to write")

// Renew renews the credential behind stale after the service refused it, once: if the stored one is another by now,
// that one is given; an exchange that brings the same token again counts as a failure. For a key it looks whether it
// was changed meanwhile. Errors are as of Credential.
func (m *Manager) Renew(ctx context.Context, stale Credential) (Credential, error) {
	v := m.look()
	sc := v.scheme(stale.ID.Provider())
	if sc == nil {
		return Credential{}, &Error{Kind: ErrUnknown, ID: stale.ID}
	}
	cur := v.creds[stale.ID]
	if stale.Type == OAuth && stale.Source != FromEnv && stale.Source != FromRuntime {
		c, err := m.renew(ctx, v, sc, stale.ID, stale.Access, true)
		if errors.Is(err, ErrNeedsLogin) {
			m.refuse(stale)
		}
		return c, err
	}
	refused := &Error{Kind: ErrNeedsLogin, ID: stale.ID, Name: sc.Name, Reason: "the " + keyWord(stale.Type) + " was refused"}
	if stale.Source != FromStore || cur == nil {
		return Credential{}, refused
	}
	again, err := m.fresh(ctx, v, sc, cur, time.Now())
	if err != nil {
		return Credential{}, err
	}
	if again.Secret().Equal(stale.Secret()) {
		return Credential{}, refused
	}
	return again, nil
}

// refuse remembers that the service refused a token whose sign-in has ended: it is not sent again until its date.
func (m *Manager) refuse(stale Credential) {
	v := m.look()
	c := v.creds[stale.ID]
	if c == nil {
		return
	}
	if _, dead := v.latched(c); !dead {
		return // it may have been refused by mistake
	}
	m.mu.Lock()
	m.refused[stale.ID] = stale.Access.Fingerprint()
	m.mu.Unlock()
	m.refusals.Store(true)
}

// wasRefused reports whether this token was.
func (m *Manager) wasRefused(c *Credential) bool {
	if !m.refusals.Load() {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.refused[c.ID]
	return ok && f == c.Access.Fingerprint()
}

func keyWord(t Type) string {
	if t == Token {
		return "token"
	}
	return "key"
}

// renew gives a token that is good and not stale. It joins a renewal under way, else starts one; ctx bounds the
// waiting only. forced: the service refused stale, whatever its date says.
func (m *Manager) renew(ctx context.Context, v *view, sc *Scheme, id ID, stale secret.String, forced bool) (Credential, error) {
	if c := v.creds[id]; c != nil {
		if l, dead := v.latched(c); dead {
			return Credential{}, &Error{Kind: ErrNeedsLogin, ID: id, Name: sc.Name, Reason: l.Reason}
		}
		if sc.Refresh == nil || c.Refresh.Empty() {
			return Credential{}, &Error{Kind: ErrNeedsLogin, ID: id, Name: sc.Name, Reason: "it cannot renew itself"}
		}
		if err := m.backedOff(c); err != nil {
			return Credential{}, err
		}
	}
	for try := 0; ; try++ {
		fl, err := m.join(ctx, *sc, id, stale, forced)
		if err != nil {
			return Credential{}, err
		}
		select {
		case <-fl.done:
		case <-ctx.Done():
			return Credential{}, ctx.Err()
		}
		if fl.err == nil && forced && fl.cred.Access.Equal(stale) && try == 0 {
			continue // it was begun before the service refused this token
		}
		return fl.cred, fl.err
	}
}

// join gives the renewal under way, or a new one. It outlives ctx: what the provider answers must reach the disk.
func (m *Manager) join(ctx context.Context, sc Scheme, id ID, stale secret.String, forced bool) (*flight, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if fl := m.flights[id]; fl != nil {
		return fl, nil
	}
	if m.closed {
		return nil, &Error{Kind: ErrRenewal, ID: id, Name: sc.Name, Reason: "the gateway is stopping"}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	fl := &flight{done: make(chan struct{}), cancel: cancel}
	m.flights[id] = fl
	m.tasks.Go(func() { // ends with the exchange, which has a deadline; Close waits for it
		defer cancel()
		fl.cred, fl.err = m.exchange(ctx, sc, id, stale, forced)
		m.look() // so that whoever waits finds the new one
		m.mu.Lock()
		delete(m.flights, id)
		m.mu.Unlock()
		close(fl.done)
	})
	return fl, nil
}

// attempt is what is known of one renewal while it runs.
type attempt struct {
	stored string     // fingerprint of the refresh token in the store
	old    Credential // what was renewed
	cut    bool       // an earlier renewal of the same token ended without a known answer
	begun  bool       // the provider was asked
	done   bool       // the provider gave another token
	got    Credential
}

// exchange renews one credential under its lock. ctx ends only if the credential is logged out.
func (m *Manager) exchange(ctx context.Context, sc Scheme, id ID, stale secret.String, forced bool) (Credential, error) {
	var a attempt
	err := m.store.Update(context.WithoutCancel(ctx), id, func(work context.Context, stored Credential) (Credential, error) {
		work, cancel := context.WithCancel(work)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		return a.run(work, m, sc, id, stored, stale, forced)
	})
	a.got.ID, a.got.Source = id, FromStore
	switch {
	case err == nil || errors.Is(err, errUnchanged):
		m.settled(id, a.done)
		return a.got, nil
	case a.done:
		m.keep(a, err)
		return a.got, nil
	case ctx.Err() != nil:
		return Credential{}, &Error{Kind: ErrNone, ID: id, Name: sc.Name, Reason: "it was logged out"}
	default:
		return Credential{}, m.failed(ctx, sc, id, a, err)
	}
}

// run is what happens under the lock: look again, then ask the provider.
func (a *attempt) run(ctx context.Context, m *Manager, sc Scheme, id ID, stored Credential, stale secret.String, forced bool) (Credential, error) {
	now := time.Now()
	a.stored, a.old = stored.Refresh.Fingerprint(), stored
	fits := func(c *Credential) bool {
		return good(c, now) && (!c.Access.Equal(stale) || !forced && !due(c, now))
	}
	if u, ok := m.pending(id, a.stored); ok { // renewed before, and not written yet
		a.old = u
		if fits(&u) {
			a.got, a.done = u, true
			return u, nil
		}
	}
	if err := m.renewable(ctx, sc, id, a.old); err != nil {
		return Credential{}, err
	}
	if fits(&a.old) { // somebody else was first
		a.got = a.old
		return Credential{}, errUnchanged
	}
	if err := m.begin(ctx, id, a); err != nil {
		return Credential{}, err
	}
	fresh, err := sc.Refresh(ctx, a.old)
	if err != nil {
		return Credential{}, err
	}
	if fresh, err = merged(a.old, fresh, time.Now()); err != nil {
		return Credential{}, err
	}
	m.learn(fresh.secrets()...)
	if forced && fresh.Access.Equal(stale) {
		return Credential{}, errSameToken
	}
	a.got, a.done = fresh, true
	return fresh, nil
}

// errSameToken: the provider gave the token again that the service just refused.
var errSameToken = errors.New("the provider gave the refused token again")

// renewable says why there is nothing to renew; nil: there is.
func (m *Manager) renewable(ctx context.Context, sc Scheme, id ID, old Credential) error {
	if old.IsZero() {
		return &Error{Kind: ErrNone, ID: id, Name: sc.Name, Reason: "it was logged out"}
	}
	if old.Type != OAuth || old.Refresh.Empty() || sc.Refresh == nil {
		return &Error{Kind: ErrNeedsLogin, ID: id, Name: sc.Name, Reason: "it cannot renew itself"}
	}
	s, err := m.store.Settings(ctx)
	if err != nil {
		return err
	}
	if l, ok := s.Latched[id]; ok && l.Fingerprint == old.Refresh.Fingerprint() {
		return &Error{Kind: ErrNeedsLogin, ID: id, Name: sc.Name, Reason: l.Reason}
	}
	return nil
}

// merged completes what an exchange gave with what it left out.
func merged(old, fresh Credential, now time.Time) (Credential, error) {
	if fresh.Access.Empty() {
		return Credential{}, errors.New("the answer holds no access token")
	}
	fresh.ID, fresh.Type = old.ID, OAuth
	if fresh.Refresh.Empty() {
		fresh.Refresh = old.Refresh
	}
	if fresh.Owner == "" {
		fresh.Owner = old.Owner
	}
	if len(old.Extra) > 0 {
		extra := maps.Clone(old.Extra)
		maps.Copy(extra, fresh.Extra)
		fresh.Extra = extra
	}
	fresh.Issued = now
	if !fresh.Expires.IsZero() && !now.Before(fresh.Expires) {
		fresh.Expires = time.Time{} // a token is not given when it is over: one of the clocks is wrong
	}
	return fresh, nil
}

// begin writes down that a refresh token is about to be sent. After a crash the next one who is refused can tell that
// the answer was lost.
func (m *Manager) begin(ctx context.Context, id ID, a *attempt) error {
	token := a.old.Refresh.Fingerprint()
	err := m.store.UpdateSettings(ctx, func(s *Settings) error {
		before, ok := s.Renewals[id]
		a.cut = ok && before.Unknown && before.Fingerprint == token
		if s.Renewals == nil {
			s.Renewals = map[ID]Latch{}
		}
		s.Renewals[id] = Latch{Fingerprint: token, Since: time.Now(), Unknown: true}
		return nil
	})
	a.begun = err == nil
	return err
}

// pending gives a renewed credential that could not be written yet, if it replaces what is stored.
func (m *Manager) pending(id ID, stored string) (Credential, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, ok := m.unsaved[id]
	return u.cred, ok && u.from == stored
}

// keep holds a renewed credential that could not be written.
func (m *Manager) keep(a attempt, err error) {
	m.mu.Lock()
	m.unsaved[a.got.ID] = unsaved{cred: a.got, from: a.stored, next: time.Now().Add(10 * time.Second)}
	m.mu.Unlock()
	m.gen.Add(1)
	m.log.Error("renewed sign-in not written, it is used from memory until it can be", "credential", string(a.got.ID), "err", err)
}

// settled forgets earlier failures.
func (m *Manager) settled(id ID, exchanged bool) {
	m.mu.Lock()
	delete(m.failures, id)
	delete(m.unsaved, id)
	m.mu.Unlock()
	if exchanged {
		m.log.Info("sign-in renewed", "credential", string(id))
	}
}
