package gateway

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"chatgateway/access"
	"chatgateway/channels"
	"chatgateway/commands"
	"chatgateway/internal/secret"
	"chatgateway/login"
	"chatgateway/providers"
	"chatgateway/store"
)

// command runs one command line. It is marked as begun before it runs, so that it runs at most once.
func (s *session) command(ctx context.Context, i store.Item, line string) {
	m, k := i.Message, askKey{s.conv, i.Message.From}
	name, args, _ := commands.Parse(line)
	c, ok := commands.Find(s.g.o.Commands, name)
	if c.Asks {
		s.g.asks.begin(k)
	}
	turn, err := s.g.o.Store.Begin(ctx, s.conv, "command", []int64{i.Seq}, true)
	if err != nil {
		s.g.endAsk(k, c)
		s.g.log.Debug("command not begun", "err", err)
		s.rest(ctx, m, err)
		return
	}
	private := false // a refusal is said where the command was given, how it went as the command itself
	said := keyEnd
	say := func(ctx context.Context, text string, choices ...commands.Choice) {
		said++
		if err := s.g.answer(ctx, s.conv, m, commands.Answer{Text: text, Choices: choices}, sayOptions{key: i.Seq, n: said, private: private}); err != nil {
			s.g.log.Warn("command not answered", "err", err)
		}
	}
	if !ok {
		near := commands.Near(s.g.o.Commands, name)
		say(ctx, fmt.Sprintf("There is no command /%s. Did you mean /%s?", name, near), commands.Choice{Label: "/" + near, Run: strings.TrimSpace("/" + near + " " + strings.Join(args, " "))})
		s.g.o.Store.Finish(turn.ID)
		return
	}
	d := s.g.o.Policy.Decide(ctx, s.conv.Account, m)
	call := &commands.Call{
		Name: c.Name, Args: args, Private: m.Private, Pressed: m.Press != "", Scope: scopeOf(s.conv), Host: s.g, Session: sessionView{s, m},
		Person: commands.Person{ID: string(m.From), Name: m.FromName, Account: string(s.conv.Account), Role: role(d.Role)},
	}
	if refusal := s.g.mayRun(c, call, m); refusal != "" {
		s.g.endAsk(k, c)
		say(ctx, refusal)
		s.g.o.Store.Finish(turn.ID)
		return
	}
	private = c.Where == commands.Privately
	opt := sayOptions{key: i.Seq, private: private, pressed: m.Press != ""}
	call.Say = func(ctx context.Context, a commands.Answer) error {
		opt.n++
		return s.g.answer(ctx, s.conv, m, a, opt)
	}
	if c.Asks {
		s.askAside(ctx, c, call, m, i.Seq, say, func() { s.g.o.Store.Finish(turn.ID) })
		return
	}
	call.Prompt = noPrompter{}
	s.g.runCommand(ctx, c, call, say)
	s.g.o.Store.Finish(turn.ID)
}

// askAside runs a command that asks in a goroutine of its own, after asks.begin. key makes its posts' keys; over is
// called when it has ended.
func (s *session) askAside(ctx context.Context, c commands.Command, call *commands.Call, m channels.Message, key int64, say func(context.Context, string, ...commands.Choice), over func()) {
	k := askKey{s.conv, m.From}
	flow := flowKey{s.conv.Account, m.From, c.Name + " " + strings.ToLower(call.Arg(0))}
	if at, ok := s.g.asks.enter(flow, s.conv); !ok {
		s.g.asks.end(k, false)
		say(ctx, waitingAlready(at == s.g.asks.now(s.conv), c.Name))
		over()
		return
	}
	s.g.aside(func(ctx context.Context) {
		defer over()
		defer s.g.asks.leave(flow)
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer s.g.asks.running(k, func() { cancel(login.ErrCanceled) })()
		p := &prompter{g: s.g, conv: s.conv, m: m, provider: call.Arg(0), key: key}
		call.Prompt = p
		s.g.runCommand(ctx, c, call, say)
		if left := s.g.asks.end(k, p.quieted); left > 0 {
			say(ctx, "What you sent meanwhile was taken for an answer to /"+c.Name+" and not kept. Send it again if it was meant for the model.")
		}
	})
}

// waitingAlready says that a flow was begun twice.
func waitingAlready(here bool, name string) string {
	if here {
		return "I am waiting for your answer already, here. /cancel gives it up."
	}
	return "I am waiting for your answer to /" + name + " already, in another conversation with me. /cancel there gives it up."
}

// endAsk takes back begin for a command that does not run.
func (g *Gateway) endAsk(k askKey, c commands.Command) {
	if c.Asks {
		g.asks.end(k, false)
	}
}

// runCommand runs c and says what went wrong, a panic too.
func (g *Gateway) runCommand(ctx context.Context, c commands.Command, call *commands.Call, say func(context.Context, string, ...commands.Choice)) {
	defer func() {
		if v := recover(); v != nil {
			_ = g.logPanic("/"+c.Name, v, debug.Stack())
			say(context.WithoutCancel(ctx), "Something went wrong in /"+c.Name+". The gateway's log says what.")
		}
	}()
	err := c.Run(ctx, call)
	var moved movedTo
	switch {
	case err == nil:
		return
	case errors.As(context.Cause(ctx), &moved):
		say(context.WithoutCancel(ctx), lineOf(c, call)+" was interrupted because this conversation moved here. Send it again.")
	case g.isClosing() && c.Asks:
		say(context.WithoutCancel(ctx), "The gateway is being restarted, and this was given up. Send "+lineOf(c, call)+" again in a moment.")
	case errors.Is(err, login.ErrCanceled), errors.Is(context.Cause(ctx), login.ErrCanceled):
		say(context.WithoutCancel(ctx), "Canceled.")
	case errors.Is(err, login.ErrExpired):
		say(context.WithoutCancel(ctx), fmt.Sprintf("The time for an answer has passed. Begin again with %s when you are ready.", lineOf(c, call)))
	case errors.Is(context.Cause(ctx), errStopped):
		return
	default:
		g.log.Warn("command failed", "command", c.Name, "err", err)
		say(context.WithoutCancel(ctx), g.userMessage(err))
	}
}

// lineOf is the command line of a call; secrets are never in it.
func lineOf(c commands.Command, call *commands.Call) string {
	return strings.TrimSpace("/" + c.Name + " " + call.Rest(0))
}

// mayRun says why this person may not run the command here; "" if they may.
func (g *Gateway) mayRun(c commands.Command, call *commands.Call, m channels.Message) string {
	if call.Person.Role < c.Role {
		g.Record(context.Background(), call.Person, "/"+c.Name, strings.Join(call.Args, " "), "refused")
		return "/" + c.Name + " is for the bot's owners. Ask one of them, or become one with /claim and the code on the gateway's console."
	}
	if c.Where == commands.Private && !m.Private {
		return "/" + c.Name + " works in a private conversation with me only."
	}
	if c.Where == commands.Privately && !m.Private && g.allPublic(channels.AccountID(call.Person.Account)) {
		return fmt.Sprintf("/%s is answered in private, and nothing is private here. It works in: %s.", c.Name, g.elsewhere(c.Name))
	}
	return ""
}

// allPublic reports whether an account has no way to tell one person alone.
func (g *Gateway) allPublic(id channels.AccountID) bool {
	ch := g.account(id).channel()
	_, asks := ch.(channels.Asker)
	_, directs := ch.(channels.Director)
	return ch != nil && !asks && !directs
}

// role translates what the policy says for the commands.
func role(r access.Role) commands.Role {
	switch r {
	case access.Owner:
		return commands.Owner
	case access.User:
		return commands.User
	}
	return commands.Anyone
}

// Where the numbers of a command's posts begin: its own answers at 1, how it ended, and what a restart said of it. No
// two posts of one conversation may have the same key.
const (
	keyEnd     = 500
	keyRestart = 1000
	keyNotice  = 2000
)

// sayOptions say how a command's answer is posted.
type sayOptions struct {
	key     int64 // makes the posts' keys
	n       int   // how many answers came before
	private bool  // for the person alone
	pressed bool  // m is a press: Replace may edit the message that bore the button
}

// answer posts what a command says, its buttons bound to the person who asked.
func (g *Gateway) answer(ctx context.Context, conv store.Conv, m channels.Message, a commands.Answer, o sayOptions) error {
	conv = g.asks.now(conv)
	p := channels.Post{To: conv.Conversation, Answers: m.ID, Key: fmt.Sprintf("c%d.%d", o.key, o.n), Text: g.o.Secrets.Mask(a.Text)}
	if m.Press != "" {
		p.Answers = ""
	}
	if o.private && !m.Private {
		p.Only = m.From
	}
	var err error
	if p.Choices, err = g.choices(ctx, conv, m.From, a.Choices, 24*time.Hour); err != nil {
		return err
	}
	ch := g.account(conv.Account).channel() // not open: deliver waits until it is
	if e, ok := ch.(channels.Editor); ok && a.Replace && o.pressed && m.Answers != "" && p.Only == "" && fitsWhole(ch, p) {
		if err := e.Edit(ctx, m.Answers, p); err == nil {
			return nil
		}
	}
	_, err = g.deliver(ctx, conv, p)
	if p.Only != "" && errors.Is(err, errors.ErrUnsupported) || !m.Private && errors.Is(err, channels.ErrSetup) {
		return g.inPrivate(ctx, conv, m, a, o)
	}
	return err
}

// fitsWhole reports whether one message can hold the post.
func fitsWhole(ch channels.Channel, p channels.Post) bool {
	l := ch.Limits(p.To)
	return l.Fit == nil || l.Fit(p.Text) == len(p.Text)
}

// inPrivate answers a person in private, and says so where they asked.
func (g *Gateway) inPrivate(ctx context.Context, conv store.Conv, m channels.Message, a commands.Answer, o sayOptions) error {
	to, none := g.direct(ctx, conv, m.From)
	if none != nil {
		g.tell(ctx, conv, m.ID, "I answer that in private only. Write to me in a private conversation and send it again there.")
		return nil //nolint:nilerr // the person was told
	}
	p := channels.Post{To: to.Conversation, Key: fmt.Sprintf("c%d.%d", o.key, o.n), Text: a.Text}
	var err error
	if p.Choices, err = g.choices(ctx, to, m.From, a.Choices, 24*time.Hour); err != nil {
		return err
	}
	if _, unable := g.deliver(ctx, to, p); unable != nil {
		g.tell(ctx, conv, m.ID, "I answer that in private only, and could not write to you. Write to me in a private conversation first.")
		return nil //nolint:nilerr // the person was told
	}
	g.tell(ctx, conv, m.ID, "I have answered you in private.")
	return nil
}

// direct finds the private conversation with a person.
func (g *Gateway) direct(ctx context.Context, conv store.Conv, u channels.UserID) (store.Conv, error) {
	d, ok := g.account(conv.Account).channel().(channels.Director)
	if !ok {
		return store.Conv{}, errors.ErrUnsupported
	}
	c, err := d.Direct(ctx, u)
	return store.Conv{Account: conv.Account, Conversation: c}, err
}

// choices makes buttons: each is stored before it is shown, with the number that it has where choices are lines of text.
func (g *Gateway) choices(ctx context.Context, conv store.Conv, person channels.UserID, cs []commands.Choice, until time.Duration) ([]channels.Choice, error) {
	var presses []store.Press
	for n, c := range cs {
		if c.URL == "" {
			presses = append(presses, store.Press{Conv: conv, Person: person, Action: c.Run, Until: time.Now().Add(until), Line: n + 1, Label: c.Label})
		}
	}
	made, err := g.o.Store.NewPress(ctx, presses...)
	if err != nil {
		return nil, fmt.Errorf("store the buttons: %w", err)
	}
	var out []channels.Choice
	for _, c := range cs {
		if c.URL != "" {
			out = append(out, channels.Choice{Label: c.Label, URL: c.URL})
			continue
		}
		out = append(out, channels.Choice{Label: c.Label, Press: made[0].ID})
		made = made[1:]
	}
	return out, nil
}

// noPrompter is the Prompter of commands that do not ask.
type noPrompter struct{}

func (noPrompter) Prompt(context.Context, login.Step) (secret.String, error) {
	return secret.String{}, errors.ErrUnsupported
}

// sessionView is what a command sees of its conversation; m says where it was given.
type sessionView struct {
	s *session
	m channels.Message
}

// Model implements commands.Session.
func (v sessionView) Model(ctx context.Context) (providers.Ref, string) {
	return v.s.g.modelFor(ctx, v.s.conv, v.m)
}

// SetModel implements commands.Session.
func (v sessionView) SetModel(ctx context.Context, ref providers.Ref) error {
	c, err := v.s.g.o.Store.Conversation(ctx, v.s.conv)
	if err != nil {
		return err
	}
	c.Conv, c.Model = v.s.conv, ref.String()
	return v.s.g.o.Store.SetConversation(ctx, c)
}

// Reset implements commands.Session.
func (v sessionView) Reset(ctx context.Context) error {
	v.s.mu.Lock()
	v.s.forget = true
	v.s.mu.Unlock()
	return v.s.g.o.Store.Reset(ctx, v.s.conv)
}

// Stop implements commands.Session.
func (v sessionView) Stop(ctx context.Context) (int, error) {
	n, wait := v.s.g.stopConv(v.s.conv, v.s.headSeq())
	return n, wait(ctx)
}

// Retry implements commands.Session.
func (v sessionView) Retry(ctx context.Context) error {
	raw, err := v.s.g.o.Store.History(ctx, v.s.conv)
	if err != nil {
		return err
	}
	if len(raw) == 0 {
		return errNothingToRetry
	}
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx) // a /stop came first
	}
	v.s.retry = &v.m
	return nil // the session looks again when this command is done
}

// Thinking implements commands.Session.
func (v sessionView) Thinking(ctx context.Context) bool { return v.s.thinking(ctx) }

// SetThinking implements commands.Session.
func (v sessionView) SetThinking(ctx context.Context, show bool) error {
	c, err := v.s.g.o.Store.Conversation(ctx, v.s.conv)
	if err != nil {
		return err
	}
	c.Conv, c.Thinking = v.s.conv, &show
	return v.s.g.o.Store.SetConversation(ctx, c)
}

// Messages implements commands.Session.
func (v sessionView) Messages(ctx context.Context) int {
	raw, err := v.s.g.o.Store.History(ctx, v.s.conv)
	if err != nil {
		return 0
	}
	return len(raw)
}

// personal is an error with a sentence for people.
type personal struct{ text string }

func (p personal) Error() string { return p.text }

// UserMessage implements the method that userMessage looks for.
func (p personal) UserMessage() string { return p.text }

var errNothingToRetry = personal{"There is nothing to ask again here yet. Write your question."}

// menu is the commands as the channels' menus take them.
func (g *Gateway) menu() []channels.Command {
	var list []channels.Command
	for _, c := range g.o.Commands {
		n := channels.Command{Name: c.Name, Help: c.Help, Private: c.Where != commands.Anywhere, Owner: c.Role == commands.Owner}
		for _, a := range c.Args {
			arg := channels.Arg{Name: a.Name, Help: a.Help, Optional: a.Optional, Secret: a.Secret}
			if a.Complete != nil {
				arg.Complete = func(ctx context.Context, prefix string) []string { return a.Complete(ctx, g, prefix) }
			}
			n.Args = append(n.Args, arg)
		}
		list = append(list, n)
	}
	return slices.Clip(list)
}
