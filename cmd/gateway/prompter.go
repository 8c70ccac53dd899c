package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"

	"chatgateway/internal/browser"
	"chatgateway/internal/lazyregexp"
	"chatgateway/internal/secret"
	"chatgateway/login"
)

// maxTyped is the most bytes of one line that is read from a person or a pipe.
const maxTyped = 64 << 10

// prompter is login.Prompter on standard input. What it asks is shown on standard error, so that standard output holds
// results alone. Secrets are not echoed where a terminal would. Without a terminal each question takes one line.
// It is used by one goroutine at a time.
type prompter struct {
	app     *app
	lines   *lines
	tty     *os.File          // standard input, if it is a terminal
	answers map[string]string // answers that flags gave, by the name of the field
	asked   string            // the field that was asked for last
	refusal error             // what was wrong with the last answer
}

func (a *app) prompter() *prompter {
	p := &prompter{app: a, lines: &lines{in: a.in}, answers: map[string]string{}}
	if f, ok := a.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.tty = f
	}
	return p
}

// Prompt implements login.Prompter. A choice may be answered by its number. An empty answer gives up.
func (p *prompter) Prompt(ctx context.Context, s login.Step) (secret.String, error) {
	if s.Field != nil {
		if answer, ok := p.answers[s.Field.Name]; ok {
			return secret.New(answer), nil
		}
	}
	p.show(s)
	if s.Field == nil {
		p.browse(ctx, s.URL)
		return secret.String{}, nil
	}
	if !s.Field.Secret {
		p.browse(ctx, s.URL)
	}
	if !s.Expires.IsZero() {
		var done context.CancelFunc
		ctx, done = context.WithDeadlineCause(ctx, s.Expires, login.ErrExpired)
		defer done()
	}
	p.asked, p.refusal = s.Field.Name, nil
	for {
		answer, err := p.read(ctx, s)
		if err != nil {
			return secret.String{}, err
		}
		if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(s.Choices) {
			answer = s.Choices[n-1].Value
		}
		if s.Field.Check == nil {
			return secret.New(answer), nil
		}
		if p.refusal = s.Field.Check(answer); p.refusal == nil {
			return secret.New(answer), nil
		}
		fmt.Fprintln(p.app.err, shellWords(message(p.refusal)))
	}
}

// show writes a step.
func (p *prompter) show(s login.Step) {
	w := p.app.err
	fmt.Fprintln(w, shellWords(s.Text))
	if s.URL != "" && !strings.Contains(s.Text, s.URL) {
		fmt.Fprintf(w, "  %s\n", s.URL)
	}
	if s.Code != "" {
		fmt.Fprintf(w, "  code: %s\n", s.Code)
	}
	for i, c := range s.Choices {
		fmt.Fprintf(w, "  %d  %s\n", i+1, c.Label)
	}
}

// read takes one answer. At the end of a pipe a link may still be answered by the browser: errors.ErrUnsupported then.
func (p *prompter) read(ctx context.Context, s login.Step) (string, error) {
	link := s.URL != "" && !s.Field.Secret // answered in the browser, perhaps
	hint := "empty: cancel"
	switch {
	case link && p.tty != nil:
		hint = "Ctrl-C: cancel"
	case s.Field.Secret:
		hint = "not shown; " + hint
	}
	fmt.Fprintf(p.app.err, "%s (%s): ", s.Field.Name, hint)
	if p.tty != nil && s.Field.Secret {
		setEcho(p.tty, false)
		defer func() {
			setEcho(p.tty, true)
			fmt.Fprintln(p.app.err)
		}()
	} else if p.tty == nil {
		fmt.Fprintln(p.app.err)
	}
	line, err := p.lines.next(ctx)
	for link && p.tty != nil && err == nil && strings.TrimSpace(line) == "" {
		line, err = p.lines.next(ctx) // a person who waits presses keys
	}
	switch answer := strings.TrimSpace(line); {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case answer != "":
		return answer, nil
	case err != nil && !errors.Is(err, io.EOF):
		return "", fmt.Errorf("read the answer: %w", err)
	case err != nil && p.tty == nil && link:
		return "", errors.ErrUnsupported
	case p.refusal != nil && p.tty == nil:
		return "", p.refusal
	}
	return "", login.ErrCanceled
}

// secret asks for one secret.
func (p *prompter) secret(ctx context.Context, text, field string, check func(string) error) (secret.String, error) {
	return p.Prompt(ctx, login.Step{Text: text, Field: &login.Field{Name: field, Secret: true, Check: check}})
}

// confirm asks a question that is answered by yes; anything else is no.
func (p *prompter) confirm(ctx context.Context, text string) (bool, error) {
	a, err := p.Prompt(ctx, login.Step{Text: text, Field: &login.Field{Name: "yes or no"}})
	if errors.Is(err, login.ErrCanceled) {
		return false, nil
	}
	yes := strings.ToLower(a.Reveal())
	return yes == "y" || yes == "yes", err
}

// browse opens a page on this host, if a person sits at it.
func (p *prompter) browse(ctx context.Context, url string) {
	out, ok := p.app.err.(*os.File)
	if url == "" || p.tty == nil || !ok || !term.IsTerminal(int(out.Fd())) {
		return
	}
	go func() { _ = browser.Open(ctx, url) }() // ends within seconds; if it fails, the link stands there to be copied
}

// lines reads a line at a time, never more, so that what follows is left for others.
type lines struct {
	in      io.Reader
	pending chan typed // a read that was begun; nil if none is
}

type typed struct {
	text string
	err  error
}

// next gives the next line. If ctx ends first, the line that comes later is the next call's.
func (l *lines) next(ctx context.Context) (string, error) {
	if l.pending == nil {
		ch := make(chan typed, 1)
		l.pending = ch
		go func() { // ends with the line; a read from a terminal cannot be taken back, and ends with the process
			text, err := readLine(l.in)
			ch <- typed{text, err}
		}()
	}
	select {
	case t := <-l.pending:
		l.pending = nil
		return t.text, t.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func readLine(r io.Reader) (string, error) {
	var b strings.Builder
	one := make([]byte, 1)
	for {
		n, err := r.Read(one)
		if n == 1 {
			if one[0] == '\n' {
				return b.String(), nil
			}
			if b.Len() == maxTyped {
				return "", fmt.Errorf("a line is longer than %d KiB", maxTyped>>10)
			}
			b.WriteByte(one[0])
		}
		if err != nil {
			return b.String(), err
		}
	}
}

// chatWords are the commands of the chat, and what they are called in the shell.
var chatWords = []struct {
	chat  lazyregexp.Regexp
	shell string
}{
	{lazyregexp.New(`(^|[\s(\x60])/login (\S+) (key|token|browser|device)\b`), "${1}gateway login $2 --method $3"},
	{lazyregexp.New(`(^|[\s(\x60])/auth (\S+) (enable|disable|logout)\b`), "${1}gateway auth $3 $2"},
	{lazyregexp.New(`(^|[\s(\x60])/auth (\S+) order\b`), "${1}gateway auth order get $2"},
	{lazyregexp.New(`(^|[\s(\x60])/(login|logout|auth)\b`), "${1}gateway $2"},
}

// shellWords says for the shell what is said for a chat: "/login openai" is `gateway login openai`.
func shellWords(text string) string {
	for _, w := range chatWords {
		text = w.chat.ReplaceAllString(text, w.shell)
	}
	return text
}

// Interface guards
var _ login.Prompter = (*prompter)(nil)
