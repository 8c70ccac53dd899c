package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatgateway/channels"
)

// hold keeps the writer busy until release is called.
func hold(t *testing.T, s *Store) (release func()) {
	t.Helper()
	begun, end := make(chan struct{}), make(chan struct{})
	go func() {
		_ = s.write(context.WithoutCancel(t.Context()), &op{run: func(context.Context, *tx) error { close(begun); <-end; return nil }})
	}()
	<-begun
	release = sync.OnceFunc(func() { close(end) })
	t.Cleanup(release)
	return release
}

// inLine waits until n writes are in line behind the one that is held.
func inLine(t *testing.T, s *Store, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		s.mu.Lock()
		have := len(s.line)
		s.mu.Unlock()
		if have == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d in line, want %d", have, n)
		}
		time.Sleep(time.Millisecond)
	}
}

// full lets the file grow no more until the function it gives is called.
func full(t *testing.T, s *Store) (room func()) {
	t.Helper()
	limit := func(n int) {
		err := s.write(t.Context(), &op{run: func(ctx context.Context, t *tx) error {
			pages := n
			if n == 0 {
				if _, err := one(ctx, t, []any{&pages}, "PRAGMA page_count"); err != nil {
					return err
				}
			}
			_, err := t.exec(ctx, fmt.Sprintf("PRAGMA max_page_count(%d)", pages))
			return err
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	limit(0)
	return func() { limit(1 << 30) }
}

func TestGroupCommit(t *testing.T) {
	s := open(t, "", Options{})
	var commits []int
	s.committed = func(n int) { commits = append(commits, n) }
	release := hold(t, s)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := s.Keep(t.Context(), tg, []Incoming{text(fmt.Sprint("m", i), "hello")}, nil, nil); err != nil {
				t.Error(err)
			}
		})
	}
	inLine(t, s, 20)
	release()
	wg.Wait()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, "commits", commits, []int{1, 20})
	want(t, "queued", s.Queued(), 20)
}

func TestOneFailsAlone(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		release := hold(t, s)
		bad := errors.New("bad")
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				_, err := s.Keep(t.Context(), tg, []Incoming{text(fmt.Sprint("m", i), "hello")}, nil, nil)
				if err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				err := s.write(t.Context(), &op{run: func(ctx context.Context, t *tx) error {
					if _, err := t.exec(ctx, setMark, "x", "y", "z"); err != nil {
						return err
					}
					if i%2 == 0 {
						return bad
					}
					_, err := t.exec(ctx, "INSERT INTO settings (name) VALUES (NULL)")
					return err
				}})
				if err == nil {
					t.Error("no error")
				}
			})
		}
		inLine(t, s, 20)
		release()
		wg.Wait()
		want(t, "queued", s.Queued(), 10)
		if mark, err := s.Mark(t.Context(), "x", "y"); mark != "" || err != nil {
			t.Errorf("a failed write left %q, %v", mark, err)
		}
		if err := s.Err(); err != nil {
			t.Errorf("Err: %v", err)
		}
	})
}

func TestGivenUp(t *testing.T) {
	s := open(t, memory, Options{})
	items := mustKeep(t, s, text("m1", "one"))
	release := hold(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 3)
	go func() { _, err := s.Keep(ctx, tg, []Incoming{text("m2", "two")}, nil, nil); errs <- err }()
	inLine(t, s, 1)
	go func() { _, err := s.Begin(ctx, chat, "command", seqs(items), true); errs <- err }()
	inLine(t, s, 2)
	go func() { _, err := s.Stop(ctx, Conv{tg, "other"}, 9); errs <- err }()
	inLine(t, s, 3)
	cancel()
	for range 3 {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	release()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, "queue", texts(s.Queue(chat)), `["one"]`)
	turns, err := s.Undone(t.Context())
	if err != nil || len(turns) > 0 {
		t.Errorf("turns %v, %v", turns, err)
	}
}

// A command's Begin returns when it is committed, a model's at once.
func TestBeginWaits(t *testing.T) {
	s := open(t, memory, Options{})
	items := mustKeep(t, s, text("m1", "one"), text("m2", "two"))
	release := hold(t, s)
	if _, err := s.Begin(t.Context(), chat, "model", seqs(items[:1]), false); err != nil {
		t.Fatal(err)
	}
	begun := make(chan Turn, 1)
	go func() {
		turn, err := s.Begin(t.Context(), chat, "command", seqs(items[1:]), true)
		if err != nil {
			t.Error(err)
		}
		begun <- turn
	}()
	inLine(t, s, 2)
	if len(begun) > 0 {
		t.Fatal("it did not wait")
	}
	release()
	want(t, "items", texts((<-begun).Items), `["two"]`)
}

// A turn whose begin had to wait for the disk does not bring back what was stopped meanwhile.
func TestBeginAfterStop(t *testing.T) {
	s := open(t, memory, Options{})
	items := mustKeep(t, s, text("m1", "one"))
	if _, err := s.Stop(t.Context(), chat, items[0].Seq); err != nil {
		t.Fatal(err)
	}
	err := s.write(t.Context(), &op{run: func(ctx context.Context, t *tx) error {
		return insertTurn(ctx, t, 99, chat, "model", seqs(items), 0)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if turns, err := s.Undone(t.Context()); err != nil || len(turns) > 0 {
		t.Errorf("turns %v %v", turns, err)
	}
}

// A stop that comes while a turn's begin is still in line wins over it.
func TestStopOvertakesNothing(t *testing.T) {
	s := open(t, "", Options{})
	items := mustKeep(t, s, text("m1", "one"), text("m2", "two"), text("m3", "three"))
	release := hold(t, s)
	turn, err := s.Begin(t.Context(), chat, "model", seqs(items[:1]), false)
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan int)
	go func() {
		n, err := s.Stop(t.Context(), chat, items[1].Seq)
		if err != nil {
			t.Error(err)
		}
		stopped <- n
	}()
	inLine(t, s, 2)
	want(t, "queue while the stop is in line", texts(s.Queue(chat)), `["three"]`)
	s.SetPart(turn.ID, Part{0, "b", "late"})
	s.Answer(turn.ID, "late", raw(`"late"`))
	s.Finish(turn.ID)
	release()
	want(t, "stopped", <-stopped, 2)
	s = reopen(t, s)
	want(t, "queue", texts(s.Queue(chat)), `["three"]`)
	h, err := s.History(t.Context(), chat)
	if err != nil || len(h) > 0 {
		t.Errorf("history %s %v", h, err)
	}
	if turns, err := s.Undone(t.Context()); err != nil || len(turns) > 0 {
		t.Errorf("turns %v %v", turns, err)
	}
}

func TestFullDisk(t *testing.T) {
	s := open(t, "", Options{})
	ctx := t.Context()
	items := mustKeep(t, s, text("m1", "one"), text("m2", "two"))
	room := full(t, s)
	big := text("m3", string(make([]byte, 1<<20)))
	_, err := s.Keep(ctx, tg, []Incoming{text("m4", "four"), big}, map[string]string{"offset": "9"}, nil)
	if !errors.Is(err, ErrFull) {
		t.Fatalf("got %v", err)
	}
	var um interface{ UserMessage() string }
	if !errors.As(err, &um) || um.UserMessage() == "" {
		t.Errorf("no sentence for people: %v", err)
	}
	want(t, "queue", texts(s.Queue(chat)), `["one","two"]`)

	// the work goes on in memory, and Err says that it is not written
	turn, err := s.Begin(ctx, chat, "model", seqs(items), false)
	if err != nil {
		t.Fatal(err)
	}
	s.SetPart(turn.ID, Part{0, "b", "part"})
	s.Answer(turn.ID, "answer", []json.RawMessage{slices.Concat([]byte{'"'}, slices.Repeat([]byte{'x'}, 1<<20), []byte{'"'})})
	s.Finish(turn.ID)
	if err := s.Flush(ctx); !errors.Is(err, ErrFull) {
		t.Errorf("flush: %v", err)
	}
	if err := s.Err(); !errors.Is(err, ErrFull) {
		t.Errorf("Err: %v", err)
	}
	if _, err := s.History(ctx, chat); !errors.Is(err, ErrFull) {
		t.Errorf("a read that would not see what was handed in: %v", err)
	}

	// when there is room again, all of it is written, in order
	room()
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Err(); err != nil {
		t.Errorf("Err: %v", err)
	}
	s = reopen(t, s)
	h, err := s.History(ctx, chat)
	if err != nil || len(h) != 1 {
		t.Errorf("history: %d, %v", len(h), err)
	}
	want(t, "waiting", len(s.Waiting()), 0)
	if mark, _ := s.Mark(ctx, tg, "offset"); mark != "" {
		t.Errorf("the mark of a failed batch was kept: %q", mark)
	}
}

// What is too large for the disk fails alone.
func TestTooLargeFailsAlone(t *testing.T) {
	s := open(t, "", Options{})
	mustKeep(t, s, text("m0", string(make([]byte, 1<<16))))
	if err := s.Drop(t.Context(), s.Queue(chat)[0].Seq); err != nil { // a few free pages
		t.Fatal(err)
	}
	full(t, s)
	release := hold(t, s)
	errs := make([]error, 3)
	var wg sync.WaitGroup
	for i, in := range []Incoming{text("m1", "one"), text("m2", string(make([]byte, 1<<20))), text("m3", "three")} {
		wg.Go(func() { _, errs[i] = s.Keep(t.Context(), tg, []Incoming{in}, nil, nil) })
		inLine(t, s, i+1)
	}
	release()
	wg.Wait()
	if errs[0] != nil || !errors.Is(errs[1], ErrFull) || errs[2] != nil {
		t.Errorf("got %v", errs)
	}
	want(t, "queue", texts(s.Queue(chat)), `["one","three"]`)
}

// A store that cannot be written until it is closed says what is lost.
func TestLostAtClose(t *testing.T) {
	s := open(t, "", Options{})
	full(t, s)
	turn, err := s.Begin(t.Context(), chat, "model", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	s.Answer(turn.ID, string(make([]byte, 1<<20)), nil)
	if err := s.Close(); !errors.Is(err, ErrFull) {
		t.Errorf("got %v", err)
	}
}

// Everything at once, for the race detector: each conversation's messages are in the order of the calls.
func TestConcurrent(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		var wg sync.WaitGroup
		for conv := range 8 {
			c := Conv{tg, channels.ConversationID(fmt.Sprint(conv))}
			wg.Go(func() {
				for i := range 25 {
					in := text(fmt.Sprintf("%d-%d", conv, i), fmt.Sprint(i))
					in.Message.Conversation = c.Conversation
					again := []Incoming{in, in}
					if items, err := s.Keep(t.Context(), tg, again, nil, nil); err != nil || len(items) != 1 {
						t.Error(items, err)
						return
					}
				}
			})
			wg.Go(func() {
				for next, deadline := 0, time.Now().Add(20*time.Second); next < 25 && time.Now().Before(deadline); {
					q := s.Queue(c)
					if len(q) == 0 {
						time.Sleep(time.Millisecond)
						continue
					}
					turn, err := s.Begin(t.Context(), c, "model", seqs(q), false)
					if err != nil {
						t.Error(err)
						return
					}
					for _, it := range turn.Items {
						if it.Message.Text != fmt.Sprint(next) {
							t.Errorf("conversation %d: %s, want %d", conv, it.Message.Text, next)
						}
						next++
					}
					s.Answer(turn.ID, "a", raw("1"))
					s.Finish(turn.ID)
				}
			})
		}
		wg.Wait()
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(t, "waiting", len(s.Waiting()), 0)
	})
}

// The store in memory works in a bubble of fake time, which the tests of the core need.
func TestSynctest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), memory, Options{})
		if err != nil {
			t.Fatal(err)
		}
		items := mustKeep(t, s, text("m1", "one"))
		time.Sleep(time.Hour)
		synctest.Wait()
		if _, err := s.Begin(t.Context(), chat, "command", seqs(items), true); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
