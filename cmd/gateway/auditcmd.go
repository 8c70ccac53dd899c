package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"chatgateway/config"
	"chatgateway/internal/audit"
	"chatgateway/internal/secret"
)

// record writes down what was done at the command line.
func (h *host) record(deed, object string, err error) {
	result := "ok"
	if err != nil {
		result = "failed"
	}
	h.recordResult(deed, object, result)
}

// recordResult is record for a result in words. That it cannot be written down stops nothing, but is said.
func (h *host) recordResult(deed, object, result string) {
	l, err := audit.Open(h.home.Audit(), audit.Options{Redact: secret.Redact})
	if err == nil {
		err = l.Record(context.Background(), audit.Entry{Who: "command line", What: deed, Object: object, Result: result}) //nolint:contextcheck // bounds nothing
		_ = l.Close()
	}
	if err != nil {
		h.log.Warn("not written down in audit.log", "err", err)
	}
}

func (a *app) auditCommand() *cobra.Command {
	var n int
	var asJSON bool
	c := &cobra.Command{
		Use: "audit", Short: "Show who changed what", Args: noArgs,
		Long: "audit shows the last lines of audit.log: logins, logouts, grants, tokens, the default model. It holds no secret.",
		RunE: func(*cobra.Command, []string) error {
			home, err := config.FindHome(a.env)
			if err != nil {
				return err
			}
			if n < 1 {
				return usageError("-n wants a number from 1")
			}
			entries, err := audit.Read(home.Audit(), n)
			if err != nil {
				return exitError{1, fmt.Sprintf("audit.log cannot be read: %v. gateway doctor looks at the files.", err)}
			}
			if asJSON {
				e := json.NewEncoder(a.out)
				for _, entry := range entries {
					if err := e.Encode(entry); err != nil {
						return err
					}
				}
				return nil
			}
			for _, e := range entries {
				fmt.Fprintln(a.out, e)
			}
			if len(entries) == 0 {
				fmt.Fprintln(a.out, "Nothing was changed yet.")
			}
			return nil
		},
	}
	c.Flags().IntVarP(&n, "lines", "n", 20, "how many lines")
	c.Flags().BoolVar(&asJSON, "json", false, "for programs: a JSON object a line")
	return c
}
