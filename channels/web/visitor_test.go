package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/channels"
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
