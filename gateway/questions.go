package gateway

import (
	"slices"
	"sync"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/secret"
	"chatgateway/store"
)

// askKey is who is asked, and where.
type askKey struct {
	conv   store.Conv
	person channels.UserID
}

// question is an open question: it waits in memory for the answer, which is never kept.
type question struct {
	secret bool
	answer chan secret.String // one deep
	cancel chan struct{}      // closed by giveUp
	once   sync.Once
}

func (q *question) giveUp() { q.once.Do(func() { close(q.cancel) }) }

// offer hands an answer over; false if one is waiting already.
func (q *question) offer(s secret.String) bool {
	select {
	case q.answer <- s:
		return true
	default:
		return false
	}
}

// questions are the open ones, and the commands that are about to ask.
type questions struct {
	mu     sync.Mutex
	open   map[askKey][]*question      // guarded by mu; the last one asked gets the answer
	coming map[askKey][]int64          // guarded by mu: the seqs of commands that ask and have not begun
	asking map[askKey]int              // guarded by mu: commands that ask and run
	eager  map[askKey]int              // guarded by mu: of them, those whose next question may come at any moment
	early  map[askKey][]secret.String  // guarded by mu: answers that came before their question
	cuts   map[askKey][]store.Question // guarded by mu: questions of an earlier run
	stops  map[askKey]map[int]func()   // guarded by mu: how to end the commands that ask
	made   int                         // guarded by mu: numbers stops
	queued func(store.Conv, int64) bool
	flows  map[flowKey]store.Conv    // guarded by mu: where each person is being asked about what
	moves  map[store.Conv]store.Conv // guarded by mu: where conversations went on; whoever holds an old key means the new one
}

// flowKey is one flow: a person has one for each provider.
type flowKey struct {
	account channels.AccountID
	person  channels.UserID
	what    string
}

// enter begins a flow; ok is false, and at says where, if it runs already.
func (q *questions) enter(k flowKey, conv store.Conv) (at store.Conv, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if at, runs := q.flows[k]; runs {
		return q.last(at), false
	}
	q.flows[k] = conv
	return conv, true
}

// leave ends a flow.
func (q *questions) leave(k flowKey) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.flows, k)
}

// init makes q ready; queued reports whether an item still waits in the store.
func (q *questions) init(queued func(store.Conv, int64) bool) {
	q.queued = queued
	q.flows, q.moves = map[flowKey]store.Conv{}, map[store.Conv]store.Conv{}
	q.open, q.asking, q.eager, q.coming = map[askKey][]*question{}, map[askKey]int{}, map[askKey]int{}, map[askKey][]int64{}
	q.early, q.cuts, q.stops = map[askKey][]secret.String{}, map[askKey][]store.Question{}, map[askKey]map[int]func(){}
}

// announce says that the command with this seq, which asks, was given: what its person sends next is the answer, as
// long as the command waits or runs.
func (q *questions) announce(k askKey, seq int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	k = q.key(k)
	q.coming[k] = append(q.coming[k], seq)
}

// awaited reports whether a command that asks waits to begin. Those that were stopped, edited away, or have begun
// before they were announced are forgotten. q.mu is held.
func (q *questions) awaited(k askKey) bool {
	if len(q.coming[k]) == 0 {
		return false
	}
	q.coming[k] = slices.DeleteFunc(q.coming[k], func(seq int64) bool { return !q.queued(k.conv, seq) })
	if len(q.coming[k]) == 0 {
		delete(q.coming, k)
	}
	return len(q.coming[k]) > 0
}

// begin says that such a command runs now. It is called before the command leaves the queue.
func (q *questions) begin(k askKey) {
	q.mu.Lock()
	defer q.mu.Unlock()
	k = q.key(k)
	q.asking[k]++
	q.eager[k]++
}

// quiet says that the command shows something to do elsewhere, a device code: until it asks, what its person writes is
// no answer. It is called at most once for each begin.
func (q *questions) quiet(k askKey) {
	q.mu.Lock()
	defer q.mu.Unlock()
	k = q.key(k)
	if q.eager[k]--; q.eager[k] <= 0 {
		delete(q.eager, k)
	}
}

// end says that it is over, and gives how many answers it did not take. quieted says that it was quiet.
func (q *questions) end(k askKey, quieted bool) (left int) {
	if !quieted {
		q.quiet(k)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	k = q.key(k)
	if q.asking[k]--; q.asking[k] > 0 || q.awaited(k) {
		return 0
	}
	left = len(q.early[k])
	delete(q.asking, k)
	delete(q.early, k)
	return left
}

// running remembers how to end a command that asks; the result forgets it.
func (q *questions) running(k askKey, stop func()) (forget func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	k = q.key(k)
	q.made++
	n := q.made
	if q.stops[k] == nil {
		q.stops[k] = map[int]func(){}
	}
	q.stops[k][n] = stop
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		k := q.key(k)
		if delete(q.stops[k], n); len(q.stops[k]) == 0 {
			delete(q.stops, k)
		}
	}
}

// expects reports whether the next text of this person there is an answer, and whether it may be a secret.
func (q *questions) expects(k askKey) (answer, mayBeSecret bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	k = q.key(k)
	if open := q.open[k]; len(open) > 0 {
		return true, open[len(open)-1].secret
	}
	return q.eager[k] > 0 || q.awaited(k), true
}

// take hands an answer to the question that waits for it, or keeps it for the one about to be asked. It reports
// whether anybody wanted it.
func (q *questions) take(k askKey, s secret.String) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	k = q.key(k)
	if open := q.open[k]; len(open) > 0 {
		return open[len(open)-1].offer(s)
	}
	if (q.eager[k] > 0 || q.awaited(k)) && len(q.early[k]) < 4 {
		q.early[k] = append(q.early[k], s)
		return true
	}
	return false
}

// ask opens a question. An answer that came early, there or where its command was given, is given to it at once.
func (q *questions) ask(k, given askKey, secretly bool) *question {
	n := &question{secret: secretly, answer: make(chan secret.String, 1), cancel: make(chan struct{})}
	q.mu.Lock()
	defer q.mu.Unlock()
	k, given = q.key(k), q.key(given)
	if e := q.early[given]; len(e) > 0 {
		n.answer <- e[0]
		q.early[given] = e[1:]
	}
	q.open[k] = append(q.open[k], n)
	return n
}

// close takes a question back.
func (q *questions) close(k askKey, n *question) {
	q.mu.Lock()
	defer q.mu.Unlock()
	k = q.key(k)
	open := q.open[k]
	for i, o := range open {
		if o == n {
			q.open[k] = append(open[:i:i], open[i+1:]...)
			break
		}
	}
	if len(q.open[k]) == 0 {
		delete(q.open, k)
	}
}

// giveUp cancels what this person was asked there, and the commands that asked; it says how many run. Those that wait
// to begin are in the queue.
func (q *questions) giveUp(k askKey) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	k = q.key(k)
	n = q.asking[k]
	delete(q.coming, k)
	for _, o := range q.open[k] {
		o.giveUp()
	}
	n = max(n, len(q.open[k]))
	for _, stop := range q.stops[k] {
		stop()
	}
	delete(q.early, k)
	return n
}

// cancelAll ends every question, for the shutdown.
func (q *questions) cancelAll() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, open := range q.open {
		for _, o := range open {
			o.giveUp()
		}
	}
	for _, stops := range q.stops {
		for _, stop := range stops {
			stop()
		}
	}
}

// wasCut takes the questions of an earlier run that this person was asked there.
func (q *questions) wasCut(k askKey) []store.Question {
	q.mu.Lock()
	defer q.mu.Unlock()
	k = q.key(k)
	c := q.cuts[k]
	delete(q.cuts, k)
	return c
}

// hasCut reports whether there are such questions whose time is not over.
func (q *questions) hasCut(k askKey) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	k = q.key(k)
	return slices.ContainsFunc(q.cuts[k], func(c store.Question) bool { return time.Now().Before(c.Until) })
}
