package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"chatgateway/commands"
	"chatgateway/providerauth"
)

func (a *app) logoutCommand(name string, aliases ...string) *cobra.Command {
	var account string
	var yes bool
	c := &cobra.Command{
		Use: name + " <provider[:account]>", Aliases: aliases, Short: "Log out of a model provider",
		Long: "logout deletes a login here, always, and ends it at the provider where that can be done from here. A provider\n" +
			"without an account means all its accounts; where there is more than one, --yes is needed, or an answer.\n" +
			"provider:default is the default account alone.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := providerArg(name+" provider[:account]", args, 0); err != nil {
				return err
			}
			return a.withHost(c.Context(), func(h *host) error { return a.logout(c.Context(), h, args[0], account, yes) })
		},
	}
	c.Flags().StringVar(&account, "account", "", "the account; the same as provider:account")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask, also where more than one account goes")
	return c
}

func (a *app) logout(ctx context.Context, h *host, name, account string, yes bool) error {
	s, id, err := h.account(name, account)
	if err != nil {
		return err
	}
	ids := []providerauth.ID{id}
	if !strings.Contains(name, ":") && account == "" {
		if stored := h.accounts(s.ID); len(stored) > 0 {
			ids = stored
		}
	}
	if err := h.auth.StoreErr(); err != nil {
		return asFault(err, id)
	}
	if !h.stored(ids[0]) {
		hint := "gateway auth list shows what there is"
		if env, key := h.fromEnvironment(s); !key.Empty() {
			hint = fmt.Sprintf("a key comes from the variable %s; take it out there, or: gateway auth disable %s", env, s.ID)
		}
		return fault(faultNotFound, fmt.Sprintf("nothing is stored for %s.", id), hint)
	}
	if len(ids) > 1 && !yes {
		ok, err := a.prompter().confirm(ctx, fmt.Sprintf("This logs out of %d accounts: %s. Shall they all go?", len(ids), commands.JoinIDs(ids)))
		if err != nil {
			return asFault(err, id)
		}
		if !ok {
			return fault(faultAborted, "nothing was changed.", fmt.Sprintf("name one account, %s:default for the default one, or say --yes", s.ID))
		}
	}
	for _, id := range ids {
		r, err := h.auth.Logout(ctx, id)
		h.record("logout", string(id), err)
		if err != nil {
			return asFault(err, id)
		}
		fmt.Fprintln(a.out, shellWords(commands.LogoutText(s, id, r)))
	}
	return nil
}
