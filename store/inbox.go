package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"chatgateway/channels"
)

// The states of a message.
const (
	queued  = 0
	inTurn  = 1
	done    = 2
	stopped = 3
)

// envelope is what is kept of a redacted message: who and where, not what.
func envelope(m channels.Message) channels.Message {
	return channels.Message{
		Conversation: m.Conversation, ID: m.ID, Answers: m.Answers, From: m.From, Places: m.Places, Roles: m.Roles,
		Private: m.Private, Addressed: m.Addressed, Edited: m.Edited, Time: m.Time,
	}
}

// keep is one Keep under way.
type keep struct {
	account channels.AccountID
	fresh   []Item
	done    map[int64]bool // of them, those with which nothing is to be done
	edits   []Incoming
}

// Keep commits all of it or nothing, durably, and gives the new messages in order, those with Done too. A message
// whose ID was taken before is left out. One without an ID is always new. Of one with Redact, who and where is kept,
// and no byte of what it says.
//
// Edited replaces what an item says that is still queued, and is not given back; with Redact it blanks it, in the file
// and its log too; with Done it takes it out of the queue. If the original is in a turn, done or unknown, the edit is
// ignored.
//
// First of all, moved gives everything of a conversation to another: queue, turns, history, settings, questions,
// presses. Where both have a history, that of the old one comes first. Messages in the same call go to the new one.
func (s *Store) Keep(ctx context.Context, account channels.AccountID, in []Incoming, marks map[string]string, moved map[channels.ConversationID]channels.ConversationID) ([]Item, error) {
	if len(in) == 0 && len(marks) == 0 && len(moved) == 0 {
		return nil, nil
	}
	bodies := make([]string, len(in))
	msgs := make([]Incoming, len(in))
	for i, m := range in {
		if to, ok := moved[m.Message.Conversation]; ok {
			m.Message.Conversation = to
		}
		if m.Redact {
			m.Message = envelope(m.Message)
		}
		body, err := json.Marshal(m.Message)
		if err != nil {
			return nil, fmt.Errorf("store: keep: %w", err)
		}
		msgs[i], bodies[i] = m, string(body)
	}
	var k keep
	err := s.write(ctx, &op{
		outdate: len(moved) > 0,
		run: func(ctx context.Context, t *tx) error {
			k = keep{account: account, done: map[int64]bool{}}
			for from, to := range moved {
				if err := move(ctx, t, Conv{account, from}, Conv{account, to}); err != nil {
					return fmt.Errorf("store: move a conversation: %w", err)
				}
			}
			for i, m := range msgs {
				if err := s.keepOne(ctx, t, &k, m, bodies[i]); err != nil {
					return fmt.Errorf("store: keep: %w", err)
				}
			}
			for key, value := range marks {
				if err := keepMark(ctx, t, account, key, value); err != nil {
					return fmt.Errorf("store: keep a mark: %w", err)
				}
			}
			return nil
		},
		after: func(err error) {
			if err == nil {
				s.planKept(&k, moved)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	return k.fresh, nil
}

// keepMark keeps a mark; an empty one is removed.
func keepMark(ctx context.Context, t *tx, account channels.AccountID, key, value string) error {
	if value == "" {
		_, err := t.exec(ctx, dropMark, account, key)
		return err
	}
	_, err := t.exec(ctx, setMark, account, key, value)
	return err
}

const (
	setMark = `INSERT INTO marks (account, name, value) VALUES (?, ?, ?)
		ON CONFLICT (account, name) DO UPDATE SET value = excluded.value`
	dropMark      = `DELETE FROM marks WHERE account = ? AND name = ?`
	insertMessage = `INSERT INTO messages (seq, account, conversation, message, state, kept, redacted)
		VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account, message) DO NOTHING`
	insertBody  = "INSERT INTO bodies (seq, body) VALUES (?, ?)"
	editMessage = `UPDATE messages SET state = ?, redacted = ?
		WHERE account = ? AND message = ? AND conversation = ? AND state = 0 RETURNING seq`
)

func (s *Store) keepOne(ctx context.Context, t *tx, k *keep, in Incoming, body string) error {
	m := in.Message
	if m.Edited {
		return k.edit(ctx, t, in, body)
	}
	state := queued
	if in.Done {
		state = done
	}
	now := s.now()
	s.seq++
	id := sql.NullString{String: string(m.ID), Valid: m.ID != ""}
	n, err := t.exec(ctx, insertMessage, s.seq, k.account, m.Conversation, id, state, millis(now), flag(in.Redact))
	if err != nil || n == 0 {
		return err
	}
	k.fresh = append(k.fresh, Item{Seq: s.seq, Account: k.account, Message: m, Redacted: in.Redact, Kept: fromMillis(millis(now))})
	k.done[s.seq] = in.Done
	if !in.Done {
		_, err = t.exec(ctx, insertBody, s.seq, body)
	}
	return err
}

func (k *keep) edit(ctx context.Context, t *tx, in Incoming, body string) error {
	m := in.Message
	state := queued
	if in.Done {
		state = done
	}
	var seq int64
	found, err := one(ctx, t, []any{&seq}, editMessage, state, flag(in.Redact), k.account, m.ID, m.Conversation)
	if err != nil || !found {
		return err
	}
	k.edits = append(k.edits, in)
	for i, it := range k.fresh { // it may be of this very call
		if it.Seq == seq {
			k.fresh[i].Message, k.fresh[i].Redacted = m, in.Redact
		}
	}
	if in.Done {
		_, err = t.exec(ctx, "DELETE FROM bodies WHERE seq = ?", seq)
	} else {
		_, err = t.exec(ctx, "UPDATE bodies SET body = ? WHERE seq = ?", body, seq)
	}
	if err != nil || !in.Redact {
		return err
	}
	return blank(ctx, t)
}

// blank sees to it that no byte of what was removed from bodies stays in the file or its log.
func blank(ctx context.Context, t *tx) error {
	t.scrub = true
	for _, query := range []string{
		"INSERT INTO bodies_anew SELECT seq, body FROM bodies", "DELETE FROM bodies",
		"INSERT INTO bodies SELECT seq, body FROM bodies_anew", "DELETE FROM bodies_anew",
	} {
		if _, err := t.exec(ctx, query); err != nil {
			return err
		}
	}
	return nil
}

// planKept brings a Keep that was committed into the schedule. s.mu is held.
func (s *Store) planKept(k *keep, moved map[channels.ConversationID]channels.ConversationID) {
	for from, to := range moved {
		s.plan.move(Conv{k.account, from}, Conv{k.account, to})
	}
	for _, it := range k.fresh {
		if !k.done[it.Seq] {
			s.plan.add(it)
		}
	}
	for _, e := range k.edits {
		c := Conv{k.account, e.Message.Conversation}
		if e.Done {
			s.plan.take(c, func(it Item) bool { return it.Message.ID == e.Message.ID })
			continue
		}
		s.plan.edit(c, e.Message.ID, e.Message, e.Redact)
	}
}

// move re-keys everything of a conversation. What the new one had in its present epoch follows what the old one had.
func move(ctx context.Context, t *tx, from, to Conv) error {
	if from == to {
		return nil
	}
	var old, present, last int64
	had, err := one(ctx, t, []any{&old}, "SELECT epoch FROM conversations WHERE account = ? AND conversation = ?", from.Account, from.Conversation)
	if err != nil {
		return err
	}
	if _, err := one(ctx, t, []any{&present}, "SELECT epoch FROM conversations WHERE account = ? AND conversation = ?", to.Account, to.Conversation); err != nil {
		return err
	}
	if _, err := one(ctx, t, []any{&last}, `SELECT COALESCE(MAX(n), 0) FROM history
		WHERE account = ? AND conversation = ? AND epoch = ?`, from.Account, from.Conversation, old); err != nil {
		return err
	}
	a, f, c := string(from.Account), string(from.Conversation), string(to.Conversation)
	type change struct {
		query string
		args  []any
	}
	steps := []change{
		{"DELETE FROM history WHERE account = ? AND conversation = ? AND epoch <> ?", []any{a, c, present}},
		// by way of the negative, so that no row meets one that has still to go out of its way
		{"UPDATE history SET epoch = ?, n = -(n + ?) WHERE account = ? AND conversation = ?", []any{old, last, a, c}},
		{"UPDATE history SET conversation = ? WHERE account = ? AND conversation = ?", []any{c, a, f}},
		{"UPDATE history SET n = -n WHERE account = ? AND conversation = ? AND n < 0", []any{a, c}},
		{"UPDATE messages SET conversation = ? WHERE account = ? AND conversation = ?", []any{c, a, f}},
		{"UPDATE turns SET epoch = CASE WHEN epoch = ? THEN ? ELSE -1 END WHERE account = ? AND conversation = ?", []any{present, old, a, c}},
		{"UPDATE turns SET conversation = ? WHERE account = ? AND conversation = ?", []any{c, a, f}},
		{"UPDATE questions SET conversation = ? WHERE account = ? AND conversation = ?", []any{c, a, f}},
		{"UPDATE presses SET conversation = ? WHERE account = ? AND conversation = ?", []any{c, a, f}},
	}
	if had {
		steps = append(steps,
			change{"DELETE FROM conversations WHERE account = ? AND conversation = ?", []any{a, c}},
			change{"UPDATE conversations SET conversation = ? WHERE account = ? AND conversation = ?", []any{c, a, f}})
	} else {
		steps = append(steps, change{"UPDATE conversations SET epoch = 0 WHERE account = ? AND conversation = ?", []any{a, c}})
	}
	for _, st := range steps {
		if _, err := t.exec(ctx, st.query, st.args...); err != nil {
			return err
		}
	}
	return nil
}

// Mark gives a mark that was kept; "" if there is none.
func (s *Store) Mark(ctx context.Context, account channels.AccountID, key string) (string, error) {
	var value string
	err := s.read(ctx, "mark", func(r *sql.Rows) error { return r.Scan(&value) },
		"SELECT value FROM marks WHERE account = ? AND name = ?", account, key)
	return value, err
}

// Drop marks queued items done without a turn. Those that are not queued it passes over.
func (s *Store) Drop(ctx context.Context, seqs ...int64) error {
	if len(seqs) == 0 {
		return nil
	}
	return s.write(ctx, &op{
		run: func(ctx context.Context, t *tx) error {
			for _, seq := range seqs {
				if err := doneWith(ctx, t, seq, 0); err != nil {
					return fmt.Errorf("store: drop: %w", err)
				}
			}
			return nil
		},
		after: func(err error) {
			if err != nil {
				return
			}
			for _, seq := range seqs {
				if c, ok := s.plan.convs[seq]; ok {
					s.plan.take(c, func(it Item) bool { return it.Seq == seq })
				}
			}
		},
	})
}

// doneWith marks a message done that is queued, or in this turn, and removes what it says.
func doneWith(ctx context.Context, t *tx, seq, turn int64) error {
	n, err := t.exec(ctx, "UPDATE messages SET state = 2 WHERE seq = ? AND state < 2 AND turn = ?", seq, turn)
	if err != nil || n == 0 {
		return err
	}
	_, err = t.exec(ctx, "DELETE FROM bodies WHERE seq = ?", seq)
	return err
}
