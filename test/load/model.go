package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// model is a model service in Ollama's format. It answers a question that holds "q17" with a text that ends in
// "endq17", in pieces as plan says.
type model struct {
	mu    sync.Mutex
	plan  plan             // guarded by mu
	spans map[string]*span // guarded by mu: by question
	calls int              // guarded by mu
	http  *http.Server
}

// plan is how long the model takes.
type plan struct {
	wait   time.Duration // to the first word
	pieces int           // that the answer comes in; at least one
	every  time.Duration // between them
}

// span is when the model answered a question.
type span struct{ asked, first, last time.Time }

func newModel() (*model, string, error) {
	m := &model{plan: plan{pieces: 1}, spans: map[string]*span{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/tags", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"models":[{"name":"fake","model":"fake"}]}`)
	})
	mux.HandleFunc("POST /api/show", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"capabilities":["completion"],"model_info":{"fake.context_length":131072}}`)
	})
	mux.HandleFunc("POST /api/chat", m.chat)
	m.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = m.http.Serve(l) }() // ends with Close
	return m, "http://" + l.Addr().String(), nil
}

func (m *model) set(p plan) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.plan, m.spans = p, map[string]*span{}
}

// span gives when a question was answered; it is the zero span if it was not.
func (m *model) span(question string) span {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.spans[question]; s != nil {
		return *s
	}
	return span{}
}

var questions = regexp.MustCompile(`q[0-9]+`)

func (m *model) chat(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Messages []struct{ Role, Content string }
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil || len(req.Messages) == 0 {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	asked := questions.FindAllString(req.Messages[len(req.Messages)-1].Content, -1)
	s := &span{asked: time.Now()}
	m.mu.Lock()
	m.calls++
	p := m.plan
	for _, q := range asked {
		m.spans[q] = s
	}
	m.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := http.NewResponseController(w)
	at := s.asked.Add(p.wait)
	for i := range p.pieces {
		time.Sleep(time.Until(at)) // not as long as a piece each, so that pieces do not drift
		if r.Context().Err() != nil {
			return
		}
		piece := fmt.Sprintf("This is piece %d of an answer that says nothing. ", i+1)
		if i == p.pieces-1 {
			for _, q := range asked {
				piece += "end" + q + " "
			}
			piece = strings.TrimSpace(piece)
		}
		line, _ := json.Marshal(map[string]any{"model": "fake", "message": map[string]string{"role": "assistant", "content": piece}, "done": false})
		_, _ = w.Write(append(line, '\n'))
		_ = out.Flush()
		m.mu.Lock()
		if i == 0 {
			s.first = time.Now()
		}
		s.last = time.Now()
		m.mu.Unlock()
		at = at.Add(p.every)
	}
	_, _ = fmt.Fprintln(w, `{"model":"fake","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":10,"eval_count":10}`)
}
