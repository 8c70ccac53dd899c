package discord

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

// Codes of Discord's errors that are decided by: https://docs.discord.com/developers/topics/opcodes-and-status-codes#json.
// testdata/errors.txt says of each that can come what it means.
const (
	codeUnknownChannel     = 10003
	codeUnknownMessage     = 10008
	codeUnknownWebhook     = 10015
	codeUnknownInteraction = 10062
	codeEditsOver          = 30046
	codeAnswered           = 40060
	codeAnswersOver        = 40094
	codeNoAccess           = 50001
	codeNoPermission       = 50013
	codeTokenOver          = 50027
	codeNoHistory          = 160002
	codeThreadThere        = 160004
)

// The codes by what they mean here.
var (
	// losses: the channel, the guild, the message, a channel that shows no messages, an archived or locked thread.
	losses = []int{codeUnknownChannel, 10004, codeUnknownMessage, 40058, codeNoAccess, 50008, 50024, 50083, 160005}
	// absences: nobody has this id, or the bot may not write to them.
	absences = []int{10013, 50007, 50033, 50278}
	// setups: permissions, levels of verification, a second factor, uploads that the guild limits.
	setups = []int{40002, 50009, codeNoPermission, 50026, 60003, 400001}
	// inabilities: too many edits of something old, a direct conversation, another's message, a message of Discord's.
	inabilities = []int{codeEditsOver, 50003, 50005, 50021}
	// refusals are for what a message holds: it will not be taken the next time either.
	refusals = []int{20009, 50006, 50035, 50046, 50110, 50123, 200000, 240000}
	sizes    = []int{40005, 50045}
	// delays: slow mode, limits of writing and of opening conversations, what is switched off for a while or overloaded.
	delays = []int{20016, 20022, 20028, 20029, 40003, 40004, 40006, 40062, 110001, 130000}
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
		return e.status == http.StatusUnauthorized && e.code != codeTokenOver
	case channels.ErrGone:
		return slices.Contains(losses, e.code) || slices.Contains(absences, e.code) || e.status == http.StatusNotFound && e.code == 0
	case channels.ErrSetup:
		return slices.Contains(setups, e.code)
	case errors.ErrUnsupported:
		return slices.Contains(inabilities, e.code) || e.forContent()
	}
	return false
}

// forContent reports whether Discord does not take a message for what it holds.
func (e *apiError) forContent() bool {
	return slices.Contains(refusals, e.code) && slices.Contains([]string{doSend, doEdit, doAnswer}, e.what)
}

// passing reports whether it may be otherwise in a moment.
func (e *apiError) passing() bool { return e.status >= 500 || slices.Contains(delays, e.code) }

// UserMessage says it to a person.
func (e *apiError) UserMessage() string {
	switch {
	case errors.Is(e, channels.ErrRejected):
		return badToken
	case e.code == codeNoPermission || e.code == codeNoAccess:
		return "The bot lacks a permission in this Discord channel; `gateway channels test discord` names it."
	case slices.Contains(absences, e.code):
		return "Discord does not let the bot write to you; allow direct messages from this server's members, and try again."
	case slices.Contains(sizes, e.code) || e.status == http.StatusRequestEntityTooLarge:
		return "The file is larger than Discord takes here; send a smaller one."
	case e.forContent():
		return "Discord does not take this text or its buttons."
	case slices.Contains(losses, e.code):
		return "That Discord channel or thread is gone, or takes no messages."
	case errors.Is(e, channels.ErrSetup):
		return "This Discord server does not let the bot do that; ask one who runs it."
	case e.passing():
		return "Discord has trouble at the moment; try again in a minute."
	}
	return "Discord did not take the message; try again, and look at the gateway's log if it stays so."
}

// is reports whether err is an answer of Discord's with one of the codes.
func is(err error, codes ...int) bool {
	var e *apiError
	return errors.As(err, &e) && slices.Contains(codes, e.code)
}

// state is why the account cannot work as it is; err is ErrRejected or ErrSetup.
func state(text string, err error) error {
	return &adapter.State{Service: "discord", Text: text, Err: err}
}

// unsupported says what Discord cannot do here.
func unsupported(what string) error {
	return fmt.Errorf("discord: %s: %w", what, errors.ErrUnsupported)
}
