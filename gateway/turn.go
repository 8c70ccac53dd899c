package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"chatgateway/access"
	"chatgateway/channels"
	"chatgateway/commands"
	"chatgateway/providers"
	"chatgateway/store"
)

// thinkingShown is how many runes of the model's thinking are shown at the most.
const thinkingShown = 800

// atLimit ends an answer that the model had to end too early.
const atLimit = "_(The answer ends here because it reached the limit of its length. Write \"go on\" for the rest.)_"

// asking is one answer of a model in the making.
type asking struct {
	s       *session
	m       channels.Message // the newest of the messages it answers
	conv    store.Conv
	turn    store.Turn
	request []providers.Message // history and question
	system  string
	think   bool
	reply   *reply

	notes   []string // sentences that stand before the answer: what was switched, what was left out
	parts   []providers.Part
	text    strings.Builder // what the model said
	thought strings.Builder
	began   bool           // a first word has come
	why     providers.Stop // why the answer ended; "": it did not
	trimmed bool           // the oldest turns were left out once
	stopped bool           // by /stop
	signIn  string         // the provider that a sign-in begins for when the answer is out; "": none does
	rewrite bool           // the history's last question is asked again: what followed it goes
}

// asked is what is to be answered.
type asked struct {
	items []store.Item     // none: the last question of the history, again
	by    channels.Message // who wants that again, and where
	old   *store.Turn      // a turn of an earlier run that is taken up
}

// ask answers queued messages with a model, or the last question of the history again.
//
// ctx ends with /stop; work, which ends with the program, bounds the delivery.
func (s *session) ask(work, ctx context.Context, q asked) {
	s.load(ctx)
	items, old := q.items, q.old
	a := &asking{s: s, conv: s.conv, rewrite: len(items) == 0 && (old == nil || len(old.Items) == 0)}
	if old != nil {
		a.turn, items = *old, old.Items
	} else {
		seqs := make([]int64, len(items))
		for i, item := range items {
			seqs[i] = item.Seq
		}
		var err error
		if a.turn, err = s.g.o.Store.Begin(ctx, s.conv, "model", seqs, false); err != nil {
			s.g.log.Error("turn not begun", "err", err)
			return
		}
	}
	if a.m = q.by; len(items) > 0 {
		a.m = items[len(items)-1].Message
	}
	sentence, choices := s.limited(ctx, a.m, old == nil), []commands.Choice(nil)
	if sentence != "" && a.rewrite {
		s.g.o.Store.Finish(a.turn.ID) // the history stays as it is
		s.g.tell(ctx, s.conv, "", sentence)
		return
	}
	question, ok := s.question(ctx, items)
	if !ok {
		s.g.o.Store.Finish(a.turn.ID)
		return
	}
	a.request = append(append([]providers.Message{}, s.history...), question...)
	_, base, place := s.g.place(s.conv, a.m)
	a.system, a.think = place.System, s.thinking(ctx)
	a.reply = s.g.newReply(ctx, s.conv, a.m, base, a.turn)
	if sentence == "" {
		ref, _ := s.g.modelFor(ctx, s.conv, a.m)
		sentence, choices = a.run(ctx, ref)
	}
	cause, moved := context.Cause(ctx), movedTo{}
	switch {
	case errors.As(cause, &moved):
		a.reply.end()
		s.g.takeUp(atNewPlace(a.turn, moved.conv))
		return
	case errors.Is(cause, errStopped):
		sentence, choices, a.stopped = "(stopped)", nil, true
	case errors.Is(cause, errLoggedOut):
		sentence, choices = "(stopped: the sign-in that this ran on was logged out)", nil
	case ctx.Err() != nil:
		a.cut(ctx)
		return
	}
	if ctx.Err() == nil {
		work = ctx // /stop ends the delivery too
	}
	a.end(work, question, sentence, choices)
}

// question makes the user's message of the items; without items, of the history's last question, which it takes off.
func (s *session) question(ctx context.Context, items []store.Item) ([]providers.Message, bool) {
	if len(items) > 0 {
		parts := []providers.Part{}
		if text := textOf(items, severalPeople(items)); strings.TrimSpace(text) != "" {
			parts = append(parts, providers.Part{Text: text})
		}
		for _, i := range items {
			parts = append(parts, s.g.attached(ctx, s.conv, i.Message)...)
		}
		return []providers.Message{{Role: providers.User, Parts: s.g.maskParts(parts)}}, len(parts) > 0
	}
	for n := len(s.history) - 1; n >= 0; n-- {
		if s.history[n].Role == providers.User {
			q := s.history[n]
			s.history = s.history[:n:n]
			return []providers.Message{q}, true
		}
	}
	return nil, false
}

// limited says why this person may not ask now; "" if they may.
func (s *session) limited(ctx context.Context, m channels.Message, fresh bool) string {
	d := s.g.o.Policy.Decide(ctx, s.conv.Account, m)
	if d.Role == access.Nobody {
		return "You may not talk to me any more." // the right was taken while the message waited
	}
	if !fresh || s.g.o.Hooks.Allow == nil {
		return ""
	}
	if ok, wait := s.g.o.Hooks.Allow(s.conv.Account, m.From, d.Role); !ok {
		return fmt.Sprintf("You have asked as often as a guest may in an hour. Ask again in %s.", wait.Round(time.Minute))
	}
	return ""
}

// run asks the model, and the fallbacks if it fails before its first word. It gives the sentence that ends the answer.
func (a *asking) run(ctx context.Context, ref providers.Ref) (sentence string, choices []commands.Choice) {
	g := a.s.g
	if ref.IsZero() {
		if first := g.o.Auth.SignInFirst(ctx); len(first) > 0 {
			return a.signInFirst(ctx, first[0]), nil
		}
		return g.nothingYet(ctx)
	}
	refs := append([]providers.Ref{ref}, g.fallbacks(ref)...)
	d, failed := g.o.Policy.Decide(ctx, a.conv.Account, a.m), ref
	for n, r := range refs {
		if may := a.m.From == "" || g.MayUse(role(d.Role), r); !may && n > 0 {
			continue // a fallback that is not for this person
		} else if !may {
			return fmt.Sprintf("You may not use %s here. Choose another model with /model.", r), []commands.Choice{{Label: "Choose a model", Run: "/model"}}
		}
		if n > 0 {
			a.notes = append(a.notes, fmt.Sprintf("_%s failed; this is %s._", failed, r))
		}
		failed = r
		err := a.tryAccounts(ctx, r)
		if err == nil && a.why == providers.StopLength {
			return atLimit, nil
		}
		if err == nil {
			return "", nil
		}
		if a.startsSignIn(ctx, r, err) {
			return a.signInFirst(ctx, r.Provider), nil
		}
		sentence, choices = g.failure(ctx, r, err)
		if a.began || ctx.Err() != nil || !worthAnother(err) {
			return sentence, choices
		}
		g.log.Warn("model failed", "model", r.String(), "err", err)
	}
	return sentence, choices
}

// worthAnother reports whether another model may do what this one could not.
func worthAnother(err error) bool {
	return !errors.Is(err, providers.ErrRefused) && !errors.Is(err, providers.ErrUnable)
}

// shown puts together what people see: notes, thinking if it is shown, the answer, the sentence that ends it.
func (a *asking) shown(sentence string) string {
	var b strings.Builder
	for _, n := range a.notes {
		b.WriteString(n + "\n\n")
	}
	if t := strings.TrimSpace(a.thought.String()); a.think && t != "" {
		if r := []rune(t); len(r) > thinkingShown {
			t = string(r[:thinkingShown]) + "…"
		}
		b.WriteString("> 💭 " + strings.ReplaceAll(t, "\n", "\n> ") + "\n\n")
	}
	b.WriteString(a.text.String())
	if sentence != "" {
		if a.text.Len() > 0 {
			b.WriteString("\n\n")
		}
		b.WriteString(sentence)
	}
	return strings.TrimSpace(b.String())
}

// end records the answer, then delivers it: from here on it is delivered after a crash, not asked for again.
func (a *asking) end(ctx context.Context, question []providers.Message, sentence string, choices []commands.Choice) {
	g := a.s.g
	final := g.o.Secrets.Mask(a.shown(sentence))
	if final == "" {
		final = "The model answered nothing. /retry asks again."
	}
	said := []providers.Message{}
	if len(a.parts) > 0 {
		said = append(question, providers.Message{Role: providers.Assistant, Parts: g.maskParts(a.parts)})
	} else if len(question) > 0 {
		said = question // without an answer /retry asks it again
	}
	buttons, err := g.choices(ctx, a.conv, a.m.From, choices, 24*time.Hour)
	if err != nil {
		g.log.Error("no buttons", "err", err)
	}
	if len(buttons)+len(a.turn.Choices) > 0 {
		g.o.Store.SetChoices(a.turn.ID, buttons)
	}
	a.record(ctx, final, said)
	err = a.reply.finish(ctx, final, buttons)
	var moved movedTo
	if err != nil && errors.As(context.Cause(ctx), &moved) {
		a.turn.State, a.turn.Final, a.turn.Choices = store.Answered, final, buttons
		g.takeUp(atNewPlace(a.turn, moved.conv))
		return
	}
	if err != nil && !errors.Is(err, channels.ErrGone) && !errors.Is(err, errors.ErrUnsupported) {
		g.log.Error("answer not delivered", "account", string(a.conv.Account), "err", err)
		if errors.Is(err, channels.ErrSetup) {
			g.setLate(a.turn)
			g.tellLate(a.turn, a.m, err)
		}
		return // answered, and delivered after the next start at the latest
	}
	g.o.Store.Finish(a.turn.ID)
	if a.signIn != "" {
		a.s.beginSignIn(ctx, a.m, a.signIn, a.turn.ID)
	}
}

// cut says that the program ends in the middle of the answer. The turn stays undone: after the restart it runs again
// and takes the place of what was shown.
func (a *asking) cut(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := a.reply.whole(ctx, a.s.g.o.Secrets.Mask(a.shown("_(cut by a restart of the gateway; I go on when it is back)_"))); err != nil {
		a.s.g.log.Warn("not told of the restart", "err", err)
	}
}

// record writes the answer down, and what was said to the history.
func (a *asking) record(ctx context.Context, final string, said []providers.Message) {
	st := a.s.g.o.Store
	switch {
	case a.rewrite:
		a.s.history = append(a.s.history, said...)
		a.rewriteHistory(ctx)
		st.Answer(a.turn.ID, final, nil)
	case a.stopped: // what the turn writes is ignored
		a.s.remember(ctx, said...)
	default:
		a.s.history = append(a.s.history, said...)
		st.Answer(a.turn.ID, final, encode(said))
	}
}

// rewriteHistory makes the history on disk what it is in memory: the last question, and what followed it, are replaced.
func (a *asking) rewriteHistory(ctx context.Context) {
	if err := a.s.g.o.Store.ReplaceHistory(ctx, a.conv, encode(a.s.history)...); err != nil {
		a.s.g.log.Error("history not written", "err", err)
	}
}

// thinking reports whether the model's thinking is shown here.
func (s *session) thinking(ctx context.Context) bool {
	c, err := s.g.o.Store.Conversation(ctx, s.conv)
	if err == nil && c.Thinking != nil {
		return *c.Thinking
	}
	_, base, _ := s.g.place(s.conv, channels.Message{})
	return base.ShowThinking != nil && *base.ShowThinking
}
