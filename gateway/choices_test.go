package gateway

import (
	"strings"
	"testing"
	"time"

	"chatgateway/access"
	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/providerauth"
	"chatgateway/providers"
)

func noButtons(w *world) { w.chat.NoButtons, w.chat.NoEdit = true, true }

// number gives the number before the newest line that shows a choice.
func (w *world) number(who, label string) string {
	w.t.Helper()
	lines := strings.Split(w.sees(who), "\n")
	for n := len(lines) - 1; n >= 0; n-- {
		if number, _, ok := strings.Cut(lines[n], ". "+label); ok {
			return number
		}
	}
	w.t.Fatalf("no choice %q; %s sees:\n%s", label, who, w.sees(who))
	return ""
}

// Where there are no buttons a number or a label is a choice, through the same checks as a button.
func TestAChoiceByItsNumber(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.say("ann", "/auth fake")
		w.say("ann", "/model") // the numbers are those that were shown last
		w.talk("ann", "("+w.number("ann", "small")+")", "fake/small** answers in this conversation")
		w.say("ann", "/model")
		w.say("ann", "/whoami") // a command turns away from nothing
		w.talk("ann", " LARGE ", "fake/large** answers in this conversation")
		if n := len(w.model.Calls()); n != 0 {
			t.Errorf("the model was asked %d times", n)
		}
	}, noButtons)
}

func TestANumberThatIsNoChoice(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.talk("ann", "2", "echo: 2")
		w.say("ann", "/model")
		w.talk("ann", "99", "echo: 99")
		w.say("ann", "1") // she has turned to something else
		w.want("ann", "echo: 1")
		w.say("ann", "/model")
		time.Sleep(25 * time.Hour)
		w.talk("ann", "1", "echo: 1", "echo: 1")
		w.say("ann@group", "/model")
		w.say("bob@group", "1")
		w.want("ann@group", "echo: 1")
		w.say("ann", "1") // it was shown elsewhere
		w.want("ann", "echo: 1", "echo: 1", "echo: 1")
	}, noButtons)
	inWorld(t, func(w *world) { // with buttons a number is a text
		w.login()
		w.say("ann", "/model")
		w.talk("ann", "1", "echo: 1")
	})
}

func TestAChoiceByItsNumberGoesThroughTheChecks(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.say("ann", "/auth fake")
		n := w.number("ann", "Disable")
		w.roles[channeltest.UserID("ann")] = access.User
		w.talk("ann", n, "/auth is for the bot's owners")
	}, noButtons)
}

func TestAChoiceByItsNumberAfterARestart(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.say("ann", "/model")
		w.restart()
		w.talk("ann", w.number("ann", "small"), "fake/small** answers in this conversation")
	}, noButtons)
}

// A question with choices is answered by the number, and its way out is one of them.
func TestAQuestionAnsweredByANumber(t *testing.T) {
	inWorld(t, func(w *world) {
		w.chat.NoAsk = true
		w.login()
		w.say("ann", "/login fake device")
		w.say("ann", w.number("ann", "Keep it"))
		w.talk("ann", "a question", "echo: a question")
		w.say("ann", "/login fake")
		w.talk("ann", w.number("ann", "Cancel"), "Canceled.")
		w.talk("ann", "another", "echo: another")
	}, noButtons, func(w *world) { w.model.Change(deviceMethod) })
}

// An answer that a crash cut from its delivery has its buttons when it comes.
func TestKilledBeforeTheButtonsWereShown(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.chat.Refuse(func(channels.Post) error { return errContent })
		w.model.Fail(&providers.Error{Kind: providers.ErrNoModel, Provider: "Fake"})
		w.say("ann", "hello")
		if s := w.sees("ann"); s != "" {
			t.Fatalf("ann sees %q", s)
		}
		w.stop() // the answer is written down and not delivered
		w.chat.Refuse(nil)
		w.start()
		w.settle()
		w.want("ann", "does not have this model", "[Another model]", "[Try again]")
		if n := len(w.model.Calls()); n != 1 {
			t.Errorf("the model was asked %d times", n)
		}
		w.press("ann", "Another model")
		w.want("ann", "[small]")
	}, func(w *world) { w.set.Drain = time.Second })
}

// TestPausingProviderIsALogin: while the only provider is left alone for a while and has told no models before, nobody is
// sent to log in who is logged in.
func TestPausingProviderIsALogin(t *testing.T) {
	inWorld(t, func(w *world) {
		w.login()
		w.g.models.forget("fake")
		w.auth.Report(providerauth.Credential{ID: "fake", Source: providerauth.FromStore}, providerauth.RateLimited, time.Minute)
		w.talk("ann", "/model", "left alone", "can be chosen just now")
	})
}
