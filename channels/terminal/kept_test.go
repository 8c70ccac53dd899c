package terminal

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"chatgateway/channels"
)

// A line is handed in until it is kept; that it is not is said once, and again only after a line was kept.
func TestNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		ch, err := open(channels.Options{Settings: &Settings{}, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		c := ch.(*Channel)
		fails := 0
		c.hand = func(context.Context, channels.Batch) error {
			if fails == 0 {
				return nil
			}
			fails--
			return errors.New("the disk is full")
		}
		for n, want := range []int{1, 2} {
			fails = 5
			c.take(t.Context(), "one", Up{Kind: "text", ID: "1", Text: "hello"})
			if got := strings.Count(log.String(), "not kept yet"); got != want || fails != 0 {
				t.Errorf("round %d: it is said %d times, want %d; %d tries are left\n%s", n, got, want, fails, &log)
			}
		}
	})
}
