package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"chatgateway/internal/status"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/catalog"
)

// listTime bounds the wait for one provider's list of models.
const listTime = 15 * time.Second

func (a *app) modelsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "models", Short: "List the models that can be used",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError("say: gateway models list %s", strings.Join(args, " "))
			}
			return c.Help()
		},
	}
	var asJSON bool
	list := &cobra.Command{
		Use: "list [filter]", Aliases: []string{"ls"}, Short: "List the models of all providers that have a login",
		Long: "list asks every provider that has a login for its models. With a filter it shows those whose name holds every word of it.",
		RunE: func(c *cobra.Command, args []string) error {
			return a.withHost(c.Context(), func(h *host) error { return a.modelsList(c.Context(), h, args, asJSON) })
		},
	}
	list.Flags().BoolVar(&asJSON, "json", false, "for programs")
	state := &cobra.Command{
		Use: "status", Short: "Show which model new conversations begin with, and how it is reached", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withHost(c.Context(), func(h *host) error { return a.modelsStatus(c.Context(), h) })
		},
	}
	c.AddCommand(list, state)
	return c
}

// modelRow is a model as `gateway models list --json` writes it.
type modelRow struct {
	Ref string `json:"ref"`
	catalog.Model
}

func (a *app) modelsList(ctx context.Context, h *host, words []string, asJSON bool) error {
	rows, asked := h.models(ctx, a)
	found := []modelRow{}
	for _, r := range rows {
		fits := true
		for _, w := range words {
			fits = fits && strings.Contains(strings.ToLower(r.Ref), strings.ToLower(w))
		}
		if fits {
			found = append(found, r)
		}
	}
	if asJSON {
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		return e.Encode(found)
	}
	for _, r := range found {
		fmt.Fprintln(a.out, r.Ref)
	}
	switch {
	case asked == 0:
		return exitError{1, "No model can be used yet: there is no login. Begin with: gateway login"}
	case len(found) == 0 && len(words) > 0:
		return exitError{1, "No models match the given filter."}
	case len(found) == 0:
		return exitError{1, "No provider gave a list of models."}
	}
	return nil
}

// models asks all providers at once. What could not be asked is told on standard error. asked counts those with a login.
func (h *host) models(ctx context.Context, a *app) (rows []modelRow, asked int) {
	lists := make([][]catalog.Model, len(h.providers))
	notes := make([]string, len(h.providers))
	tried := make([]bool, len(h.providers))
	var wg sync.WaitGroup
	for i, p := range h.providers {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, listTime)
			defer cancel()
			s := p.Auth()
			cred, err := h.auth.Credential(ctx, providerauth.Want{Provider: s.ID})
			if errors.Is(err, providerauth.ErrNone) {
				return
			}
			tried[i] = true
			if err == nil {
				lists[i], err = p.Models(ctx, cred)
			}
			if err != nil && s.NoKey {
				tried[i] = false // no such server on this host
			} else if err != nil {
				notes[i] = s.Name + ": " + shellWords(message(err))
			}
		})
	}
	wg.Wait()
	for i, list := range lists {
		if tried[i] {
			asked++
		}
		if notes[i] != "" {
			fmt.Fprintln(a.err, "warning: "+notes[i])
		}
		for _, m := range list {
			rows = append(rows, modelRow{Ref: providers.Ref{Provider: h.providers[i].Auth().ID, Model: m.ID}.String(), Model: m})
		}
	}
	return rows, asked
}

func (a *app) modelsStatus(ctx context.Context, h *host) error {
	model, from := h.startModel(ctx)
	t := table(a.out)
	if model == "" {
		fmt.Fprintln(a.out, "No model is set yet. Set one with `model:` in config.yaml, or log in: gateway login")
		return nil
	}
	fmt.Fprintf(t, "Model\t%s (%s)\n", model, from)
	if to, ok := h.config.Aliases[model]; ok {
		model = to
		fmt.Fprintf(t, "\tstands for %s\n", model)
	}
	for i, f := range h.config.Fallbacks {
		label := "Fallbacks"
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(t, "%s\t%s\n", label, f)
	}
	ref, ok := providers.ParseRef(model)
	s, err := h.auth.Scheme(ref.Provider)
	if !ok || err != nil {
		_ = t.Flush()
		return exitError{1, fmt.Sprintf("%s names no model of a provider that there is. Write it as provider/model; gateway models list shows them.", model)}
	}
	endpoint := h.config.Providers[s.ID].BaseURL
	if endpoint == "" {
		endpoint = strings.Join(s.Hosts, ", ")
	}
	if endpoint != "" {
		fmt.Fprintf(t, "Sent to\t%s\n", endpoint)
	}
	rows, err := h.auth.Status(ctx, s.ID)
	if err != nil {
		return asFault(err, "")
	}
	for i, r := range rows {
		label := "Login"
		if i > 0 {
			label = ""
		}
		text := describeRow(r)
		if text == "-" {
			text = "none: gateway login " + s.ID
		}
		fmt.Fprintf(t, "%s\t%s: %s\n", label, r.ID, text)
	}
	return t.Flush()
}

// startModel says which model new conversations begin with, and why. What the first login picked only a running gateway
// knows.
func (h *host) startModel(ctx context.Context) (model, from string) {
	var running status.Gateway
	if call(ctx, h.home, "GET", "/status", &running) == nil && running.Model != "" {
		return running.Model, running.ModelFrom
	}
	if m := h.auth.DefaultModel(ctx); m != "" {
		return m, "/model default"
	}
	if h.config.Model != "" {
		return h.config.Model, "config.yaml"
	}
	return "", ""
}
