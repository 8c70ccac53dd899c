package providertest

import (
	"context"
	"encoding/json"
	"iter"
	"sync"
	"testing"

	"chatgateway/providerauth"
	"chatgateway/providers"
)

// TestFakeKeepsThePromises runs the suite on the Fake.
func TestFakeKeepsThePromises(t *testing.T) {
	Run(t, func(*testing.T) Harness {
		f := New("fake")
		return Harness{Provider: f, Cred: f.Cred(), Service: &inside{f: f}, Model: "large", Blind: "small"}
	})
}

// inside directs a Fake, which has no service behind it.
type inside struct {
	f    *Fake
	mu   sync.Mutex // guards what follows
	gone chan struct{}
	from int // calls before Play
}

// Play implements Service.
func (s *inside) Play(_ testing.TB, scene Scene) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := make(chan struct{})
	s.gone, s.from = gone, len(s.f.Calls())
	s.f.keys = nil
	script, ok := scenes(s.f.id)[scene]
	s.f.FailLists(nil)
	switch scene {
	case SceneUnauthorized:
		s.f.Accept()
	case SceneOverloaded, SceneRateLimited:
		s.f.FailLists(script[0].Err)
	}
	s.f.Always(func(ctx context.Context, c providerauth.Credential, r providers.Request) iter.Seq2[providers.Delta, error] {
		return func(yield func(providers.Delta, error) bool) {
			if scene == SceneHold || scene == SceneSilent {
				defer close(gone)
			}
			Play(script...)(ctx, c, r)(yield)
		}
	})
	return ok
}

// Gone implements Service.
func (s *inside) Gone() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone
}

// Sent implements Service: what the Fake was asked, without what other providers made.
func (s *inside) Sent() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sent []Sent
	for _, c := range s.f.Calls()[s.from:] {
		if s.f.model(c.Req.Model) != nil && c.Req.Model == "small" {
			continue // it is refused before it is sent
		}
		kept := c.Req
		kept.Messages = nil
		for _, m := range c.Req.Messages {
			n := providers.Message{Role: m.Role}
			for _, p := range m.Parts {
				if p.Raw == nil || p.By == s.f.id {
					n.Parts = append(n.Parts, p)
				}
				if p.Blob != nil && p.Blob.Type == "text/plain" {
					n.Parts = append(n.Parts, providers.Part{Text: string(p.Blob.Data)})
				}
			}
			kept.Messages = append(kept.Messages, n)
		}
		b, _ := json.Marshal(kept)
		sent = append(sent, Sent{Header: c.Cred.Secret().Reveal(), Body: string(b)})
	}
	return sent
}

func scenes(id string) map[Scene][]Step {
	fail := func(kind error) []Step {
		return []Step{Fail(&providers.Error{Kind: kind, Provider: id, RetryAfter: RetryAfter})}
	}
	text := append(Says("Hello", ", wörld!", " 1 < 2 & \"three\"."), Ends(providers.StopEnd, SaidUsage))
	raw, _ := json.Marshal(map[string]string{"signature": Signature})
	part := func(p providers.Part) Step { return Step{Delta: providers.Delta{Part: p}} }
	return map[Scene][]Step{
		SceneText: text, SceneDribble: text, SceneModels: text,
		SceneThinking: append([]Step{part(providers.Part{Thought: SaidThought}), part(providers.Part{Raw: raw, By: id})}, text...),
		SceneCall: {part(providers.Part{Call: &providers.Call{ID: "1", Name: "weather", Args: json.RawMessage(`{"city":"Paris"}`)}}),
			Ends(providers.StopCall, SaidUsage)},
		SceneLength:       append(Says("Hello"), Ends(providers.StopLength, SaidUsage)),
		SceneRefused:      {Ends(providers.StopRefused, SaidUsage)},
		SceneFailed:       append(Says("Hello"), fail(providers.ErrOverloaded)...),
		SceneHold:         append(Says("Hello"), Hold(nil)),
		SceneSilent:       {Hold(nil)},
		SceneCut:          append(Says("Hello"), fail(providers.ErrCut)...),
		SceneUnauthorized: fail(providers.ErrUnauthorized),
		SceneForbidden:    fail(providers.ErrForbidden),
		SceneRateLimited:  fail(providers.ErrRateLimited),
		SceneBilling:      fail(providers.ErrBilling),
		SceneOverloaded:   fail(providers.ErrOverloaded),
		SceneTooLong:      fail(providers.ErrTooLong),
		SceneNoModel:      fail(providers.ErrNoModel),
		SceneBadRequest:   fail(providers.ErrBadRequest),
		SceneDown:         fail(providers.ErrUnreachable),
	}
}
