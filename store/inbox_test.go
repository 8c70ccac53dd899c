package store

import (
	"errors"
	"testing"
	"time"

	"chatgateway/channels"
)

func TestTakenOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		answer := text("m2", "done at once")
		answer.Done = true
		want(t, "new", texts(mustKeep(t, s, text("m1", "one"), answer, text("m1", "again"))), `["one","done at once"]`)
		want(t, "new", len(mustKeep(t, s, text("m1", "again"), text("m2", "again"))), 0)
		want(t, "queue", texts(s.Queue(chat)), `["one"]`)
		if s.path != memory {
			s = reopen(t, s)
			want(t, "new", len(mustKeep(t, s, text("m1", "again"), text("m2", "again"))), 0)
		}
		if err := s.Drop(t.Context(), seqs(s.Queue(chat))...); err != nil {
			t.Fatal(err)
		}
		want(t, "new", len(mustKeep(t, s, text("m1", "again"))), 0)
		want(t, "waiting", len(s.Waiting()), 0)

		// the same id in another account is another message; without an id each is
		other, err := s.Keep(t.Context(), "discord", []Incoming{text("m1", "one"), text("", "x"), text("", "x")}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "new", texts(other), `["one","x","x"]`)
	})
}

func TestEdit(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		edit := func(id, said string) Incoming {
			in := text(id, said)
			in.Message.Edited = true
			return in
		}
		// in the same call, later, of an unknown one, of one in another conversation
		first := mustKeep(t, s, text("m1", "one"), edit("m1", "One"), text("m2", "two"), text("m3", "three"))
		want(t, "new", texts(first), `["One","two","three"]`)
		elsewhere := edit("m2", "moved?")
		elsewhere.Message.Conversation = "other"
		want(t, "new", len(mustKeep(t, s, edit("m2", "Two"), edit("m9", "nine"), elsewhere)), 0)
		want(t, "queue", texts(s.Queue(chat)), `["One","Two","three"]`)

		away := edit("m3", "never mind")
		away.Done = true
		mustKeep(t, s, away)
		want(t, "queue", texts(s.Queue(chat)), `["One","Two"]`)

		// of one that is in a turn it is too late
		turn, err := s.Begin(t.Context(), chat, "model", seqs(first[:1]), false)
		if err != nil {
			t.Fatal(err)
		}
		mustKeep(t, s, edit("m1", "too late"))
		undone, err := s.Undone(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want(t, "items", texts(undone[0].Items), `["One"]`)
		want(t, "items", texts(turn.Items), `["One"]`)
		want(t, "queue", texts(s.Queue(chat)), `["Two"]`)
	})
}

func TestBeginOfWhatIsNotQueued(t *testing.T) {
	s := open(t, memory, Options{})
	items := mustKeep(t, s, text("m1", "one"), text("m2", "two"))
	for name, c := range map[string]Conv{"unknown": chat, "elsewhere": {tg, "other"}} {
		list := seqs(items)
		if name == "unknown" {
			list = append(list, 77)
		}
		if _, err := s.Begin(t.Context(), c, "model", list, false); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	want(t, "queue", texts(s.Queue(chat)), `["one","two"]`)
	if _, err := s.Begin(t.Context(), chat, "model", seqs(items[1:]), false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Begin(t.Context(), chat, "model", seqs(items), false); err == nil {
		t.Error("one is in a turn: no error")
	}
	want(t, "queue", texts(s.Queue(chat)), `["one"]`)
}

func TestMove(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		from, to := Conv{tg, "chat"}, Conv{tg, "super"}
		ok := func(err error) {
			if err != nil {
				t.Helper()
				t.Fatal(err)
			}
		}
		// a turn of an epoch of the new one that has the number of the old one's present
		mustKeep(t, s, Incoming{Message: channels.Message{Conversation: "super", ID: "s1"}})
		stale, err := s.Begin(ctx, to, "model", seqs(s.Queue(to)), false)
		ok(err)
		ok(s.AppendHistory(ctx, to, raw(`"gone"`)...))
		ok(s.Reset(ctx, to))
		ok(s.AppendHistory(ctx, to, raw(`"new"`)...))

		ok(s.SetConversation(ctx, Conversation{Conv: from, Model: "fake/m", Extra: map[string]string{"k": "v"}}))
		ok(s.AppendHistory(ctx, from, raw(`"old"`)...))
		_, err = s.Ask(ctx, Question{Conv: from, Person: "u1", Provider: "fake"})
		ok(err)
		presses, err := s.NewPress(ctx, Press{Conv: from, Action: "go"})
		ok(err)
		mustKeep(t, s, text("m1", "one"))
		_, err = s.Keep(ctx, tg, []Incoming{text("m2", "two")}, nil, map[channels.ConversationID]channels.ConversationID{"chat": "super"})
		ok(err)
		s.Answer(stale.ID, "x", raw(`"stale"`))
		s.Finish(stale.ID)

		want(t, "old queue", len(s.Queue(from)), 0)
		want(t, "queue", texts(s.Queue(to)), `["one","two"]`)
		want(t, "conversation", s.Queue(to)[0].Message.Conversation, to.Conversation)
		h, err := s.History(ctx, to)
		ok(err)
		want(t, "history", h, raw(`"old"`, `"new"`))
		conv, err := s.Conversation(ctx, to)
		ok(err)
		want(t, "model", conv.Model+conv.Extra["k"], "fake/mv")
		if _, err := s.TakePress(ctx, presses[0].ID, from, "u1"); !errors.Is(err, ErrNoPress) {
			t.Errorf("the old conversation has its button: %v", err)
		}
		_, err = s.TakePress(ctx, presses[0].ID, to, "u1")
		ok(err)
		convs, err := s.Conversations(ctx, tg)
		ok(err)
		want(t, "conversations", len(convs), 1)
		if s.path == memory {
			return
		}
		s = reopen(t, s)
		want(t, "queue", texts(s.Queue(to)), `["one","two"]`)
		q, err := s.Questions(ctx)
		ok(err)
		want(t, "question", q[0].Conv, to)
	})
}

func TestQuestions(t *testing.T) {
	s := open(t, "", Options{})
	ctx := t.Context()
	until := time.Now().Add(time.Minute).Truncate(time.Millisecond)
	a, err := s.Ask(ctx, Question{Conv: chat, Person: "u1", Provider: "fake", Secret: true, Until: until})
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Ask(ctx, Question{Conv: chat, Person: "u2", Provider: "fake"})
	if err != nil {
		t.Fatal(err)
	}
	if q, err := s.Questions(ctx); err != nil || len(q) > 0 {
		t.Errorf("those of this run are given: %v %v", q, err)
	}
	if err := s.CloseQuestion(ctx, b); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	if _, err := s.Ask(ctx, Question{Conv: chat, Person: "u3"}); err != nil {
		t.Fatal(err)
	}
	q, err := s.Questions(ctx)
	if err != nil || len(q) != 1 {
		t.Fatalf("got %v %v", q, err)
	}
	want(t, "question", q[0], Question{ID: a, Conv: chat, Person: "u1", Provider: "fake", Secret: true, Until: until})
}

func TestPresses(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		now := time.Now()
		s.now = func() time.Time { return now }
		ps, err := s.NewPress(ctx,
			Press{Conv: chat, Person: "u1", Action: "logout fake", Once: true, Until: now.Add(time.Minute)},
			Press{Conv: chat, Action: "help"})
		if err != nil {
			t.Fatal(err)
		}
		mine, anybody := ps[0].ID, ps[1].ID
		for _, id := range []channels.PressID{mine, anybody} {
			if len(id) < 20 || len(id) > 40 || id == "" {
				t.Errorf("id %q", id)
			}
			for _, r := range id {
				if (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
					t.Errorf("id %q", id)
				}
			}
		}
		take := func(id channels.PressID, c Conv, person channels.UserID, wantErr error) {
			t.Helper()
			p, err := s.TakePress(ctx, id, c, person)
			if !errors.Is(err, wantErr) || (err == nil) != (p.Action != "") {
				t.Errorf("got %+v, %v; want %v", p, err, wantErr)
			}
		}
		take("NOSUCH", chat, "u1", ErrNoPress)
		take("", chat, "u1", ErrNoPress)
		take(mine, Conv{tg, "other"}, "u1", ErrNoPress)
		take(mine, Conv{"discord", "chat"}, "u1", ErrNoPress)
		take(mine, chat, "u2", ErrNotYours)
		take(mine, chat, "", ErrNotYours)
		take(mine, chat, "u1", nil)
		take(mine, chat, "u1", ErrUsed)
		take(mine, chat, "u2", ErrNotYours)
		take(anybody, chat, "u2", nil)
		take(anybody, chat, "", nil)
		now = now.Add(2 * time.Minute)
		take(mine, chat, "u1", ErrNoPress)
		now = now.Add(8 * 24 * time.Hour)
		take(anybody, chat, "u1", ErrNoPress)
	})
}

// Of many presses of one button at once, one works.
func TestPressOnce(t *testing.T) {
	s := open(t, "", Options{Sync: "normal"})
	ps, err := s.NewPress(t.Context(), Press{Conv: chat, Action: "go", Once: true})
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan error, 20)
	for range cap(results) {
		go func() { _, err := s.TakePress(t.Context(), ps[0].ID, chat, "u1"); results <- err }()
	}
	taken := 0
	for range cap(results) {
		switch err := <-results; {
		case err == nil:
			taken++
		case !errors.Is(err, ErrUsed):
			t.Error(err)
		}
	}
	want(t, "taken", taken, 1)
}

func TestConversationsAndSettings(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		now := time.Now().Truncate(time.Millisecond)
		s.now = func() time.Time { now = now.Add(time.Second); return now }
		got, err := s.Conversation(ctx, chat)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "nothing", got, Conversation{Conv: chat})
		yes := true
		c := Conversation{Conv: chat, Title: "t", Model: "m", Pin: "fake:work", Thinking: &yes, Effort: "high", Extra: map[string]string{"a": "b"}}
		if err := s.SetConversation(ctx, c); err != nil {
			t.Fatal(err)
		}
		got, err = s.Conversation(ctx, chat)
		if err != nil || got.Updated.IsZero() {
			t.Fatal(got, err)
		}
		got.Updated = time.Time{}
		want(t, "conversation", got, c)
		if err := s.AppendHistory(ctx, Conv{tg, "later"}, raw("1", "2", "3")...); err != nil {
			t.Fatal(err)
		}
		all, err := s.Conversations(ctx, tg)
		if err != nil || len(all) != 2 || all[0].Conv.Conversation != "later" {
			t.Errorf("got %+v %v", all, err)
		}
		for _, v := range []string{"one", "two", ""} {
			if err := s.SetSetting(ctx, "k", v); err != nil {
				t.Fatal(err)
			}
			if got := s.Setting("k"); got != v {
				t.Errorf("setting %q, want %q", got, v)
			}
		}
		if err := s.Forget(ctx, chat); err != nil {
			t.Fatal(err)
		}
		if all, err = s.Conversations(ctx, tg); err != nil || len(all) != 1 {
			t.Errorf("got %+v %v", all, err)
		}
	})
}
