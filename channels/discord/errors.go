package discord

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"chatgateway/channels"
)

// Codes of Discord's errors that are decided by: https://docs.discord.com/developers/topics/opcodes-and-status-codes#json.
const (
	codeUnknownChannel     = 10003
	codeUnknownGuild       = 10004
	codeUnknownMessage     = 10008
	codeUnknownWebhook     = 10015
	codeUnknownInteraction = 10062
	codeExplicit           = 20009
	codeTooLarge           = 40005
	codeAnswered           = 40060
	codeNoAccess           = 50001
	codeNotInDM            = 50003
	codeNotYours           = 50005
	codeEmpty              = 50006
	codeNoMessages         = 50007
	codeNoPermission       = 50013
	codeTokenOver          = 50027
	codeInvalidForm        = 50035
	codeArchived           = 50083
	codeThreadThere        = 160004
	codeThreadLocked       = 160005
	codeAutoMod            = 200000
	codeHarmfulLink        = 240000
)

// What is being done where a message is shown.
const (
	doSend   = "send"
	doEdit   = "edit"
	doAnswer = "answer"
)

const badToken = "Discord refuses the bot token; set a new one from " + portal + ", page Bot."

// apiError is an answer of Discord's that is no success. Its texts hold no address and no body.
type apiError struct {
	what    string // what was being done
	status  int
	code    int // Discord's own; 0: none
	message string
}

// Error implements error.
func (e *apiError) Error() string {
	s := fmt.Sprintf("discord: %s: %d %s", e.what, e.status, http.StatusText(e.status))
	if e.message != "" {
		s += fmt.Sprintf(": %s (%d)", e.message, e.code)
	}
	return s
}

// Is tells which of the errors that the core decides by it is.
func (e *apiError) Is(target error) bool {
	switch target {
	case channels.ErrRejected:
		return e.status == http.StatusUnauthorized
	case channels.ErrGone:
		switch e.code {
		case codeUnknownChannel, codeUnknownGuild, codeNoAccess, codeNoMessages, codeArchived, codeThreadLocked:
			return true
		}
		return e.status == http.StatusNotFound && e.code == 0
	case channels.ErrSetup:
		return e.code == codeNoPermission
	case errors.ErrUnsupported:
		return e.code == codeNotInDM || e.code == codeNotYours || e.forContent()
	}
	return false
}

// forContent reports whether Discord does not take a message for what it holds: it will not take it the next time either.
func (e *apiError) forContent() bool {
	if e.status != http.StatusBadRequest || !slices.Contains([]string{doSend, doEdit, doAnswer}, e.what) {
		return false
	}
	switch e.code {
	case codeInvalidForm, codeEmpty, codeExplicit, codeAutoMod, codeHarmfulLink:
		return true
	}
	return false
}

// UserMessage says it to a person.
func (e *apiError) UserMessage() string {
	switch {
	case e.status == http.StatusUnauthorized:
		return badToken
	case e.code == codeNoPermission || e.code == codeNoAccess:
		return "The bot lacks a permission in this Discord channel; `gateway channels test discord` names it."
	case e.code == codeNoMessages:
		return "Discord does not let the bot write to you; allow direct messages from this server's members, and try again."
	case e.code == codeTooLarge || e.status == http.StatusRequestEntityTooLarge:
		return "The file is larger than Discord takes here; send a smaller one."
	case e.forContent():
		return "Discord does not take this text or its buttons."
	case e.status >= 500:
		return "Discord has trouble at the moment; try again in a minute."
	}
	return "Discord did not take the message; try again, and look at the gateway's log if it stays so."
}

// is reports whether err is an answer of Discord's with one of the codes.
func is(err error, codes ...int) bool {
	var e *apiError
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range codes {
		if e.code == c {
			return true
		}
	}
	return false
}

// stateError is why the account cannot work as it is.
type stateError struct {
	text string
	err  error // ErrRejected or ErrSetup
}

// Error implements error.
func (e *stateError) Error() string { return "discord: " + e.text }

// Unwrap gives what the core decides by.
func (e *stateError) Unwrap() error { return e.err }

// UserMessage says it to a person.
func (e *stateError) UserMessage() string { return e.text }

// unsupported says what Discord cannot do here.
func unsupported(what string) error {
	return fmt.Errorf("discord: %s: %w", what, errors.ErrUnsupported)
}
