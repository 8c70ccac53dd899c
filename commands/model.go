package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatgateway/providerauth"
	"chatgateway/providers"
)

// pageSize is how many models a page of the picker has.
const pageSize = 12

// model chooses the model of the conversation, or the one that all begin with.
func model(ctx context.Context, c *Call) error {
	switch word := strings.ToLower(c.Arg(0)); word {
	case "":
		return pickProvider(ctx, c)
	case "list":
		if len(c.Args) > 1 {
			return pickModel(ctx, c, c.Arg(1), page(c.Arg(2)))
		}
		return listModels(ctx, c)
	case "status":
		return modelStatus(ctx, c)
	case "reset":
		if err := c.Session.SetModel(ctx, providers.Ref{}); err != nil {
			return err
		}
		ref, from := c.Session.Model(ctx)
		if ref.IsZero() {
			return c.say(ctx, "This conversation has no model of its own any more, and there is no default yet. /login sets one up.")
		}
		return c.say(ctx, fmt.Sprintf("This conversation follows the default again: %s (%s).", ref, from))
	case "default":
		return setDefault(ctx, c)
	}
	if s, err := c.Host.Auth().Scheme(c.Arg(0)); err == nil && len(c.Args) <= 2 {
		return pickModel(ctx, c, s.ID, page(c.Arg(1)))
	}
	m, ok, err := one(ctx, c, c.Rest(0), "/model ")
	if err != nil || !ok {
		return err
	}
	return use(ctx, c, m)
}

func page(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 1
	}
	return n
}

// use makes a model the conversation's own.
func use(ctx context.Context, c *Call, m Model) error {
	if !c.Host.MayUse(c.Person.Role, m.Ref) {
		return refusal(fmt.Sprintf("You may not use %s.", m.Ref))
	}
	if err := c.Session.SetModel(ctx, m.Ref); err != nil {
		return err
	}
	ref, _ := c.Session.Model(ctx)
	text := fmt.Sprintf("From now on **%s** answers in this conversation.", ref)
	if _, err := c.Host.Auth().Credential(ctx, providerauth.Want{Provider: ref.Provider, Account: ref.Account, Scope: c.Scope}); err != nil {
		return c.say(ctx, text+" But not yet: "+sentence(err), Choice{Label: "Log in", Run: "/login " + string(providerauth.MakeID(ref.Provider, ref.Account))})
	}
	return c.say(ctx, text)
}

// setDefault is for owners, and answered to them alone.
func setDefault(ctx context.Context, c *Call) error {
	if c.Person.Role < Owner {
		c.Host.Record(ctx, c.Person, "/model default", c.Rest(1), "refused")
		return refusal("The default model is for the bot's owners to set. /model sets the one of this conversation.")
	}
	if !c.Private {
		return refusal("Set the default in a private conversation with me: `/model default` and the model.")
	}
	text := c.Rest(1)
	switch text {
	case "":
		ref, from := c.Host.Default(ctx)
		if ref.IsZero() {
			return c.say(ctx, "There is no default model yet. Set one: `/model default` and the model.")
		}
		return c.say(ctx, fmt.Sprintf("Conversations begin with %s (%s). `/model default` and another model changes that; `/model default reset` takes it back.", ref, from))
	case "reset":
		if err := c.Host.SetDefault(ctx, providers.Ref{}); err != nil {
			return err
		}
		ref, from := c.Host.Default(ctx)
		c.Host.Record(ctx, c.Person, "/model default", "reset", "done")
		if ref.IsZero() {
			return c.say(ctx, "The default is taken back; there is none now.")
		}
		return c.say(ctx, fmt.Sprintf("The default is taken back; conversations begin with %s (%s).", ref, from))
	}
	m, ok, err := one(ctx, c, text, "/model default ")
	if err != nil || !ok {
		return err
	}
	if err := c.Host.SetDefault(ctx, m.Ref); err != nil {
		return err
	}
	c.Host.Record(ctx, c.Person, "/model default", m.Ref.String(), "done")
	return c.say(ctx, fmt.Sprintf("From now on conversations begin with **%s**. Those with a model of their own keep it.", m.Ref))
}

// modelStatus says what holds here and why, with which account and where its requests go.
func modelStatus(ctx context.Context, c *Call) error {
	ref, from := c.Session.Model(ctx)
	var b strings.Builder
	if ref.IsZero() {
		b.WriteString("No model is chosen yet. /login sets one up.")
		return c.say(ctx, b.String())
	}
	fmt.Fprintf(&b, "**Here**: %s (%s)\n", ref, from)
	if d, from := c.Host.Default(ctx); !d.IsZero() {
		fmt.Fprintf(&b, "**Default**: %s (%s)\n", d, from)
	}
	if e := c.Host.Endpoint(ref.Provider); e != "" {
		fmt.Fprintf(&b, "**Endpoint**: %s\n", e)
	}
	cred, err := c.Host.Auth().Credential(ctx, providerauth.Want{Provider: ref.Provider, Account: ref.Account, Scope: c.Scope})
	switch {
	case err != nil:
		fmt.Fprintf(&b, "**Sign-in**: none that works now. %s\n", sentence(err))
	case cred.Source == providerauth.FromEnv:
		fmt.Fprintf(&b, "**Sign-in**: %s, from the variable %s\n", cred.ID, cred.Label)
	case cred.Source == providerauth.FromNone:
		b.WriteString("**Sign-in**: none needed\n")
	default:
		fmt.Fprintf(&b, "**Sign-in**: %s, %s\n", cred.ID, cred.Source)
	}
	if ids, from := c.Host.Auth().Order(ctx, ref.Provider, c.Scope); len(ids) > 0 && ref.Account == "" {
		fmt.Fprintf(&b, "**Order**: %s (set for %s)\n", JoinIDs(ids), scopeName(from, c.Scope))
	}
	if st, err := c.Host.Auth().Status(ctx, ref.Provider); err == nil && len(st) > 1 && c.Person.Role == Owner {
		for _, p := range st {
			if p.Configured {
				fmt.Fprintf(&b, "- `%s`: %s\n", p.ID, cmp.Or(stateText(p, time.Now()), p.State))
			}
		}
	}
	return c.say(ctx, b.String())
}

// sentence gives the sentence of an error that a person may read.
func sentence(err error) string {
	var u interface{ UserMessage() string }
	if errors.As(err, &u) {
		return u.UserMessage()
	}
	return "something went wrong here; the gateway's log says what."
}

// byProvider groups models, the order kept.
func byProvider(list []Model) (order []string, groups map[string][]Model) {
	groups = map[string][]Model{}
	for _, m := range list {
		if len(groups[m.Ref.Provider]) == 0 {
			order = append(order, m.Ref.Provider)
		}
		groups[m.Ref.Provider] = append(groups[m.Ref.Provider], m)
	}
	return order, groups
}

// pickProvider offers the providers that can be used; with one alone, its models.
func pickProvider(ctx context.Context, c *Call) error {
	list, notes := c.Host.Models(ctx, "")
	list = allowed(c, list)
	order, groups := byProvider(list)
	ref, from := c.Session.Model(ctx)
	text := ""
	if !ref.IsZero() {
		text = fmt.Sprintf("**%s** answers here (%s). ", ref, from)
	}
	switch len(order) {
	case 0:
		why := "No model can be chosen yet: log in to a provider first."
		if len(notes) > 0 {
			why = strings.Join(notes, " ") + " No model can be chosen just now; another provider's can after /login."
		}
		return c.say(ctx, text+why, Choice{Label: "Log in", Run: "/login"})
	case 1:
		return pickModel(ctx, c, order[0], 1)
	}
	var cs []Choice
	for _, p := range order {
		cs = append(cs, Choice{Label: fmt.Sprintf("%s (%d)", p, len(groups[p])), Run: "/model list " + p})
	}
	if len(notes) > 0 {
		text += strings.Join(notes, " ") + " "
	}
	return c.say(ctx, text+"Whose model shall it be? A name works too: `/model` and a part of it.", cs...)
}

func allowed(c *Call, list []Model) []Model {
	return slices.DeleteFunc(slices.Clone(list), func(m Model) bool { return !c.Host.MayUse(c.Person.Role, m.Ref) })
}

// pickModel offers a page of one provider's models.
func pickModel(ctx context.Context, c *Call, provider string, page int) error {
	s, err := c.Host.Auth().Scheme(provider)
	if err != nil {
		return unknownProvider(c.Host, provider)
	}
	list, notes := c.Host.Models(ctx, s.ID)
	list = allowed(c, list)
	if len(list) == 0 {
		text := s.Name + " has no model to choose now."
		if len(notes) > 0 {
			text = strings.Join(notes, " ")
		}
		return c.say(ctx, text, Choice{Label: "Log in to " + s.Name, Run: "/login " + s.ID})
	}
	slices.SortStableFunc(list, func(a, b Model) int {
		switch {
		case a.Preferred && !b.Preferred:
			return -1
		case b.Preferred && !a.Preferred:
			return 1
		}
		return 0
	})
	pages := (len(list) + pageSize - 1) / pageSize
	page = min(page, pages)
	now, _ := c.Session.Model(ctx)
	var cs []Choice
	for _, m := range list[(page-1)*pageSize : min(page*pageSize, len(list))] {
		label := m.ID
		if m.Ref == now {
			label = "✓ " + label
		}
		cs = append(cs, Choice{Label: label, Run: "/model " + m.Ref.String()})
	}
	if page > 1 {
		cs = append(cs, Choice{Label: "« Back", Run: fmt.Sprintf("/model list %s %d", s.ID, page-1)})
	}
	if page < pages {
		cs = append(cs, Choice{Label: "More »", Run: fmt.Sprintf("/model list %s %d", s.ID, page+1)})
	}
	text := fmt.Sprintf("%s has %s.", s.Name, Models(len(list)))
	if pages > 1 {
		text = fmt.Sprintf("%s has %d models; page %d of %d.", s.Name, len(list), page, pages)
	}
	if len(notes) > 0 {
		text += " " + strings.Join(notes, " ")
	}
	return c.say(ctx, text, cs...)
}

// listModels lists everything that can be used, as text.
func listModels(ctx context.Context, c *Call) error {
	list, notes := c.Host.Models(ctx, "")
	list = allowed(c, list)
	if len(list) == 0 {
		return pickProvider(ctx, c)
	}
	order, groups := byProvider(list)
	var b strings.Builder
	for _, p := range order {
		fmt.Fprintf(&b, "**%s**\n", p)
		for i, m := range groups[p] {
			if i == 20 {
				fmt.Fprintf(&b, "- … and %d more: `/model list %s`\n", len(groups[p])-i, p)
				break
			}
			fmt.Fprintf(&b, "- `%s`\n", m.Ref)
		}
		b.WriteString("\n")
	}
	b.WriteString(strings.Join(notes, "\n"))
	return c.say(ctx, b.String())
}

// MatchModels finds what a text means among models: the ref itself; the id; the one whose id begins with the text;
// those that hold every word of it. It never guesses: where several are equally good, it gives them all.
func MatchModels(list []Model, ref providers.Ref, isRef bool, text string) []Model {
	text = strings.ToLower(strings.TrimSpace(text))
	want := text
	if isRef {
		want = strings.ToLower(ref.Model)
	}
	pick := func(ok func(id string) bool) (found []Model) {
		for _, m := range list {
			if (!isRef || m.Ref.Provider == ref.Provider) && ok(strings.ToLower(m.Ref.Model)) {
				m.Ref.Account = ref.Account
				found = append(found, m)
			}
		}
		return found
	}
	words := strings.FieldsFunc(want, func(r rune) bool { return strings.ContainsRune(" -_/.:", r) })
	for _, ok := range []func(string) bool{
		func(id string) bool { return id == want },
		func(id string) bool { _, tail, has := strings.Cut(id, "/"); return has && tail == want },
		func(id string) bool {
			return strings.HasPrefix(id, want+"-latest") || strings.HasPrefix(id, want+"-20")
		},
		func(id string) bool { return strings.HasPrefix(id, want) },
		func(id string) bool {
			for _, w := range words {
				if !strings.Contains(id, w) {
					return false
				}
			}
			return len(words) > 0
		},
	} {
		if found := pick(ok); len(found) > 0 {
			return found
		}
	}
	return nil
}
