package channeltest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/status"
)

// Core stands in for the core in an adapter's tests: it runs one channel and keeps what comes in, with its marks, and
// what is reported and logged. What it has kept outlives the channel: Open another one, as a new process would.
type Core struct {
	// Wait is how long Until, Stop and Failed wait.
	Wait time.Duration
	// Doubles keeps a message as often as it is handed in, not once.
	Doubles bool
	// OnMessage, unless nil, is called with every message that is kept. It is set before the channel runs.
	OnMessage func(channels.Message)

	t      testing.TB
	ch     channels.Channel
	log    lockedBuffer
	news   chan struct{} // rings when something was handed in or reported
	cancel context.CancelFunc
	done   chan error

	mu      sync.Mutex                                          // guards all below
	got     []channels.Message                                  // what was kept
	seen    map[channels.MessageID]bool                         // the messages in got
	marks   map[string]string                                   // what was kept
	moved   map[channels.ConversationID]channels.ConversationID // what was kept
	reports []status.Channel                                    // since the channel runs
	details string                                              // of all reports
	handed  int                                                 // messages that were taken, doubles too
	calls   int                                                 // batches with messages, refused ones too
	refuse  int                                                 // see Refuse
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// NewCore makes one. When the test ends it fails the test if a secret is in the log or a report.
func NewCore(t testing.TB, secrets ...string) *Core {
	c := &Core{Wait: 15 * time.Second, t: t, news: make(chan struct{}, 1), seen: map[channels.MessageID]bool{}, marks: map[string]string{},
		moved: map[channels.ConversationID]channels.ConversationID{}}
	t.Cleanup(func() {
		text := c.told()
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("the log or a report holds %q:\n%s", s, text)
			}
		}
	})
	return c
}

// told is all that was logged and reported.
func (c *Core) told() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.String() + c.details
}

// Open makes the channel: of o, it sets what the core gives, and a name if there is none.
func (c *Core) Open(s channels.Service, o channels.Options) channels.Channel {
	c.t.Helper()
	if o.Account == "" {
		o.Account = channels.AccountID(s.Name)
	}
	o.Mark = func(_ context.Context, key string) (string, error) { return c.Marks()[key], nil }
	o.Report = func(s status.Channel) {
		c.mu.Lock()
		c.reports = append(c.reports, s)
		c.details += s.Detail + " " + s.Bot + "\n"
		c.mu.Unlock()
		c.ring()
	}
	o.Log = slog.New(slog.NewTextHandler(&c.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ch, err := s.Open(o)
	if err != nil {
		c.t.Fatalf("Open: %v", err)
	}
	c.ch = ch
	return ch
}

// Launch runs the channel until Stop, or the end of the test. What was reported before is forgotten.
func (c *Core) Launch() {
	c.LaunchAs(c.ch.Run)
}

// LaunchAs is Launch with another way to run the channel.
func (c *Core) LaunchAs(run func(context.Context, channels.Handler) error) {
	c.mu.Lock()
	c.reports = nil
	c.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	c.cancel, c.done = cancel, done
	c.t.Cleanup(c.Stop) // before what it runs on is taken down
	go func() {         // Stop and Failed wait for it; what Run starts has the label too
		pprof.Do(ctx, pprof.Labels(runLabel, c.t.Name()), func(ctx context.Context) { done <- run(ctx, c.Handle) })
	}()
}

// Connected reports whether the channel has been connected since it runs.
func (c *Core) Connected() bool { return slices.ContainsFunc(c.Reports(), connected) }

// Start runs the channel and waits until it is connected.
func (c *Core) Start() {
	c.t.Helper()
	c.Launch()
	c.Until("it is connected", func() bool { return connected(c.State()) })
}

func connected(s status.Channel) bool {
	return s.State == status.Connected || s.State == status.Degraded
}

// Stop ends Run, if it runs, and fails the test if it does not end soon and well.
func (c *Core) Stop() {
	c.t.Helper()
	if c.cancel == nil {
		return
	}
	c.cancel()
	c.cancel = nil
	select {
	case err := <-c.done:
		if err != nil {
			c.t.Errorf("Run gave %v after its context ended; want nil", err)
		}
	case <-time.After(c.Wait):
		c.t.Fatal("Run did not return after its context ended")
	}
}

// Failed waits until Run returns by itself.
func (c *Core) Failed() error {
	c.t.Helper()
	select {
	case err := <-c.done:
		c.cancel()
		c.cancel = nil
		return err
	case <-time.After(c.Wait):
		c.t.Fatal("Run did not return")
		return nil
	}
}

// Refuse lets the handler fail for the next n batches that hold messages; below 0, for every batch.
func (c *Core) Refuse(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = n
}

// Handle is a channels.Handler.
func (c *Core) Handle(_ context.Context, b channels.Batch) error {
	news, err := c.keep(b)
	c.ring()
	for _, m := range news {
		if c.OnMessage != nil {
			c.OnMessage(m)
		}
	}
	return err
}

func (c *Core) keep(b channels.Batch) (news []channels.Message, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(b.Messages) > 0 {
		c.calls++
	}
	if c.refuse < 0 || c.refuse > 0 && len(b.Messages) > 0 {
		if c.refuse > 0 {
			c.refuse--
		}
		return nil, errors.New("channeltest: not kept")
	}
	c.handed += len(b.Messages)
	for _, m := range b.Messages {
		if m.ID != "" && !m.Edited && !c.Doubles && c.seen[m.ID] {
			continue
		}
		c.seen[m.ID] = true
		news = append(news, m)
	}
	c.got = append(c.got, news...)
	maps.Copy(c.marks, b.Marks)
	maps.Copy(c.moved, b.Moved)
	return news, nil
}

func (c *Core) ring() {
	select {
	case c.news <- struct{}{}:
	default:
	}
}
