package testpeers

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestAimock(t *testing.T) {
	m := StartAimock(t, []string{"FAKE-key-for-tests-1"}, Says("hello", "Hello!"))
	ask := func(key string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.URL+"/v1/chat/completions",
			strings.NewReader(`{"model":"m","messages":[{"role":"user","content":"hello"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	if status, body := ask("FAKE-key-for-tests-1"); status != 200 || !strings.Contains(body, "Hello!") {
		t.Errorf("got %d: %s", status, body)
	}
	if status, _ := ask("wrong"); status != 401 {
		t.Errorf("got %d, want 401", status)
	}
	m.FailNext(503, "server_error", "no")
	if status, _ := ask("FAKE-key-for-tests-1"); status != 503 {
		t.Errorf("got %d, want 503", status)
	}
	if n := len(m.Journal()); n < 2 {
		t.Errorf("%d requests in the journal", n)
	}
}
