package email

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-smtp"

	"chatgateway/channels"
	"chatgateway/channels/email/emailtest"
	"chatgateway/internal/status"
)

// report is a bounce as Postfix writes it, about a mail with that id to that address.
func report(id, to string) []byte {
	says := "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.gateway.example\r\nArrival-Date: Sat, 28 Nov 2026 00:00:00 +0000\r\n\r\n" +
		"Final-Recipient: rfc822; " + to + "\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 no such user\r\n\r\n" +
		"Final-Recipient: rfc822; slow@people.example\r\nAction: delayed\r\nStatus: 4.4.1\r\n"
	return []byte("Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.gateway.example\r\nMessage-ID: <b." + to + "@mx.gateway.example>\r\nSubject: Undelivered\r\n" +
		multi("multipart/report; report-type=delivery-status", part("text/plain", "us-ascii", "7bit", []byte("This is the mail system.")), says,
			"Content-Type: text/rfc822-headers\r\n\r\nSubject: Re: x\r\nMessage-ID: "+id+"\r\n"))
}

// global makes a report as Postfix writes it of a mail that was sent with SMTPUTF8 (RFC 6533).
func global(report []byte) []byte {
	return []byte(strings.NewReplacer("message/delivery-status", "message/global-delivery-status", "text/rfc822-headers", "message/global-headers",
		"Final-Recipient: rfc822;", "Final-Recipient: utf-8;").Replace(string(report)))
}

// A bounce is not answered. The log says who did not get the mail; the account's state says it of the bot's answers, to
// whom they went, and of nothing that anybody may have made up.
func TestBounce(t *testing.T) {
	t.Parallel()
	r := newRig(t, emailtest.Options{}, nil)
	r.run()
	r.put("ann@people.example", "hello", "hello", "m1@people.example")
	m := r.hear("hello")
	id := r.send(channels.Post{To: m.Conversation, Answers: m.ID, Key: "t1.0", Text: "hi"}).Header.Get("Message-Id")
	for _, forged := range [][]byte{report("<gw.x@gateway.example>", "one@people.example"), report("<gw.0123456789abcdef.x@gateway.example>", "two@people.example"), report(id, "three@people.example")} {
		r.s.Put(t, "INBOX", forged, time.Now())
	}
	r.Until("the others are told", func() bool { return strings.Contains(r.Log(), "three@people.example 5.1.1") })
	r.s.Put(t, "INBOX", report(id, "Ann@people.example"), time.Now())
	r.Until("the bounce is told", func() bool {
		s := r.State()
		return s.State == status.Degraded && strings.Contains(s.Detail, "answer to ann@people.example came back (5.1.1)")
	})
	r.put("bob@people.example", "hello", "guten Tag", "m2@people.example")
	m = r.hear("guten Tag")
	id = r.send(channels.Post{To: m.Conversation, Answers: m.ID, Key: "t2.0", Text: "hi"}).Header.Get("Message-Id")
	r.s.Put(t, "INBOX", global(report(id, "bob@people.example")), time.Now())
	r.Until("the second bounce is told too", func() bool { return len(r.State().Notices) == 2 })
	if s := r.State(); s.Detail != strings.Join(s.Notices, " ") || !strings.Contains(s.Notices[1], "answer to bob@people.example came back (5.1.1)") {
		t.Errorf("the owners are told %q, the state says %q", s.Notices, s.Detail)
	}
	for _, s := range r.Reports() {
		if told := s.Detail + strings.Join(s.Notices, " "); told != "" && !strings.Contains(told, " ann@") {
			t.Errorf("a forged report is believed: %s", told)
		}
	}
	if strings.Contains(r.Log(), "slow@people.example") || strings.Count(r.texts(), "|") != 1 {
		t.Errorf("a delay counts as a loss, or a report was taken: %q", r.texts())
	}
}

// What is wrong is told until it is mended, or its time is over; all of it at once.
func TestTroubles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var x troubles
		now := func(want ...string) {
			t.Helper()
			if got := x.now(); !slices.Equal(got, want) {
				t.Errorf("told %q; want %q", got, want)
			}
		}
		now()
		x.set("bounce ann", "Ann's came back.", time.Now().Add(tellBounce))
		x.set("bounce bob", "Bob's came back.", time.Now().Add(tellBounce))
		x.set(cannotSend, "It cannot send.", time.Time{})
		x.set("bounce ann", "Ann's came back again.", time.Now().Add(tellBounce))
		time.Sleep(tellBounce)
		now("Bob's came back.", "It cannot send.", "Ann's came back again.")
		time.Sleep(time.Second)
		now("It cannot send.")
		x.mended(cannotSend)
		now()
		for n := range 3 * troublesMost {
			x.set(nth("bounce %d", n), nth("%d", n), time.Now().Add(tellBounce))
		}
		if got := x.now(); len(got) != troublesMost || got[troublesMost-1] != "29" {
			t.Errorf("%q are told; want the last %d", got, troublesMost)
		}
	})
}

// What keeps the bot from sending, or from marking what it has read, is told to the owners until it is mended.
func TestOwnersAreToldWhatTheServerRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t, emailtest.Options{}, func(s *Settings) { s.After, s.MoveTo = "move", "Nowhere" })
	r.ch.times.slice = 100 * time.Millisecond
	r.run()
	r.put(ann, "hello", "hello", "m1@people.example")
	m := r.hear("hello")
	tells := func(text string) func() bool {
		return func() bool {
			s := r.State()
			return s.State == status.Degraded && strings.Contains(s.Detail, text) && strings.Contains(strings.Join(s.Notices, "|"), text)
		}
	}
	r.Until("it is told that mail cannot be moved", tells("refuses to mark or move it"))
	if err := r.s.User.Create("Nowhere", nil); err != nil {
		t.Fatal(err)
	}
	r.put(ann, "hello", "once more", "m2@people.example")
	r.Until("that is mended", func() bool { return r.State().State == status.Connected })
	r.s.RefuseSender(&smtp.SMTPError{Code: 553, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "not yours"})
	post := channels.Post{To: m.Conversation, Answers: m.ID, Key: "t1.0", Text: "hi"}
	if _, err := r.ch.Send(t.Context(), post); !errors.Is(err, channels.ErrSetup) {
		t.Errorf("Send gave %v; want ErrSetup", err)
	}
	r.Until("it is told that nothing can be sent", tells("Answers cannot be sent: The mail server does not let the bot send from its address"))
	r.s.RefuseSender(nil)
	r.send(post)
	r.Until("that is mended", func() bool { return r.State().State == status.Connected && r.State().Notices == nil })
}
