// Package login describes a login as data: what is asked of a person, and the one way to ask it. The flows in
// providerauth are written against Prompter; a chat, a terminal, the web page and the tests each implement it.
package login

import (
	"context"
	"errors"
	"time"

	"chatgateway/internal/secret"
)

// ErrCanceled is returned by a Prompter when the person gave up, and by whatever the prompt was for.
var ErrCanceled = errors.New("canceled")

// ErrExpired is returned by a Prompter when Step.Expires passed without an answer.
var ErrExpired = errors.New("the time for an answer has passed")

// Step is what a login asks of a person, or tells them. Each front end shows it its own way.
type Step struct {
	Text    string    // what to do, in Markdown; one or a few sentences
	URL     string    // page to open; http or https; empty if none
	Label   string    // what the button that opens URL says; empty: "Open"
	Code    string    // what to enter there; shown so that it can be copied
	Field   *Field    // what to send back; nil if nothing
	Choices []Choice  // answers to choose from, for a Field that is no secret; others may still be typed if Field.Free
	Expires time.Time // when the step is over; zero: it does not end by itself
	Done    bool      // the step replaces the one shown before it: the login went on, nothing is open any more
}

// Choice is an answer to choose from: what is shown, and what is sent back.
type Choice struct{ Label, Value string }

// Field is one thing to send back.
type Field struct {
	Name   string             // what it is, for a label: "API key", "Code"
	Secret bool               // never shown, kept or logged; asked only where that can be done
	Free   bool               // with Choices: another text than theirs is an answer too
	Check  func(string) error // says what is wrong with an answer, before it is used; nil: anything goes. Pure and fast.
}

// Prompter shows the steps of a login to one person and brings back their answers.
type Prompter interface {
	// Prompt shows s. With no Field it returns as soon as s is shown. With one, it waits for the answer, asking again,
	// with what Check said, until Check is content. It returns ErrCanceled if the person gives up, ErrExpired after
	// s.Expires, and takes the question back and returns the context's error if ctx ends.
	Prompt(ctx context.Context, s Step) (secret.String, error)
}
