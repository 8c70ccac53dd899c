package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chatgateway/commands"
	"chatgateway/internal/jsonfile"
	"chatgateway/internal/secret"
	"chatgateway/providerauth"
)

// setFlags are how a key is to be stored.
type setFlags struct {
	account, key, ref         string
	oauth, replace, unchecked bool
}

func (a *app) authSetCommand() *cobra.Command {
	var f setFlags
	c := &cobra.Command{
		Use:   "set <provider[:account]>",
		Short: "Store an API key",
		Long: "set asks for a provider's API key, tries it, and stores it. Safe ways to give it: at the prompt, which does not\n" +
			"echo; on standard input: gateway auth set openai < key.txt; or as a reference that is followed at every use:\n" +
			"--ref env:NAME, --ref file:PATH, --ref \"exec:COMMAND ARGUMENTS\".",
		RunE: func(c *cobra.Command, args []string) error {
			if err := providerArg("auth set provider[:account]", args, 0); err != nil {
				return err
			}
			if err := oneFlag(c, "api-key", "ref", "oauth"); err != nil {
				return err
			}
			return a.withHost(c.Context(), func(h *host) error {
				if f.oauth {
					return a.login(c.Context(), h, a.prompter(), args[0], loginFlags{account: f.account, oauth: true, replace: f.replace})
				}
				return a.authSet(c.Context(), h, args[0], f)
			})
		},
	}
	c.Flags().StringVar(&f.key, "api-key", "", "the key; - reads it from standard input. Others on this host can read a command line: better leave it out")
	c.Flags().StringVar(&f.ref, "ref", "", "where the key is to be found: env:NAME, file:PATH, exec:COMMAND")
	c.Flags().BoolVar(&f.oauth, "oauth", false, "sign in with a browser instead")
	c.Flags().StringVar(&f.account, "account", "", "the account; the same as provider:account")
	c.Flags().BoolVar(&f.replace, "replace", false, "replace a login of another kind")
	c.Flags().BoolVar(&f.unchecked, "unchecked", false, "store it without asking the provider")
	return c
}

func (a *app) authSet(ctx context.Context, h *host, name string, f setFlags) error {
	s, id, err := h.account(name, f.account)
	if err != nil {
		return err
	}
	if f.ref != "" {
		if !jsonfile.IsReference(f.ref) {
			return usageError("a reference begins with env:, file: or exec:, like --ref env:OPENAI_API_KEY")
		}
		if err := h.put(ctx, id, providerauth.Credential{Type: providerauth.Key, Key: secret.New(f.ref)}, f.replace); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "Stored for %s: the key is looked up at every use.\n", id)
		return a.checkNow(ctx, h, s, id)
	}
	p := a.prompter()
	if f.key != "" && f.key != "-" {
		fmt.Fprintln(a.err, "warning: others on this host can read a command line, and the shell remembers it; next time: gateway auth set "+string(id))
		p.answers["API key"] = f.key
	}
	if !f.unchecked && slices.ContainsFunc(s.Methods, func(m providerauth.Method) bool { return m.ID == "key" }) {
		return a.login(ctx, h, p, string(id), loginFlags{method: "key", replace: f.replace})
	}
	if !f.unchecked {
		return exitError{1, fmt.Sprintf("%s takes no API key. Its ways to log in: gateway auth list %s", s.Name, s.ID)}
	}
	if err := h.mayPut(ctx, id, "key", f.replace); err != nil {
		return err
	}
	key, err := p.secret(ctx, "Send the API key of "+s.Name+".", "API key", checkKey(s))
	if err != nil {
		return asFault(err, id)
	}
	clean := providerauth.CleanKey(key.Reveal())
	if err := checkKey(s)(clean); err != nil {
		return asFault(err, id)
	}
	c := providerauth.Credential{Type: providerauth.Key, Key: providerauth.Literal(secret.New(clean))}
	if err := h.put(ctx, id, c, f.replace); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "Stored for %s, and not tried.\n", id)
	return nil
}

// checkKey looks at the shape of a provider's key.
func checkKey(s providerauth.Scheme) func(string) error {
	check := providerauth.DefaultCheckKey
	if s.CheckKey != nil {
		check = s.CheckKey
	}
	return func(text string) error { return check(providerauth.CleanKey(text)) }
}

// checkNow tries what was stored and says what was found; a refusal is told, and what was stored stays.
func (a *app) checkNow(ctx context.Context, h *host, s providerauth.Scheme, id providerauth.ID) error {
	f, err := h.auth.Check(ctx, id)
	if err != nil {
		fmt.Fprintln(a.err, "warning: "+shellWords(message(err)))
		return nil
	}
	fmt.Fprintln(a.out, checkText(s, f))
	return nil
}

// tokenFlags are what the commands have in common that store a token.
type tokenFlags struct {
	account, life string
	replace       bool
}

func (f *tokenFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.account, "account", "", "the account; the same as provider:account")
	c.Flags().StringVar(&f.life, "expires-in", "", "how long it lasts from now: 365d, 12h")
	c.Flags().BoolVar(&f.replace, "replace", false, "replace a login of another kind")
}

// of is whose token it is, and how long it lasts; 0: nobody said.
func (f *tokenFlags) of(h *host, name string) (s providerauth.Scheme, id providerauth.ID, lasts time.Duration, err error) {
	if s, id, err = h.account(name, f.account); err != nil {
		return s, id, 0, err
	}
	lasts, err = parseLife(f.life)
	return s, id, lasts, err
}

func (a *app) authPasteCommand() *cobra.Command {
	var f tokenFlags
	c := &cobra.Command{
		Use: "paste-token <provider[:account]>", Short: "Store a token that another program made",
		Long: "paste-token stores a long-lived token as it is. It is read from a prompt without echo, or from standard input.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := providerArg("auth paste-token provider[:account]", args, 0); err != nil {
				return err
			}
			return a.withHost(c.Context(), func(h *host) error {
				return a.pasteToken(c.Context(), h, args[0], f)
			})
		},
	}
	f.add(c)
	return c
}

func (a *app) pasteToken(ctx context.Context, h *host, name string, f tokenFlags) error {
	s, id, lasts, err := f.of(h, name)
	if err != nil {
		return err
	}
	if err := h.mayPut(ctx, id, "token", f.replace); err != nil {
		return err
	}
	p := a.prompter()
	check := func(text string) error { return providerauth.DefaultCheckKey(providerauth.CleanKey(text)) }
	token, err := p.secret(ctx, "Send the "+s.Name+" token.", "Token", check)
	if err != nil {
		return asFault(err, id)
	}
	c := providerauth.Credential{Type: providerauth.Token, Key: providerauth.Literal(secret.New(providerauth.CleanKey(token.Reveal())))}
	if lasts > 0 {
		c.Expires = time.Now().Add(lasts)
	}
	if err := h.put(ctx, id, c, f.replace); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "The token is stored as %s.\n", id)
	return a.checkNow(ctx, h, s, id)
}

func (a *app) authSetupTokenCommand() *cobra.Command {
	var f tokenFlags
	c := &cobra.Command{
		Use: "setup-token [provider[:account]]", Short: "Store a setup token, as `claude setup-token` makes it",
		Long: "setup-token stores a provider's setup token after a look at its shape; anthropic, if no provider is named.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			name := "anthropic"
			if len(args) == 1 {
				name = args[0]
			}
			return a.withHost(c.Context(), func(h *host) error {
				return a.setupToken(c.Context(), h, name, f)
			})
		},
	}
	f.add(c)
	return c
}

func (a *app) setupToken(ctx context.Context, h *host, name string, f tokenFlags) error {
	s, id, lasts, err := f.of(h, name)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(s.Methods, func(m providerauth.Method) bool { return m.ID == "token" })
	switch {
	case at < 0:
		return exitError{1, fmt.Sprintf("%s has no setup tokens. A token of another kind: gateway auth paste-token %s", s.Name, s.ID)}
	case s.Methods[at].Off != "":
		return exitError{1, shellWords(message(s.IsOff(s.Methods[at])))}
	}
	if lasts == 0 {
		return a.login(ctx, h, a.prompter(), string(id), loginFlags{method: "token", replace: f.replace})
	}
	if !f.replace && h.collides(id, "token") {
		return collision(id)
	}
	p := a.prompter()
	p.answers[providerauth.FieldReplace] = "yes"
	r, err := h.auth.Login(ctx, id, "token", p)
	if err == nil {
		c := r.Credential
		c.Expires, c.Key = time.Now().Add(lasts), providerauth.Literal(c.Key)
		err = h.auth.Put(ctx, id, c)
	}
	h.record("login", string(id), err)
	if err != nil {
		return asFault(err, id)
	}
	fmt.Fprintln(a.out, shellWords(commands.LoggedInText(s, id, r)))
	return nil
}

// parseLife reads how long something lasts: what Go takes, and days (365d), weeks (2w) and years (1y). Empty: 0.
func parseLife(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	for unit, day := range map[string]int{"d": 1, "w": 7, "y": 365} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			if n, err := strconv.Atoi(number); err == nil && n > 0 && n < 40000 {
				return time.Duration(n*day) * 24 * time.Hour, nil
			}
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, usageError("--expires-in wants a time like 365d or 12h, not %q", text)
	}
	return d, nil
}
