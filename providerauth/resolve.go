package providerauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chatgateway/internal/secret"
)

// leeway is how long before its end a token is renewed rather than sent.
const leeway = 30 * time.Second

// candidate is one credential that might be used, in the order of trying.
type candidate struct {
	id   ID
	src  Source
	cred *Credential // as it is stored; nil where src is the environment or none
}

// Credential gives the credential to use for a request now: the one asked for, or the first in order that can be used.
// One that has run out is renewed first, which may take as long as the exchange. With a valid one it takes less than
// a microsecond and reads no file. The order is: the runtime override; the account asked for and no other; else the
// order of the conversation, of its chat account, the owner's or config's, and nothing beside it; else the default account and then the
// others; and the environment where nothing is stored or an order names it ("env"). Errors are *Error: ErrNone,
// ErrNeedsLogin, ErrCooling, ErrRenewal, ErrUnknown.
func (m *Manager) Credential(ctx context.Context, w Want) (Credential, error) {
	v := m.look()
	sc := v.scheme(w.Provider)
	if sc == nil {
		return Credential{}, &Error{Kind: ErrUnknown, ID: ID(w.Provider)}
	}
	now := time.Now()
	var room [4]candidate
	var why error
	for _, c := range v.candidates(sc, w, room[:0]) {
		if len(w.Not) > 0 && slices.Contains(w.Not, c.id) {
			continue
		}
		cred, err := m.use(ctx, v, sc, c, now)
		if err == nil {
			cred.Instead = why
			return cred, nil
		}
		why = worse(why, err)
	}
	if why == nil {
		why = v.nothing(sc, v.at(sc, MakeID(sc.ID, w.Account)))
		if order, _ := v.orderIn(v.byID[sc.ID], w.Scope); len(order) > 0 && w.Account == "" {
			why = &Error{Kind: ErrNone, ID: ID(sc.ID), Name: sc.Name, Login: v.firstNamed(sc, order), Err: Problem(fmt.Sprintf(
				"None of the logins that the order set for %s names is there. /auth %s order shows and changes it.", sc.Name, sc.ID))}
		}
	}
	return Credential{}, why
}

// nothing says that there is no credential, or that it could not be seen whether there is one.
func (v *view) nothing(sc *Scheme, id ID) error {
	if err := cmp.Or(v.bad[id], v.byID[sc.ID].bad, v.err); err != nil {
		return &Error{Kind: ErrUnreadable, ID: id, Name: sc.Name, Err: err}
	}
	return &Error{Kind: ErrNone, ID: id, Name: sc.Name}
}

// worse keeps the error that tells a person most: what can be waited for before what needs a login before nothing.
func worse(a, b error) error {
	rank := func(err error) int {
		switch {
		case err == nil:
			return -1
		case errors.Is(err, ErrNone):
			return 0
		case errors.Is(err, ErrNeedsLogin):
			return 1
		default:
			return 2
		}
	}
	ea, oka := errors.AsType[*Error](a)
	eb, okb := errors.AsType[*Error](b)
	if oka && okb && errors.Is(ea.Kind, ErrCooling) && errors.Is(eb.Kind, ErrCooling) && eb.Until.Before(ea.Until) {
		return b
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// candidates lists what may be used for w, best first.
func (v *view) candidates(sc *Scheme, w Want, out []candidate) []candidate {
	p := v.byID[sc.ID]
	add := func(id ID) {
		for _, c := range out {
			if c.id == id {
				return
			}
		}
		if o := p.over[id]; o != nil {
			out = append(out, candidate{id, FromRuntime, o})
		} else if c := v.creds[id]; c != nil {
			out = append(out, candidate{id, FromStore, c})
		}
	}
	environment := func() { out = append(out, candidate{id: v.envID(sc), src: FromEnv}) }

	switch {
	case w.Account == envWord:
		environment()
		return out
	case w.Account != "":
		add(v.at(sc, MakeID(sc.ID, w.Account)))
		return out
	}
	for _, id := range p.overIDs {
		add(id)
	}
	order := w.Order
	if order == nil {
		order, _ = v.orderIn(p, w.Scope)
	}
	if order != nil {
		for _, id := range order {
			if isEnv(id, sc.ID) {
				environment()
			} else {
				add(v.named(sc, id))
			}
		}
		return out
	}
	for _, id := range p.stored {
		add(id)
	}
	if len(p.stored) == 0 && p.bad == nil {
		environment()
		if sc.NoKey {
			out = append(out, candidate{id: ID(sc.ID), src: FromNone})
		}
	}
	return out
}

// envID names the environment's credential: the default account's id, or "anthropic:env" where that one is stored.
func (v *view) envID(sc *Scheme) ID {
	if v.creds[v.at(sc, ID(sc.ID))] != nil {
		return MakeID(sc.ID, envWord)
	}
	return ID(sc.ID)
}

// use makes a candidate ready to be sent, or says why it cannot be.
func (m *Manager) use(ctx context.Context, v *view, sc *Scheme, c candidate, now time.Time) (Credential, error) {
	if c.src == FromNone {
		return Credential{ID: c.id, Source: FromNone}, nil
	}
	if v.disabled(c.id) && c.src != FromRuntime {
		return Credential{}, &Error{Kind: ErrNone, ID: c.id, Name: sc.Name, Err: Problem(fmt.Sprintf(
			"The sign-in to %s is switched off. /auth %s enable switches it on; that is for the bot's owners.", title(sc, c.id), c.id))}
	}
	cred := c.cred
	if c.src == FromEnv {
		if cred = m.fromEnv(v, sc, c.id); cred == nil {
			return Credential{}, v.nothing(sc, c.id)
		}
	}
	ready, err := m.fresh(ctx, v, sc, cred, now)
	if err != nil {
		return Credential{}, err
	}
	if k, cooling := m.cool.take(&ready, now); cooling {
		return Credential{}, &Error{Kind: ErrCooling, ID: c.id, Name: sc.Name, Until: k.until, Reason: reasons[k.outcome]}
	}
	return ready, nil
}

// fresh gives a credential that has not run out, renewed if need be.
func (m *Manager) fresh(ctx context.Context, v *view, sc *Scheme, c *Credential, now time.Time) (Credential, error) {
	switch {
	case c.Type != OAuth && expired(c, now):
		return Credential{}, &Error{Kind: ErrNeedsLogin, ID: c.ID, Name: sc.Name, Reason: "the token has run out"}
	case c.Type != OAuth:
		ready, err := m.open(ctx, *c)
		if err != nil {
			return Credential{}, &Error{Kind: ErrNone, ID: c.ID, Name: sc.Name, Reason: err.Error(), Err: err}
		}
		return ready, nil
	case good(c, now) && !m.wasRefused(c):
		return *c, nil
	}
	ready, err := m.renew(ctx, v, sc, c.ID, c.Access, false)
	if err != nil && !c.Access.Empty() && !expired(c, now) && !m.wasRefused(c) {
		return *c, nil // within the leeway it is still taken
	}
	return ready, err
}

// expired reports whether the credential's time is over. Without a known end it is not.
func expired(c *Credential, now time.Time) bool {
	return !c.Expires.IsZero() && !now.Before(c.Expires)
}

// good reports whether an access token will last for another request: 30 seconds, or for very short-lived ones half
// of their life.
func good(c *Credential, now time.Time) bool {
	if c.Access.Empty() {
		return false
	}
	if c.Expires.IsZero() {
		return true
	}
	spare := leeway
	if !c.Issued.IsZero() {
		spare = min(spare, c.Expires.Sub(c.Issued)/2)
	}
	return now.Add(spare).Before(c.Expires)
}

// fromEnv gives the environment's credential, nil if no variable holds one.
func (m *Manager) fromEnv(v *view, sc *Scheme, id ID) *Credential {
	for _, name := range v.byID[sc.ID].env {
		value := CleanKey(m.env(name))
		if value == "" || isPlaceholder(value) {
			continue
		}
		t := Key
		if strings.HasSuffix(name, "_OAUTH_TOKEN") {
			t = Token
		}
		return &Credential{ID: id, Type: t, Key: secret.New(value), Source: FromEnv, Label: name}
	}
	return nil
}
