package access

import (
	"context"
	"crypto/subtle"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"chatgateway/channels"
)

// ClaimCode gives the code that makes the first owner, for the console, and for how long it holds; "" if there is an
// owner. After its hour there is another.
func (a *Access) ClaimCode() (code string, left time.Duration) {
	a.codes.Lock()
	defer a.codes.Unlock()
	if a.HasOwner() {
		a.claimCode = ""
		return "", 0
	}
	now := a.o.Now()
	if a.claimCode == "" || !now.Before(a.claimUntil) {
		a.claimCode, a.claimUntil = newCode(), now.Add(codeTime)
	}
	return a.claimCode, a.claimUntil.Sub(now)
}

// Claim makes the sender of m an owner, if it is a private message, there is no owner, and the code is that of ClaimCode.
// It says what role was given. After five wrong codes it is locked for an hour for everybody, also over a restart.
func (a *Access) Claim(ctx context.Context, account channels.AccountID, m channels.Message, code string) (string, error) {
	p := Person{account, m.From}
	if !m.Private || m.From == "" {
		return "", ErrNotHere
	}
	a.codes.Lock()
	defer a.codes.Unlock()
	a.mu.Lock()
	owned, locked := a.hasOwner(), a.locked("claim", a.o.Now())
	a.mu.Unlock()
	switch {
	case owned:
		return "", ErrOwned
	case locked:
		a.o.Audit(ctx, Deed{By: p.String(), What: "claim", Result: "locked"})
		return "", ErrLocked
	case a.claimCode == "" || !a.o.Now().Before(a.claimUntil) || subtle.ConstantTimeCompare([]byte(tidy(code)), []byte(a.claimCode)) != 1:
		a.wrong(ctx, "claim")
		a.o.Audit(ctx, Deed{By: p.String(), What: "claim", Result: "wrong code"})
		return "", ErrWrongCode
	}
	g := Grant{Person: p, Role: Owner, Name: clip(m.FromName), By: "claim code", Since: a.o.Now()}
	err := a.o.Store.SaveAccess(ctx, Change{Grant: &g}, Change{Ask: &Ask{Person: p}, Remove: true}, Change{Tries: &Tries{What: "claim"}, Remove: true})
	if err != nil {
		return "", fmt.Errorf("access: claim: %w", err)
	}
	a.claimCode = ""
	a.mu.Lock()
	a.grants[p] = g
	delete(a.asks, p)
	delete(a.tries, "claim")
	clear(a.told)
	a.mu.Unlock()
	a.o.Audit(ctx, Deed{By: p.String(), What: "claim", Whom: p, Result: "ok"})
	return "You own this bot now: you may log in to providers, choose models, and let others in. /help shows how.", nil
}

// Grant gives a person a role, from the next message on; it replaces what was granted before. Groups: see Grant.
func (a *Access) Grant(ctx context.Context, by string, p Person, r Role, groups bool) (Grant, error) {
	if p.Account == "" || p.ID == "" || p.ID == star || r != User && r != Owner {
		return Grant{}, ErrUnknown
	}
	if strings.HasPrefix(string(p.ID), "@") {
		return Grant{}, ErrName
	}
	a.mu.Lock()
	p = a.spelled(p)
	g := Grant{Person: p, Role: r, Groups: groups, By: by, Since: a.o.Now(), Name: a.grants[p].Name}
	if ask := a.asks[p]; ask != nil && g.Name == "" {
		g.Name = ask.Name
	}
	a.mu.Unlock()
	if err := a.o.Store.SaveAccess(ctx, Change{Grant: &g}, Change{Ask: &Ask{Person: p}, Remove: true}); err != nil {
		return Grant{}, fmt.Errorf("access: grant: %w", err)
	}
	a.mu.Lock()
	a.grants[p] = g
	delete(a.asks, p)
	a.mu.Unlock()
	a.o.Audit(ctx, Deed{By: by, What: "grant", Whom: p, Result: r.String()})
	return g, nil
}

// spelled gives a person as they were granted, whatever the case of the letters; themselves if they were not. a.mu is
// held.
func (a *Access) spelled(p Person) Person {
	if _, ok := a.grants[p]; ok {
		return p
	}
	for q := range a.grants {
		if q.Account == p.Account && fold(string(q.ID)) == fold(string(p.ID)) {
			return q
		}
	}
	return p
}

// Revoke takes away what was granted, from the next message on. The person gets no pairing code for a month. If
// config.yaml names them it fails with ErrByConfig, although what was granted is gone.
func (a *Access) Revoke(ctx context.Context, by string, p Person) error {
	a.mu.Lock()
	p = a.spelled(p)
	g, ok := a.grants[p]
	c := a.config.Accounts[p.Account]
	a.mu.Unlock()
	named := slices.ContainsFunc(slices.Concat(c.Owners, c.AllowFrom), func(e string) bool { return fold(e) == fold(string(p.ID)) })
	if !ok && named {
		return ErrByConfig
	}
	if !ok {
		return ErrUnknown
	}
	if err := a.deny(ctx, by, "revoke", Ask{Person: p, Name: g.Name}); err != nil {
		return err
	}
	if named {
		return ErrByConfig
	}
	return nil
}

// Listed is a person who may talk to the bot, and why.
type Listed struct {
	Grant
	ByConfig bool // named in config.yaml: it cannot be revoked
}

// List gives everybody who is known by id: owners first, then by account and id.
func (a *Access) List() []Listed {
	a.mu.Lock()
	defer a.mu.Unlock()
	people := map[Person]Listed{}
	for p, g := range a.grants {
		people[p] = Listed{Grant: g}
	}
	add := func(p Person, r Role) {
		if old, ok := people[p]; (!ok || old.Role < r) && p.ID != star && p.ID != "" {
			people[p] = Listed{Grant: Grant{Person: p, Role: r, Groups: true, Name: old.Name, By: "config.yaml"}, ByConfig: true}
		}
	}
	for account, c := range a.config.Accounts {
		for _, id := range c.AllowFrom {
			add(Person{account, channels.UserID(strings.TrimSpace(id))}, User)
		}
		for _, id := range c.Owners {
			add(Person{account, channels.UserID(id)}, Owner)
		}
	}
	return slices.SortedFunc(maps.Values(people), func(x, y Listed) int {
		if x.Role != y.Role {
			return int(y.Role - x.Role)
		}
		return strings.Compare(x.String(), y.String())
	})
}

const maxCounted = 10_000 // people whose turns are counted at once

// Allow counts a turn of a person and reports whether they may have it: so many in any hour, as the configuration says;
// owners any number. wait is for how long they may have no more. It is in memory: a restart begins anew.
func (a *Access) Allow(account channels.AccountID, user channels.UserID, role Role) (ok bool, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	limit := a.config.TurnsPerHour
	if role == Owner || limit <= 0 {
		return true, 0
	}
	now, p := a.o.Now(), Person{account, user}
	begin := now.Add(-time.Hour)
	if _, known := a.turns[p]; !known && len(a.turns) >= maxCounted {
		a.forgetTurns(begin)
	}
	recent := slices.DeleteFunc(a.turns[p], func(t time.Time) bool { return !t.After(begin) })
	if len(recent) >= limit {
		a.turns[p] = recent
		return false, recent[len(recent)-limit].Sub(begin)
	}
	a.turns[p] = append(recent, now)
	return true, 0
}

// forgetTurns forgets those who had no turn since begin, and of the others as many that a tenth is free. a.mu is held.
func (a *Access) forgetTurns(begin time.Time) {
	for p, times := range a.turns {
		if len(times) == 0 || !times[len(times)-1].After(begin) {
			delete(a.turns, p)
		}
	}
	for p := range a.turns {
		if len(a.turns) <= maxCounted*9/10 {
			return
		}
		delete(a.turns, p)
	}
}
