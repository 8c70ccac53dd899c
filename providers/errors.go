package providers

import (
	"errors"
	"fmt"
	"time"
)

// What went wrong, for decisions; an Error wraps exactly one of them.
var (
	ErrUnauthorized = errors.New("the credential was refused")             // 401: renew or log in again
	ErrForbidden    = errors.New("the credential may not do this")         // 403: a plan, a scope, a policy
	ErrRateLimited  = errors.New("too many requests")                      // 429 and its kin
	ErrBilling      = errors.New("no credit left")                         // 402, quota used up
	ErrOverloaded   = errors.New("the service is overloaded or failing")   // 5xx, 529
	ErrTooLong      = errors.New("the conversation is too long")           // context window exceeded
	ErrNoModel      = errors.New("there is no such model")                 // 404 for the model
	ErrBadRequest   = errors.New("the service did not take the request")   // any other 4xx
	ErrRefused      = errors.New("the service declined to answer")         // content policy
	ErrUnable       = errors.New("the model cannot take this")             // an image to a model without sight
	ErrCut          = errors.New("the answer was cut off")                 // the stream ended in the middle
	ErrTimeout      = errors.New("the service did not answer in time")     // set by who watches the stream
	ErrUnreachable  = errors.New("the service could not be reached")       // DNS, dial, TLS, reset before an answer
	ErrRestricted   = errors.New("the provider refuses this sign-in here") // "only authorized for use with …"
)

// Error is a failure of a provider. Its text holds no body of an answer, no URL and no secret, so that it may be
// logged; UserMessage may be shown.
type Error struct {
	Kind       error         // one of the above
	Provider   string        // the provider's name for people: "Anthropic"
	Status     int           // HTTP status; 0: none
	Code       string        // the service's own error code, if it is one of its documented words; else ""
	RetryAfter time.Duration // what the service asked for; 0: it did not say
	Hint       string        // a sentence for people that replaces UserMessage's own
	Err        error         // the cause, for errors.Is; not printed if it may hold a URL
}

// Error implements error.
func (e *Error) Error() string {
	s := e.Provider + ": " + e.Kind.Error()
	if e.Status != 0 {
		s += fmt.Sprintf(" (status %d)", e.Status)
	}
	if e.Code != "" {
		s += " (" + e.Code + ")"
	}
	return s
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
	if e.Hint != "" {
		return e.Hint
	}
	p := e.Provider
	is := func(kind error) bool { return errors.Is(e.Kind, kind) }
	switch {
	case is(ErrUnauthorized):
		return p + " refused the sign-in. Log in again with /login."
	case is(ErrForbidden):
		return p + " does not allow this with the present sign-in: its plan or its rights do not cover it. Try another model with /model, or another account with /login."
	case is(ErrRateLimited):
		if e.RetryAfter > 0 {
			return fmt.Sprintf("%s asks to wait %s. Send it again then, or choose another model with /model.", p, max(e.RetryAfter, time.Second).Round(time.Second))
		}
		return p + " has had too many requests. Send it again in a minute, or choose another model with /model."
	case is(ErrBilling):
		return p + " says that there is no credit left on this account. Top it up, or choose another model with /model."
	case is(ErrOverloaded):
		return p + " is overloaded or failing at the moment. Send it again with /retry, or choose another model with /model."
	case is(ErrTooLong):
		return "This conversation is too long for the model. Begin a new one with /new, or choose a model with a larger window with /model."
	case is(ErrNoModel):
		return p + " does not have this model, or not for this account. Choose another with /model."
	case is(ErrRefused):
		return p + " declined to answer this."
	case is(ErrUnable):
		return "This model cannot take what was sent: it sees no images or files. Choose another with /model."
	case is(ErrCut):
		return "The answer was cut off by " + p + ". Ask again with /retry."
	case is(ErrTimeout):
		return p + " did not answer in time. Ask again with /retry, or choose another model with /model."
	case is(ErrUnreachable):
		return p + " cannot be reached from this host at the moment. Ask again with /retry."
	case is(ErrRestricted):
		return p + " refuses this sign-in in programs other than its own. Use an API key: /login."
	default:
		return p + " did not take the request. Try another model with /model, or begin anew with /new."
	}
}
