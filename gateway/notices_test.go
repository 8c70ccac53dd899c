package gateway

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/internal/status"
)

// owned makes ann the one who is told what an account needs.
func owned(w *world) {
	w.hooks.Owners = func() map[channels.AccountID][]channels.UserID {
		return map[channels.AccountID][]channels.UserID{"chat": {channeltest.UserID("ann")}}
	}
}

// both gives the world's account and a second one that holds another token.
func (w *world) both(token, version string) []Account {
	one := Account{ID: "chat", Service: w.chat.Service("chat"), Settings: &channeltest.FakeSettings{}, Version: "1",
		Secrets: channeltest.NewSecrets(map[string]string{"token": channeltest.GoodToken})}
	two := one
	two.ID, two.Service, two.Version = "post:shop", channeltest.NewFake().Service("post"), version
	two.Secrets = channeltest.NewSecrets(map[string]string{"token": token})
	return []Account{one, two}
}

// A sentence that stands in an account's reports is told once, not at every report and not after a restart, and again
// when a week has passed.
func TestNoticesAreToldOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		report := func(notices ...string) {
			a := w.g.account("chat")
			s := a.snapshot()
			s.Notices = notices
			w.g.report(a, s)
			w.settle()
		}
		count := func(n int, text string) {
			t.Helper()
			if got := strings.Count(w.sees("ann"), text); got != n {
				t.Errorf("ann was told %q %d times; want %d:\n%s", text, got, n, w.sees("ann"))
			}
		}
		report("The oven is cold.")
		w.want("ann", "**Chat:** The oven is cold.")
		report("The oven is cold.")
		report("The oven is cold.", "The lamp is out.")
		w.want("ann", "cold", "**Chat:** The lamp is out.")
		w.restart()
		report("The oven is cold.", "The lamp is out.")
		count(1, "oven")
		count(1, "lamp")
		if s := w.g.account("chat").snapshot(); s.Notices != nil {
			t.Errorf("the state keeps %q", s.Notices)
		}
		time.Sleep(noticeAgain)
		report("The oven is cold.")
		count(2, "oven")
		for n := range 2 * noticeMost {
			report(fmt.Sprintf("Lamp %d is out.", n))
		}
		if got := strings.Count(w.sees("ann"), " is out."); got != noticeMost { // the first lamp, and what a day allows
			t.Errorf("ann was told of %d lamps; want %d", got, noticeMost)
		}
		w.wantNot("bob", "oven", "amp")
	}, owned)
}

// A notice that nobody could be given is told with a later report.
func TestNoticeWaitsForAWay(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.g.account("chat")
		tell := func() {
			s := a.snapshot()
			s.Notices = []string{"The oven is cold."}
			w.g.report(a, s)
			w.settle()
		}
		w.refusing(fmt.Errorf("fake: %w", channels.ErrSetup), "oven")
		tell()
		w.wantNot("ann", "oven")
		w.chat.Refuse(nil)
		tell()
		w.want("ann", "oven")
	}, owned)
}

// Credentials that a service refuses, and what must be set up anew, are told over the other accounts: once for each of
// them, and at once when others are refused again.
func TestRefusedAccountIsTold(t *testing.T) {
	inWorld(t, func(w *world) {
		count := func(n int) {
			t.Helper()
			if got := strings.Count(w.sees("ann"), "**Post (`post:shop`):** fake: the service refused the credentials"); got != n {
				t.Fatalf("ann was told %d times; want %d:\n%s\n%s", got, n, w.sees("ann"), w.log)
			}
		}
		w.g.Apply(w.both("no good", "1"))
		w.settle()
		count(1)
		w.g.Apply(w.both(channeltest.GoodToken, "2"))
		w.settle()
		w.g.Apply(w.both("no good either", "3"))
		w.settle()
		count(2)
		w.restart()
		w.g.Apply(w.both("no good either", "3"))
		w.settle()
		count(2)
		wrong := w.both("", "4")
		open := wrong[1].Service.Open
		wrong[1].Service.Open = func(o channels.Options) (channels.Channel, error) {
			ch, err := open(o)
			return unready{ch}, err
		}
		w.g.Apply(wrong)
		time.Sleep(time.Hour)
		w.settle()
		if s := w.g.account("post:shop").snapshot(); s.State != status.Failed {
			t.Errorf("the account is %s", s.State)
		}
		if got := strings.Count(w.sees("ann"), "Switch it on there."); got != 1 {
			t.Errorf("told %d times; want once:\n%s", got, w.sees("ann"))
		}
	}, owned)
}

// unready is a channel that wants another set-up.
type unready struct{ channels.Channel }

func (unready) Run(context.Context, channels.Handler) error { return unreadyError{} }

type unreadyError struct{}

func (unreadyError) Error() string       { return "fake: not ready" }
func (unreadyError) UserMessage() string { return "Switch it on there." }
func (unreadyError) Unwrap() error       { return channels.ErrSetup }
