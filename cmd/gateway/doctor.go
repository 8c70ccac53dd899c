package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chatgateway/channelauth"
	"chatgateway/config"
	"chatgateway/internal/jsonfile"
	"chatgateway/internal/status"
	"chatgateway/providerauth"
)

// severity says how bad a finding is.
type severity string

// The severities. Only an error makes the exit code 1.
const (
	severe  severity = "error"
	warning severity = "warning"
	notice  severity = "info"
)

// finding is something that a person should know, or a part of the host that is in order.
type finding struct {
	Severity severity `json:"severity"`
	Area     string   `json:"area"` // files, settings, channels, logins, page, access, store, gateway
	Text     string   `json:"text"`
	Do       string   `json:"do,omitempty"`      // the command or the deed that mends it
	Fixable  bool     `json:"fixable,omitempty"` // --fix does it
	Fixed    bool     `json:"fixed,omitempty"`

	security bool // `gateway security audit` shows it too
	fix      func(context.Context) error
}

// doctor looks at everything that can be checked on this host. It writes nothing unless a finding is fixed.
type doctor struct {
	app    *app
	home   config.Home
	config *config.Config // the file's, or the defaults where it has mistakes
	auth   *providerauth.Manager
	tokens *channelauth.File
	live   *status.Gateway // the running gateway; nil if none answers
	unread bool            // config.yaml has mistakes, and nothing is known of what it sets
	found  []finding
}

func (d *doctor) add(s severity, area, text, do string) *finding {
	d.found = append(d.found, finding{Severity: s, Area: area, Text: shellWords(text), Do: shellWords(do)})
	return &d.found[len(d.found)-1]
}

// risk adds a finding that is about security.
func (d *doctor) risk(s severity, area, text, do string) *finding {
	f := d.add(s, area, text, do)
	f.security = true
	return f
}

func (a *app) doctorCommand() *cobra.Command {
	var fix, asJSON bool
	c := &cobra.Command{
		Use: "doctor", Short: "Look for what is wrong with this gateway, and say what mends it", Args: noArgs,
		Long: "doctor looks at the files and their permissions, the settings, the tokens, the logins, the page, who may talk to\n" +
			"the bot, the store and the running gateway. It changes nothing without --fix. The exit code is 1 if there is an error.",
		RunE: func(c *cobra.Command, _ []string) error { return a.doctor(c.Context(), fix, asJSON, false) },
	}
	c.Flags().BoolVar(&fix, "fix", false, "mend what can be mended safely: permissions, leftovers")
	c.Flags().BoolVar(&asJSON, "json", false, "for programs")
	return c
}

func (a *app) securityCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "security", Short: "Look at what keeps the secrets safe",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noSuch(c, args[0])
			}
			return c.Help()
		},
	}
	var fix, asJSON bool
	audit := &cobra.Command{
		Use: "audit", Short: "Check permissions, who may talk to the bot, and where the page is open to", Args: noArgs,
		Long: "audit is the part of `gateway doctor` that is about security. The exit code is 1 if there is an error.",
		RunE: func(c *cobra.Command, _ []string) error { return a.doctor(c.Context(), fix, asJSON, true) },
	}
	audit.Flags().BoolVar(&fix, "fix", false, "mend what can be mended safely")
	audit.Flags().BoolVar(&asJSON, "json", false, "for programs")
	c.AddCommand(audit)
	return c
}

func (a *app) doctor(ctx context.Context, fix, asJSON, security bool) error {
	d, err := a.examine(ctx)
	if err != nil {
		return err
	}
	if fix {
		fixed, errs := d.mend(ctx, security)
		if d, err = a.examine(ctx); err != nil { // what is left, seen anew
			return err
		}
		d.found = append(fixed, d.found...)
		for _, err := range errs {
			d.add(severe, "files", "it could not be mended: "+message(err), "mend it by hand").security = true
		}
	}
	if security {
		d.found = slices.DeleteFunc(d.found, func(f finding) bool { return !f.security })
	}
	errs, warns := 0, 0
	for _, f := range d.found {
		switch {
		case f.Fixed:
		case f.Severity == severe:
			errs++
		case f.Severity == warning:
			warns++
		}
	}
	if asJSON {
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		err = e.Encode(map[string]any{"home": string(d.home), "errors": errs, "warnings": warns, "findings": d.found})
	} else {
		d.write(errs, warns)
	}
	if err == nil && errs > 0 {
		return exitError{code: 1}
	}
	return err
}

// mend mends what is fixable and gives what was.
func (d *doctor) mend(ctx context.Context, security bool) (fixed []finding, errs []error) {
	for _, f := range d.found {
		if f.fix == nil || security && !f.security {
			continue
		}
		if err := f.fix(ctx); err != nil {
			errs = append(errs, err)
			continue
		}
		f.Fixed = true
		fixed = append(fixed, f)
	}
	return fixed, errs
}

func (d *doctor) write(errs, warns int) {
	w := d.app.out
	area := ""
	slices.SortStableFunc(d.found, func(a, b finding) int { return slices.Index(areas, a.Area) - slices.Index(areas, b.Area) })
	fixable := 0
	for _, f := range d.found {
		if f.Area != area {
			area = f.Area
			fmt.Fprintln(w, area)
		}
		word := map[severity]string{severe: "ERROR", warning: "WARN ", notice: "ok   "}[f.Severity]
		if f.Fixed {
			word = "FIXED"
		} else if f.Fixable {
			fixable++
		}
		fmt.Fprintf(w, "  %s  %s\n", word, f.Text)
		if f.Do != "" && !f.Fixed {
			fmt.Fprintf(w, "         -> %s\n", f.Do)
		}
	}
	verdict := "PASS"
	switch {
	case errs > 0:
		verdict = "FAIL"
	case warns > 0:
		verdict = "PASS (with warnings)"
	}
	fmt.Fprintf(w, "%s: %s, %s\n", verdict, count(errs, "error"), count(warns, "warning"))
	if fixable > 0 {
		fmt.Fprintf(w, "%d of them can be mended by: gateway doctor --fix\n", fixable)
	}
}

// areas are the parts of the report, in their order.
var areas = []string{"files", "settings", "channels", "logins", "access", "page", "store", "gateway"}

// examine looks at everything.
func (a *app) examine(ctx context.Context) (*doctor, error) {
	home, err := config.FindHome(a.env)
	if err != nil {
		return nil, err
	}
	d := &doctor{app: a, home: home, config: config.Defaults()}
	if !d.homeFolder() {
		return d, nil
	}
	if err := config.LoadEnv(home.DotEnv()); err != nil {
		d.problems(err, "mend .env")
	}
	c, err := config.Load(home.Config(), known())
	if d.unread = err != nil; d.unread {
		d.problems(err, "mend config.yaml, then: gateway config check")
	} else {
		d.config = c
	}
	var live status.Gateway
	if call(ctx, home, "GET", "/status", &live) == nil {
		d.live = &live
	}
	keys := &vault{home: home, env: a.env}
	d.tokens = channelauth.Open(home.Channels(), a.env)
	d.tokens.Codec = keys
	list := makeProviders(d.config)
	d.auth = providerauth.New(providerauth.Options{
		Store:   providerauth.NewFile(jsonfile.File{Path: home.Providers(), Codec: keys}),
		Schemes: schemes(list), Env: a.env, Order: order(d.config),
	})
	d.files()
	d.settings()
	d.wires()
	d.keyFile(keys)
	d.references(keys)
	d.channels()
	d.logins(ctx)
	if d.unread {
		d.risk(warning, "access", "who may talk to the bot, and where the page is open to, is not known before config.yaml is mended", "run this again then")
	} else {
		d.access()
		d.page()
	}
	d.store(ctx)
	d.gateway()
	return d, nil
}

// problems adds every mistake of a file of settings.
func (d *doctor) problems(err error, do string) {
	var many *config.Error
	if errors.As(err, &many) {
		for _, p := range many.Problems {
			d.add(severe, "settings", p.Error(), do)
		}
		return
	}
	d.add(severe, "settings", strings.TrimSuffix(message(err), "."), do)
}
