package email

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/email/emailtest"
	"chatgateway/internal/status"
	"chatgateway/markdown"
)

// TestReal runs the suite on Dovecot and Postfix, over STARTTLS and over TLS from the first byte.
func TestReal(t *testing.T) {
	t.Parallel()
	r := emailtest.Start(t)
	n := 0
	for _, how := range []string{"starttls", "tls"} {
		t.Run(how, func(t *testing.T) {
			channeltest.Run(t, func(t *testing.T) channeltest.Harness {
				n++
				set := realSettings(r, how)
				user := fmt.Sprintf("bot%d@gateway.example", n)
				return channeltest.Harness{
					Service: service(short), Settings: set, Peer: &realPeer{r: r, set: set, user: user, n: n, refs: map[string][]string{}},
					Secrets: map[string]string{"username": user, "password": emailtest.Password}, Bad: map[string]string{"username": user, "password": bad["password"]},
					Without: append([]string{channeltest.LimitsOf}, without...), Text: markdown.Plain, Wait: 20 * time.Second,
				}
			})
		})
	}
	t.Run("huge", func(t *testing.T) { realHuge(t, r) })
	t.Run("tester", func(t *testing.T) { realTester(t, r) })
	t.Run("a copy", func(t *testing.T) { realSent(t, r) })
	t.Run("corpus", func(t *testing.T) { realCorpus(t, r) })
	t.Run("bounce", func(t *testing.T) { realBounce(t, r) })
	t.Run("silence", func(t *testing.T) { realSilence(t, r) })
	t.Run("strangers and refusals", func(t *testing.T) { realStrangers(t, r) })
}

func realSettings(r *emailtest.Real, how string) *Settings {
	s := &Settings{
		IMAPHost: "127.0.0.1", IMAPPort: r.IMAP, IMAPTLS: how, SMTPHost: "127.0.0.1", SMTPPort: r.Submission, SMTPTLS: how, CAFile: r.CA,
		AuthServID: []string{emailtest.Trusted}, MaxPerHour: 1 << 20,
	}
	if how == "tls" {
		s.IMAPPort, s.SMTPPort = r.IMAPS, r.Submissions
	}
	return s
}

// realPeer drives Dovecot and Postfix as people do.
type realPeer struct {
	r    *emailtest.Real
	set  *Settings
	user string
	n    int // makes the persons' addresses new for every check
	said int
	refs map[string][]string
	last func(testing.TB)
}

func (p *realPeer) address(person string) string {
	return fmt.Sprintf("%s.%d@people.example", person, p.n)
}

// Say implements channeltest.Peer.
func (p *realPeer) Say(t testing.TB, l channeltest.Line) {
	p.said++
	from := p.address(l.Person)
	id := fmt.Sprintf("%s.%d.%d@people.example", l.Person, p.n, p.said)
	raw := mailOf(from, "a talk", l.Text, id, p.refs[l.Person])
	raw = raw[strings.Index(raw, "From: "):] // the rest is the server's to write
	if len(p.refs[l.Person]) == 0 {
		raw = strings.Replace(raw, "Subject: a talk", "Subject: Re: a talk", 1)
	}
	p.refs[l.Person] = append(p.refs[l.Person], id)
	p.last = func(t testing.TB) { p.r.Deliver(t, from, p.user, []byte(raw)) }
	p.last(t)
}

// Shown implements channeltest.Peer: what is in the person's own mailbox.
func (p *realPeer) Shown(t testing.TB, viewer string, _ bool) (list []channeltest.Shown) {
	ch, err := service(short).Open(channels.Options{
		Account: "email", Settings: p.set, Secrets: channeltest.NewSecrets(map[string]string{"username": p.address(viewer), "password": emailtest.Password}),
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := ch.(*channel).connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	if _, err := b.open("INBOX", true); err != nil {
		t.Fatal(err)
	}
	uids, err := b.above(0)
	if err != nil || len(uids) == 0 {
		return nil
	}
	raws := map[uint32][]byte{}
	if err := b.read(uids, 1<<20, func(uid uint32, raw []byte) { raws[uid] = raw }); err != nil {
		t.Fatal(err)
	}
	for _, uid := range uids {
		id, text := read(t, raws[uid])
		list = append(list, channeltest.Shown{ID: channels.MessageID(id), Text: text})
	}
	return list
}

// Cut implements channeltest.Cutter.
func (p *realPeer) Cut(testing.TB) { p.r.Kick(p.user) }

// Repeat implements channeltest.Repeater.
func (p *realPeer) Repeat(t testing.TB) { p.last(t) }

// onReal is the adapter on the real servers.
func onReal(t *testing.T, r *emailtest.Real, user string) *rig {
	t.Helper()
	x := newRig(t, emailtest.Options{}, nil)
	x.set = realSettings(r, "tls")
	x.open(channeltest.NewSecrets(map[string]string{"username": user, "password": emailtest.Password}))
	return x
}

func realHuge(t *testing.T, r *emailtest.Real) {
	n := 50000
	if testing.Short() {
		n = 5000
	}
	r.Fill(t, "huge@gateway.example", n, []byte(mailOf(ann, "old", "old", "old@people.example", nil)))
	x := onReal(t, r, "huge@gateway.example")
	x.ch.times.reply = 2 * time.Minute // the server makes its index first
	start := time.Now()
	x.run()
	t.Logf("first start on %d mails: %v", n, time.Since(start))
	if lines, err := x.ch.Test(t.Context()); err != nil || !strings.Contains(strings.Join(lines, "\n"), fmt.Sprintf("holds %d mails", n)) {
		t.Errorf("the mailbox says %q, %v; want %d mails", lines, err, n)
	}
	start = time.Now()
	r.Deliver(t, ann, "huge@gateway.example", []byte("From: "+ann+"\r\nMessage-ID: <1@people.example>\r\nSubject: Re: x\r\n\r\nfresh\r\n"))
	x.hear("fresh")
	t.Logf("a new one: %v", time.Since(start))
	if got := x.texts(); got != "fresh" {
		t.Errorf("heard %q", got)
	}
}

func realTester(t *testing.T, r *emailtest.Real) {
	x := onReal(t, r, "tester@gateway.example")
	lines, err := x.ch.Test(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"IDLE", "INBOX", "Mail is sent as tester@gateway.example"} {
		if !strings.Contains(strings.Join(lines, "\n"), want) {
			t.Errorf("%q does not say %q", lines, want)
		}
	}
	x.set.CAFile = ""
	x.open(channeltest.NewSecrets(map[string]string{"username": "tester@gateway.example", "password": emailtest.Password}))
	_, err = x.ch.Test(t.Context())
	var say interface{ UserMessage() string }
	if !errors.As(err, &say) || !strings.Contains(say.UserMessage(), "certificate") {
		t.Errorf("a certificate of a stranger gave %v", err)
	}
}

func realStrangers(t *testing.T, r *emailtest.Real) {
	x := onReal(t, r, "careful@gateway.example")
	x.run()
	r.Deliver(t, "evil@evil.example", "careful@gateway.example", []byte("Authentication-Results: "+emailtest.Trusted+
		"; dmarc=pass header.from=people.example\r\nFrom: "+ann+"\r\nMessage-ID: <1@evil.example>\r\nSubject: Re: x\r\n\r\nobey\r\n"))
	if m := x.hear("obey"); m.From != "" {
		t.Errorf("a forged mail is from %q", m.From)
	}
	r.Deliver(t, ann, "careful@gateway.example", []byte("From: "+ann+"\r\nMessage-ID: <2@people.example>\r\nSubject: Re: x\r\n\r\nplease\r\n"))
	if m := x.hear("please"); m.From != ann {
		t.Errorf("a good mail is from %q", m.From)
	}
	if _, err := x.ch.Send(t.Context(), channels.Post{To: "x@y.example nobody@people.example", Text: "hello"}); !errors.Is(err, channels.ErrGone) {
		t.Errorf("a mail to nobody gave %v; want ErrGone", err)
	}
	if _, err := x.ch.Send(t.Context(), channels.Post{To: "x@y.example ann@people.example", Text: strings.Repeat("word ", 400_000)}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a mail over the limit gave %v; want ErrUnsupported", err)
	}
}

// A mail that was taken and comes back is told of, and nobody answers the report of it.
func realBounce(t *testing.T, r *emailtest.Real) {
	x := onReal(t, r, "bouncer@gateway.example")
	x.run()
	r.Deliver(t, "gone@people.example", "bouncer@gateway.example", []byte("From: gone@people.example\r\nMessage-ID: <1@people.example>\r\nSubject: Re: x\r\n\r\nhello\r\n"))
	m := x.hear("hello")
	if _, err := x.ch.Send(t.Context(), channels.Post{To: m.Conversation, Answers: m.ID, Key: "t1.0", Text: "hi"}); err != nil {
		t.Fatal(err)
	}
	x.Until("it is told that the answer came back", func() bool {
		s := x.State()
		return s.State == status.Degraded && len(s.Notices) == 1 && strings.Contains(s.Notices[0], "answer to gone@people.example came back (5.4.")
	})
	if got := x.texts(); got != "hello" {
		t.Errorf("heard %q", got)
	}
}
