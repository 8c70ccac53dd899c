package gateway

import (
	"context"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"chatgateway/access"
	"chatgateway/channels"
	"chatgateway/commands"
	"chatgateway/internal/secret"
	"chatgateway/store"
)

// receive is the channels' handler: it refuses, answers, keeps and wakes, in this order. What it promises stands at
// channels.Handler.
func (g *Gateway) receive(ctx context.Context, a *account, b channels.Batch) error {
	if !g.enter() {
		return ErrClosing
	}
	defer g.leave()
	s := sorter{g: g, a: a, asked: map[askKey]bool{}, queued: map[store.Conv]int{}}
	for from, to := range b.Moved {
		g.asks.move(store.Conv{Account: a.ID, Conversation: from}, store.Conv{Account: a.ID, Conversation: to})
	}
	for _, m := range b.Messages {
		if to, ok := b.Moved[m.Conversation]; ok {
			m.Conversation = to
		}
		s.sort(ctx, m)
	}
	for _, c := range s.commits(b) {
		kept, err := g.o.Store.Keep(ctx, a.ID, c.in, c.marks, c.moved)
		if err != nil {
			g.notKept(a, c.in, err)
			return err
		}
		g.keeps(a)
		if len(kept) > 0 {
			g.takeUpLate(ctx, func(c store.Conv) bool {
				return c.Account == a.ID && slices.ContainsFunc(kept, func(i store.Item) bool { return i.Message.Conversation == c.Conversation })
			})
		}
		for from, to := range c.moved {
			g.moved(ctx, store.Conv{Account: a.ID, Conversation: from}, store.Conv{Account: a.ID, Conversation: to})
		}
		for _, item := range kept {
			if act := s.acts[item.Message.ID]; act != nil {
				act(item)
			} else {
				g.wake(store.Conv{Account: a.ID, Conversation: item.Message.Conversation})
			}
		}
	}
	for _, k := range s.closed {
		g.o.Store.EndLines(k.conv, k.person)
	}
	for _, f := range s.after {
		g.aside(f)
	}
	return nil
}

// commit is what of a batch is kept at once.
type commit struct {
	in    []store.Incoming
	marks map[string]string
	moved map[channels.ConversationID]channels.ConversationID
}

// commits divides a batch behind each message that stops, so that nothing that follows it has begun when it acts. If a
// later one fails, what was kept is known by its id when the batch comes again. The marks stand in the last one.
func (s *sorter) commits(b channels.Batch) []commit {
	list, from := []commit(nil), 0
	for _, n := range s.stops {
		list, from = append(list, commit{in: s.in[from:n]}), n
	}
	if from < len(s.in) || len(list) == 0 && len(b.Marks)+len(b.Moved) > 0 {
		list = append(list, commit{in: s.in[from:]})
	}
	if len(list) > 0 {
		list[0].moved, list[len(list)-1].marks = b.Moved, b.Marks
	}
	return list
}

func (g *Gateway) isClosing() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closing
}

// enter lets the shutdown wait for what comes in now; false if it has begun. leave must follow.
func (g *Gateway) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing {
		return false
	}
	g.receiving.Add(1)
	return true
}

func (g *Gateway) leave() { g.receiving.Done() }

// aside runs f beside everything else; the shutdown waits for it. A panic in it ends nothing else.
func (g *Gateway) aside(f func(context.Context)) {
	g.mu.Lock()
	run := g.runTurn
	g.mu.Unlock()
	if run != nil {
		run(func(ctx context.Context) {
			defer g.contain("beside a conversation")
			f(ctx)
		})
	}
}

// contain, deferred, keeps a panic to the goroutine in which it happened.
func (g *Gateway) contain(where string) {
	if v := recover(); v != nil {
		_ = g.logPanic(where, v, debug.Stack())
	}
}

// sorter decides about the messages of one batch, without writing anything.
type sorter struct {
	g      *Gateway
	a      *account
	in     []store.Incoming
	acts   map[channels.MessageID]func(store.Item) // after the commit, for those that are new
	after  []func(context.Context)                 // after the commit, whatever is new
	asked  map[askKey]bool                         // a command in this batch asks: what follows is its answer
	queued map[store.Conv]int
	closed []askKey // who turned away from the choices that they were shown as lines of text
	stops  []int    // how many of in stand up to and with a message that stops, for each of them
}

func (s *sorter) keep(m channels.Message, redact, done bool, act func(store.Item)) {
	if redact {
		m.Text, m.Attachments = "", nil
	}
	s.in = append(s.in, store.Incoming{Message: m, Redact: redact, Done: done})
	if act != nil {
		if s.acts == nil {
			s.acts = map[channels.MessageID]func(store.Item){}
		}
		s.acts[m.ID] = act
	}
}

func (s *sorter) sort(ctx context.Context, m channels.Message) {
	m.Text = strings.ToValidUTF8(m.Text, "\ufffd")
	d := s.g.o.Policy.Decide(ctx, s.a.ID, m)
	conv := store.Conv{Account: s.a.ID, Conversation: m.Conversation}
	k := askKey{conv, m.From}
	if d.Role == access.Nobody || m.From == "" {
		s.refuse(conv, m, d)
		return
	}
	action, chose := s.typed(ctx, k, m)
	if answer, ok := strings.CutPrefix(action, actAnswer+" "); ok {
		s.keep(m, true, true, func(i store.Item) { s.g.aside(func(ctx context.Context) { s.g.chosen(ctx, k, i.Message, answer) }) })
		return
	} else if chose {
		m.Text = action
	}
	name, args, isCommand := commands.Parse(m.Text)
	switch {
	case m.Press != "":
		s.keep(m, false, false, func(i store.Item) { s.g.pressed(conv, i, d.Role) })
		return
	case m.Edited:
		s.edited(k, m, s.g.looksSecret(m.Text) || s.secretArg(name, args, isCommand) >= 0)
		return
	case isCommand && (name == "stop" || name == "cancel"):
		s.keep(m, false, true, func(i store.Item) { s.g.halt(k, name, i.Message, i.Seq) })
		s.stops = append(s.stops, len(s.in))
		return
	}
	expected, mayBeSecret := s.g.asks.expects(k)
	if s.asked[k] {
		expected, mayBeSecret = true, true
	}
	if isCommand && (expected || s.g.asks.hasCut(k)) && !s.g.known(name) {
		isCommand = false // an answer may begin with a slash
	}
	if expected && !isCommand && m.Text != "" {
		text := secret.New(strings.TrimSpace(m.Text))
		s.keep(m, true, true, func(i store.Item) { s.g.answered(k, i.Message, text, mayBeSecret) })
		return
	}
	if s.g.asks.hasCut(k) && !isCommand && m.Text != "" {
		s.keep(m, true, true, func(i store.Item) { s.g.cutAnswer(k, i.Message) })
		return
	}
	if isCommand {
		s.command(k, m, name, args)
		return
	}
	if s.g.looksSecret(m.Text) {
		s.keep(m, true, true, func(i store.Item) { s.g.strayKey(k, i.Message) })
		return
	}
	s.queued[conv]++
	if len(s.g.o.Store.Queue(conv))+s.queued[conv] > s.g.settings.Load().Queue {
		s.keep(m, true, true, func(i store.Item) { s.g.flood(conv, i.Message) })
		return
	}
	s.keep(m, false, false, nil)
}

// edited keeps a message that was changed. One that now holds a secret is answered like a new one that does; what it
// said before is taken out of the queue.
func (s *sorter) edited(k askKey, m channels.Message, isSecret bool) {
	s.keep(m, isSecret, isSecret, nil)
	if isSecret {
		s.after = append(s.after, func(context.Context) { s.g.strayKey(k, m) })
	}
}

// command keeps a command line without the secrets in it; those go to the question that the command opens.
func (s *sorter) command(k askKey, m channels.Message, name string, args []string) {
	c, ok := commands.Find(s.g.o.Commands, name)
	at := s.secretArg(name, args, true)
	if at < 0 {
		if ok && c.Asks {
			s.g.forgetCuts(k)
			s.asked[k] = true
			s.keep(m, false, false, func(i store.Item) { s.g.asks.announce(k, i.Seq); s.g.wake(k.conv) })
			return
		}
		s.keep(m, false, false, nil)
		return
	}
	word, full := secret.New(args[at]), m
	m.Text = strings.TrimSpace("/" + name + " " + strings.Join(args[:at], " "))
	s.keep(m, false, false, func(i store.Item) {
		if ok && c.Asks {
			s.g.forgetCuts(k)
			s.g.asks.announce(k, i.Seq)
		}
		s.g.aside(func(ctx context.Context) {
			s.g.eraseSecret(ctx, k.conv, full)
			if !s.g.asks.take(k, word) && !ok {
				s.g.tell(ctx, k.conv, "", "That held something that looks like a key. It was not kept.")
			}
			s.g.wake(k.conv)
		})
	})
}

// refuse tells a stranger what the policy says, keeps nothing of what they said, and lets them claim.
func (s *sorter) refuse(conv store.Conv, m channels.Message, d access.Decision) {
	s.g.log.Debug("refused", "account", string(s.a.ID), "from", string(m.From), "why", d.Why)
	name, args, ok := commands.Parse(m.Text)
	s.eraseStrangers(m, s.secretArg(name, args, ok) >= 0)
	if ok && name == "claim" && m.Private && m.From != "" && len(args) == 1 && s.g.o.Hooks.Claim != nil {
		s.after = append(s.after, func(ctx context.Context) {
			text, err := s.g.o.Hooks.Claim(ctx, s.a.ID, m, args[0])
			if err != nil {
				text = s.g.userMessage(err)
			}
			s.g.tell(ctx, conv, m.ID, text)
		})
		return
	}
	switch {
	case d.Reply != "":
		s.after = append(s.after, func(ctx context.Context) { s.g.tell(ctx, conv, m.ID, d.Reply) })
	case m.Waits && m.From != "":
		s.after = append(s.after, func(ctx context.Context) { s.g.turnAway(ctx, s.a, m) })
	}
}

// turnAway tells a stranger who is shown that an answer is being made that none comes, and nobody else.
func (g *Gateway) turnAway(ctx context.Context, a *account, m channels.Message) {
	ch := a.channel()
	if ch == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	p := channels.Post{To: m.Conversation, Answers: m.ID, Only: m.From, Text: "You may not use this bot here; its owner can let you in."}
	if _, err := ch.Send(ctx, p); err != nil {
		g.log.Debug("a stranger was not turned away", "account", string(a.ID), "err", err)
	}
}

// tell posts a short text beside the conversation. It is tried for a minute; that it fails is logged.
func (g *Gateway) tell(ctx context.Context, conv store.Conv, answers channels.MessageID, text string) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	conv = g.asks.now(conv)
	if _, err := g.deliver(ctx, conv, channels.Post{To: conv.Conversation, Answers: answers, Text: g.o.Secrets.Mask(text)}); err != nil {
		g.log.Warn("not told", "account", string(conv.Account), "err", err)
	}
}

// answered hands the answer of an open question over, after the message that held a secret was deleted.
func (g *Gateway) answered(k askKey, m channels.Message, text secret.String, mayBeSecret bool) {
	g.aside(func(ctx context.Context) {
		if mayBeSecret {
			g.eraseSecret(ctx, k.conv, m)
		}
		if !g.asks.take(k, text) {
			g.tell(ctx, k.conv, "", "Nobody was waiting for that any more, and it was not kept. Send it again if it was meant for the model.")
		}
	})
}

// flood refuses a message where too many wait.
func (g *Gateway) flood(conv store.Conv, m channels.Message) {
	g.aside(func(ctx context.Context) {
		g.tell(ctx, conv, m.ID, "Too many messages are waiting here; this one was not taken. Send it again later, or /stop what is running.")
	})
}

// nothingIn says that there was nothing in a message to answer. What was redacted or pressed was answered elsewhere.
func (g *Gateway) nothingIn(ctx context.Context, conv store.Conv, i store.Item) {
	if m := i.Message; m.Press == "" && !i.Redacted && m.Addressed {
		g.tell(ctx, conv, m.ID, "There was nothing in that message that I can read. Write your question; /help shows what else I can do.")
	}
}

func (g *Gateway) drop(ctx context.Context, items ...store.Item) {
	var seqs []int64
	for _, i := range items {
		seqs = append(seqs, i.Seq)
	}
	if err := g.o.Store.Drop(ctx, seqs...); err != nil {
		g.log.Error("not dropped", "err", err)
	}
}
