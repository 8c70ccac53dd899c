package e2e

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatgateway/internal/testpeers"
)

// TestLocalServer: an Ollama runs on this host. The first message is answered with a button that uses it, and the
// second by its model: no key at all.
func TestLocalServer(t *testing.T) {
	p := newGateway(t, "", testpeers.Says("who are you", "A model of this host."))
	p.Stop(syscall.SIGTERM)
	p.Env = append(p.Env, "OLLAMA_HOST="+p.mock.URL)
	p.Start()
	b := browser{p.Enter()}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	const conv = "conversation1"
	var offer shown
	var use choice
	for n := 0; use.Press == ""; n++ { // it is looked for in a moment, which is too short where much else runs
		if err := b.say(ctx, conv, fmt.Sprintf("message-%d", n), "hello"); err != nil {
			t.Fatalf("it is never offered: %v", err)
		}
		all, err := b.sees(ctx, conv, func(text string) bool { return strings.Contains(text, "No model is set up yet") })
		if err != nil {
			t.Fatal(err)
		}
		offer = all[len(all)-1]
		for _, c := range offer.Choices {
			if strings.HasPrefix(c.Label, "Use Ollama") {
				use = c
			}
		}
		if err := pause(ctx, time.Second); err != nil {
			t.Fatal("it is never offered")
		}
	}
	var got any
	if err := b.call(ctx, "POST", "/press", map[string]string{"c": conv, "id": "press-01", "message": offer.ID, "press": use.Press}, &got); err != nil {
		t.Fatal(err)
	}
	all, err := b.sees(ctx, conv, func(text string) bool { return !strings.Contains(text, "No model is set up yet") })
	if err != nil {
		t.Fatal(err)
	}
	said := all[len(all)-1]
	if len(said.Choices) > 0 { // it has several models
		if err := b.call(ctx, "POST", "/press", map[string]string{"c": conv, "id": "press-02", "message": said.ID, "press": said.Choices[0].Press}, &got); err != nil {
			t.Fatal(err)
		}
		if _, err := b.sees(ctx, conv, func(text string) bool { return strings.Contains(text, "From now on") }); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.say(ctx, conv, "message-last", "who are you?"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.sees(ctx, conv, func(text string) bool { return strings.Contains(text, "A model of this host.") }); err != nil {
		t.Fatal(err)
	}
}
