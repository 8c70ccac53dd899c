// Command gateway runs the chat-bot gateway and looks after its credentials. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"chatgateway/internal/redact"
)

// Exit codes that scripts may rely on, besides 0 and 1. Those of `auth status --check` are in auth.go.
const (
	exitUsage  = 2  // the command line was not understood
	exitConfig = 78 // EX_CONFIG: cannot run like this; trying again does not help
)

// version is set at the build; see the Makefile.
var version = ""

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv}
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// exitError is an error that says with which code to exit, and what to print; nothing if there is no text.
type exitError struct {
	code int
	text string
}

func (e exitError) Error() string { return e.text }

// usageError is a mistake in the command line.
func usageError(format string, args ...any) error {
	return exitError{exitUsage, fmt.Sprintf(format, args...)}
}

// run carries out one command line and gives the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	if a.secrets == nil {
		a.secrets = new(redact.Redactor)
	}
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		if exit.text != "" {
			fmt.Fprintln(a.err, "gateway: "+a.secrets.Clean(exit.text))
		}
		return exit.code
	case errors.Is(err, context.Canceled):
		return 130
	case mistyped(err):
		fmt.Fprintln(a.err, "gateway: "+err.Error()+"\nSee: gateway --help")
		return exitUsage
	}
	fmt.Fprintln(a.err, "gateway: "+a.secrets.Clean(message(err)))
	return 1
}

// mistyped reports whether an error is cobra's own, about the command line.
func mistyped(err error) bool {
	text := err.Error()
	return strings.HasPrefix(text, "unknown command ") || strings.HasPrefix(text, "if any flags in the group ") ||
		strings.HasPrefix(text, "accepts ") && strings.Contains(text, " arg(s)")
}

// message is what a person reads of an error: its own sentence if it has one.
func message(err error) string {
	var u interface{ UserMessage() string }
	if errors.As(err, &u) {
		return u.UserMessage()
	}
	return err.Error()
}

func (a *app) root() *cobra.Command {
	c := &cobra.Command{
		Use:           "gateway",
		Short:         "A chat-bot gateway with integrated channel credentials",
		Long:          "gateway connects chats (Telegram, Discord, Slack, Twitch, e-mail, a page of its own) with language models.\nPeople log in to the models from the chat itself. Begin with: gateway serve",
		Version:       buildVersion(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	c.SetOut(a.out)
	c.SetErr(a.err)
	c.SetIn(a.in)
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError("%v. See: %s --help", err, c.CommandPath())
	})
	c.CompletionOptions.HiddenDefaultCmd = true
	for _, sub := range a.commands() {
		c.AddCommand(sub)
	}
	a.offerValues(c)
	return c
}

// buildVersion is the version of the build, or of the source it was built from.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return "devel " + s.Value[:12]
			}
		}
	}
	return "devel"
}

// app is the program: what it reads and writes, so that tests can give their own.
type app struct {
	in  io.Reader
	out io.Writer
	err io.Writer
	env func(string) string

	secrets *redact.Redactor // made by run; knows what the gateway holds

	quiet  bool // only warnings are logged: a command that prints results
	silent bool // only errors are logged
}

// noSuch refuses a word that is none of a command's own, and names the near ones.
func noSuch(c *cobra.Command, word string) error {
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(word); len(near) > 0 {
		return usageError("there is no `%s %s`. Did you mean %s? See: %s --help", c.CommandPath(), word, strings.Join(near, " or "), c.CommandPath())
	}
	return usageError("there is no `%s %s`. See: %s --help", c.CommandPath(), word, c.CommandPath())
}

// noArgs refuses arguments with a sentence.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError("%s takes no %q. See: %s --help", c.CommandPath(), args[0], c.CommandPath())
	}
	return nil
}
