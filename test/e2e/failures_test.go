package e2e

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/internal/testpeers"
	"chatgateway/test/program"
)

// speaker is a provider by whose wire format aimock is asked, and how its service tells of each failure: with a status,
// a word and a sentence.
type speaker struct {
	id, path, model string
	refusal         string   // the reason to finish of an answer that was declined
	lacks           []string // what aimock does not do in this format
	fails           map[string]failure
}

type failure struct {
	status     int
	word, text string
}

// kinds are the failures that a service tells of, and what the person is told then.
var kinds = map[string]string{
	"unauthorized": "is no longer valid",
	"limited":      "asks to wait 7s",
	"billing":      "no credit left",
	"overloaded":   "is overloaded or failing",
	"toolong":      "too long for the model",
	"wrong":        "did not take the request",
	"blind":        "This model cannot take what was sent",
}

// streams are the failures of an answer that has begun, or does not begin. aimock makes them alike in all formats.
var streams = map[string]string{
	"refused": "declined to answer this",
	"length":  "limit of its length",
	"cut":     "cut off by",
	"hangs":   "did not answer in time",
	"stalls":  "did not answer in time",
}

var openaiFails = map[string]failure{
	"unauthorized": {401, "invalid_api_key", "Incorrect API key provided."},
	"limited":      {429, "rate_limit_exceeded", "Rate limit reached for requests"},
	"billing":      {429, "insufficient_quota", "You exceeded your current quota, please check your plan and billing details."},
	"overloaded":   {503, "server_error", "The engine is currently overloaded, please try again later"},
	"toolong":      {400, "context_length_exceeded", "Your input exceeds the context window of this model."},
	"wrong":        {400, "invalid_value", "Invalid value."},
	"blind":        {400, "invalid_request_error", "Invalid content type. image_url is not supported by this model."},
}

var speakers = []speaker{
	{"openai", "/v1", "gpt-4.1", "", []string{"refused", "length"}, openaiFails},
	{"groq", "/v1", "some-model", "content_filter", nil, openaiFails},
	{"google", "/v1beta", "gemini-2.5-flash", "content_filter", nil, map[string]failure{
		"unauthorized": {400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."},
		"limited":      {429, "RESOURCE_EXHAUSTED", "Resource has been exhausted."},
		"billing":      {402, "FAILED_PRECONDITION", "Your prepayment credits are depleted."},
		"overloaded":   {503, "UNAVAILABLE", "The model is overloaded. Please try again later."},
		"toolong":      {400, "INVALID_ARGUMENT", "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."},
		"wrong":        {400, "INVALID_ARGUMENT", "Request contains an invalid argument."},
		"blind":        {400, "INVALID_ARGUMENT", "Image input is not enabled for this model."},
	}},
	{"ollama", "", "gemma3", "", []string{"refused", "length"}, map[string]failure{
		"unauthorized": {401, "", "unauthorized"},
		"limited":      {429, "", "too many requests"},
		"billing":      {402, "", "payment required"},
		"overloaded":   {503, "", "server busy, please try again. maximum pending requests exceeded"},
		"toolong":      {400, "", "the prompt is too long: it exceeds the context length"},
		"wrong":        {400, "", "invalid options"},
		"blind":        {500, "", "Failed to create new sequence: this model is missing data required for image input"},
	}},
	{"anthropic", "/v1", "claude-sonnet-4-5", "refusal", nil, map[string]failure{
		"unauthorized": {401, "authentication_error", "invalid x-api-key"},
		"limited":      {429, "rate_limit_error", "This request would exceed your rate limit."},
		"billing":      {400, "invalid_request_error", "Your credit balance is too low to access the API."},
		"overloaded":   {529, "overloaded_error", "Overloaded"},
		"toolong":      {400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"},
		"wrong":        {400, "invalid_request_error", "messages: at least one message is required"},
		"blind":        {400, "invalid_request_error", "This model does not support image input."},
	}},
}

// match is a message with a failure's name and the provider's. aimock lists the models that its fixtures name.
func (s speaker) match(name string) map[string]any {
	return map[string]any{"userMessage": s.id + "-" + name, "model": s.model}
}

// fixtures are what aimock does when a message holds a failure's name and the provider's.
func (s speaker) fixtures() (list []testpeers.Fixture) {
	for name, f := range s.fails {
		list = append(list, testpeers.Fixture{Match: s.match(name), Response: map[string]any{
			"error": map[string]any{"message": f.text + " FAKE-BODY", "type": f.word, "code": f.word}, "status": f.status, "retryAfter": 7}})
	}
	const text = "A first word, and then some more of them, and more."
	says := func(name, finish string) testpeers.Fixture {
		f := testpeers.Says(s.id+"-"+name, text)
		f.Match, f.Pieces = s.match(name), 6
		if finish != "" {
			f.Response["finishReason"] = finish
		}
		return f
	}
	cut, hangs, stalls := says("cut", ""), says("hangs", ""), says("stalls", "")
	cut.Latency, cut.Cut = 20, 8
	hangs.Latency = 60_000
	stalls.Delays = []int{0, 0, 0, 0, 0, 0, 60_000}
	return append(list, says("refused", s.refusal), says("length", "length"), cut, hangs, stalls, says("works", ""))
}

// TestFailuresInEveryFormat: what can go wrong with a model, told in the words of each wire format, is a sentence with
// something to do for the person at the page, and never the service's own words. Each failure has a sign-in of its own,
// so that none is left alone for what another did.
func TestFailuresInEveryFormat(t *testing.T) {
	var fixtures []testpeers.Fixture
	keys := map[string]map[string]string{}
	wants := map[string]string{"works": "and more."}
	maps.Copy(wants, kinds)
	maps.Copy(wants, streams)
	for _, s := range speakers {
		fixtures = append(fixtures, s.fixtures()...)
		for name := range wants {
			keys[s.id+":"+name] = map[string]string{"type": "api_key", "key": "FAKE-" + rand.Text()}
		}
	}
	mock := testpeers.StartAimock(t, nil, fixtures...)
	text := "providers:\n"
	for _, s := range speakers {
		text += fmt.Sprintf("  %s: {base_url: %q, first_token_timeout: 20s, token_timeout: 5s}\n", s.id, mock.URL+s.path)
	}
	p := program.New(t, text)
	data, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(p.Home, "auth"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.Home, "auth", "providers.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	p.Start()
	b := browser{p.Enter()}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for _, s := range speakers {
		for name, want := range wants {
			if slices.Contains(s.lacks, name) {
				continue
			}
			wg.Go(func() {
				if err := s.meets(ctx, b, name, want); err != nil {
					t.Errorf("%s, %s: %v", s.id, name, err)
				}
			})
		}
	}
	wg.Wait()
	if t.Failed() && os.Getenv("CI") == "" {
		t.Log(p.Out.String())
	}
}

// dot is an image of one pixel.
const dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

// meets asks the provider for a failure and looks at what is said then.
func (s speaker) meets(ctx context.Context, b browser, name, want string) error {
	conv := "conversation" + s.id + name
	if err := b.say(ctx, conv, "message-one", fmt.Sprintf("/model %s:%s/%s", s.id, name, s.model)); err != nil {
		return err
	}
	if _, err := b.sees(ctx, conv, func(text string) bool { return strings.Contains(text, "From now on") }); err != nil {
		return err
	}
	question := map[string]any{"c": conv, "id": "message-two", "text": "Please: " + s.id + "-" + name}
	if name == "blind" {
		question["files"] = []map[string]any{{"name": "dot.png", "type": "image/png", "data": dot}}
	}
	var got any
	if err := b.call(ctx, "POST", "/messages", question, &got); err != nil {
		return err
	}
	all, err := b.sees(ctx, conv, func(text string) bool { return !strings.Contains(text, "From now on") })
	if err != nil {
		return err
	}
	last := all[len(all)-1]
	_, begun := streams[name]
	switch {
	case !strings.Contains(last.Text, want):
		return fmt.Errorf("it is told %q, want %q", last.Text, want)
	case strings.Contains(last.Text, "FAKE-BODY"):
		return fmt.Errorf("it is told the service's words: %q", last.Text)
	case begun && name != "hangs" && !strings.Contains(last.Text, "A first"):
		return fmt.Errorf("what was said before is gone: %q", last.Text)
	case name != "works" && name != "length" && len(last.Choices) == 0:
		return fmt.Errorf("there is nothing to do: %q", last.Text)
	}
	return nil
}
