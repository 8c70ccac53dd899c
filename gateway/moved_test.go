package gateway

import (
	"strings"
	"testing"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
)

// elsewhere is where the group moves to; any other id will do.
var elsewhere = channeltest.Conversation("zed", false)

// move lets the group go on elsewhere; what ann says comes in the same batch.
func (w *world) move(said ...string) {
	w.t.Helper()
	b := channels.Batch{Moved: map[channels.ConversationID]channels.ConversationID{channeltest.Conversation("", true): elsewhere}}
	for _, text := range said {
		b.Messages = append(b.Messages, w.chat.Message(channeltest.Line{Person: "ann", Text: text, Group: true}))
	}
	if err := w.g.receive(w.t.Context(), w.g.account("chat"), b); err != nil {
		w.t.Fatal(err)
	}
	w.settle()
}

// sayElsewhere lets ann write where the group moved to.
func (w *world) sayElsewhere(text string) {
	m := w.chat.Message(channeltest.Line{Person: "ann", Text: text, Group: true})
	m.Conversation = elsewhere
	w.chat.Put(m)
	w.settle()
}

// posted elsewhere checks what was done there, also for one person alone.
func (w *world) wantElsewhere(text string) {
	w.t.Helper()
	lines, _ := w.chat.Log()
	for _, l := range lines {
		if strings.Contains(l, " "+string(elsewhere)+": ") && strings.Contains(l, text) {
			return
		}
	}
	w.t.Fatalf("%q was not posted where the group moved to; done:\n%s", text, strings.Join(lines, "\n"))
}

func TestConversationMovesWhileItIsAnswered(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.begins("It begins ")
		w.say("ann@group", "tell us")
		w.model.Answer("It goes on.")
		w.move()
		w.want("zed", "It goes on.")
	})
}

// A question goes on where its conversation has moved to: its answer, its buttons, its way out.
func TestAQuestionMovesWithItsConversation(t *testing.T) {
	for name, answer := range map[string]func(w *world){
		"written":                  func(w *world) { w.move(); w.sayElsewhere("Keep it") },
		"in the batch of the move": func(w *world) { w.move("Keep it") },
		"its button": func(w *world) {
			shown := w.chat.Shown(w.t, "ann", true)
			w.move()
			m := w.chat.Message(channeltest.Line{Person: "ann", Group: true})
			m.Conversation, m.Press = elsewhere, w.chat.PressID(shown[len(shown)-1], "Keep it")
			w.chat.Put(m)
			w.settle()
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.login()
				w.talk("ann@group", "/login fake device", "[Keep it]")
				answer(w)
				w.wantElsewhere("Canceled.")
				w.sayElsewhere("a question")
				w.want("zed", "echo: a question")
			}, func(w *world) { w.model.Change(deviceMethod) })
		})
	}
	inWorld(t, func(w *world) { // given up there, and asked anew
		w.login()
		w.say("ann@group", "/login fake device")
		w.move()
		w.sayElsewhere("/login fake device")
		w.wantElsewhere("waiting for your answer already, here")
		w.sayElsewhere("/cancel")
		w.wantElsewhere("Canceled.")
	}, func(w *world) { w.model.Change(deviceMethod) })
}

// A question that a restart cut is known where its conversation has moved to.
func TestACutQuestionMovesWithItsConversation(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.say("ann@group", "/login fake device")
		w.restart()
		w.move()
		w.sayElsewhere("Keep it")
		w.wantElsewhere("cut by a restart")
		if n := len(w.model.Calls()); n != 0 {
			t.Error("the answer went to the model")
		}
	}, func(w *world) { w.model.Change(deviceMethod) })
}

// An answer that a crash cut from its delivery is delivered where its conversation has moved to, with its buttons.
func TestAnUndeliveredAnswerMovesWithItsConversation(t *testing.T) {
	inWorld(t, func(w *world) {
		w.chat.Refuse(func(channels.Post) error { return errContent })
		w.say("ann@group", "hello")
		w.chat.Refuse(nil)
		w.move()
		w.want("zed", "No model is set up yet", "[Log in]")
	})
}
