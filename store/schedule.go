package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"chatgateway/channels"
)

// schedule is what is undone, so that finding work costs no query. Store.mu guards it.
type schedule struct {
	lanes  map[Conv]*lane
	convs  map[int64]Conv // of each queued item, by Seq
	undone map[int64]*undone
}

// lane is what waits in one conversation.
type lane struct {
	items []Item // by Seq
	turns int    // undone ones
}

// undone is a turn that is not done.
type undone struct {
	conv Conv
	seqs []int64
}

func (p *schedule) load(ctx context.Context, q querier) error {
	*p = schedule{lanes: map[Conv]*lane{}, convs: map[int64]Conv{}, undone: map[int64]*undone{}}
	err := each(ctx, q, func(r *sql.Rows) error {
		var id int64
		var c Conv
		if err := r.Scan(&id, &c.Account, &c.Conversation); err != nil {
			return err
		}
		p.begin(id, c, nil)
		return nil
	}, "SELECT id, account, conversation FROM turns WHERE state IN ('running', 'answered') ORDER BY id")
	if err != nil {
		return err
	}
	return each(ctx, q, scanItem(func(it Item, turn int64) {
		if turn == 0 {
			p.add(it)
		} else if u := p.undone[turn]; u != nil {
			u.seqs = append(u.seqs, it.Seq)
		}
	}), selectItems)
}

// selectItems selects, in order, the items that are queued (turn is 0) or in a turn, for scanItem.
const selectItems = `SELECT m.seq, m.account, m.conversation, m.turn, m.kept, m.redacted, b.body
	FROM bodies b JOIN messages m ON m.seq = b.seq WHERE m.state < 2 ORDER BY b.seq`

func scanItem(f func(it Item, turn int64)) func(*sql.Rows) error {
	return func(r *sql.Rows) error {
		var it Item
		var c Conv
		var kept, turn int64
		var body string
		if err := r.Scan(&it.Seq, &c.Account, &c.Conversation, &turn, &kept, &it.Redacted, &body); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(body), &it.Message); err != nil {
			return fmt.Errorf("message %d cannot be read: %w", it.Seq, err)
		}
		it.Account, it.Message.Conversation, it.Kept = c.Account, c.Conversation, fromMillis(kept)
		f(it, turn)
		return nil
	}
}

func (it Item) conv() Conv { return Conv{it.Account, it.Message.Conversation} }

func (p *schedule) lane(c Conv) *lane {
	l := p.lanes[c]
	if l == nil {
		l = &lane{}
		p.lanes[c] = l
	}
	return l
}

// tidy forgets a lane in which nothing waits.
func (p *schedule) tidy(c Conv) {
	if l := p.lanes[c]; l != nil && len(l.items) == 0 && l.turns == 0 {
		delete(p.lanes, c)
	}
}

// add puts items in their lanes, each at its place.
func (p *schedule) add(items ...Item) {
	for _, it := range items {
		l := p.lane(it.conv())
		at, _ := slices.BinarySearchFunc(l.items, it.Seq, bySeq)
		l.items = slices.Insert(l.items, at, it)
		p.convs[it.Seq] = it.conv()
	}
}

func bySeq(it Item, seq int64) int { return cmp.Compare(it.Seq, seq) }

// take removes the items of c that want asks for and gives them, in order.
func (p *schedule) take(c Conv, want func(Item) bool) []Item {
	l := p.lanes[c]
	if l == nil {
		return nil
	}
	var taken, left []Item
	for _, it := range l.items {
		if want(it) {
			taken = append(taken, it)
			delete(p.convs, it.Seq)
		} else {
			left = append(left, it)
		}
	}
	l.items = left
	p.tidy(c)
	return taken
}

// edit replaces what a queued item says.
func (p *schedule) edit(c Conv, id channels.MessageID, m channels.Message, redacted bool) {
	if l := p.lanes[c]; l != nil {
		for i := range l.items {
			if l.items[i].Message.ID == id {
				l.items[i].Message, l.items[i].Redacted = m, redacted
			}
		}
	}
}

func (p *schedule) begin(id int64, c Conv, seqs []int64) *undone {
	u := &undone{conv: c, seqs: seqs}
	p.undone[id] = u
	p.lane(c).turns++
	return u
}

// end forgets a turn and gives it; nil if it is not undone.
func (p *schedule) end(id int64) *undone {
	u := p.undone[id]
	if u == nil {
		return nil
	}
	delete(p.undone, id)
	p.lane(u.conv).turns--
	p.tidy(u.conv)
	return u
}

// endAll forgets the turns of a conversation and gives them.
func (p *schedule) endAll(c Conv) map[int64]*undone {
	ended := map[int64]*undone{}
	for id, u := range p.undone {
		if u.conv == c {
			ended[id] = p.end(id)
		}
	}
	return ended
}

// move puts what waits in one conversation into another.
func (p *schedule) move(from, to Conv) {
	items := p.take(from, func(Item) bool { return true })
	for i := range items {
		items[i].Message.Conversation = to.Conversation
	}
	p.add(items...)
	for id, u := range p.endAll(from) {
		p.begin(id, to, u.seqs)
	}
}

// Waiting gives the conversations with queued items or undone turns.
func (s *Store) Waiting() []Conv {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := make([]Conv, 0, len(s.plan.lanes))
	for c := range s.plan.lanes {
		waiting = append(waiting, c)
	}
	return waiting
}

// Queue gives what was kept, is not done and in no turn, in order.
func (s *Store) Queue(c Conv) []Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.plan.lanes[c]; l != nil {
		return slices.Clone(l.items)
	}
	return nil
}

// Queued counts what all queues hold.
func (s *Store) Queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.plan.convs)
}
