package wire

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"chatgateway/providers"
)

func TestFailure(t *testing.T) {
	s := &Service{Name: "Service", Words: map[string]error{"1113": providers.ErrBilling}}
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   error
		code   string
	}{
		{"openai key", 401, `{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","code":"invalid_api_key"}}`, providers.ErrUnauthorized, "invalid_api_key"},
		{"openai quota", 429, `{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}`, providers.ErrBilling, "insufficient_quota"},
		{"openai rate", 429, `{"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}}`, providers.ErrRateLimited, "rate_limit_exceeded"},
		{"openai request larger than the limit", 429, `{"error":{"message":"Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000.","type":"tokens","code":"rate_limit_exceeded"}}`, providers.ErrTooLong, "rate_limit_exceeded"},
		{"groq request larger than the limit", 413, `{"error":{"message":"Request too large for model","type":"tokens","code":"rate_limit_exceeded"}}`, providers.ErrTooLong, "rate_limit_exceeded"},
		{"openai long", 400, `{"error":{"message":"x","type":"invalid_request_error","code":"context_length_exceeded"}}`, providers.ErrTooLong, "context_length_exceeded"},
		{"openai model", 404, `{"error":{"message":"The model does not exist","code":"model_not_found"}}`, providers.ErrNoModel, "model_not_found"},
		{"openai project key without the model", 403, `{"error":{"message":"Project does not have access to model gpt-9","type":"invalid_request_error","code":"model_not_found"}}`, providers.ErrNoModel, "model_not_found"},
		{"anthropic restricted", 400, `{"type":"error","error":{"type":"invalid_request_error","message":"This credential is only authorized for use with Claude Code and cannot be used for other API requests."}}`, providers.ErrRestricted, "invalid_request_error"},
		{"anthropic third party", 400, `{"type":"error","error":{"type":"invalid_request_error","message":"Third-party apps now draw from your extra usage, not your plan limits."}}`, providers.ErrBilling, "invalid_request_error"},
		{"anthropic credit", 400, `{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}`, providers.ErrBilling, "invalid_request_error"},
		{"anthropic long", 400, `{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}`, providers.ErrTooLong, "invalid_request_error"},
		{"anthropic large", 413, `{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}`, providers.ErrTooLong, "request_too_large"},
		{"anthropic overloaded", 529, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, providers.ErrOverloaded, "overloaded_error"},
		{"anthropic billing", 402, `{"type":"error","error":{"type":"billing_error","message":"x"}}`, providers.ErrBilling, "billing_error"},
		{"anthropic in stream", 200, `{"type":"error","error":{"type":"rate_limit_error","message":"x"}}`, providers.ErrRateLimited, "rate_limit_error"},
		{"google key", 400, `{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}`, providers.ErrUnauthorized, "INVALID_ARGUMENT"},
		{"google quota is a rate", 429, `{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED"}}`, providers.ErrRateLimited, "RESOURCE_EXHAUSTED"},
		{"google long", 400, `{"error":{"code":400,"message":"The input token count exceeds the maximum number of tokens allowed 1048576.","status":"INVALID_ARGUMENT"}}`, providers.ErrTooLong, "INVALID_ARGUMENT"},
		{"google list", 400, `[{"error":{"code":400,"message":"API key expired.","status":"INVALID_ARGUMENT"}}]`, providers.ErrUnauthorized, "INVALID_ARGUMENT"},
		{"xai key", 400, `{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xa***ey."}`, providers.ErrUnauthorized, ""},
		{"xai credit", 403, `{"code":"The caller does not have permission","error":"Your team has used all available credits or reached its monthly spending limit."}`, providers.ErrBilling, ""},
		{"openrouter in stream", 200, `{"error":{"code":502,"message":"Provider disconnected"}}`, providers.ErrOverloaded, ""},
		{"openrouter credit", 402, `{"error":{"code":402,"message":"Insufficient credits"}}`, providers.ErrBilling, ""},
		{"openrouter sight", 404, `{"error":{"code":404,"message":"No endpoints found that support image input"}}`, providers.ErrUnable, ""},
		{"deepseek credit", 402, `{"error":{"message":"Insufficient Balance","type":"unknown_error"}}`, providers.ErrBilling, ""},
		{"deepseek sight", 400, "{\"error\":{\"message\":\"Failed to deserialize: messages[0]: unknown variant `image_url`, expected `text`\"}}", providers.ErrUnable, ""},
		{"mistral", 401, `{"detail":"Unauthorized"}`, providers.ErrUnauthorized, ""},
		{"mistral validation", 422, `{"object":"error","message":{"detail":[{"type":"extra_forbidden"}]},"type":"invalid_request_error"}`, providers.ErrBadRequest, "invalid_request_error"},
		{"zai credit", 429, `{"error":{"code":"1113","message":"Insufficient balance or no resource package. Please recharge."}}`, providers.ErrBilling, "1113"},
		{"minimax in a 200", 200, `{"base_resp":{"status_code":1113,"status_msg":"x"}}`, providers.ErrBilling, "1113"},
		{"moonshot", 429, `{"error":{"message":"Your account is suspended","type":"exceeded_current_quota_error"}}`, providers.ErrBilling, "exceeded_current_quota_error"},
		{"ollama long", 400, `{"error":"the prompt is longer than the context length currently available to the model"}`, providers.ErrTooLong, ""},
		{"ollama model", 404, `{"error":"model 'x' not found"}`, providers.ErrNoModel, ""},
		{"lm studio long", 400, `{"error":"The number of tokens to keep from the initial prompt is greater than the context length"}`, providers.ErrTooLong, ""},
		{"llama.cpp long", 400, `{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error"}}`, providers.ErrTooLong, ""},
		{"bedrock throttles", 429, `{"message":"Too many tokens, please wait before trying again."}`, providers.ErrRateLimited, ""},
		{"azure filter", 400, `{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","code":"content_filter","status":400}}`, providers.ErrRefused, "content_filter"},
		{"responses in stream", 200, `{"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded","message":"x"}}}`, providers.ErrRateLimited, "rate_limit_exceeded"},
		{"a page", 502, `<html>Bad gateway</html>`, providers.ErrOverloaded, ""},
		{"nothing", 500, ``, providers.ErrOverloaded, ""},
		{"nothing in stream", 200, ``, providers.ErrOverloaded, ""},
		{"redirect", 307, ``, providers.ErrBadRequest, ""},
		{"teapot", 418, `{}`, providers.ErrBadRequest, ""},
		{"unknown code", 400, `{"error":{"code":"CANARY","type":"CANARY","message":"CANARY"}}`, providers.ErrBadRequest, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := s.Failure(c.status, nil, []byte(c.body))
			if !errors.Is(e, c.want) || e.Code != c.code {
				t.Errorf("got %v with code %q, want %v with %q", e.Kind, e.Code, c.want, c.code)
			}
			if all := e.Error() + e.UserMessage(); strings.Contains(strings.ToLower(all), "canary") {
				t.Errorf("the body is told: %s", all)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		key, value string
		want       time.Duration
	}{
		{"Retry-After", "7", 7 * time.Second},
		{"Retry-After", "0.5", 500 * time.Millisecond},
		{"Retry-After", "Sun, 01 Nov 2026 12:01:00 GMT", time.Minute},
		{"Retry-After", "Sun, 01 Nov 2026 11:00:00 GMT", 0},
		{"Retry-After", "soon", 0},
		{"Retry-After", "-5", 0},
		{"Retry-After", "NaN", 0},
		{"Retry-After", "Inf", 24 * time.Hour},
		{"Retry-After", "1e99", 24 * time.Hour},
		{"Retry-After-Ms", "1500", 1500 * time.Millisecond},
		{"Retry-After-Ms", "1e300", 24 * time.Hour},
	} {
		if got := retryAfter(http.Header{c.key: {c.value}}, now); got != c.want {
			t.Errorf("%s: %s = %s, want %s", c.key, c.value, got, c.want)
		}
	}
	if got := retryAfter(http.Header{"Retry-After-Ms": {"250"}, "Retry-After": {"1"}}, now); got != 250*time.Millisecond {
		t.Errorf("got %s, want the milliseconds", got)
	}
}

// FuzzFailure checks that no body makes it fail, and that none is told.
func FuzzFailure(f *testing.F) {
	f.Add(400, `{"error":{"message":"m","code":1}}`)
	f.Add(200, `[{"error":"x"}]`)
	f.Add(429, `{"response":{"error":{"code":"rate_limit_exceeded"}},"details":[{"@type":"google.rpc.RetryInfo","retryDelay":"-3s"}]}`)
	s := &Service{Name: "Service"}
	f.Fuzz(func(t *testing.T, status int, body string) {
		e := s.Failure(status, nil, []byte(body))
		if e.Kind == nil || e.RetryAfter < 0 {
			t.Errorf("got %+v", e)
		}
		if _, ok := s.word(e.Code); e.Code != "" && !ok {
			t.Errorf("the code %q is no known word", e.Code)
		}
		_ = looksFailed([]byte(body))
	})
}
