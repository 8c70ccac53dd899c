package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"chatgateway/commands"
	"chatgateway/internal/status"
	"chatgateway/providerauth"
	"chatgateway/providers"
)

// Exit codes of `gateway auth status --check`, besides 0.
const (
	exitMissing  = 1  // a login in use, or named, is missing, expired or needs login; or there is none at all
	exitExpiring = 2  // one that cannot renew itself expires within a day, or a renewal last failed
	exitMistyped = 64 // the command line was not understood; 2 keeps its one meaning here
)

// authReport is what `gateway auth status --json` writes.
type authReport struct {
	Home     string    `json:"home"`
	Problem  string    `json:"problem,omitempty"` // why providers.json cannot be used
	Model    string    `json:"model,omitempty"`   // the model that new conversations begin with
	Logins   []authRow `json:"logins"`
	Check    int       `json:"check"` // what --check exits with
	Findings []string  `json:"findings,omitempty"`
}

type authRow struct {
	status.Provider
	Probe string `json:"probe,omitempty"` // works, refused, unknown; with --probe
	Note  string `json:"note,omitempty"`  // what the provider said
}

func (a *app) authStatusCommand() *cobra.Command {
	var check, probe, asJSON bool
	var account string
	c := &cobra.Command{
		Use:   "status [provider[:account]]",
		Short: "Show how the logins are; --check for scripts",
		Long: "status shows how the logins are. With --check the exit code says it too:\n" +
			"  0   all is well\n" +
			"  1   a login that is in use, or named here, is missing, expired or needs login; or there is none at all\n" +
			"  2   one that cannot renew itself expires within 24 hours, or a renewal last failed\n" +
			"  64  the command line was not understood\n" +
			"  78  config.yaml or the home folder cannot be used\n" +
			"In use are the logins of the models that config.yaml and /model default name; where none is named, all of them.",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 1 && args[0] == "" || len(args) == 0 && account != "" {
				return exitError{exitMistyped, "name one provider, or none for all of them"}
			}
			return a.withHost(c.Context(), func(h *host) error {
				return a.authStatus(c.Context(), h, strings.Join(args, ""), account, check, probe, asJSON)
			})
		},
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return exitError{exitMistyped, fmt.Sprintf("%v. See: %s --help", err, c.CommandPath())}
	})
	c.Flags().BoolVar(&check, "check", false, "say it by the exit code")
	c.Flags().BoolVar(&probe, "probe", false, "ask each provider whether it takes the login")
	c.Flags().BoolVar(&asJSON, "json", false, "for programs")
	c.Flags().StringVar(&account, "account", "", "the account; the same as provider:account")
	return c
}

func (a *app) authStatus(ctx context.Context, h *host, name, account string, check, probe, asJSON bool) error {
	rows, err := h.auth.Status(ctx, "")
	if err != nil {
		return asFault(err, "")
	}
	rows = h.withRunning(ctx, rows)
	model, inUse := h.inUse(ctx)
	r := authReport{Home: string(h.home), Model: model, Logins: []authRow{}}
	if err := h.auth.StoreErr(); err != nil {
		r.Problem = shellWords(message(err))
	}
	var only providerauth.ID
	if name != "" {
		s, id, err := h.account(name, account)
		if err != nil {
			return err
		}
		whole := !strings.Contains(name, ":") && account == ""
		rows = slices.DeleteFunc(rows, func(p status.Provider) bool {
			return p.ID != string(id) && !(whole && providerauth.ID(p.ID).Provider() == s.ID)
		})
		if len(rows) == 0 {
			rows = []status.Provider{{ID: string(id), Name: s.Name, Account: id.Account(), State: providerauth.StateMissing}}
		}
		only, inUse = id, []string{s.ID}
	}
	for _, p := range rows {
		p.InUse = len(inUse) > 0 && only == "" && slices.Contains(inUse, providerauth.ID(p.ID).Provider()) && p.Configured
		if only != "" || p.Configured || p.LastError != "" {
			r.Logins = append(r.Logins, authRow{Provider: p})
		}
	}
	if probe {
		h.probeAll(ctx, r.Logins)
	}
	r.judge(only, inUse)
	if asJSON {
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		if err := e.Encode(r); err != nil {
			return err
		}
	} else {
		r.write(a.out)
	}
	if check && r.Check != 0 {
		return exitError{code: r.Check}
	}
	return nil
}

// withRunning adds what only a running gateway knows: keys that were given at its start, its environment, and what is
// passed over for a while.
func (h *host) withRunning(ctx context.Context, rows []status.Provider) []status.Provider {
	var running status.Gateway
	if call(ctx, h.home, "GET", "/status", &running) != nil {
		return rows
	}
	for _, r := range running.Providers {
		at := slices.IndexFunc(rows, func(p status.Provider) bool { return p.ID == r.ID && p.Source == r.Source })
		switch {
		case at >= 0 && r.State == providerauth.StateCooling && rows[at].State == providerauth.StateOK:
			rows[at].State, rows[at].CoolUntil, rows[at].LastError = r.State, r.CoolUntil, r.LastError
		case at >= 0 && (r.State == providerauth.StateMissing) != (rows[at].State == providerauth.StateMissing):
			rows[at].State, rows[at].LastError = r.State, r.LastError // a reference leads where the gateway is, not where this shell is
		case at < 0 && (r.Source == string(providerauth.FromRuntime) || r.Source == string(providerauth.FromEnv)):
			rows = slices.DeleteFunc(rows, func(p status.Provider) bool { return p.ID == r.ID && !p.Configured })
			rows = append(rows, r)
		}
	}
	return rows
}

// inUse gives the model that new conversations begin with, and the providers whose logins are in use; nil: all.
func (h *host) inUse(ctx context.Context) (model string, ids []string) {
	refs := slices.Clone(h.config.Fallbacks)
	for _, places := range h.config.Places {
		for _, p := range places {
			refs = append(refs, p.Model)
		}
	}
	model = h.auth.DefaultModel(ctx)
	if model == "" {
		model = h.config.Model
	}
	for _, text := range append(refs, model) {
		if to, ok := h.config.Aliases[text]; ok {
			text = to
		}
		if ref, ok := providers.ParseRef(text); ok {
			if s, err := h.auth.Scheme(ref.Provider); err == nil && !slices.Contains(ids, s.ID) {
				ids = append(ids, s.ID)
			}
		}
	}
	return model, ids
}

// probeAll asks each provider whether it takes the login, some at a time.
func (h *host) probeAll(ctx context.Context, rows []authRow) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, 4)
	for i := range rows {
		r := &rows[i]
		if !r.Configured || r.Source == string(providerauth.FromNone) || r.State == providerauth.StateDisabled {
			continue
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			f, err := h.auth.Check(ctx, providerauth.ID(r.ID))
			switch {
			case err != nil:
				r.Probe, r.Note = "unknown", shellWords(message(err))
			case !f.Sure:
				r.Probe, r.Note = "unknown", f.Note
			case f.Works:
				r.Probe, r.Note = "works", f.Note
			default:
				r.Probe, r.Note = "refused", f.Note
			}
		})
	}
	wg.Wait()
}

// judge decides what --check says. only is the login that was named, inUse the providers that count; empty: all.
func (r *authReport) judge(only providerauth.ID, inUse []string) {
	worst := func(code int, format string, args ...any) {
		if r.Check == 0 || code < r.Check {
			r.Check = code
		}
		r.Findings = append(r.Findings, fmt.Sprintf(format, args...))
	}
	good := map[string]bool{}
	for _, p := range r.Logins {
		id := providerauth.ID(p.ID)
		if len(inUse) > 0 && !slices.Contains(inUse, id.Provider()) || p.State == providerauth.StateDisabled {
			continue
		}
		failed := p.Renews && p.LastError != "" && p.State != providerauth.StateCooling
		switch {
		case !p.Configured:
			continue // told below, once
		case p.State == providerauth.StateMissing:
			worst(exitMissing, "%s: %s", p.ID, shellWords(p.LastError))
		case p.State == providerauth.StateNeedsLogin || p.State == providerauth.StateExpired && !p.Renews:
			worst(exitMissing, "%s: %s; log in again: gateway login %s", p.ID, stateWords(p.Provider), p.ID)
		case p.Probe == "refused":
			worst(exitMissing, "%s: the provider refuses it; log in again: gateway login %s", p.ID, p.ID)
		case p.State == providerauth.StateExpiring:
			worst(exitExpiring, "%s: %s; log in again: gateway login %s", p.ID, stateWords(p.Provider), p.ID)
		case failed:
			worst(exitExpiring, "%s: the last renewal failed; it is tried again by itself", p.ID)
		}
		good[id.Provider()] = true
	}
	switch {
	case r.Problem != "":
		worst(exitMissing, "%s", r.Problem)
	case only != "" && !good[only.Provider()]:
		worst(exitMissing, "%s: no login; log in: gateway login %s", only, only)
	case only == "" && len(inUse) > 0:
		for _, id := range inUse {
			if !good[id] {
				worst(exitMissing, "%s is in use and has no login; log in: gateway login %s", id, id)
			}
		}
	case only == "" && !r.any():
		worst(exitMissing, "there is no login at all; begin with: gateway login")
	}
}

// any reports whether there is a login, or a provider that was set up and needs none.
func (r *authReport) any() bool {
	return slices.ContainsFunc(r.Logins, func(p authRow) bool {
		return p.Configured && p.Source != string(providerauth.FromNone) && p.State != providerauth.StateDisabled
	})
}

// write writes the report for people.
func (r *authReport) write(w io.Writer) {
	if r.Model != "" {
		fmt.Fprintf(w, "model  %s\n", r.Model)
	}
	t := table(w)
	shown := 0
	for _, p := range r.Logins {
		if p.Source == string(providerauth.FromNone) && len(r.Logins) > 1 {
			continue
		}
		shown++
		text := describeRow(p.Provider)
		if text == "-" {
			text = "missing"
		}
		if p.Probe != "" {
			text += ". Asked: " + p.Probe
		}
		if p.Note != "" {
			text += ". " + p.Note
		}
		fmt.Fprintf(t, "%s\t%s\n", p.ID, text)
	}
	_ = t.Flush()
	if shown == 0 {
		fmt.Fprintln(w, "No login yet.")
	}
	for _, f := range r.Findings {
		fmt.Fprintln(w, "! "+f)
	}
}

// checkText says what a live check found, for the shell.
func checkText(s providerauth.Scheme, f providerauth.Finding) string {
	return shellWords(commands.CheckText(s, f))
}
