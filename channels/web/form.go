package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/secret"
	"chatgateway/login"
	"chatgateway/markdown"
)

// form is a question that stands in a conversation while somebody waits for its answer. It is held in memory alone.
type form struct {
	id     string
	step   login.Step
	answer chan secret.String // of one
	cancel chan struct{}      // closed when the person gives up
	quit   func()             // closes cancel
}

// shownForm is a form as the page gets it.
type shownForm struct {
	ID      string       `json:"id"`
	HTML    string       `json:"html"`
	URL     string       `json:"url,omitempty"`
	Label   string       `json:"label,omitempty"`
	Code    string       `json:"code,omitempty"`
	Field   string       `json:"field"`
	Secret  bool         `json:"secret,omitempty"`
	Free    bool         `json:"free,omitempty"` // with Choices: another answer is taken too
	Choices []formChoice `json:"choices,omitempty"`
	Expires int64        `json:"expires,omitempty"` // milliseconds from now
}

type formChoice struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

func (f *form) show() shownForm {
	s := shownForm{
		ID: f.id, HTML: markdown.HTML(f.step.Text), URL: webURL(f.step.URL), Label: f.step.Label, Code: f.step.Code,
		Field: f.step.Field.Name, Secret: f.step.Field.Secret, Free: f.step.Field.Free,
	}
	for _, c := range f.step.Choices {
		s.Choices = append(s.Choices, formChoice(c))
	}
	if !f.step.Expires.IsZero() {
		s.Expires = max(1, time.Until(f.step.Expires).Milliseconds())
	}
	return s
}

// ask shows a form and waits for its answer. It takes the form back however it ends.
func (b *book) ask(ctx context.Context, t *talk, s login.Step) (secret.String, error) {
	if s.Field == nil {
		return secret.String{}, fmt.Errorf("web: ask: nothing is asked: %w", errors.ErrUnsupported)
	}
	if err := ctx.Err(); err != nil {
		return secret.String{}, fmt.Errorf("web: ask: %w", err)
	}
	f := &form{id: random(12), step: s, answer: make(chan secret.String, 1), cancel: make(chan struct{})}
	f.quit = sync.OnceFunc(func() { close(f.cancel) })
	if err := b.hold(t); err != nil {
		return secret.String{}, fmt.Errorf("web: ask: %w", err)
	}
	t.forms = append(t.forms, f)
	t.formRev = b.bump()
	t.shown = true
	t.rev = t.formRev
	b.tell()
	b.mu.Unlock()
	defer b.withdraw(t, f)
	var expired <-chan time.Time
	if !s.Expires.IsZero() {
		timer := time.NewTimer(time.Until(s.Expires))
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case a := <-f.answer:
		return a, nil
	case <-f.cancel:
		return secret.String{}, login.ErrCanceled
	case <-expired:
		return secret.String{}, login.ErrExpired
	case <-ctx.Done():
		return secret.String{}, fmt.Errorf("web: ask: %w", ctx.Err())
	}
}

func (b *book) withdraw(t *talk, f *form) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.forms = slices.DeleteFunc(t.forms, func(o *form) bool { return o == f })
	t.formRev = b.bump()
	b.tell()
}

// form finds an open form in a conversation of a person.
func (b *book) form(u channels.UserID, id string) *form {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.talks {
		if t.head.User != u {
			continue
		}
		for _, f := range t.forms {
			if f.id == id {
				return f
			}
		}
	}
	return nil
}

// answer takes the answer to a form. It goes to whoever asked and nowhere else.
func (s *server) answer(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Answer string `json:"answer"`
		Cancel bool   `json:"cancel"`
	}
	if !read(w, r, maxSmall, &in) {
		return
	}
	given := secret.New(strings.TrimSpace(in.Answer))
	f := s.ch.book.form(who(r), r.PathValue("form"))
	switch {
	case f == nil:
		refuse(w, http.StatusGone, "Nobody waits for this answer any more. Begin again.")
		return
	case in.Cancel:
		f.quit()
		reply(w, struct{}{})
		return
	case given.Empty():
		refuse(w, http.StatusUnprocessableEntity, "Nothing was entered.")
		return
	}
	if err := f.check(given); err != nil {
		refuse(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	select {
	case f.answer <- given:
		reply(w, struct{}{})
	default:
		refuse(w, http.StatusGone, "This was answered already.")
	}
}

// check says what is wrong with an answer.
func (f *form) check(given secret.String) error {
	if len(f.step.Choices) > 0 && !f.step.Field.Free &&
		!slices.ContainsFunc(f.step.Choices, func(c login.Choice) bool { return c.Value == given.Reveal() }) {
		return &problem{"Choose one of the answers.", nil}
	}
	if f.step.Field.Check == nil {
		return nil
	}
	return f.step.Field.Check(given.Reveal())
}
