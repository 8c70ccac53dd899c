package email

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/email/emailtest"
)

func TestThread(t *testing.T) {
	t.Parallel()
	r := newRig(t, emailtest.Options{}, nil)
	r.run()
	r.put(ann, "=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "the question", "m1@people.example")
	m := r.hear("the question")
	a := r.send(channels.Post{To: m.Conversation, Answers: m.ID, Key: "t1.0", Text: "**the** answer"})
	want(t, a, "In-Reply-To", "<m1@people.example>")
	want(t, a, "References", "<m1@people.example>")
	want(t, a, "Subject", "=?UTF-8?q?Re:_Gr=C3=BC=C3=9Fe?=")
	want(t, a, "Auto-Submitted", "auto-replied")
	want(t, a, "To", "<"+ann+">")
	if ct := a.Header.Get("Content-Type"); !strings.HasPrefix(ct, "multipart/alternative") {
		t.Errorf("it is %s; want text and HTML", ct)
	}
	mine := strings.Trim(a.Header.Get("Message-Id"), "<>")
	r.put(ann, "Re: Gr", "more", "m2@people.example", "m1@people.example", mine)
	m2 := r.hear("more")
	if m2.Conversation != m.Conversation || m2.Answers != channels.MessageID(mine) {
		t.Errorf("%+v is not in the thread of %+v", m2, m)
	}
	// After a restart the thread is known from the marks.
	r.stop()
	r.open(channeltest.NewSecrets(good))
	r.run()
	b := r.send(channels.Post{To: m.Conversation, Answers: m2.ID, Key: "t2.0", Text: "again"})
	want(t, b, "References", "<m1@people.example> <"+mine+"> <m2@people.example>")
	// A program that names only what it answers, and one that names the last ones.
	r.put(ann, "Re: x", "only in-reply-to", "m3@people.example", mine)
	if m3 := r.hear("only in-reply-to"); m3.Conversation != m.Conversation {
		t.Error("a mail that answers the bot's is in another thread")
	}
	// Another person in the same thread has a conversation of their own, and so has a stranger who claims to be in it.
	r.put("bob@people.example", "Re: x", "me too", "m4@people.example", "m1@people.example", mine)
	if m4 := r.hear("me too"); m4.Conversation == m.Conversation {
		t.Error("two persons share a private conversation")
	}
	if _, err := r.ch.Send(t.Context(), channels.Post{To: m.Conversation, Only: "bob@people.example", Text: "x"}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Only for another person gave %v", err)
	}
}

// TestThreadIndex: where a server gives mails other Message-IDs, a mail that answers one of those is found by its
// Thread-Index, as Exchange and Outlook write it.
func TestThreadIndex(t *testing.T) {
	t.Parallel()
	r := newRig(t, emailtest.Options{}, nil)
	r.run()
	index := func(text string, more ...byte) string {
		return "Thread-Topic: x\r\nThread-Index: " + base64.StdEncoding.EncodeToString(append([]byte(text+strings.Repeat("x", 22-len(text))), more...)) + "\r\n"
	}
	put := func(from, header, text, id string, refs ...string) channels.Message {
		r.s.Put(t, "INBOX", []byte(strings.Replace(mailOf(from, "Re: x", text, id, refs), "MIME-Version", header+"MIME-Version", 1)), time.Now())
		return r.hear(text)
	}
	first := put(ann, index("one"), "the first", "m1@people.example")
	if m := put(ann, index("one", 1, 2, 3, 4, 5), "by its index", "m2@people.example", "rewritten@outlook.example"); m.Conversation != first.Conversation {
		t.Errorf("%+v is not in the thread of %+v", m, first)
	}
	want(t, r.send(channels.Post{To: first.Conversation, Answers: "m2@people.example", Text: "x"}), "References",
		"<m1@people.example> <rewritten@outlook.example> <m2@people.example>")
	r.stop()
	r.open(channeltest.NewSecrets(good))
	r.run()
	if m := put(ann, index("one", 9, 9, 9, 9, 9), "after a restart", "m3@people.example", "other@outlook.example"); m.Conversation != first.Conversation {
		t.Errorf("%+v is not in the thread of %+v", m, first)
	}
	for text, m := range map[string]channels.Message{
		"another thread":      put(ann, index("two"), "another thread", "m4@people.example"),
		"another person":      put("bob@people.example", index("one"), "another person", "m5@people.example"),
		"no index that it is": put(ann, "Thread-Index: b25l\r\n", "no index that it is", "m6@people.example"),
	} {
		if m.Conversation == first.Conversation {
			t.Errorf("%s is in the thread: %+v", text, m)
		}
	}
}

func TestSameKeySameMail(t *testing.T) {
	t.Parallel()
	r := newRig(t, emailtest.Options{}, nil)
	p := channels.Post{To: "m1@people.example " + ann, Key: "t1.0", Text: "an answer"}
	a := r.send(p)
	r.open(channeltest.NewSecrets(good)) // after a crash nothing is remembered
	b := r.send(p)
	if a.Header.Get("Message-Id") != b.Header.Get("Message-Id") {
		t.Error("the same part of the same answer has two Message-IDs")
	}
	p.Key = "t1.1"
	if c := r.send(p); c.Header.Get("Message-Id") == a.Header.Get("Message-Id") {
		t.Error("two parts have one Message-ID")
	}
}

func TestDirect(t *testing.T) {
	t.Parallel()
	r := newRig(t, emailtest.Options{}, nil)
	r.run()
	conv, err := r.ch.Direct(t.Context(), "Ann@People.example")
	if err != nil {
		t.Fatal(err)
	}
	a := r.send(channels.Post{To: conv, Text: "The disk is full.\n\nDo something.", Choices: []channels.Choice{{Label: "Later", Press: "p"}, {Label: "Page", URL: "https://example.org/x"}}})
	want(t, a, "Subject", "The disk is full.")
	r.put(ann, "Re: The disk is full.", "done", "m1@people.example", strings.Trim(a.Header.Get("Message-Id"), "<>"))
	if m := r.hear("done"); m.Conversation == "" {
		t.Error("no conversation")
	}
	_, text := read(t, r.s.Sent()[0].Raw)
	if !strings.Contains(text, "1. Later") || !strings.Contains(text, "https://example.org/x") {
		t.Errorf("the choices are not shown: %q", text)
	}
	if _, err := r.ch.Direct(t.Context(), "not an address"); err == nil {
		t.Error("Direct took what is no address")
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t, emailtest.Options{}, nil)
	p := channels.Post{To: "m1@people.example " + ann, Text: "hello"}
	for _, tt := range []struct {
		code int
		want error
	}{{550, channels.ErrGone}, {553, channels.ErrGone}} {
		r.s.Refuse(&smtp.SMTPError{Code: tt.code, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"})
		if _, err := r.ch.Send(t.Context(), p); !errors.Is(err, tt.want) {
			t.Errorf("%d gave %v; want %v", tt.code, err, tt.want)
		}
	}
	r.s.Refuse(nil)
	start := time.Now()
	r.s.Defer(500 * time.Millisecond)
	r.send(p)
	if d := time.Since(start); d < 500*time.Millisecond {
		t.Errorf("a mail was taken after %v", d)
	}
	r.open(channeltest.NewSecrets(bad))
	for range 2 {
		_, err := r.ch.Send(t.Context(), p)
		if !errors.Is(err, channels.ErrRejected) || strings.Contains(err.Error(), bad["password"]) {
			t.Errorf("a wrong password gave %v", err)
		}
	}
	if _, err := r.ch.Send(t.Context(), channels.Post{To: "nonsense", Text: "x"}); !errors.Is(err, channels.ErrGone) {
		t.Errorf("no conversation gave %v", err)
	}
}

// Two gateways that write to each other end at once: each sees that the other is one. Where the signs are stripped on
// the way, the cap ends it.
func TestMailLoop(t *testing.T) {
	t.Parallel()
	for _, strip := range []bool{false, true} {
		const most = 5
		r := newRig(t, emailtest.Options{}, func(s *Settings) { s.MaxPerHour = most })
		n := 0
		back := func(m emailtest.Sent) { // the other gateway answers every mail
			n++
			raw := string(m.Raw)
			if strip {
				id := nth("reply%d@other.example", n)
				raw = mailOf("bot@other.example", "Re: x", nth("echo %d", n), id, []string{id})
			} else {
				raw = "Authentication-Results: " + emailtest.Trusted + "; dmarc=pass header.from=other.example\r\n" + strings.Replace(raw, emailtest.User, "bot@other.example", 1)
			}
			r.s.Put(t, "INBOX", []byte(raw), time.Now())
		}
		r.s.OnSent(back)
		r.answer = func(m channels.Message) {
			if _, err := r.ch.Send(t.Context(), channels.Post{To: m.Conversation, Answers: m.ID, Text: "echo " + m.Text}); err != nil {
				t.Errorf("Send: %v", err)
			}
		}
		r.run()
		r.put("bot@other.example", "x", "hello", "m1@other.example")
		r.hear("hello")
		r.put(ann, "x", "the end", "m2@people.example") // read after all that came before it
		r.until("it ends", func() bool { return len(r.s.Sent()) >= 2 })
		last := -1
		for len(r.s.Sent()) != last { // until nothing comes for a while
			last = len(r.s.Sent())
			<-time.After(300 * time.Millisecond)
		}
		limit := 2
		if strip {
			limit = most + most + 1
		}
		if got := len(r.s.Sent()); got > limit {
			t.Errorf("signs stripped: %v: %d mails were sent; want %d at the most", strip, got, limit)
		}
		r.stop()
	}
}
