package email

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/email/emailtest"
)

// realCorpus: every mail of the corpus, as it is, out of Dovecot: with the right text, none lost, none in the way of others.
func realCorpus(t *testing.T, r *emailtest.Real) {
	x := onReal(t, r, "reader@gateway.example")
	x.run()
	list := corpus(t)
	raws := make([][]byte, 0, len(list))
	for i, s := range list {
		id := fmt.Sprintf("c%d@people.example", i)
		raw := strings.Replace(s.mail, "x1@people.example", id, 1)
		if raw == s.mail {
			raw = "Message-ID: <" + id + ">\r\n" + raw
		}
		raws = append(raws, []byte(raw))
	}
	r.Lay(t, "reader@gateway.example", raws)
	x.Until("all are read", func() bool { return len(x.Messages()) == len(list) })
	texts := map[channels.MessageID]string{}
	for _, m := range x.Messages() {
		texts[m.ID] = m.Text
	}
	for i, s := range list {
		got, ok := texts[channels.MessageID(fmt.Sprintf("c%d@people.example", i))]
		if s.name == "NUL bytes" {
			got = strings.ReplaceAll(got, "\uFFFD", "") // IMAP has none: Dovecot writes 0x80
		}
		if !ok || strings.TrimSpace(got) != s.text {
			t.Errorf("%s: read %q (%v); want %q", s.name, got, ok, s.text)
		}
	}
	_, flags := r.Mails(t, "reader@gateway.example", "INBOX")
	for i, f := range flags {
		if strings.Contains(fmt.Sprint(f), "Seen") {
			t.Fatalf("mail %d of a stranger is marked: %v", i, f)
		}
	}
}

// realSilence: Dovecot behind a line that falls silent without closing, in the middle of IDLE.
func realSilence(t *testing.T, r *emailtest.Real) {
	x := onReal(t, r, "patient@gateway.example")
	p := newPipe(t, x.set.IMAPPort)
	x.set.IMAPPort = p.port
	x.open(channeltest.NewSecrets(map[string]string{"username": "patient@gateway.example", "password": emailtest.Password}))
	x.ch.times.slice, x.ch.times.reply = time.Second, 2*time.Second
	x.run()
	for _, text := range []string{"before", "after the silence"} {
		r.Deliver(t, ann, "patient@gateway.example", []byte("From: "+ann+"\r\nMessage-ID: <"+text[:5]+"@people.example>\r\nSubject: Re: x\r\n\r\n"+text+"\r\n"))
		x.hear(text)
		p.silence()
	}
	if got := x.texts(); got != "before|after the silence" {
		t.Errorf("heard %q", got)
	}
}
