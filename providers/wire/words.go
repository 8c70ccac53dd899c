package wire

import "chatgateway/providers"

// words are the services' documented error codes that say more than the status does. nil: known, and the status or the
// text decides.
var words = map[string]error{
	// OpenAI and what is compatible with it
	"invalid_api_key":                      providers.ErrUnauthorized,
	"incorrect_api_key":                    providers.ErrUnauthorized,
	"account_deactivated":                  providers.ErrUnauthorized,
	"token_expired":                        providers.ErrUnauthorized,
	"insufficient_quota":                   providers.ErrBilling,
	"billing_hard_limit_reached":           providers.ErrBilling,
	"billing_not_active":                   providers.ErrBilling,
	"insufficient_balance":                 providers.ErrBilling,
	"exceeded_current_quota_error":         providers.ErrBilling, // Moonshot
	"usage_limit_reached":                  providers.ErrRateLimited,
	"rate_limit_exceeded":                  nil, // 413 too: a request larger than the limit
	"context_length_exceeded":              providers.ErrTooLong,
	"string_above_max_length":              providers.ErrTooLong,
	"model_not_found":                      providers.ErrNoModel,
	"model_not_supported":                  providers.ErrNoModel,
	"model_not_available":                  providers.ErrNoModel,
	"DeploymentNotFound":                   providers.ErrNoModel, // Azure
	"content_policy_violation":             providers.ErrRefused,
	"content_filter":                       providers.ErrRefused,
	"data_inspection_failed":               providers.ErrRefused, // DashScope
	"unsupported_country_region_territory": providers.ErrForbidden,
	"server_error":                         providers.ErrOverloaded,
	"server_overloaded":                    providers.ErrOverloaded,
	"engine_overloaded_error":              providers.ErrOverloaded, // Moonshot
	"slow_down":                            providers.ErrRateLimited,
	// Anthropic
	"billing_error":     providers.ErrBilling,
	"request_too_large": providers.ErrTooLong,
	"overloaded_error":  providers.ErrOverloaded,
	// Google
	"UNAUTHENTICATED":     providers.ErrUnauthorized,
	"PERMISSION_DENIED":   providers.ErrForbidden,
	"RESOURCE_EXHAUSTED":  providers.ErrRateLimited,
	"UNAVAILABLE":         providers.ErrOverloaded,
	"DEADLINE_EXCEEDED":   providers.ErrOverloaded,
	"INTERNAL":            nil, // a prompt that is too long is one of them
	"NOT_FOUND":           providers.ErrNoModel,
	"INVALID_ARGUMENT":    nil,
	"FAILED_PRECONDITION": nil,
}

// types are broader words, for when neither code, text nor status tells: failures inside a stream.
var types = map[string]error{
	"authentication_error":         providers.ErrUnauthorized,
	"invalid_authentication_error": providers.ErrUnauthorized,
	"permission_error":             providers.ErrForbidden,
	"permission_denied_error":      providers.ErrForbidden,
	"not_found_error":              providers.ErrNoModel,
	"resource_not_found_error":     providers.ErrNoModel,
	"rate_limit_error":             providers.ErrRateLimited,
	"rate_limit_reached_error":     providers.ErrRateLimited,
	"rate_limit_exceeded":          providers.ErrRateLimited,
	"too_many_requests":            providers.ErrRateLimited,
	"timeout_error":                providers.ErrOverloaded,
	"api_error":                    providers.ErrOverloaded,
	"internal_server_error":        providers.ErrOverloaded,
	"service_unavailable":          providers.ErrOverloaded,
	"invalid_request_error":        providers.ErrBadRequest,
	"invalid_prompt":               providers.ErrBadRequest,
}

// restricted are the texts by which a provider refuses a sign-in outside its own programs.
var restricted = []string{
	"only authorized for use with claude code",
	"oauth authentication is currently not supported",
	"oauth authentication is currently not allowed",
	"only available for coding agents", // Kimi Code
}

// rules are read in this order. All texts are in lower case.
var rules = []struct {
	kind  error
	texts []string
}{
	{providers.ErrBilling, []string{
		"credit balance is too low", "insufficient balance", "insufficient_balance", "out of extra usage", "third-party apps now draw from your extra usage",
		"used all available credits", "monthly spending limit", "insufficient credits", "credits are depleted", "payment required", "account is not active, please check your billing",
		"requires more credits", "exceeded your monthly included credits", "balance is insufficient", "no resource package",
	}},
	{providers.ErrTooLong, []string{
		"prompt is too long", "maximum context length", "context_length_exceeded", "context window", "context length", "exceed context limit",
		"input token count", "exceeds the maximum number of tokens", "reduce the length of the messages", "input is too long",
		"request too large for", "prompt exceeds", "maximum prompt length", "exceeds the available context size", "model's maximum context",
		"exceeded model token limit", "exceeds the context", "range of input length should be",
	}},
	{providers.ErrUnable, []string{
		"does not support image", "doesn't support image", "not support image", "image input is not", "image inputs are not", "support image input", "images are not supported", "image_url is not supported",
		"unknown variant `image_url`", "does not support vision", "not a multimodal model", "missing data required for image input", "at most 0 image", "does not support file", "does not support tools",
		"no endpoints found that support image", "no endpoints found that support tool use",
	}},
	{providers.ErrUnauthorized, []string{
		"api key not valid", "api_key_invalid", "incorrect api key", "invalid api key", "invalid x-api-key", "api key expired", "invalid_api_key", "api key is invalid", "token is invalid",
	}},
	{providers.ErrNoModel, []string{
		"model not found", "is not a valid model", "not a valid model id", "unknown model", "model does not exist", "invalid model", "no such model", "model_not_found", "does not have access to model",
		"is not found for api version", "model is not supported", "try pulling it first",
	}},
	{providers.ErrRefused, []string{"content management policy", "content_filter", "flagged for moderation", "violating our usage policy", "requires moderation"}},
}
