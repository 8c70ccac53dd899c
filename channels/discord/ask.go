package discord

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

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
}

// question waits for one person's answer.
type question struct {
	conv   channels.ConversationID
	user   channels.UserID
	text   string // as it is shown, in Discord's Markdown
	link   []channels.Choice
	field  login.Field
	answer chan result // holds one
}

type result struct {
	value secret.String
	err   error
}

const (
	askOpen   = ".open"
	askCancel = ".cancel"
	askForm   = ".form"

	showTime = 20 * time.Second // for a question to be shown, or taken back
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
	id := formsMark + rand.Text()
	q := &question{conv: p.To, user: p.Only, text: p.Text, field: *s.Field, answer: make(chan result, 1)}
	for _, c := range p.Choices {
		if c.URL != "" {
			q.link = append(q.link, c)
		}
	}
	if s.URL != "" && len(q.link) == 0 {
		label := s.Label
		if label == "" {
			label = "Open"
		}
		q.link = append(q.link, channels.Choice{Label: label, URL: s.URL})
	}
	a.mu.Lock()
	a.open[id] = q
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		delete(a.open, id)
		a.mu.Unlock()
	}()
	// Once it is being shown it is shown, so that it can be taken back.
	showing, cancel := context.WithTimeout(context.WithoutCancel(ctx), showTime)
	defer cancel()
	shown, err := a.c.show(showing, p, outgoing{components: q.controls(id)})
	if err != nil {
		return secret.String{}, err
	}
	select {
	case r := <-q.answer:
		return r.value, r.err
	case <-ctx.Done():
	}
	err, text := ctx.Err(), "This form is closed."
	if errors.Is(context.Cause(ctx), login.ErrExpired) {
		err, text = login.ErrExpired, "The time for an answer has passed."
	}
	back, cancelBack := context.WithTimeout(context.WithoutCancel(ctx), showTime)
	defer cancelBack()
	if err := a.c.Edit(back, shown, channels.Post{To: p.To, Text: text}); err != nil {
		a.c.log.Debug("discord: a form that is over stays on the screen", "err", err)
	}
	return secret.String{}, err
}

// controls are the buttons under the question.
func (q *question) controls(id string) []wireComponent {
	row := wireComponent{Type: componentRow, Components: []wireComponent{
		{Type: componentButton, Style: buttonFirst, Label: adapter.Clip("Enter "+q.name(), 80), CustomID: id + askOpen},
		{Type: componentButton, Style: buttonPlain, Label: "Cancel", CustomID: id + askCancel},
	}}
	for _, l := range q.link[:min(len(q.link), 3)] {
		if adapter.WebAddress(l.URL, addressMax) {
			row.Components = append(row.Components, wireComponent{Type: componentButton, Style: buttonLink, Label: adapter.Clip(l.Label, 80), URL: l.URL})
		}
	}
	return []wireComponent{row}
}

func (q *question) name() string {
	if q.field.Name == "" {
		return "the answer"
	}
	return q.field.Name
}

// form is what the button opens. Discord cannot hide what is typed; nobody else sees it.
func (q *question) form(id string) map[string]any {
	yes := true
	input := wireComponent{Type: componentInput, CustomID: "value", Style: 1, MaxLength: 4000, Required: &yes}
	return map[string]any{"type": answerForm, "data": map[string]any{
		"custom_id": id + askForm, "title": adapter.Clip("Enter "+q.name(), 45),
		"components": []wireComponent{{Type: componentLabel, Label: adapter.Clip(q.name(), 45), Component: &input}},
	}}
}

// answer deals with a press on a question's button, or with its form.
func (a *asks) answer(ctx context.Context, i *interaction) {
	dot := strings.LastIndexByte(i.wire.Data.CustomID, '.')
	if dot < 0 {
		return
	}
	id, deed := i.wire.Data.CustomID[:dot], i.wire.Data.CustomID[dot:]
	a.mu.Lock()
	q, ok := a.open[id]
	a.mu.Unlock()
	var answer any
	var r *result
	switch {
	case !ok:
		answer = whisper("This form is closed; nothing was kept. Please give the command again.")
	case q.user != i.user:
		answer = whisper("This is for somebody else.")
	case deed == askOpen:
		answer = q.form(id)
	case deed == askCancel:
		answer, r = update("Canceled.", nil), &result{err: login.ErrCanceled}
	default:
		answer, r = q.take(id, i.wire.Data.Components)
	}
	if i.err = i.respond(ctx, answer); i.err != nil {
		a.c.log.Warn("discord: a form was not answered", "err", i.err)
	}
	if r != nil {
		i.conv = q.conv
		close(i.acked)
		a.c.keepToken(i) // what follows can be shown by it for another fifteen minutes
		select {
		case q.answer <- *r:
		default: // it was answered before
		}
	}
}

// take checks what was typed. r is nil if it has to be typed again.
func (q *question) take(id string, components json.RawMessage) (answer any, r *result) {
	value := strings.TrimSpace(typed(components))
	if value == "" {
		return update(q.text+"\n\n⚠️ Nothing was entered.", q.controls(id)), nil
	}
	if q.field.Check != nil {
		if err := q.field.Check(value); err != nil {
			return update(q.text+"\n\n⚠️ "+adapter.Clip(strings.ReplaceAll(err.Error(), value, secret.Mask), 300), q.controls(id)), nil
		}
	}
	return update("Received.", nil), &result{value: secret.New(value)}
}

// typed finds what was typed into a form, in either of the ways that Discord sends forms back.
func typed(components json.RawMessage) string {
	var list []wireComponent
	if json.Unmarshal(components, &list) != nil {
		return ""
	}
	for _, c := range list {
		if c.Component != nil && c.Component.Value != "" {
			return c.Component.Value
		}
		for _, in := range c.Components {
			if in.Value != "" {
				return in.Value
			}
		}
	}
	return ""
}

// whisper is an answer that its person alone sees.
func whisper(text string) any {
	return map[string]any{"type": answerMessage, "data": map[string]any{"content": text, "flags": flagEphemeral, "allowed_mentions": allowedMentions{Parse: []string{}}}}
}

// update is an answer that changes the message which bears the button.
func update(md string, controls []wireComponent) any {
	if controls == nil {
		controls = []wireComponent{}
	}
	return map[string]any{"type": answerUpdate, "data": map[string]any{"content": render(md), "components": controls, "allowed_mentions": allowedMentions{Parse: []string{}}}}
}
