package email

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/email/emailtest"
)

// pipe passes bytes on to a server until it is told to be silent.
type pipe struct {
	port int
	mu   sync.Mutex
	mute bool       // guarded by mu
	open []net.Conn // guarded by mu
}

func newPipe(t *testing.T, to int) *pipe {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &pipe{port: l.Addr().(*net.TCPAddr).Port}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", to))
			if err != nil {
				_ = c.Close()
				continue
			}
			p.mu.Lock()
			p.mute = false // a new connection works
			p.open = append(p.open, c, up)
			p.mu.Unlock()
			wg.Go(func() { p.pass(up, c) })
			wg.Go(func() { p.pass(c, up) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for _, c := range p.open {
			_ = c.Close()
		}
		p.mu.Unlock()
		wg.Wait()
	})
	return p
}

func (p *pipe) pass(to, from net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		mute := p.mute
		p.mu.Unlock()
		if err != nil {
			_ = to.Close()
			return
		}
		if !mute {
			_, _ = to.Write(buf[:n])
		}
	}
}

func (p *pipe) silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = true
}

// A connection that is silent without being closed is given up within a slice of IDLE and the time for an answer.
func TestSilentSocket(t *testing.T) {
	t.Parallel()
	for _, o := range []emailtest.Options{{}, {NoIdle: true}} {
		var p *pipe
		r := newRig(t, o, nil)
		p = newPipe(t, r.s.IMAP)
		r.set.IMAPPort = p.port
		r.open(channeltest.NewSecrets(good))
		r.ch.times.slice, r.ch.times.reply = 300*time.Millisecond, 300*time.Millisecond
		r.run()
		r.put(ann, "x", "before", "m1@people.example")
		r.hear("before")
		p.silence()
		r.put(ann, "x", "after the silence", "m2@people.example")
		r.hear("after the silence")
		r.Stop()
	}
}

// answers is a server that says one line to each line, and no more.
func answers(t *testing.T, greeting string, say func(line string) string) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wg.Go(func() {
				_, _ = io.WriteString(c, greeting)
				for s := bufio.NewScanner(c); s.Scan(); {
					if out := say(s.Text()); out != "" {
						_, _ = io.WriteString(c, out)
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return l.Addr().(*net.TCPAddr).Port
}

func TestHostileServers(t *testing.T) {
	t.Parallel()
	r := newRig(t, emailtest.Options{}, nil)
	short := func() {
		r.open(channeltest.NewSecrets(good))
		r.ch.times = times{reply: 200 * time.Millisecond, slice: 200 * time.Millisecond, tick: 10 * time.Millisecond, dial: time.Second}
	}
	tag := func(line, rest string) string { return strings.SplitN(line, " ", 2)[0] + " " + rest + "\r\n" }
	caps := "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello\r\n"
	for name, tt := range map[string]struct {
		greeting string
		say      func(string) string
		want     error // nil: any that is worth another try
	}{
		"says nothing":        {"", func(string) string { return "" }, nil},
		"says goodbye":        {"* BYE too many connections\r\n", func(string) string { return "" }, nil},
		"greets and is mute":  {caps, func(string) string { return "" }, nil},
		"is no mail server":   {"HTTP/1.1 400 Bad Request\r\n\r\n", func(string) string { return "" }, nil},
		"tells the password":  {caps, func(l string) string { return tag(l, "NO [AUTHENTICATIONFAILED] not "+emailtest.Password+"!") }, channels.ErrRejected},
		"tells it encoded":    {caps, func(l string) string { return tag(l, "NO you said "+l) }, channels.ErrRejected},
		"is down for a while": {caps, func(l string) string { return tag(l, "NO [UNAVAILABLE] later, "+emailtest.Password) }, nil},
		"echoes all":          {caps, func(l string) string { return l + "\r\n" }, nil},
	} {
		r.set.IMAPPort = answers(t, tt.greeting, tt.say)
		short()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		err := r.ch.Run(ctx, r.Handle)
		if ctx.Err() != nil || err == nil {
			t.Errorf("%s: Run gave %v after all the time there was", name, err)
		}
		cancel()
		if rejected := errors.Is(err, channels.ErrRejected); rejected != (tt.want != nil) || errors.Is(err, channels.ErrSetup) {
			t.Errorf("%s: Run gave %v; want %v", name, err, tt.want)
		}
		if err != nil && (strings.Contains(err.Error(), emailtest.Password) || strings.Contains(err.Error(), "RkFLRS1tYWls")) {
			t.Errorf("%s: the error tells the password: %v", name, err)
		}
	}
	smtpCaps := func(l string) string {
		if strings.HasPrefix(l, "EHLO") {
			return "250-x\r\n250 AUTH PLAIN\r\n"
		}
		return ""
	}
	for name, tt := range map[string]struct {
		greeting string
		say      func(string) string
		want     error
	}{
		"says nothing":       {"", func(string) string { return "" }, nil},
		"greets and is mute": {"220 x\r\n", func(string) string { return "" }, nil},
		"mute at AUTH":       {"220 x\r\n", smtpCaps, nil},
		"tells the password": {"220 x\r\n", func(l string) string { return orElse(smtpCaps(l), "535 5.7.8 not "+emailtest.Password+" "+l+"\r\n") }, channels.ErrRejected},
	} {
		r.set.SMTPPort = answers(t, tt.greeting, tt.say)
		short()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := r.ch.Send(ctx, channels.Post{To: "m@x.example " + ann, Text: "hello"})
		if err == nil || ctx.Err() != nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("SMTP %s: Send gave %v; want %v", name, err, tt.want)
		}
		cancel()
		if err != nil && (strings.Contains(err.Error(), emailtest.Password) || strings.Contains(err.Error(), "RkFLRS1tYWls")) {
			t.Errorf("SMTP %s: the error tells the password: %v", name, err)
		}
	}
}

// A connection that is to be encrypted gets no password before it is, and nothing that was slipped in before the encryption
// counts as the server's.
func TestStartTLSOrNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, emailtest.Options{}, nil)
	port, ca := r.s.StartTLS(t, "")
	slippery, slipperyCA := r.s.StartTLS(t, "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n")
	said := make(chan string, 100)
	refusing := func(greeting, answer string) int {
		return answers(t, greeting, func(line string) string {
			said <- line
			return strings.Replace(answer, "TAG", strings.Fields(line + " x")[0], 1)
		})
	}
	const hello = "* OK hello\r\n"
	for name, tt := range map[string]struct {
		port int
		ca   string
		want error // nil: any
		say  string
	}{
		"works":        {port, ca, nil, ""},
		"a stranger's": {port, "", nil, "certificate of the mail server is not trusted"},
		"slipped in":   {slippery, slipperyCA, nil, ""},
		"refused":      {refusing(hello, "TAG NO never\r\n"), ca, channels.ErrSetup, "imap_tls: tls"},
		"unknown":      {refusing(hello, "TAG BAD what\r\n"), ca, channels.ErrSetup, "imap_tls: tls"},
		"knows us":     {refusing("* PREAUTH come in\r\n", "TAG OK done\r\n"), ca, nil, ""},
		"goodbye":      {refusing("* BYE not now\r\n", ""), ca, nil, ""},
		"babbles":      {refusing(hello, strings.Repeat("* OK still\r\n", 100)), ca, nil, ""},
		"one line":     {refusing("* OK "+strings.Repeat("x", 10_000), ""), ca, nil, ""},
	} {
		r.set.IMAPTLS, r.set.IMAPPort, r.set.CAFile = "starttls", tt.port, tt.ca
		r.open(channeltest.NewSecrets(good))
		r.ch.times.reply = 5 * time.Second
		b, err := r.ch.connect(t.Context())
		if err == nil {
			b.close()
		}
		var f *failure
		if (err == nil) != (name == "works") || tt.want != nil && !errors.Is(err, tt.want) || tt.say != "" && !(errors.As(err, &f) && strings.Contains(f.say, tt.say)) {
			t.Errorf("%s: connect gave %v", name, err)
		}
	}
	for len(said) > 0 {
		if line := <-said; !strings.HasSuffix(line, " STARTTLS") {
			t.Errorf("the bot said %q before the encryption", line)
		}
	}
}
