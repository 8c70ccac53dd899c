package store

import (
	"cmp"
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"chatgateway/channels"
)

// model is the store as a few maps: what the real one must be equal to after any calls, also after it was closed and
// opened again.
type model struct {
	seq     int
	seen    map[string]bool
	queues  map[Conv][]mItem
	turns   map[int64]*mTurn
	history map[Conv]*[]string // of the present epoch; a turn holds on to that of its own
}

type mItem struct {
	seq  int
	id   string
	text string
}

type mTurn struct {
	conv    Conv
	state   TurnState
	items   []mItem
	parts   map[int]string
	final   string
	history *[]string
}

func (m *model) talk(c Conv) *[]string {
	if m.history[c] == nil {
		m.history[c] = &[]string{}
	}
	return m.history[c]
}

// keep does what Keep does and gives the ids of the new messages.
func (m *model) keep(in []Incoming) (fresh []string) {
	for _, i := range in {
		c, id, said := Conv{tg, i.Message.Conversation}, string(i.Message.ID), i.Message.Text
		if i.Redact {
			said = "redacted"
		}
		at := slices.IndexFunc(m.queues[c], func(it mItem) bool { return it.id == id })
		switch {
		case i.Message.Edited && at >= 0 && i.Done:
			m.queues[c] = slices.Delete(m.queues[c], at, at+1)
		case i.Message.Edited && at >= 0:
			m.queues[c][at].text = said
		case !i.Message.Edited && !m.seen[id]:
			m.seen[id] = true
			m.seq++
			fresh = append(fresh, id)
			if !i.Done {
				m.queues[c] = append(m.queues[c], mItem{m.seq, id, said})
			}
		}
	}
	return fresh
}

func (m *model) move(from, to Conv) {
	old, present := m.talk(from), m.talk(to)
	*old = append(*old, *present...)
	for _, t := range m.turns {
		if t.history == present {
			t.history = old
		}
		if t.conv == from {
			t.conv = to
		}
	}
	m.history[to] = old
	delete(m.history, from)
	m.queues[to] = append(m.queues[to], m.queues[from]...)
	slices.SortFunc(m.queues[to], func(a, b mItem) int { return cmp.Compare(a.seq, b.seq) })
	delete(m.queues, from)
}

// view is what can be seen of a store.
type view struct {
	Queues, History map[Conv][]string
	Turns           []string
}

func (m *model) view() view {
	v := view{Queues: map[Conv][]string{}, History: map[Conv][]string{}}
	line := func(items []mItem) (all []string) {
		for _, it := range items {
			all = append(all, it.id+"="+it.text)
		}
		return all
	}
	for c, q := range m.queues {
		v.Queues[c] = line(q)
	}
	for c, h := range m.history {
		v.History[c] = *h
	}
	for _, id := range slices.Sorted(maps.Keys(m.turns)) {
		t := m.turns[id]
		v.Turns = append(v.Turns, fmt.Sprint(id, t.conv, t.state, line(t.items), t.parts, t.final))
	}
	return v
}

func viewOf(t *rapid.T, s *Store, convs []Conv) view {
	v := view{Queues: map[Conv][]string{}, History: map[Conv][]string{}}
	line := func(items []Item) (all []string) {
		for i, it := range items {
			said := it.Message.Text
			if it.Redacted {
				said += "redacted"
			}
			if i > 0 && items[i-1].Seq >= it.Seq {
				t.Fatalf("out of order: %d after %d", it.Seq, items[i-1].Seq)
			}
			all = append(all, string(it.Message.ID)+"="+said)
		}
		return all
	}
	for _, c := range convs {
		v.Queues[c] = line(s.Queue(c))
		h, err := s.History(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range h {
			v.History[c] = append(v.History[c], string(one))
		}
	}
	undone, err := s.Undone(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range undone {
		parts := map[int]string{}
		for _, p := range u.Parts {
			parts[p.N] = string(p.ID) + p.Text
		}
		v.Turns = append(v.Turns, fmt.Sprint(u.ID, u.Conv, u.State, line(u.Items), parts, u.Final))
	}
	return v
}

func same(t *rapid.T, m *model, s *Store, convs []Conv) {
	got, want := viewOf(t, s, convs), m.view()
	waiting := map[Conv]bool{}
	queued := 0
	for c := range want.Queues {
		queued += len(want.Queues[c])
		waiting[c] = len(want.Queues[c]) > 0
	}
	for _, u := range m.turns {
		waiting[u.conv] = true
	}
	maps.DeleteFunc(waiting, func(_ Conv, w bool) bool { return !w })
	if s.Queued() != queued || len(s.Waiting()) != len(waiting) {
		t.Fatalf("queued %d, waiting %v; want %d, %v", s.Queued(), s.Waiting(), queued, waiting)
	}
	for _, c := range convs {
		if !slices.Equal(got.Queues[c], want.Queues[c]) {
			t.Fatalf("queue of %v: %v, want %v", c, got.Queues[c], want.Queues[c])
		}
		if !slices.Equal(got.History[c], want.History[c]) {
			t.Fatalf("history of %v: %v, want %v", c, got.History[c], want.History[c])
		}
	}
	kept := 0
	for _, u := range m.turns {
		queued += len(u.items)
	}
	if err := s.read(t.Context(), "bodies", func(r *sql.Rows) error { return r.Scan(&kept) }, "SELECT COUNT(*) FROM bodies"); err != nil || kept != queued {
		t.Fatalf("%d bodies are kept, want %d; %v", kept, queued, err)
	}
	if !slices.Equal(got.Turns, want.Turns) {
		t.Fatalf("turns:\n%v, want\n%v", got.Turns, want.Turns)
	}
}

func TestModel(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		path := filepath.Join(dir, fmt.Sprint(n), "gateway.db")
		if n%2 == 0 {
			path = memory
		}
		modelRun(t, path)
	})
}

func modelRun(t *rapid.T, path string) {
	ctx := t.Context()
	s, err := Open(ctx, path, Options{Sync: "normal"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	m := &model{seen: map[string]bool{}, queues: map[Conv][]mItem{}, turns: map[int64]*mTurn{}, history: map[Conv]*[]string{}}
	convs := []Conv{{tg, "a"}, {tg, "b"}, {tg, "c"}}
	conv := rapid.SampledFrom(convs)
	serial := 0
	ok := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	turn := func() (int64, *mTurn) {
		ids := slices.Sorted(maps.Keys(m.turns))
		if len(ids) == 0 {
			t.Skip("no turn")
		}
		id := rapid.SampledFrom(ids).Draw(t, "turn")
		return id, m.turns[id]
	}
	t.Repeat(map[string]func(*rapid.T){
		"": func(t *rapid.T) { same(t, m, s, convs) },
		"keep": func(t *rapid.T) {
			var in []Incoming
			for range rapid.IntRange(1, 4).Draw(t, "messages") {
				serial++
				id := fmt.Sprintf("m%d", rapid.IntRange(max(0, serial-6), serial).Draw(t, "id"))
				in = append(in, Incoming{
					Message: channels.Message{
						Conversation: conv.Draw(t, "conv").Conversation, ID: channels.MessageID(id), Text: fmt.Sprintf("text %d", serial),
						Edited: rapid.IntRange(0, 3).Draw(t, "edited") == 0,
					},
					Redact: rapid.IntRange(0, 5).Draw(t, "redact") == 0,
					Done:   rapid.IntRange(0, 5).Draw(t, "done") == 0,
				})
			}
			items, err := s.Keep(ctx, tg, in, map[string]string{"offset": fmt.Sprint(serial)}, nil)
			ok(err)
			var fresh []string
			for _, it := range items {
				fresh = append(fresh, string(it.Message.ID))
			}
			if want := m.keep(in); !slices.Equal(fresh, want) {
				t.Fatalf("new: %v, want %v", fresh, want)
			}
			if mark, err := s.Mark(ctx, tg, "offset"); err != nil || mark != fmt.Sprint(serial) {
				t.Fatalf("mark %q %v", mark, err)
			}
		},
		"begin": func(t *rapid.T) {
			c := conv.Draw(t, "conv")
			q := s.Queue(c)
			k := rapid.IntRange(0, len(q)).Draw(t, "items")
			u, err := s.Begin(ctx, c, "model", seqs(q[:k]), rapid.Bool().Draw(t, "wait"))
			ok(err)
			m.turns[u.ID] = &mTurn{conv: c, state: Running, items: slices.Clone(m.queues[c][:k]), parts: map[int]string{}, history: m.talk(c)}
			m.queues[c] = m.queues[c][k:]
		},
		"part": func(t *rapid.T) {
			id, u := turn()
			p := Part{N: rapid.IntRange(0, 2).Draw(t, "n"), ID: "b", Text: fmt.Sprint(serial)}
			s.SetPart(id, p)
			u.parts[p.N] = string(p.ID) + p.Text
		},
		"answer": func(t *rapid.T) {
			id, u := turn()
			serial++
			s.Answer(id, fmt.Sprint(serial), raw(fmt.Sprint(serial), "true"))
			if u.state == Running {
				u.state, u.final = Answered, fmt.Sprint(serial)
				*u.history = append(*u.history, fmt.Sprint(serial), "true")
			}
		},
		"finish": func(t *rapid.T) {
			id, _ := turn()
			s.Finish(id)
			s.SetPart(id, Part{N: 9, ID: "late"})
			s.Answer(id, "late", raw(`"late"`))
			delete(m.turns, id)
		},
		"stop": func(t *rapid.T) {
			c := conv.Draw(t, "conv")
			q := s.Queue(c)
			k := rapid.IntRange(0, len(q)).Draw(t, "items")
			upTo := int64(0)
			if k > 0 {
				upTo = q[k-1].Seq
			}
			want := k
			for id, u := range m.turns {
				if u.conv == c {
					want++
					delete(m.turns, id)
				}
			}
			m.queues[c] = m.queues[c][k:]
			n, err := s.Stop(ctx, c, upTo)
			ok(err)
			if n != want {
				t.Fatalf("stopped %d, want %d", n, want)
			}
		},
		"drop": func(t *rapid.T) {
			c := conv.Draw(t, "conv")
			if len(m.queues[c]) == 0 {
				t.Skip("nothing queued")
			}
			k := rapid.IntRange(0, len(m.queues[c])-1).Draw(t, "item")
			ok(s.Drop(ctx, s.Queue(c)[k].Seq, 1<<40))
			m.queues[c] = slices.Delete(slices.Clone(m.queues[c]), k, k+1)
		},
		"history": func(t *rapid.T) {
			c := conv.Draw(t, "conv")
			serial++
			ok(s.AppendHistory(ctx, c, raw(fmt.Sprint(serial))...))
			*m.talk(c) = append(*m.talk(c), fmt.Sprint(serial))
		},
		"trim": func(t *rapid.T) {
			h := m.talk(conv.Draw(t, "conv"))
			k := rapid.IntRange(0, len(*h)+1).Draw(t, "from")
			for c, have := range m.history {
				if have == h {
					ok(s.TrimHistory(ctx, c, k))
				}
			}
			*h = slices.Clone((*h)[min(k, len(*h)):])
		},
		"reset": func(t *rapid.T) {
			c := conv.Draw(t, "conv")
			ok(s.Reset(ctx, c))
			m.history[c] = &[]string{}
		},
		"set": func(t *rapid.T) {
			c := conv.Draw(t, "conv")
			ok(s.SetConversation(ctx, Conversation{Conv: c, Model: fmt.Sprint(serial), Epoch: 99}))
			got, err := s.Conversation(ctx, c)
			ok(err)
			if got.Model != fmt.Sprint(serial) || got.Epoch == 99 {
				t.Fatalf("conversation %+v", got)
			}
		},
		"move": func(t *rapid.T) {
			from, to := conv.Draw(t, "from"), conv.Draw(t, "to")
			if from == to {
				t.Skip("the same")
			}
			_, err := s.Keep(ctx, tg, nil, nil, map[channels.ConversationID]channels.ConversationID{from.Conversation: to.Conversation})
			ok(err)
			m.move(from, to)
		},
		"prune": func(t *rapid.T) {
			if rapid.IntRange(0, 3).Draw(t, "really") > 0 {
				t.Skip("seldom")
			}
			_, err := s.Prune(ctx, s.now().AddDate(-1, 0, 0)) // nothing is so old
			ok(err)
		},
		"reopen": func(t *rapid.T) {
			if path == memory {
				t.Skip("in memory")
			}
			ok(s.Close())
			s, err = Open(ctx, path, Options{Sync: "normal"})
			ok(err)
		},
	})
}
