package providertest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/catalog"
)

func checkAuth(t *testing.T, s *suite) {
	a, b := s.Provider.Auth(), s.Provider.Auth()
	if a.ID == "" || a.Name == "" || a.ID != b.ID || a.Name != b.Name || !slices.Equal(a.Hosts, b.Hosts) {
		t.Errorf("got %+v and %+v", a, b)
	}
	if len(a.Methods) == 0 {
		t.Error("there is no way to log in")
	}
	for _, m := range a.Methods {
		if m.ID == "" || m.Name == "" || m.Login == nil && m.Off == "" {
			t.Errorf("method %+v is not whole", m)
		}
	}
	if len(a.Hosts) == 0 {
		t.Error("no host is named that the credential may be sent to")
	}
}

func checkProbe(t *testing.T, s *suite) {
	probe := s.Provider.Auth().Probe
	if probe == nil {
		return
	}
	for _, c := range []struct {
		scene       Scene
		works, sure bool
	}{
		{SceneUnauthorized, false, true},
		{SceneOverloaded, false, false},
		{SceneRateLimited, false, false},
		{SceneModels, true, true},
	} {
		if !s.Service.Play(t, c.scene) {
			continue
		}
		f, err := probe(t.Context(), s.Cred)
		if err != nil {
			s.failed(t, err)
		}
		if f.Sure != c.sure || f.Sure && f.Works != c.works {
			t.Errorf("%s: found %+v, want works %v, sure %v", c.scene, f, c.works, c.sure)
		}
		if !f.Works && f.Note == "" && err == nil {
			t.Errorf("%s: nothing is said to people", c.scene)
		}
		s.said = append(s.said, f.Note)
	}
}

func checkModels(t *testing.T, s *suite) {
	if !s.Service.Play(t, SceneModels) {
		return
	}
	list, err := s.Provider.Models(t.Context(), s.Cred)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(m catalog.Model) bool { return m.ID == s.Model })
	if i < 0 {
		t.Fatalf("%s is not on the list %+v", s.Model, list)
	}
	if !list[i].Sees {
		t.Errorf("what is known of it is not filled in: %+v", list[i])
	}
	if s.Service.Play(t, SceneUnauthorized) {
		if _, err := s.Provider.Models(t.Context(), s.Cred); !errors.Is(err, providers.ErrUnauthorized) {
			t.Errorf("got %v, want ErrUnauthorized", err)
		} else {
			s.failed(t, err)
		}
	}
}

func checkBreak(t *testing.T, s *suite) {
	if !s.Service.Play(t, SceneHold) {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for d, err := range s.ask(ctx, providers.Request{}) {
		if err != nil {
			t.Fatal(err)
		}
		if d.Part.Text != "" {
			break
		}
	}
	s.wantGone(t)
}

func (s *suite) wantGone(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case <-s.Service.Gone():
	case <-ctx.Done():
		t.Error("the connection was not closed")
	}
}

func checkCancel(t *testing.T, s *suite) {
	for _, scene := range []Scene{SceneHold, SceneSilent} {
		if !s.Service.Play(t, scene) {
			continue
		}
		ctx, giveUp := context.WithTimeout(t.Context(), patience)
		ctx, cancel := context.WithCancel(ctx)
		var done sync.WaitGroup
		if scene == SceneSilent {
			done.Go(func() { // when the request is there
				eventually(t, func() bool { return len(s.Service.Sent()) > 0 })
				cancel()
			})
		}
		var last error
		for _, err := range s.ask(ctx, providers.Request{}) {
			last = err
			if err == nil {
				cancel()
			}
		}
		done.Wait()
		cancel()
		giveUp()
		if !errors.Is(last, context.Canceled) {
			t.Errorf("%s: got %v, want context.Canceled in it", scene, last)
		}
		s.failed(t, last)
		s.wantGone(t)
	}
}

func checkTimeout(t *testing.T, s *suite) {
	if !s.Service.Play(t, SceneHold) {
		return
	}
	ctx, giveUp := context.WithTimeoutCause(t.Context(), patience, errors.New("nothing came"))
	defer giveUp()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var last error
	for _, err := range s.ask(ctx, providers.Request{}) {
		last = err
		cancel(providers.ErrTimeout)
	}
	var e *providers.Error
	if !errors.As(last, &e) || !errors.Is(e.Kind, providers.ErrTimeout) {
		t.Errorf("got %v, want ErrTimeout", last)
	}
	s.failed(t, last)
	s.wantGone(t)
}

func checkCanceledBefore(t *testing.T, s *suite) {
	s.Service.Play(t, SceneText)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := s.collect(t, s.ask(ctx, providers.Request{}))
	if !errors.Is(a.err, context.Canceled) || a.deltas > 0 {
		t.Errorf("got %v after %d deltas, want context.Canceled", a.err, a.deltas)
	}
}

func checkCut(t *testing.T, s *suite) {
	for _, scene := range []Scene{SceneCut, SceneReset} {
		if !s.Service.Play(t, scene) {
			continue
		}
		a := s.collect(t, s.ask(t.Context(), providers.Request{}))
		if !errors.Is(a.err, providers.ErrCut) {
			t.Errorf("%s: got %v, want ErrCut", scene, a.err)
		}
		if a.text == "" || !strings.HasPrefix(SaidText, a.text) {
			t.Errorf("%s: %q came before", scene, a.text)
		}
	}
}

func checkFailures(t *testing.T, s *suite) {
	for scene, want := range map[Scene]error{
		SceneUnauthorized: providers.ErrUnauthorized,
		SceneForbidden:    providers.ErrForbidden,
		SceneRateLimited:  providers.ErrRateLimited,
		SceneBilling:      providers.ErrBilling,
		SceneOverloaded:   providers.ErrOverloaded,
		SceneTooLong:      providers.ErrTooLong,
		SceneNoModel:      providers.ErrNoModel,
		SceneBadRequest:   providers.ErrBadRequest,
	} {
		if !s.Service.Play(t, scene) {
			continue
		}
		a := s.collect(t, s.ask(t.Context(), providers.Request{}))
		if !errors.Is(a.err, want) || a.deltas > 0 {
			t.Errorf("%s: got %v after %d deltas, want %v", scene, a.err, a.deltas, want)
		}
		var e *providers.Error
		if errors.As(a.err, &e) && scene == SceneRateLimited && e.RetryAfter != RetryAfter {
			t.Errorf("%s: wait %s, want %s", scene, e.RetryAfter, RetryAfter)
		}
	}
}

func checkFailureInStream(t *testing.T, s *suite) {
	if !s.Service.Play(t, SceneFailed) {
		return
	}
	a := s.collect(t, s.ask(t.Context(), providers.Request{}))
	if !errors.Is(a.err, providers.ErrOverloaded) || a.text != "Hello" {
		t.Errorf("got %v after %q, want ErrOverloaded", a.err, a.text)
	}
}

func checkRedirect(t *testing.T, s *suite) {
	if !s.Service.Play(t, SceneRedirect) {
		return
	}
	a := s.collect(t, s.ask(t.Context(), providers.Request{}))
	if a.err == nil {
		t.Error("a redirect was taken for an answer")
	}
	if _, err := s.Provider.Models(t.Context(), s.Cred); err != nil {
		s.failed(t, err)
	}
	if srv, ok := s.Service.(*Server); ok && srv.Led() != 0 {
		t.Error("the redirect was followed")
	}
}

func checkStrange(t *testing.T, s *suite) {
	for _, scene := range []Scene{ScenePage, SceneGarbage} {
		if !s.Service.Play(t, scene) {
			continue
		}
		a := s.collect(t, s.ask(t.Context(), providers.Request{}))
		if a.err == nil {
			t.Errorf("%s was taken for an answer", scene)
		}
		if scene == ScenePage && !errors.Is(a.err, providers.ErrBadRequest) {
			t.Errorf("%s: got %v, want ErrBadRequest", scene, a.err)
		}
	}
}

func checkDown(t *testing.T, s *suite) {
	if !s.Service.Play(t, SceneDown) {
		return
	}
	a := s.collect(t, s.ask(t.Context(), providers.Request{}))
	if !errors.Is(a.err, providers.ErrUnreachable) {
		t.Errorf("got %v, want ErrUnreachable", a.err)
	}
}

// checkSecret looks at where the secret goes: into a header, and nowhere else.
func checkSecret(t *testing.T, s *suite) {
	secret := s.Cred.Secret().Reveal()
	if secret == "" || !s.Service.Play(t, SceneText) {
		return
	}
	if a := s.collect(t, s.ask(t.Context(), providers.Request{})); a.err != nil {
		t.Fatal(a.err)
	}
	_, _ = s.Provider.Models(t.Context(), s.Cred)
	for _, r := range s.Service.Sent() {
		if strings.Contains(r.URL, secret) || strings.Contains(r.Body, secret) {
			t.Errorf("the secret stands in the URL or the body of %s", r.URL)
		}
		if !strings.Contains(r.Header, secret) {
			t.Errorf("the secret was not sent to %s", r.URL)
		}
	}
	s.Service.Play(t, SceneText)
	for range s.Provider.Stream(t.Context(), providerauth.Credential{Source: providerauth.FromNone}, providers.Request{Model: s.Model, Messages: Said("Hi")}) {
	}
	for _, r := range s.Service.Sent() {
		if strings.Contains(r.Header, secret) {
			t.Error("a secret was sent that was not given")
		}
	}
}

// checkAtOnce asks from many goroutines at once.
func checkAtOnce(t *testing.T, s *suite) {
	if !s.Service.Play(t, SceneText) {
		return
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 4 {
				if a := s.collect(t, s.ask(t.Context(), providers.Request{})); a.err != nil || a.text != SaidText {
					t.Errorf("got %q, %v", a.text, a.err)
				}
			}
		})
	}
	all.Wait()
}
