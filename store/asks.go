package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"chatgateway/channels"
)

// How long questions and buttons hold whose Until is zero.
const (
	questionTime = time.Hour
	pressTime    = 7 * 24 * time.Hour
)

// Ask stores a question and gives its id. Store it before it is shown. Until zero: an hour.
func (s *Store) Ask(ctx context.Context, q Question) (int64, error) {
	if q.Until.IsZero() {
		q.Until = s.now().Add(questionTime)
	}
	s.mu.Lock()
	s.asked++
	id := s.asked
	s.mu.Unlock()
	return id, s.exec(ctx, "question", "INSERT INTO questions (id, account, conversation, person, provider, secret, until) VALUES (?, ?, ?, ?, ?, ?, ?)",
		id, q.Conv.Account, q.Conv.Conversation, q.Person, q.Provider, flag(q.Secret), millis(q.Until))
}

// CloseQuestion removes a question. One that is gone already is no error.
func (s *Store) CloseQuestion(ctx context.Context, id int64) error {
	return s.exec(ctx, "question", "DELETE FROM questions WHERE id = ?", id)
}

// Questions gives the questions of earlier runs that were not closed, also those whose time is over. It is for the
// start.
func (s *Store) Questions(ctx context.Context) ([]Question, error) {
	var all []Question
	err := s.atStart(ctx, "questions", func(ctx context.Context, q querier) error {
		all = nil
		return each(ctx, q, func(r *sql.Rows) error {
			var q Question
			var until int64
			if err := r.Scan(&q.ID, &q.Conv.Account, &q.Conv.Conversation, &q.Person, &q.Provider, &q.Secret, &until); err != nil {
				return err
			}
			q.Until = fromMillis(until)
			all = append(all, q)
			return nil
		}, "SELECT id, account, conversation, person, provider, secret, until FROM questions WHERE id <= ? ORDER BY id", s.before)
	})
	return all, err
}

// pressError is why a button does nothing.
type pressError struct{ text, user string }

func (e *pressError) Error() string       { return "store: " + e.text }
func (e *pressError) UserMessage() string { return e.user }

// Errors of TakePress; each has a UserMessage.
var (
	// ErrNoPress: there is no such button in this conversation, or its time is over.
	ErrNoPress error = &pressError{"no such button", "This button has expired; send the command again."}
	// ErrNotYours: the button is for somebody else.
	ErrNotYours error = &pressError{"the button is for somebody else", "This button is for somebody else; send the command yourself."}
	// ErrUsed: the button was pressed before and works once.
	ErrUsed error = &pressError{"the button was used", "This button was pressed already; send the command again if it is still needed."}
)

// NewPress stores buttons and gives them with ids that nobody can guess: 26 capital letters and digits, without regard
// to those that were given. All are stored or none. Until zero: a week. Those with a Line take the place of earlier ones
// with a Line of the same person there.
func (s *Store) NewPress(ctx context.Context, ps ...Press) ([]Press, error) {
	made := make([]Press, len(ps))
	for i, p := range ps {
		p.ID = channels.PressID(rand.Text())
		if p.Until.IsZero() {
			p.Until = s.now().Add(pressTime)
		}
		p.Until = fromMillis(millis(p.Until))
		made[i] = p
	}
	if len(made) == 0 {
		return nil, nil
	}
	firstLine := slices.IndexFunc(made, func(p Press) bool { return p.Line > 0 })
	err := s.write(ctx, &op{run: func(ctx context.Context, t *tx) error {
		for i, p := range made {
			if p.Line > 0 && i == firstLine {
				if _, err := t.exec(ctx, noLines, p.Conv.Account, p.Conv.Conversation, p.Person); err != nil {
					return fmt.Errorf("store: button: %w", err)
				}
			}
			if _, err := t.exec(ctx, "INSERT INTO presses (id, account, conversation, person, action, until, once, label, line) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
				p.ID, p.Conv.Account, p.Conv.Conversation, p.Person, p.Action, millis(p.Until), flag(p.Once), p.Label, p.Line); err != nil {
				return fmt.Errorf("store: button: %w", err)
			}
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	return made, nil
}

const noLines = "UPDATE presses SET line = 0 WHERE account = ? AND conversation = ? AND person = ? AND line > 0"

// Lines gives the buttons that this person was last shown in c as lines of text, without those whose time is over.
func (s *Store) Lines(ctx context.Context, c Conv, person channels.UserID) ([]Press, error) {
	var lines []Press
	err := s.read(ctx, "lines", func(r *sql.Rows) error {
		p := Press{Conv: c, Person: person}
		err := r.Scan(&p.ID, &p.Action, &p.Label, &p.Line)
		lines = append(lines, p)
		return err
	}, "SELECT id, action, label, line FROM presses WHERE account = ? AND conversation = ? AND person = ? AND line > 0 AND until >= ? ORDER BY line",
		c.Account, c.Conversation, person, millis(s.now()))
	return lines, err
}

// EndLines says that the person has turned to something else: numbers mean no lines of theirs there any more. It returns
// at once; it is written in order.
func (s *Store) EndLines(c Conv, person channels.UserID) {
	s.later("lines", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, noLines, c.Account, c.Conversation, person)
		return err
	})
}

const selectPress = "SELECT account, conversation, person, action, until, once FROM presses WHERE id = ?"

// TakePress gives what a button means to the person who pressed it in c. With Once it is used up in the same commit:
// of presses at the same time one gets it. It fails with ErrNoPress, ErrNotYours or ErrUsed, looked for in this order.
func (s *Store) TakePress(ctx context.Context, id channels.PressID, c Conv, person channels.UserID) (Press, error) {
	p := Press{ID: id}
	var until int64
	var once int
	scan := func(r *sql.Rows) error {
		err := r.Scan(&p.Conv.Account, &p.Conv.Conversation, &p.Person, &p.Action, &until, &once)
		p.Until, p.Once = fromMillis(until), once > 0
		return err
	}
	check := func() error {
		switch {
		case p.Conv != c, s.now().After(p.Until):
			return ErrNoPress
		case p.Person != "" && p.Person != person:
			return ErrNotYours
		case once == 2:
			return ErrUsed
		}
		return nil
	}
	if err := s.read(ctx, "button", scan, selectPress, id); err != nil {
		return Press{}, err
	}
	if err := check(); err != nil {
		return Press{}, err
	}
	if !p.Once {
		return p, nil
	}
	err := s.write(ctx, &op{run: func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, "UPDATE presses SET once = 2 WHERE id = ? AND once = 1", id)
		if err != nil {
			return fmt.Errorf("store: button: %w", err)
		}
		if n == 0 {
			return ErrUsed
		}
		return nil
	}})
	if err != nil {
		return Press{}, err
	}
	return p, nil
}

// Setting gives a setting, or "". Settings are few and asked for at every message: they are held in memory.
func (s *Store) Setting(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings[key]
}

// SetSetting writes a setting; the value "" removes it.
func (s *Store) SetSetting(ctx context.Context, key, value string) error {
	o := statement("setting", "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", key, value)
	if value == "" {
		o = statement("setting", "DELETE FROM settings WHERE name = ?", key)
	}
	o.after = func(err error) {
		if err == nil {
			s.settings[key] = value
		}
	}
	return s.write(ctx, o)
}
