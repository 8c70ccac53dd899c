package loopback

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzCallback: only an answer with the state of this sign-in is handed in, and what a request says is no markup on the
// page that it gets.
func FuzzCallback(f *testing.F) {
	const state = "FAKE-state"
	for _, q := range []string{"", "state=" + state + "&code=c", "state=" + state + "&error=<script>", "state=x&code=c", "code=c&state=" + state + "&state=x", "state=%zz;code=c", "state=" + state + "&code="} {
		f.Add("GET", "/callback", q)
	}
	f.Add("POST", "/callback", "state="+state+"&code=c")
	f.Add("GET", "/callback/../x", "state="+state+"&code=c")
	l := Listener{Redirect: "http://localhost:1/callback"}
	refused := func(word string) string { return "The service said " + word + "." }
	f.Fuzz(func(t *testing.T, method, path, query string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Method, r.URL = method, &url.URL{Path: path, RawQuery: query}
		hits := make(chan string, 1)
		w := httptest.NewRecorder()
		l.handler(state, refused, hits).ServeHTTP(w, r)
		select {
		case hit := <-hits:
			q, _ := url.ParseQuery(strings.TrimPrefix(hit, "?"))
			if q.Get("state") != state || q.Get("code")+q.Get("error") == "" || method != "GET" || path != "/callback" {
				t.Errorf("handed in: %q", hit)
			}
		default:
		}
		if text := w.Body.String(); strings.Count(text, "<") != 8 || w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("the page is %q", text)
		}
	})
}
