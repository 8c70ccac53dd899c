package testpeers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Fixture is one of aimock's: what a request must look like, and what is answered then. Its fields are aimock's own;
// see the README of @copilotkit/aimock.
type Fixture struct {
	Match    map[string]any `json:"match"`
	Response map[string]any `json:"response"`
	// Cut ends the connection after so many pieces of the answer; it needs a Latency.
	Cut     int `json:"truncateAfterChunks,omitempty"`
	Latency int `json:"latency,omitempty"` // milliseconds between two pieces
	Pieces  int `json:"chunkSize,omitempty"`
	// Delays are the milliseconds between one piece and the next, in place of Latency; the first comes at once.
	Delays []int `json:"-"`
}

// MarshalJSON writes Delays as aimock has them.
func (f Fixture) MarshalJSON() ([]byte, error) {
	type plain Fixture
	if f.Delays == nil {
		return json.Marshal(plain(f))
	}
	return json.Marshal(struct {
		plain
		Timings map[string]any `json:"recordedTimings"`
	}{plain(f), map[string]any{"ttftMs": 0, "interChunkDelaysMs": f.Delays, "totalDurationMs": 0}})
}

// Says is a fixture that answers a message that holds this word with a text.
func Says(word, text string) Fixture {
	return Fixture{Match: map[string]any{"userMessage": word}, Response: map[string]any{"content": text}}
}

// Fails is a fixture that answers a message that holds this word with a status and an error of this type and text.
func Fails(word string, status int, typ, text string) Fixture {
	return Fixture{Match: map[string]any{"userMessage": word}, Response: map[string]any{
		"error": map[string]any{"message": text, "type": typ}, "status": status}}
}

// Mock is a running aimock: one server that speaks OpenAI's Chat Completions and Responses (at URL/v1), Anthropic's
// Messages (at URL), Gemini (at URL/v1beta) and Ollama (at URL).
type Mock struct {
	URL string
	t   testing.TB
	key string
}

// Aimock starts one without fixtures beside "hello", which is answered "Hello from aimock!".
func Aimock(t testing.TB) (baseURL string) {
	t.Helper()
	return StartAimock(t, nil, Says("hello", "Hello from aimock!")).URL
}

// StartAimock starts aimock with these fixtures; the first that matches answers. With keys, every request needs one of
// them.
func StartAimock(t testing.TB, keys []string, fixtures ...Fixture) *Mock {
	t.Helper()
	dir := Dir(t, "@copilotkit/aimock")
	if fixtures == nil {
		fixtures = []Fixture{}
	}
	b, err := json.Marshal(map[string]any{"fixtures": fixtures})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "fixtures.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var env []string
	m := &Mock{t: t}
	if len(keys) > 0 {
		env = append(env, "AIMOCK_API_KEYS="+strings.Join(keys, ","))
		m.key = keys[0]
	}
	port := Node(t, filepath.Join(dir, "node_modules", "@copilotkit", "aimock", "dist", "cli.js"), "http://127.0.0.1:{port}/health",
		[]string{"--port", "{port}", "--host", "127.0.0.1", "--fixtures", file, "--chunk-size", strconv.Itoa(4), "--log-level", "warn"}, env)
	m.URL = fmt.Sprintf("http://127.0.0.1:%d", port)
	return m
}

// FailNext makes the next request fail with a status and an error.
func (m *Mock) FailNext(status int, typ, text string) {
	m.t.Helper()
	m.control(http.MethodPost, "/error", map[string]any{"status": status, "body": map[string]any{"message": text, "type": typ}})
}

// Entry is one request that aimock kept, as far as tests look at it.
type Entry struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
}

// Journal lists the requests so far.
func (m *Mock) Journal() []Entry {
	m.t.Helper()
	var entries []Entry
	b := m.control(http.MethodGet, "/journal", nil)
	if err := json.Unmarshal(b, &entries); err != nil {
		m.t.Fatalf("aimock's journal: %v", err)
	}
	return entries
}

func (m *Mock) control(method, path string, body any) []byte {
	m.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		m.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(m.t.Context(), method, m.URL+"/__aimock"+path, bytes.NewReader(b))
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+m.key)
	resp, err := afresh.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	out, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		m.t.Fatalf("aimock %s: status %d, %v: %s", path, resp.StatusCode, err, out)
	}
	return out
}
