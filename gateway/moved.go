package gateway

import (
	"context"
	"maps"
	"slices"

	"chatgateway/store"
)

// moved lets what waits and what runs go on where its conversation has moved to.
func (g *Gateway) moved(ctx context.Context, from, to store.Conv) {
	if err := g.o.Auth.MoveScope(ctx, scopeOf(from), scopeOf(to)); err != nil {
		g.log.Warn("the order of the accounts is not taken along", "conversation", string(to.Conversation), "err", err)
	}
	g.mu.Lock()
	s := g.sessions[from]
	delete(g.sessions, from)
	g.mu.Unlock()
	if s != nil {
		s.interrupt(movedTo{to})
	}
	g.mu.Lock()
	for i := range g.undone {
		if g.undone[i].Conv == from {
			g.undone[i] = atNewPlace(g.undone[i], to)
		}
	}
	g.mu.Unlock()
	g.wake(to)
}

// atNewPlace gives a turn as it goes on where its conversation moved to: what was shown of it stays behind.
func atNewPlace(t store.Turn, to store.Conv) store.Turn {
	t.Conv, t.Parts, t.Items = to, nil, slices.Clone(t.Items)
	for i := range t.Items {
		t.Items[i].Message.Conversation = to.Conversation
	}
	return t
}

// move lets what is asked in one conversation be answered in another. It comes before the messages of its batch, which
// may hold the answer.
func (q *questions) move(from, to store.Conv) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if from == to {
		return
	}
	q.moves[from] = to
	delete(q.moves, to) // it has come back
	rekey(q.open, from, to, join)
	rekey(q.coming, from, to, join)
	rekey(q.early, from, to, join)
	rekey(q.cuts, from, to, join)
	rekey(q.asking, from, to, sum)
	rekey(q.eager, from, to, sum)
	rekey(q.stops, from, to, func(a, b map[int]func()) map[int]func() {
		if a == nil {
			return b
		}
		maps.Copy(a, b)
		return a
	})
}

func join[T any](a, b []T) []T { return append(a, b...) }

func sum(a, b int) int { return a + b }

func rekey[V any](m map[askKey]V, from, to store.Conv, both func(a, b V) V) {
	for k, v := range m {
		if k.conv == from {
			delete(m, k)
			k.conv = to
			m[k] = both(m[k], v)
		}
	}
}

// key gives a key as it is now. q.mu is held.
func (q *questions) key(k askKey) askKey {
	k.conv = q.last(k.conv)
	return k
}

// last gives where a conversation goes on. q.mu is held.
func (q *questions) last(c store.Conv) store.Conv {
	for range len(q.moves) {
		to, ok := q.moves[c]
		if !ok {
			break
		}
		c = to
	}
	return c
}

// now gives where a conversation goes on.
func (q *questions) now(c store.Conv) store.Conv {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.last(c)
}
