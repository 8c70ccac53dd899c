package web

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"chatgateway/channels"
)

// A button works on the message that bears it, while it does, for whom it is shown to.
func TestDeadButtons(t *testing.T) {
	h := run(t, "", nil)
	v := visit(t, h.Channel, Owner, "conversation1")
	v.say(t, "hello")
	post := channels.Post{To: v.conv, Text: "choose", Choices: []channels.Choice{{Label: "Yes", Press: "p1"}, {Label: "Page", URL: "https://example.org/"}}}
	id, err := h.Send(t.Context(), post)
	if err != nil {
		t.Fatal(err)
	}
	press := func(n int, p channels.PressID, on channels.MessageID) int {
		resp := v.do(t, "POST", v.base+"/press", said{Conversation: v.conv, ID: fmt.Sprintf("press-%04d", n), Press: p, Message: on})
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	for i, c := range []struct {
		p  channels.PressID
		on channels.MessageID
	}{{"p2", id}, {"", id}, {"p1", "another"}, {"p1", ""}} {
		if code := press(i, c.p, c.on); code != 409 {
			t.Errorf("%q on %q gave %d; want 409", c.p, c.on, code)
		}
	}
	if code := press(10, "p1", id); code != 200 {
		t.Errorf("the button gave %d; want 200", code)
	}
	if err := h.Edit(t.Context(), id, channels.Post{To: v.conv, Text: "chosen"}); err != nil {
		t.Fatal(err)
	}
	if code := press(11, "p1", id); code != 409 {
		t.Errorf("a button that is gone gave %d; want 409", code)
	}
	if n := len(h.messages()); n != 2 {
		t.Errorf("%d messages were heard; want the text and one press", n)
	}
	for _, bad := range []string{"javascript:alert(1)", "data:text/html,x", "//evil.example", "ftp://x/", "\x01https://x"} {
		if got := webURL(bad); got != "" {
			t.Errorf("a button leads to %q", got)
		}
	}
}

// What is too large is refused before it is held.
func TestBounds(t *testing.T) {
	h := run(t, "", nil)
	v := visit(t, h.Channel, Owner, "conversation1")
	files := func(n, size int) (out []upload) {
		for range n {
			out = append(out, upload{Name: "x", Data: make([]byte, size)})
		}
		return out
	}
	for what, in := range map[string]said{
		"text":       {Text: strings.Repeat("x", maxText+1)},
		"nothing":    {Text: " \n\t"},
		"many files": {Files: files(maxFiles+1, 1)},
	} {
		in.Conversation, in.ID = v.conv, "message-0001"
		if text := v.want(t, 413, v.do(t, "POST", v.base+"/messages", in), nil); !strings.Contains(text, ".") {
			t.Errorf("%s: %s is no sentence", what, text)
		}
	}
	large := said{Conversation: v.conv, ID: "message-0001", Files: files(2, maxUploads/2+1)}
	if _, wrong := large.check(); !strings.Contains(wrong, "12 MB") {
		t.Errorf("large files: %q", wrong)
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", v.base+"/messages", io.LimitReader(neverending{}, 1<<40))
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 1 << 40
	req.Header.Set("Content-Type", "application/json")
	resp, err := v.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	v.want(t, 413, resp, nil)
	v.want(t, 413, v.do(t, "POST", v.base+"/complete", map[string]string{"text": strings.Repeat("x", maxSmall)}), nil)
	if code := plain(t, "POST", h.URL()+"api/enter", `{"link":"`+strings.Repeat("x", maxSmall)+`"}`).StatusCode; code != 413 {
		t.Errorf("a huge request without a session gave %d; want 413", code)
	}
	if code := plain(t, "GET", h.URL(), "", "X-Large", strings.Repeat("x", 64<<10)).StatusCode; code != 431 {
		t.Errorf("a huge header gave %d; want 431", code)
	}
	if code := plain(t, "POST", h.URL()+"api/enter", `link=x`, "Content-Type", "text/plain").StatusCode; code != 415 {
		t.Errorf("what a form can send gave %d; want 415", code)
	}
	if n := len(h.messages()); n != 0 {
		t.Errorf("%d messages were heard; want none", n)
	}
}
