package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatgateway/commands"
	"chatgateway/config"
	"chatgateway/internal/status"
)

func (a *app) statusCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "status", Short: "Show what the running gateway is doing", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			home, err := config.FindHome(a.env)
			if err != nil {
				return err
			}
			var st status.Gateway
			if err := call(c.Context(), home, "GET", "/status", &st); err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(a.out)
				e.SetIndent("", "  ")
				return e.Encode(st)
			}
			writeStatus(a.out, st)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "for programs")
	return c
}

func (a *app) openCommand() *cobra.Command {
	return &cobra.Command{
		Use: "open", Short: "Print a fresh link to the page of the running gateway", Args: noArgs,
		Long: "open prints a link that opens the page once, for one browser. Each link works once and for a short time.",
		RunE: func(c *cobra.Command, _ []string) error {
			home, err := config.FindHome(a.env)
			if err != nil {
				return err
			}
			var answer struct{ Link string }
			if err := call(c.Context(), home, "POST", "/link", &answer); err != nil {
				return err
			}
			fmt.Fprintln(a.out, answer.Link)
			return nil
		},
	}
}

// writeStatus writes the state for people.
func writeStatus(w io.Writer, st status.Gateway) {
	fmt.Fprintf(w, "gateway %s, process %d, since %s\n", st.Version, st.PID, st.Started.Format(time.DateTime))
	fmt.Fprintf(w, "  home      %s\n", st.Home)
	if st.Page != "" {
		fmt.Fprintf(w, "  page      %s (a link for a browser: gateway open)\n", st.Page)
	}
	if st.Model != "" {
		fmt.Fprintf(w, "  model     %s (%s)\n", st.Model, st.ModelFrom)
	} else {
		fmt.Fprintf(w, "  model     none yet\n")
	}
	fmt.Fprintf(w, "  messages  %d waiting, %d being answered\n", st.Queued, st.Running)
	writeChannels(w, st.Channels)
	writeProviders(w, st.Providers)
	for _, x := range st.Warnings {
		fmt.Fprintf(w, "warning: %s\n", x)
	}
}

func writeChannels(w io.Writer, list []status.Channel) {
	fmt.Fprintln(w, "channels")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range list {
		words := []string{}
		if c.Bot != "" {
			words = append(words, c.Bot)
		}
		if c.Detail != "" {
			words = append(words, c.Detail)
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", c.Account, c.State, strings.Join(words, "; "))
	}
	_ = t.Flush()
}

// writeProviders lists the providers that have a credential, and counts the others.
func writeProviders(w io.Writer, list []status.Provider) {
	fmt.Fprintln(w, "providers")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	shown, without := 0, 0
	for _, p := range list {
		if !p.Configured && p.LastError == "" {
			without++
			continue
		}
		shown++
		from := p.Source
		if p.Label != "" {
			from += " (" + p.Label + ")"
		}
		line := p.State
		if p.LastError != "" {
			line += ": " + p.LastError
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", p.ID, from, line)
	}
	_ = t.Flush()
	switch {
	case without > 0 && shown > 0:
		fmt.Fprintf(w, "  %d others without a login: gateway auth list\n", without)
	case without > 0:
		fmt.Fprintf(w, "  none with a login yet, of %d: gateway auth list\n", without)
	}
}

// settleWait is how long the start block waits for channels that are still connecting.
const settleWait = 3 * time.Second

// announce prints the start block once every channel has said how it is, or a little later.
func (s *server) announce(ctx context.Context) {
	deadline := time.NewTimer(settleWait)
	defer deadline.Stop()
	for late := false; !late; {
		changed := s.core.Changed()
		if settled(s.core.Status(ctx).Channels) {
			break
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-deadline.C:
			late = true
		}
	}
	link := ""
	if p := s.pageOf(); p != nil && p.Addr() != "" {
		l, err := p.NewLink()
		if err != nil {
			s.log.Error("no link to the page", "err", err)
		}
		link = l
	}
	s.printStart(ctx, link)
	trim()
}

// settled reports whether no channel is at its beginning any more.
func settled(list []status.Channel) bool {
	return !slices.ContainsFunc(list, func(c status.Channel) bool {
		return c.State == status.Connecting || c.State == status.Off && c.Detail == ""
	})
}

// printStart is the one block that a start prints: where everything is, what runs, what does not and why.
func (s *server) printStart(ctx context.Context, link string) {
	st := s.status(ctx)
	var b strings.Builder
	fmt.Fprintf(&b, "gateway %s\n", st.Version)
	fmt.Fprintf(&b, "  home   %s\n", st.Home)
	if link != "" {
		fmt.Fprintf(&b, "  page   %s\n         (works once, for one browser; another link: gateway open)\n", link)
	}
	if st.Model != "" {
		fmt.Fprintf(&b, "  model  %s (%s)\n", st.Model, st.ModelFrom)
	} else if link != "" {
		fmt.Fprintf(&b, "  model  none yet: open the page and log in, or: gateway login\n")
	} else {
		fmt.Fprintf(&b, "  model  none yet: gateway login\n")
	}
	writeChannels(&b, st.Channels)
	writeProviders(&b, st.Providers)
	for _, l := range s.locals(ctx) {
		fmt.Fprintf(&b, "found on this host: %s with %s, no key needed\n", l.Name, commands.Models(l.Models))
	}
	s.rules.sayClaim(ctx, &b)
	for _, x := range st.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", x)
	}
	fmt.Fprint(s.app.out, b.String())
}
