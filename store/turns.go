package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"chatgateway/channels"
)

// Begin makes a running turn of queued items and takes them from the queue. With wait it returns after the commit, so
// that a crash never runs it unnoticed: a command runs at most once. Without, it returns at once and the write follows
// in its order: after a crash the items may be queued again. It fails if one of seqs is not in the conversation's
// queue, and then nothing has changed.
func (s *Store) Begin(ctx context.Context, c Conv, kind string, seqs []int64, wait bool) (Turn, error) {
	s.mu.Lock()
	t, o, err := s.begin(c, kind, slices.Clone(seqs))
	if err == nil && wait {
		o.result = make(chan error, 1)
	} else if err == nil {
		o.lazy = lazyWait
	}
	if err == nil {
		if err = s.hand(o); err != nil {
			o.after(err)
		}
	}
	s.mu.Unlock()
	if err != nil {
		return Turn{}, err
	}
	if wait {
		if err := o.wait(ctx); err != nil {
			return Turn{}, err
		}
	}
	return t, nil
}

// begin makes the turn in the schedule, and the write for it. s.mu is held.
func (s *Store) begin(c Conv, kind string, seqs []int64) (Turn, *op, error) {
	slices.Sort(seqs)
	for _, seq := range seqs {
		if have, ok := s.plan.convs[seq]; !ok || have != c {
			return Turn{}, nil, fmt.Errorf("store: begin: message %d is not queued there", seq)
		}
	}
	items := s.plan.take(c, func(it Item) bool { _, wanted := slices.BinarySearch(seqs, it.Seq); return wanted })
	s.turn++
	id, begun := s.turn, s.now()
	s.plan.begin(id, c, seqs)
	t := Turn{ID: id, Conv: c, Kind: kind, State: Running, Items: items, Begun: fromMillis(millis(begun))}
	return t, &op{
		run: func(ctx context.Context, t *tx) error { return insertTurn(ctx, t, id, c, kind, seqs, millis(begun)) },
		after: func(err error) {
			if err != nil && s.plan.end(id) != nil {
				s.plan.add(items...)
			}
		},
	}, nil
}

// insertTurn writes a turn, of those items only that are still queued: a Stop may have been quicker.
func insertTurn(ctx context.Context, t *tx, id int64, c Conv, kind string, seqs []int64, begun int64) error {
	var taken int64
	for _, seq := range seqs {
		n, err := t.exec(ctx, "UPDATE messages SET state = 1, turn = ? WHERE seq = ? AND state = 0", id, seq)
		if err != nil {
			return fmt.Errorf("store: begin: %w", err)
		}
		taken += n
	}
	if taken == 0 && len(seqs) > 0 {
		return nil
	}
	_, err := t.exec(ctx, `INSERT INTO turns (id, account, conversation, kind, state, begun, epoch) VALUES (?, ?, ?, ?, 'running', ?,
		COALESCE((SELECT epoch FROM conversations WHERE account = ? AND conversation = ?), 0))`,
		id, c.Account, c.Conversation, kind, begun, c.Account, c.Conversation)
	if err != nil {
		return fmt.Errorf("store: begin: %w", err)
	}
	return nil
}

// later hands in a write in the background; what prevents it is logged and in Err.
func (s *Store) later(what string, run func(ctx context.Context, t *tx) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.laterLocked(what, 0, run)
}

func (s *Store) laterLocked(what string, lazy time.Duration, run func(ctx context.Context, t *tx) error) {
	err := s.hand(&op{lazy: lazy, run: func(ctx context.Context, t *tx) error {
		if err := run(ctx, t); err != nil {
			return fmt.Errorf("store: %s: %w", what, err)
		}
		return nil
	}})
	if err != nil {
		s.log.Warn("not written: "+what, "err", err)
	}
}

// SetModel notes which model a turn asks. It returns at once; it is written in order. Of a turn that is done or
// stopped it does nothing, like SetPart, Answer and Finish.
func (s *Store) SetModel(turn int64, model string) {
	s.later("model of a turn", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, "UPDATE turns SET model = ? WHERE id = ? AND state IN ('running', 'answered')", model, turn)
		return err
	})
}

// SetPart notes that part p.N of an answer is shown in message p.ID with this text. It returns at once; it is written
// in order. A part noted before is replaced.
func (s *Store) SetPart(turn int64, p Part) {
	s.later("part of an answer", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `INSERT INTO parts (turn, n, message, text)
			SELECT id, CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT) FROM turns WHERE id = ? AND state IN ('running', 'answered')
			ON CONFLICT (turn, n) DO UPDATE SET message = excluded.message, text = excluded.text`, p.N, p.ID, p.Text, turn)
		return err
	})
}

// SetChoices notes the buttons under the answer that a running turn will have. It returns at once; it is written in order.
func (s *Store) SetChoices(turn int64, choices []channels.Choice) {
	s.later("buttons of an answer", func(ctx context.Context, t *tx) error {
		text := ""
		if len(choices) > 0 {
			b, err := json.Marshal(choices)
			if err != nil {
				return err
			}
			text = string(b)
		}
		_, err := t.exec(ctx, "UPDATE turns SET choices = ? WHERE id = ? AND state = 'running'", text, turn)
		return err
	})
}

// Answer notes the final text of a running turn and appends to the history of the epoch in which the turn began, in one
// commit. It returns at once; it is written in order, within lazyWait. A turn that was stopped leaves no trace.
func (s *Store) Answer(turn int64, final string, history []json.RawMessage) {
	history = slices.Clone(history)
	now := millis(s.now())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.laterLocked("answer", lazyWait, func(ctx context.Context, t *tx) error {
		var c Conv
		var epoch int64
		found, err := one(ctx, t, []any{&c.Account, &c.Conversation, &epoch},
			"UPDATE turns SET state = 'answered', final = ? WHERE id = ? AND state = 'running' RETURNING account, conversation, epoch", final, turn)
		if err != nil || !found || len(history) == 0 {
			return err
		}
		return appendHistory(ctx, t, c, epoch, now, history)
	})
}

// Finish notes that a turn is done: delivered, or given up. It returns at once; it is written in order, within endWait.
// What its messages said is removed; what it said is in the history only.
func (s *Store) Finish(turn int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.plan.end(turn)
	if u == nil {
		return
	}
	s.laterLocked("end of a turn", endWait, func(ctx context.Context, t *tx) error {
		for _, seq := range u.seqs {
			if err := doneWith(ctx, t, seq, turn); err != nil {
				return err
			}
		}
		if _, err := t.exec(ctx, "DELETE FROM parts WHERE turn = ?", turn); err != nil {
			return err
		}
		_, err := t.exec(ctx, "UPDATE turns SET state = 'done', final = '', choices = '' WHERE id = ? AND state IN ('running', 'answered')", turn)
		return err
	})
}

// Stop stops every queued item with Seq up to upTo and every undone turn of the conversation, durably: when it returns,
// none of them comes back, also after a crash. It counts the items and turns. They are out of the queue as soon as it is
// called; if it fails they are back. Turns that run must be ended by whoever runs them; what they write is ignored.
func (s *Store) Stop(ctx context.Context, c Conv, upTo int64) (int, error) {
	n, wait := s.Stopping(c, upTo)
	if err := wait(ctx); err != nil {
		return 0, err
	}
	return n, nil
}

// Stopping begins a Stop and returns at once; wait returns when it is durable, or has failed.
func (s *Store) Stopping(c Conv, upTo int64) (n int, wait func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := s.plan.take(c, func(it Item) bool { return it.Seq <= upTo })
	turns := s.plan.endAll(c)
	o := &op{
		result: make(chan error, 1),
		run:    func(ctx context.Context, t *tx) error { return stop(ctx, t, c, upTo) },
		after: func(err error) {
			if err == nil {
				return
			}
			s.plan.add(items...)
			for id, u := range turns {
				s.plan.begin(id, u.conv, u.seqs)
			}
		},
	}
	if err := s.hand(o); err != nil {
		o.after(err)
		return 0, func(context.Context) error { return err }
	}
	return len(items) + len(turns), o.wait
}

func stop(ctx context.Context, t *tx, c Conv, upTo int64) error {
	for _, q := range []struct {
		query string
		args  []any
	}{
		{`UPDATE messages SET state = 3 WHERE seq IN (SELECT seq FROM bodies)
			AND state < 2 AND account = ? AND conversation = ? AND (state = 1 OR seq <= ?)`, []any{c.Account, c.Conversation, upTo}},
		{"DELETE FROM bodies WHERE seq IN (SELECT b.seq FROM bodies b JOIN messages m ON m.seq = b.seq WHERE m.state = 3)", nil},
		{`DELETE FROM parts WHERE turn IN (SELECT id FROM turns
			WHERE state IN ('running', 'answered') AND account = ? AND conversation = ?)`, []any{c.Account, c.Conversation}},
		{`UPDATE turns SET state = 'stopped', final = '', choices = '' WHERE state IN ('running', 'answered') AND account = ? AND conversation = ?`,
			[]any{c.Account, c.Conversation}},
	} {
		if _, err := t.exec(ctx, q.query, q.args...); err != nil {
			return fmt.Errorf("store: stop: %w", err)
		}
	}
	return nil
}

// Undone gives the running and answered turns with their items and parts, the oldest first. It is for the start.
func (s *Store) Undone(ctx context.Context) (turns []Turn, err error) {
	err = s.atStart(ctx, "undone turns", func(ctx context.Context, q querier) error {
		turns, err = undoneTurns(ctx, q)
		return err
	})
	return turns, err
}

func undoneTurns(ctx context.Context, q querier) ([]Turn, error) {
	var turns []Turn
	at := map[int64]int{}
	err := each(ctx, q, func(r *sql.Rows) error {
		var t Turn
		var begun int64
		var choices string
		if err := r.Scan(&t.ID, &t.Conv.Account, &t.Conv.Conversation, &t.Kind, &t.State, &begun, &t.Model, &t.Final, &choices); err != nil {
			return err
		}
		if choices != "" {
			if err := json.Unmarshal([]byte(choices), &t.Choices); err != nil {
				return err
			}
		}
		t.Begun = fromMillis(begun)
		at[t.ID] = len(turns)
		turns = append(turns, t)
		return nil
	}, "SELECT id, account, conversation, kind, state, begun, model, final, choices FROM turns WHERE state IN ('running', 'answered') ORDER BY id")
	if err != nil {
		return nil, err
	}
	err = each(ctx, q, func(r *sql.Rows) error {
		var p Part
		var turn int64
		if err := r.Scan(&turn, &p.N, &p.ID, &p.Text); err != nil {
			return err
		}
		if i, ok := at[turn]; ok {
			turns[i].Parts = append(turns[i].Parts, p)
		}
		return nil
	}, "SELECT turn, n, message, text FROM parts ORDER BY turn, n")
	if err != nil {
		return nil, err
	}
	items := func(it Item, turn int64) {
		if i, ok := at[turn]; ok {
			turns[i].Items = append(turns[i].Items, it)
		}
	}
	err = each(ctx, q, scanItem(items), selectItems)
	return turns, err
}
