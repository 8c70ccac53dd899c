// Package importer reads the credentials that other systems of this kind keep, and takes them over: model logins into
// providers.json, bot tokens into channels.json. It only reads their files; nothing of theirs is changed.
package importer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"chatgateway/internal/secret"
	"chatgateway/providerauth"
)

// Item is one credential of another system. It prints without its secret.
type Item struct {
	System string // whose it is: "Operator"
	Path   string // the file

	ID         providerauth.ID         // of a model login; "" for a bot token
	Credential providerauth.Credential // of a model login, without ID

	Account string        // of a bot token: "telegram", "telegram:support"
	Field   string        // "bot_token"
	Token   secret.String // a bot token or another secret of a chat service

	Skip string // a sentence: why it cannot be taken over; "": it can
}

// Channel reports whether it is a chat service's.
func (i Item) Channel() bool { return i.Account != "" }

// Name is what it is, for people: "anthropic:work, sign-in" or "telegram bot_token".
func (i Item) Name() string {
	if i.Channel() {
		return i.Account + " " + i.Field
	}
	kind := map[providerauth.Type]string{providerauth.Key: "API key", providerauth.Token: "token", providerauth.OAuth: "sign-in"}[i.Credential.Type]
	if kind == "" {
		return string(i.ID)
	}
	return string(i.ID) + ", " + kind
}

// Action is what is to be done with an Item.
type Action string

// The actions.
const (
	Add     Action = "add"     // nothing stands there
	Replace Action = "replace" // something else stands there; done only if that is asked for
	Same    Action = "same"    // it is there already
	Leave   Action = "leave"   // it cannot be taken over; Why says why
)

// Step is an Item with what is to be done with it.
type Step struct {
	Item
	Does Action
	Why  string // a sentence, for Replace and Leave
	Warn string // a sentence to read before it is done; "": there is none
	Done bool   // after Apply
	Err  error  // after Apply: why it was not done
}

// Channels is where bot tokens go.
type Channels interface {
	// Get gives what is stored for a field; the empty secret if nothing is.
	Get(ctx context.Context, account, field string) (secret.String, error)
	Set(ctx context.Context, account, field string, value secret.String) error
}

// Target is where what was found goes.
type Target struct {
	Manager  *providerauth.Manager
	Store    providerauth.Store // the Manager's
	Channels Channels           // nil: bot tokens are listed and left
}

// Plan says what Apply would do. It changes nothing. Of several that would go to one place the first is taken, also where
// it is there already: what was taken over once is not replaced by the next file.
func Plan(ctx context.Context, items []Item, to Target) ([]Step, error) {
	var steps []Step
	first := map[string]string{}
	for _, item := range items {
		s := Step{Item: item, Does: Add}
		if err := s.look(ctx, to); err != nil {
			return nil, err
		}
		place := s.Account + " " + s.Field + string(s.ID)
		switch other, taken := first[place]; {
		case s.Does == Leave:
		case !taken:
			first[place] = s.Path
		case s.Does != Same:
			s.Does, s.Why, s.Warn = Leave, "The one in "+other+" is taken.", ""
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// look compares an item with what is stored.
func (s *Step) look(ctx context.Context, to Target) error {
	if s.Skip != "" {
		s.Does, s.Why = Leave, s.Skip
		return nil
	}
	if s.Channel() {
		return s.lookChannel(ctx, to)
	}
	scheme, err := to.Manager.Scheme(s.ID.Provider())
	if err != nil {
		s.Does, s.Why = Leave, "This gateway has no provider of this name."
		return nil //nolint:nilerr // that is the answer
	}
	s.ID = providerauth.MakeID(scheme.ID, s.ID.Account())
	s.Credential.ID = s.ID
	have, err := to.Store.Get(ctx, s.ID)
	switch {
	case errors.Is(err, providerauth.ErrNone):
	case err != nil:
		return err
	case sameSecret(have, s.Credential):
		s.Does = Same
		return nil
	default:
		s.Does, s.Why = Replace, "Something else is stored as "+string(s.ID)+"."
	}
	s.warn(scheme)
	return nil
}

func sameSecret(have, c providerauth.Credential) bool {
	if have.Type != c.Type {
		return false
	}
	if c.Type == providerauth.OAuth {
		return have.Refresh.Equal(c.Refresh) && have.Access.Equal(c.Access)
	}
	return have.Key.Equal(providerauth.Literal(c.Key))
}

// warn says what the person should know before.
func (s *Step) warn(scheme providerauth.Scheme) {
	var warn []string
	if s.Credential.Type == providerauth.OAuth && !s.Credential.Refresh.Empty() {
		warn = append(warn, fmt.Sprintf("Its refresh token changes at every renewal, so that only one program may have it: log out of %s afterwards, or log in here anew instead.", s.System))
		if scheme.Refresh == nil {
			warn = append(warn, scheme.Name+" cannot be renewed as this gateway is set up: it works until it runs out. /login "+scheme.ID+" says what is missing.")
		}
	}
	if s.Credential.Type == providerauth.Key && scheme.CheckKey != nil {
		if err := scheme.CheckKey(s.Credential.Key.Reveal()); err != nil {
			warn = append(warn, err.Error())
		}
	}
	s.Warn = strings.Join(warn, " ")
}

func (s *Step) lookChannel(ctx context.Context, to Target) error {
	if to.Channels == nil {
		s.Does, s.Why = Leave, "Bot tokens are not taken over here."
		return nil
	}
	have, err := to.Channels.Get(ctx, s.Account, s.Field)
	switch {
	case err != nil:
		return err
	case have.Equal(s.Token):
		s.Does = Same
		return nil
	case !have.Empty():
		s.Does, s.Why = Replace, "Something else is stored for "+s.Account+"."
	}
	s.Warn = "Two programs with one bot take each other's messages: stop " + s.System + " first."
	return nil
}

// Apply does the steps: what is to be added, and with replace what is to be replaced. It goes on after a failure; each
// Step says what became of it.
func Apply(ctx context.Context, steps []Step, to Target, replace bool) []Step {
	out := make([]Step, len(steps))
	for i, s := range steps {
		if s.Does == Add || s.Does == Replace && replace {
			s.Err = s.do(ctx, to)
			s.Done = s.Err == nil
		}
		out[i] = s
	}
	return out
}

func (s *Step) do(ctx context.Context, to Target) error {
	if s.Channel() {
		return to.Channels.Set(ctx, s.Account, s.Field, s.Token)
	}
	c := s.Credential
	c.Key = providerauth.Literal(c.Key) // what another program kept is never a command to run here
	return to.Manager.Put(ctx, s.ID, c)
}
