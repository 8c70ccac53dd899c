package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"

	"chatgateway/channels"
)

const selectConversation = `SELECT account, conversation, title, model, pin, thinking, effort, epoch, updated, extra FROM conversations `

func scanConversation(r *sql.Rows) (Conversation, error) {
	var c Conversation
	var thinking sql.NullBool
	var updated int64
	var extra string
	err := r.Scan(&c.Conv.Account, &c.Conv.Conversation, &c.Title, &c.Model, &c.Pin, &thinking, &c.Effort, &c.Epoch, &updated, &extra)
	if err != nil {
		return c, err
	}
	if thinking.Valid {
		c.Thinking = &thinking.Bool
	}
	c.Updated = fromMillis(updated)
	if extra != "" {
		err = json.Unmarshal([]byte(extra), &c.Extra)
	}
	return c, err
}

// known are conversations as they were read, so that every turn can ask for its own without a query, and without
// waiting for the writes before it. What changes them clears it. Store.mu guards it.
type known struct {
	convs   map[Conv]Conversation
	changes int // how often it was cleared
}

const maxKnown = 1024 // then it begins anew

func (k *known) forget() { k.convs, k.changes = nil, k.changes+1 }

// keep takes what was read when there had been so many changes.
func (k *known) keep(c Conversation, changes int) {
	if changes != k.changes {
		return // it may be of before the last
	}
	if k.convs == nil || len(k.convs) >= maxKnown {
		k.convs = map[Conv]Conversation{}
	}
	k.convs[c.Conv] = c
}

// Conversation gives what is remembered of a conversation; the zero value with Conv if there is nothing.
func (s *Store) Conversation(ctx context.Context, c Conv) (Conversation, error) {
	s.mu.Lock()
	conv, ok := s.known.convs[c]
	changes := s.known.changes
	closing := s.closing
	s.mu.Unlock()
	if !ok || closing {
		var err error
		if conv, err = s.readConversation(ctx, c); err != nil {
			return conv, err
		}
		s.mu.Lock()
		s.known.keep(conv, changes)
		s.mu.Unlock()
	}
	conv.Extra = maps.Clone(conv.Extra)
	return conv, nil
}

func (s *Store) readConversation(ctx context.Context, c Conv) (Conversation, error) {
	conv := Conversation{Conv: c}
	err := s.read(ctx, "conversation", func(r *sql.Rows) (err error) {
		conv, err = scanConversation(r)
		return err
	}, selectConversation+"WHERE account = ? AND conversation = ?", c.Account, c.Conversation)
	return conv, err
}

// Conversations gives an account's conversations, the last updated first. Those are in it that were set, reset, or
// have a history.
func (s *Store) Conversations(ctx context.Context, account channels.AccountID) ([]Conversation, error) {
	var all []Conversation
	err := s.read(ctx, "conversations", func(r *sql.Rows) error {
		c, err := scanConversation(r)
		all = append(all, c)
		return err
	}, selectConversation+"WHERE account = ? ORDER BY updated DESC, conversation", account)
	return all, err
}

// SetConversation writes all of it but Epoch, which Reset moves, and Updated, which is now.
func (s *Store) SetConversation(ctx context.Context, c Conversation) error {
	extra := ""
	if len(c.Extra) > 0 {
		b, err := json.Marshal(c.Extra)
		if err != nil {
			return fmt.Errorf("store: conversation: %w", err)
		}
		extra = string(b)
	}
	var thinking sql.NullInt64
	if c.Thinking != nil {
		thinking = sql.NullInt64{Int64: int64(flag(*c.Thinking)), Valid: true}
	}
	return s.change(ctx, "conversation", `INSERT INTO conversations (account, conversation, title, model, pin, thinking, effort, updated, extra)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account, conversation) DO UPDATE SET title = excluded.title, model = excluded.model,
		pin = excluded.pin, thinking = excluded.thinking, effort = excluded.effort, updated = excluded.updated, extra = excluded.extra`,
		c.Conv.Account, c.Conv.Conversation, c.Title, c.Model, c.Pin, thinking, c.Effort, millis(s.now()), extra)
}

// exec writes by one statement.
func (s *Store) exec(ctx context.Context, what, query string, args ...any) error {
	return s.write(ctx, statement(what, query, args...))
}

// change is exec for what is remembered of conversations.
func (s *Store) change(ctx context.Context, what, query string, args ...any) error {
	o := statement(what, query, args...)
	o.outdate = true
	return s.write(ctx, o)
}

func statement(what, query string, args ...any) *op {
	return &op{run: func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, query, args...); err != nil {
			return fmt.Errorf("store: %s: %w", what, err)
		}
		return nil
	}}
}

// History gives the history of the present epoch, oldest first.
func (s *Store) History(ctx context.Context, c Conv) ([]json.RawMessage, error) {
	var history []json.RawMessage
	err := s.read(ctx, "history", func(r *sql.Rows) error {
		var body []byte
		err := r.Scan(&body)
		history = append(history, body)
		return err
	}, `SELECT body FROM history WHERE account = ? AND conversation = ? AND epoch =
		COALESCE((SELECT epoch FROM conversations WHERE account = ? AND conversation = ?), 0) ORDER BY n`,
		c.Account, c.Conversation, c.Account, c.Conversation)
	return history, err
}

// AppendHistory adds to the history of the present epoch, without a turn.
func (s *Store) AppendHistory(ctx context.Context, c Conv, history ...json.RawMessage) error {
	if len(history) == 0 {
		return nil
	}
	now := millis(s.now())
	return s.write(ctx, &op{run: func(ctx context.Context, t *tx) error {
		epoch, err := epochOf(ctx, t, c)
		if err == nil {
			err = appendHistory(ctx, t, c, epoch, now, history)
		}
		if err != nil {
			return fmt.Errorf("store: history: %w", err)
		}
		return nil
	}})
}

// ReplaceHistory puts another history in the place of that of the present epoch, in one commit.
func (s *Store) ReplaceHistory(ctx context.Context, c Conv, history ...json.RawMessage) error {
	now := millis(s.now())
	return s.write(ctx, &op{run: func(ctx context.Context, t *tx) error {
		epoch, err := epochOf(ctx, t, c)
		if err == nil {
			_, err = t.exec(ctx, "DELETE FROM history WHERE account = ? AND conversation = ? AND epoch = ?", c.Account, c.Conversation, epoch)
		}
		if err == nil {
			err = appendHistory(ctx, t, c, epoch, now, history)
		}
		if err != nil {
			return fmt.Errorf("store: history: %w", err)
		}
		return nil
	}})
}

func epochOf(ctx context.Context, q querier, c Conv) (epoch int64, err error) {
	_, err = one(ctx, q, []any{&epoch}, "SELECT epoch FROM conversations WHERE account = ? AND conversation = ?", c.Account, c.Conversation)
	return epoch, err
}

func appendHistory(ctx context.Context, t *tx, c Conv, epoch, now int64, history []json.RawMessage) error {
	var n int64
	if _, err := one(ctx, t, []any{&n}, "SELECT COALESCE(MAX(n), 0) FROM history WHERE account = ? AND conversation = ? AND epoch = ?",
		c.Account, c.Conversation, epoch); err != nil {
		return err
	}
	for i, body := range history {
		if _, err := t.exec(ctx, "INSERT INTO history (account, conversation, epoch, n, made, body) VALUES (?, ?, ?, ?, ?, ?)",
			c.Account, c.Conversation, epoch, n+int64(i)+1, now, string(body)); err != nil {
			return err
		}
	}
	_, err := t.exec(ctx, `INSERT INTO conversations (account, conversation, updated) VALUES (?, ?, ?)
		ON CONFLICT (account, conversation) DO UPDATE SET updated = excluded.updated`, c.Account, c.Conversation, now)
	return err
}

// Reset begins the next epoch: the history is empty. Turns that are undone still write to the history of theirs.
func (s *Store) Reset(ctx context.Context, c Conv) error {
	return s.change(ctx, "reset", `INSERT INTO conversations (account, conversation, epoch, updated) VALUES (?, ?, 1, ?)
		ON CONFLICT (account, conversation) DO UPDATE SET epoch = conversations.epoch + 1, updated = excluded.updated`,
		c.Account, c.Conversation, millis(s.now()))
}

// TrimHistory removes the oldest entries of the present epoch: those before index keepFrom of what History gives.
func (s *Store) TrimHistory(ctx context.Context, c Conv, keepFrom int) error {
	if keepFrom <= 0 {
		return nil
	}
	return s.write(ctx, &op{run: func(ctx context.Context, t *tx) error {
		epoch, err := epochOf(ctx, t, c)
		if err == nil {
			_, err = t.exec(ctx, `DELETE FROM history WHERE account = ? AND conversation = ? AND epoch = ? AND n IN (SELECT n FROM history
				WHERE account = ? AND conversation = ? AND epoch = ? ORDER BY n LIMIT ?)`,
				c.Account, c.Conversation, epoch, c.Account, c.Conversation, epoch, keepFrom)
		}
		if err != nil {
			return fmt.Errorf("store: trim: %w", err)
		}
		return nil
	}})
}

// Forget removes a conversation with all of it; what runs in it is stopped as by Stop. The log is emptied of it; in the
// file SQLite overwrites what it removes, but does not promise it of every copy.
func (s *Store) Forget(ctx context.Context, c Conv) error {
	return s.write(ctx, &op{
		outdate: true,
		run: func(ctx context.Context, t *tx) error {
			if err := forget(ctx, t, c); err != nil {
				return fmt.Errorf("store: forget: %w", err)
			}
			return nil
		},
		after: func(err error) {
			if err == nil {
				s.plan.take(c, func(Item) bool { return true })
				s.plan.endAll(c)
			}
		},
	})
}

func forget(ctx context.Context, t *tx, c Conv) error {
	t.trim = true
	for _, query := range []string{
		"DELETE FROM bodies WHERE seq IN (SELECT b.seq FROM bodies b JOIN messages m ON m.seq = b.seq WHERE m.account = ? AND m.conversation = ?)",
		"DELETE FROM parts WHERE turn IN (SELECT id FROM turns WHERE account = ? AND conversation = ?)",
	} {
		if _, err := t.exec(ctx, query, c.Account, c.Conversation); err != nil {
			return err
		}
	}
	for _, table := range []string{"messages", "turns", "history", "conversations", "questions", "presses"} {
		if _, err := t.exec(ctx, "DELETE FROM "+table+" WHERE account = ? AND conversation = ?", c.Account, c.Conversation); err != nil {
			return err
		}
	}
	return blank(ctx, t)
}
