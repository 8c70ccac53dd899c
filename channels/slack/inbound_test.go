package slack

import (
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/slack/slacktest"
)

func TestThreads(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	ch := b.s.Channel
	b.s.Say(slacktest.Said{Person: "ann", Channel: ch, Text: "nobody asked"})
	first := b.s.Say(slacktest.Said{Person: "ann", Channel: ch, Text: at("begin")})
	m := b.Heard("begin")
	if m.Conversation != conversation(ch, first) || !slices.Equal(m.Places, []channels.PlaceID{slacktest.Team, channels.PlaceID(ch)}) || m.FromName != "ann" {
		t.Errorf("the mention: %+v", m)
	}
	b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "here"})
	if s := b.shows("bob", ch); s.Thread != first {
		t.Errorf("the answer is not in the thread: %+v", s)
	}
	b.s.Say(slacktest.Said{Person: "bob", Channel: ch, Thread: first, Text: "goes on"})
	if f := b.Heard("goes on"); !f.Addressed || f.Conversation != m.Conversation {
		t.Errorf("a follow-up: %+v", f)
	}
	b.s.Say(slacktest.Said{Person: "bob", Channel: ch, Thread: first, Text: "<@" + b.s.Person("ann") + "> what do you think"})
	other := b.s.Say(slacktest.Said{Person: "bob", Channel: ch, Text: "a thread of people"})
	b.s.Say(slacktest.Said{Person: "ann", Channel: ch, Thread: other, Text: "among ourselves"})
	b.s.Say(slacktest.Said{Person: "ann", Channel: ch, Thread: first, Text: "!model openai/x"})
	b.Heard("/model openai/x")
	b.s.Say(slacktest.Said{Person: "ann", Channel: ch, Thread: first, Text: "!wow"})
	b.Heard("!wow")
	b.settled()
	if got := b.Texts(); !slices.Equal(got, []string{"begin", "goes on", "/model openai/x", "!wow"}) {
		t.Errorf("heard %q", got)
	}

	b.Stop() // another process knows what threads it spoke in only from Slack
	b.open(nil)
	b.start()
	b.s.Say(slacktest.Said{Person: "bob", Channel: ch, Thread: first, Text: "after the restart"})
	b.Heard("after the restart")
	b.s.Say(slacktest.Said{Person: "bob", Channel: ch, Thread: other, Text: "still among ourselves"})
	b.settled()
	if n := b.s.Calls("conversations.replies"); slices.Contains(b.Texts(), "still among ourselves") || n > 4 {
		t.Errorf("heard %q, threads were read %d times", b.Texts(), n)
	}
}

func TestMentionTwice(t *testing.T) {
	t.Parallel()
	for _, twice := range []bool{false, true} {
		b := newBot(t, slacktest.Options{}, nil).start()
		for n := range 20 {
			b.s.Say(slacktest.Said{Person: "ann", Channel: b.s.Channel, Text: at("hello " + strings.Repeat("x", n)), Twice: twice})
		}
		b.Heard("hello " + strings.Repeat("x", 19))
		b.settled()
		if got := b.Texts(); len(got) != 20 {
			t.Errorf("heard %d of 20: %q", len(got), got)
		}
		for _, m := range b.Messages() {
			if !m.Addressed {
				t.Errorf("not addressed: %+v", m)
			}
		}
	}
}

func TestWhatIsHeard(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	group := b.s.NewChannel("mpim", "ann", "bob")
	b.s.Say(slacktest.Said{Person: "ann", Channel: group, Text: at("in the group")})
	if m := b.Heard("in the group"); m.Private || !slices.Contains(m.Places, channels.PlaceID(group)) {
		t.Errorf("a group direct message: %+v", m)
	}
	ts := b.s.Say(slacktest.Said{Person: "ann", Text: "see <https://a.example/x?a=1&amp;b=2> and <mailto:a@b.example|a@b.example> in <#C1|general> &lt;3"})
	b.Heard("see https://a.example/x?a=1&b=2 and a@b.example in #general <3")
	b.s.Change("ann", "", ts, "rather this")
	if m := b.Heard("rather this"); !m.Edited || m.ID != messageID(b.s.Direct("ann"), ts) {
		t.Errorf("an edit: %+v", m)
	}
	b.s.Event(map[string]any{"type": "message", "channel": b.s.Channel, "channel_type": "channel", "user": "U0OTHER", "bot_id": "B1", "text": at("I am a bot"), "ts": "1.000001"})
	b.s.Event(map[string]any{"type": "message", "channel": map[string]any{"odd": true}, "text": 5})
	b.s.Event(map[string]any{"type": "of the future", "channel": []int{1}})
	b.s.Raw(map[string]any{"type": "of the future"})
	b.s.Raw("a text")
	b.s.Event(map[string]any{"type": "message", "channel": b.s.Direct("ann"), "channel_type": "im", "user": b.s.Person("ann"), "text": "", "ts": "1700000000.000001",
		"attachments": []any{map[string]any{"is_share": true, "author_name": "Bob", "text": "/logout"}, map[string]any{"from_url": "https://a.example", "text": "a link"}}})
	if m := b.Heard(""); len(m.Attachments) != 1 || m.Attachments[0].Name != "a shared message, by Bob" || string(m.Attachments[0].Data) != "/logout" {
		t.Errorf("a shared message: %+v", m)
	}
	b.s.Say(slacktest.Said{Person: "ann", Text: "last"})
	b.Heard("last")
	b.settled()
	if n := len(b.Texts()); n != 5 {
		t.Errorf("heard %q", b.Texts())
	}
}

// redirects leads every request elsewhere, and counts those that get there.
type redirects struct{ there int }

func (r *redirects) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host == "elsewhere.example" {
		r.there++
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
	}
	return &http.Response{StatusCode: http.StatusFound, Header: http.Header{"Location": {"https://elsewhere.example/x"}}, Body: http.NoBody, Request: req}, nil
}

// TestFilesAreNotFetchedElsewhere: a redirect from Slack's host is not followed, for it may lead anywhere.
func TestFilesAreNotFetchedElsewhere(t *testing.T) {
	b := newBot(t, slacktest.Options{}, nil)
	r := &redirects{}
	b.c.http.Transport = r
	if _, err := b.c.download(t.Context(), "https://files.slack.com/x", "image/png"); err == nil || r.there > 0 {
		t.Errorf("err %v, %d requests elsewhere", err, r.there)
	}
}

// page answers everything with a web page, and counts.
type page struct{ asked int }

// RoundTrip implements http.RoundTripper.
func (p *page) RoundTrip(req *http.Request) (*http.Response, error) {
	p.asked++
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		Body: io.NopCloser(strings.NewReader("<html>Sign in</html>")), Request: req}, nil
}

// TestFilesAtOtherPlaces: Slack's page to sign in at is no file, unless a page was asked for; and no file is sent elsewhere.
func TestFilesAtOtherPlaces(t *testing.T) {
	b := newBot(t, slacktest.Options{}, nil)
	p := &page{}
	b.c.http.Transport = p
	if _, err := b.c.download(t.Context(), "https://files.slack.com/x", "image/png"); !errors.Is(err, channels.ErrSetup) || !strings.Contains(sentence(err), "files:read") {
		t.Errorf("in place of a picture: %v", err)
	}
	if r, err := b.c.download(t.Context(), "https://files.slack.com/x", "text/html"); err != nil || r.Close() != nil {
		t.Errorf("a page: %v", err)
	}
	for _, address := range []string{"https://slack.com.evil.example/up", "http://files.slack.com/up", "https://files.slack.com:8443/up", "https://me@files.slack.com/up", "::"} {
		if err := b.c.put(t.Context(), address, []byte("x")); err == nil || p.asked != 2 {
			t.Errorf("sent to %s: %v, %d requests", address, err, p.asked-2)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, func(s *Settings, _ *times) { s.AttachmentLimit = 1 }).start()
	b.s.Say(slacktest.Said{Person: "ann", Text: "look", Files: []slacktest.File{{Name: "a.png", Type: "image/png", Data: []byte("png")},
		{Name: "b.bin", Type: "application/octet-stream", Data: make([]byte, 1<<20+1)}}})
	m := b.Heard("look")
	if len(m.Attachments) != 2 || m.Attachments[0].Ref == "" || m.Attachments[1].Ref != "" || m.Attachments[1].Note == "" {
		t.Fatalf("attachments: %+v", m.Attachments)
	}
	ref := m.Attachments[0].Ref
	r, err := b.c.Fetch(t.Context(), m.Conversation, ref)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if string(data) != "png" || err != nil {
		t.Errorf("read %q, %v", data, err)
	}
	b.settled()
	b.c.set.AttachmentLimit = 0
	if _, err := b.c.Fetch(t.Context(), m.Conversation, ref); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a file that has become too large: %v", err)
	}
	b.c.set.AttachmentLimit = 1
	b.s.MoveFile(ref, "https://files.slack.com.evil.example/x")
	if _, err := b.c.Fetch(t.Context(), m.Conversation, ref); err == nil || !strings.Contains(err.Error(), "host of Slack's") {
		t.Errorf("a file on a host that is not Slack's: %v", err)
	}
	b.s.SetScopes("chat:write")
	if _, err := b.c.Fetch(t.Context(), m.Conversation, ref); err == nil || !strings.Contains(err.Error(), "files:read") {
		t.Errorf("without files:read: %v", err)
	}
	b.s.SetScopes(slacktest.Scopes)
	if _, err := b.c.Upload(t.Context(), channels.Post{To: m.Conversation}, []channels.File{{Name: "empty.txt"}}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("an empty file: %v", err)
	}
	if _, err := b.c.Upload(t.Context(), channels.Post{To: m.Conversation, Text: "two"}, []channels.File{{Name: "x.txt", Data: []byte("x")}, {Name: "y.txt", Data: []byte("y")}}); err != nil {
		t.Fatal(err)
	}
	s := b.s.See("ann", "")
	if len(s) != 2 || s[0].Text != "two" || !slices.Equal(s[1].Files, []string{"x.txt=x", "y.txt=y"}) {
		t.Errorf("shown: %+v", s)
	}
}

func TestNotKeptNotAcknowledged(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{Redeliver: 50 * time.Millisecond}, nil)
	b.Refuse(-1)
	b.start()
	b.s.Say(slacktest.Said{Person: "ann", Text: "one"})
	b.s.Say(slacktest.Said{Person: "ann", Text: "two"})
	b.Until("the handler refused", func() bool { return b.Calls() > 3 })
	if n := b.s.Unacked(); n != 2 {
		t.Errorf("%d envelopes wait, want 2: what is not kept was acknowledged", n)
	}
	b.Stop() // as if the program were killed: another one takes them
	b.open(nil)
	b.Refuse(0)
	b.start()
	b.Heard("two")
	b.settled()
	if got := b.Texts(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("heard %q", got)
	}
}

// TestFlood: what is said under lost acknowledgements, cuts, swaps and shuffles is answered once.
func TestFlood(t *testing.T) {
	t.Parallel()
	most := 500
	if os.Getenv("GATEWAY_SOAK") != "" {
		most = 10_000
	}
	b := newBot(t, slacktest.Options{Redeliver: 300 * time.Millisecond}, nil)
	answers := make(chan channels.Message, most)
	b.OnMessage = func(m channels.Message) { answers <- m }
	b.start()
	done := make(chan struct{})
	go func() { // ends with the answers; the test waits for it
		defer close(done)
		for range most {
			select {
			case m := <-answers:
				if _, err := b.c.Send(t.Context(), channels.Post{To: m.Conversation, Answers: m.ID, Key: string("k" + m.ID[len(m.ID)-6:]), Text: "re " + m.Text}); err != nil {
					t.Errorf("Send: %v", err)
				}
			case <-time.After(60 * time.Second):
				t.Error("no more messages")
				return
			}
		}
	}()
	people := []string{"ann", "bob", "cleo", "dan"}
	for n := range most {
		b.s.Say(slacktest.Said{Person: people[n%4], Text: "m" + strings.Repeat("0", 5-len(itoa(n))) + itoa(n)})
		switch n % 500 {
		case 100:
			b.s.LoseAcks(20)
		case 200:
			b.s.Cut()
		case 300:
			b.s.Hold(true, true)
		case 330:
			b.s.Hold(false, true)
		case 400:
			b.s.Disconnect("refresh_requested")
		case 450:
			b.s.Lose("chat.postMessage", 2)
			b.s.Fail("chat.postMessage", 503, 1)
		}
		for n%100 == 50 && b.s.Unacked() > 400 { // people wait too
			<-time.After(5 * time.Millisecond)
		}
	}
	<-done
	b.settled()
	shown := map[string]int{}
	for _, p := range people {
		for _, m := range b.s.See(p, "") {
			shown[m.Text]++
		}
	}
	for text, n := range shown {
		if n != 1 {
			t.Errorf("%q is shown %d times", text, n)
		}
	}
	if len(shown) != most {
		t.Errorf("%d of %d are answered", len(shown), most)
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

// TestMerge: what is told as a message and as a mention is taken as it says more, whichever comes first.
func TestMerge(t *testing.T) {
	plain, mention := channels.Message{ID: "1"}, channels.Message{ID: "1", Addressed: true}
	files := channels.Message{ID: "1", Attachments: []channels.Attachment{{Name: "x"}}}
	edit := channels.Message{ID: "1", Edited: true}
	for _, c := range []struct {
		in   []channels.Message
		want int
	}{{[]channels.Message{plain, mention}, 1}, {[]channels.Message{plain, files}, 1}, {[]channels.Message{mention, plain}, 0}, {[]channels.Message{files, plain}, 0}} {
		if got := merge(c.in[:1:1], c.in[1]); len(got) != 1 || got[0].Addressed != c.in[c.want].Addressed || len(got[0].Attachments) != len(c.in[c.want].Attachments) {
			t.Errorf("of %+v remains %+v", c.in, got)
		}
	}
	if got := merge([]channels.Message{plain, edit}, edit); len(got) != 3 {
		t.Errorf("of an edit remains %+v", got)
	}
}
