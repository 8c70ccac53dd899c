package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chatgateway/channelauth"
	"chatgateway/channels"
	"chatgateway/commands"
	"chatgateway/gateway"
	"chatgateway/internal/status"
	"chatgateway/login"
)

// testTime bounds `gateway channels test`.
const testTime = time.Minute

func tokenStep(text string, f channelauth.Field) login.Step {
	return login.Step{Text: text, Field: &login.Field{Name: f.Name, Secret: !f.Plain, Check: f.Check}}
}

// options are what a channel is opened with here: nothing is received, and what it reports is not kept.
func (h *host) options(acc gateway.Account, log *slog.Logger) channels.Options {
	return channels.Options{
		Account: acc.ID, Secrets: acc.Secrets, Settings: acc.Settings, Log: log,
		Mark:   func(context.Context, string) (string, error) { return "", nil },
		Report: func(status.Channel) {},
		Client: &http.Client{Transport: http.DefaultTransport},
	}
}

func (a *app) channelsTestCommand() *cobra.Command {
	var send string
	c := &cobra.Command{
		Use: "test <channel[:account]>", Short: "Log in to a chat service and say what was found",
		Long: "test logs in without taking messages, and says who the bot is there, what it may do and what is missing. With\n" +
			"--send it also writes a test message to a person, an address or a room.",
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("say: gateway channels test channel[:account]")
			}
			return a.withHost(c.Context(), func(h *host) error { return a.channelsTest(c.Context(), h, args[0], send) })
		},
	}
	c.Flags().StringVar(&send, "send", "", "write a test message there: a user id, an address, a room")
	return c
}

func (a *app) channelsTest(ctx context.Context, h *host, name, send string) error {
	acc, err := h.channel(name)
	if err != nil {
		return err
	}
	if acc.Off != "" && !strings.HasPrefix(acc.Off, "switched off") {
		return exitError{1, fmt.Sprintf("%s cannot be tested: %s.", acc.ID, acc.Off)}
	}
	ch, err := acc.Service.Open(h.options(acc, h.log))
	if err != nil {
		return exitError{1, fmt.Sprintf("%s cannot be opened: %s", acc.ID, message(err))}
	}
	if c, ok := ch.(io.Closer); ok {
		defer c.Close() //nolint:errcheck // nothing was written through it
	}
	ctx, cancel := context.WithTimeout(ctx, testTime)
	defer cancel()
	t, ok := ch.(channels.Tester)
	if !ok {
		fmt.Fprintf(a.out, "%s is part of this host; there is nothing to log in to. See: gateway status\n", acc.Service.Title)
		return nil
	}
	found, err := t.Test(ctx)
	for _, line := range found {
		fmt.Fprintln(a.out, line)
	}
	if err != nil {
		return exitError{1, fmt.Sprintf("%s: %s", acc.ID, message(err))}
	}
	if send == "" {
		return nil
	}
	if err := sendTest(ctx, ch, send); err != nil {
		return exitError{1, fmt.Sprintf("%s: the test message could not be sent: %s", acc.ID, message(err))}
	}
	fmt.Fprintf(a.out, "A test message was sent to %s.\n", send)
	return nil
}

// sendTest writes a test message: by the channel's own means, in private to a person, or to a conversation.
func sendTest(ctx context.Context, ch channels.Channel, to string) error {
	if t, ok := ch.(interface {
		SendTest(ctx context.Context, to string) error
	}); ok {
		return t.SendTest(ctx, to)
	}
	conv := channels.ConversationID(to)
	if d, ok := ch.(channels.Director); ok {
		if c, err := d.Direct(ctx, channels.UserID(to)); err == nil {
			conv = c
		}
	}
	_, err := ch.Send(ctx, channels.Post{To: conv, Text: "This is a test message of the gateway. It works."})
	return err
}

func (a *app) channelsManifestCommand() *cobra.Command {
	return &cobra.Command{
		Use: "manifest <channel[:account]>", Short: "Print what is to be pasted into a service's own set-up page", Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("say: gateway channels manifest channel[:account]")
			}
			return a.withHost(c.Context(), func(h *host) error {
				acc, err := h.channel(args[0])
				if err != nil {
					return err
				}
				if acc.Service.Manifest == nil {
					return exitError{1, fmt.Sprintf("%s needs no manifest. %s", acc.Service.Title, acc.Service.Help)}
				}
				out, err := acc.Service.Manifest(menuOf(commands.All()), acc.Settings)
				if err != nil {
					return exitError{1, message(err)}
				}
				_, err = a.out.Write(append([]byte(strings.TrimRight(string(out), "\n")), '\n'))
				return err
			})
		},
	}
}

// menuOf is the command table as a service's menu has it.
func menuOf(list []commands.Command) []channels.Command {
	menu := make([]channels.Command, len(list))
	for i, c := range list {
		menu[i] = channels.Command{Name: c.Name, Help: c.Help, Private: c.Where != commands.Anywhere, Owner: c.Role == commands.Owner}
		for _, arg := range c.Args {
			menu[i].Args = append(menu[i].Args, channels.Arg{Name: arg.Name, Help: arg.Help, Optional: arg.Optional, Secret: arg.Secret})
		}
	}
	return menu
}

func (a *app) channelsLoginCommand() *cobra.Command {
	return &cobra.Command{
		Use: "login <channel[:account]>", Short: "Get a bot's own token by signing in",
		Long: "login signs the bot itself in to a chat service, where that is possible, and stores the token that it gets.",
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("say: gateway channels login channel[:account]")
			}
			return a.withHost(c.Context(), func(h *host) error { return a.channelsLogin(c.Context(), h, args[0]) })
		},
	}
}

func (a *app) channelsLogin(ctx context.Context, h *host, name string) error {
	acc, err := h.channel(name)
	switch {
	case err != nil:
		return err
	case acc.Service.Login == nil && len(acc.Service.Secrets) == 0:
		return exitError{1, acc.Service.Title + " needs no login."}
	case acc.Service.Login == nil:
		return exitError{1, fmt.Sprintf("%s has no sign-in; its token is pasted: gateway channels set %s %s", acc.Service.Title, acc.ID, acc.Service.Secrets[0].Name)}
	}
	if err := h.tokens.Try(ctx); err != nil {
		return asFault(err, "")
	}
	err = acc.Service.Login(ctx, h.options(acc, h.log), a.prompter())
	h.record("channel login", string(acc.ID), err)
	switch {
	case errors.Is(err, channelauth.ErrFromEnvironment):
		return exitError{1, fmt.Sprintf("The token of %s comes from the environment, which goes on to hold it. Take it out there, and log in again.", acc.ID)}
	case err != nil:
		return asFault(err, "")
	}
	fmt.Fprintf(a.out, "Logged in: %s.%s\n", acc.ID, h.missing(string(acc.ID)))
	return nil
}
