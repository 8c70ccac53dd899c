package providerauth

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
)

// envWord stands for the environment in an order, and as an account: "anthropic:env".
const envWord = "env"

// view is what the Manager knows at one moment: the store's content, the providers, the overrides. It never changes;
// a new one is built when something did.
type view struct {
	gen      uint64
	changed  <-chan struct{} // the store's, from before it was read
	err      error           // why the store could not be read
	settings Settings
	creds    map[ID]*Credential
	bad      map[ID]error // records that cannot be read
	schemes  []Scheme
	byName   map[string]*Scheme
	byID     map[string]*provider
}

// provider is what a view knows of one provider.
type provider struct {
	scheme  *Scheme
	env     []string // names of its variables
	over    map[ID]*Credential
	overIDs []ID      // of over, sorted
	stored  []ID      // default account first, then keys before tokens before sign-ins
	under   map[ID]ID // accounts that are stored under another name only → that record
	bad     error
	order   []ID // set by the owner; nil: none is
}

// look gives the present view. It is fast when nothing changed: two comparisons, and the store's own look at its file
// at most once a second.
func (m *Manager) look() *view {
	v := m.view.Load()
	if v != nil && v.gen == m.gen.Load() && v.changed == m.store.Changed() {
		return v
	}
	return m.rebuild()
}

func (m *Manager) rebuild() *view {
	m.build.Lock()
	old := m.view.Load()
	if old != nil && old.gen == m.gen.Load() && old.changed == m.store.Changed() {
		m.build.Unlock()
		return old // another goroutine was first
	}
	v := m.read()
	m.view.Store(v)
	m.build.Unlock()
	if old == nil {
		return v
	}
	if v.err == nil {
		for id := range old.creds {
			if v.creds[id] == nil {
				m.goneNow(id)
			}
		}
	}
	m.tell()
	return v
}

func (m *Manager) read() *view {
	v := &view{gen: m.gen.Load(), changed: m.store.Changed(), creds: map[ID]*Credential{}, bad: map[ID]error{}}
	m.mu.Lock()
	v.schemes = slices.Clone(m.schemes)
	order := m.order
	waiting := maps.Clone(m.unsaved)
	over := make([]*Credential, 0, len(m.overrides))
	for id, o := range m.overrides {
		over = append(over, &Credential{ID: id, Type: Key, Key: o.key, Source: FromRuntime, Label: o.label})
	}
	m.mu.Unlock()

	ctx := context.Background() //nolint:contextcheck // what is read is shared by all callers; none may cut it short
	ids, err := m.store.All(ctx)
	if err == nil {
		v.settings, err = m.store.Settings(ctx)
	}
	v.err = err
	for _, id := range ids {
		c, err := m.store.Get(ctx, id)
		if errors.Is(err, ErrNone) {
			continue // removed in between
		}
		if err != nil {
			v.bad[id] = err
			continue
		}
		c.ID, c.Source = id, FromStore
		v.creds[id] = &c
	}
	for id, u := range waiting {
		if c := v.creds[id]; c != nil && c.Refresh.Fingerprint() == u.from {
			v.creds[id] = &u.cred
		}
	}
	v.index(order, over)
	m.learnAll(v)
	return v
}

// index sorts out which names and which records belong to which provider.
func (v *view) index(config map[string][]ID, over []*Credential) {
	v.byName, v.byID = map[string]*Scheme{}, map[string]*provider{}
	for i := range v.schemes {
		sc := &v.schemes[i]
		v.byName[sc.ID] = sc
		v.byID[sc.ID] = &provider{scheme: sc}
	}
	for i := range v.schemes { // an id goes before another's alias
		for _, a := range v.schemes[i].Aliases {
			if a = strings.ToLower(a); v.byName[a] == nil {
				v.byName[a] = &v.schemes[i]
			}
		}
	}
	v.shareVariables()
	for id := range v.creds {
		if sc := v.scheme(id.Provider()); sc != nil {
			p := v.byID[sc.ID]
			p.stored = append(p.stored, id)
		}
	}
	for id, err := range v.bad {
		if sc := v.scheme(id.Provider()); sc != nil {
			v.byID[sc.ID].bad = err
		}
	}
	v.findAliased()
	slices.SortFunc(over, func(a, b *Credential) int { return cmp.Compare(a.ID, b.ID) })
	for _, c := range over {
		sc := v.scheme(c.ID.Provider())
		if sc == nil {
			continue
		}
		c.ID = v.at(sc, MakeID(sc.ID, c.ID.Account()))
		p := v.byID[sc.ID]
		if p.over == nil {
			p.over = map[ID]*Credential{}
		}
		p.over[c.ID] = c
		p.overIDs = append(p.overIDs, c.ID)
	}
	for name, p := range v.byID {
		slices.SortFunc(p.stored, func(a, b ID) int { return v.compare(name, a, b) })
		p.order = v.settings.Order[name]
		if p.order == nil {
			p.order = config[name]
		}
	}
}

// findAliased sorts out which records under another name, "claude:work", stand for an account that has none of its own.
func (v *view) findAliased() {
	for _, ids := range [][]ID{slices.Sorted(maps.Keys(v.creds)), slices.Sorted(maps.Keys(v.bad))} {
		for _, id := range ids {
			sc := v.scheme(id.Provider())
			if sc == nil || v.holds(MakeID(sc.ID, id.Account())) {
				continue
			}
			p := v.byID[sc.ID]
			if p.under == nil {
				p.under = map[ID]ID{}
			}
			if full := MakeID(sc.ID, id.Account()); p.under[full] == "" {
				p.under[full] = id
			}
		}
	}
}

// holds reports whether there is a record of exactly this id, be it readable or not.
func (v *view) holds(id ID) bool { return v.creds[id] != nil || v.bad[id] != nil }

// at gives the record that an id of the provider means: that of the id itself, else the one of the same account under
// another of the provider's names. Where there is neither it is the id under its proper name.
func (v *view) at(sc *Scheme, id ID) ID {
	if v.holds(id) {
		return id
	}
	full := MakeID(sc.ID, id.Account())
	if alias := v.byID[sc.ID].under[full]; alias != "" {
		return alias
	}
	return full
}

// rival gives the record of the same account that is taken before this one; "" if this one is taken.
func (v *view) rival(sc *Scheme, id ID) ID {
	if first := v.at(sc, MakeID(sc.ID, id.Account())); first != id && v.holds(first) {
		return first
	}
	return ""
}

// compare puts the default account first, then keys before tokens before sign-ins, then by name.
func (v *view) compare(provider string, a, b ID) int {
	rank := func(id ID) int {
		switch {
		case string(id) == provider:
			return 0
		case id.Account() == "": // a record under an alias
			return 1
		default:
			return 2
		}
	}
	kind := map[Type]int{Key: 0, Token: 1, OAuth: 2}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(kind[v.creds[a].Type], kind[v.creds[b].Type]), cmp.Compare(a, b))
}

// shareVariables gives every variable to one provider: to the first that names it, and only if none does, to the one
// whose id it is made of.
func (v *view) shareVariables() {
	taken := map[string]bool{}
	for i := range v.schemes {
		p := v.byID[v.schemes[i].ID]
		for _, name := range v.schemes[i].Env {
			if !taken[name] {
				taken[name] = true
				p.env = append(p.env, name)
			}
		}
	}
	for i := range v.schemes {
		name := EnvName(v.schemes[i].ID)
		if p := v.byID[v.schemes[i].ID]; !taken[name] && !v.schemes[i].NoKey {
			taken[name] = true
			p.env = append(p.env, name)
		}
	}
}

// EnvName gives the variable that every provider has besides its own: OPENAI_API_KEY for "openai".
func EnvName(provider string) string {
	return strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(provider)) + "_API_KEY"
}

// scheme finds a provider by its id or an alias, in any case; nil if there is none.
func (v *view) scheme(name string) *Scheme {
	if sc := v.byName[name]; sc != nil {
		return sc
	}
	return v.byName[strings.ToLower(strings.TrimSpace(name))]
}

// disabled reports whether the owner switched the credential off.
func (v *view) disabled(id ID) bool {
	return len(v.settings.Disabled) > 0 && slices.Contains(v.settings.Disabled, id)
}

// latched gives why a sign-in has ended, if it has.
func (v *view) latched(c *Credential) (Latch, bool) {
	l, ok := v.settings.Latched[c.ID]
	return l, ok && !c.Refresh.Empty() && l.Fingerprint == c.Refresh.Fingerprint()
}
