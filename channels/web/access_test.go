package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/login"
)

// A token never stands where it is logged or sent on: not in a path, not in a query, not in the log.
func TestLinks(t *testing.T) {
	home := t.TempDir()
	h := run(t, home, nil)
	link, err := h.NewLink()
	if err != nil {
		t.Fatal(err)
	}
	page, token, ok := strings.Cut(link, "#k=")
	if !ok || page != h.URL() || len(token) < 40 {
		t.Fatalf("the link has %d characters behind #k= of %s", len(token), page)
	}
	if again, _ := h.NewLink(); again == link {
		t.Error("two links are the same")
	}
	if resp := plain(t, "GET", page+"?k="+token, ""); resp.Header.Get("Set-Cookie") != "" {
		t.Error("a token in the query lets in")
	}
	var wins int
	var mu sync.Mutex
	var wg sync.WaitGroup
	var cookie string
	for range 8 {
		wg.Go(func() {
			resp := plain(t, "POST", h.URL()+"api/enter", `{"link":"`+token+`"}`)
			mu.Lock()
			defer mu.Unlock()
			if resp.StatusCode == 200 {
				wins++
				cookie = resp.Header.Get("Set-Cookie")
			}
		})
	}
	wg.Wait()
	if wins != 1 {
		t.Fatalf("the link let %d in; want one", wins)
	}
	for _, part := range []string{"HttpOnly", "SameSite=Strict", "Path=/s/", "Max-Age="} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie lacks %s", part)
		}
	}
	value, _, _ := strings.Cut(strings.TrimPrefix(cookie, "gateway="), ";")
	kept, err := os.ReadFile(filepath.Join(home, "web", "sessions.json"))
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range map[string]string{"log": h.log.String(), "file": string(kept)} {
		if strings.Contains(text, token) || strings.Contains(text, value) {
			t.Errorf("the %s holds a token", where)
		}
	}
}

func TestLinksExpire(t *testing.T) {
	a := newAccess("")
	now := time.Now()
	a.now = func() time.Time { return now }
	old := a.newLink(Owner)
	now = now.Add(linkLife + time.Second)
	if _, _, ok, _ := a.enter(old, ""); ok {
		t.Error("a link lets in after its time")
	}
	first := a.newLink(Owner)
	for range maxLinks {
		a.newLink(Owner)
	}
	if _, _, ok, _ := a.enter(first, ""); ok || len(a.links) != maxLinks {
		t.Errorf("there are %d links, and the oldest works: %v", len(a.links), ok)
	}
	s, cookie, ok, _ := a.enter(a.newLink(Owner), "")
	if _, in := a.check(s.ID, cookie); !ok || !in {
		t.Fatal("a session does not work")
	}
	now = now.Add(sessionLife - time.Hour)
	if _, in := a.check(s.ID, cookie); !in {
		t.Error("a session ends before its time")
	}
	now = now.Add(sessionLife - time.Hour) // a visit begins the time anew
	if _, in := a.check(s.ID, cookie); !in {
		t.Error("a session that is visited ends")
	}
	now = now.Add(sessionLife + time.Hour)
	if _, in := a.check(s.ID, cookie); in {
		t.Error("a session that nobody visited goes on")
	}
	for range maxSessions + 5 {
		now = now.Add(time.Second)
		if _, _, ok, _ := a.enter(a.newLink(Owner), ""); !ok {
			t.Fatal("a link does not work")
		}
	}
	if n := len(a.list("")); n != maxSessions {
		t.Errorf("there are %d sessions; want at most %d", n, maxSessions)
	}
}

// Who somebody is comes from the session, whatever the request says; and each has what is theirs alone.
func TestIdentity(t *testing.T) {
	h := run(t, t.TempDir(), nil)
	ann, bob := visit(t, h.Channel, "ann", "annconversation"), visit(t, h.Channel, "bob", "bobconversation")
	ann.want(t, 200, ann.do(t, "POST", ann.base+"/messages", map[string]any{
		"c": "annconversation", "id": "message-0001", "text": "hi", "from": "bob", "From": "owner", "user": "owner", "private": false,
		"files": []map[string]any{{"name": "a.txt", "data": []byte("ann's")}},
	}), nil)
	if m := h.messages()[0]; m.From != "ann" || !m.Private {
		t.Errorf("heard %+v; want it from ann, private", m)
	}
	ann.until(t, "the message is shown", func() bool { return len(ann.have) == 1 })
	file := ann.shown()[0].Files[0].ID
	id, err := h.Send(t.Context(), channels.Post{To: "annconversation", Text: "choose", Choices: []channels.Choice{{Label: "Yes", Press: "p1"}}})
	if err != nil {
		t.Fatal(err)
	}
	form := make(chan error, 1)
	go func() {
		_, err := h.Ask(t.Context(), channels.Post{To: "annconversation", Only: "ann"}, login.Step{Field: &login.Field{Name: "Key", Secret: true}})
		form <- err
	}()
	ann.until(t, "the form is shown", func() bool { return len(ann.forms) == 1 })
	formID := ann.forms[0].ID
	annSession := strings.TrimPrefix(ann.base, h.URL()+"s/")
	for what, resp := range map[string]*http.Response{
		"a message":   bob.do(t, "POST", bob.base+"/messages", said{Conversation: "annconversation", ID: "message-0001", Text: "x"}),
		"a press":     bob.do(t, "POST", bob.base+"/press", said{Conversation: "annconversation", ID: "press-0001", Message: id, Press: "p1"}),
		"a title":     bob.do(t, "PATCH", bob.base+"/conversations/annconversation", map[string]string{"title": "bob's"}),
		"a file":      bob.do(t, "GET", bob.base+"/files/annconversation/"+file, nil),
		"old ones":    bob.do(t, "GET", bob.base+"/messages?c=annconversation&before=99", nil),
		"a form":      bob.do(t, "POST", bob.base+"/forms/"+formID, map[string]string{"answer": "bob's"}),
		"a deletion":  bob.do(t, "DELETE", bob.base+"/conversations/annconversation", nil),
		"her session": bob.do(t, "DELETE", bob.base+"/sessions/"+annSession, nil),
	} {
		text := body(t, resp)
		_ = resp.Body.Close()
		if resp.StatusCode == 200 && what != "a deletion" && what != "her session" {
			t.Errorf("%s of another person's gave 200: %s", what, text)
		}
	}
	ann.want(t, 200, ann.do(t, "GET", ann.base+"/files/annconversation/"+file, nil), nil)
	if n := len(h.messages()); n != 1 {
		t.Errorf("%d messages were heard; want ann's alone", n)
	}
	if resp := bob.do(t, "GET", bob.base+"/sessions", nil); strings.Contains(body(t, resp), annSession) {
		t.Error("bob's list names ann's session")
	}
	ann.want(t, 200, ann.do(t, "POST", ann.base+"/forms/"+formID, map[string]bool{"cancel": true}), nil)
	if err := <-form; !errors.Is(err, login.ErrCanceled) {
		t.Errorf("Ask gave %v; want ErrCanceled", err)
	}
	if _, err := h.Ask(t.Context(), channels.Post{To: "annconversation", Only: "bob"}, login.Step{Field: &login.Field{}}); err == nil {
		t.Error("bob was asked in ann's conversation")
	}
}

// Sessions outlive the gateway, and end when they are ended, with their streams.
func TestSessions(t *testing.T) {
	home := t.TempDir()
	h := run(t, home, nil)
	v := visit(t, h.Channel, Owner, "conversation1")
	addr := h.Addr()
	v.say(t, "before")
	h.stop()
	again := run(t, home, func(s *Settings) { s.Listen = addr })
	v.page = again.Channel
	v.tr.CloseIdleConnections() // of the gateway that is gone
	v.say(t, "after")
	v.until(t, "both are shown", func() bool { return len(v.have) == 2 })
	list := again.Sessions()
	if len(list) != 1 {
		t.Fatalf("there are %d sessions; want 1", len(list))
	}
	if err := again.Revoke(list[0].ID); err != nil {
		t.Fatal(err)
	}
	v.until(t, "its stream ends and opens no more", func() bool { return v.shut })
	resp := v.do(t, "GET", v.base+"/session", nil)
	if _ = resp.Body.Close(); resp.StatusCode != 401 {
		t.Errorf("after Revoke a request gave %d; want 401", resp.StatusCode)
	}
	if _, err := again.Send(t.Context(), channels.Post{To: v.conv, Text: "not for them"}); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(v.shown(), func(m shown) bool { return m.Text == "not for them" }) {
		t.Error("a stream goes on after Revoke")
	}
	var f accessFile
	data, err := os.ReadFile(filepath.Join(home, "web", "sessions.json"))
	if err != nil || json.Unmarshal(data, &f) != nil || len(f.Sessions) != 0 {
		t.Errorf("the file holds %s (%v); want no session", data, err)
	}
}

// A file of sessions that cannot be read is left as it is, and said.
func TestUnreadableSessions(t *testing.T) {
	home := t.TempDir()
	path := filepath.Join(home, "web", "sessions.json")
	if err := writeOwn(path, []byte("{broken")); err != nil {
		t.Fatal(err)
	}
	c, err := open(channels.Options{Settings: &Settings{Listen: "127.0.0.1:0", Home: home}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "sessions.json") {
		t.Errorf("Run gave %v; want a sentence that names the file", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "{broken" {
		t.Errorf("the file is %q now (%v)", data, err)
	}
}
