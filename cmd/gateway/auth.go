package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatgateway/commands"
	"chatgateway/internal/status"
	"chatgateway/providerauth"
)

func (a *app) authCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "auth",
		Short: "Look after the logins to model providers",
		Long: "auth shows and changes the logins to model providers: API keys, tokens and sign-ins. They stand in\n" +
			"auth/providers.json in the home folder, else in the environment. A running gateway takes every change up\n" +
			"within a second.",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noSuch(c, args[0])
			}
			return a.withHost(c.Context(), func(h *host) error { return a.authList(c.Context(), h, "") })
		},
	}
	c.AddCommand(a.authListCommand(), a.authStatusCommand(), a.authSetCommand(), a.authPasteCommand(), a.authSetupTokenCommand(),
		a.loginCommand("login", "signin"), a.logoutCommand("logout", "signout", "unset"),
		a.authEnableCommand(true), a.authEnableCommand(false), a.authOrderCommand(), a.authEncryptCommand(), a.authDecryptCommand())
	return c
}

// withHost runs f on the home folder. What is wrong with the files is said first; renewals under way are waited for.
func (a *app) withHost(ctx context.Context, f func(*host) error) error {
	quiet := *a
	quiet.quiet = true
	h, err := quiet.openHost()
	if err != nil {
		return err
	}
	for _, w := range h.warnings {
		fmt.Fprintln(a.err, "warning: "+shellWords(w))
	}
	err = f(h)
	if cerr := h.close(ctx); cerr != nil && err == nil {
		err = fmt.Errorf("wait for a renewal: %w", cerr)
	}
	return err
}

func (a *app) authListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list [provider]", Aliases: []string{"ls"}, Short: "List the providers, their accounts and where each login comes from",
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError("name one provider, or none for all of them")
			}
			return a.withHost(c.Context(), func(h *host) error { return a.authList(c.Context(), h, strings.Join(args, "")) })
		},
	}
}

// authList writes all providers in sections, or everything about one.
func (a *app) authList(ctx context.Context, h *host, provider string) error {
	if provider != "" {
		s, _, err := h.account(provider, "")
		if err != nil {
			return err
		}
		return a.describe(ctx, h, s)
	}
	rows, err := h.auth.Status(ctx, "")
	if err != nil {
		return asFault(err, "")
	}
	sections := []struct {
		title string
		has   func(providerauth.Scheme) bool
	}{
		{"Sign-in in a browser:", signsIn},
		{"API key:", func(s providerauth.Scheme) bool { return !signsIn(s) && !s.NoKey }},
		{"No key needed:", func(s providerauth.Scheme) bool { return !signsIn(s) && s.NoKey }},
	}
	schemes := h.auth.Schemes()
	for _, section := range sections {
		fmt.Fprintln(a.out, section.title)
		t := table(a.out)
		for _, s := range schemes {
			if section.has(s) {
				writeAccounts(t, s, rows)
			}
		}
		_ = t.Flush()
	}
	writeOrphans(a.out, h, rows)
	fmt.Fprintln(a.out, "\nMore about one: gateway auth list PROVIDER. Log in: gateway login PROVIDER")
	return nil
}

// signsIn reports whether a browser is one of the ways to log in.
func signsIn(s providerauth.Scheme) bool {
	return slices.ContainsFunc(s.Methods, func(m providerauth.Method) bool { return m.Browser })
}

func table(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

// writeAccounts writes a line for each login of a provider; one, if it has none.
func writeAccounts(w io.Writer, s providerauth.Scheme, rows []status.Provider) {
	name := s.Name
	for _, r := range rows {
		if providerauth.ID(r.ID).Provider() == s.ID || r.Name == s.Name {
			fmt.Fprintf(w, "  %s\t%s\t%s\n", r.ID, name, describeRow(r))
			name = ""
		}
	}
}

// writeOrphans writes the records that no provider explains.
func writeOrphans(w io.Writer, h *host, rows []status.Provider) {
	first := true
	for _, r := range rows {
		if _, err := h.auth.Scheme(providerauth.ID(r.ID).Provider()); err != nil {
			if first {
				fmt.Fprintln(w, "Kept, but of no provider of this gateway:")
			}
			first = false
			fmt.Fprintf(w, "  %s\n", r.ID)
		}
	}
}

// describeRow says in a few words what a login is and how it is.
func describeRow(r status.Provider) string {
	if !r.Configured && r.LastError == "" {
		if r.State == providerauth.StateDisabled {
			return "disabled"
		}
		return "-"
	}
	var words []string
	add := func(w string) {
		if w != "" {
			words = append(words, w)
		}
	}
	switch providerauth.Source(r.Source) {
	case providerauth.FromNone:
		return "needs none"
	case providerauth.FromEnv:
		add(kindName(r.Method) + " from " + r.Label)
	case providerauth.FromRuntime:
		add(kindName(r.Method) + " given at the start (" + r.Label + ")")
	default:
		add(kindName(r.Method) + ", stored")
		add(r.Label)
	}
	add(stateWords(r))
	if r.InUse {
		add("in use")
	}
	text := strings.Join(words, ", ")
	for _, more := range []string{r.LastError, r.Note} {
		if more != "" {
			text = strings.TrimSuffix(text, ".") + ". " + shellWords(more)
		}
	}
	return text
}

func kindName(method string) string {
	return cmp.Or(map[string]string{"key": "API key", "token": "token", "oauth": "sign-in"}[method], method)
}

// stateWords says how a login is; a good one that lasts needs no words.
func stateWords(r status.Provider) string {
	left := func(t time.Time) string { return commands.Span(time.Until(t)) }
	switch r.State {
	case providerauth.StateOK:
		if r.Expires.IsZero() || r.Renews {
			return ""
		}
		return "expires in " + left(r.Expires)
	case providerauth.StateExpiring:
		return "expires in " + left(r.Expires) + " and cannot renew itself"
	case providerauth.StateExpired:
		if r.Renews {
			return "renewed at the next use"
		}
		return "expired"
	case providerauth.StateNeedsLogin:
		return "needs login"
	case providerauth.StateCooling:
		return "passed over for " + left(r.CoolUntil)
	}
	return r.State
}

// describe writes everything about one provider.
func (a *app) describe(ctx context.Context, h *host, s providerauth.Scheme) error {
	rows, err := h.auth.Status(ctx, s.ID)
	if err != nil {
		return asFault(err, providerauth.ID(s.ID))
	}
	t := table(a.out)
	fmt.Fprintf(t, "Provider\t%s (%s)\n", s.Name, strings.Join(append([]string{s.ID}, s.Aliases...), ", "))
	for i, m := range s.Methods {
		label := "Log in by"
		if i > 0 {
			label = ""
		}
		off := ""
		if m.Off != "" {
			off = " - off: " + m.Off
		}
		fmt.Fprintf(t, "%s\t%s (--method %s)%s\n", label, m.Name, m.ID, off)
	}
	if env := h.auth.Variables(s.ID); len(env) > 0 {
		fmt.Fprintf(t, "Variables\t%s\n", strings.Join(env, ", "))
	}
	if s.KeyPage != "" {
		fmt.Fprintf(t, "Keys\t%s\n", s.KeyPage)
	}
	if len(s.Hosts) > 0 {
		fmt.Fprintf(t, "Sent to\t%s\n", strings.Join(s.Hosts, ", "))
	}
	if order, _ := h.auth.Order(ctx, s.ID, ""); len(order) > 0 {
		fmt.Fprintf(t, "Order\t%s\n", commands.JoinIDs(order))
	}
	for _, where := range h.auth.Scopes(ctx, s.ID) {
		order, _ := h.auth.Order(ctx, s.ID, where)
		fmt.Fprintf(t, "Order in %s\t%s\n", where, commands.JoinIDs(order))
	}
	for i, r := range rows {
		label := "Logins"
		if i > 0 {
			label = ""
		}
		text := describeRow(r)
		if text == "-" {
			text = "none yet: gateway login " + s.ID
		}
		fmt.Fprintf(t, "%s\t%s: %s\n", label, r.ID, text)
	}
	return t.Flush()
}

// accounts are the stored logins of a provider.
func (h *host) accounts(provider string) []providerauth.ID {
	return h.auth.Accounts(context.Background(), provider) //nolint:contextcheck // it reads memory
}

// stored reports whether there is a record of exactly this id.
func (h *host) stored(id providerauth.ID) bool {
	rows, _ := h.auth.Status(context.Background(), "") //nolint:contextcheck // it reads memory
	return slices.ContainsFunc(rows, func(r status.Provider) bool { return r.ID == string(id) && r.Source == string(providerauth.FromStore) })
}
