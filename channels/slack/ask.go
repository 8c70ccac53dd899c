package slack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	slackgo "github.com/slack-go/slack"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
	"chatgateway/internal/secret"
	"chatgateway/login"
)

// asks are the open questions whose answers are typed into a form. The answers never leave this file but to the one
// who asked.
type asks struct {
	c *channel

	mu   sync.Mutex
	open map[string]*question // guarded by mu, by their id
	done *adapter.Recent      // guarded by mu: ids of those that were answered
}

// question waits for one person's answer.
type question struct {
	user   channels.UserID
	text   string // Markdown
	links  []channels.Choice
	field  login.Field
	answer chan result // holds one

	mu    sync.Mutex
	shown channels.MessageID // guarded by mu: the message that bears the button
}

type result struct {
	value secret.String
	err   error
}

const (
	askOpen   = askMark + "open"
	askCancel = askMark + "cancel"
	formName  = "ask"
	formBlock = "answer"
	formField = "value"
)

// ask shows the question and waits. See channels.Asker.
func (a *asks) ask(ctx context.Context, p channels.Post, s login.Step) (secret.String, error) {
	if s.Field == nil || p.Only == "" {
		return secret.String{}, unsupported("a form needs a field and a person")
	}
	if err := ctx.Err(); err != nil {
		return secret.String{}, err
	}
	if !s.Expires.IsZero() {
		if time.Now().After(s.Expires) {
			return secret.String{}, login.ErrExpired
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, s.Expires, login.ErrExpired)
		defer cancel()
	}
	id := rand.Text()
	q := newQuestion(p, s)
	a.mu.Lock()
	a.open[id] = q
	a.mu.Unlock()
	defer a.forget(id)
	shown, err := a.c.show(ctx, p, q.controls(id))
	if err != nil {
		return secret.String{}, err
	}
	q.at(shown)
	var r result
	text := "Received."
	select {
	case r = <-q.answer:
		if r.err != nil {
			text = "Canceled."
		}
	case <-ctx.Done():
		r.err, text = ctx.Err(), "This form is closed."
		if errors.Is(context.Cause(ctx), login.ErrExpired) {
			r.err, text = login.ErrExpired, "The time for an answer has passed."
		}
	}
	back, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := a.c.Edit(back, q.at(""), channels.Post{To: p.To, Text: text}); err != nil {
		a.c.log.Debug("slack: a form that is over stays on the screen", "err", err)
	}
	return r.value, r.err
}

func (a *asks) forget(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, id)
}

func newQuestion(p channels.Post, s login.Step) *question {
	q := &question{user: p.Only, text: p.Text, field: *s.Field, answer: make(chan result, 1)}
	for _, c := range p.Choices {
		if c.URL != "" {
			q.links = append(q.links, c)
		}
	}
	if s.URL != "" && len(q.links) == 0 {
		q.links = append(q.links, channels.Choice{Label: first(s.Label, "Open"), URL: s.URL})
	}
	return q
}

// at notes which message bears the button, if one is given, and gives it.
func (q *question) at(id channels.MessageID) channels.MessageID {
	q.mu.Lock()
	defer q.mu.Unlock()
	if id != "" && (q.shown == "" || !strings.HasPrefix(string(id), answerMark)) {
		q.shown = id
	}
	return q.shown
}

// controls are the buttons under the question.
func (q *question) controls(id string) []slackgo.Block {
	text := func(s string) *slackgo.TextBlockObject {
		return slackgo.NewTextBlockObject(slackgo.PlainTextType, adapter.Clip(s, 75), false, false)
	}
	row := []slackgo.BlockElement{
		slackgo.NewButtonBlockElement(askOpen, id, text("Enter "+q.name())).WithStyle(slackgo.StylePrimary),
		slackgo.NewButtonBlockElement(askCancel, id, text("Cancel")),
	}
	for n, l := range q.links[:min(len(q.links), 3)] {
		if adapter.WebAddress(l.URL, addressMax) {
			row = append(row, slackgo.NewButtonBlockElement(fmt.Sprintf("%s%d", linkMark, n), "", text(l.Label)).WithURL(l.URL))
		}
	}
	return []slackgo.Block{slackgo.NewActionBlock("", row...)}
}

func (q *question) name() string { return first(q.field.Name, "the answer") }

// form is what the button opens. Slack cannot hide what is typed; nobody else sees it, and no message keeps it.
func (q *question) form(id string) slackgo.ModalViewRequest {
	text := func(s string, n int) *slackgo.TextBlockObject {
		return slackgo.NewTextBlockObject(slackgo.PlainTextType, adapter.Clip(s, n), false, false)
	}
	input := slackgo.NewPlainTextInputBlockElement(nil, formField)
	input.MaxLength = 3000
	blocks := sections(q.text)
	return slackgo.ModalViewRequest{Type: slackgo.VTModal, CallbackID: formName, PrivateMetadata: id,
		Title: text("Enter "+q.name(), 24), Submit: text("Send", 24), Close: text("Close", 24),
		Blocks: slackgo.Blocks{BlockSet: append(blocks, slackgo.NewInputBlock(formBlock, text(q.name(), 2000), nil, input))}}
}

// press deals with a press on a question's button.
func (a *asks) press(ctx context.Context, w wireAction) {
	id := w.Actions[0].Value
	a.mu.Lock()
	q, ok := a.open[id]
	a.mu.Unlock()
	a.c.keepPress(w)
	user := channels.UserID(w.User.ID)
	switch {
	case !ok:
		a.tell(ctx, w, "This form is closed; nothing was kept. Please give the command again.")
		return
	case q.user != user:
		a.tell(ctx, w, "This is for somebody else.")
		return
	}
	_, shown := w.where()
	q.at(shown)
	if w.Actions[0].ID == askCancel {
		q.give(result{err: login.ErrCanceled})
		return
	}
	// The trigger ends three seconds after the press.
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	err := a.c.do(ctx, call{what: "open a form", method: "views.open", once: true}, func(ctx context.Context, api *slackgo.Client) error {
		_, err := api.OpenViewContext(ctx, w.Trigger, q.form(id))
		return err
	})
	if err != nil {
		a.c.log.Warn("slack: a form was not opened", "err", err)
		a.tell(context.WithoutCancel(ctx), w, "The form could not be opened; please press the button again.")
	}
}

// tell says something to the one who pressed, and to nobody else.
func (a *asks) tell(ctx context.Context, w wireAction, text string) {
	if w.URL == "" {
		return
	}
	err := a.c.respond(ctx, "answer a press", w.URL, map[string]any{"response_type": "ephemeral", "replace_original": false, "text": text})
	if err != nil {
		a.c.log.Debug("slack: a press was not answered", "err", err)
	}
}

// submit deals with a form that was sent, and gives the answer that goes with its acknowledgement: what is wrong with it,
// or nothing.
func (a *asks) submit(w wireAction) any {
	if w.View.Callback != formName {
		return nil
	}
	id := w.View.Private
	a.mu.Lock()
	q, ok := a.open[id]
	done := a.done.Has(id)
	a.mu.Unlock()
	wrong := func(text string) any {
		return slackgo.NewErrorsViewSubmissionResponse(map[string]string{formBlock: text})
	}
	value := strings.TrimSpace(w.View.State.Values[formBlock][formField].Value)
	switch {
	case done:
		return nil // Slack delivers it again: the acknowledgement was lost
	case !ok:
		return wrong("This form is closed; nothing was kept. Please give the command again.")
	case string(q.user) != w.User.ID:
		return wrong("This is for somebody else.")
	case value == "":
		return wrong("Nothing was entered.")
	}
	if q.field.Check != nil {
		if err := q.field.Check(value); err != nil {
			return wrong(adapter.Clip(strings.ReplaceAll(err.Error(), value, secret.Mask), 300))
		}
	}
	a.mu.Lock()
	a.done.Add(id)
	a.mu.Unlock()
	q.give(result{value: secret.New(value)})
	return nil
}

// give gives the answer; a second one is dropped.
func (q *question) give(r result) {
	select {
	case q.answer <- r:
	default:
	}
}
