package store

import (
	"fmt"
	"sync/atomic"
	"testing"

	"chatgateway/channels"
)

// modes runs a benchmark with each kind of sync.
func modes(b *testing.B, f func(b *testing.B, s *Store)) {
	for _, sync := range []string{"full", "normal"} {
		b.Run(sync, func(b *testing.B) {
			b.ReportAllocs()
			f(b, open(b, "", Options{Sync: sync}))
		})
	}
}

func said(n int64, conv int64) []Incoming {
	return []Incoming{{Message: channels.Message{
		Conversation: channels.ConversationID(fmt.Sprintf("chat-%d", conv)), ID: channels.MessageID(fmt.Sprintf("m-%d", n)),
		From: "1234567", FromName: "Ann", Private: true, Addressed: true, Text: "What is the capital of the country next to yours?",
	}}}
}

func BenchmarkKeepSequential(b *testing.B) {
	modes(b, func(b *testing.B, s *Store) {
		var n int64
		for b.Loop() {
			n++
			if _, err := s.Keep(b.Context(), tg, said(n, n%50), map[string]string{"offset": fmt.Sprint(n)}, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkKeep20(b *testing.B) {
	modes(b, func(b *testing.B, s *Store) {
		var n atomic.Int64
		b.SetParallelism(10) // times two cores
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				i := n.Add(1)
				if _, err := s.Keep(b.Context(), tg, said(i, i%50), map[string]string{"offset": fmt.Sprint(i)}, nil); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// BenchmarkTurn is what a message costs from Keep to Finish, with the model's time left out.
func BenchmarkTurn(b *testing.B) { benchTurn(b, 1) }

// BenchmarkTurn20 is the same in twenty conversations at once.
func BenchmarkTurn20(b *testing.B) { benchTurn(b, 10) }

func benchTurn(b *testing.B, parallel int) {
	modes(b, func(b *testing.B, s *Store) {
		var n, convs atomic.Int64
		history := raw(`{"v":1,"role":"user","parts":[{"text":"What is the capital of the country next to yours?"}]}`,
			`{"v":1,"role":"assistant","parts":[{"text":"That depends on where you are."}]}`)
		work := func(next func() bool) {
			conv := convs.Add(1)
			for next() {
				items, err := s.Keep(b.Context(), tg, said(n.Add(1), conv), nil, nil)
				if err != nil {
					b.Error(err)
					return
				}
				turn, err := s.Begin(b.Context(), Conv{tg, items[0].Message.Conversation}, "model", seqs(items), false)
				if err != nil {
					b.Error(err)
					return
				}
				s.SetPart(turn.ID, Part{0, "b1", "That depends on where you are."})
				s.Answer(turn.ID, "That depends on where you are.", history)
				s.Finish(turn.ID)
			}
		}
		if parallel == 1 {
			work(b.Loop)
		} else {
			b.SetParallelism(parallel)
			b.RunParallel(func(pb *testing.PB) { work(pb.Next) })
		}
		if err := s.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	})
}
