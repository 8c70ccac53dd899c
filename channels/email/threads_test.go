package email

import (
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"net"
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
	r.Stop()
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
	r.Stop()
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

// TestGivenThreads: a mail that answers what nothing is known of is found by the thread that the server holds it to be in,
// however the connection is encrypted. It is shown on our fake alone: Dovecot 2.3 has neither extension.
func TestGivenThreads(t *testing.T) {
	t.Parallel()
	for how, capability := range map[string]string{"X-GM-THRID": "X-GM-EXT-1", "THREADID": "OBJECTID", "X-GM-THRID starttls": "X-GM-EXT-1", "THREADID starttls": "OBJECTID"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			item, encrypted, _ := strings.Cut(how, " ")
			one, two, none := "1278455344230334865", "1278455344230334866", "1278455344230334867"
			if item == "THREADID" {
				one, two, none = "(T64b478a75b7ea9)", "(T-2_x)", "NIL"
			}
			r := newRig(t, emailtest.Options{
				ThreadCap: capability, ThreadItem: item,
				Threads: map[uint32]string{1: one, 2: one, 3: two, 4: one, 5: none, 6: none, 7: one},
			}, nil)
			if encrypted != "" {
				r.set.IMAPTLS = "starttls"
				r.set.IMAPPort, r.set.CAFile = r.s.StartTLS(t, "")
				r.open(channeltest.NewSecrets(good))
			}
			r.run()
			put := func(from, text string) channels.Message {
				raw := mailOf(from, "Re: x", text, strings.ReplaceAll(text, " ", "-")+"@people.example", []string{"unheard-of-" + text + "@people.example"})
				r.s.Put(t, "INBOX", []byte(raw), time.Now())
				return r.hear(text)
			}
			first := put(ann, "the first")
			second, other, person := put(ann, "the second"), put(ann, "another thread"), put("bob@people.example", "another person")
			if second.Conversation != first.Conversation {
				t.Errorf("%+v is not in the thread of %+v", second, first)
			}
			if other.Conversation == first.Conversation || person.Conversation == first.Conversation {
				t.Errorf("in the thread: %+v, %+v", other, person)
			}
			if a, b := put(ann, "of no thread"), put(ann, "of none either"); item == "THREADID" && a.Conversation == b.Conversation {
				t.Errorf("two mails of no thread are in one: %+v", a)
			}
			r.Stop()
			r.open(channeltest.NewSecrets(good))
			r.run()
			if m := put(ann, "after a restart"); m.Conversation != first.Conversation {
				t.Errorf("%+v is not in the thread of %+v", m, first)
			}
		})
	}
}

// TestThreadsRefused: a server that has the word but does not do it is asked no more, and mail comes all the same.
func TestThreadsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, emailtest.Options{ThreadCap: "X-GM-EXT-1", ThreadItem: "SOMETHING-ELSE"}, nil)
	r.run()
	for _, text := range []string{"one", "two"} {
		r.s.Put(t, "INBOX", []byte(mailOf(ann, "x", text, text+"@people.example", nil)), time.Now())
		r.hear(text)
	}
}

// TestGivenReadsLines: what came is given on whole, whatever pieces it comes in, less the threads.
func TestGivenReadsLines(t *testing.T) {
	const before, after = "* 9 EXISTS\r\n", "T5 OK done\r\n* 2 FETCH (X-GM-THRID 7 UID 5)\r\n"
	const asked = "* 1 FETCH (X-GM-THRID 11 UID 3 RFC822.SIZE 5)\r\n* 2 FETCH (UID 4 X-GM-THRID 12 RFC822.SIZE 5)\r\n" +
		"* 3 FETCH (UID 5 THREADID (T1))\r\n* 4 FETCH (THREADID NIL)\r\n* OK [X] X-GM-THRID 9 \r\n"
	const want = "* 1 FETCH (UID 3 RFC822.SIZE 5)\r\n* 2 FETCH (UID 4 RFC822.SIZE 5)\r\n* 3 FETCH (UID 5)\r\n* 4 FETCH ()\r\n* OK [X] X-GM-THRID 9 \r\n"
	for size := 1; size < 40; size++ {
		in := &chunks{left: before + asked + "* 5 F", size: size}
		g := &given{Conn: in}
		read := func(n int) string {
			b := make([]byte, n)
			n, err := io.ReadFull(g, b)
			if err != nil {
				t.Fatalf("in pieces of %d: %v after %q", size, err, b[:n])
			}
			return string(b)
		}
		g.ask("X-GM-THRID")
		got := read(len(before) + len(want))
		threads := g.told()
		in.left += "ETCH (UID 9)\r\n" + after
		got += read(len("* 5 FETCH (UID 9)\r\n" + after))
		if got != before+want+"* 5 FETCH (UID 9)\r\n"+after || !maps.Equal(threads, map[uint32]string{3: "11", 4: "12", 5: "T1"}) {
			t.Errorf("in pieces of %d: %v, %q", size, threads, got)
		}
	}
}

// chunks is a connection on which so many bytes come at once.
type chunks struct {
	net.Conn
	left string
	size int
}

func (c *chunks) Read(p []byte) (int, error) {
	n := copy(p, c.left[:min(c.size, len(c.left))])
	c.left = c.left[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
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
		r.OnMessage = func(m channels.Message) {
			if m.From == "" {
				return
			}
			if _, err := r.ch.Send(t.Context(), channels.Post{To: m.Conversation, Answers: m.ID, Text: "echo " + m.Text}); err != nil {
				t.Errorf("Send: %v", err)
			}
		}
		r.run()
		r.put("bot@other.example", "x", "hello", "m1@other.example")
		r.hear("hello")
		r.put(ann, "x", "the end", "m2@people.example") // read after all that came before it
		r.Until("it ends", func() bool { return len(r.s.Sent()) >= 2 })
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
		r.Stop()
	}
}
