package gateway

import (
	"context"

	"chatgateway/channels"
	"chatgateway/store"
)

// halt carries out /stop and /cancel: what is open or waiting is over when it returns, and that is on disk before the
// answer says so. seq is up to where. It is called before anything that was said later can begin.
func (g *Gateway) halt(k askKey, name string, m channels.Message, seq int64) {
	g.forgetCuts(k)
	asked := g.asks.giveUp(k)
	if name == "cancel" && asked > 0 {
		return // the command that asked says that it was canceled
	} // one that has not begun is in the queue, and stopped with it
	n, wait := g.stopConv(k.conv, seq)
	g.aside(func(ctx context.Context) {
		text := "Stopped."
		switch err := wait(ctx); {
		case err != nil:
			text = g.userMessage(err)
		case n == 0 && asked == 0:
			text = "There is nothing to stop here."
		}
		g.tell(ctx, k.conv, m.ID, text)
	})
}

// stopConv stops what is undone in a conversation up to seq, and the turn that runs. wait returns when that is on disk.
func (g *Gateway) stopConv(conv store.Conv, seq int64) (n int, wait func(context.Context) error) {
	n, wait = g.o.Store.Stopping(conv, seq)
	n = max(n, g.forgetLeftOver(conv))
	g.mu.Lock()
	s := g.sessions[conv]
	g.mu.Unlock()
	if s != nil && s.halt() {
		n = max(n, 1)
	}
	return n, wait
}

// halt ends the turn that runs or is about to begin; false if there is none. What still waits in the store's queue is
// not its concern.
func (s *session) halt() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.halts++
	waits := s.retry != nil
	s.retry = nil
	if s.stopTurn == nil {
		return waits
	}
	s.stopTurn(errStopped)
	return true
}

// guardSince is guard for a turn that is in no queue and was taken up after so many halts: a /stop that came since stops
// it too.
func (s *session) guardSince(ctx context.Context, halts int, f func(context.Context)) {
	s.guard(ctx, func(turn context.Context) {
		s.mu.Lock()
		if s.halts != halts {
			s.stopTurn(errStopped)
		}
		s.mu.Unlock()
		f(turn)
	})
}
