package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"chatgateway/channels"
	"chatgateway/commands"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/catalog"
	"chatgateway/store"
)

// How long a live list of models holds, and how long it is waited for.
const (
	listFresh = 5 * time.Minute
	listWait  = 5 * time.Second
)

// Where a model comes from, for people.
const (
	fromHere    = "this conversation"
	fromPlace   = "this place, in config.yaml"
	fromCommand = "/model default"
	fromConfig  = "config.yaml"
	fromFirst   = "first login"
)

// firstModelKey is the setting that keeps the model of the first login.
const firstModelKey = "first_model"

// modelCache keeps live lists of models.
type modelCache struct {
	mu    sync.Mutex
	lists map[string]modelList // guarded by mu; by provider
}

type modelList struct {
	models []catalog.Model
	when   time.Time
	id     providerauth.ID
}

// provider gives the provider with this id; nil if there is none.
func (g *Gateway) provider(id string) providers.Provider {
	for _, p := range g.o.Providers() {
		if p.Auth().ID == id {
			return p
		}
	}
	return nil
}

// modelFor says which model answers there, and why.
func (g *Gateway) modelFor(ctx context.Context, conv store.Conv, m channels.Message) (providers.Ref, string) {
	if c, err := g.o.Store.Conversation(ctx, conv); err == nil {
		if ref, ok := providers.ParseRef(c.Model); ok {
			return ref, fromHere
		}
	}
	if _, _, place := g.place(conv, m); place.Model != "" {
		if ref, ok := g.ref(place.Model); ok {
			return ref, fromPlace
		}
	}
	return g.Default(ctx)
}

// ref reads a ref from the configuration, an alias too.
func (g *Gateway) ref(text string) (providers.Ref, bool) {
	if to, ok := g.settings.Load().Aliases[strings.ToLower(text)]; ok {
		text = to
	}
	return providers.ParseRef(text)
}

// Default implements commands.Host: /model default wins over config.yaml, which wins over the first login.
func (g *Gateway) Default(ctx context.Context) (providers.Ref, string) {
	if ref, ok := providers.ParseRef(g.o.Auth.DefaultModel(ctx)); ok {
		return ref, fromCommand
	}
	if ref, ok := g.ref(g.settings.Load().Model); ok {
		return ref, fromConfig
	}
	if ref, ok := providers.ParseRef(g.o.Store.Setting(firstModelKey)); ok {
		return ref, fromFirst
	}
	return g.fromEnvironment(ctx)
}

// fromEnvironment picks a model where a credential came without a login: from the environment, or a file.
func (g *Gateway) fromEnvironment(ctx context.Context) (providers.Ref, string) {
	st, err := g.o.Auth.Status(ctx, "")
	if err != nil {
		return providers.Ref{}, ""
	}
	for _, s := range st {
		id := providerauth.ID(s.ID)
		if !s.Configured || s.Source == string(providerauth.FromNone) || g.provider(id.Provider()) == nil {
			continue
		}
		if m := catalog.Preferred(id.Provider()); m != "" {
			from := s.Label
			if s.Source == string(providerauth.FromStore) {
				from = "the only sign-in so far"
			}
			return providers.Ref{Provider: id.Provider(), Model: m}, from
		}
	}
	return providers.Ref{}, ""
}

// SetDefault implements commands.Host.
func (g *Gateway) SetDefault(ctx context.Context, ref providers.Ref) error {
	defer g.changed()
	if ref.IsZero() {
		return g.o.Auth.SetDefaultModel(ctx, "")
	}
	return g.o.Auth.SetDefaultModel(ctx, ref.String())
}

// LoggedIn implements commands.Host.
func (g *Gateway) LoggedIn(ctx context.Context, id providerauth.ID) providers.Ref {
	defer g.changed()
	g.models.forget(id.Provider())
	switch ref, from := g.Default(ctx); from {
	case fromCommand, fromConfig:
		return providers.Ref{}
	case fromFirst:
		if g.usable(ctx, ref) {
			return providers.Ref{}
		}
	}
	list, _ := g.Models(ctx, id.Provider())
	pick := catalog.Preferred(id.Provider())
	if len(list) > 0 && !slices.ContainsFunc(list, func(m commands.Model) bool { return m.ID == pick }) {
		known := make([]catalog.Model, len(list))
		for i, m := range list {
			known[i] = m.Model
		}
		m, _ := catalog.Pick(known)
		pick = m.ID
	}
	if pick == "" {
		return providers.Ref{}
	}
	ref := providers.Ref{Provider: id.Provider(), Model: pick}
	if err := g.o.Store.SetSetting(context.WithoutCancel(ctx), firstModelKey, ref.String()); err != nil {
		g.log.Error("first model not kept", "err", err)
		return providers.Ref{}
	}
	return ref
}

// scopeOf names a conversation for the order of accounts that may be set for it.
func scopeOf(c store.Conv) providerauth.Scope {
	return providerauth.MakeScope(string(c.Account), string(c.Conversation))
}

// usable reports whether there is a credential for a model.
func (g *Gateway) usable(ctx context.Context, ref providers.Ref) bool {
	_, err := g.o.Auth.Credential(ctx, providerauth.Want{Provider: ref.Provider, Account: ref.Account})
	return !errors.Is(err, providerauth.ErrNone) && !errors.Is(err, providerauth.ErrNeedsLogin)
}

// fallbacks are the configured models that may answer in place of ref.
func (g *Gateway) fallbacks(ref providers.Ref) (refs []providers.Ref) {
	for _, f := range g.settings.Load().Fallbacks {
		if r, ok := g.ref(f); ok && r != ref {
			refs = append(refs, r)
		}
	}
	return refs
}

func (c *modelCache) forget(provider string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.lists, provider)
}

// Models implements commands.Host. The providers are asked at once, each for a bounded time.
func (g *Gateway) Models(ctx context.Context, provider string) ([]commands.Model, []string) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	byProvider, notes := map[string][]commands.Model{}, map[string]string{}
	var order []string
	for _, p := range g.o.Providers() {
		s := p.Auth()
		if provider != "" && s.ID != provider {
			continue
		}
		order = append(order, s.ID)
		wg.Go(func() {
			defer g.contain("models of " + s.ID)
			list, note := g.modelsOf(ctx, p, s, provider != "")
			mu.Lock()
			defer mu.Unlock()
			for _, m := range list {
				byProvider[s.ID] = append(byProvider[s.ID], commands.Model{Ref: providers.Ref{Provider: s.ID, Model: m.ID}, Model: m})
			}
			notes[s.ID] = note
		})
	}
	wg.Wait()
	var all []commands.Model
	var said []string
	for _, id := range order {
		all = append(all, byProvider[id]...)
		if notes[id] != "" {
			said = append(said, notes[id])
		}
	}
	return all, said
}

// modelsOf lists one provider's models; asked says that this provider was named.
func (g *Gateway) modelsOf(ctx context.Context, p providers.Provider, s providerauth.Scheme, asked bool) ([]catalog.Model, string) {
	ctx, cancel := context.WithTimeout(ctx, listWait)
	defer cancel()
	cred, err := g.o.Auth.Credential(ctx, providerauth.Want{Provider: s.ID})
	switch {
	case errors.Is(err, providerauth.ErrNone):
		if asked {
			return nil, fmt.Sprintf("Nobody is logged in to %s.", s.Name)
		}
		return nil, ""
	case err != nil && !errors.Is(err, providerauth.ErrCooling):
		return nil, fmt.Sprintf("%s: %s", s.Name, g.userMessage(err))
	}
	g.models.mu.Lock()
	cached, ok := g.models.lists[s.ID]
	g.models.mu.Unlock()
	if ok && time.Since(cached.when) < listFresh && cached.id == cred.ID {
		return cached.models, ""
	}
	if err != nil && ok {
		return cached.models, ""
	}
	if err != nil {
		return catalog.Known(s.ID), g.userMessage(err)
	}
	list, err := p.Models(ctx, cred)
	if err != nil {
		g.log.Debug("models not listed", "provider", s.ID, "err", err)
		if s.NoKey && !asked {
			return nil, "" // a local server that does not run is nothing to report
		}
		if ok {
			return cached.models, fmt.Sprintf("%s could not be asked just now; this is its last list.", s.Name)
		}
		return catalog.Known(s.ID), fmt.Sprintf("%s could not be asked for its models (%s)", s.Name, g.userMessage(err))
	}
	g.models.mu.Lock()
	if g.models.lists == nil {
		g.models.lists = map[string]modelList{}
	}
	g.models.lists[s.ID] = modelList{list, time.Now(), cred.ID}
	g.models.mu.Unlock()
	return list, ""
}

// Match implements commands.Host.
func (g *Gateway) Match(ctx context.Context, text string) ([]commands.Model, error) {
	text = strings.TrimSpace(text)
	if to, ok := g.settings.Load().Aliases[strings.ToLower(text)]; ok {
		text = to
	}
	ref, isRef := providers.ParseRef(text)
	if isRef {
		if s, err := g.o.Auth.Scheme(ref.Provider); err == nil {
			ref.Provider = s.ID
		} else {
			isRef = false // "meta/llama": a model's name may hold a slash
		}
	}
	only := ""
	if isRef {
		only = ref.Provider
	}
	list, notes := g.Models(ctx, only)
	found := commands.MatchModels(list, ref, isRef, text)
	switch {
	case len(found) > 0:
		return found, nil
	case isRef && g.provider(ref.Provider) == nil:
		return nil, personal{fmt.Sprintf("There is no provider %q. /login lists those that there are.", ref.Provider)}
	case isRef && (len(list) == 0 || len(notes) > 0) && g.usable(ctx, ref):
		known, _ := catalog.Lookup(ref.Provider, ref.Model)
		known.ID = ref.Model
		return []commands.Model{{Ref: ref, Model: known}}, nil // it has no list, or could not be asked for it: taken at its word
	case len(notes) > 0 && isRef:
		return nil, personal{notes[0] + fmt.Sprintf(" Log in first: /login %s", only)}
	case len(list) == 0:
		return nil, personal{"No model can be chosen yet: nobody is logged in to a provider. Begin with /login."}
	}
	return nil, personal{fmt.Sprintf("There is no model like %q among those that can be used now. /model lists them.", text)}
}
