package main

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chatgateway/config"
	"chatgateway/providerauth"
)

// values gives what may stand in the place of the next argument, each with a help behind a tab. They hold no secret.
type values func(ctx context.Context, h *host, args []string) []string

// offers says which values a shell offers behind a command. The names of commands and flags are known without it.
var offers = map[string]values{
	"login": logins, "logout": logins, "auth login": logins, "auth logout": logins, "auth list": logins, "auth status": logins,
	"auth set": logins, "auth paste-token": logins, "auth setup-token": logins, "auth enable": logins, "auth disable": logins,
	"auth order get": logins, "auth order set": logins, "auth order clear": logins,
	"channels set": tokens, "channels unset": tokens, "channels test": bots, "channels login": bots, "channels manifest": bots,
}

// offerValues lets shells complete arguments.
func (a *app) offerValues(root *cobra.Command) {
	for path, f := range offers {
		if c, rest, err := root.Find(strings.Fields(path)); err == nil && len(rest) == 0 {
			c.ValidArgsFunction = a.offer(f)
			if c.Flags().Lookup("method") != nil {
				_ = c.RegisterFlagCompletionFunc("method", a.offer(methods)) // the flag is there
			}
		}
	}
	if c, _, err := root.Find([]string{"chat"}); err == nil {
		_ = c.RegisterFlagCompletionFunc("model", a.offer(models)) // as above
	}
}

// offer reads the home folder and gives what f finds there. It makes no folder and says nothing.
func (a *app) offer(f values) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		home, err := config.FindHome(a.env)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if _, err := os.Stat(string(home)); err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []string
		_ = a.withHost(c.Context(), func(h *host) error { // a shell has no place for an error
			out = f(c.Context(), h, args)
			return nil
		})
		out = slices.DeleteFunc(out, func(s string) bool { return !strings.HasPrefix(s, typed) })
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// logins are the providers and what is stored of them.
func logins(ctx context.Context, h *host, args []string) (out []string) {
	if len(args) > 0 {
		return nil
	}
	names := map[string]string{}
	for _, s := range h.auth.Schemes() {
		names[s.ID] = s.Name
		out = append(out, s.ID+"\t"+s.Name)
	}
	rows, _ := h.auth.Status(ctx, "") // what can be known
	for _, r := range rows {
		if id := providerauth.ID(r.ID); id.Account() != "" {
			out = append(out, r.ID+"\t"+names[id.Provider()])
		}
	}
	return out
}

// methods are the ways to log in to the provider that is named.
func methods(_ context.Context, h *host, args []string) (out []string) {
	if len(args) == 0 {
		return nil
	}
	s, err := h.auth.Scheme(providerauth.ID(args[0]).Provider())
	if err != nil {
		return nil
	}
	for _, m := range s.Methods {
		out = append(out, m.ID+"\t"+m.Name)
	}
	return out
}

// bots are the accounts of the chat services that have secrets.
func bots(_ context.Context, h *host, args []string) (out []string) {
	if len(args) > 0 {
		return nil
	}
	for _, acc := range accounts(h.config, h.tokens, page{}) {
		if len(acc.Service.Secrets) > 0 {
			out = append(out, string(acc.ID))
		}
	}
	return out
}

// tokens are the accounts, then the fields of one.
func tokens(ctx context.Context, h *host, args []string) (out []string) {
	if len(args) != 1 {
		return bots(ctx, h, args)
	}
	acc, err := h.channel(args[0])
	if err != nil {
		return nil
	}
	for _, f := range acc.Service.Secrets {
		out = append(out, f.Name+"\t"+f.Help)
	}
	return out
}

// models are those that config.yaml names.
func models(_ context.Context, h *host, _ []string) []string {
	out := sortedKeys(h.config.Aliases)
	if h.config.Model != "" {
		out = append(out, h.config.Model)
	}
	return append(out, h.config.Fallbacks...)
}
