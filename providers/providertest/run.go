package providertest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/providerauth"
	"chatgateway/providers"
)

// Harness is how Run reaches one provider and the service behind it.
type Harness struct {
	Provider providers.Provider
	Cred     providerauth.Credential // with a secret that can be told from anything else
	Service  Service
	Model    string       // one that sees
	Blind    string       // one that is known not to; "": none is
	Client   *http.Client // the provider's; nil: it has none
	NoCache  bool         // the format does not tell what came from a cache
}

// patience bounds every wait of the suite.
const patience = 10 * time.Second

// Run checks that a provider keeps the promises of package providers. open is called for every check.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	for _, c := range []struct {
		name  string
		check func(*testing.T, *suite)
	}{
		{"Auth", checkAuth},
		{"Probe", checkProbe},
		{"Models", checkModels},
		{"TextInOrder", func(t *testing.T, s *suite) { checkText(t, s, SceneText) }},
		{"TextByteByByte", func(t *testing.T, s *suite) { checkText(t, s, SceneDribble) }},
		{"Thinking", checkThinking},
		{"Call", checkCall},
		{"Stops", checkStops},
		{"Break", checkBreak},
		{"Cancel", checkCancel},
		{"Timeout", checkTimeout},
		{"CanceledBefore", checkCanceledBefore},
		{"Cut", checkCut},
		{"Failures", checkFailures},
		{"FailureInStream", checkFailureInStream},
		{"Redirect", checkRedirect},
		{"Strange", checkStrange},
		{"Down", checkDown},
		{"Image", checkImage},
		{"Blind", checkBlind},
		{"Secret", checkSecret},
		{"AtOnce", checkAtOnce},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t)
			s := &suite{Harness: h}
			before := runtime.NumGoroutine()
			c.check(t, s)
			s.noSecrets(t)
			noGoroutines(t, h.Client, before)
		})
	}
}

// suite is one check's view of the harness.
type suite struct {
	Harness
	mu   sync.Mutex // guards said
	said []string   // all that errors said
}

// answer is what a stream came to.
type answer struct {
	parts  []providers.Part
	text   string
	deltas int
	usage  *providers.Usage
	stop   providers.Stop
	err    error
}

// collect ranges over a stream and checks what must hold of every stream.
func (s *suite) collect(t *testing.T, stream iter.Seq2[providers.Delta, error]) answer {
	t.Helper()
	var a answer
	for d, err := range stream {
		if a.err != nil || a.stop != "" {
			t.Error("the stream goes on after its end")
		}
		if err != nil {
			a.err = err
			s.failed(t, err)
			if !reflect.ValueOf(d).IsZero() {
				t.Error("a delta came with the error")
			}
			continue
		}
		a.deltas++
		a.text += d.Part.Text
		a.parts = providers.Append(a.parts, d.Part)
		if d.Usage != nil {
			if a.usage != nil {
				t.Error("usage came twice")
			}
			a.usage = d.Usage
		}
		a.stop = d.Stop
	}
	if a.err == nil && a.stop == "" {
		t.Error("the stream ended without a reason to stop and without an error")
	}
	return a
}

// failed checks what must hold of every error.
func (s *suite) failed(t *testing.T, err error) {
	t.Helper()
	var e *providers.Error
	if !errors.As(err, &e) {
		t.Errorf("the error is a %T, want *providers.Error", err)
		return
	}
	if e.Kind == nil || e.Provider != s.Provider.Auth().Name {
		t.Errorf("the error has kind %v and provider %q", e.Kind, e.Provider)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, err.Error(), e.UserMessage(), fmt.Sprintf("%+v", err), fmt.Sprint(e.Err), e.Code)
}

// noSecrets checks that no error told the secret or what stood in a body.
func (s *suite) noSecrets(t *testing.T) {
	t.Helper()
	secret := s.Cred.Secret().Reveal()
	for _, text := range s.said {
		if secret != "" && strings.Contains(text, secret) {
			t.Errorf("an error tells the secret: %q", text)
		}
		if strings.Contains(strings.ToLower(text), strings.ToLower(Canary)) {
			t.Errorf("an error tells the body: %q", text)
		}
		if strings.Contains(text, "http://") || strings.Contains(text, "127.0.0.1/") {
			t.Errorf("an error tells a URL: %q", text)
		}
	}
}

// noGoroutines waits until as many goroutines are left as there were.
func noGoroutines(t *testing.T, client *http.Client, before int) {
	t.Helper()
	if !eventually(t, func() bool {
		if client != nil {
			client.CloseIdleConnections()
		}
		return runtime.NumGoroutine() <= before
	}) {
		buf := make([]byte, 64<<10)
		t.Logf("goroutines are left over:\n%s", buf[:runtime.Stack(buf, true)])
	}
}

// eventually waits until ok, for which there is no event to wait for.
func eventually(t *testing.T, ok func() bool) bool {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Error("waited too long")
			return false
		}
	}
	return true
}

func (s *suite) ask(ctx context.Context, req providers.Request) iter.Seq2[providers.Delta, error] {
	if req.Model == "" {
		req.Model = s.Model
	}
	if req.Messages == nil {
		req.Messages = Said("Hi")
	}
	return s.Provider.Stream(ctx, s.Cred, req)
}

// Said makes a conversation of one message.
func Said(text string) []providers.Message {
	return []providers.Message{{Role: providers.User, Parts: []providers.Part{{Text: text}}}}
}

func (s *suite) sentBody() string {
	sent := s.Service.Sent()
	if len(sent) == 0 {
		return ""
	}
	return sent[len(sent)-1].Body
}

func checkText(t *testing.T, s *suite, scene Scene) {
	if !s.Service.Play(t, scene) {
		return
	}
	a := s.collect(t, s.ask(t.Context(), providers.Request{System: "Be SHORT-and-plain."}))
	if a.err != nil {
		t.Fatal(a.err)
	}
	if a.text != SaidText {
		t.Errorf("got %q, want %q", a.text, SaidText)
	}
	if a.deltas < 3 {
		t.Errorf("the text came in %d deltas, want it piece by piece", a.deltas)
	}
	if a.stop != providers.StopEnd {
		t.Errorf("stopped for %q, want %q", a.stop, providers.StopEnd)
	}
	want := SaidUsage
	if s.NoCache {
		want.Cached = 0
	}
	if a.usage == nil || *a.usage != want {
		t.Errorf("usage is %+v, want %+v", a.usage, want)
	}
	if body := s.sentBody(); !strings.Contains(body, "SHORT-and-plain") || !strings.Contains(body, "Hi") {
		t.Errorf("the service was sent %s", body)
	}
}

func checkThinking(t *testing.T, s *suite) {
	if !s.Service.Play(t, SceneThinking) {
		return
	}
	a := s.collect(t, s.ask(t.Context(), providers.Request{}))
	if a.err != nil {
		t.Fatal(a.err)
	}
	id := s.Provider.Auth().ID
	thought, raw := "", 0
	for _, p := range a.parts {
		thought += p.Thought
		if p.Raw != nil {
			raw++
			if p.By != id || !json.Valid(p.Raw) || !strings.Contains(string(p.Raw), Signature) && !strings.Contains(string(p.Raw), SaidThought) {
				t.Errorf("by %q: %s", p.By, p.Raw)
			}
		}
	}
	if thought != SaidThought || a.text != SaidText || raw == 0 {
		t.Errorf("thought %q, said %q, %d verbatim", thought, a.text, raw)
	}
	checkVerbatim(t, s, a.parts)
}

// checkVerbatim sends an answer back: to the provider that made it as it was, to any other without it.
func checkVerbatim(t *testing.T, s *suite, parts []providers.Part) {
	t.Helper()
	for _, by := range []string{s.Provider.Auth().ID, "another"} {
		history := Said("Hi")
		answer := providers.Message{Role: providers.Assistant}
		for _, p := range parts {
			if p.Raw != nil {
				p.By = by
			}
			answer.Parts = append(answer.Parts, p)
		}
		history = append(history, answer, Said("And now?")[0])
		s.Service.Play(t, SceneText)
		if a := s.collect(t, s.ask(t.Context(), providers.Request{Messages: history})); a.err != nil {
			t.Fatal(a.err)
		}
		body := s.sentBody()
		back := strings.Contains(body, Signature) || strings.Contains(body, SaidThought)
		if own := by != "another"; back != own {
			t.Errorf("what %q made went back: %v, want %v; sent %s", by, back, own, body)
		}
		if !strings.Contains(body, "And now?") {
			t.Errorf("the service was sent %s", body)
		}
	}
}

func checkCall(t *testing.T, s *suite) {
	if !s.Service.Play(t, SceneCall) {
		return
	}
	tool := providers.Tool{Name: "weather", Help: "Tells the weather.", Schema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}}}`)}
	a := s.collect(t, s.ask(t.Context(), providers.Request{Tools: []providers.Tool{tool}}))
	if a.err != nil {
		t.Fatal(a.err)
	}
	if a.stop != providers.StopCall {
		t.Errorf("stopped for %q, want %q", a.stop, providers.StopCall)
	}
	if !strings.Contains(s.sentBody(), "Tells the weather.") {
		t.Errorf("the tool was not sent: %s", s.sentBody())
	}
	var calls []*providers.Call
	for _, p := range a.parts {
		if p.Call != nil {
			calls = append(calls, p.Call)
		}
	}
	if len(calls) != 1 || calls[0].Name != "weather" || calls[0].ID == "" {
		t.Fatalf("got %d calls: %+v", len(calls), calls)
	}
	var args map[string]string
	if err := json.Unmarshal(calls[0].Args, &args); err != nil || args["city"] != "Paris" {
		t.Errorf("the arguments are %s", calls[0].Args)
	}
	s.Service.Play(t, SceneText)
	history := append(Said("Hi"), providers.Message{Role: providers.Assistant, Parts: a.parts}, providers.Message{
		Role: providers.User, Parts: []providers.Part{{Result: &providers.Result{ID: calls[0].ID, Text: "It rains."}}}})
	if a := s.collect(t, s.ask(t.Context(), providers.Request{Messages: history, Tools: []providers.Tool{tool}})); a.err != nil {
		t.Fatal(a.err)
	}
	if body := s.sentBody(); !strings.Contains(body, "It rains.") || !strings.Contains(body, "Paris") {
		t.Errorf("the service was sent %s", body)
	}
}

func checkStops(t *testing.T, s *suite) {
	for scene, want := range map[Scene]providers.Stop{SceneLength: providers.StopLength, SceneRefused: providers.StopRefused} {
		if !s.Service.Play(t, scene) {
			continue
		}
		a := s.collect(t, s.ask(t.Context(), providers.Request{}))
		if scene == SceneRefused && errors.Is(a.err, providers.ErrRefused) {
			continue // that is the other way to say it
		}
		if a.err != nil || a.stop != want {
			t.Errorf("%s: stopped for %q, %v; want %q", scene, a.stop, a.err, want)
		}
	}
}

func checkImage(t *testing.T, s *suite) {
	if !s.Service.Play(t, SceneText) {
		return
	}
	image := []byte("\x89PNG\r\n\x1a\nnot-really")
	req := providers.Request{Messages: []providers.Message{{Role: providers.User, Parts: []providers.Part{
		{Text: "What is this?"}, {Blob: &providers.Blob{Type: "image/png", Name: "a.png", Data: image}},
		{Blob: &providers.Blob{Type: "text/plain", Name: "note.txt", Data: []byte("the note's text")}}}}}}
	if a := s.collect(t, s.ask(t.Context(), req)); a.err != nil {
		t.Fatal(a.err)
	}
	body := s.sentBody()
	if !strings.Contains(body, base64.StdEncoding.EncodeToString(image)) || !strings.Contains(body, "the note's text") {
		t.Errorf("the service was sent %s", body)
	}
	req.Messages[0].Parts[1].Blob = &providers.Blob{Type: "application/x-unheard-of", Data: image}
	if a := s.collect(t, s.ask(t.Context(), req)); a.err != nil && !errors.Is(a.err, providers.ErrUnable) {
		t.Errorf("a file of an unheard-of kind: got %v, want ErrUnable", a.err)
	}
}

func checkBlind(t *testing.T, s *suite) {
	if s.Blind == "" || !s.Service.Play(t, SceneText) {
		return
	}
	req := providers.Request{Model: s.Blind, Messages: []providers.Message{{Role: providers.User, Parts: []providers.Part{
		{Blob: &providers.Blob{Type: "image/png", Data: []byte("x")}}}}}}
	if a := s.collect(t, s.ask(t.Context(), req)); !errors.Is(a.err, providers.ErrUnable) {
		t.Errorf("got %v, want ErrUnable", a.err)
	}
	if n := len(s.Service.Sent()); n != 0 {
		t.Errorf("the service was asked %d times", n)
	}
}
