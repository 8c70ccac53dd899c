package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"chatgateway/channels"
)

const tg = channels.AccountID("telegram")

var chat = Conv{tg, "chat"}

// open opens a store at path for the time of the test; "" is a new file.
func open(t testing.TB, path string, o Options) *Store {
	t.Helper()
	if path == "" {
		path = filepath.Join(t.TempDir(), "home", "gateway.db")
	}
	s, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// reopen closes s and opens its file again.
func reopen(t testing.TB, s *Store) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, s.path, Options{})
}

func text(id, s string) Incoming {
	return Incoming{Message: channels.Message{Conversation: chat.Conversation, ID: channels.MessageID(id), From: "u1", FromName: "Ann", Text: s, Private: true}}
}

func mustKeep(t testing.TB, s *Store, in ...Incoming) []Item {
	t.Helper()
	items, err := s.Keep(t.Context(), tg, in, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return items
}

func texts(items []Item) string {
	var all []string
	for _, it := range items {
		all = append(all, it.Message.Text)
	}
	b, _ := json.Marshal(all)
	return string(b)
}

func want(t testing.TB, what string, got, want any) {
	t.Helper()
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	if string(g) != string(w) {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}

func seqs(items []Item) (all []int64) {
	for _, it := range items {
		all = append(all, it.Seq)
	}
	return all
}

// everywhere runs a test on a file and in memory: the promises are the same.
func everywhere(t *testing.T, f func(t *testing.T, s *Store)) {
	t.Run("file", func(t *testing.T) { f(t, open(t, "", Options{})) })
	t.Run("memory", func(t *testing.T) { f(t, open(t, memory, Options{})) })
}

func TestLifeOfATurn(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		items := mustKeep(t, s, text("m1", "hello"), text("m2", "are you there?"))
		want(t, "kept", texts(items), `["hello","are you there?"]`)
		want(t, "queue", texts(s.Queue(chat)), `["hello","are you there?"]`)
		want(t, "waiting", s.Waiting(), []Conv{chat})

		turn, err := s.Begin(ctx, chat, "model", seqs(items), false)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "queue", len(s.Queue(chat)), 0)
		want(t, "queued", s.Queued(), 0)
		want(t, "waiting", s.Waiting(), []Conv{chat})
		s.SetModel(turn.ID, "fake/m")
		s.SetPart(turn.ID, Part{0, "b1", "he"})
		s.SetPart(turn.ID, Part{0, "b1", "hello"})
		undone, err := s.Undone(ctx)
		if err != nil || len(undone) != 1 {
			t.Fatalf("undone: %v %v", undone, err)
		}
		want(t, "turn", undone[0].State, Running)
		want(t, "model", undone[0].Model, "fake/m")
		want(t, "items", undone[0].Items, items)
		want(t, "parts", undone[0].Parts, []Part{{0, "b1", "hello"}})

		s.Answer(turn.ID, "hello!", []json.RawMessage{[]byte(`{"q":1}`), []byte(`{"a":1}`)})
		h, err := s.History(ctx, chat)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "history", h, []json.RawMessage{[]byte(`{"q":1}`), []byte(`{"a":1}`)})
		undone, _ = s.Undone(ctx)
		want(t, "turn", undone[0].State, Answered)
		want(t, "final", undone[0].Final, "hello!")

		s.Finish(turn.ID)
		if undone, _ = s.Undone(ctx); len(undone) != 0 {
			t.Errorf("undone: %v", undone)
		}
		want(t, "waiting", len(s.Waiting()), 0)
		if err := s.Err(); err != nil {
			t.Error(err)
		}
	})
}

func TestErrors(t *testing.T) {
	s := open(t, "", Options{})
	if _, err := Open(t.Context(), s.path, Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if _, err := Open(t.Context(), memory, Options{Sync: "off"}); err == nil {
		t.Error("sync off is accepted")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Keep(t.Context(), tg, []Incoming{text("m", "x")}, nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := s.Questions(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	_ = time.Now
}

func raw(texts ...string) (all []json.RawMessage) {
	for _, s := range texts {
		all = append(all, json.RawMessage(s))
	}
	return all
}

// An empty mark leaves nothing behind: places come and go by the thousand.
func TestEmptyMarkIsRemoved(t *testing.T) {
	s := open(t, "", Options{})
	for _, value := range []string{"1", "2", ""} {
		if _, err := s.Keep(t.Context(), tg, nil, map[string]string{"last:a": value}, nil); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Mark(t.Context(), tg, "last:a"); got != value || err != nil {
			t.Errorf("the mark is %q, %v; want %q", got, err, value)
		}
	}
	rows := -1
	if err := s.read(t.Context(), "count", func(r *sql.Rows) error { return r.Scan(&rows) }, "SELECT COUNT(*) FROM marks"); err != nil || rows != 0 {
		t.Errorf("%d marks are left, %v", rows, err)
	}
}
