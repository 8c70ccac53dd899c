package email

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
	for _, s := range r.Reports() {
		if s.Detail != "" && !strings.Contains(s.Detail, " ann@") {
			t.Errorf("a forged report is believed: %s", s.Detail)
		}
	}
	if strings.Contains(r.Log(), "slow@people.example") || strings.Contains(r.texts(), "|") {
		t.Errorf("a delay counts as a loss, or a report was taken: %q", r.texts())
	}
}

func TestBounceIsToldForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bounce{"An answer came back.", time.Now()}
		time.Sleep(tellBounce)
		if b.hint() == "" {
			t.Error("it is not told for an hour")
		}
		if time.Sleep(time.Second); b.hint() != "" || (bounce{}).hint() != "" {
			t.Errorf("it is told too long: %q", b.hint())
		}
	})
}
