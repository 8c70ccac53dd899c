package terminal

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"testing"

	"chatgateway/channels"
)

// script is a connection that says what it was given, and hears nothing.
type script struct{ io.Reader }

func (script) Write(p []byte) (int, error) { return len(p), nil }
func (script) Close() error                { return nil }

// FuzzLines: whatever comes over the control socket, the chat ends with it, and everything that is handed in is the
// owner's, in the chat's own conversation.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"", `{"kind":"say","id":"1","text":"hi"}`, `{"kind":"answer","id":"f","answer":"x"}` + "\n{", `{"kind":"press","press":"p","on":"m"}` + "\n\n[]\nnull\n", "\x00\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ch, err := open(channels.Options{Account: "terminal", Settings: Service.Settings(), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		c := ch.(*Channel)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- c.Run(ctx, func(_ context.Context, b channels.Batch) error {
				for _, m := range b.Messages {
					if m.From != "owner" || m.Conversation != "c" || !m.Private {
						t.Errorf("handed in: %+v", m)
					}
				}
				return nil
			})
		}()
		_ = c.Attach(ctx, "c", script{bytes.NewReader(data)})
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
