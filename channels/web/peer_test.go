package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
)

// visitor is a browser: it comes in by a link, keeps its cookie, holds the stream open and keeps what the stream says.
type visitor struct {
	user   channels.UserID
	conv   channels.ConversationID
	page   *Channel
	base   string
	client *http.Client
	tr     *http.Transport
	n      int
	last   said

	mu     sync.Mutex
	boot   string                                // guarded by mu: the last event's id
	have   map[channels.MessageID]shown          // guarded by mu
	forms  []shownForm                           // guarded by mu
	talks  map[channels.ConversationID]shownTalk // guarded by mu
	shut   bool                                  // guarded by mu: the stream was refused
	events int                                   // guarded by mu
	cut    context.CancelFunc                    // guarded by mu
	news   chan struct{}
	done   chan struct{}
	stop   context.CancelFunc
}

// visit lets a browser in and opens the stream.
func visit(t testing.TB, c *Channel, user channels.UserID, conv channels.ConversationID) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{
		user: user, conv: conv, page: c, tr: &http.Transport{}, have: map[channels.MessageID]shown{},
		talks: map[channels.ConversationID]shownTalk{}, news: make(chan struct{}, 1), done: make(chan struct{}),
	}
	v.client = &http.Client{Transport: v.tr, Jar: jar}
	var in struct{ Session string }
	v.want(t, 200, v.do(t, "POST", strings.TrimSuffix(c.URL(), "/")+"/api/enter", map[string]string{"link": c.access.newLink(user)}), &in)
	v.base = c.URL() + "s/" + in.Session
	ctx, cancel := context.WithCancel(context.Background())
	v.stop = cancel
	go v.listen(ctx)
	t.Cleanup(func() { cancel(); <-v.done; v.tr.CloseIdleConnections() })
	v.until(t, "the stream is open", func() bool { return v.events > 0 })
	return v
}

// do sends a request as the page's scripts do.
func (v *visitor) do(t testing.TB, method, url string, body any) *http.Response {
	t.Helper()
	var b bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&b).Encode(body); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, &b)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", strings.TrimSuffix(v.page.URL(), "/"))
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header["Idempotency-Key"] = nil // not sent: asks the client to repeat it where an idle connection had ended, as browsers do
	resp, err := v.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// want reads an answer and checks its status.
func (v *visitor) want(t testing.TB, code int, resp *http.Response, into any) string {
	t.Helper()
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != code {
		t.Fatalf("%s %s gave %s: %s; want %d", resp.Request.Method, resp.Request.URL.Path, resp.Status, data, code)
	}
	if into != nil {
		if err := json.Unmarshal(data, into); err != nil {
			t.Fatalf("%v in %s", err, data)
		}
	}
	return string(data)
}

// send sends a message, again until it is taken, as the page does.
func (v *visitor) send(t testing.TB, in said) {
	t.Helper()
	v.last = in
	for range 20 {
		resp := v.do(t, "POST", v.base+"/messages", in)
		if resp.StatusCode == http.StatusServiceUnavailable {
			_ = resp.Body.Close()
			continue
		}
		v.want(t, 200, resp, nil)
		return
	}
	t.Fatal("the message was never taken")
}

func (v *visitor) say(t testing.TB, text string) channels.MessageID {
	t.Helper()
	v.n++
	in := said{Conversation: v.conv, ID: fmt.Sprintf("message-%04d", v.n), Text: text}
	v.send(t, in)
	return in.message()
}

// listen is the browser's EventSource: it connects again, and says what it saw last.
func (v *visitor) listen(ctx context.Context) {
	defer close(v.done)
	for ctx.Err() == nil {
		one, cancel := context.WithCancel(ctx)
		v.mu.Lock()
		v.cut = cancel
		last := v.boot
		v.mu.Unlock()
		v.stream(one, last)
		cancel()
		if ctx.Err() == nil {
			<-time.After(5 * time.Millisecond)
		}
	}
}

func (v *visitor) stream(ctx context.Context, last string) {
	req, err := http.NewRequestWithContext(ctx, "GET", v.base+"/events?c="+string(v.conv), nil)
	if err != nil {
		return
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := v.client.Do(req)
	if err != nil {
		return
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != 200 {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.shut = true
		select {
		case v.news <- struct{}{}:
		default:
		}
		return
	}
	sc := bufio.NewScanner(resp.Body)
	sc.Buffer(nil, 64<<20)
	var id, event string
	for sc.Scan() {
		name, value, _ := strings.Cut(sc.Text(), ": ")
		switch name {
		case "id":
			id = value
		case "event":
			event = value
		case "data":
			if event == "change" {
				v.take(id, value)
			}
		}
	}
}

func (v *visitor) take(id, data string) {
	var c change
	if json.Unmarshal([]byte(data), &c) != nil {
		panic("the stream sent " + data)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.boot = id
	v.events++
	if c.Whole {
		clear(v.have)
	}
	for _, m := range c.Messages {
		v.have[m.ID] = m
	}
	for _, id := range c.Removed {
		delete(v.have, id)
	}
	if c.Forms != nil {
		v.forms = *c.Forms
	}
	if c.List {
		clear(v.talks)
	}
	for _, t := range c.Talks {
		v.talks[t.ID] = t
	}
	for _, t := range c.Deleted {
		delete(v.talks, t)
	}
	select {
	case v.news <- struct{}{}:
	default:
	}
}

// until waits for a condition, which is called with the lock held.
func (v *visitor) until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		v.mu.Lock()
		ok := cond()
		v.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-v.news:
		case <-deadline:
			t.Fatalf("waited in vain until %s; have %+v", what, v.shown())
		}
	}
}

// shown gives the messages in order.
func (v *visitor) shown() (out []shown) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, m := range v.have {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b shown) int { return a.N - b.N })
	return out
}

// peer is the page as package channeltest drives it.
type peer struct {
	page   *Channel
	people map[string]*visitor
	last   *visitor
}

func (p *peer) person(t testing.TB, name string) *visitor {
	t.Helper()
	if p.people[name] == nil {
		<-p.page.Ready()
		p.people[name] = visit(t, p.page, channels.UserID(name), channels.ConversationID(name+"conversation"))
	}
	return p.people[name]
}

func (p *peer) Say(t testing.TB, l channeltest.Line) {
	p.last = p.person(t, l.Person)
	p.last.say(t, l.Text)
}

func (p *peer) Shown(t testing.TB, viewer string, _ bool) (out []channeltest.Shown) {
	for _, m := range p.person(t, viewer).shown() {
		if m.Mine {
			continue
		}
		s := channeltest.Shown{ID: m.ID, Text: m.Text}
		for _, c := range m.Choices {
			s.Buttons = append(s.Buttons, c.Label)
		}
		out = append(out, s)
	}
	return out
}

func (p *peer) Cut(testing.TB) {
	for _, v := range p.people {
		v.mu.Lock()
		v.cut()
		v.mu.Unlock()
		v.tr.CloseIdleConnections()
	}
}

func (p *peer) Press(t testing.TB, person string, _ bool, s channeltest.Shown, label string) {
	v := p.person(t, person)
	v.mu.Lock()
	m := v.have[s.ID]
	v.mu.Unlock()
	i := slices.IndexFunc(m.Choices, func(c choice) bool { return c.Label == label })
	v.want(t, 200, v.do(t, "POST", v.base+"/press", said{Conversation: v.conv, ID: "press-0001", Message: s.ID, Press: m.Choices[i].Press}), nil)
}

func (p *peer) Repeat(t testing.TB) { p.last.send(t, p.last.last) }

func (p *peer) Exists(t testing.TB, id channels.MessageID) bool {
	for _, v := range p.people {
		if err := v.page.book.hold(v.page.book.talks[v.conv]); err != nil {
			t.Fatal(err)
		}
		_, ok := v.page.book.talks[v.conv].byID[id]
		v.page.book.mu.Unlock()
		if ok {
			return true
		}
	}
	return false
}

func (p *peer) Fill(t testing.TB, person, answer string) {
	v := p.person(t, person)
	v.until(t, "the form is shown", func() bool { return len(v.forms) == 1 })
	v.mu.Lock()
	id := v.forms[0].ID
	v.mu.Unlock()
	resp := v.do(t, "POST", v.base+"/forms/"+id, map[string]string{"answer": answer})
	_ = resp.Body.Close()
	if resp.StatusCode != 200 && resp.StatusCode != http.StatusUnprocessableEntity {
		t.Fatalf("the form gave %s", resp.Status)
	}
}

func TestChannel(t *testing.T) {
	channeltest.Run(t, func(t *testing.T) channeltest.Harness {
		p := &peer{people: map[string]*visitor{}}
		s := Service
		s.Open = func(o channels.Options) (channels.Channel, error) {
			c, err := open(o)
			if err == nil {
				p.page = c.(*Channel)
			}
			return c, err
		}
		return channeltest.Harness{
			Service: s, Settings: &Settings{Listen: "127.0.0.1:0", Home: t.TempDir()}, Peer: p,
			Without: []string{channeltest.Groups, channeltest.LimitsOf, channeltest.Onlys, channeltest.Rejects},
		}
	})
}

// hall is a page that runs in a test, with a scripted core.
type hall struct {
	*Channel
	t    *testing.T
	home string
	log  *bytes.Buffer
	stop func()

	mu  sync.Mutex
	got []channels.Message           // guarded by mu
	say func(channels.Message) error // guarded by mu: what the core does with a message
}

// run starts a page; change may change its settings, adjust the channel.
func run(t *testing.T, home string, change func(*Settings), adjust ...func(*Channel)) *hall {
	t.Helper()
	h := &hall{t: t, home: home, log: new(bytes.Buffer)}
	set := &Settings{Listen: "127.0.0.1:0", Home: home}
	if change != nil {
		change(set)
	}
	c, err := open(channels.Options{Account: "web", Settings: set, Log: slog.New(slog.NewTextHandler(&lockedWriter{w: h.log}, nil))})
	if err != nil {
		t.Fatal(err)
	}
	h.Channel = c.(*Channel)
	for _, f := range adjust {
		f(h.Channel)
	}
	h.start()
	return h
}

func (h *hall) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx, h.handle) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("Run: %v", err)
		}
	})
	h.t.Cleanup(func() { h.stop() })
	select {
	case <-h.Ready():
	case err := <-done:
		h.t.Fatalf("Run: %v", err)
	}
}

func (h *hall) handle(_ context.Context, b channels.Batch) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range b.Messages {
		if h.say != nil {
			if err := h.say(m); err != nil {
				return err
			}
		}
		h.got = append(h.got, m)
	}
	return nil
}

func (h *hall) messages() []channels.Message {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.got)
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer // guarded by mu
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
