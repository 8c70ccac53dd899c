package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chatgateway/channels"
	"chatgateway/commands"
	"chatgateway/internal/secret"
	"chatgateway/login"
	"chatgateway/store"
)

// prompter asks one person in a chat: it is login.Prompter for commands that were given there. It is used by one
// goroutine at a time.
type prompter struct {
	g        *Gateway
	conv     store.Conv // where the command was given
	m        channels.Message
	provider string
	key      int64
	n        int

	to    store.Conv         // where the steps are shown; zero: not settled yet
	shown channels.MessageID // the last step, which a Done step replaces

	quieted bool // a step without a field was shown: what is written now is no answer, until there is a question
}

// Prompt implements login.Prompter. Links, codes and secrets are shown to the person alone, or not at all.
func (p *prompter) Prompt(ctx context.Context, s login.Step) (secret.String, error) {
	s = p.masked(s)
	p.follow()
	if err := p.settle(ctx); err != nil {
		return secret.String{}, err
	}
	if s.Field == nil {
		if !s.Done {
			p.quiet()
		}
		return secret.String{}, p.show(ctx, s, nil)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !s.Expires.IsZero() {
		var done context.CancelFunc
		ctx, done = context.WithDeadlineCause(ctx, s.Expires, login.ErrExpired)
		defer done()
	}
	if s.Field.Secret && len(s.Choices) == 0 {
		answer, err := p.form(ctx, s)
		if !errors.Is(err, errors.ErrUnsupported) {
			return answer, ended(ctx, err)
		}
		if !p.mayType() && p.to == p.conv && !p.m.Private {
			if err := p.goPrivate(ctx); err != nil {
				return secret.String{}, err
			}
		}
		if !p.mayType() {
			return secret.String{}, p.notHere()
		}
	}
	answer, err := p.question(ctx, s)
	return answer, ended(ctx, err)
}

// masked is a step without the gateway's own secrets in what is to be read; a link is left to work.
func (p *prompter) masked(s login.Step) login.Step {
	mask := p.g.o.Secrets.Mask
	s.Text, s.Label, s.Code = mask(s.Text), mask(s.Label), mask(s.Code)
	s.Choices = slices.Clone(s.Choices)
	for i := range s.Choices {
		s.Choices[i].Label = mask(s.Choices[i].Label)
	}
	return s
}

// follow goes to where the conversations are now.
func (p *prompter) follow() { p.conv, p.to = p.g.asks.now(p.conv), p.g.asks.now(p.to) }

// quiet says, once, that what is written where the command was given is no answer, until there is a question.
func (p *prompter) quiet() {
	if !p.quieted {
		p.quieted = true
		p.g.asks.quiet(askKey{p.conv, p.m.From})
	}
}

// ended says why a wait was over.
func ended(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	if cause := context.Cause(ctx); errors.Is(cause, login.ErrExpired) || errors.Is(cause, login.ErrCanceled) {
		return cause
	}
	return err
}

// settle finds the place for the steps: here if it is private, or seen by the person alone; else the private way.
func (p *prompter) settle(ctx context.Context) error {
	if p.to != (store.Conv{}) {
		return nil
	}
	ch := p.g.account(p.conv.Account).channel()
	if p.m.Private {
		p.to = p.conv
		return nil
	}
	if _, ok := ch.(channels.Asker); ok {
		p.to = p.conv // its posts carry Only
		return nil
	}
	return p.goPrivate(ctx)
}

// goPrivate goes on in the private conversation with the person.
func (p *prompter) goPrivate(ctx context.Context) error {
	to, err := p.g.direct(ctx, p.conv, p.m.From)
	if err != nil || to == p.conv {
		return p.notHere()
	}
	p.to, p.shown = to, ""
	p.quiet() // what is written where the command was given is no answer any more
	p.g.tell(ctx, p.conv, p.m.ID, "I have written to you in private; we go on there.")
	return nil
}

// notHere is the refusal that names the places where it works.
func (p *prompter) notHere() error {
	where := p.g.SecretsElsewhere()
	if where == "" {
		where = "`gateway login` on the gateway's host"
	}
	return personal{fmt.Sprintf("A sign-in shows links and asks for secrets, and this is no place for them. It works in: %s.", where)}
}

// mayType reports whether a secret may be typed as a message there. It is the one check of it.
func (p *prompter) mayType() bool {
	ch := p.g.account(p.to.Account).channel()
	private := p.m.Private || p.to != p.conv
	return ch != nil && private && !ch.Limits(p.to.Conversation).NoSecrets
}

// post makes the post of a step.
func (p *prompter) post(s login.Step, choices []channels.Choice) channels.Post {
	var b strings.Builder
	b.WriteString(s.Text)
	if s.Code != "" {
		b.WriteString("\n\n```\n" + s.Code + "\n```")
	}
	if s.URL != "" && !strings.Contains(s.Text, s.URL) {
		b.WriteString("\n\n" + s.URL)
	}
	if page := openPage(s); page.URL != "" && choices == nil {
		choices = []channels.Choice{{Label: page.Label, URL: page.URL}}
	}
	p.n++
	post := channels.Post{To: p.to.Conversation, Key: fmt.Sprintf("p%d.%d", p.key, p.n), Text: b.String(), Choices: choices}
	if p.to == p.conv {
		post.Only = p.m.From
		if p.m.Press == "" {
			post.Answers = p.m.ID
		}
		if p.m.Private {
			post.Only = ""
		}
	}
	return post
}

// show shows a step; a Done step replaces the one before it.
func (p *prompter) show(ctx context.Context, s login.Step, choices []channels.Choice) error {
	p.follow()
	ch := p.g.account(p.to.Account).channel()
	if ch == nil {
		return fmt.Errorf("%s is not open", p.to.Account)
	}
	post := p.post(s, choices)
	e, edits := ch.(channels.Editor)
	if s.Done && !edits {
		return nil // what was shown stays, and how the login ended is said anyway
	}
	if s.Done && p.shown != "" {
		if err := e.Edit(ctx, p.shown, post); err == nil {
			return nil
		}
	}
	id, err := ch.Send(ctx, post)
	if post.Only != "" && errors.Is(err, errors.ErrUnsupported) && p.to == p.conv {
		if err := p.goPrivate(ctx); err != nil {
			return err
		}
		return p.show(ctx, s, choices)
	}
	if err == nil {
		p.shown = id
	}
	return err
}

// takeBack takes the link and the buttons off a question that was asked again; when the sign-in ends, only the last is replaced.
func (p *prompter) takeBack(ctx context.Context, asked channels.MessageID) {
	e, edits := p.g.account(p.to.Account).channel().(channels.Editor)
	if !edits || asked == "" || asked == p.shown {
		return
	}
	if err := e.Edit(ctx, asked, p.post(login.Step{Text: "This is asked again below."}, nil)); err != nil {
		p.g.log.Warn("a question that was asked again still shows its link", "err", err)
	}
}

// form asks for a secret in a form of the service's own.
func (p *prompter) form(ctx context.Context, s login.Step) (secret.String, error) {
	a, ok := p.g.account(p.to.Account).channel().(channels.Asker)
	if !ok {
		return secret.String{}, errors.ErrUnsupported
	}
	id, err := p.store(ctx, s)
	if err != nil {
		return secret.String{}, err
	}
	defer p.unstore(ctx, id)
	k := askKey{p.conv, p.m.From}
	early := p.g.asks.ask(k, k, true) // an answer that was typed along with the command
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var typed secret.String
	fits := func(s2 secret.String) bool { return s.Field.Check == nil || s.Field.Check(s2.Reveal()) == nil }
	watch := make(chan struct{})
	go func() {
		defer close(watch)
		for {
			select {
			case a := <-early.answer:
				if fits(a) {
					typed = a
					cancel(errTyped)
					return
				}
				p.g.tell(ctx, p.conv, "", "I am waiting for the form to be filled in; what you wrote was taken for its answer, does not fit, and was not kept. /cancel gives the form up.")
			case <-early.cancel:
				cancel(login.ErrCanceled)
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	post := p.post(s, nil)
	post.Only = p.m.From
	answer, err := a.Ask(ctx, post, s)
	cancel(nil)
	<-watch
	p.g.asks.close(k, early)
	select {
	case a := <-early.answer: // it came while the form was being closed
		if fits(a) {
			typed = a
		}
	default:
	}
	if !typed.Empty() {
		return typed, nil
	}
	return answer, ended(ctx, err)
}

var errTyped = errors.New("typed along with the command")

// question asks in the conversation: the next text of the person there is the answer.
func (p *prompter) question(ctx context.Context, s login.Step) (secret.String, error) {
	k := askKey{p.to, p.m.From}
	id, err := p.store(ctx, s)
	if err != nil {
		return secret.String{}, err
	}
	defer p.unstore(ctx, id)
	q := p.g.asks.ask(k, askKey{p.conv, p.m.From}, s.Field.Secret)
	defer p.g.asks.close(k, q)
	if len(q.answer) == 0 { // else it came along with the command
		if err := p.show(ctx, s, p.buttons(ctx, s)); err != nil {
			return secret.String{}, err
		}
	}
	for {
		select {
		case <-ctx.Done():
			return secret.String{}, ctx.Err()
		case <-q.cancel:
			return secret.String{}, login.ErrCanceled
		case answer := <-q.answer:
			answer, err := checked(s, answer)
			if err == nil {
				return answer, nil
			}
			before := p.shown
			again := p.masked(login.Step{Text: err.Error() + "\n\n" + s.Text, URL: s.URL, Label: s.Label, Code: s.Code})
			if err := p.show(ctx, again, p.buttons(ctx, s)); err != nil {
				return secret.String{}, err
			}
			p.takeBack(ctx, before)
		}
	}
}

// checked gives what an answer means, the value of a choice that was named by its label, or says what is wrong with it.
func checked(s login.Step, answer secret.String) (secret.String, error) {
	text := answer.Reveal()
	for _, c := range s.Choices {
		if strings.EqualFold(c.Value, text) || strings.EqualFold(c.Label, text) {
			return secret.New(c.Value), nil
		}
	}
	if len(s.Choices) > 0 && !s.Field.Free {
		return answer, errors.New("That is none of the choices.") //nolint:staticcheck // a sentence for the person
	}
	if s.Field.Check != nil {
		return answer, s.Field.Check(text)
	}
	return answer, nil
}

// openPage is the button that opens the page of a step; without a URL there is none.
func openPage(s login.Step) commands.Choice {
	if s.Label == "" {
		s.Label = "Open"
	}
	return commands.Choice{Label: s.Label, URL: s.URL}
}

// buttons are the page of a step, its choices, and the way out.
func (p *prompter) buttons(ctx context.Context, s login.Step) []channels.Choice {
	var list []commands.Choice
	if s.URL != "" {
		list = append(list, openPage(s))
	}
	for _, c := range s.Choices {
		list = append(list, commands.Choice{Label: c.Label, Run: actAnswer + " " + c.Value})
	}
	until := time.Hour
	if !s.Expires.IsZero() {
		until = time.Until(s.Expires)
	}
	made, err := p.g.choices(ctx, p.to, p.m.From, append(list, commands.Choice{Label: "Cancel", Run: "/cancel"}), until)
	if err != nil {
		p.g.log.Warn("no buttons", "err", err)
	}
	return made
}

// store writes the question down before it is shown, never its answer.
func (p *prompter) store(ctx context.Context, s login.Step) (int64, error) {
	until := s.Expires
	if until.IsZero() {
		until = time.Now().Add(time.Hour)
	}
	id, err := p.g.o.Store.Ask(ctx, store.Question{Conv: p.to, Person: p.m.From, Provider: p.provider, Secret: s.Field.Secret, Until: until})
	if err != nil {
		return 0, fmt.Errorf("store the question: %w", err)
	}
	return id, nil
}

func (p *prompter) unstore(ctx context.Context, id int64) {
	if p.g.isClosing() {
		return // after the restart the person is told that the sign-in was cut
	}
	if err := p.g.o.Store.CloseQuestion(context.WithoutCancel(ctx), id); err != nil {
		p.g.log.Warn("question not closed", "err", err)
	}
}
