package gateway

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"chatgateway/access"
	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/login"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/providertest"
	"chatgateway/store"
)

// asKilled ends the gateway, lets f write what a run that was killed would have left, and starts it again.
func (w *world) asKilled(f func(st *store.Store)) {
	w.t.Helper()
	w.stop()
	st, err := store.Open(w.t.Context(), w.path, store.Options{Sync: "normal"})
	if err != nil {
		w.t.Fatal(err)
	}
	f(st)
	if err := st.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.start()
	w.settle()
}

// left keeps a message of ann's and begins a turn with it.
func (w *world) left(st *store.Store, kind, text string) store.Turn {
	w.t.Helper()
	return w.leftOf(st, kind, w.chat.Message(channeltest.Line{Person: "ann", Text: text}))
}

func (w *world) leftOf(st *store.Store, kind string, m channels.Message) store.Turn {
	w.t.Helper()
	items, err := st.Keep(w.t.Context(), "chat", []store.Incoming{{Message: m}}, nil, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	turn, err := st.Begin(w.t.Context(), store.Conv{Account: "chat", Conversation: m.Conversation}, kind, []int64{items[0].Seq}, true)
	if err != nil {
		w.t.Fatal(err)
	}
	return turn
}

// posted shows ann a message of the bot's.
func (w *world) posted(text string) channels.MessageID {
	w.t.Helper()
	id, err := w.g.account("chat").channel().Send(w.t.Context(), channels.Post{To: channeltest.Conversation("ann", false), Text: text})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// asked gives the last text that the model was sent.
func (w *world) asked() string {
	w.t.Helper()
	calls := w.model.Calls()
	if len(calls) == 0 {
		return ""
	}
	ms := calls[len(calls)-1].Req.Messages
	parts := ms[len(ms)-1].Parts
	return parts[0].Text
}

func TestKilledWithPartsShown(t *testing.T) {
	for name, c := range map[string]struct {
		noEdit, answered bool
		shown            []string // before the kill
		want             string   // everything that ann sees
	}{
		"edited":                  {false, false, []string{"half of "}, "short.\n"},
		"edited, fewer parts":     {false, false, []string{"one ", "two ", "three "}, "short.\n"},
		"not editable":            {true, false, []string{"half of "}, "half of \n_Again, after a restart of the gateway:_\n\nshort.\n"},
		"answered, nothing shown": {true, true, nil, "aaaa bbbb \ncccc dddd\n"},
		"answered, one shown":     {true, true, []string{"aaaa bbbb "}, "aaaa bbbb \ncccc dddd\n"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.login()
				var ids []channels.MessageID
				for _, text := range c.shown {
					ids = append(ids, w.posted(text))
				}
				if w.chat.Max = 10; !c.answered {
					w.chat.Max = 0
					w.model.Answer("short.")
				}
				w.asKilled(func(st *store.Store) {
					turn := w.left(st, "model", "tell me")
					for n, id := range ids {
						st.SetPart(turn.ID, store.Part{N: n, ID: id, Text: c.shown[n]})
					}
					if c.answered {
						st.Answer(turn.ID, "aaaa bbbb cccc dddd", nil)
					}
				})
				got := strings.Join(strings.Fields(w.sees("ann")), " ")
				if want := strings.Join(strings.Fields(c.want), " "); got != want {
					t.Errorf("ann sees %q, want %q", got, want)
				}
				if n := len(w.model.Calls()); c.answered && n != 0 {
					t.Errorf("the model was asked again")
				}
				w.model.Answer("Next.")
				w.chat.Max = 0
				w.talk("ann", "and then?", "Next.")
			}, func(w *world) { w.chat.NoEdit = c.noEdit })
		})
	}
}

func TestKilledInACommand(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.asKilled(func(st *store.Store) { w.left(st, "command", "/model fake/small") })
		w.want("ann", "`/model fake/small` was interrupted by a restart", "Send it again")
		w.talk("ann", "/model status", "fake/large")
		w.wantNot("ann", "fake/small**")
	})
}

// A login that had stored its key when the gateway was killed says so, typed or pressed, and the first model is chosen.
func TestKilledInALogin(t *testing.T) {
	inWorld(t, func(w *world) {
		w.asKilled(func(st *store.Store) { w.left(st, "command", "/login fake") })
		w.want("ann", "`/login fake` was interrupted by a restart", "Send it again")
		w.wantNot("ann", "logged in")
		stored := providerauth.Credential{Type: providerauth.Key, Key: providertest.Key("stored")}
		if err := w.auth.Put(w.t.Context(), "fake", stored); err != nil {
			t.Fatal(err)
		}
		w.asKilled(func(st *store.Store) { w.left(st, "command", "/login fake") })
		w.want("ann", "`/login fake` was interrupted by a restart", "You are logged in to fake", "From now on fake/large answers")
		w.talk("ann", "hello", "echo: hello")
	})
	inWorld(t, func(w *world) {
		w.talk("ann", "/auth fake", "[Log in]")
		m := w.chat.Message(channeltest.Line{Person: "ann"})
		m.Press = w.chat.PressID(w.chat.Shown(w.t, "ann", false)[0], "Log in")
		stored := providerauth.Credential{Type: providerauth.Key, Key: providertest.Key("stored")}
		if err := w.auth.Put(w.t.Context(), "fake", stored); err != nil {
			t.Fatal(err)
		}
		w.asKilled(func(st *store.Store) {
			if _, err := st.TakePress(w.t.Context(), m.Press, store.Conv{Account: "chat", Conversation: m.Conversation}, m.From); err != nil {
				t.Fatal(err)
			}
			w.leftOf(st, "command", m)
		})
		w.want("ann", "`/login fake` was interrupted by a restart", "You are logged in to fake", "From now on fake/large answers")
	})
}

// A press that was kept by a run that was killed is taken up.
func TestKilledWithAPressKept(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.say("ann", "/model")
		m := w.chat.Message(channeltest.Line{Person: "ann"})
		m.Press = w.chat.PressID(w.chat.Shown(t, "ann", false)[0], "small")
		w.asKilled(func(st *store.Store) {
			if _, err := st.Keep(w.t.Context(), "chat", []store.Incoming{{Message: m}}, nil, nil); err != nil {
				t.Fatal(err)
			}
		})
		w.want("ann", "fake/small** answers in this conversation")
	})
}

func TestPressAfterARestart(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.say("ann", "/model")
		w.restart()
		w.press("ann", "small")
		w.want("ann", "fake/small** answers in this conversation")
	})
}

func TestAPartThatWasDeletedIsPostedAnew(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.grows("It begins, ", 10*time.Second, "it ends.")
		w.say("ann", "tell me")
		shown := w.chat.Shown(t, "ann", false)
		del := w.g.account("chat").channel().(channels.Deleter)
		if err := del.Delete(w.t.Context(), channeltest.Conversation("ann", false), shown[0].ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		w.want("ann", "It begins, it ends.")
	})
}

func TestStopEndsADeliveryThatFails(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.chat.Fail(errors.New("400: can't parse entities"))
		w.model.Answer("Never shown.")
		w.say("ann", "one")
		time.Sleep(10 * time.Minute)
		w.say("ann", "/stop")
		w.chat.Fail(nil)
		w.model.Answer("Two.")
		w.talk("ann", "two", "Two.")
	})
}

func TestAccountTakenAwayWhileItAnswers(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.later(10*time.Second, "Here it is.")
		w.say("ann", "tell me")
		w.g.Apply(nil)
		time.Sleep(time.Minute)
		began := time.Now()
		w.stop()
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("the shutdown took %s", d)
		}
		w.start()
		w.settle()
		w.want("ann", "Here it is.")
		if n := len(w.model.Calls()); n != 1 {
			t.Errorf("the model was asked %d times", n)
		}
	})
}

func TestDeviceCodeLetsThePersonGoOn(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.talk("ann", "/login fake:work device", "ABCD-1234")
		w.model.Answer("For the model.")
		id := w.say("ann", "meanwhile, a question")
		w.want("ann", "For the model.")
		if !w.chat.Exists(t, id) {
			t.Error("what was said beside the device code was deleted")
		}
		time.Sleep(time.Minute)
		w.want("ann", "Logged in to fake")
	}, func(w *world) { w.model.Change(deviceMethod) })
}

// deviceMethod is a login that shows a code and waits half a minute.
func deviceMethod(s *providerauth.Scheme) {
	s.Methods = append(s.Methods, providerauth.Method{ID: "device", Name: "device code", Login: func(ctx context.Context, p login.Prompter) (providerauth.Credential, error) {
		if _, err := p.Prompt(ctx, login.Step{Text: "Enter the code", Code: "ABCD-1234"}); err != nil {
			return providerauth.Credential{}, err
		}
		select {
		case <-ctx.Done():
			return providerauth.Credential{}, ctx.Err()
		case <-time.After(30 * time.Second):
			return providerauth.Credential{Type: providerauth.Key, Key: providertest.Key("device")}, nil
		}
	}})
}

func TestALoginThatIsStoppedBeforeItBeginsAsksForNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.begins("It begins ")
		w.say("ann@group", "tell us")
		w.say("ann@group", "/login fake")
		w.say("bob@group", "/stop")
		w.model.Answer("Back.")
		w.talk("ann@group", "and now?", "Back.")
		w.wantNot("ann@group", "not kept", "waiting for that")
	})
}

func TestCancelBeforeALoginBegins(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.begins("It begins ")
		w.say("ann", "tell me")
		w.say("ann", "/login fake")
		w.talk("ann", "/cancel", "Stopped.")
		w.model.Answer("Back.")
		w.talk("ann", "and now?", "Back.")
	})
}

func TestALoginAfterACutOneTakesItsPlace(t *testing.T) {
	inWorld(t, func(w *world) {
		w.chat.NoAsk = true
		w.say("ann", "/login fake")
		w.restart()
		w.say("ann", "/login fake")
		w.talk("ann", providertest.Key("anew").Reveal(), "Logged in to fake")
		w.model.Answer("An answer.")
		w.talk("ann", "a question", "An answer.")
		w.wantNot("ann", "cut by a restart")
	})
}

func TestRetryIsNoWayRoundTheRules(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		left := 1
		w.g.o.Hooks.Allow = func(channels.AccountID, channels.UserID, access.Role) (bool, time.Duration) {
			left--
			return left >= 0, 20 * time.Minute
		}
		w.model.Answer("The first.")
		w.talk("bob", "hello", "The first.")
		w.talk("bob", "/retry", "as often as a guest may", "20m")
		left = 10
		w.g.o.Hooks.MayUse = func(r access.Role, _ string) bool { return r == access.Owner }
		w.talk("bob", "/retry", "You may not use fake/large here")
		if n := len(w.model.Calls()); n != 1 {
			t.Errorf("the model was asked %d times", n)
		}
	})
}

func TestAFallbackThatIsNotAllowedIsPassedOver(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.g.o.Hooks.MayUse = func(r access.Role, model string) bool { return r == access.Owner || model == "fake/large" }
		w.model.Fail(&providers.Error{Kind: providers.ErrNoModel, Provider: "Fake"})
		w.talk("bob", "hello", "does not have this model")
		w.wantNot("bob", "fake/small")
	}, func(w *world) { w.set.Fallbacks = []string{"fake/small"} })
}

func TestRetryTwiceAndAfterARestart(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.say("ann", "the question")
		w.say("ann", "/retry")
		w.say("ann", "/retry")
		w.wantNot("ann", "nothing to ask again")
		w.restart()
		w.model.Answer("Once more.")
		w.talk("ann", "/retry", "Once more.")
		if calls := w.model.Calls(); len(calls) != 4 || len(calls[3].Req.Messages) != 1 || w.asked() != "the question" {
			t.Errorf("%d calls, the last with %q of %d messages", len(calls), w.asked(), len(calls[len(calls)-1].Req.Messages))
		}
	})
}

func TestRetryAfterStopAndAfterNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.begins("It begins ")
		w.say("ann", "first")
		w.say("ann", "/stop")
		w.talk("ann", "/retry", "echo: first")
		w.model.Reply(providertest.Ends(providers.StopEnd, providers.Usage{}))
		w.talk("ann", "second", "answered nothing", "/retry")
		w.talk("ann", "/retry", "echo: second")
	})
}

func TestImageForABlindModel(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		m := w.chat.Message(channeltest.Line{Person: "ann", Text: "what is this?"})
		png := []byte("\x89PNG\r\n\x1a\n and so on")
		m.Attachments = []channels.Attachment{{Name: "cat.png", Type: "image/png", Data: png}}
		w.chat.Put(m)
		w.settle()
		w.say("ann", "/model fake/small")
		w.talk("ann", "and now?", "files that were sent here earlier", "echo: and now?")
		m = w.chat.Message(channeltest.Line{Person: "ann", Text: "and this?"})
		m.Attachments = []channels.Attachment{{Name: "dog.png", Type: "image/png", Data: png}}
		w.chat.Put(m)
		w.settle()
		w.want("ann", "cannot take", "[Another model]")
	})
}
