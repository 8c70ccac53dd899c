package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chatgateway/channelauth"
	"chatgateway/channels"
	"chatgateway/gateway"
	"chatgateway/internal/jsonfile"
	"chatgateway/internal/status"
)

func (a *app) channelsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "channels",
		Short: "Look after the bots' own tokens",
		Long: "channels shows and changes the tokens by which the bots reach their chat services. They stand in\n" +
			"auth/channels.json in the home folder, else in the environment. A running gateway takes every change up within\n" +
			"a second. A further account of a service has a name behind a colon: telegram:support.",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noSuch(c, args[0])
			}
			return a.withHost(c.Context(), func(h *host) error { return a.channelsList(c.Context(), h, false) })
		},
	}
	c.AddCommand(a.channelsListCommand(), a.channelsSetCommand(), a.channelsUnsetCommand(), a.channelsTestCommand(),
		a.channelsManifestCommand(), a.channelsLoginCommand())
	return c
}

func (a *app) channelsListCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "list", Aliases: []string{"ls", "status"}, Short: "List the accounts, and where each of their tokens comes from", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withHost(c.Context(), func(h *host) error { return a.channelsList(c.Context(), h, asJSON) })
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "for programs")
	return c
}

// channelRow is an account as `gateway channels list --json` writes it.
type channelRow struct {
	Account string         `json:"account"`
	State   string         `json:"state"` // that of the running gateway; without one: ready, or off
	Detail  string         `json:"detail,omitempty"`
	Bot     string         `json:"bot,omitempty"`
	Fields  []channelField `json:"fields"`
}

type channelField struct {
	Field    string `json:"field"`
	From     string `json:"from"` // channels.json, the variable's name, or "" where it is missing
	Optional bool   `json:"optional,omitempty"`
	Problem  string `json:"problem,omitempty"`
	Do       string `json:"do,omitempty"` // what gives a missing one
}

func (a *app) channelsList(ctx context.Context, h *host, asJSON bool) error {
	var running status.Gateway
	live := call(ctx, h.home, "GET", "/status", &running) == nil
	rows := []channelRow{}
	for _, acc := range h.channelAccounts() {
		r := channelRow{Account: string(acc.ID), State: "ready", Detail: acc.Off, Fields: h.fields(acc)}
		if acc.Off != "" {
			r.State = string(status.Off)
		}
		for _, c := range running.Channels {
			if live && c.Account == r.Account {
				r.State, r.Detail, r.Bot = string(c.State), c.Detail, c.Bot
			}
		}
		rows = append(rows, r)
	}
	if asJSON {
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		return e.Encode(rows)
	}
	for _, r := range rows {
		words := []string{r.State}
		for _, w := range []string{r.Bot, r.Detail} {
			if w != "" && !(w == r.Detail && strings.HasPrefix(w, "no ")) { // the fields below say it
				words = append(words, w)
			}
		}
		fmt.Fprintf(a.out, "%s: %s\n", r.Account, strings.Join(words, ", "))
		t := table(a.out)
		for _, f := range r.Fields {
			from := f.From
			switch {
			case f.Problem != "":
				from = "not in force: " + f.Problem
			case from == "" && f.Optional:
				from = "none, not needed (" + f.Do + ")"
			case from == "":
				from = "missing: " + f.Do
			}
			fmt.Fprintf(t, "  %s\t%s\n", f.Field, from)
		}
		_ = t.Flush()
	}
	if !live {
		fmt.Fprintln(a.out, "No gateway runs on this home folder; start one with: gateway serve")
	}
	return nil
}

// channelAccounts are the accounts of all services.
func (h *host) channelAccounts() []gateway.Account {
	return accounts(h.config, h.tokens, page{home: string(h.home)})
}

// fields says of each field of an account where it comes from, and what to do where it is missing.
func (h *host) fields(acc gateway.Account) []channelField {
	list := []channelField{}
	for _, o := range h.tokens.Sources(string(acc.ID), acc.Service.Secrets) {
		f := channelField{Field: o.Field, From: o.From, Optional: o.Optional, Problem: o.Problem}
		if o.From == "" {
			f.Do = fmt.Sprintf("gateway channels set %s %s", acc.ID, o.Field)
			if o.Env != "" {
				f.Do += ", or the variable " + o.Env
			}
		}
		list = append(list, f)
	}
	return list
}

// channel finds the account that a person means, also one that is not there yet.
func (h *host) channel(text string) (gateway.Account, error) {
	name, rest, more := strings.Cut(strings.TrimSpace(text), ":")
	var names []string
	for _, s := range services() {
		if s.Name != strings.ToLower(name) {
			names = append(names, s.Name)
			continue
		}
		id := s.Name
		if more && rest != "default" {
			id += ":" + rest
		}
		for _, acc := range h.channelAccounts() {
			if string(acc.ID) == id {
				return acc, nil
			}
		}
		return account(s, id, h.config, h.tokens, page{home: string(h.home)}), nil
	}
	if n := near(name, names); n != "" {
		return gateway.Account{}, exitError{1, fmt.Sprintf("There is no chat service %q. Did you mean %s?", name, n)}
	}
	return gateway.Account{}, exitError{1, fmt.Sprintf("There is no chat service %q. There are: %s.", name, strings.Join(names, ", "))}
}

// field finds a field of a service.
func field(s channels.Service, name string) (channelauth.Field, error) {
	var names []string
	for _, f := range s.Secrets {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	switch {
	case len(names) == 0:
		return channelauth.Field{}, exitError{1, s.Title + " needs no token."}
	case near(name, names) != "":
		return channelauth.Field{}, exitError{1, fmt.Sprintf("%s has no field %q. Did you mean %s?", s.Title, name, near(name, names))}
	}
	return channelauth.Field{}, exitError{1, fmt.Sprintf("%s has no field %q. It has: %s.", s.Title, name, strings.Join(names, ", "))}
}

// fieldArgs checks "account" and "field"; the field may be left out where the service has one only.
func (h *host) fieldArgs(use string, args []string) (acc gateway.Account, name string, err error) {
	if len(args) == 0 || len(args) > 2 {
		return acc, "", usageError("say: gateway channels %s, and no value: it is asked for, or read from standard input", use)
	}
	if acc, err = h.channel(args[0]); err != nil {
		return acc, "", err
	}
	if len(args) == 2 {
		return acc, args[1], nil
	}
	if fields := acc.Service.Secrets; len(fields) == 1 {
		return acc, fields[0].Name, nil
	}
	return acc, "", nil
}

func (a *app) channelsSetCommand() *cobra.Command {
	var ref string
	c := &cobra.Command{
		Use: "set <channel[:account]> <field>", Short: "Store a token",
		Long: "set stores one field of an account. The value is asked for and not echoed, or read from standard input:\n" +
			"gateway channels set telegram bot_token < token.txt. With --ref it is looked up at every use.",
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			return a.withHost(c.Context(), func(h *host) error { return a.channelsSet(c.Context(), h, args, ref) })
		},
	}
	c.Flags().StringVar(&ref, "ref", "", "where the value is to be found: env:NAME, file:PATH, exec:COMMAND")
	return c
}

func (a *app) channelsSet(ctx context.Context, h *host, args []string, ref string) error {
	acc, name, err := h.fieldArgs("set channel[:account] field", args)
	if err != nil {
		return err
	}
	id := string(acc.ID)
	f, err := field(acc.Service, name)
	if err != nil {
		return err
	}
	switch {
	case ref != "" && (!jsonfile.IsReference(ref) || strings.HasPrefix(ref, "literal:")):
		return usageError("a reference begins with env:, file: or exec:, like --ref env:%s", f.Env)
	case ref != "":
		err = h.tokens.SetReference(ctx, id, f.Name, ref)
	default:
		if err := h.tokens.Try(ctx); err != nil { // said before somebody types a secret for nothing
			return asFault(err, "")
		}
		err = a.askToken(ctx, h, id, f)
	}
	if err == nil {
		h.record("token set", id+" "+f.Name, nil)
	}
	if err != nil {
		return asFault(err, "")
	}
	fmt.Fprintf(a.out, "Stored: %s of %s.%s\n", f.Name, id, h.missing(id))
	return nil
}

// askToken asks for one field and stores it.
func (a *app) askToken(ctx context.Context, h *host, id string, f channelauth.Field) error {
	text := fmt.Sprintf("The %s of %s: %s.", f.Name, id, f.Help)
	if f.Page != "" {
		text += " To be had at " + f.Page + "."
	}
	value, err := a.prompter().Prompt(ctx, tokenStep(text, f))
	if err != nil {
		return err
	}
	return h.tokens.Set(ctx, id, f.Name, value)
}

// missing says what an account needs besides; "" if nothing.
func (h *host) missing(id string) string {
	acc, err := h.channel(id)
	if err != nil {
		return ""
	}
	for _, f := range h.fields(acc) {
		if f.Problem != "" {
			return " It is not in force yet. " + f.Problem
		}
	}
	switch {
	case acc.Off == "":
		return " A running gateway connects it within a second. Try it: gateway channels test " + id
	case strings.HasPrefix(acc.Off, "no "):
		return " It still has " + acc.Off + "."
	}
	return " It is " + acc.Off + "."
}

func (a *app) channelsUnsetCommand() *cobra.Command {
	return &cobra.Command{
		Use: "unset <channel[:account]> [field]", Short: "Remove a token, or a whole account", Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			return a.withHost(c.Context(), func(h *host) error { return a.channelsUnset(c.Context(), h, args) })
		},
	}
}

func (a *app) channelsUnset(ctx context.Context, h *host, args []string) error {
	if len(args) == 0 || len(args) > 2 {
		return usageError("say: gateway channels unset channel[:account] [field]")
	}
	id, name := args[0], ""
	if acc, err := h.channel(id); err == nil {
		id = string(acc.ID)
		if len(args) == 2 {
			f, err := field(acc.Service, args[1])
			if err != nil {
				return err
			}
			name = f.Name
		}
	} else if !slices.Contains(h.tokens.Accounts(), id) { // a record of a service that has gone may be removed
		return err
	}
	if err := h.tokens.Err(); err != nil {
		return asFault(err, "")
	}
	stored := slices.Contains(h.tokens.Accounts(), id) &&
		(name == "" || h.tokens.Account(id, nil).From(name) != "" || h.tokens.Sources(id, []channelauth.Field{{Name: name}})[0].Problem != "")
	if !stored {
		return fault(faultNotFound, fmt.Sprintf("nothing is stored for %s.", strings.TrimSpace(id+" "+name)), "gateway channels list shows what there is")
	}
	if err := h.tokens.Unset(ctx, id, name); err != nil {
		return asFault(err, "")
	}
	h.record("token removed", strings.TrimSpace(id+" "+name), nil)
	fmt.Fprintf(a.out, "Removed: %s.", strings.TrimSpace(id+" "+name))
	if acc, err := h.channel(id); err == nil {
		for _, f := range h.fields(acc) {
			if (name == "" || f.Field == name) && f.From != "" {
				fmt.Fprintf(a.out, " The %s now comes from the variable %s.", f.Field, f.From)
			}
		}
	}
	fmt.Fprintln(a.out)
	return nil
}
