package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/providers/providertest"
)

// streaming is the fake with streams of its own, which may fail.
type streaming struct {
	channels.Channel
	channels.Editor
	channels.Deleter
	show, end error
	shown     *[]string
}

func (s streaming) Stream(_ context.Context, p channels.Post) (channels.Draft, error) {
	return stream{s, p}, nil
}

type stream struct {
	s streaming
	p channels.Post
}

func (d stream) Show(_ context.Context, all string) error {
	*d.s.shown = append(*d.s.shown, all)
	return d.s.show
}

func (d stream) Finish(ctx context.Context, all string) (channels.MessageID, error) {
	if d.s.end != nil {
		return "", d.s.end
	}
	d.p.Text = all
	return d.s.Send(ctx, d.p)
}

// streams opens the world's account anew, with streams that fail so.
func (w *world) streams(show, end error) (shown *[]string) {
	shown = new([]string)
	s := w.chat.Service("chat")
	open := s.Open
	s.Open = func(o channels.Options) (channels.Channel, error) {
		ch, err := open(o)
		if err != nil {
			return nil, err
		}
		return streaming{ch, ch.(channels.Editor), ch.(channels.Deleter), show, end, shown}, nil
	}
	w.g.Apply([]Account{{ID: "chat", Service: s, Settings: &channeltest.FakeSettings{},
		Secrets: channeltest.NewSecrets(map[string]string{"token": channeltest.GoodToken}), Version: "2"}})
	w.settle()
	return shown
}

// TestStreamOfTheService: an answer grows by the service's own means; where those fail it grows by edits, or comes as
// a message; it is never lost and never there twice.
func TestStreamOfTheService(t *testing.T) {
	for name, c := range map[string]struct {
		show, end error
		early     bool // it is seen in messages while it grows
	}{
		"works":              {},
		"not here":           {show: fmt.Errorf("no streams: %w", errors.ErrUnsupported), early: true},
		"fails now and then": {show: errors.New("reset")},
		"fails at the end":   {end: errors.New("reset")},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.login()
				shown := w.streams(c.show, c.end)
				more := make(chan struct{})
				w.model.Reply(append(append(providertest.Says("It begins, "), providertest.Hold(more)), providertest.Text("and ends.")...)...)
				w.say("ann", "tell me")
				w.settle()
				if got := strings.Contains(w.sees("ann"), "It begins,"); got != c.early {
					t.Errorf("seen in messages while it grows: %v; want %v", got, c.early)
				}
				if len(*shown) == 0 || !strings.HasPrefix((*shown)[0], "It begins,") {
					t.Errorf("the stream got %q", *shown)
				}
				close(more)
				w.settle()
				if all := w.sees("ann"); strings.Count(all, "It begins, and ends.") != 1 || strings.Count(all, "It begins") != 1 {
					t.Errorf("ann sees:\n%s", all)
				}
			})
		})
	}
}

// TestOneNoticeAConversation: however many messages waited too long, and with what in them, one notice asks, in each
// conversation, and its button answers them all.
func TestOneNoticeAConversation(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.stop()
		for _, l := range []channeltest.Line{{Person: "ann", Text: "first"}, {Person: "bob", Text: "bob's"}, {Person: "ann", Text: "second"}} {
			m := w.chat.Message(l)
			if l.Text == "second" {
				m.Attachments = []channels.Attachment{{Name: "note", Data: []byte("what it answers")}}
			}
			w.chat.Put(m)
		}
		time.Sleep(7 * time.Hour)
		w.start()
		w.settle()
		for _, who := range []string{"ann", "bob"} {
			if n := strings.Count(w.sees(who), "[Answer now]"); n != 1 {
				t.Errorf("%s sees %d notices:\n%s", who, n, w.sees(who))
			}
		}
		if len(w.model.Calls()) != 0 {
			t.Error("they were answered unasked")
		}
		w.model.Answer("Both at once.")
		w.press("ann", "Answer now")
		w.want("ann", "Both at once.")
		asked := fmt.Sprint(w.model.Calls()[0].Req.Messages)
		for _, text := range []string{"first", "second", "what it answers"} {
			if !strings.Contains(asked, text) {
				t.Errorf("%q did not go to the model: %s", text, asked)
			}
		}
	})
}
