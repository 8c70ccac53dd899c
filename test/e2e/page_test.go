package e2e

import (
	"testing"

	"chatgateway/internal/testpeers"
)

// TestPage: from an empty home folder to an answer, and everything that can go wrong on the way.
func TestPage(t *testing.T) {
	slow := testpeers.Says("slowly", "One word after the other, so that there is time to stop it, to cut it and to come back to it again.")
	slow.Latency, slow.Pieces = 150, 6
	cut := testpeers.Says("cut yourself", "This answer will not reach its end because the line is cut before that.")
	cut.Latency, cut.Cut, cut.Pieces = 20, 4, 6
	p := newGateway(t, "",
		slow, cut,
		testpeers.Fails("bad key", 401, "authentication_error", "invalid x-api-key FAKE-BODY"),
		testpeers.Fails("too many", 429, "rate_limit_error", "slow down FAKE-BODY"),
		testpeers.Fails("no money", 402, "billing_error", "credit balance too low FAKE-BODY"),
		testpeers.Fails("overload", 529, "overloaded_error", "Overloaded FAKE-BODY"),
		testpeers.Fails("wrong request", 400, "invalid_request_error", "nonsense FAKE-BODY"),
		testpeers.Says("hello", "Hello! **Nice** to meet you."),
		testpeers.Says("again", "Here I am again."),
	)
	p.browse("page.mjs")
}
