package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"chatgateway/channels/telegram/telegramtest"
)

// crowd is the people who write, and what they see.
type crowd struct {
	mu    sync.Mutex
	asks  map[int64]*ask // guarded by mu: by chat, what is not answered yet
	last  string         // guarded by mu: what was shown last
	next  int            // guarded by mu: of questions and people
	calls map[string]int // guarded by mu: requests by method since reset
}

// ask is a question and when its answer was seen.
type ask struct {
	by           person
	question     string
	said         time.Time
	first, final time.Time // guarded by crowd.mu, as edits
	edits        int
	done         chan struct{}
}

// watch is told of every request that the program made; the server calls it.
func (c *crowd) watch(call telegramtest.Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[call.Method]++
	if call.Result == nil {
		return
	}
	c.last = call.Result.Text
	a := c.asks[call.Chat]
	if a == nil {
		return
	}
	if a.first.IsZero() {
		a.first = call.At
	}
	if call.Method == "editMessageText" {
		a.edits++
	}
	if strings.Contains(call.Result.Text, "end"+a.question) {
		a.final = call.At
		delete(c.asks, call.Chat)
		close(a.done)
	}
}

func (c *crowd) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = map[string]int{}
}

func (c *crowd) requests() (total int, by map[string]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	by = map[string]int{}
	for k, n := range c.calls {
		by[k] = n
		total += n
	}
	return total, by
}

// shown is the text that was shown last, to whomever.
func (c *crowd) shown() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// person is somebody with a chat.
type person struct {
	user *telegramtest.User
	chat *telegramtest.Chat
}

func (w *world) people(n int) (list []person) {
	for range n {
		w.mu.Lock()
		w.next++
		name := fmt.Sprintf("person%d", w.next)
		w.mu.Unlock()
		u := w.tg.Person(name)
		list = append(list, person{u, w.tg.Private(w.bot, u)})
	}
	return list
}

// say makes a person ask; done is closed when the answer is there.
func (w *world) say(p person) *ask {
	w.mu.Lock()
	w.next++
	a := &ask{by: p, question: fmt.Sprintf("q%d", w.next), done: make(chan struct{}), said: time.Now()}
	w.asks[p.chat.ID()] = a
	w.mu.Unlock()
	w.tg.Say(p.user, p.chat, telegramtest.Line{Text: "What do you say to " + a.question + "?"})
	return a
}

// patience is how long an answer is waited for.
const patience = 60 * time.Second

// await waits for answers and gives those that came.
func (w *world) await(asks []*ask) (answered []*ask) {
	over := time.After(patience)
	for _, a := range asks {
		select {
		case <-a.done:
			answered = append(answered, a)
			continue
		default:
		}
		select {
		case <-a.done:
			answered = append(answered, a)
		case <-over:
			over = closed // the others must be there already
			w.explain(a)
		}
	}
	return answered
}

var closed = func() <-chan time.Time { c := make(chan time.Time); close(c); return c }()

// explain says on stderr what became of a question that was not answered.
func (w *world) explain(a *ask) {
	s := w.model.span(a.question)
	fmt.Fprintf(os.Stderr, "%s, asked %s ago, is not answered; the model was asked: %v; updates not confirmed: %d; in the chat stands:\n",
		a.question, time.Since(a.said).Round(time.Millisecond), !s.asked.IsZero(), w.bot.Pending())
	list := w.tg.Messages(a.by.chat)
	for _, m := range list[max(0, len(list)-5):] {
		fmt.Fprintf(os.Stderr, "  %d %s: %q\n", m.ID, m.From.FirstName, m.Text)
	}
}

// percentile gives the p-th percentile.
func percentile(list []time.Duration, p float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	list = slices.Clone(list)
	slices.Sort(list)
	return list[min(len(list)-1, int(float64(len(list))*p/100))]
}
