package gateway

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatgateway/access"
	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/commands"
	"chatgateway/internal/redact"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/providertest"
	"chatgateway/store"
)

// world is a gateway with one chat service and one provider, all in memory, in which time passes only while everybody
// waits. A test is a dialogue: say, press, want.
type world struct {
	t      *testing.T
	chat   *channeltest.Fake
	model  *providertest.Fake
	store  *store.Store
	auth   *providerauth.Manager
	g      *Gateway
	log    *lines
	path   string
	roles  map[channels.UserID]access.Role
	cancel context.CancelFunc
	done   chan error
	set    Settings
	creds  *providerauth.Memory
	known  *redact.Redactor
	hooks  Hooks
	crowd  int // see hand
}

// lines is a log in memory.
type lines struct {
	mu sync.Mutex
	b  strings.Builder // guarded by mu
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// policy lets ann be the owner, bob a user, and nobody else in.
type policy struct{ w *world }

func (p policy) Decide(_ context.Context, _ channels.AccountID, m channels.Message) access.Decision {
	return access.Decision{Role: p.w.roles[m.From], Why: "test"}
}

// inWorld runs a dialogue in a fresh world.
func inWorld(t *testing.T, f func(*world), change ...func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			t: t, chat: channeltest.NewFake(), model: providertest.New("fake"), log: &lines{}, path: filepath.Join(t.TempDir(), "gateway.db"),
			roles: map[channels.UserID]access.Role{channeltest.UserID("ann"): access.Owner, channeltest.UserID("bob"): access.User},
			creds: providerauth.NewMemory(), known: &redact.Redactor{},
		}
		for _, c := range change {
			c(w)
		}
		w.start()
		t.Cleanup(w.stop)
		f(w)
	})
}

// start opens the store and serves.
func (w *world) start() {
	w.t.Helper()
	var err error
	log := slog.New(redact.Handler(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}), w.known))
	if w.store, err = store.Open(w.t.Context(), w.path, store.Options{Sync: "normal", Log: log}); err != nil {
		w.t.Fatal(err)
	}
	w.auth = providerauth.New(providerauth.Options{
		Store: w.creds, Schemes: []providerauth.Scheme{w.model.Auth()}, Env: func(string) string { return "" }, Log: log,
		Learn: w.known.Learn,
	})
	w.g = New(Options{
		Store: w.store, Auth: w.auth, Providers: func() []providers.Provider { return []providers.Provider{w.model} }, Policy: policy{w},
		Commands: commands.All(), Settings: w.set, Log: log, Version: "test", Secrets: w.known, Hooks: w.hooks,
	})
	w.g.Apply([]Account{{ID: "chat", Service: w.chat.Service("chat"), Settings: &channeltest.FakeSettings{},
		Secrets: channeltest.NewSecrets(map[string]string{"token": channeltest.GoodToken}), Version: "1"}})
	ctx, cancel := context.WithCancel(w.t.Context())
	w.cancel, w.done = cancel, make(chan error, 1)
	go func() { w.done <- w.g.Serve(ctx) }()
	synctest.Wait()
}

// stop ends serving in order.
func (w *world) stop() {
	w.t.Helper()
	if w.cancel == nil {
		return
	}
	w.cancel()
	w.cancel = nil
	if err := <-w.done; err != nil {
		w.t.Errorf("Serve: %v", err)
	}
	if err := w.auth.Close(context.Background()); err != nil {
		w.t.Errorf("close: %v", err)
	}
	if err := w.store.Close(); err != nil {
		w.t.Errorf("close the store: %v", err)
	}
}

// login gives the provider a credential without any dialogue.
func (w *world) login() {
	w.t.Helper()
	c := providerauth.Credential{Type: providerauth.Key, Key: providertest.Key("stored")}
	if err := w.auth.Put(w.t.Context(), "fake", c); err != nil {
		w.t.Fatal(err)
	}
	w.g.LoggedIn(w.t.Context(), "fake")
}

// say lets a person write, in private or, as "name@group", in the group, and waits until all is quiet.
func (w *world) say(who, text string) channels.MessageID {
	person, group := strings.CutSuffix(who, "@group")
	m := w.chat.Message(channeltest.Line{Person: person, Text: text, Group: group})
	w.chat.Put(m)
	w.settle()
	return m.ID
}

// talk lets a person write, and checks that they see each text then, in this order.
func (w *world) talk(who, text string, see ...string) {
	w.t.Helper()
	w.say(who, text)
	w.want(who, see...)
}

// begins makes the next answer one that begins so and does not end.
func (w *world) begins(text string) {
	w.model.Reply(append(providertest.Says(text), providertest.Hold(nil))...)
}

// later makes the next answer one that comes after a while.
func (w *world) later(d time.Duration, text string) { w.grows("", d, text) }

// grows makes the next answer one that begins so and ends after a while.
func (w *world) grows(text string, d time.Duration, end string) {
	steps := append(providertest.Says(text), providertest.Wait(d))
	if text == "" {
		steps = steps[1:]
	}
	w.model.Reply(append(steps, providertest.Text(end)...)...)
}

// restart ends serving in order and begins anew.
func (w *world) restart() {
	w.t.Helper()
	w.stop()
	w.start()
	w.settle()
}

// settle lets two seconds pass, in which everything that can happen happens.
func (w *world) settle() {
	time.Sleep(2 * time.Second)
	synctest.Wait()
}

// press presses a button of the newest message that has it.
func (w *world) press(who, label string) {
	w.t.Helper()
	person, group := strings.CutSuffix(who, "@group")
	shown := w.chat.Shown(w.t, person, group)
	for _, s := range slices.Backward(shown) {
		if slices.Contains(s.Buttons, label) {
			w.chat.Press(w.t, person, group, s, label)
			w.settle()
			return
		}
	}
	w.t.Fatalf("no button %q; shown: %+v", label, shown)
}

// sees gives what a person sees there.
func (w *world) sees(who string) string {
	person, group := strings.CutSuffix(who, "@group")
	var b strings.Builder
	for _, s := range w.chat.Shown(w.t, person, group) {
		b.WriteString(s.Text)
		for _, l := range s.Buttons {
			b.WriteString(" [" + l + "]")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// want checks that a person sees each text there, in this order.
func (w *world) want(who string, texts ...string) {
	w.t.Helper()
	all := w.sees(who)
	rest := all
	for _, t := range texts {
		n := strings.Index(rest, t)
		if n < 0 {
			w.t.Fatalf("%s does not see %q, or not in this order; sees:\n%s\nlog:\n%s", who, t, all, w.log)
		}
		rest = rest[n+len(t):]
	}
}

// wantNot checks that a person sees none of the texts there.
func (w *world) wantNot(who string, texts ...string) {
	w.t.Helper()
	all := w.sees(who)
	for _, t := range texts {
		if strings.Contains(all, t) {
			w.t.Fatalf("%s sees %q:\n%s", who, t, all)
		}
	}
}
