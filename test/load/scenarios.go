package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// figures are what was measured of one program. Times are milliseconds, memory is MB.
type figures struct {
	Binary  float64 `json:"binary_mb"`      // the stripped program file
	Ready   float64 `json:"ready_empty_ms"` // from exec to the start block, with an empty home; the gateway only
	Start   float64 `json:"start_ms"`       // from exec to the first poll
	RSSIdle float64 `json:"rss_idle_mb"`    // three seconds later
	Anon    float64 `json:"anon_idle_mb"`   // of it, what is not the program file
	RSSPeak float64 `json:"rss_peak_mb"`    // the most it ever held
	RSSEnd  float64 `json:"rss_after_mb"`   // ten seconds after the last message
	Stop    float64 `json:"stop_ms"`        // from SIGTERM to the end
	One     load    `json:"one_chat"`       // one chat at a time, model without delay, one message after the other
	Burst   load    `json:"burst_200"`      // 200 chats at once, model without delay
	Slow    load    `json:"burst_200_slow"` // 200 chats at once, model answering after 200 ms
	Thousand
	Steady load `json:"steady"`    // 10 messages a second in 50 chats, model answering after 200 ms
	Loop   load `json:"sustained"` // 50 chats, each asking again as soon as it is answered
	Stream load `json:"stream"`    // a model that streams for three seconds
}

// Thousand is 1,000 messages at once in as many chats.
type Thousand struct {
	Thousand load `json:"thousand"`
}

// load is what was measured of one way of asking.
type load struct {
	Messages int     `json:"messages"`
	Lost     int     `json:"lost"`
	First50  float64 `json:"first_word_p50_ms"` // from the question to the first visible word
	First99  float64 `json:"first_word_p99_ms"`
	Final50  float64 `json:"final_p50_ms"` // from the question to the whole answer
	Final99  float64 `json:"final_p99_ms"`
	Added50  float64 `json:"added_p50_ms"` // the same without the time that the model took
	Added99  float64 `json:"added_p99_ms"`
	Word50   float64 `json:"added_first_word_p50_ms"`
	Rate     float64 `json:"per_second"`
	CPU      float64 `json:"cpu_s_per_1000"`
	Edits    float64 `json:"edits_per_reply"`
	Calls    float64 `json:"calls_per_reply"`
}

// scenarios runs the program through everything.
func scenarios(ctx context.Context, o options, w *world, p *program) (f figures, err error) {
	start, err := p.start(ctx, w)
	if err != nil {
		return f, err
	}
	defer func() {
		if err != nil {
			p.kill()
		}
	}()
	f.Start = ms(start)
	if err := rest(ctx, 3*time.Second); err != nil {
		return f, err
	}
	f.RSSIdle, f.Anon, _ = p.memory()
	n := func(full int) int {
		if o.quick {
			return max(full/10, 5)
		}
		return full
	}
	if len(w.warm(20)) == 0 {
		return f, fmt.Errorf("the first messages were not answered; the last thing shown: %q", w.shown())
	}
	for _, s := range []struct {
		name string
		into *load
		plan plan
		ask  func() []*ask
	}{
		{"one", &f.One, plan{pieces: 1}, func() []*ask { return w.inTurn(n(300)) }},
		{"burst", &f.Burst, plan{pieces: 1}, func() []*ask { return w.atOnce(n(200)) }},
		{"slow", &f.Slow, plan{pieces: 1, wait: 200 * time.Millisecond}, func() []*ask { return w.atOnce(n(200)) }},
		{"thousand", &f.Thousand.Thousand, plan{pieces: 1}, func() []*ask { return w.atOnce(n(1000)) }},
		{"steady", &f.Steady, plan{pieces: 1, wait: 200 * time.Millisecond}, func() []*ask { return w.steadily(ctx, 50, n(200), 100*time.Millisecond) }},
		{"loop", &f.Loop, plan{pieces: 1}, func() []*ask { return w.again(50, 5*time.Second) }},
		{"stream", &f.Stream, plan{pieces: 30, wait: 100 * time.Millisecond, every: 100 * time.Millisecond}, func() []*ask { return w.atOnce(n(50)) }},
	} {
		if o.only != "" && !strings.Contains(","+o.only+",", ","+s.name+",") {
			continue
		}
		if *s.into, err = w.measure(p, s.plan, s.ask); err != nil {
			return f, err
		}
		if err := rest(ctx, time.Second); err != nil {
			return f, err
		}
	}
	if err := rest(ctx, 10*time.Second); err != nil {
		return f, err
	}
	f.RSSEnd, _, f.RSSPeak = p.memory()
	f.Stop = ms(p.stop())
	return f, nil
}

// measure asks and sums up.
func (w *world) measure(p *program, how plan, ask func() []*ask) (load, error) {
	w.model.set(how)
	w.reset()
	cpu, begin := p.cpu(), time.Now()
	asks := ask()
	answered := w.await(asks)
	if len(answered) == 0 {
		return load{}, fmt.Errorf("none of %d messages was answered; the last thing shown: %q", len(asks), w.shown())
	}
	l := load{Messages: len(asks), Lost: len(asks) - len(answered)}
	var first, final, added, word []time.Duration
	end := begin
	edits := 0
	for _, a := range answered {
		s := w.model.span(a.question)
		first, final = append(first, a.first.Sub(a.said)), append(final, a.final.Sub(a.said))
		added = append(added, a.final.Sub(a.said)-s.last.Sub(s.asked))
		word = append(word, a.first.Sub(a.said)-s.first.Sub(s.asked))
		edits += a.edits
		if a.final.After(end) {
			end = a.final
		}
	}
	count := float64(len(answered))
	calls, _ := w.requests()
	l.First50, l.First99 = ms(percentile(first, 50)), ms(percentile(first, 99))
	l.Final50, l.Final99 = ms(percentile(final, 50)), ms(percentile(final, 99))
	l.Added50, l.Added99, l.Word50 = ms(percentile(added, 50)), ms(percentile(added, 99)), ms(percentile(word, 50))
	l.Rate = count / end.Sub(begin).Seconds()
	l.CPU = (p.cpu() - cpu).Seconds() / count * 1000
	l.Edits, l.Calls = float64(edits)/count, float64(calls)/count
	return l, nil
}

// warm lets connections be made and caches fill, as they are after the first minutes of any run.
func (w *world) warm(n int) []*ask {
	w.model.set(plan{pieces: 1})
	return w.await(w.atOnce(n))
}

// inTurn asks one question after the other. After fifty it is another chat's turn: a conversation that only grows would
// measure how long its history is.
func (w *world) inTurn(n int) (list []*ask) {
	var p person
	for i := range n {
		if i%50 == 0 {
			p = w.people(1)[0]
		}
		a := w.say(p)
		list = append(list, a)
		if len(w.await([]*ask{a})) == 0 {
			return list
		}
	}
	return list
}

// atOnce asks in n chats at the same moment.
func (w *world) atOnce(n int) (list []*ask) {
	for _, p := range w.people(n) {
		list = append(list, w.say(p))
	}
	return list
}

// steadily asks n questions at a set rate, in turn in each of the chats.
func (w *world) steadily(ctx context.Context, chats, n int, every time.Duration) (list []*ask) {
	people := w.people(chats)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := range n {
		list = append(list, w.say(people[i%chats]))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return list
		}
	}
	return list
}

// again asks in each chat as soon as the last answer is there, for so long.
func (w *world) again(chats int, for_ time.Duration) (list []*ask) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	until := time.Now().Add(for_)
	for _, p := range w.people(chats) {
		wg.Go(func() {
			for time.Now().Before(until) {
				a := w.say(p)
				mu.Lock()
				list = append(list, a)
				mu.Unlock()
				if len(w.await([]*ask{a})) == 0 {
					return
				}
			}
		})
	}
	wg.Wait()
	return list
}

func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
