package providerauth

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"chatgateway/internal/jsonfile"
)

// Error says why there is no credential to use. Its text holds no secret and no body of an answer.
type Error struct {
	Kind   error     // ErrNone, ErrNeedsLogin, ErrCooling, ErrUnknown, ErrUnreadable or ErrRenewal
	Login  ID        // a login that would mend it, if ID does not say so; empty: none
	ID     ID        // the credential, or only its provider
	Name   string    // the provider's name for people; empty: the ID
	Until  time.Time // with ErrCooling: when it is tried again
	Reason string    // why, as the end of a sentence: "the token was revoked"; empty: not known
	Err    error     // the cause, for errors.Is; a Problem is the sentence for people
}

// Error implements error.
func (e *Error) Error() string {
	s := string(e.ID) + ": " + e.Kind.Error()
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	if file, ok := errors.AsType[*jsonfile.Error](e.Err); ok {
		s += ": " + file.Error()
	}
	return strings.TrimPrefix(s, ": ")
}

// Unwrap gives the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// UserMessage says what happened and what to do next.
func (e *Error) UserMessage() string {
	name := e.Name
	if name == "" {
		name = e.ID.Provider()
	}
	if e.ID.Account() != "" {
		name += " (" + e.ID.Account() + ")"
	}
	why := ""
	if e.Reason != "" {
		why = ": " + e.Reason
	}
	problem, told := errors.AsType[Problem](e.Err)
	switch {
	case told:
		return string(problem)
	case errors.Is(e.Kind, ErrNone):
		return fmt.Sprintf("There is no login for %s yet%s. Log in with /login %s.", name, why, e.ID)
	case errors.Is(e.Kind, ErrNeedsLogin):
		return fmt.Sprintf("The sign-in to %s has ended%s. Log in again with /login %s.", name, why, e.ID)
	case errors.Is(e.Kind, ErrCooling):
		return fmt.Sprintf("%s is left alone for another %s%s. Send it again then, or choose another model with /model.", name, left(e.Until), why)
	case errors.Is(e.Kind, ErrRenewal):
		return fmt.Sprintf("The sign-in to %s could not be renewed just now%s. It is kept: send your message again in a moment.", name, why)
	case errors.Is(e.Kind, ErrUnknown):
		return fmt.Sprintf("No provider is called %q. /login shows all of them.", e.ID)
	case errors.Is(e.Kind, ErrUnreadable):
		var u interface{ UserMessage() string }
		if errors.As(e.Err, &u) {
			const head = "The file with the logins cannot be used: "
			return head + strings.TrimPrefix(u.UserMessage(), head)
		}
		return "The file with the logins cannot be read" + why + "."
	default:
		return name + ": " + e.Kind.Error() + why + "."
	}
}

// left says how long it is until t, for people.
func left(t time.Time) string {
	d := time.Until(t).Round(time.Second)
	switch {
	case d < 2*time.Second:
		return "second"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", d.Round(time.Minute)/time.Minute)
	default:
		return fmt.Sprintf("%d hours", d.Round(time.Hour)/time.Hour)
	}
}

// Problem says in one sentence why a login cannot go on, and what to do. It is no fault of a key; see KeyError.
type Problem string

// Error implements error.
func (p Problem) Error() string { return string(p) }

// UserMessage is the same sentence.
func (p Problem) UserMessage() string { return string(p) }
