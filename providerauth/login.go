package providerauth

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"chatgateway/internal/lazyregexp"
	"chatgateway/internal/secret"
	"chatgateway/login"
)

// Names of the fields that Login asks for itself, so that a front end without a person can answer them.
const (
	FieldMethod  = "Way to log in"    // the answer is a Method.ID
	FieldReplace = "Replace"          // another kind of credential stands there: "yes" or "no"
	FieldRefused = "Store it anyway?" // the service refused the key: "yes", "no", or "again" for another key
)

const (
	askTime    = 5 * time.Minute  // for the questions above
	probeTime  = 15 * time.Second // for Scheme.Probe
	revokeTime = 10 * time.Second // for Scheme.Revoke
)

// Login is what a login came to.
type Login struct {
	Credential Credential
	Finding    Finding // what the service says to it
	Replaced   bool    // an earlier one of this account is gone
	Unordered  bool    // an order is set that does not name it: it is used only where it is pinned
}

var accountName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

// CheckAccount says what is wrong with the name of an account; "" and "default" are the default account.
func CheckAccount(name string) error {
	switch {
	case name == "":
		return nil
	case name == envWord:
		return Problem(`The account name "env" stands for the environment. Choose another.`)
	case !accountName.MatchString(name):
		return Problem("An account's name has up to 64 letters, digits and the signs . _ @ - and begins with a letter or a digit.")
	}
	return nil
}

// canonical gives the provider of an id and the id under which the record is stored, or would be.
func (v *view) canonical(id ID) (*Scheme, ID, error) {
	sc := v.scheme(id.Provider())
	if sc == nil {
		return nil, "", &Error{Kind: ErrUnknown, ID: ID(id.Provider())}
	}
	return sc, v.at(sc, id), nil
}

// At gives the id of the record that an id means: "claude:work" for "anthropic:work", where only that one is stored.
// Records are never renamed. What is stored nowhere has the provider's proper name.
func (m *Manager) At(id ID) ID {
	_, at, err := m.look().canonical(id)
	if err != nil {
		return id
	}
	return at
}

// Login runs a sign-in of the provider and stores what it gives: in force at the next request, everywhere. method is
// a Method.ID; "" lets the person choose where there are several. What a person typed is tried before it is stored, and
// a key that the service refuses is stored only if they say so; they may send another. If ctx ends before, none is
// stored. What a sign-in brought is stored first. An account holds one credential: another of the same kind replaces it,
// another kind is asked about. Errors: login.ErrCanceled, login.ErrExpired, *Error, KeyError, Problem, *OAuthError, or
// ctx's.
func (m *Manager) Login(ctx context.Context, id ID, method string, p login.Prompter) (Login, error) {
	v := m.look()
	sc, id, err := m.storable(ctx, v, id)
	if err != nil {
		return Login{}, err
	}
	way, err := choose(ctx, sc, method, p)
	if err != nil {
		return Login{}, err
	}
	if err := m.mayReplace(ctx, v, sc, id, way, p); err != nil {
		return Login{}, err
	}
	c, found, err := m.obtain(ctx, sc, id, way, p)
	out := Login{Credential: c, Finding: found}
	if err != nil {
		return out, err
	}
	if out.Finding.Owner != "" && c.Owner == "" {
		c.Owner, out.Credential.Owner = out.Finding.Owner, out.Finding.Owner
	}
	for k, value := range out.Finding.Extra {
		if c.Extra == nil {
			c.Extra = map[string]string{}
		}
		c.Extra[k] = value
	}
	out.Credential.Extra = c.Extra
	stored := c
	stored.Key = Literal(c.Key)
	if out.Replaced, err = m.put(ctx, stored); err != nil {
		return out, err
	}
	v = m.look()
	out.Unordered = v.unordered(v.byID[sc.ID], id)
	if !way.Secret {
		out.Finding = m.probe(ctx, sc, c)
	}
	m.log.Info("logged in", "credential", string(id), "method", way.ID)
	return out, nil
}

// Storable says why nothing could be stored as id now: before anybody is asked for a key, or signs in for nothing.
func (m *Manager) Storable(ctx context.Context, id ID) error {
	_, _, err := m.storable(ctx, m.look(), id)
	return err
}

func (m *Manager) storable(ctx context.Context, v *view, id ID) (*Scheme, ID, error) {
	sc, id, err := v.canonical(id)
	if err != nil {
		return nil, "", err
	}
	if err := CheckAccount(id.Account()); err != nil {
		return nil, "", err
	}
	if v.err != nil {
		return nil, "", &Error{Kind: ErrUnreadable, ID: id, Name: sc.Name, Err: v.err}
	}
	return sc, id, m.store.Try(ctx, id)
}

// choose finds the way to log in, or lets the person choose.
func choose(ctx context.Context, sc *Scheme, method string, p login.Prompter) (Method, error) {
	var on, off []Method
	for _, w := range sc.Methods {
		if method != "" && strings.EqualFold(w.ID, method) {
			if w.Off != "" {
				return Method{}, sc.IsOff(w)
			}
			return w, nil
		}
		if w.Off == "" {
			on = append(on, w)
		} else {
			off = append(off, w)
		}
	}
	switch {
	case method != "":
		return Method{}, Problem(fmt.Sprintf("%s has no way to log in that is called %q. There is: %s.", sc.Name, method, methodIDs(on)))
	case len(on) == 0 && len(off) > 0:
		return Method{}, sc.IsOff(off...)
	case len(on) == 0 && sc.NoKey:
		return Method{}, Problem(sc.Name + " needs no login.")
	case len(on) == 0:
		return Method{}, Problem("There is no way to log in to " + sc.Name + " from here.")
	case len(on) == 1 && len(off) > 0:
		return on[0].saying(Impossible(off)), nil
	case len(on) == 1:
		return on[0], nil
	}
	s := login.Step{
		Text:    "How do you want to log in to " + sc.Name + "?",
		Field:   &login.Field{Name: FieldMethod},
		Expires: time.Now().Add(askTime),
	}
	if len(off) > 0 {
		s.Text += "\n\n" + Impossible(off)
	}
	find := func(a string) int {
		return slices.IndexFunc(on, func(w Method) bool { return strings.EqualFold(w.ID, a) || strings.EqualFold(w.Name, a) })
	}
	s.Field.Check = func(a string) error {
		if find(strings.TrimSpace(a)) < 0 {
			return Problem("Please choose one of: " + methodIDs(on) + ".")
		}
		return nil
	}
	for _, w := range on {
		s.Choices = append(s.Choices, login.Choice{Label: w.Name, Value: w.ID})
	}
	a, err := p.Prompt(ctx, s)
	if err != nil {
		return Method{}, err
	}
	i := find(strings.TrimSpace(a.Reveal()))
	if i < 0 {
		return Method{}, login.ErrCanceled
	}
	return on[i], nil
}

// IsOff is the error that says why ways to log in are off, and which one works.
func (sc *Scheme) IsOff(off ...Method) error {
	text := reasonsOf(off)
	for _, w := range sc.Methods {
		if w.Off == "" {
			return Problem(fmt.Sprintf("%s What works: %s, with /login %s %s.", text, w.Name, sc.ID, w.ID))
		}
	}
	return Problem(text)
}

// Impossible says which ways to log in are off, and why.
func Impossible(off []Method) string { return "Not possible at present: " + reasonsOf(off) }

// reasonsOf says why ways to log in are off, each reason once.
func reasonsOf(off []Method) string {
	var texts []string
	for i, w := range off {
		same := func(o Method) bool { return o.Off == w.Off }
		if slices.IndexFunc(off, same) < i {
			continue
		}
		var names []string
		for _, o := range off {
			if same(o) {
				names = append(names, o.Name)
			}
		}
		texts = append(texts, strings.Join(names, ", ")+": "+w.Off)
	}
	return strings.Join(texts, " ")
}

// saying is the method with a sentence before its first step.
func (w Method) saying(text string) Method {
	run := w.Login
	w.Login = func(ctx context.Context, p login.Prompter) (Credential, error) {
		return run(ctx, &saying{p, text + "\n\n"})
	}
	return w
}

type saying struct {
	login.Prompter
	text string // said once
}

// Prompt implements login.Prompter.
func (p *saying) Prompt(ctx context.Context, s login.Step) (secret.String, error) {
	s.Text, p.text = p.text+s.Text, ""
	return p.Prompter.Prompt(ctx, s)
}

func methodIDs(ms []Method) string {
	ids := make([]string, len(ms))
	for i, w := range ms {
		ids[i] = w.ID
	}
	return strings.Join(ids, ", ")
}

// Put stores a credential without asking or trying anything. A key or token that begins with "env:", "file:", "exec:"
// or "literal:" is a reference, as in the file; what did not come from the owner's own hand goes through Literal first.
func (m *Manager) Put(ctx context.Context, id ID, c Credential) error {
	v := m.look()
	_, id, err := v.canonical(id)
	if err != nil {
		return err
	}
	if err := CheckAccount(id.Account()); err != nil {
		return err
	}
	c.ID = id
	if c.Issued.IsZero() {
		c.Issued = time.Now()
	}
	_, err = m.put(ctx, c)
	return err
}

// put writes a new credential and forgets what was known of the one before. It is finished even if ctx has ended.
func (m *Manager) put(ctx context.Context, c Credential) (replaced bool, err error) {
	for _, s := range c.secrets() {
		if strings.Contains(s.Reveal(), secret.Mask) { // copied from a view; it would take the place of the key
			return false, KeyError("That is what stands in the place of a secret where it is not shown, not the secret. Nothing was changed.")
		}
	}
	ctx = context.WithoutCancel(ctx)
	m.learn(c.secrets()...)
	err = m.store.Update(ctx, c.ID, func(_ context.Context, old Credential) (Credential, error) {
		replaced = !old.IsZero()
		return c, nil
	})
	if err != nil {
		return false, err
	}
	m.forget(c.ID)
	if serr := m.store.UpdateSettings(ctx, func(s *Settings) error {
		delete(s.Latched, c.ID)
		delete(s.Renewals, c.ID)
		delete(s.Warned, c.ID)
		s.Disabled = slices.DeleteFunc(s.Disabled, func(id ID) bool { return id == c.ID })
		s.Enabled = slices.DeleteFunc(s.Enabled, func(p string) bool { return p == c.ID.Provider() })
		return nil
	}); serr != nil { // the login is good all the same: what is left there is about another token
		m.log.Warn("settings not written after a login", "credential", string(c.ID), "err", serr)
	}
	m.look()
	return replaced, nil
}

// forget drops what this process remembers of a credential.
func (m *Manager) forget(id ID) {
	m.cool.clear(id)
	m.mu.Lock()
	delete(m.failures, id)
	delete(m.unsaved, id)
	m.mu.Unlock()
	m.bump()
}
