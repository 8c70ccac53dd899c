package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chatgateway/channelauth"
	"chatgateway/commands"
	"chatgateway/internal/jsonfile"
	"chatgateway/login"
	"chatgateway/providerauth"
)

// faultKind is one of the seven ways in which a command about credentials fails, besides what a service says. Scripts
// may look for the word; the exit code is 1 with each of them.
type faultKind string

// The kinds.
const (
	faultProvider  faultKind = "unknown-provider"
	faultKey       faultKind = "invalid-key"
	faultAccount   faultKind = "invalid-account"
	faultCollision faultKind = "name-collision"
	faultNotFound  faultKind = "not-found"
	faultVault     faultKind = "vault"
	faultAborted   faultKind = "aborted"
)

var faultTitles = map[faultKind]string{
	faultProvider: "Unknown provider", faultKey: "Invalid API key", faultAccount: "Invalid account name",
	faultCollision: "Account already exists", faultNotFound: "Not found", faultVault: "Credential store error",
	faultAborted: "Cancelled",
}

// fault makes the error that says what happened, in a sentence, and what to do next.
func fault(kind faultKind, what, hint string) error {
	text := faultTitles[kind] + ": " + shellWords(what)
	if hint != "" {
		text += "\n  hint: " + hint
	}
	return exitError{1, text + " [" + string(kind) + "]"}
}

// asFault makes of an error from below the fault it is; others keep their own sentence.
func asFault(err error, id providerauth.ID) error {
	var known *providerauth.Error
	var key providerauth.KeyError
	var file *jsonfile.Error
	var tokens *channelauth.Error
	var exit exitError
	switch {
	case err == nil || errors.As(err, &exit) || errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, login.ErrCanceled):
		return fault(faultAborted, "nothing was changed.", "")
	case errors.Is(err, login.ErrExpired):
		return fault(faultAborted, "the time for an answer has passed; nothing was changed.", "begin again")
	case errors.Is(err, errors.ErrUnsupported):
		return fault(faultAborted, "this way to log in asks for something, and standard input has ended.", "run it in a terminal, or send the answer on standard input")
	case errors.As(err, &key):
		return fault(faultKey, key.UserMessage(), "")
	case errors.As(err, &known) && errors.Is(known.Kind, providerauth.ErrUnreadable):
		return fault(faultVault, known.UserMessage(), "gateway doctor looks at the files")
	case errors.As(err, &known) && errors.Is(known.Kind, providerauth.ErrNone):
		return fault(faultNotFound, fmt.Sprintf("there is no login for %s.", cmpID(known.ID, id)), "gateway auth list shows what there is")
	case errors.As(err, &file):
		return fault(faultVault, file.UserMessage(), "gateway doctor looks at the files")
	case errors.As(err, &tokens):
		return fault(faultVault, tokens.UserMessage(), "")
	}
	return exitError{1, shellWords(message(err))}
}

func cmpID(a, b providerauth.ID) providerauth.ID {
	if a == "" {
		return b
	}
	return a
}

// unknownProvider is the fault of a name that no provider has.
func (h *host) unknownProvider(name string) error {
	var ids []string
	for _, s := range h.auth.Schemes() {
		ids = append(ids, append([]string{s.ID}, s.Aliases...)...)
	}
	text := fmt.Sprintf("there is no %q.", name)
	if n := near(name, ids); n != "" {
		text += fmt.Sprintf(" Did you mean %s?", n)
	}
	return fault(faultProvider, text, "gateway auth list shows all of them")
}

// near finds the name that a mistyped one was meant to be; "" if none is near.
func near(name string, names []string) string {
	list := make([]commands.Command, len(names))
	for i, n := range names {
		list[i].Name = n
	}
	return commands.Near(list, strings.ToLower(name))
}

// account reads "provider" or "provider:account", and the --account flag, which means the same.
func (h *host) account(text, flag string) (providerauth.Scheme, providerauth.ID, error) {
	id := providerauth.ID(strings.TrimSpace(text))
	name := id.Account()
	if flag != "" {
		if name != "" && name != flag {
			return providerauth.Scheme{}, "", fault(faultAccount, fmt.Sprintf("%q and --account %s name two accounts.", text, flag), "name one")
		}
		name = flag
	}
	s, err := h.auth.Scheme(id.Provider())
	if err != nil {
		if h.stored(id) {
			return providerauth.Scheme{ID: id.Provider(), Name: id.Provider()}, id, nil // a record of a provider that has gone
		}
		return s, "", h.unknownProvider(id.Provider())
	}
	if err := providerauth.CheckAccount(name); err != nil {
		return s, "", fault(faultAccount, message(err), "")
	}
	exact := providerauth.MakeID(s.ID, name)
	there := h.accounts(s.ID)
	if flag == "" && slices.Contains(there, id) {
		return s, id, nil
	}
	if at := h.auth.At(exact); slices.Contains(there, at) {
		return s, at, nil
	}
	return s, providerauth.MakeID(s.ID, strings.ToLower(name)), nil
}

// providerArg checks that there is one provider among the arguments of a command.
func providerArg(use string, args []string, rest int) error {
	switch {
	case len(args) == 0:
		return usageError("which provider? Say: gateway %s. All of them: gateway auth list", use)
	case rest >= 0 && len(args) > 1+rest:
		return usageError("there is too much behind it. Say: gateway %s. No key or token belongs on the command line: it is asked for, or read from standard input", use)
	}
	return nil
}

// oneFlag refuses flags that say the same in two ways.
func oneFlag(c *cobra.Command, names ...string) error {
	given := ""
	for _, name := range names {
		switch {
		case !c.Flags().Changed(name):
		case given != "":
			return usageError("--%s and --%s name two ways; name one", given, name)
		default:
			given = name
		}
	}
	return nil
}
