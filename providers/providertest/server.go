package providertest

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server plays the scenes over HTTP from recorded answers, for the providers that speak it. In its folder lie
// text.sse, call.ndjson and so on, and failures with their status in their names: billing.400.json.
type Server struct {
	URL string // base URL, without a slash at the end

	t     testing.TB
	http  *httptest.Server
	other *httptest.Server // where redirects lead
	files map[Scene]recorded

	mu    sync.Mutex // guards what follows
	scene Scene
	sent  []Sent
	led   int // requests at other
	gone  chan struct{}
}

// recorded is one file.
type recorded struct {
	status int
	body   []byte
	kind   string // Content-Type
}

// sceneShow is what Ollama tells of one model, asked for besides its list.
const sceneShow Scene = "show"

// RetryAfter is what services say in SceneRateLimited.
const RetryAfter = 7 * time.Second

// NewServer plays the recordings of a folder until the test ends.
func NewServer(t testing.TB, dir string) *Server {
	t.Helper()
	s := &Server{t: t, files: map[Scene]recorded{}, gone: make(chan struct{})}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{"sse": "text/event-stream; charset=utf-8", "ndjson": "application/x-ndjson", "json": "application/json"}
	for _, e := range entries {
		if e.IsDir() { // a corpus of fuzz tests
			continue
		}
		words := strings.Split(e.Name(), ".")
		r := recorded{status: http.StatusOK, kind: kinds[words[len(words)-1]]}
		if r.body, err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
		if len(words) == 3 {
			if r.status, err = strconv.Atoi(words[1]); err != nil {
				t.Fatalf("%s: the status is no number", e.Name())
			}
		}
		s.files[Scene(words[0])] = r
	}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	s.other = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		s.led++
		s.mu.Unlock()
		w.WriteHeader(http.StatusOK)
	}))
	s.URL = s.http.URL
	t.Cleanup(func() {
		s.http.CloseClientConnections()
		s.http.Close()
		s.other.Close()
	})
	return s
}

// Play implements Service.
func (s *Server) Play(_ testing.TB, scene Scene) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scene, s.sent, s.gone = scene, nil, make(chan struct{})
	switch scene {
	case SceneDribble, SceneHold, SceneSilent, SceneCut, SceneReset, SceneRedirect, ScenePage, SceneGarbage:
		return true
	case SceneDown:
		s.http.CloseClientConnections()
		s.http.Close()
		return true
	}
	_, ok := s.files[scene]
	return ok
}

// Gone implements Service.
func (s *Server) Gone() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone
}

// Sent implements Service.
func (s *Server) Sent() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// Led counts the requests that followed a redirect.
func (s *Server) Led() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.led
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var header strings.Builder
	for _, k := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(&header, "%s: %s\n", k, strings.Join(r.Header[k], ", "))
	}
	s.mu.Lock()
	s.sent = append(s.sent, Sent{URL: r.URL.String(), Header: header.String(), Body: string(body)})
	scene, gone := s.scene, s.gone
	s.mu.Unlock()
	if f, ok := s.files[scene]; ok && f.status < 300 && r.Method == http.MethodGet {
		scene = SceneModels // the list is asked for besides
	}
	if _, ok := s.files[sceneShow]; ok && path.Base(r.URL.Path) == string(sceneShow) {
		scene = sceneShow
	}
	s.play(w, r, scene, gone)
}

func (s *Server) play(w http.ResponseWriter, r *http.Request, scene Scene, gone chan struct{}) {
	text := s.files[SceneText]
	flush := func(b []byte) {
		_, _ = w.Write(b)
		_ = http.NewResponseController(w).Flush()
	}
	switch scene {
	case SceneRedirect:
		http.Redirect(w, r, strings.Replace(s.other.URL, "127.0.0.1", "localhost", 1)+r.URL.Path, http.StatusTemporaryRedirect)
	case ScenePage:
		w.Header().Set("Content-Type", "text/html")
		flush([]byte("<html><body>" + Canary + " Sign in to the network</body></html>"))
	case SceneGarbage:
		w.Header().Set("Content-Type", text.kind)
		flush([]byte("data: {\"" + Canary + "\n\n{" + Canary + "\n\n"))
	case SceneSilent:
		<-r.Context().Done()
		close(gone)
	case SceneHold:
		w.Header().Set("Content-Type", text.kind)
		flush(begin(text.body))
		<-r.Context().Done()
		close(gone)
	case SceneCut:
		w.Header().Set("Content-Type", text.kind)
		flush(begin(text.body))
	case SceneReset:
		w.Header().Set("Content-Type", text.kind)
		flush(begin(text.body))
		panic(http.ErrAbortHandler)
	case SceneDribble:
		w.Header().Set("Content-Type", text.kind)
		for i := range text.body {
			flush(text.body[i : i+1])
		}
	default:
		f := s.files[scene]
		w.Header().Set("Content-Type", f.kind)
		if scene == SceneRateLimited {
			w.Header().Set("Retry-After", strconv.Itoa(int(RetryAfter.Seconds())))
		}
		w.WriteHeader(f.status)
		for piece := range strings.SplitAfterSeq(string(f.body), "\n") {
			flush([]byte(piece))
		}
	}
}

// begin gives the beginning of a recording: up to and with the first event that has the first word.
func begin(body []byte) []byte {
	text := string(body)
	i := strings.Index(text, "Hello")
	if i < 0 {
		return nil
	}
	end := strings.IndexByte(text[i:], '\n') + i + 1
	rest := strings.TrimPrefix(strings.TrimPrefix(text[end:], "\r"), "\n") // the empty line behind an event
	return body[:len(text)-len(rest)]
}

// Interface guards
var _ Service = (*Server)(nil)
