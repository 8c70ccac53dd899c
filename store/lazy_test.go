package store

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatgateway/channels"
)

// The beginning and the answer of a turn wait a little for company, its end less, and then not longer.
func TestLazyWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, memory, Options{})
		items := mustKeep(t, s, text("m1", "one"), text("m2", "two"), text("m3", "three"))
		var mu sync.Mutex
		var sizes []int // guarded by mu
		s.committed = func(n int) {
			mu.Lock()
			defer mu.Unlock()
			sizes = append(sizes, n)
		}
		commits := func() (list []int) { // since the last look
			mu.Lock()
			defer mu.Unlock()
			list, sizes = sizes, nil
			return list
		}
		begin := func(i int, wait bool) int64 {
			turn, err := s.Begin(t.Context(), chat, "kind", seqs(items[i:i+1]), wait)
			if err != nil {
				t.Fatal(err)
			}
			return turn.ID
		}

		alone := begin(0, false)
		s.Answer(alone, "yes", nil)
		synctest.Wait()
		want(t, "commits at once", len(commits()), 0)
		time.Sleep(lazyWait)
		synctest.Wait()
		want(t, "commits, later", commits(), []int{2})
		s.Finish(alone)
		synctest.Wait()
		want(t, "commits at its end", len(commits()), 0)
		time.Sleep(endWait)
		synctest.Wait()
		want(t, "commits soon after its end", commits(), []int{1})

		shown := begin(1, false)
		s.Answer(shown, "yes", nil)
		s.SetPart(shown, Part{0, "b1", "yes"})
		synctest.Wait()
		want(t, "commits when a part is shown", commits(), []int{3})

		s.Finish(shown)
		command := begin(2, true)
		want(t, "commits when a command begins", commits(), []int{2})
		third := mustKeep(t, s, text("m4", "four"))
		commits()
		turn, err := s.Begin(t.Context(), chat, "kind", seqs(third), false)
		if err != nil {
			t.Fatal(err)
		}
		s.Finish(command) // it is due before what began first
		time.Sleep(endWait)
		synctest.Wait()
		want(t, "commits when it ends", commits(), []int{2})
		s.Finish(turn.ID)
	})
}

// A turn may ask for its conversation while the writes before it are still to be committed.
func TestConversationWaitsForNothing(t *testing.T) {
	s := open(t, "", Options{})
	if err := s.SetConversation(t.Context(), Conversation{Conv: chat, Model: "a/b", Extra: map[string]string{"k": "v"}}); err != nil {
		t.Fatal(err)
	}
	first, err := s.Conversation(t.Context(), chat)
	if err != nil {
		t.Fatal(err)
	}
	first.Extra["k"] = "the caller's own"
	release := hold(t, s)
	defer release()
	s.SetPart(1, Part{0, "b1", "hello"})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	again, err := s.Conversation(over, chat)
	if err != nil {
		t.Fatalf("it waited: %v", err)
	}
	want(t, "conversation", []string{again.Model, again.Extra["k"]}, []string{"a/b", "v"})
}

// What is held of conversations is never older than the last change.
func TestConversationIsFresh(t *testing.T) {
	later := time.Now()
	s := open(t, "", Options{Idle: time.Hour, Now: func() time.Time { return later }})
	old := Conv{tg, "old"}
	model := func(what string, c Conv, wanted string, epoch int64) {
		t.Helper()
		got, err := s.Conversation(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		want(t, what, []any{got.Model, got.Epoch}, []any{wanted, epoch})
	}
	change := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	model("at first", chat, "", 0)
	change(s.SetConversation(t.Context(), Conversation{Conv: chat, Model: "a/b"}))
	model("set", chat, "a/b", 0)
	change(s.Reset(t.Context(), chat))
	model("reset", chat, "a/b", 1)
	change(s.Forget(t.Context(), chat))
	model("forgotten", chat, "", 0)
	change(s.SetConversation(t.Context(), Conversation{Conv: old, Model: "c/d"}))
	model("of another", old, "c/d", 0)
	_, err := s.Keep(t.Context(), tg, nil, nil, map[channels.ConversationID]channels.ConversationID{"old": chat.Conversation})
	change(err)
	model("moved here", chat, "c/d", 0)
	model("moved away", old, "", 0)
	later = later.Add(2 * time.Hour)
	_, err = s.Prune(t.Context(), later)
	change(err)
	model("idle", chat, "", 0)
}
