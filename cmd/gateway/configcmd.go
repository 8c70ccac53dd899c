package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"chatgateway/config"
)

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "config", Short: "Look at the settings",
		Long: "config.yaml in the home folder holds the settings. A missing file is fine. A running gateway takes changes up by\n" +
			"itself; a file with a mistake leaves the last good one in force.",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noSuch(c, args[0])
			}
			return c.Help()
		},
	}
	c.AddCommand(
		&cobra.Command{
			Use: "check [file]", Short: "Say whether config.yaml is good, and where it is not", Args: cobra.MaximumNArgs(1),
			Long: "check reads config.yaml, or another file, and lists all mistakes with file, line and what would be right.\nThe exit code is 1 if there are any.",
			RunE: func(_ *cobra.Command, args []string) error { return a.configCheck(args) },
		},
		&cobra.Command{
			Use: "schema", Short: "Print the JSON Schema of config.yaml, for editors", Args: noArgs,
			RunE: func(*cobra.Command, []string) error {
				out, err := config.Schema(known())
				if err != nil {
					return err
				}
				_, err = a.out.Write(out)
				return err
			},
		},
		&cobra.Command{
			Use: "path", Short: "Print where config.yaml is", Args: noArgs,
			RunE: func(*cobra.Command, []string) error {
				path, err := config.Path(a.env)
				if err != nil {
					return err
				}
				fmt.Fprintln(a.out, path)
				return nil
			},
		},
	)
	return c
}

func (a *app) configCheck(args []string) error {
	home, err := config.FindHome(a.env)
	if err != nil {
		return err
	}
	path := home.Config()
	if len(args) == 1 {
		path = args[0]
		if _, err := os.Stat(path); err != nil {
			return exitError{1, fmt.Sprintf("%s cannot be read.", path)}
		}
	}
	_, err = config.Load(path, known())
	var bad *config.Error
	switch {
	case errors.As(err, &bad):
		for _, p := range bad.Problems {
			fmt.Fprintln(a.err, p.Error())
		}
		return exitError{1, fmt.Sprintf("%s has %s.", path, count(len(bad.Problems), "mistake"))}
	case err != nil:
		return exitError{1, message(err)}
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(a.out, "%s is not there, which is fine: the defaults hold.\n", path)
		return nil
	}
	fmt.Fprintf(a.out, "%s is good.\n", path)
	return nil
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(a.out, "gateway %s (%s, %s/%s)\n", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}
