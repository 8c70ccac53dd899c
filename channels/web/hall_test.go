package web

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"chatgateway/channels"
)

// hall is a page that runs in a test, with a scripted core.
type hall struct {
	*Channel
	t    *testing.T
	home string
	log  *bytes.Buffer
	stop func()

	mu  sync.Mutex
	got []channels.Message           // guarded by mu
	say func(channels.Message) error // guarded by mu: what the core does with a message
}

// run starts a page; change may change its settings, adjust the channel.
func run(t *testing.T, home string, change func(*Settings), adjust ...func(*Channel)) *hall {
	t.Helper()
	h := &hall{t: t, home: home, log: new(bytes.Buffer)}
	set := &Settings{Listen: "127.0.0.1:0", Home: home}
	if change != nil {
		change(set)
	}
	c, err := open(channels.Options{Account: "web", Settings: set, Log: slog.New(slog.NewTextHandler(&lockedWriter{w: h.log}, nil))})
	if err != nil {
		t.Fatal(err)
	}
	h.Channel = c.(*Channel)
	for _, f := range adjust {
		f(h.Channel)
	}
	h.start()
	return h
}

func (h *hall) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx, h.handle) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("Run: %v", err)
		}
	})
	h.t.Cleanup(func() { h.stop() })
	select {
	case <-h.Ready():
	case err := <-done:
		h.t.Fatalf("Run: %v", err)
	}
}

func (h *hall) handle(_ context.Context, b channels.Batch) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range b.Messages {
		if h.say != nil {
			if err := h.say(m); err != nil {
				return err
			}
		}
		h.got = append(h.got, m)
	}
	return nil
}

func (h *hall) messages() []channels.Message {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.got)
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer // guarded by mu
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
