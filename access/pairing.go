package access

import (
	"cmp"
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"chatgateway/channels"
)

const (
	alphabet   = "ABCDEFGHJKMNPQRSTUVWXYZ23456789" // without 0 O 1 I L
	codeLength = 8
	codeTime   = time.Hour
	maxWaiting = 3 // requests that wait in one account
	maxWrong   = 5
	lockout    = time.Hour
	denial     = 30 * 24 * time.Hour
	maxTold    = 100
	hashRounds = 10_000
)

// request is an Ask with what is only in memory: a message that is handed in again gets the same answer again.
type request struct {
	Ask
	message channels.MessageID
	reply   string
}

// refusal is an error with a sentence for a person.
type refusal struct{ text, user string }

func (e *refusal) Error() string       { return "access: " + e.text }
func (e *refusal) UserMessage() string { return e.user }

// Errors of Claim, Approve and Deny; each has a UserMessage.
var (
	ErrWrongCode error = &refusal{"wrong code", "This code is wrong, or its time is over."}
	ErrLocked    error = &refusal{"locked after wrong codes", "There were too many wrong codes; try again in an hour, or use `gateway access` on the gateway's host."}
	ErrOwned     error = &refusal{"there is an owner", "This bot has an owner already; ask them to let you in."}
	ErrNotHere   error = &refusal{"claimed outside a private chat", "Send /claim and the code in a private chat with the bot."}
	ErrUnknown   error = &refusal{"no such person", "There is no such person in the list of `access list`."}
	ErrName      error = &refusal{"a name", "That is a name, which people choose and change. Give the id that /whoami shows them."}
	ErrByConfig  error = &refusal{"named in config.yaml", "They are named in config.yaml; take them out there."}
)

// newCode gives a code that nobody can guess.
func newCode() string {
	code := make([]byte, codeLength)
	for i := range code {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			panic("access: no random numbers: " + err.Error()) // crypto/rand never fails
		}
		code[i] = alphabet[n.Int64()]
	}
	return string(code)
}

// tidy undoes what people do to a code: small letters, spaces, dashes.
func tidy(code string) string {
	return strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(strings.TrimSpace(code)))
}

// hash makes of a code what may be stored: salt and hash, slow to try out.
func hash(code string, salt []byte) string {
	key, err := pbkdf2.Key(sha256.New, code, salt, hashRounds, 32)
	if err != nil {
		return "" // only with FIPS rules that the constants keep; "" fits no code
	}
	return base64.RawStdEncoding.EncodeToString(salt) + "." + base64.RawStdEncoding.EncodeToString(key)
}

func newHash(code string) string {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // it never fails
	return hash(code, salt)
}

// fits compares in constant time. The length is looked at because the hash takes no notice of NULs at the end.
func fits(stored, code string) bool {
	text, _, ok := strings.Cut(stored, ".")
	salt, err := base64.RawStdEncoding.DecodeString(text)
	if !ok || err != nil || len(code) != codeLength {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(hash(code, salt)), []byte(stored)) == 1
}

// pair answers a stranger in a private chat.
func (a *Access) pair(ctx context.Context, p Person, m channels.Message) Decision {
	code := newCode()
	ask := Ask{Person: p, Name: clip(m.FromName), Until: a.o.Now().Add(codeTime)}
	r := &request{Ask: ask, message: m.ID}
	r.reply = "This bot answers only people whom its owner let in. If you know the owner, give them this code within an hour: " + code +
		". They approve it with /pairing approve " + code + "."
	a.mu.Lock()
	d, ok := a.reserve(r)
	a.mu.Unlock()
	if !ok {
		return d
	}
	ask.Hash = newHash(code) // slow, so after the place is taken
	if err := a.o.Store.SaveAccess(ctx, Change{Ask: &ask}); err != nil {
		a.o.Log.Warn("no pairing code was given", "account", string(p.Account), "err", err)
		a.mu.Lock()
		delete(a.asks, p)
		a.mu.Unlock()
		return Decision{Why: "a stranger; the request could not be saved"}
	}
	a.mu.Lock()
	r.Ask = ask
	a.mu.Unlock()
	a.o.Audit(ctx, Deed{By: p.String(), What: "pairing", Whom: p, Result: "asked"})
	if a.o.Asked != nil {
		a.o.Asked(ask)
	}
	return Decision{Reply: r.reply, Why: "a stranger, given a code"}
}

// reserve takes the place for a request, or says why there is none. a.mu is held.
func (a *Access) reserve(r *request) (d Decision, ok bool) {
	now := a.o.Now()
	if !a.hasOwner() {
		return a.ownerless(r.Person), false
	}
	if old := a.asks[r.Person]; old != nil && now.Before(old.Until) {
		if old.message == r.message && r.message != "" && !old.Denied {
			return Decision{Reply: old.reply, Why: "the same message again"}, false
		}
		return Decision{Why: "a stranger who was answered"}, false
	}
	if a.locked("approve", now) {
		return Decision{Why: "a stranger, while pairing is locked"}, false
	}
	waiting := 0
	for p, o := range a.asks {
		if !now.Before(o.Until) {
			delete(a.asks, p) // in the store it is removed by pruning
		} else if p.Account == r.Account && !o.Denied {
			waiting++
		}
	}
	if waiting >= maxWaiting {
		return Decision{Why: "a stranger, while others wait"}, false
	}
	a.asks[r.Person] = r
	return Decision{}, true
}

// ownerless tells a stranger, once and only so many of them, how a bot gets its owner. a.mu is held.
func (a *Access) ownerless(p Person) Decision {
	d := Decision{Why: "there is no owner yet"}
	if !a.told[p] && len(a.told) < maxTold {
		a.told[p] = true
		d.Reply = "This bot has no owner yet. If it is yours, send /claim and the code that stands on the gateway's console."
	}
	return d
}

// locked reports whether too many wrong codes were tried. a.mu is held.
func (a *Access) locked(what string, now time.Time) bool {
	t := a.tries[what]
	return t.Wrong >= maxWrong && now.Before(t.Until)
}

// wrong counts a wrong code, before anybody is told that it was. a.mu is not held.
func (a *Access) wrong(ctx context.Context, what string) {
	a.mu.Lock()
	t := a.tries[what]
	now := a.o.Now()
	if !now.Before(t.Until) {
		t = Tries{What: what}
	}
	t.Wrong++
	t.Until = now.Add(lockout)
	a.tries[what] = t
	a.mu.Unlock()
	if err := a.o.Store.SaveAccess(ctx, Change{Tries: &t}); err != nil {
		a.o.Log.Warn("a wrong code was counted in memory only", "err", err)
	}
}

// Waiting gives the requests that wait for an owner, the oldest first.
func (a *Access) Waiting() []Ask {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []Ask
	for _, r := range a.asks {
		if !r.Denied && a.o.Now().Before(r.Until) {
			all = append(all, r.Ask)
		}
	}
	slices.SortFunc(all, func(x, y Ask) int {
		return cmp.Or(x.Until.Compare(y.Until), strings.Compare(x.String(), y.String()))
	})
	return all
}

// ApproveCode lets in the stranger who was given the code, as a User in private chats. After five wrong codes it is
// locked for an hour, whoever asks and by whatever way; while it is, no code is given out either.
func (a *Access) ApproveCode(ctx context.Context, by, code string) (Grant, error) {
	code = tidy(code)
	a.codes.Lock()
	defer a.codes.Unlock()
	a.mu.Lock()
	locked := a.locked("approve", a.o.Now())
	a.mu.Unlock()
	if locked {
		a.o.Audit(ctx, Deed{By: by, What: "approve", Result: "locked"})
		return Grant{}, ErrLocked
	}
	var found *Ask
	for _, ask := range a.Waiting() { // all of them, so that the time tells nothing
		if fits(ask.Hash, code) {
			found = &ask
		}
	}
	if found == nil {
		a.wrong(ctx, "approve")
		a.o.Audit(ctx, Deed{By: by, What: "approve", Result: "wrong code"})
		return Grant{}, ErrWrongCode
	}
	return a.admit(ctx, by, *found, true)
}

// Approve lets in a stranger whose request waits, as a User in private chats.
func (a *Access) Approve(ctx context.Context, by string, p Person) (Grant, error) {
	for _, ask := range a.Waiting() {
		if ask.Person == p {
			return a.admit(ctx, by, ask, false)
		}
	}
	return Grant{}, ErrUnknown
}

func (a *Access) admit(ctx context.Context, by string, ask Ask, byCode bool) (Grant, error) {
	g := Grant{Person: ask.Person, Role: User, Name: ask.Name, By: by, Since: a.o.Now()}
	changes := []Change{{Grant: &g}, {Ask: &ask, Remove: true}}
	if byCode {
		changes = append(changes, Change{Tries: &Tries{What: "approve"}, Remove: true})
	}
	if err := a.o.Store.SaveAccess(ctx, changes...); err != nil {
		return Grant{}, fmt.Errorf("access: approve: %w", err)
	}
	a.mu.Lock()
	a.grants[g.Person] = g
	delete(a.asks, g.Person)
	if byCode {
		delete(a.tries, "approve")
	}
	a.mu.Unlock()
	a.o.Audit(ctx, Deed{By: by, What: "approve", Whom: g.Person, Result: "ok"})
	if a.o.Admitted != nil {
		a.o.Admitted(g)
	}
	return g, nil
}

// Deny refuses a request that waits. The stranger is told nothing, and gets no other code for a month.
func (a *Access) Deny(ctx context.Context, by string, p Person) error {
	for _, ask := range a.Waiting() {
		if ask.Person == p {
			return a.deny(ctx, by, "deny", ask)
		}
	}
	return ErrUnknown
}

// deny remembers that a person is not wanted.
func (a *Access) deny(ctx context.Context, by, what string, ask Ask) error {
	ask.Denied, ask.Hash, ask.Until = true, "", a.o.Now().Add(denial)
	changes := []Change{{Ask: &ask}}
	if what == "revoke" {
		changes = append(changes, Change{Grant: &Grant{Person: ask.Person}, Remove: true})
	}
	if err := a.o.Store.SaveAccess(ctx, changes...); err != nil {
		return fmt.Errorf("access: %s: %w", what, err)
	}
	a.mu.Lock()
	a.asks[ask.Person] = &request{Ask: ask}
	if what == "revoke" {
		delete(a.grants, ask.Person)
	}
	a.mu.Unlock()
	a.o.Audit(ctx, Deed{By: by, What: what, Whom: ask.Person, Result: "ok"})
	return nil
}

// clip shortens a name that a stranger chose, and takes out what would break a line.
func clip(name string) string {
	name = strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' }), " ")
	if runes := []rune(name); len(runes) > 60 {
		name = string(runes[:60]) + "…"
	}
	return name
}
