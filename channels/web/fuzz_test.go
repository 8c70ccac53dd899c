package web

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"chatgateway/channels"
)

// FuzzRequest: whatever a browser that was let in sends, it is answered, with what the page may be shown as, and what is
// handed in is the session's own person's.
func FuzzRequest(f *testing.F) {
	for _, s := range [][3]string{
		{"POST", "/messages", `{"conversation":"c","id":"m1","text":"hi","files":[{"name":"../x","type":"image/png","data":"AAAA"}]}`},
		{"POST", "/messages", `{"conversation":"../c","id":"m1","text":"x","from":"other"}`},
		{"POST", "/press", `{"conversation":"c","on":"m1","press":"p"}`},
		{"POST", "/complete", `{"conversation":"c","text":"/mo"}`},
		{"POST", "/forms/f1", `{"value":"x","cancel":true}`},
		{"GET", "/messages?conversation=c&before=x", ""},
		{"PATCH", "/conversations/c", `{"title":"\u2028x"}`},
		{"DELETE", "/conversations/..%2fc", ""},
		{"GET", "/files/m1/..%2f..%2fx", ""},
		{"DELETE", "/sessions/x", ""}, {"GET", "/session", ""}, {"POST", "/messages", `[`},
	} {
		f.Add(s[0], s[1], s[2])
	}
	home := f.TempDir()
	ch, err := open(channels.Options{Account: "web", Settings: &Settings{Listen: "127.0.0.1:0", Home: home}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	c := ch.(*Channel)
	c.hosts = newHosts(c.set, "127.0.0.1:1")
	var foreign channels.UserID
	s := newServer(c, func(_ context.Context, b channels.Batch) error {
		for _, m := range b.Messages {
			if m.From != Owner {
				foreign = m.From
			}
		}
		return nil
	})
	closed := make(chan struct{})
	close(closed)
	s.closing = closed // no stream stays open
	routes := s.routes()
	do := func(method string, target *url.URL, body string, cookies []*http.Cookie) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "http://127.0.0.1:1/", strings.NewReader(body))
		r.Method, r.URL = method, target
		r.Header.Set("Content-Type", "application/json")
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		routes.ServeHTTP(w, r)
		return w
	}
	link, err := json.Marshal(map[string]string{"link": c.access.newLink(Owner)})
	if err != nil {
		f.Fatal(err)
	}
	in := do("POST", &url.URL{Path: "/api/enter"}, string(link), nil)
	var session struct{ Session string }
	if err := json.Unmarshal(in.Body.Bytes(), &session); err != nil || session.Session == "" {
		f.Fatalf("not let in: %d %s", in.Code, in.Body)
	}
	cookies := in.Result().Cookies()
	f.Fuzz(func(t *testing.T, method, path, body string) {
		u, err := url.Parse("/s/" + session.Session + path)
		if err != nil || strings.HasSuffix(u.Path, "/sessions/"+session.Session) {
			return
		}
		w := do(method, u, body, cookies)
		if w.Code < 200 || w.Code >= 600 || w.Header().Get("Content-Security-Policy") != policy {
			t.Errorf("%s %s: %d", method, path, w.Code)
		}
		if foreign != "" {
			t.Errorf("%s %s %s: is said by %q", method, path, body, foreign)
		}
	})
}
