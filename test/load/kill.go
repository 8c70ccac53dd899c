package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"chatgateway/channels/telegram/telegramtest"
)

const (
	killChats = 200
	killEach  = 12 // messages a chat
)

// killed lets 200 people write while the gateway is killed again and again, and then looks at what they see: every
// question answered, in order; answers that came twice are counted.
func killed(ctx context.Context, o options, dir string) error {
	w, api, at, closer, err := newWorld()
	if err != nil {
		return err
	}
	defer closer()
	p, err := gatewayProgram(o.gateway, dir, api, at)
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(o.seed, 7)) //nolint:gosec // it must be repeatable, not secret
	w.model.set(plan{pieces: 3, wait: 50 * time.Millisecond, every: 50 * time.Millisecond})
	if _, err := p.start(ctx, w); err != nil {
		return err
	}
	people := w.people(killChats)
	asked := make([][]string, len(people))
	begin := time.Now()
	var wg sync.WaitGroup
	for i, who := range people {
		pause := time.Duration(500+random.IntN(2000)) * time.Millisecond
		wg.Go(func() {
			for n := range killEach {
				q := fmt.Sprintf("q%d", 1_000_000+i*killEach+n)
				asked[i] = append(asked[i], q)
				w.tg.Say(who.user, who.chat, telegramtest.Line{Text: "What do you say to " + q + "?"})
				if rest(ctx, pause) != nil {
					return
				}
			}
		})
	}
	for n := range o.kill {
		if err := rest(ctx, time.Duration(300+random.IntN(2500))*time.Millisecond); err != nil {
			break
		}
		p.kill()
		took, err := p.start(ctx, w)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "kill %d of %d after %.1f s; up again in %.0f ms\n", n+1, o.kill, time.Since(begin).Seconds(), ms(took))
	}
	wg.Wait()
	v := w.settle(ctx, people, asked)
	stop := p.stop()
	fmt.Printf("%d messages in %d chats, %d kills: %d not answered, %d out of order, %d answered more than once, %d beginnings left behind; %d model calls; stopped in %.0f ms\n",
		killChats*killEach, killChats, o.kill, v.lost, v.disorder, v.twice, v.stray, w.model.calls, ms(stop))
	if v.lost > 0 || v.disorder > 0 {
		return fmt.Errorf("%w or not in order: %s\n%s", errLost, strings.Join(v.examples, "; "), tail(p.out.String()))
	}
	return nil
}

// verdict is what the people saw.
type verdict struct {
	lost, disorder, twice, stray int
	examples                     []string
}

// settle waits until everything is answered, or nothing changes any more, and judges.
func (w *world) settle(ctx context.Context, people []person, asked [][]string) verdict {
	v, still := w.judge(people, asked), 0
	for v.lost > 0 && still < 60 {
		if rest(ctx, time.Second) != nil {
			break
		}
		now := w.judge(people, asked)
		if still++; now.lost < v.lost {
			still = 0
		}
		v = now
	}
	return v
}

func (w *world) judge(people []person, asked [][]string) (v verdict) {
	for i, who := range people {
		var seen []string
		for _, m := range w.tg.Shown(who.chat) {
			if !strings.Contains(m.Text, "end") {
				v.stray++
			}
			for _, q := range questions.FindAllString(m.Text, -1) {
				if strings.Contains(m.Text, "end"+q) {
					seen = append(seen, q)
				}
			}
		}
		last := -1
		for n, q := range asked[i] {
			count, at := 0, slices.Index(seen, q)
			for _, s := range seen {
				if s == q {
					count++
				}
			}
			switch {
			case count == 0:
				v.lost++
				v.examples = append(v.examples[:min(len(v.examples), 5)], fmt.Sprintf("%s, number %d of %s", q, n+1, who.user.FirstName))
			case at < last:
				v.disorder++
			}
			if count > 1 {
				v.twice++
			}
			last = max(last, at)
		}
	}
	return v
}
