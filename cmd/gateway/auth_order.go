package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chatgateway/commands"
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
				case h.stored(id):
					fmt.Fprintf(a.out, "%s is disabled: its login is kept and skipped.\n", id)
				default:
					fmt.Fprintf(a.out, "%s is disabled: no login is stored for it, and its key in the environment, if there is one, is skipped.\n", id)
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
			"env stands for the environment: gateway auth order set anthropic work default env\n" +
			"With --channel it holds for one account of a chat service, with --conversation for one conversation; the\n" +
			"narrowest one that is set holds. /auth PROVIDER order says in a conversation what its name is.",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError("say: gateway auth order get|set|clear provider, not %q", args[0])
			}
			return c.Help()
		},
	}
	c.AddCommand(
		a.authOrderDeed("get <provider>", "Show the order", 0, nil),
		a.authOrderDeed("set <provider> <account>...", "Set the order", -1, setOrder),
		a.authOrderDeed("clear <provider>", "Take the order away", 0, setOrder),
	)
	return c
}

// authOrderDeed makes one of the three commands; do is nil where there is only something to show.
func (a *app) authOrderDeed(use, short string, rest int, do func(context.Context, *host, providerauth.Scheme, providerauth.Scope, []string) error) *cobra.Command {
	var channel, conversation string
	c := &cobra.Command{Use: use, Short: short, Args: cobra.ArbitraryArgs, RunE: func(c *cobra.Command, args []string) error {
		if err := providerArg("auth order "+use, args, rest); err != nil {
			return err
		}
		return a.withHost(c.Context(), func(h *host) error {
			s, err := h.auth.Scheme(args[0])
			if err != nil {
				return h.unknownProvider(args[0])
			}
			where, err := h.scope(channel, conversation)
			if err != nil {
				return err
			}
			if rest < 0 && len(args) == 1 {
				return usageError("name the accounts in their order: gateway auth order set %s work default env", s.ID)
			}
			if do != nil {
				if err := do(c.Context(), h, s, where, args[1:]); err != nil {
					return asFault(err, providerauth.ID(s.ID))
				}
			}
			if do == nil && where != "" {
				a.showOrderIn(c.Context(), h, s, where)
				return nil
			}
			fmt.Fprintln(a.out, commands.OrderText(c.Context(), h.auth, s, "", false))
			return nil
		})
	}}
	c.Flags().StringVar(&channel, "channel", "", "only in this account of a chat service: telegram, telegram:support")
	c.Flags().StringVar(&conversation, "conversation", "", "only in this conversation: telegram/1234")
	return c
}

func setOrder(ctx context.Context, h *host, s providerauth.Scheme, where providerauth.Scope, words []string) error {
	err := h.auth.SetOrder(ctx, s.ID, where, commands.OrderIDs(s, words))
	object := s.ID
	if where != "" {
		object += " in " + string(where)
	}
	h.record("auth order", object, err)
	return err
}

// scope reads --channel and --conversation.
func (h *host) scope(channel, conversation string) (providerauth.Scope, error) {
	if account, id, ok := strings.Cut(conversation, "/"); ok {
		if channel != "" && channel != account {
			return "", usageError("--channel %s and --conversation %s name two places; name one", channel, conversation)
		}
		channel, conversation = account, id
	} else if conversation != "" && channel == "" {
		return "", usageError("a conversation is named with its chat service, like --conversation telegram/%s", conversation)
	}
	if channel == "" {
		return "", nil
	}
	acc, err := h.channel(channel)
	if err != nil {
		return "", err
	}
	return providerauth.MakeScope(string(acc.ID), conversation), nil
}

// showOrderIn says which order holds in one place, and why.
func (a *app) showOrderIn(ctx context.Context, h *host, s providerauth.Scheme, where providerauth.Scope) {
	ids, from := h.auth.Order(ctx, s.ID, where)
	switch {
	case len(ids) == 0:
		fmt.Fprintf(a.out, "%s has no set order in %s, nor everywhere: the default account comes first, then the others, then the environment.\n", s.Name, where)
	case from == "":
		fmt.Fprintf(a.out, "%s is tried in this order in %s, as everywhere: %s.\n", s.Name, where, commands.JoinIDs(ids))
	default:
		fmt.Fprintf(a.out, "%s is tried in this order in %s, set for %s: %s.\n", s.Name, where, from, commands.JoinIDs(ids))
	}
}
