package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chatgateway/internal/testpeers"
	"chatgateway/test/program"
)

// browser is the page's other side without a browser: it sends what is written until it is taken, as the page does.
type browser struct{ *program.Visitor }

// call is Call that reads the answer, and waits ten seconds for it at the most.
func (b browser) call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	body, err := b.Call(ctx, method, path, in)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, out)
}

// say sends a message until the gateway says that it has it, or that it never takes it.
func (b browser) say(ctx context.Context, conv, id, text string) error {
	for {
		var got any
		err := b.call(ctx, "POST", "/messages", map[string]string{"c": conv, "id": id, "text": text}, &got)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if refused, ok := errors.AsType[*program.Refused](err); ok && refused.Final() {
			return fmt.Errorf("%s is not taken: %w", id, err)
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// shown is a message as the page has it.
type shown struct {
	ID      string
	Mine    bool
	Text    string
	Growing bool
	Choices []choice
}

type choice struct{ Label, Press string }

// sees waits until the conversation's last message is the bot's, whole, and satisfies ok; it gives all of them.
func (b browser) sees(ctx context.Context, conv string, ok func(string) bool) ([]shown, error) {
	for {
		var page struct{ Messages []shown }
		err := b.call(ctx, "GET", "/messages?before=1000000&c="+conv, nil, &page)
		if n := len(page.Messages); err == nil && n > 0 {
			if last := page.Messages[n-1]; !last.Mine && !last.Growing && ok(last.Text) {
				return page.Messages, nil
			}
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return page.Messages, fmt.Errorf("%s: waited in vain; it shows %+v", conv, page.Messages)
		}
	}
}

// pause waits for the program, which is another process: there is no event to wait for.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// TestKilledInTheMiddleOf200Replies: the gateway is killed again and again while 200 messages are answered. Every
// message has its answer, in order, and is answered with one message.
func TestKilledInTheMiddleOf200Replies(t *testing.T) {
	conversations, each := 50, 4
	if testing.Short() {
		conversations = 10
	}
	var fixtures []testpeers.Fixture
	for c := range conversations {
		for n := range each {
			f := testpeers.Says(fmt.Sprintf("question-%02d-%d", c, n), fmt.Sprintf("This is the answer-%02d-%d, in several pieces.", c, n))
			f.Latency, f.Pieces = 250, 8
			fixtures = append(fixtures, f)
		}
	}
	p := newGateway(t, "model: anthropic/claude-sonnet-4-5\n", fixtures...)
	key := "sk-ant-api03-FAKE-kill-canary-000111222333"
	if out, code := p.Run(key, "auth", "set", "anthropic"); code != 0 {
		t.Fatalf("auth set: %s", out)
	}
	p.until("anthropic", "status", "--json")
	b := browser{p.Enter()}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for c := range conversations {
		wg.Go(func() {
			conv := fmt.Sprintf("conversation%02d", c)
			for n := range each {
				if err := b.say(ctx, conv, fmt.Sprintf("message-%02d-%d", c, n), fmt.Sprintf("question-%02d-%d", c, n)); err != nil {
					t.Errorf("say: %v", err)
					return
				}
				want := fmt.Sprintf("answer-%02d-%d, in several pieces.", c, n)
				all, err := b.sees(ctx, conv, func(text string) bool { return strings.Contains(text, want) })
				if err != nil {
					t.Error(err)
					return
				}
				if len(all) != 2*(n+1) {
					t.Errorf("%s shows %d messages after %d questions: %+v", conv, len(all), n+1, all)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	kills := 0
	for alive := true; alive; {
		select {
		case <-done:
			alive = false
		case <-time.After(time.Duration(300+rand.IntN(1500)) * time.Millisecond):
			if kills < 8 {
				kills++
				p.Stop(syscall.SIGKILL)
				p.Start()
			}
		}
	}
	t.Logf("%d messages in %d conversations, killed %d times", conversations*each, conversations, kills)
	if kills == 0 {
		t.Error("it was never killed: the test proves nothing")
	}
	if found := p.traces(key); len(found) > 0 {
		t.Errorf("the key is in %v", found)
	}
	if t.Failed() && os.Getenv("CI") == "" {
		t.Log(p.Out.String())
	}
}
