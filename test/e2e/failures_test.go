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

// speaker is a provider by whose wire format aimock is asked.
type speaker struct {
	id, path, model string
	format          format
	refusal         string   // the reason to finish of an answer that was declined
	lacks           []string // what aimock does not do in this format
}

var speakers = []speaker{
	{"openai", "/v1", "gpt-4.1", openai, "", []string{"refused", "length"}},
	{"groq", "/v1", "some-model", openai, "content_filter", nil},
	{"google", "/v1beta", "gemini-2.5-flash", google, "content_filter", nil},
	{"ollama", "", "gemma3", ollama, "", []string{"refused", "length"}},
	{"anthropic", "/v1", "claude-sonnet-4-5", anthropic, "refusal", nil},
}

type format int

const (
	openai format = iota
	google
	ollama
	anthropic
	formats
)

// kind is a failure that a service tells of: what the person is told then, and how each format says it, with a status, a
// word and a sentence.
type kind struct {
	want string
	told [formats]failure
}

type failure struct {
	status     int
	word, text string
}

var kinds = map[string]kind{
	"unauthorized": {"is no longer valid", [...]failure{
		{401, "invalid_api_key", "Incorrect API key provided."},
		{400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."},
		{401, "", "unauthorized"},
		{401, "authentication_error", "invalid x-api-key"},
	}},
	"limited": {"asks to wait 7s", [...]failure{
		{429, "rate_limit_exceeded", "Rate limit reached for requests"},
		{429, "RESOURCE_EXHAUSTED", "Resource has been exhausted."},
		{429, "", "too many requests"},
		{429, "rate_limit_error", "This request would exceed your rate limit."},
	}},
	"billing": {"no credit left", [...]failure{
		{429, "insufficient_quota", "You exceeded your current quota, please check your plan and billing details."},
		{402, "FAILED_PRECONDITION", "Your prepayment credits are depleted."},
		{402, "", "payment required"},
		{400, "invalid_request_error", "Your credit balance is too low to access the API."},
	}},
	"overloaded": {"is overloaded or failing", [...]failure{
		{503, "server_error", "The engine is currently overloaded, please try again later"},
		{503, "UNAVAILABLE", "The model is overloaded. Please try again later."},
		{503, "", "server busy, please try again. maximum pending requests exceeded"},
		{529, "overloaded_error", "Overloaded"},
	}},
	"toolong": {"too long for the model", [...]failure{
		{400, "context_length_exceeded", "Your input exceeds the context window of this model."},
		{400, "INVALID_ARGUMENT", "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."},
		{400, "", "the prompt is too long: it exceeds the context length"},
		{400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"},
	}},
	"wrong": {"did not take the request", [...]failure{
		{400, "invalid_value", "Invalid value."},
		{400, "INVALID_ARGUMENT", "Request contains an invalid argument."},
		{400, "", "invalid options"},
		{400, "invalid_request_error", "messages: at least one message is required"},
	}},
	"blind": {"This model cannot take what was sent", [...]failure{
		{400, "invalid_request_error", "Invalid content type. image_url is not supported by this model."},
		{400, "INVALID_ARGUMENT", "Image input is not enabled for this model."},
		{500, "", "Failed to create new sequence: this model is missing data required for image input"},
		{400, "invalid_request_error", "This model does not support image input."},
	}},
}

// streams are the failures of an answer that has begun, or does not begin. aimock makes them alike in all formats.
var streams = map[string]string{
	"refused": "declined to answer this",
	"length":  "limit of its length",
	"cut":     "cut off by",
	"hangs":   "did not answer in time",
	"stalls":  "did not answer in time",
}

// match is a message with a failure's name and the provider's. aimock lists the models that its fixtures name.
func (s speaker) match(name string) map[string]any {
	return map[string]any{"userMessage": s.id + "-" + name, "model": s.model}
}

// fixtures are what aimock does when a message holds a failure's name and the provider's.
func (s speaker) fixtures() (list []testpeers.Fixture) {
	for name, k := range kinds {
		f := k.told[s.format]
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
	maps.Copy(wants, streams)
	for name, k := range kinds {
		wants[name] = k.want
	}
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
