package slack

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

// Slack's names of errors, by what they mean here. Each method's page lists its own and those of all methods:
// https://docs.slack.dev/reference/methods/chat.postMessage#errors. The addresses that answer commands and presses have
// the errors of https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors.
// testdata/errors.txt holds them all.
var (
	rejections = []string{"invalid_auth", "account_inactive", "token_revoked", "token_expired", "not_authed", "not_allowed_token_type"}
	// setups are for what somebody can change: the app's owner, or an admin of the workspace.
	setups = []string{"missing_scope", "no_permission", "restricted_action", "restricted_action_thread_only_channel", "restricted_action_read_only_channel",
		"restricted_action_non_threadable_channel", "team_access_not_granted", "messages_tab_disabled", "access_denied", "ekm_access_denied", "accesslimited",
		"enterprise_is_restricted", "two_factor_setup_required", "message_limit_exceeded", "forbidden_team", "posting_to_channel_denied",
		"posting_to_general_channel_denied", "action_prohibited", "file_uploads_disabled", "storage_limit_reached", "not_visible", "template_not_visible",
		"canvas_globally_disabled", "canvas_disabled_user_team", "canvas_disabled_file_team"}
	losses = []string{"channel_not_found", "not_in_channel", "is_archived", "channel_is_archived", "message_not_found", "not_in_dm", "is_inactive", "team_not_found",
		"invalid_channel", "channel_is_limited_access", "app_cannot_join_channel"}
	// closings are losses of a thread, absences of a person.
	closings = []string{"thread_not_found", "restricted_action_thread_locked", "cannot_reply_to_message", "invalid_thread_ts"}
	absences = []string{"user_not_found", "users_not_found", "user_disabled", "user_not_visible", "cannot_dm_bot", "invalid_user_combination"}
	// inabilities are for what cannot be done here, or not any more; something else may do.
	inabilities = []string{"cant_update_message", "cant_delete_message", "edit_window_closed", "block_mismatch", "compliance_exports_prevent_deletion",
		"method_not_supported_for_channel_type", "channel_type_not_supported", "user_not_in_channel", "expired_url", "used_url", "no_service", "no_service_id",
		"no_active_hooks", "no_team", "team_disabled", "invalid_token", "expired_trigger_id", "trigger_expired", "invalid_trigger_id", "exchanged_trigger_id",
		"missing_recipient_team_id", "missing_recipient_user_id", "message_not_in_streaming_state", "streaming_state_conflict", "is_bot", "method_deprecated", "deprecated_endpoint", "unknown_method"}
	// refusals are for what a message or a form holds: it will not be taken the next time either.
	refusals = []string{"no_text", "msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format", "invalid_attachments", "too_many_attachments",
		"attachment_payload_limit_exceeded", "too_many_contact_cards", "invalid_arguments", "invalid_payload", "view_too_large",
		"slack_connect_file_link_sharing_blocked", "slack_connect_canvas_sharing_blocked", "slack_connect_lists_sharing_blocked"}
	troubles = []string{"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org", "org_login_required", "rollup_error",
		"messaging_processing_failed", "update_failed", "external_channel_migrating", "file_update_failed"}
	// limits are refusals for a while. Mostly they come as a 429 with a time; these have none.
	limits = []string{"ratelimited", "rate_limited"}
)

const fileTooLarge = "file_upload_size_restricted"

// apiError is an answer of Slack's that is no success, or none at all. Its texts hold no address and no body.
type apiError struct {
	what   string // what was being done
	code   string // Slack's name for it; empty: there was none
	needed string // the scopes that are missing
	status int    // of HTTP, where that was the answer
	err    error  // on the way
}

// Error implements error.
func (e *apiError) Error() string {
	switch {
	case e.err != nil:
		return fmt.Sprintf("slack: %s: %v", e.what, e.err)
	case e.code == "":
		return fmt.Sprintf("slack: %s: %d %s", e.what, e.status, http.StatusText(e.status))
	case e.needed != "":
		return fmt.Sprintf("slack: %s: %s (%s)", e.what, adapter.Clip(e.code, 100), adapter.Clip(e.needed, 200))
	}
	return fmt.Sprintf("slack: %s: %s", e.what, adapter.Clip(e.code, 100))
}

// Unwrap gives what went wrong on the way.
func (e *apiError) Unwrap() error { return e.err }

// Is tells which of the errors that the core decides by it is.
func (e *apiError) Is(target error) bool {
	switch target {
	case channels.ErrRejected:
		return slices.Contains(rejections, e.code) || e.status == http.StatusUnauthorized
	case channels.ErrSetup:
		return slices.Contains(setups, e.code)
	case channels.ErrGone:
		return slices.Contains(losses, e.code) || slices.Contains(closings, e.code) || slices.Contains(absences, e.code)
	case errors.ErrUnsupported:
		return slices.Contains(inabilities, e.code) || slices.Contains(refusals, e.code)
	}
	return false
}

// UserMessage says it to a person.
func (e *apiError) UserMessage() string {
	switch {
	case e.code == "not_allowed_token_type":
		return "Slack wants the other kind of token: bot_token begins with xoxb-, app_token with xapp-; set both with `gateway channels set slack`."
	case errors.Is(e, channels.ErrRejected):
		return "Slack refuses the token (" + e.why() + "); copy both anew from " + portal + " and set them with `gateway channels set slack`."
	case e.code == "missing_scope":
		return "The Slack app lacks the scope " + e.scopes() + "; add it at " + portal + ", OAuth & Permissions, and install the app again."
	case e.code == "messages_tab_disabled":
		return "The Slack app does not take direct messages; switch the Messages Tab on at " + portal + ", App Home."
	case e.code == "not_in_channel":
		return "The bot is not in that Slack channel; invite it with /invite."
	case slices.Contains(closings, e.code):
		return "That Slack thread takes no more answers (" + e.why() + "); write to the bot outside of it."
	case slices.Contains(absences, e.code):
		return "Slack does not let the bot write to that person (" + e.why() + ")."
	case errors.Is(e, channels.ErrGone):
		return "That Slack conversation is gone, or the bot was removed from it; invite the bot again."
	case errors.Is(e, channels.ErrSetup):
		return "This Slack workspace does not let the app do that (" + e.why() + "); ask an admin of the workspace."
	case slices.Contains(refusals, e.code):
		return "Slack does not take this text or its buttons (" + e.why() + ")."
	case e.code == fileTooLarge:
		return "The file is larger than this Slack workspace takes; send a smaller one."
	case e.passing():
		return "Slack has trouble at the moment; try again in a minute."
	}
	return "Slack did not take that (" + e.why() + "); try again, and look at the gateway's log if it stays so."
}

func (e *apiError) why() string {
	if e.code == "" {
		return fmt.Sprint(e.status)
	}
	return adapter.Clip(e.code, 60)
}

func (e *apiError) scopes() string {
	if e.needed == "" {
		return "that this needs"
	}
	return adapter.Clip(e.needed, 200)
}

// passing reports whether it may be otherwise in a moment: trouble at Slack's side, or on the way.
func (e *apiError) passing() bool {
	late := e.status >= 500 || e.status == http.StatusRequestTimeout || e.status == http.StatusTooManyRequests
	return e.err != nil || e.code == "" && late || slices.Contains(troubles, e.code) || slices.Contains(limits, e.code)
}

// is reports whether err is an answer of Slack's with one of the names.
func is(err error, codes ...string) bool {
	var e *apiError
	return errors.As(err, &e) && slices.Contains(codes, e.code)
}

// unsure reports whether err leaves open if the request was carried out.
func unsure(err error) bool {
	var e *apiError
	return errors.As(err, &e) && e.passing()
}

// state is why the account cannot work as it is; err is ErrRejected or ErrSetup, or nil where it may pass.
func state(text string, err error) error {
	return &adapter.State{Service: "slack", Text: text, Err: err}
}

// unsupported says what Slack cannot do here.
func unsupported(what string) error {
	return fmt.Errorf("slack: %s: %w", what, errors.ErrUnsupported)
}
