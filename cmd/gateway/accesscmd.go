package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"chatgateway/access"
	"chatgateway/commands"
	"chatgateway/config"
	"chatgateway/store"
)

func (a *app) accessCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "access [list|approve|deny|grant|revoke] [account] [id] [user|owner] [groups]", Aliases: []string{"pairing"},
		Short: "Show and change who may talk to the bot",
		Long: "access shows who may talk to the bot and who waits to be let in, and changes it:\n" +
			"  gateway access list\n" +
			"  gateway access approve CODE                     let in who was given this pairing code\n" +
			"  gateway access approve|deny telegram 123456\n" +
			"  gateway access grant telegram 123456 [user|owner] [groups]\n" +
			"  gateway access revoke telegram 123456\n" +
			"People are the services' user ids, never names; /whoami shows one's own.",
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error { return a.access(c.Context(), args) },
	}
	return c
}

// access asks the running gateway, or does it itself where none runs.
func (a *app) access(ctx context.Context, words []string) error {
	home, err := config.FindHome(a.env)
	if err != nil {
		return err
	}
	var answer struct{ Text string }
	err = call(ctx, home, http.MethodPost, "/access?"+url.Values{"w": words}.Encode(), &answer)
	if err == nil {
		fmt.Fprintln(a.out, strings.TrimRight(answer.Text, "\n"))
		return nil
	}
	if !errors.Is(err, errNotRunning) {
		return exitError{1, strings.TrimSpace(message(err))}
	}
	return a.withHost(ctx, func(h *host) error { return a.accessAlone(ctx, h, words) })
}

func (a *app) accessAlone(ctx context.Context, h *host, words []string) error {
	release, err := holdHome(ctx, h.home)
	if err != nil {
		return err
	}
	defer release()
	st, err := store.Open(ctx, h.home.Store(), store.Options{Log: h.log})
	if err != nil {
		return exitError{exitConfig, message(err)}
	}
	defer st.Close() //nolint:errcheck // what was to be kept is kept
	acc, err := access.New(ctx, access.Options{Store: st, Local: localAccount, Log: h.log, Audit: func(_ context.Context, d access.Deed) {
		object := ""
		if d.Whom != (access.Person{}) {
			object = d.Whom.String()
		}
		h.recordResult(d.What, object, d.Result)
	}})
	if err != nil {
		return err
	}
	acc.SetConfig(accessConfig(h.config, h.tokens.Accounts()))
	text, _, err := acc.Run(ctx, "command line", "", words)
	if err != nil {
		return exitError{1, message(err)}
	}
	fmt.Fprintln(a.out, strings.TrimRight(text, "\n"))
	return nil
}

// handleAccess lets `gateway access` reach the running gateway. Whoever may open the socket is the owner.
func (s *server) handleAccess(w http.ResponseWriter, r *http.Request) {
	c := &commands.Call{Name: "access", Person: commands.Person{ID: "command line", Role: commands.Owner}, Private: true, Host: s.core}
	answer, err := s.rules.command(r.Context(), c, r.URL.Query()["w"])
	if err != nil {
		http.Error(w, message(err), http.StatusBadRequest)
		return
	}
	writeJSON(w, map[string]string{"text": answer.Text})
}
