package discord

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/discord/discordtest"
)

// TestFlood: a thousand messages (ten thousand with GATEWAY_SOAK) in twenty conversations, while connections are cut, sessions forgotten, messages told
// of twice and in another order, requests refused and their answers lost, and the handler fails. Each is answered once.
func TestFlood(t *testing.T) {
	t.Parallel()
	const talks = 20
	total := 1_000
	if os.Getenv("GATEWAY_SOAK") != "" {
		total = 10_000
	}
	b := newBot(t, discordtest.Options{Heartbeat: time.Second}, func(_ *Settings, ts *times) { ts.tick, ts.most = 5*time.Millisecond, 100*time.Millisecond })
	var answers sync.WaitGroup
	queues := map[channels.ConversationID]chan channels.Message{}
	var mu sync.Mutex
	room := make(chan struct{}, 300) // people wait for answers before they say more
	answer := func(in chan channels.Message) {
		for m := range in {
			p := channels.Post{To: m.Conversation, Answers: m.ID, Key: "answer-" + string(m.ID), Text: "answer to " + m.Text}
			if _, err := b.c.Send(context.Background(), p); err != nil {
				t.Errorf("Send: %v", err)
			}
			<-room
			answers.Done()
		}
	}
	b.OnMessage = func(m channels.Message) {
		mu.Lock()
		defer mu.Unlock()
		in, ok := queues[m.Conversation]
		if !ok {
			in = make(chan channels.Message, total)
			queues[m.Conversation] = in
			go answer(in)
		}
		in <- m
	}
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, in := range queues {
			close(in)
		}
	})
	b.start()
	where := func(talk int) (person, channel string) {
		person = fmt.Sprintf("person%d", talk)
		if talk%4 == 3 {
			return person, b.s.Channel
		}
		return person, ""
	}
	say := func(talk int, text string) {
		person, channel := where(talk)
		if channel != "" {
			text = b.at(text)
		}
		answers.Add(1)
		select {
		case room <- struct{}{}:
		case <-time.After(time.Minute):
			t.Fatal("no answers come any more")
		}
		b.s.Say(discordtest.Said{Person: person, Channel: channel, Text: text})
	}
	for talk := range talks {
		say(talk, fmt.Sprintf("hello from %d.", talk))
		b.Heard(fmt.Sprintf("hello from %d.", talk))
	}
	b.s.Twice(10)
	b.s.Shuffle(5)
	dice := rand.New(rand.NewPCG(1, uint64(total)))
	for n := range total {
		say(n%talks, fmt.Sprintf("message %d.", n))
		switch dice.IntN(400) {
		case 0:
			b.s.Cut()
		case 1:
			b.s.Forget(dice.IntN(4) == 0)
		case 2:
			b.s.Reconnect()
		case 3:
			b.s.InvalidSession()
		case 4:
			b.Refuse(2)
		case 5:
			b.s.Fail(discordtest.Fault{Method: "POST", Path: "/messages", Status: 502, After: dice.IntN(2) == 0})
		case 6:
			b.s.Fail(discordtest.Fault{Method: "POST", Path: "/messages", Status: 429, Wait: 20 * time.Millisecond, Global: dice.IntN(2) == 0})
		case 7:
			b.s.Fail(discordtest.Fault{Method: "GET", Path: "/messages", After: true})
		case 8:
			b.s.Fail(discordtest.Fault{Method: "POST", Path: "/messages", After: true})
		case 9:
			b.s.Refuse(1)
		}
	}
	b.s.Twice(0)
	b.s.Shuffle(0)
	b.s.Forget(false)
	done := make(chan struct{})
	go func() { answers.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(3 * time.Minute):
		t.Errorf("%d of %d messages were heard", len(b.Messages()), total+talks)
	}
	count := map[string]int{}
	for talk := range talks {
		if person, channel := where(talk); channel == "" {
			for _, s := range b.s.See(person, b.s.Direct(person)) {
				count[s.Text]++
			}
		}
	}
	for _, s := range b.s.See("person3", b.s.Channel) {
		count[s.Text]++
	}
	wrong := 0
	for n := range total {
		if text := fmt.Sprintf("answer to message %d.", n); count[text] != 1 {
			if wrong++; wrong < 10 {
				t.Errorf("%q is shown %d times", text, count[text])
			}
		}
	}
	if wrong > 0 {
		lines := strings.Split(b.Log(), "\n")
		t.Errorf("%d messages were not answered once; the log ends:\n%s", wrong, strings.Join(lines[max(0, len(lines)-40):], "\n"))
	}
	t.Logf("at the gateway: %+v; requests that Discord refused: %d", b.s.Counts(), refusedRequests(b.s))
}

func refusedRequests(s *discordtest.Server) (n int) {
	for _, r := range s.Requests("", "") {
		if r.Status >= 400 {
			n++
		}
	}
	return n
}
