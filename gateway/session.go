package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"chatgateway/channels"
	"chatgateway/commands"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/store"
)

// sessionIdle is how long a conversation is held in memory without a message.
const sessionIdle = time.Hour

// Why a turn was interrupted.
var (
	errStopped   = errors.New("stopped")
	errLoggedOut = errors.New("logged out")
)

// movedTo is why a turn was interrupted whose conversation goes on under another id.
type movedTo struct{ conv store.Conv }

func (movedTo) Error() string { return "the conversation moved" }

// session is one conversation at work: one goroutine, which takes the messages from the store's queue in order.
type session struct {
	g    *Gateway
	conv store.Conv
	bell chan struct{} // one deep: there is work
	quit chan struct{} // closed when the gateway drains: end after the turn that runs

	history []providers.Message // the session's goroutine's own; nil with loaded false
	loaded  bool
	ran     map[string]providerauth.ID // the session's goroutine's own: by provider, the credential that it ran on last
	noticed bool                       // the session's goroutine's own: the last it said is that messages waited too long

	mu       sync.Mutex
	stopTurn context.CancelCauseFunc // guarded by mu; nil while no turn runs
	actions  map[int64]string        // guarded by mu: what a press means, by its message's seq
	retry    *channels.Message       // guarded by mu: ask the last question again, for who wrote this
	forget   bool                    // guarded by mu: the history in memory is stale
	drained  bool                    // guarded by mu: quit is closed
	halts    int                     // guarded by mu: how often halt was called
}

// session gives the conversation's session, and starts it if it sleeps.
func (g *Gateway) session(c store.Conv) *session {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sessionLocked(c)
}

func (g *Gateway) sessionLocked(c store.Conv) *session {
	s := g.sessions[c]
	if s != nil {
		return s
	}
	s = &session{g: g, conv: c, bell: make(chan struct{}, 1), quit: make(chan struct{}), actions: map[int64]string{}, ran: map[string]providerauth.ID{}}
	if g.runTurn == nil || g.closing {
		s.drain()
		return s
	}
	g.sessions[c] = s
	g.runTurn(s.run)
	return s
}

// wake tells a conversation that there is work. It never blocks.
func (g *Gateway) wake(c store.Conv) {
	g.mu.Lock()
	defer g.mu.Unlock() // so that it does not leave between the look and the bell
	select {
	case g.sessionLocked(c).bell <- struct{}{}:
	default:
	}
}

// run works until the conversation has been silent for an hour, the gateway drains, or ctx ends.
func (s *session) run(ctx context.Context) {
	idle := time.NewTimer(sessionIdle)
	defer idle.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.quit:
			return
		case <-s.bell:
			for s.next(ctx) {
			}
			idle.Reset(sessionIdle)
		case <-idle.C:
			if s.leave() {
				return
			}
			idle.Reset(sessionIdle)
		}
	}
}

// leave takes the session out of the gateway, unless work came in meanwhile.
func (s *session) leave() bool {
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	if len(s.bell) > 0 {
		return false
	}
	delete(s.g.sessions, s.conv)
	return true
}

func (s *session) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.drained {
		s.drained = true
		close(s.quit)
	}
}

func (s *session) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopTurn != nil
}

// interrupt ends the turn that runs; false if none does.
func (s *session) interrupt(why error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopTurn == nil {
		return false
	}
	s.stopTurn(why)
	return true
}

// meant says what the press with this seq means; the queue holds no more than its id.
func (s *session) meant(seq int64, action string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.actions[seq] = action
}

// next does one turn; false if there is nothing to do, or the gateway drains.
func (s *session) next(ctx context.Context) bool {
	select {
	case <-s.quit:
		return false
	default:
	}
	if ctx.Err() != nil {
		return false
	}
	s.mu.Lock()
	again := s.retry
	s.retry = nil
	halts := s.halts
	if s.forget {
		s.history, s.loaded, s.forget = nil, false, false
	}
	s.mu.Unlock()
	if t, ok := s.g.leftOver(s.conv); ok {
		s.guardSince(ctx, halts, func(turn context.Context) { s.resume(ctx, turn, t) })
		return true
	}
	if again != nil {
		s.noticed = false
		s.guardSince(ctx, halts, func(turn context.Context) { s.ask(ctx, turn, asked{by: *again}) })
		return true
	}
	queue := s.g.o.Store.Queue(s.conv)
	if len(queue) == 0 {
		return false
	}
	first := queue[0]
	if s.unsorted(first) {
		return false // pressed says what it means, and wakes
	}
	if line, ok := s.commandLine(first); ok {
		s.guard(ctx, func(ctx context.Context) { s.commanded(ctx, first, line) })
		return true
	}
	var items []store.Item
	for _, i := range queue {
		if _, _, isCommand := commands.Parse(i.Message.Text); i.Message.Press != "" || isCommand && len(items) > 0 {
			break
		}
		items = append(items, i)
	}
	if stale := s.stale(items); len(stale) > 0 {
		s.guard(ctx, func(ctx context.Context) { s.notice(ctx, stale) })
		return true
	}
	s.noticed = false
	s.guard(ctx, func(turn context.Context) { s.ask(ctx, turn, asked{items: items}) })
	return true
}

// unsorted reports whether the item is a press of this run of which pressed has not said yet what it means.
func (s *session) unsorted(i store.Item) bool {
	if i.Message.Press == "" || i.Seq <= s.g.before {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.actions[i.Seq]
	return !known
}

// commandLine gives the command line that an item is; ok is false for a text that goes to the model. An empty line is
// a press of an earlier run, or an item with which nothing can be done any more.
func (s *session) commandLine(i store.Item) (line string, ok bool) {
	if i.Message.Press != "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		line = s.actions[i.Seq]
		delete(s.actions, i.Seq)
		return line, true
	}
	name, _, isCommand := commands.Parse(i.Message.Text)
	if !isCommand {
		return "", i.Redacted || i.Message.Text == "" && len(i.Message.Attachments) == 0
	}
	if s.g.known(name) {
		return i.Message.Text, true
	}
	return "", false
}

// commanded runs the command line of an item, or drops the item.
func (s *session) commanded(ctx context.Context, i store.Item, line string) {
	if line == "" && i.Message.Press != "" {
		line = s.pressedEarlier(ctx, i)
	}
	if line == "" {
		s.g.drop(ctx, i)
		s.g.nothingIn(ctx, s.conv, i)
		return
	}
	s.command(ctx, i, line)
}

// guard runs one turn: /stop can end it, and a panic ends nothing else and is said.
func (s *session) guard(ctx context.Context, f func(context.Context)) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.mu.Lock()
	s.stopTurn = cancel
	s.mu.Unlock()
	s.g.changed()
	defer s.g.contain("a panic's notice")
	defer func() {
		s.mu.Lock()
		s.stopTurn = nil
		s.mu.Unlock()
		s.g.changed()
		if v := recover(); v != nil {
			_ = s.g.logPanic("turn", v, debug.Stack())
			if _, err := s.g.o.Store.Stop(context.WithoutCancel(ctx), s.conv, s.headSeq()); err != nil {
				s.g.log.Error("not marked as stopped", "err", err)
			}
			s.g.tell(context.WithoutCancel(ctx), s.conv, "", "Something went wrong here, and this answer was given up. The gateway's log says what. /retry asks again.")
		}
	}()
	f(ctx)
}

// headSeq is the seq of the first queued item, which a panic must not be met with for ever; 0: none is queued.
func (s *session) headSeq() int64 {
	if q := s.g.o.Store.Queue(s.conv); len(q) > 0 {
		return q[0].Seq
	}
	return 0
}

// stale gives the items, all of them, if the newest has waited longer than the set age.
func (s *session) stale(items []store.Item) []store.Item {
	if len(items) == 0 {
		return nil
	}
	last := items[len(items)-1]
	when := last.Kept
	if !last.Message.Time.IsZero() && last.Message.Time.Before(when) {
		when = last.Message.Time
	}
	if time.Since(when) < s.g.settings.Load().StaleAfter {
		return nil
	}
	return items
}

// notice tells, once, that messages waited too long to be answered unasked, and offers to answer them. What comes
// after them, as late, joins them: the button answers the last in sight of the others.
func (s *session) notice(ctx context.Context, items []store.Item) {
	s.load(ctx)
	if asked, ok := s.question(ctx, items); ok {
		s.remember(ctx, asked...)
	}
	if s.noticed {
		s.g.drop(ctx, items...)
		return
	}
	text := "While I was away a message came that is older than I answer unasked. Shall I answer it now?"
	if len(items) > 1 {
		text = "While I was away messages came that are older than I answer unasked. Shall I answer them now?"
	}
	answer := commands.Answer{Text: text, Choices: []commands.Choice{{Label: "Answer now", Run: "/retry"}}}
	if err := s.g.answer(ctx, s.conv, items[len(items)-1].Message, answer, sayOptions{key: items[0].Seq, n: keyNotice}); err != nil {
		s.g.log.Warn("notice not sent", "err", err)
	} else {
		s.noticed = true
	}
	s.g.drop(ctx, items...)
}

// load reads the history once.
func (s *session) load(ctx context.Context) {
	if s.loaded {
		return
	}
	raw, err := s.g.o.Store.History(ctx, s.conv)
	if err != nil {
		s.g.log.Error("history not read", "err", err)
		return
	}
	s.history = s.history[:0]
	for _, r := range raw {
		var m providers.Message
		if err := json.Unmarshal(r, &m); err != nil {
			s.g.log.Error("history not understood", "err", err)
			continue
		}
		s.history = append(s.history, m)
	}
	s.loaded = true
}

// remember adds messages to the history, in memory and on disk.
func (s *session) remember(ctx context.Context, ms ...providers.Message) {
	s.history = append(s.history, ms...)
	if err := s.g.o.Store.AppendHistory(ctx, s.conv, encode(ms)...); err != nil {
		s.g.log.Error("history not written", "err", err)
	}
}

// encode writes messages as the store keeps them.
func encode(ms []providers.Message) (raw []json.RawMessage) {
	for _, m := range ms {
		b, err := json.Marshal(m)
		if err != nil {
			continue // a Raw that is no JSON: the provider's contract forbids it
		}
		raw = append(raw, b)
	}
	return raw
}

// place gives the channel and what holds at the place of a message.
func (g *Gateway) place(conv store.Conv, m channels.Message) (ch channels.Channel, base *channels.Common, p Place) {
	a := g.account(conv.Account)
	base = &channels.Common{}
	if a != nil {
		base = a.base
	}
	set := g.settings.Load()
	p = Place{System: set.System}
	if base.System != "" {
		p.System = base.System
	}
	p.Model = base.Model
	for _, id := range m.Places {
		q := set.Places[id]
		if q.System != "" {
			p.System = q.System
		}
		if q.Model != "" {
			p.Model = q.Model
		}
	}
	return a.channel(), base, p
}
