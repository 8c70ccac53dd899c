package gateway

import (
	"os"
	"strings"
	"testing"
	"time"

	"chatgateway/access"
	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/providertest"
)

func TestFirstMessageToFirstAnswer(t *testing.T) {
	inWorld(t, func(w *world) {
		w.talk("ann", "hello", "No model is set up yet", "[Log in]")
		w.press("ann", "Log in")
		w.want("ann", "Which provider")
		w.say("ann", "/login fake")
		w.chat.Fill(t, "ann", providertest.Key("typed").Reveal())
		w.settle()
		w.want("ann", "Logged in to fake", "It works", "fake/large answers")
		w.model.Answer("Good ", "day, ", "ann.")
		w.talk("ann", "hello again", "Good day, ann.")
		if calls := w.model.Calls(); len(calls) == 0 || !strings.Contains(calls[len(calls)-1].Req.Messages[0].Parts[0].Text, "hello") {
			t.Errorf("the model was asked %+v", calls)
		}
		w.talk("ann", "/logout fake:default", "Logged out of fake")
		w.talk("ann", "and now?", "Nobody is logged in to fake")
	})
}

func TestSecretTypedInTheChat(t *testing.T) {
	inWorld(t, func(w *world) {
		w.chat.NoAsk = true
		w.talk("ann", "/login fake", "fake")
		key := providertest.Key("typed-in-chat").Reveal()
		id := w.say("ann", key)
		if w.chat.Exists(t, id) {
			t.Error("the message with the key still exists")
		}
		w.want("ann", "Logged in to fake")
		w.say("ann", "now say something")
		w.nowhere(key)
	})
}

func TestSecretBesideTheCommand(t *testing.T) {
	inWorld(t, func(w *world) {
		w.chat.NoAsk = true
		key := providertest.Key("in-the-command").Reveal()
		id := w.say("ann", "/login fake key "+key)
		if w.chat.Exists(t, id) {
			t.Error("the message with the key still exists")
		}
		w.want("ann", "Logged in to fake")
		w.nowhere(key)
	})
}

func TestSecretInOneBatchWithItsCommand(t *testing.T) {
	inWorld(t, func(w *world) {
		w.chat.NoAsk = true
		key := providertest.Key("same-batch").Reveal()
		first := w.chat.Message(channeltest.Line{Person: "ann", Text: "/login fake"})
		second := w.chat.Message(channeltest.Line{Person: "ann", Text: key})
		a := w.g.account("chat")
		if err := w.g.receive(w.t.Context(), a, channels.Batch{Messages: []channels.Message{first, second}}); err != nil {
			t.Fatal(err)
		}
		w.settle()
		w.want("ann", "Logged in to fake")
		w.nowhere(key)
	})
}

// nowhere checks that a secret is in no file of the store, no log line, no message, and no request to the model.
func (w *world) nowhere(key string) {
	w.t.Helper()
	if err := w.store.Flush(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	for _, path := range []string{w.path, w.path + "-wal", w.path + "-journal"} {
		if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), key[8:]) {
			w.t.Errorf("the secret is in %s", path)
		}
	}
	if strings.Contains(w.log.String(), key) {
		w.t.Error("the secret is in the log")
	}
	if strings.Contains(w.sees("ann"), key) {
		w.t.Error("the secret is shown")
	}
	for _, c := range w.model.Calls() {
		for _, m := range c.Req.Messages {
			for _, p := range m.Parts {
				if strings.Contains(p.Text, key) {
					w.t.Error("the secret went to the model")
				}
			}
		}
	}
}

func TestStrayKeyIsNotKept(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		key := "sk-ant-api03-FAKEfakeFAKEfakeFAKEfake0000"
		id := w.say("ann", "my key is "+key)
		w.want("ann", "looks like a key", "/login")
		if w.chat.Exists(t, id) {
			t.Error("the message with the key still exists")
		}
		w.wantNot("ann", "revoke it")
		w.nowhere(key)
		w.talk("ann@group", "here is "+key, "Everybody here could read", "revoke it at the provider and make a new one", "looks like a key")
		w.talk("ann@group", "/nonsense "+key, "revoke it at the provider and make a new one")
	})
}

func TestStrangersGetNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.say("eve", "hello?")
		w.say("eve", "/auth")
		w.say("eve", "/stop")
		if s := w.sees("eve"); s != "" {
			t.Errorf("a stranger sees %q", s)
		}
		if n := len(w.model.Calls()); n != 0 {
			t.Errorf("the model was asked %d times", n)
		}
	})
}

func TestOwnersCommandsAreRefusedToOthers(t *testing.T) {
	inWorld(t, func(w *world) {
		for _, line := range []string{"/login fake", "/logout", "/auth", "/access"} {
			w.say("bob", line)
		}
		w.want("bob", "/login is for the bot's owners", "/logout is for", "/auth is for", "/access is for")
		w.talk("bob", "/model default fake/large", "for the bot's owners to set")
	})
}

func TestStopEndsAnAnswer(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.begins("It begins, ")
		w.talk("ann", "tell me", "It begins,")
		w.say("ann", "and another")
		w.talk("ann", "/stop", "It begins,", "(stopped)", "Stopped.")
		w.model.Answer("Fresh.")
		w.talk("ann", "go on", "Fresh.")
		for _, c := range w.model.Calls()[1:] {
			for _, m := range c.Req.Messages {
				for _, p := range m.Parts {
					if strings.Contains(p.Text, "and another") {
						t.Error("a message that was stopped before its turn went to the model")
					}
				}
			}
		}
	})
}

func TestMessagesWhileATurnRunsAreTakenTogether(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.later(10*time.Second, "First.")
		w.model.Answer("Both.")
		w.say("ann@group", "one")
		w.say("bob@group", "two")
		w.say("ann@group", "three")
		time.Sleep(15 * time.Second)
		w.want("ann@group", "First.", "Both.")
		calls := w.model.Calls()
		if len(calls) != 2 {
			t.Fatalf("the model was asked %d times; want twice", len(calls))
		}
		last := calls[1].Req.Messages
		if got := last[len(last)-1].Parts[0].Text; got != "bob: two\n\nann: three" {
			t.Errorf("the second turn asked %q", got)
		}
	})
}

func TestProviderFailures(t *testing.T) {
	fail := func(kind error) error { return &providers.Error{Kind: kind, Provider: "Fake", Status: 500} }
	for name, c := range map[string]struct {
		kind error
		want []string
	}{
		"unauthorized": {providers.ErrUnauthorized, []string{"no longer valid", "[Log in]"}},
		"billing":      {providers.ErrBilling, []string{"no credit", "[Another model]"}},
		"rate":         {providers.ErrRateLimited, []string{"too many requests", "[Try again]"}},
		"no model":     {providers.ErrNoModel, []string{"does not have this model", "[Another model]"}},
		"overloaded":   {providers.ErrOverloaded, []string{"overloaded", "[Try again]"}},
		"refused":      {providers.ErrRefused, []string{"declined"}},
		"too long":     {providers.ErrTooLong, []string{"too long", "[New conversation]"}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.login()
				for range 3 {
					w.model.Fail(fail(c.kind))
				}
				w.talk("ann", "hello", c.want...)
				w.model.Answer("Back again.")
				w.auth.Report(providerauth.Credential{ID: "fake", Source: providerauth.FromStore}, providerauth.Worked, 0)
			})
		})
	}
}

func TestCutStreamLeavesWhatWasSaid(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.model.Reply(append(providertest.Says("Half an ans"), providertest.Step{Err: &providers.Error{Kind: providers.ErrCut, Provider: "Fake"}})...)
		w.talk("ann", "hello", "Half an ans", "cut off by Fake", "[Try again]")
		w.model.Answer("A whole answer.")
		w.press("ann", "Try again")
		w.want("ann", "A whole answer.")
	})
}

func TestHangingProviderIsGivenUp(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.model.Reply(providertest.Hold(nil))
		w.say("ann", "hello")
		time.Sleep(3 * time.Minute)
		w.want("ann", "did not answer in time", "[Try again]")
	})
}

func TestFallback(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.model.Fail(&providers.Error{Kind: providers.ErrNoModel, Provider: "Fake"})
		w.model.Answer("From the small one.")
		w.talk("ann", "hello", "fake/large failed; this is fake/small", "From the small one.")
	}, func(w *world) { w.set.Fallbacks = []string{"fake/small"} })
}

func TestLoginInAGroupGoesOnInPrivate(t *testing.T) {
	inWorld(t, func(w *world) {
		w.chat.NoAsk, w.chat.NoOnly = true, true
		w.talk("ann@group", "/login fake", "in private")
		w.want("ann", "fake")
		w.say("bob@group", "not-a-key-but-long-enough-00")
		w.talk("ann", providertest.Key("private").Reveal(), "Logged in to fake")
	})
}

func TestCancelALogin(t *testing.T) {
	inWorld(t, func(w *world) {
		w.chat.NoAsk = true
		w.say("ann", "/login fake")
		w.talk("ann", "/cancel", "Canceled.")
		w.login()
		w.model.Answer("Yes.")
		w.talk("ann", "is this for the model?", "Yes.")
	})
}

func TestModelPicker(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.say("ann", "/model")
		w.press("ann", "small")
		w.want("ann", "fake/small** answers in this conversation")
		w.talk("ann", "/model status", "fake/small (this conversation)", "fake/large")
		w.talk("ann", "/model larg", "fake/large")
		w.talk("ann", "/model nonsense", "no model like")
		w.talk("ann", "/modle", "Did you mean /model?")
		w.model.Answer("It is slow.")
		w.talk("ann", "/usr/bin is slow", "It is slow.")
	})
}

func TestButtonsAreBound(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.say("ann@group", "/model")
		w.press("bob@group", "small")
		w.want("bob@group", "for somebody else")
		w.wantNot("bob@group", "answers in this conversation")
		w.press("ann@group", "small")
		w.want("ann@group", "fake/small")
		w.say("ann@group", "/model")
		w.roles[channeltest.UserID("ann")] = access.Nobody
		w.press("ann@group", "large")
		w.wantNot("ann@group", "fake/large** answers")
	})
}

func TestLongAnswerRollsOver(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.chat.Max = 50
		w.model.Answer("one two three four five six seven eight nine ten ", "eleven twelve thirteen fourteen fifteen sixteen")
		w.say("ann", "count")
		got := strings.Join(strings.Fields(w.sees("ann")), " ")
		if !strings.HasSuffix(got, "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen") {
			t.Errorf("shown %q", got)
		}
		if n := len(w.chat.Shown(t, "ann", false)); n < 2 {
			t.Errorf("shown in %d messages", n)
		}
	})
}

func TestPanicEndsOneTurnOnly(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.model.Script(nil) // calling it panics
		w.talk("ann", "boom", "Something went wrong")
		w.model.Answer("Still here.")
		w.talk("ann", "hello?", "Still here.")
	})
}

func TestRestartInTheMiddle(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.begins("Before the ")
		w.talk("ann", "tell me", "Before the")
		w.stop()
		w.want("ann", "cut by a restart")
		w.model.Answer("After the restart.")
		w.start()
		w.settle()
		w.want("ann", "After the restart.")
		w.wantNot("ann", "Before the")
		if n := len(w.chat.Shown(t, "ann", false)); n != 1 {
			t.Errorf("shown in %d messages; want one, edited", n)
		}
	}, func(w *world) { w.set.Drain = time.Second })
}

func TestRestartInTheMiddleOfALogin(t *testing.T) {
	inWorld(t, func(w *world) {
		w.chat.NoAsk = true
		w.say("ann", "/login fake")
		w.restart()
		key := providertest.Key("after-restart").Reveal()
		id := w.say("ann", key)
		w.want("ann", "cut by a restart", "/login fake")
		if w.chat.Exists(t, id) {
			t.Error("the message with the key still exists")
		}
		w.nowhere(key)
	})
}

func TestStaleMessagesGetANotice(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.stop()
		m := w.chat.Message(channeltest.Line{Person: "ann", Text: "asked long ago"})
		w.chat.Put(m)
		time.Sleep(7 * time.Hour)
		w.start()
		w.settle()
		w.want("ann", "older than I answer unasked", "[Answer now]")
		w.model.Answer("Better late than never.")
		w.press("ann", "Answer now")
		w.want("ann", "Better late than never.")
	})
}

func TestNothingLostWhileTheChannelIsLimited(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.model.Answer("The final ", "answer.")
		w.chat.Limit(t, time.Minute)
		w.say("ann", "hello")
		time.Sleep(2 * time.Minute)
		w.want("ann", "The final answer.")
	})
}

func TestLoginBegunTwice(t *testing.T) {
	inWorld(t, func(w *world) {
		w.say("ann", "/login fake")
		w.talk("ann", "/login fake", "waiting for your answer already")
		w.chat.Fill(t, "ann", providertest.Key("once").Reveal())
		w.settle()
		w.want("ann", "Logged in to fake")
	})
}
