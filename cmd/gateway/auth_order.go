package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"chatgateway/providerauth"
)

func (a *app) authEnableCommand(on bool) *cobra.Command {
	name, short, long := "enable", "Use a login again", "enable takes a login back into use. Where there is none, the owner's first message starts the sign-in."
	if !on {
		name, short, long = "disable", "Keep a login and skip it", "disable keeps a login and passes it over; the environment does not step in for it."
	}
	var account string
	c := &cobra.Command{
		Use: name + " <provider[:account]>", Short: short, Long: long,
		RunE: func(c *cobra.Command, args []string) error {
			if err := providerArg("auth "+name+" provider[:account]", args, 0); err != nil {
				return err
			}
			return a.withHost(c.Context(), func(h *host) error {
				_, id, err := h.account(args[0], account)
				if err != nil {
					return err
				}
				err = h.auth.Enable(c.Context(), id, on)
				h.record("auth "+name, string(id), err)
				if err != nil {
					return asFault(err, id)
				}
				switch first := h.auth.SignInFirst(c.Context()); {
				case on && slices.Contains(first, id.Provider()):
					fmt.Fprintf(a.out, "%s is enabled. Nobody is logged in to it: the first message for it starts an owner's sign-in.\n", id)
				case on:
					fmt.Fprintf(a.out, "%s is enabled.\n", id)
				default:
					fmt.Fprintf(a.out, "%s is disabled: its login is kept and skipped.\n", id)
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&account, "account", "", "the account; the same as provider:account")
	return c
}

func (a *app) authOrderCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "order", Short: "Say which of a provider's logins is tried first",
		Long: "order shows, sets and clears the order in which a provider's logins are tried. No other is tried then. The word\n" +
			"env stands for the environment: gateway auth order set anthropic work default env",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError("say: gateway auth order get|set|clear provider, not %q", args[0])
			}
			return c.Help()
		},
	}
	sub := func(use, short string, rest int, do func(ctx context.Context, h *host, s providerauth.Scheme, words []string) error) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: cobra.ArbitraryArgs, RunE: func(c *cobra.Command, args []string) error {
			if err := providerArg("auth order "+use, args, rest); err != nil {
				return err
			}
			return a.withHost(c.Context(), func(h *host) error {
				s, err := h.auth.Scheme(args[0])
				if err != nil {
					return h.unknownProvider(args[0])
				}
				if err := do(c.Context(), h, s, args[1:]); err != nil {
					return asFault(err, providerauth.ID(s.ID))
				}
				a.showOrder(c.Context(), h, s)
				return nil
			})
		}}
	}
	set := func(ctx context.Context, h *host, s providerauth.Scheme, words []string) error {
		ids := make([]providerauth.ID, len(words))
		for i, w := range words {
			if ids[i] = providerauth.ID(w); w == "default" {
				ids[i] = providerauth.ID(s.ID)
			}
		}
		err := h.auth.SetOrder(ctx, s.ID, ids)
		h.record("auth order", s.ID, err)
		return err
	}
	c.AddCommand(
		sub("get <provider>", "Show the order", 0, func(context.Context, *host, providerauth.Scheme, []string) error { return nil }),
		sub("set <provider> <account>...", "Set the order", -1, func(ctx context.Context, h *host, s providerauth.Scheme, words []string) error {
			if len(words) == 0 {
				return usageError("name the accounts in their order: gateway auth order set %s work default env", s.ID)
			}
			return set(ctx, h, s, words)
		}),
		sub("clear <provider>", "Take the order away", 0, set),
	)
	return c
}

func (a *app) showOrder(ctx context.Context, h *host, s providerauth.Scheme) {
	order := h.auth.Order(ctx, s.ID)
	if len(order) == 0 {
		fmt.Fprintf(a.out, "%s has no set order: the default account comes first, then the others, then the environment.\n", s.Name)
		return
	}
	fmt.Fprintf(a.out, "%s is tried in this order: %s.\n", s.Name, joinIDs(order))
}
