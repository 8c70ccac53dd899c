package gateway

import (
	"strings"
	"testing"
	"time"

	"chatgateway/channels/channeltest"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/providertest"
)

func TestStrangeMessages(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.talk("ann", "", "nothing in that message")
		w.talk("ann", "half a rune: \xe2\x82 end", "half a rune: \ufffd end")
		w.say("ann", strings.Repeat("long ", 200_000))
		w.talk("ann", "still there?", "echo: still there?")
	})
}

func TestFloodIsRefusedInTheOpen(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.model.Reply(providertest.Wait(time.Minute))
		w.say("ann", "slow")
		for range 4 {
			w.say("ann", "more")
		}
		w.want("ann", "Too many messages are waiting")
		if n := strings.Count(w.sees("ann"), "Too many"); n != 1 {
			t.Errorf("said %d times", n)
		}
		time.Sleep(2 * time.Minute)
		w.want("ann", "echo: more")
	}, func(w *world) { w.set.Queue = 3 })
}

func TestSecretsInTheWrongPlace(t *testing.T) {
	const key = "0123456789abcdefFAKE0123456789ab" // no shape that is known
	for name, c := range map[string]struct {
		line string
		ask  bool // a question is open
	}{
		"alias":              {"/signin fake key " + key, false},
		"upper case":         {"/LOGIN fake key " + key, false},
		"with a bot's name":  {"/login@some_bot fake key " + key, false},
		"mistyped":           {"/lgoin fake key " + key, false},
		"on the next line":   {"/login fake\n" + key, false},
		"begins with /":      {"/" + key, true},
		"in place of a name": {"/login " + key, false},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.login()
				w.chat.NoAsk = true
				if c.ask {
					w.say("ann", "/login fake:work")
				}
				id := w.say("ann", c.line)
				if w.chat.Exists(t, id) {
					t.Error("the message with the key still exists")
				}
				time.Sleep(time.Minute)
				w.nowhere(key)
			})
		})
	}
}

func TestASecretThatComesByAnEdit(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.later(10*time.Second, "Done.")
		w.say("ann", "first")
		m := w.chat.Message(channeltest.Line{Person: "ann", Text: "second"})
		w.chat.Put(m)
		w.settle()
		key := "sk-ant-api03-FAKEfakeFAKEfakeFAKEfake0000"
		m.Text, m.Edited = "my key is "+key, true
		w.chat.Put(m)
		time.Sleep(20 * time.Second)
		w.want("ann", "looks like a key")
		if w.chat.Exists(t, m.ID) {
			t.Error("the message with the key still exists")
		}
		w.nowhere(key)
	})
}

func TestWhichModelHolds(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.talk("ann", "/model status", "fake/small (config.yaml)")
		w.say("ann", "/model default fake/large")
		w.talk("ann", "/model status", "fake/large (/model default)")
		w.say("ann", "/model fake/small")
		w.talk("ann", "/model status", "fake/small (this conversation)")
		w.talk("ann", "/model reset", "follows the default again: fake/large")
		w.talk("ann", "/model default reset", "conversations begin with fake/small (config.yaml)")
		if err := w.auth.Put(t.Context(), "fake:work", providerauth.Credential{Type: providerauth.Key, Key: providertest.Key("work")}); err != nil {
			t.Fatal(err)
		}
		w.talk("ann", "/model fake/large@work", "fake:work/large** answers")
		w.say("ann", "hello")
		if calls := w.model.Calls(); calls[len(calls)-1].Cred.ID != "fake:work" {
			t.Errorf("asked with %s", calls[len(calls)-1].Cred.ID)
		}
	}, func(w *world) { w.set.Model = "fake/small" })
}

func TestNextAccountIsSaid(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		if err := w.auth.Put(t.Context(), "fake:work", providerauth.Credential{Type: providerauth.Key, Key: providertest.Key("work")}); err != nil {
			t.Fatal(err)
		}
		w.model.Fail(&providers.Error{Kind: providers.ErrRateLimited, Provider: "Fake", RetryAfter: time.Minute})
		w.talk("ann", "hello", "this ran on fake:work", "echo: hello")
		w.say("ann", "again")
		if calls := w.model.Calls(); calls[len(calls)-1].Cred.ID != "fake:work" {
			t.Error("an account that cools down was asked")
		}
		time.Sleep(2 * time.Minute)
		w.say("ann", "later")
		if calls := w.model.Calls(); calls[len(calls)-1].Cred.ID != "fake" {
			t.Error("the account was not taken again after its time")
		}
	})
}

// A button that answers a question is no command line, whatever else is going on, and is taken once.
func TestAButtonThatAnswersWhileTheSessionWorks(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.talk("ann", "/login fake device", "[Keep it]")
		w.begins("It begins ")
		w.say("bob", "busy elsewhere")
		w.press("ann", "Keep it")
		w.wantNot("ann", "no longer works", "There is no command")
		w.talk("ann", "a question", "echo: a question")
	}, func(w *world) { w.model.Change(deviceMethod) })
}

// What a try thought that failed before its first word is no part of the
// answer that the next try gives.
func TestThinkingOfAFailedTryIsLeftOut(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		thought := providertest.Step{Delta: providers.Delta{Part: providers.Part{Thought: "a wrong track", By: "fake"}}}
		w.model.Reply(thought, providertest.Fail(&providers.Error{Kind: providers.ErrOverloaded, Provider: "Fake"}))
		w.model.Answer("Right.")
		w.talk("ann", "hello", "Right.")
		w.say("ann", "and?")
		calls := w.model.Calls()
		for _, m := range calls[len(calls)-1].Req.Messages {
			for _, p := range m.Parts {
				if p.Thought != "" {
					t.Errorf("the history holds %q", p.Thought)
				}
			}
		}
	})
}

// A message that came while the gateway drains is refused, and answered after the restart.
func TestWhatComesInAShutdownIsAnsweredAfterIt(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.later(5*time.Second, "The first.")
		w.say("ann", "one")
		w.cancel()
		w.say("ann", "two")
		w.stop()
		w.want("ann", "The first.")
		w.wantNot("ann", "echo: two", "cut by a restart")
		w.start()
		time.Sleep(10 * time.Second)
		w.settle()
		w.want("ann", "The first.", "echo: two")
	})
}
