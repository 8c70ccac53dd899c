package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"chatgateway/channelauth"
	"chatgateway/internal/secret"
	"chatgateway/providerauth/importer"
)

func (a *app) importCommand() *cobra.Command {
	var apply, replace bool
	c := &cobra.Command{
		Use: "import [file...]", Short: "Take over the logins and tokens of another system",
		Long: "import looks for what Operator, Duragent, pindus, llxprt, OpenSoul, OpenClaw and Codex keep, or reads the files\n" +
			"that are named, and lists what it found and would do. It changes nothing without --apply, and never their files.\n" +
			"A sign-in that renews itself and a bot's token must have one owner: switch the other system off.",
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			return a.withHost(c.Context(), func(h *host) error { return a.importAll(c.Context(), h, args, apply, replace) })
		},
	}
	c.Flags().BoolVar(&apply, "apply", false, "do it")
	c.Flags().BoolVar(&replace, "replace", false, "with --apply: also what stands in the place of something else")
	return c
}

func (a *app) importAll(ctx context.Context, h *host, paths []string, apply, replace bool) error {
	items, problems := importer.Find(importer.Options{Env: a.env, Paths: paths})
	for _, p := range problems {
		fmt.Fprintf(a.err, "warning: %s: %s\n", p.Path, message(p.Err))
	}
	if len(items) == 0 {
		if len(problems) > 0 {
			return exitError{1, "Nothing was found that can be read."}
		}
		fmt.Fprintln(a.out, "Nothing to import was found. Files of other systems can be named: gateway import FILE")
		return nil
	}
	to := importer.Target{Manager: h.auth, Store: h.creds, Channels: tokenTarget{h.tokens}}
	steps, err := importer.Plan(ctx, items, to)
	if err != nil {
		return asFault(err, "")
	}
	if apply {
		steps = importer.Apply(ctx, steps, to, replace)
	}
	again := "gateway import --apply"
	for _, path := range paths {
		again += fmt.Sprintf(" %q", path)
	}
	return a.reportImport(h, steps, len(problems), apply, replace, again)
}

// reportImport lists the steps by file, and says what comes next; again is the command that does it.
func (a *app) reportImport(h *host, steps []importer.Step, problems int, apply, replace bool, again string) error {
	path, todo, done, failed, kept := "", 0, 0, 0, 0
	for _, s := range steps {
		if s.Path != path {
			path = s.Path
			fmt.Fprintf(a.out, "%s (%s)\n", path, s.System)
		}
		what := string(s.Does)
		switch {
		case s.Err != nil:
			what = "FAILED"
			failed++
			h.record("import", s.Name(), s.Err)
		case s.Done:
			what = "done"
			done++
			h.record("import", s.Name(), nil)
		case s.Does == importer.Add:
			todo++
		case s.Does == importer.Replace:
			kept++
		}
		fmt.Fprintf(a.out, "  %-8s %s\n", what, s.Name())
		for _, line := range []string{s.Why, s.Warn} {
			if line != "" {
				fmt.Fprintf(a.out, "           %s\n", shellWords(line))
			}
		}
		if s.Err != nil {
			fmt.Fprintf(a.out, "           %s\n", shellWords(message(s.Err)))
		}
	}
	switch {
	case apply:
		fmt.Fprintf(a.out, "%d taken over.\n", done)
	case todo+kept > 0:
		fmt.Fprintf(a.out, "%d to add, %d to replace. Nothing was changed; to do it: %s\n", todo, kept, again)
	default:
		fmt.Fprintln(a.out, "There is nothing to do.")
	}
	if kept > 0 && !replace {
		fmt.Fprintln(a.out, "What would replace something is done with --apply --replace only.")
	}
	if failed+problems > 0 {
		return exitError{code: 1}
	}
	return nil
}

// tokenTarget is channels.json as the importer wants it: the environment does not count.
type tokenTarget struct{ f *channelauth.File }

// Get implements importer.Channels.
func (t tokenTarget) Get(_ context.Context, account, field string) (secret.String, error) {
	if err := t.f.Err(); err != nil {
		return secret.String{}, err
	}
	return t.f.Account(account, nil).Secret(field), nil
}

// Set implements importer.Channels.
func (t tokenTarget) Set(ctx context.Context, account, field string, value secret.String) error {
	return t.f.Set(ctx, account, field, value)
}

// Interface guards
var _ importer.Channels = tokenTarget{}
