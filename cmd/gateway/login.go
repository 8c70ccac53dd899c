package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"chatgateway/commands"
	"chatgateway/internal/secret"
	"chatgateway/login"
	"chatgateway/providerauth"
)

// loginFlags are how a login is to go.
type loginFlags struct {
	account, method        string
	oauth, key             bool
	list, replace, fromEnv bool
}

func (a *app) loginCommand(name string, aliases ...string) *cobra.Command {
	var f loginFlags
	c := &cobra.Command{
		Use: name + " [provider[:account]]", Aliases: aliases, Short: "Log in to a model provider",
		Long: "login logs in to a model provider. Without a provider it shows a menu, without a method it lets you choose.\n" +
			"Keys and codes are asked for and not echoed; where standard input is no terminal they are read from it, a line\n" +
			"each: gateway login openai < key.txt. A key is tried with the provider before it is stored.",
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError("there is too much behind it. Say: gateway login provider[:account]. A key is asked for, or read from standard input")
			}
			if err := oneFlag(c, "method", "oauth", "api-key", "from-env"); err != nil {
				return err
			}
			return a.withHost(c.Context(), func(h *host) error {
				if f.list {
					return a.savedAccounts(c.Context(), h, strings.Join(args, ""))
				}
				return a.login(c.Context(), h, a.prompter(), strings.Join(args, ""), f)
			})
		},
	}
	c.Flags().StringVarP(&f.method, "method", "m", "", "the way to log in: key, browser, device, token, …")
	c.Flags().BoolVar(&f.oauth, "oauth", false, "sign in with a browser")
	c.Flags().BoolVar(&f.key, "api-key", false, "with an API key")
	c.Flags().StringVar(&f.account, "account", "", "the account; the same as provider:account")
	c.Flags().BoolVar(&f.list, "list", false, "list what is stored")
	c.Flags().BoolVar(&f.list, "ls", false, "the same as --list")
	c.Flags().BoolVar(&f.replace, "replace", false, "replace a login of another kind")
	c.Flags().BoolVar(&f.fromEnv, "from-env", false, "store the key that the environment holds")
	return c
}

// login runs one login and says what came of it.
func (a *app) login(ctx context.Context, h *host, p *prompter, name string, f loginFlags) error {
	if name == "" {
		var err error
		if name, err = a.menu(ctx, h, p); err != nil {
			return asFault(err, "")
		}
	}
	s, id, err := h.account(name, f.account)
	if err != nil {
		return err
	}
	if s.NoKey && len(s.Methods) == 0 {
		fmt.Fprintf(a.out, "%s needs no login.\n", s.Name)
		return nil
	}
	if err := h.auth.Storable(ctx, id); err != nil {
		return asFault(err, id)
	}
	stored, err := a.offerEnvironment(ctx, h, p, s, id, f)
	if stored || err != nil {
		return err
	}
	method, err := a.method(ctx, p, s, f)
	if err != nil {
		return asFault(err, id)
	}
	if f.replace {
		p.answers[providerauth.FieldReplace] = "yes"
	} else if p.tty == nil {
		p.answers[providerauth.FieldReplace] = "no"
	}
	result, err := h.auth.Login(ctx, id, method, p)
	h.record("login", string(id), err)
	switch {
	case errors.Is(err, login.ErrCanceled) && p.tty == nil && h.collides(id, method):
		return collision(id)
	case errors.Is(err, login.ErrCanceled) && p.asked == providerauth.FieldRefused:
		return fault(faultKey, s.Name+" refused this key; it was not stored.", "to store it all the same: gateway auth set "+string(id)+" --api-key - --unchecked")
	case err != nil:
		return asFault(err, id)
	}
	fmt.Fprintln(a.out, shellWords(commands.LoggedInText(s, id, result)))
	return nil
}

func collision(id providerauth.ID) error {
	return fault(faultCollision, fmt.Sprintf("a login of another kind is stored as %s.", id),
		fmt.Sprintf("replace it with --replace, or keep both with another name: gateway login %s:work", id.Provider()))
}

// collides reports whether another kind of login stands where a method would store one.
func (h *host) collides(id providerauth.ID, method string) bool {
	rows, _ := h.auth.Status(context.Background(), id.Provider()) //nolint:contextcheck // it reads memory
	kind := "oauth"
	if method == "key" || method == "token" {
		kind = method
	}
	for _, r := range rows {
		if r.ID == string(id) && r.Source == string(providerauth.FromStore) {
			return r.Method != kind
		}
	}
	return false
}

// method finds the way to log in: the one that was named, or a choice among those of a kind.
func (a *app) method(ctx context.Context, p *prompter, s providerauth.Scheme, f loginFlags) (string, error) {
	var ways, off []providerauth.Method
	for _, m := range s.Methods {
		switch {
		case f.method != "" && !strings.EqualFold(m.ID, f.method), f.oauth && !m.Browser, f.key && m.ID != "key":
		case m.Off != "":
			off = append(off, m)
		default:
			ways = append(ways, m)
		}
	}
	switch {
	case len(ways) == 1:
		if len(off) > 0 && p.tty != nil && f.method == "" && !f.key && !f.oauth {
			fmt.Fprintln(a.err, providerauth.Impossible(off))
		}
		return ways[0].ID, nil
	case len(ways) == 0 && len(off) > 0:
		return "", exitError{1, shellWords(message(s.IsOff(off...)))}
	case len(ways) == 0 && f.oauth:
		return "", exitError{1, s.Name + " has no sign-in with a browser. Use a key: gateway login " + s.ID + " --api-key"}
	case len(ways) == 0:
		var ids []string
		for _, m := range s.Methods {
			ids = append(ids, m.ID)
		}
		return "", usageError("%s has no such way to log in. It has: %s", s.Name, strings.Join(ids, ", "))
	case p.tty == nil && !f.oauth && slices.ContainsFunc(ways, func(m providerauth.Method) bool { return m.ID == "key" }):
		return "key", nil // a pipe that names no method brings a key
	}
	step := login.Step{Text: "How do you want to log in to " + s.Name + "?", Field: &login.Field{Name: "Way to log in"}}
	for _, m := range ways {
		step.Choices = append(step.Choices, login.Choice{Label: m.Name, Value: m.ID})
	}
	step.Field.Check = func(text string) error {
		if !slices.ContainsFunc(ways, func(m providerauth.Method) bool { return m.ID == strings.ToLower(text) }) {
			return providerauth.Problem("Answer with a number, or the name of a method.")
		}
		return nil
	}
	answer, err := p.Prompt(ctx, step)
	return strings.ToLower(answer.Reveal()), err
}

// menu lets the person choose a provider: those with a sign-in in a browser come first.
func (a *app) menu(ctx context.Context, h *host, p *prompter) (string, error) {
	var first, then []providerauth.Scheme
	for _, s := range h.auth.Schemes() {
		switch browser := slices.ContainsFunc(s.Methods, func(m providerauth.Method) bool { return m.Browser && m.Off == "" }); {
		case browser:
			first = append(first, s)
		case len(s.Methods) > 0:
			then = append(then, s)
		}
	}
	step := login.Step{Text: "Which provider do you want to log in to?", Field: &login.Field{Name: "Number or name"}}
	for _, s := range append(first, then...) {
		var ways []string
		for _, m := range s.Methods {
			if m.Off == "" {
				ways = append(ways, m.Name)
			}
		}
		label := fmt.Sprintf("%s (%s): %s", s.Name, s.ID, strings.Join(ways, ", "))
		if s.NoKey {
			label += ", where its server wants one"
		}
		step.Choices = append(step.Choices, login.Choice{Label: label, Value: s.ID})
	}
	step.Field.Check = func(text string) error {
		if n, err := strconv.Atoi(text); err == nil {
			return fault(faultProvider, fmt.Sprintf("there is no number %d in the list.", n), "")
		}
		_, _, err := h.account(text, "")
		return err
	}
	answer, err := p.Prompt(ctx, step)
	return answer.Reveal(), err
}

// offerEnvironment stores the key of the environment, if the person says so: only then.
func (a *app) offerEnvironment(ctx context.Context, h *host, p *prompter, s providerauth.Scheme, id providerauth.ID, f loginFlags) (bool, error) {
	name, key := h.fromEnvironment(s)
	switch {
	case f.fromEnv && key.Empty():
		return false, fault(faultNotFound, fmt.Sprintf("the environment holds no key for %s.", s.Name), "it would be in "+strings.Join(h.auth.Variables(s.ID), " or "))
	case f.fromEnv:
	case key.Empty() || p.tty == nil || f.oauth || f.method != "" && f.method != "key":
		return false, nil
	default:
		ok, err := p.confirm(ctx, fmt.Sprintf("The variable %s holds a key for %s, and it is in use while nothing is stored. Store it in providers.json?", name, s.Name))
		if err != nil || !ok {
			return false, asFault(err, id)
		}
	}
	err := h.put(ctx, id, providerauth.Credential{Type: providerauth.Key, Key: providerauth.Literal(key)}, f.replace)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(a.out, "The key in %s is stored as %s.\n", name, id)
	return true, nil
}

// fromEnvironment gives the variable that holds a provider's key, and the key.
func (h *host) fromEnvironment(s providerauth.Scheme) (string, secret.String) {
	rows, _ := h.auth.Status(context.Background(), s.ID) //nolint:contextcheck // it reads memory
	for _, r := range rows {
		if r.Source == string(providerauth.FromEnv) {
			return r.Label, secret.New(strings.TrimSpace(h.env(r.Label)))
		}
	}
	return "", secret.String{}
}

// put stores a credential as it is, unless one of another kind stands there.
func (h *host) put(ctx context.Context, id providerauth.ID, c providerauth.Credential, replace bool) error {
	method := map[providerauth.Type]string{providerauth.Key: "key", providerauth.Token: "token"}[c.Type]
	if !replace && h.collides(id, method) {
		return collision(id)
	}
	err := h.auth.Put(ctx, id, c)
	h.record("login", string(id), err)
	return asFault(err, id)
}

// mayPut says why put would fail, before anything is asked for.
func (h *host) mayPut(ctx context.Context, id providerauth.ID, method string, replace bool) error {
	if !replace && h.collides(id, method) {
		return collision(id)
	}
	return asFault(h.auth.Storable(ctx, id), id)
}

// savedAccounts lists what is stored, of a provider or of all.
func (a *app) savedAccounts(ctx context.Context, h *host, provider string) error {
	if provider != "" {
		s, _, err := h.account(provider, "")
		if err != nil {
			return err
		}
		provider = s.ID
	}
	rows, err := h.auth.Status(ctx, provider)
	if err != nil {
		return asFault(err, "")
	}
	fmt.Fprintln(a.out, "Saved accounts:")
	last, any := "", false
	for _, r := range rows {
		if r.Source != string(providerauth.FromStore) {
			continue
		}
		any = true
		id := providerauth.ID(r.ID)
		if id.Provider() != last {
			fmt.Fprintf(a.out, "  %s (%s):\n", r.Name, id.Provider())
			last = id.Provider()
		}
		name := id.Account()
		if name == "" {
			name = "default"
		}
		fmt.Fprintln(a.out, strings.TrimRight(fmt.Sprintf("    - %s [%s] %s", name, kindName(r.Method), stateWords(r)), " "))
	}
	if !any {
		fmt.Fprintln(a.out, "  (none)")
	}
	return nil
}
