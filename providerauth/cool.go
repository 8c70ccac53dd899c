package providerauth

import (
	"sync"
	"sync/atomic"
	"time"
)

// How long a credential is left alone after the first, the second, and every further refusal of a kind. They are
// short, because services send refusals by mistake too, and a wrong pause is worse than a wrong try.
var pauses = map[Outcome][3]time.Duration{
	RateLimited:  {30 * time.Second, time.Minute, 5 * time.Minute},
	NoCredit:     {time.Minute, 5 * time.Minute, 30 * time.Minute},
	Unauthorized: {30 * time.Second, 2 * time.Minute, 10 * time.Minute},
}

// reasons say why, as the end of a sentence.
var reasons = map[Outcome]string{
	RateLimited:  "it had too many requests",
	NoCredit:     "it said that there is no credit left",
	Unauthorized: "it refused the credential",
	Forbidden:    "it did not allow the request",
}

const (
	longestPause = time.Hour        // whatever the service asks for
	forgetAfter  = 2 * time.Hour    // then a refusal is a first one again
	tryTime      = 10 * time.Second // how long one request tries a credential before others may
)

// cooldowns are the credentials that are left alone for a while. They belong to this process and are not kept.
type cooldowns struct {
	any atomic.Bool // there may be one; spares the lock
	mu  sync.Mutex  // guards by
	by  map[ID]*cooldown
}

type cooldown struct {
	outcome Outcome
	strikes int
	since   time.Time
	until   time.Time
	trial   time.Time // since when one request tries it
	secret  string    // fingerprint of what was refused, where another secret would not be
}

// report takes in what a request came to, and tells whether anything changed.
func (cd *cooldowns) report(c Credential, o Outcome, retryAfter time.Duration, now time.Time) bool {
	steps, pause := pauses[o]
	if o != Worked && !pause {
		return false
	}
	if o == Worked && !cd.any.Load() {
		return false
	}
	cd.mu.Lock()
	defer cd.mu.Unlock()
	old := cd.by[c.ID]
	if o == Worked {
		if old == nil {
			return false
		}
		delete(cd.by, c.ID)
		cd.any.Store(len(cd.by) > 0)
		return true
	}
	k := &cooldown{outcome: o, strikes: 1, since: now}
	if old != nil && now.Before(old.until) && old.outcome == o && retryAfter == 0 {
		return false // requests that were under way together are one refusal
	}
	if old != nil && old.outcome == o && now.Sub(old.since) < forgetAfter {
		k.strikes = old.strikes + 1
	}
	wait := steps[min(k.strikes, len(steps))-1]
	k.until = now.Add(min(max(wait, retryAfter), longestPause))
	if old != nil && old.until.After(k.until) {
		k.until = old.until
	}
	if o == Unauthorized {
		k.secret = c.Secret().Fingerprint()
	}
	if cd.by == nil {
		cd.by = map[ID]*cooldown{}
	}
	cd.by[c.ID] = k
	cd.any.Store(true)
	return true
}

// peek tells whether the credential is cooling, without counting as a try.
func (cd *cooldowns) peek(c *Credential, now time.Time) (k cooldown, cooling bool) {
	if !cd.any.Load() {
		return cooldown{}, false
	}
	cd.mu.Lock()
	defer cd.mu.Unlock()
	return cd.find(c, now)
}

// take tells whether the credential may be used now. When its time has come, one request at a time may try it.
func (cd *cooldowns) take(c *Credential, now time.Time) (k cooldown, cooling bool) {
	if !cd.any.Load() {
		return cooldown{}, false
	}
	cd.mu.Lock()
	defer cd.mu.Unlock()
	k, cooling = cd.find(c, now)
	if cooling || k.until.IsZero() {
		return k, cooling
	}
	if trial := cd.by[c.ID].trial; !trial.IsZero() && now.Sub(trial) < tryTime {
		k.until = trial.Add(tryTime)
		return k, true
	}
	cd.by[c.ID].trial = now
	return k, false
}

func (cd *cooldowns) find(c *Credential, now time.Time) (cooldown, bool) {
	k := cd.by[c.ID]
	if k == nil || k.secret != "" && k.secret != c.Secret().Fingerprint() {
		return cooldown{}, false
	}
	return *k, now.Before(k.until)
}

// clear forgets about a credential, and tells whether there was something.
func (cd *cooldowns) clear(id ID) bool {
	cd.mu.Lock()
	defer cd.mu.Unlock()
	_, ok := cd.by[id]
	delete(cd.by, id)
	cd.any.Store(len(cd.by) > 0)
	return ok
}

// Report tells the Manager what a request with c came to. A refusal by too many requests, for lack of credit, or of
// the credential itself makes Credential pass it over for a while: seconds to minutes, longer if the service asked for
// it with retryAfter, never more than an hour. When the time has come, one request tries it; Worked, a new login or a
// successful Check ends it. Forbidden changes nothing: it is about a model or a right, not about the credential.
func (m *Manager) Report(c Credential, o Outcome, retryAfter time.Duration) {
	if m.cool.report(c, o, retryAfter, time.Now()) {
		if o != Worked {
			m.log.Warn("credential is passed over for a while", "credential", string(c.ID), "outcome", string(o))
		}
		m.tell()
	}
}
