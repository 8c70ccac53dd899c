package providerauth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// What an OAuthError was doing.
const (
	doSignIn = "sign in"
	doRenew  = "renew"
	doRevoke = "revoke"
)

// OAuthError is a failure of an authorization server. It holds no body, no address and no secret, so that it may be
// logged; UserMessage may be shown.
type OAuthError struct {
	Name       string        // the provider's, for people
	Doing      string        // "sign in", "renew", "revoke"
	Status     int           // HTTP status; 0: no answer came
	Code       string        // the server's error code, if it is a word that is known; else ""
	RetryAfter time.Duration // what the server asked for
	Unsent     bool          // it was not even sent: Err says what is not set up
	Cut        bool          // an answer came, and could not be read: it broke off, or it is no answer to this
	Dead       bool          // the refresh token is refused for good; the error wraps ErrNeedsLogin
	Err        error         // the cause, without the address
}

// Error implements error.
func (e *OAuthError) Error() string { return e.Name + ": " + e.Doing + ": " + e.Reason() }

// Reason says why, as the end of a sentence.
func (e *OAuthError) Reason() string {
	switch {
	case e.Unsent && e.Err != nil:
		return e.Err.Error()
	case errors.Is(e.Err, context.DeadlineExceeded):
		return "its sign-in server did not answer in time"
	case errors.Is(e.Err, context.Canceled):
		return "it was canceled"
	case e.Cut:
		return "the answer of its sign-in server broke off or could not be read"
	case e.Status == 0:
		return "its sign-in server cannot be reached from this host"
	case e.Code != "":
		return fmt.Sprintf("its sign-in server answered %s (status %d)", e.Code, e.Status)
	default:
		return fmt.Sprintf("its sign-in server answered with status %d", e.Status)
	}
}

// Unwrap gives the cause.
func (e *OAuthError) Unwrap() []error {
	var errs []error
	if e.Dead {
		errs = append(errs, ErrNeedsLogin)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// UserMessage says what happened and what to do next.
func (e *OAuthError) UserMessage() string {
	if e.Doing == doRevoke {
		return e.Name + " did not end the sign-in on its side: " + e.Reason() + ". End it in your account's settings there."
	}
	switch e.Code {
	case "access_denied", "authorization_declined":
		return "The sign-in was declined on the page of " + e.Name + ". Begin again with /login if that was not meant."
	case "expired_token":
		return "The code has run out. Begin again with /login."
	case "invalid_grant", "bad_verification_code":
		return e.Name + " did not take the code: it was used before, is too old, or is not whole. Begin again with /login."
	case "invalid_client", "unauthorized_client", "incorrect_client_credentials":
		return e.Name + " does not know this gateway's client id, or does not allow it this. Check the sign-in settings in config.yaml, or use an API key: /login."
	case "invalid_scope":
		return e.Name + " does not give one of the rights that are asked for. Check the scopes in config.yaml, or use an API key: /login."
	case "device_flow_disabled":
		return e.Name + " has the sign-in by code switched off for this client or account. Switch it on there, or choose another way with /login."
	}
	if e.Status/100 == 4 && e.Status != http.StatusTooManyRequests {
		return e.Name + " did not take the sign-in: " + e.Reason() + ". Begin again with /login, or choose another way there."
	}
	return "The sign-in to " + e.Name + " did not work just now: " + e.Reason() + ". Nothing was changed. Begin again with /login in a moment."
}

// deadCodes end a refresh token for good. Anything else may pass.
var deadCodes = []string{
	"invalid_grant", "refresh_token_expired", "refresh_token_reused", "refresh_token_invalidated", "token_revoked",
	"invalid_refresh_token", "token_expired_or_invalid",
}

// knownCodes are the words that may be shown: others may hold what was sent.
var knownCodes = slices.Concat(deadCodes, []string{
	"invalid_request", "invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
	"access_denied", "unsupported_response_type", "server_error", "temporarily_unavailable", "authorization_pending",
	"slow_down", "expired_token", "authorization_declined", "bad_verification_code", "incorrect_client_credentials",
	"incorrect_device_code", "device_flow_disabled", "unsupported_token_type", "rate_limit_error", "interaction_required",
	"login_required", "consent_required", "invalid_token",
})

func known(code string) string {
	if slices.Contains(knownCodes, code) {
		return code
	}
	return ""
}

// errorCode finds the code in an answer: "error" is a string by the standard, and an object with some.
func errorCode(m map[string]any) string {
	switch e := m["error"].(type) {
	case string:
		return e
	case map[string]any:
		for _, k := range []string{"code", "type", "error"} {
			if s, ok := e[k].(string); ok && s != "" {
				return s
			}
		}
		return "error"
	}
	return ""
}

// Claims reads the claims of a JWT without checking its signature: for hints, never for a decision about rights. nil
// if it is none.
func Claims(jwt string) map[string]any {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return nil
	}
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return nil
	}
	var m map[string]any
	if json.Unmarshal(data, &m) != nil {
		return nil
	}
	return m
}
