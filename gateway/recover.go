package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatgateway/channels"
	"chatgateway/commands"
	"chatgateway/store"
)

// keepDone is how long what is done stays in the store, to know what comes twice.
const keepDone = 14 * 24 * time.Hour

// tidy prunes the store, not at the start, when people wait, but soon after it, and then every hour, until ctx ends.
func (g *Gateway) tidy(ctx context.Context) {
	for wait := time.Minute; ; wait = time.Hour {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if _, err := g.o.Store.Prune(ctx, time.Now().Add(-keepDone)); err != nil && ctx.Err() == nil {
			g.log.Warn("the store was not pruned", "err", err)
		}
	}
}

// recover takes up what an earlier run left: its questions are over, its turns go on.
func (g *Gateway) recover(ctx context.Context) error {
	st := g.o.Store
	for _, c := range st.Waiting() {
		for _, i := range st.Queue(c) {
			g.before = max(g.before, i.Seq)
		}
	}
	asked, err := st.Questions(ctx)
	if err != nil {
		return fmt.Errorf("read the open questions: %w", err)
	}
	for _, q := range asked {
		if time.Now().After(q.Until) {
			if err := st.CloseQuestion(ctx, q.ID); err != nil {
				return err
			}
			continue
		}
		k := askKey{q.Conv, q.Person}
		g.asks.cuts[k] = append(g.asks.cuts[k], q)
	}
	turns, err := st.Undone(ctx)
	if err != nil {
		return fmt.Errorf("read the undone turns: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.undone = turns
	return nil
}

// leftOver takes the oldest undone turn of a conversation.
func (g *Gateway) leftOver(c store.Conv) (t store.Turn, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, t := range g.undone {
		if t.Conv == c {
			g.undone = append(g.undone[:i:i], g.undone[i+1:]...)
			return t, true
		}
	}
	return store.Turn{}, false
}

// takeUp has an undone turn run again by its conversation's session.
func (g *Gateway) takeUp(t store.Turn) {
	g.mu.Lock()
	g.undone = append(g.undone, t)
	g.mu.Unlock()
	g.wake(t.Conv)
}

// setLate has an answer shown when the set-up that the service wants may be there: when the account connects again or
// says so, and when somebody writes in the conversation.
func (g *Gateway) setLate(t store.Turn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.late[t.ID] = t.Conv
}

// tellLate tells who asked where others read that the answer waits, and for what: in private, if there is a way.
func (g *Gateway) tellLate(t store.Turn, m channels.Message, why error) {
	if m.Private {
		return
	}
	g.aside(func(ctx context.Context) {
		to, err := g.direct(ctx, t.Conv, m.From)
		if err == nil {
			text := detail(why) + " My answer comes there when that is mended."
			_, err = g.deliver(ctx, to, channels.Post{To: to.Conversation, Key: fmt.Sprintf("late%d", t.ID), Text: text})
		}
		if err != nil {
			g.log.Info("not told in private that an answer waits", "account", string(t.Conv.Account), "err", err)
		}
	})
}

// takeUpLate tries the answers again that wait for another set-up in these conversations.
func (g *Gateway) takeUpLate(ctx context.Context, in func(store.Conv) bool) {
	late := map[int64]bool{}
	g.mu.Lock()
	for turn, conv := range g.late {
		if in(conv) {
			late[turn] = true
			delete(g.late, turn)
		}
	}
	g.mu.Unlock()
	if len(late) == 0 {
		return
	}
	turns, err := g.o.Store.Undone(ctx)
	if err != nil {
		g.log.Error("answers wait for the next start", "err", err)
	}
	for _, t := range turns {
		if late[t.ID] && t.State == store.Answered {
			g.takeUp(t)
		}
	}
}

// forgetLeftOver drops the undone turns of a conversation, which were stopped, and counts them.
func (g *Gateway) forgetLeftOver(c store.Conv) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	keep := g.undone[:0:0]
	for _, t := range g.undone {
		if t.Conv != c {
			keep = append(keep, t)
		}
	}
	n := len(g.undone) - len(keep)
	g.undone = keep
	return n
}

// resume finishes a turn of an earlier run.
func (s *session) resume(work, ctx context.Context, t store.Turn) {
	g := s.g
	m := channels.Message{Conversation: s.conv.Conversation}
	if len(t.Items) > 0 {
		m = t.Items[len(t.Items)-1].Message
	}
	switch {
	case t.Kind == "command":
		text := s.interrupted(work, m)
		if err := g.answer(work, s.conv, m, commands.Answer{Text: text}, sayOptions{key: t.ID, n: keyRestart}); err != nil {
			g.log.Warn("not told of the interruption", "err", err)
		}
		g.o.Store.Finish(t.ID)
	case t.State == store.Answered:
		p := channels.Post{To: s.conv.Conversation, Answers: m.ID, Key: turnKey(s.conv, t), Text: t.Final, Choices: t.Choices}
		d := newDraft(g, s.conv, p, t, func(n int, id channels.MessageID, text string) {
			g.o.Store.SetPart(t.ID, store.Part{N: n, ID: id, Text: text})
		})
		_, err := d.Finish(ctx, t.Final)
		var moved movedTo
		switch {
		case err != nil && errors.As(context.Cause(ctx), &moved):
			g.takeUp(atNewPlace(t, moved.conv))
		case errors.Is(err, channels.ErrSetup):
			g.setLate(t)
		case err == nil || work.Err() == nil:
			g.o.Store.Finish(t.ID)
		}
	default:
		s.ask(work, ctx, asked{items: t.Items, by: m, old: &t})
	}
}

// interrupted says what became of a command that an earlier run began.
func (s *session) interrupted(ctx context.Context, m channels.Message) string {
	line := m.Text
	if m.Press != "" {
		if p, err := s.g.o.Store.TakePress(ctx, m.Press, s.conv, m.From); err == nil {
			line = p.Action
		}
	}
	if line == "" {
		return "A command was interrupted by a restart, and I do not run it twice. Send it again."
	}
	name, args, _ := commands.Parse(line)
	if c, ok := commands.Find(s.g.o.Commands, name); ok && c.Cut != nil {
		if text := c.Cut(ctx, &commands.Call{Name: c.Name, Args: args, Host: s.g}); text != "" {
			return fmt.Sprintf("`%s` was interrupted by a restart. %s", line, text)
		}
	}
	return fmt.Sprintf("`%s` was interrupted by a restart, and I do not run it twice. Send it again.", line)
}
