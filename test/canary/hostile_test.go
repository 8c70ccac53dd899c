package canary

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// hostile is a model service that gives back the key it was sent wherever it can: in bodies, types, codes, headers,
// redirects and answers. It keeps what it was asked, without the headers.
type hostile struct {
	url  string
	mu   sync.Mutex
	seen []string // guarded by mu
	n    int      // guarded by mu: questions answered
}

func newHostile(t *testing.T) *hostile {
	h := &hostile{}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	h.url = s.URL
	return h
}

func (h *hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	h.seen = append(h.seen, r.URL.String()+" "+string(body))
	h.n++
	h.mu.Unlock()
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") + r.Header.Get("X-Api-Key")
	w.Header().Set("X-Request-Id", key)
	w.Header().Set("Content-Type", "application/json")
	if r.Method == http.MethodGet {
		if strings.Contains(key, "WRONG") {
			fail(w, 401, key)
			return
		}
		fmt.Fprintf(w, `{"data":[{"id":"model-a","object":"model"}]}`)
		return
	}
	var q struct {
		Messages []struct {
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
	}
	_ = json.Unmarshal(body, &q)
	text := ""
	if len(q.Messages) > 0 {
		text = string(q.Messages[len(q.Messages)-1].Content)
	}
	_, word, is := strings.Cut(text, "fail ")
	switch {
	case is && strings.HasPrefix(word, "redirect"):
		http.Redirect(w, r, "/v1/chat/completions?api_key="+key, http.StatusTemporaryRedirect)
	case is && strings.HasPrefix(word, "html"):
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<h1>%s</h1>", key)
	case is:
		code, err := strconv.Atoi(word[:3])
		if err != nil {
			code = 500
		}
		fail(w, code, key)
	default:
		h.answer(w, key, strings.Contains(text, "slowly"))
	}
}

func fail(w http.ResponseWriter, code int, key string) {
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"type":"error","error":{"message":"Incorrect API key provided: %s","type":%q,"code":%q,"param":%q}}`, key, key, key, key)
}

// answer says the key in pieces, then fails in the middle of the stream with it.
func (h *hostile) answer(w http.ResponseWriter, key string, slow bool) {
	w.Header().Set("Content-Type", "text/event-stream")
	say := func(text string) {
		fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%q}}]}\n\n", text)
		w.(http.Flusher).Flush()
		if slow {
			time.Sleep(60 * time.Millisecond) // an answer takes time to grow; it is what is being shown
		}
	}
	say("Your key is ")
	for i := 0; i < len(key); i += 5 {
		say(key[i:min(i+5, len(key))])
	}
	say(", that is all.")
	fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
}

// asked gives everything that the service was sent beside headers.
func (h *hostile) asked() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.seen, "\n")
}
