// Package providertest checks that a provider keeps the promises of package providers (Run), and has a provider that
// needs no service (Fake), for the tests of what stands above.
package providertest

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"chatgateway/internal/secret"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/catalog"
	"chatgateway/providers/wire"
)

// Script answers one request. It is called in the goroutine of the one who ranges over the stream.
type Script func(ctx context.Context, cred providerauth.Credential, req providers.Request) iter.Seq2[providers.Delta, error]

// Call is what Fake was asked once.
type Call struct {
	Cred providerauth.Credential
	Req  providers.Request
}

// Fake is a provider whose answers are scripted. Every Answer, Reply, Fail and Script adds one answer to a queue; each
// request takes the next. When the queue is empty it answers "echo: " and the last text it was sent, in two pieces, or
// what Always set. It is safe for concurrent use, and waits with timers only, so that it works under synctest.
type Fake struct {
	id string

	mu     sync.Mutex // guards everything below
	scheme providerauth.Scheme
	models []catalog.Model
	queue  []Script
	always Script
	keys   []secret.String // nil: any
	lists  error           // what Models and Probe meet
	calls  []Call
	forget bool
	open   int
	change chan struct{} // closed when calls or open changes
}

// New makes a Fake with an API key to log in with and one model, "small", that takes text, and one, "large", that
// sees and thinks and is the preferred one.
func New(id string) *Fake {
	f := &Fake{id: id, always: echo, change: make(chan struct{})}
	f.models = []catalog.Model{
		{ID: "large", Name: "Large", Window: 100_000, MaxOut: 4096, Sees: true, Thinks: true, Preferred: true},
		{ID: "small", Name: "Small", Window: 8_000, MaxOut: 1024, Blind: true},
	}
	f.scheme = providerauth.Scheme{
		ID: id, Name: id, KeyPage: "https://" + id + ".example/keys", Hosts: []string{id + ".example"},
		Probe: f.probe,
	}
	f.scheme.Methods = []providerauth.Method{providerauth.KeyMethod(id, f.scheme.KeyPage, nil)}
	return f
}

// Key is a key of the shape that a Fake takes, with word in it to tell keys apart.
func Key(word string) secret.String { return secret.New("FAKE-key-for-tests-" + word) }

// Cred is a credential of the fake as the environment would give it.
func (f *Fake) Cred() providerauth.Credential {
	return providerauth.Credential{ID: providerauth.ID(f.id), Type: providerauth.Key, Key: Key(f.id), Source: providerauth.FromEnv}
}

// Answer adds an answer of these pieces of text, with usage.
func (f *Fake) Answer(pieces ...string) { f.Reply(Text(pieces...)...) }

// Fail adds an answer that is only this error.
func (f *Fake) Fail(err error) { f.Reply(Step{Err: err}) }

// Reply adds an answer made of steps; see Text, Wait, Hold and Fail.
func (f *Fake) Reply(steps ...Step) { f.Script(Play(steps...)) }

// Script adds an answer made by s.
func (f *Fake) Script(s Script) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, s)
}

// Always sets the answer for when the queue is empty.
func (f *Fake) Always(s Script) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.always = s
}

// Accept makes every other key or access token than these unauthorized; Accept() refuses all.
func (f *Fake) Accept(keys ...secret.String) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys = append([]secret.String{}, keys...)
}

// Has replaces the models.
func (f *Fake) Has(models ...catalog.Model) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.models = models
}

// FailLists makes Models and Probe meet this error; nil ends that.
func (f *Fake) FailLists(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lists = err
}

// Change alters the scheme that Auth gives. Call it before the Fake is used.
func (f *Fake) Change(change func(*providerauth.Scheme)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.scheme)
}

// Forget stops the recording of calls, for benchmarks.
func (f *Fake) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget, f.calls = true, nil
}

// Calls lists what was asked so far.
func (f *Fake) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Open counts the streams that have begun and not ended.
func (f *Fake) Open() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open
}

// Until waits until ok is true of the number of calls and of open streams, or ctx ends; it reports which.
func (f *Fake) Until(ctx context.Context, ok func(calls, open int) bool) bool {
	for {
		f.mu.Lock()
		good, change := ok(len(f.calls), f.open), f.change
		f.mu.Unlock()
		if good {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-change:
		}
	}
}

// Auth implements providers.Provider.
func (f *Fake) Auth() providerauth.Scheme {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.scheme
}

// Models implements providers.Provider.
func (f *Fake) Models(ctx context.Context, cred providerauth.Credential) ([]catalog.Model, error) {
	if ctx.Err() != nil {
		return nil, wire.Ended(ctx, f.id)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.accepts(cred) {
		return nil, &providers.Error{Kind: providers.ErrUnauthorized, Provider: f.scheme.Name, Status: 401}
	}
	if f.lists != nil {
		return nil, f.lists
	}
	return slices.Clone(f.models), nil
}

// Stream implements providers.Provider.
func (f *Fake) Stream(ctx context.Context, cred providerauth.Credential, req providers.Request) iter.Seq2[providers.Delta, error] {
	return func(yield func(providers.Delta, error) bool) {
		script := f.next(cred, req)
		defer f.closed()
		for d, err := range script(ctx, cred, req) {
			if ctx.Err() != nil {
				err = wire.Ended(ctx, f.id)
			}
			if err != nil {
				yield(providers.Delta{}, err)
				return
			}
			if !yield(d, nil) {
				return
			}
		}
	}
}

// next records the call and gives what answers it.
func (f *Fake) next(cred providerauth.Credential, req providers.Request) Script {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.forget {
		f.calls = append(f.calls, Call{cred, req})
	}
	f.open++
	f.changed()
	if !f.accepts(cred) {
		return Play(Fail(&providers.Error{Kind: providers.ErrUnauthorized, Provider: f.scheme.Name, Status: 401}))
	}
	if m := f.model(req.Model); m != nil && m.Blind && wire.HasImage(req) {
		return Play(Fail(&providers.Error{Kind: providers.ErrUnable, Provider: f.scheme.Name}))
	}
	if len(f.queue) == 0 {
		return f.always
	}
	s := f.queue[0]
	f.queue = f.queue[1:]
	return s
}

func (f *Fake) closed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open--
	f.changed()
}

// changed wakes those in Until; f.mu is held.
func (f *Fake) changed() {
	close(f.change)
	f.change = make(chan struct{})
}

// accepts reports whether the credential is one that Accept named; f.mu is held.
func (f *Fake) accepts(cred providerauth.Credential) bool {
	return f.keys == nil || slices.ContainsFunc(f.keys, cred.Secret().Equal)
}

// model finds a model; f.mu is held.
func (f *Fake) model(id string) *catalog.Model {
	for i := range f.models {
		if f.models[i].ID == id {
			return &f.models[i]
		}
	}
	return nil
}

func (f *Fake) probe(ctx context.Context, cred providerauth.Credential) (providerauth.Finding, error) {
	models, err := f.Models(ctx, cred)
	if err != nil {
		return wire.Finding(err)
	}
	found := providerauth.Finding{Works: true, Sure: true}
	for _, m := range models {
		found.Models = append(found.Models, m.ID)
	}
	return found, nil
}

// Step is a piece of a scripted answer: a wait, then a delta or an error.
type Step struct {
	Wait  time.Duration   // before it
	Until <-chan struct{} // and until this is closed; nil: at once
	Delta providers.Delta
	Err   error
}

// Text makes the steps of a whole answer of text, its end with usage included.
func Text(pieces ...string) []Step {
	n := 0
	steps := Says(pieces...)
	for _, p := range pieces {
		n += len(p)
	}
	return append(steps, Ends(providers.StopEnd, providers.Usage{In: 10, Out: 1 + n/4}))
}

// Says makes steps of text without an end.
func Says(pieces ...string) []Step {
	var steps []Step
	for _, p := range pieces {
		steps = append(steps, Step{Delta: providers.Delta{Part: providers.Part{Text: p}}})
	}
	return steps
}

// Ends is the end of an answer.
func Ends(why providers.Stop, u providers.Usage) Step {
	return Step{Delta: providers.Delta{Stop: why, Usage: &u}}
}

// Wait is a step that only waits.
func Wait(d time.Duration) Step { return Step{Wait: d} }

// Hold is a step that waits until c is closed; nil waits until the context ends.
func Hold(c <-chan struct{}) Step {
	if c == nil {
		c = make(chan struct{})
	}
	return Step{Until: c}
}

// Fail is a step that ends the answer with an error. providers.ErrCut and its like are wrapped as providers do.
func Fail(err error) Step { return Step{Err: err} }

// Play makes a Script of steps. The same Script may answer any number of requests.
func Play(steps ...Step) Script {
	return func(ctx context.Context, _ providerauth.Credential, _ providers.Request) iter.Seq2[providers.Delta, error] {
		return func(yield func(providers.Delta, error) bool) {
			for _, s := range steps {
				if !s.wait(ctx) {
					yield(providers.Delta{}, wire.Ended(ctx, "fake"))
					return
				}
				if s.Err != nil {
					yield(providers.Delta{}, s.Err)
					return
				}
				if s.empty() {
					continue
				}
				if !yield(s.Delta, nil) {
					return
				}
			}
		}
	}
}

// wait does the step's waiting; it reports whether the context lives.
func (s Step) wait(ctx context.Context) bool {
	if s.Wait > 0 {
		t := time.NewTimer(s.Wait)
		defer t.Stop()
		select {
		case <-ctx.Done():
			return false
		case <-t.C:
		}
	}
	if s.Until != nil {
		select {
		case <-ctx.Done():
			return false
		case <-s.Until:
		}
	}
	return ctx.Err() == nil
}

func (s Step) empty() bool {
	p := s.Delta.Part
	return s.Delta.Usage == nil && s.Delta.Stop == "" && p.Text == "" && p.Thought == "" && p.Blob == nil &&
		p.Call == nil && p.Result == nil && p.Raw == nil
}

// echo is what a Fake answers when nothing was scripted.
func echo(ctx context.Context, cred providerauth.Credential, req providers.Request) iter.Seq2[providers.Delta, error] {
	last := ""
	for _, m := range req.Messages {
		for _, p := range m.Parts {
			if m.Role == providers.User && p.Text != "" {
				last = p.Text
			}
		}
	}
	return Play(Text("echo: ", last)...)(ctx, cred, req)
}

// Interface guards
var _ providers.Provider = (*Fake)(nil)
