package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"chatgateway/internal/testpeers"
)

// TestPage: from an empty home folder to an answer, and everything that can go wrong on the way.
func TestPage(t *testing.T) {
	slow := testpeers.Says("slowly", "One word after the other, so that there is time to stop it, to cut it and to come back to it again.")
	slow.Latency, slow.Pieces = 500, 6
	cut := testpeers.Says("cut yourself", "This answer will not reach its end because the line is cut before that.")
	cut.Latency, cut.Cut, cut.Pieces = 20, 4, 6
	hangs := testpeers.Says("say nothing", "Too late.")
	hangs.Latency = 60_000
	p := newGateway(t, "",
		slow, cut, hangs,
		testpeers.Fails("bad key", 401, "authentication_error", "invalid x-api-key FAKE-BODY"),
		testpeers.Fails("too many", 429, "rate_limit_error", "slow down FAKE-BODY"),
		testpeers.Fails("no money", 402, "billing_error", "credit balance too low FAKE-BODY"),
		testpeers.Fails("overload", 529, "overloaded_error", "Overloaded FAKE-BODY"),
		testpeers.Fails("no right", 403, "permission_error", "your plan FAKE-BODY"),
		testpeers.Fails("no model", 404, "not_found_error", "model: nothing FAKE-BODY"),
		testpeers.Fails("too long", 413, "request_too_large", "prompt is too long FAKE-BODY"),
		testpeers.Fails("broken", 500, "api_error", "Internal FAKE-BODY"),
		testpeers.Fails("wrong request", 400, "invalid_request_error", "nonsense FAKE-BODY"),
		testpeers.Says("hello", "Hello! **Nice** to meet you."),
		testpeers.Says("again", "Here I am again."),
	)
	p.more = map[string]func(string) (any, error){
		"gone": func(string) (any, error) { return true, p.move(p.mock.URL, nowhere) },
		"back": func(string) (any, error) { return true, p.move(nowhere, p.mock.URL) },
	}
	p.browse("page.mjs")
}

// nowhere is an address where nobody listens.
const nowhere = "http://127.0.0.1:1"

// move has the providers be somewhere else, and waits until the gateway has taken that up.
func (g *gateway) move(from, to string) error {
	path := filepath.Join(g.Home, "config.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	seen := len(g.Out.String())
	if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte(from), []byte(to)), 0o600); err != nil {
		return err
	}
	g.Out.Find(g.T, seen, regexp.MustCompile("config.yaml taken"))
	return nil
}
