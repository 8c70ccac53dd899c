package providerauth

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"time"
)

// failed sorts a failed renewal: ended for good, or worth another try later. It keeps the credential in any case.
func (m *Manager) failed(ctx context.Context, sc Scheme, id ID, a attempt, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e // not from the provider
	}
	if a.begun && (errors.Is(err, ErrNeedsLogin) || errors.Is(err, errSameToken)) {
		return m.latch(ctx, sc, id, a, err)
	}
	reason := reasonOf(err, "its server could not be reached, or failed")
	if !a.begun {
		reason = "another process holds the credential, or it cannot be read"
	}
	e := &Error{Kind: ErrRenewal, ID: id, Name: sc.Name, Reason: reason, Err: err}
	token := a.old.Refresh.Fingerprint()
	m.mu.Lock()
	f := m.failures[id]
	if f.token != token {
		f = failure{token: token}
	}
	f.count++
	f.next, f.err = time.Now().Add(backoff(f.count, retryAfter(err))), e
	m.failures[id] = f
	m.mu.Unlock()
	m.log.Warn("sign-in not renewed", "credential", string(id), "failures", f.count, "reason", reason)
	if a.begun {
		m.note(ctx, id, Latch{Fingerprint: token, Since: time.Now(), Reason: reason, Unknown: a.cut || unknown(err)})
	}
	return e
}

// note writes down what came of a renewal.
func (m *Manager) note(ctx context.Context, id ID, l Latch) {
	err := m.store.UpdateSettings(ctx, func(s *Settings) error {
		if s.Renewals[id].Fingerprint == l.Fingerprint {
			s.Renewals[id] = l
		}
		return nil
	})
	if err != nil {
		m.log.Warn("failed renewal not written down", "credential", string(id), "err", err)
	}
}

// latch writes down that a refresh token was refused for good.
func (m *Manager) latch(ctx context.Context, sc Scheme, id ID, a attempt, cause error) error {
	reason := reasonOf(cause, "the provider does not renew it any more")
	if errors.Is(cause, errSameToken) {
		reason = "the provider refuses its token"
	}
	if a.cut {
		m.lost.Add(1)
		reason = "an earlier renewal was cut off before its answer was kept, and the provider does not take the old token any more"
	}
	l := Latch{Fingerprint: a.old.Refresh.Fingerprint(), Since: time.Now(), Reason: reason}
	err := m.store.UpdateSettings(ctx, func(s *Settings) error {
		if s.Latched == nil {
			s.Latched = map[ID]Latch{}
		}
		s.Latched[id] = l
		delete(s.Renewals, id)
		return nil
	})
	m.log.Warn("sign-in has ended", "credential", string(id), "reason", reason, "cut", a.cut)
	if err != nil {
		m.log.Warn("ended sign-in not written down", "credential", string(id), "err", err)
	}
	return &Error{Kind: ErrNeedsLogin, ID: id, Name: sc.Name, Reason: reason, Err: cause}
}

func reasonOf(err error, otherwise string) string {
	var u interface{ Reason() string }
	if errors.As(err, &u) {
		return u.Reason()
	}
	return otherwise
}

// backedOff gives the last failure while it is too early for another try.
func (m *Manager) backedOff(c *Credential) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if u, ok := m.unsaved[c.ID]; ok && u.cred.Access.Equal(c.Access) {
		return nil
	}
	f, ok := m.failures[c.ID]
	if !ok || f.token != c.Refresh.Fingerprint() || !time.Now().Before(f.next) {
		return nil
	}
	return f.err
}

// backoff is how long to wait after the nth failure in a row: 5 seconds, doubling to 5 minutes, a quarter of it
// chance; or what the server asked for.
func backoff(n int, asked time.Duration) time.Duration {
	d := min(5*time.Second<<min(n-1, 10), 5*time.Minute)
	if asked > 0 {
		d = min(asked, 5*time.Minute)
	}
	return d + rand.N(d/4+1)
}

func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*OAuthError](err); ok {
		return e.RetryAfter
	}
	return 0
}

// unknown reports whether the server may have taken the refresh token and its answer was lost.
func unknown(err error) bool {
	e, ok := errors.AsType[*OAuthError](err)
	if !ok {
		return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	}
	return e.Cut || e.Status == 0 && !e.Unsent && !unsent(err)
}

// unsent reports whether the request never left: no address, no connection.
func unsent(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial"
}
