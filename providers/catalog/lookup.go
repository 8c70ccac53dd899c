package catalog

import (
	"slices"
	"strings"

	"chatgateway/internal/lazyregexp"
)

// Known lists the models of a provider that are known beforehand, for when its own list cannot be had. It is a copy.
func Known(provider string) []Model {
	var list []Model
	for _, m := range models[provider] {
		list = append(list, m.clone())
	}
	return list
}

// Lookup gives what is known of a model: of the model itself, or of its family, which is the longest beginning of a
// name that is known. A model that another company made and the provider only serves is known by what it can do, not
// by its window and price. ok is false where nothing is known; the Model then has its ID alone.
func Lookup(provider, id string) (m Model, ok bool) {
	defer func() { m.ID = id }()
	if m, ok := exact(provider, id); ok {
		return m, true
	}
	vendor, name := split(id)
	if vendor == "" {
		vendor = provider
	}
	if m, ok := exact(vendor, name); ok {
		return m.served(vendor == provider), true
	}
	best := family{}
	for _, f := range families {
		if strings.HasPrefix(name, f.prefix) && len(f.prefix) > len(best.prefix) {
			best = f
		}
	}
	if best.prefix == "" {
		return Model{}, false
	}
	return best.Model.clone().served(best.vendor == provider), true
}

// Merge fills in what is known of each model of a live list, and marks the preferred one: the provider's, else that of
// a maker whose models it serves.
func Merge(provider string, live []Model) []Model {
	list := make([]Model, 0, len(live))
	preferred := false
	for _, m := range live {
		known, _ := Lookup(provider, m.ID)
		m = m.fill(known)
		preferred = preferred || m.Preferred
		list = append(list, m)
	}
	for _, maker := range routed {
		want := Preferred(maker)
		for i := range list {
			if _, name := split(list[i].ID); !preferred && name == want {
				list[i].Preferred, preferred = true, true
			}
		}
	}
	return list
}

// Pick chooses the model to begin with: the preferred one, else the first; ok is false for an empty list.
func Pick(list []Model) (Model, bool) {
	for _, m := range list {
		if m.Preferred {
			return m, true
		}
	}
	if len(list) == 0 {
		return Model{}, false
	}
	return list[0], true
}

// Preferred gives the id of the model to begin with at a provider; "" where none is known to be better than others.
func Preferred(provider string) string {
	for _, m := range models[provider] {
		if m.Preferred {
			return m.ID
		}
	}
	return ""
}

// dated is what a name may end in and mean the same model.
var dated = lazyregexp.New(`(-latest|-20\d{6}|-20\d\d-\d\d-\d\d|-preview(-\d\d-\d\d(-\d{4})?)?|-\d\d-\d{4})$`)

func exact(provider, id string) (Model, bool) {
	for _, name := range []string{id, dated.ReplaceAllString(id, "")} {
		for _, m := range models[provider] {
			if m.ID == name {
				m = m.clone()
				m.Preferred = m.Preferred && id == m.ID
				return m, true
			}
		}
	}
	return Model{}, false
}

// split takes a name like "anthropic/claude-…", "models/gemini-…" or "us.anthropic.claude-…-v1:0" apart.
func split(id string) (vendor, name string) {
	name = strings.ToLower(id)
	for _, prefix := range []string{"us.", "eu.", "apac.", "global."} {
		name = strings.TrimPrefix(name, prefix)
	}
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		before := name[:i]
		vendor, name = before[strings.LastIndexByte(before, '/')+1:], name[i+1:]
	} else if v, rest, ok := strings.Cut(name, "."); ok && vendors[v] != "" {
		vendor, name = v, rest // Bedrock
	}
	if known, ok := vendors[vendor]; ok {
		vendor = known
	}
	name, _, _ = strings.Cut(name, ":") // ":free", ":batch", "-v1:0"
	return vendor, name
}

// served leaves out what holds only at the model's own maker.
func (m Model) served(own bool) Model {
	m.Preferred = false
	if !own {
		m.Window, m.MaxOut, m.PriceIn, m.PriceOut = 0, 0, 0, 0
	}
	return m
}

func (m Model) clone() Model {
	m.Efforts = slices.Clone(m.Efforts)
	return m
}

// fill adds what is known where m says nothing.
func (m Model) fill(known Model) Model {
	if m.Name == "" {
		m.Name = known.Name
	}
	if m.Window == 0 {
		m.Window = known.Window
	}
	if m.MaxOut == 0 {
		m.MaxOut = known.MaxOut
	}
	if len(m.Efforts) == 0 {
		m.Efforts = known.Efforts
	}
	if m.PriceIn == 0 && m.PriceOut == 0 {
		m.PriceIn, m.PriceOut = known.PriceIn, known.PriceOut
	}
	m.Sees = m.Sees || known.Sees && !m.Blind
	m.Blind = !m.Sees && (m.Blind || known.Blind)
	m.Thinks = m.Thinks || known.Thinks
	m.NoTools = m.NoTools || known.NoTools
	m.Preferred = m.Preferred || known.Preferred
	return m
}
