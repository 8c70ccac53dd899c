package providerauth

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatgateway/internal/secret"
)

func TestWhereACredentialComesFrom(t *testing.T) {
	w := newWorld(t)
	w.wantErr(Want{}, ErrNone)
	w.env["ACME_KEY"] = "your-api-key-here"
	w.wantErr(Want{}, ErrNone) // an example's placeholder is no key
	w.env["ACME_API_KEY"] = " FAKE-env-2\n"
	c := w.want(Want{}, "FAKE-env-2", FromEnv)
	if c.ID != "acme" || c.Label != "ACME_API_KEY" {
		t.Errorf("the environment's credential is %q from %q", c.ID, c.Label)
	}
	w.env["ACME_KEY"] = "FAKE-env-1"
	w.want(Want{Provider: "WILE"}, "FAKE-env-1", FromEnv)

	set(t, w.store, apiKey("acme", "FAKE-stored"))
	set(t, w.store, apiKey("acme:work", "FAKE-work"))
	w.want(Want{}, "FAKE-stored", FromStore)
	w.want(Want{Account: "work"}, "FAKE-work", FromStore)
	w.want(Want{Account: "env"}, "FAKE-env-1", FromEnv)
	w.wantErr(Want{Account: "nobody"}, ErrNone)
	w.want(Want{Not: []ID{"acme"}}, "FAKE-work", FromStore)
	w.wantErr(Want{Not: []ID{"acme", "acme:work"}}, ErrNone) // not the environment's, which might cost money

	w.m.Override("acme", secret.New("FAKE-runtime"), "/run/key")
	if c := w.want(Want{}, "FAKE-runtime", FromRuntime); c.Label != "/run/key" {
		t.Errorf("label is %q", c.Label)
	}
	w.want(Want{Account: "work"}, "FAKE-work", FromStore)
	w.m.Override("acme", secret.String{}, "")
	w.want(Want{}, "FAKE-stored", FromStore)

	w.want(Want{Provider: "local"}, "", FromNone)
	w.wantErr(Want{Provider: "nobody"}, ErrUnknown)
}

func TestAVariableServesOneProvider(t *testing.T) {
	w := newWorld(t)
	w.env["SHARED_KEY"] = "FAKE-shared"
	w.want(Want{}, "FAKE-shared", FromEnv)
	w.wantErr(Want{Provider: "other"}, ErrNone)
	w.env["OTHER_API_KEY"] = "FAKE-other"
	w.want(Want{Provider: "other"}, "FAKE-other", FromEnv)
	if vars := strings.Join(w.m.Variables("other"), " "); vars != "OTHER_API_KEY" {
		t.Errorf("the other's variables: %s", vars)
	}
}

func TestOrder(t *testing.T) {
	w := newWorld(t, apiKey("acme", "FAKE-stored"), apiKey("acme:work", "FAKE-work"), apiKey("acme:home", "FAKE-home"))
	w.env["ACME_KEY"] = "FAKE-env"
	ctx := t.Context()
	for _, name := range []ID{"acme:work", "work", "wile:work"} {
		w.m.SetConfigOrder(map[string][]ID{"acme": {name}})
		w.want(Want{}, "FAKE-work", FromStore)
		w.want(Want{Order: []ID{name, "default"}, Not: []ID{"acme:work"}}, "FAKE-stored", FromStore)
	}
	if err := w.m.SetOrder(ctx, "wile", "", []ID{"home", "env"}); err != nil {
		t.Fatal(err)
	}
	w.want(Want{}, "FAKE-home", FromStore)
	env := w.want(Want{Not: []ID{"acme:home"}}, "FAKE-env", FromEnv)
	w.wantErr(Want{Not: []ID{"acme:home", env.ID}}, ErrNone) // what is not listed is not used
	w.want(Want{Order: []ID{"acme"}}, "FAKE-stored", FromStore)
	w.want(Want{Account: "work"}, "FAKE-work", FromStore) // asked for by name
	if err := w.m.SetOrder(ctx, "acme", "", []ID{"nobody"}); !errors.Is(err, ErrNone) {
		t.Errorf("an account that is not there: %v", err)
	}
	if err := w.m.SetOrder(ctx, "acme", "", nil); err != nil {
		t.Fatal(err)
	}
	w.want(Want{}, "FAKE-work", FromStore) // config's holds again
}

func TestADeadSignInDoesNotSpendMoney(t *testing.T) {
	w := newWorld(t, token(1, -time.Hour))
	w.env["ACME_KEY"] = "FAKE-paid"
	w.answer(dead)
	w.wantErr(Want{}, ErrNeedsLogin)
	w.wantErr(Want{}, ErrNeedsLogin)
	w.exchanges(1) // it is not tried again
	if err := w.m.SetOrder(t.Context(), "acme", "", []ID{"acme", "env"}); err != nil {
		t.Fatal(err)
	}
	c := w.want(Want{}, "FAKE-paid", FromEnv)
	if c.ID != "acme:env" {
		t.Errorf("beside a stored default account the environment's is called %q", c.ID)
	}
}

func TestCoolDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, apiKey("acme", "FAKE-stored"), apiKey("acme:work", "FAKE-work"))
		c := w.want(Want{}, "FAKE-stored", FromStore)
		w.m.Report(c, RateLimited, 0)
		work := w.want(Want{}, "FAKE-work", FromStore)
		w.wantErr(Want{Account: "default"}, ErrCooling)
		w.m.Report(work, NoCredit, 0)
		e := w.wantErr(Want{}, ErrCooling)
		if d := time.Until(e.Until); d != 30*time.Second || !strings.Contains(e.UserMessage(), "30 seconds") {
			t.Errorf("it cools for %v: %s", d, e.UserMessage())
		}
		time.Sleep(30 * time.Second)
		w.want(Want{}, "FAKE-stored", FromStore) // one request may try it
		w.wantErr(Want{}, ErrCooling)            // another waits for what comes of that
		w.m.Report(c, RateLimited, 0)
		if d := time.Until(w.wantErr(Want{Not: []ID{"acme:work"}}, ErrCooling).Until); d != time.Minute {
			t.Errorf("the second time it cools for %v", d)
		}
		time.Sleep(time.Minute)
		w.want(Want{}, "FAKE-stored", FromStore)
		w.m.Report(c, Worked, 0)
		w.want(Want{}, "FAKE-stored", FromStore)
		w.want(Want{}, "FAKE-stored", FromStore)
		w.m.Report(c, RateLimited, 48*time.Hour)
		if d := time.Until(w.wantErr(Want{Not: []ID{"acme:work"}}, ErrCooling).Until); d != time.Hour {
			t.Errorf("asked for two days it cools for %v", d)
		}
		w.m.Report(c, Forbidden, 0)
		if err := w.m.Put(t.Context(), "acme", apiKey("", "FAKE-new")); err != nil {
			t.Fatal(err)
		}
		c = w.want(Want{}, "FAKE-new", FromStore) // a new login ends it
		w.m.Report(c, Unauthorized, 0)
		set(t, w.store, apiKey("acme", "FAKE-newer")) // by another process
		w.want(Want{}, "FAKE-newer", FromStore)
	})
}

func TestAPinnedAccountIsNeverLeft(t *testing.T) {
	w := newWorld(t, apiKey("acme", "FAKE-stored"), apiKey("acme:work", "FAKE-work"))
	c := w.want(Want{Account: "work"}, "FAKE-work", FromStore)
	w.m.Report(c, RateLimited, 0)
	w.wantErr(Want{Account: "work"}, ErrCooling)
	w.want(Want{}, "FAKE-stored", FromStore)
}

func TestDisabled(t *testing.T) {
	w := newWorld(t, apiKey("acme", "FAKE-stored"))
	w.env["ACME_KEY"] = "FAKE-env"
	if err := w.m.Enable(t.Context(), "acme", false); err != nil {
		t.Fatal(err)
	}
	w.wantErr(Want{}, ErrNone)
	if _, err := w.store.Get(t.Context(), "acme"); err != nil {
		t.Errorf("disabled, and gone: %v", err)
	}
	if err := w.m.Enable(t.Context(), "acme", true); err != nil {
		t.Fatal(err)
	}
	w.want(Want{}, "FAKE-stored", FromStore)
	if got := w.m.SignInFirst(t.Context()); len(got) != 0 {
		t.Errorf("to be signed in first: %v", got)
	}
	if err := w.m.Enable(t.Context(), "other", true); err != nil {
		t.Fatal(err)
	}
	if got := w.m.SignInFirst(t.Context()); len(got) != 1 || got[0] != "other" {
		t.Errorf("to be signed in first: %v", got)
	}
	if err := w.m.Put(t.Context(), "other", apiKey("", "FAKE-other")); err != nil {
		t.Fatal(err)
	}
	if got := w.m.SignInFirst(t.Context()); len(got) != 0 {
		t.Errorf("after the login: %v", got)
	}
}

func TestReferences(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	write(t, file, "FAKE-in-a-file\n")
	w := newWorld(t)
	w.env["MINE"] = "FAKE-in-a-variable"
	refs := map[string]string{"env:MINE": "FAKE-in-a-variable", "file:" + file: "FAKE-in-a-file", "literal:env:MINE": "env:MINE"}
	if runtime.GOOS != "windows" {
		refs["exec:echo FAKE-of-a-command"] = "FAKE-of-a-command"
	}
	for ref, want := range refs {
		set(t, w.store, apiKey("acme", ref))
		w.want(Want{}, want, FromStore)
		if c, _ := w.store.Get(t.Context(), "acme"); c.Key.Reveal() != ref {
			t.Errorf("%s was written back as %s", ref, c.Key.Reveal())
		}
	}
	for _, ref := range []string{"env:NOBODY", "file:" + file + ".not", "exec:false", "exec:"} {
		set(t, w.store, apiKey("acme", ref))
		e := w.wantErr(Want{}, ErrNone)
		if e.Reason == "" {
			t.Errorf("%s: no reason", ref)
		}
	}
	// What somebody types in a chat never runs a command.
	out, err := w.m.Login(t.Context(), "other", "key", say("exec:touch-something-somewhere"))
	if err != nil || out.Credential.Key.Reveal() != "exec:touch-something-somewhere" {
		t.Fatalf("%v", err)
	}
	w.want(Want{Provider: "other"}, "exec:touch-something-somewhere", FromStore)
}

func TestAnUnreadableFileLeavesTheEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "providers.json")
	write(t, path, `{"acme": `)
	w := worldOn(t, OpenFile(path))
	e := w.wantErr(Want{}, ErrUnreadable)
	if !strings.Contains(e.UserMessage(), path+":1:") {
		t.Errorf("it does not say where: %s", e.UserMessage())
	}
	w.env["ACME_KEY"] = "FAKE-env"
	w.want(Want{}, "FAKE-env", FromEnv)
	if err := w.m.StoreErr(); !errors.Is(err, ErrUnreadable) {
		t.Errorf("StoreErr gives %v", err)
	}
	if _, err := w.m.Login(t.Context(), "acme", "key", say("FAKE-a-long-enough-key")); !errors.Is(err, ErrUnreadable) {
		t.Errorf("a login gives %v", err)
	}
	if data, _ := os.ReadFile(path); string(data) != `{"acme": ` {
		t.Errorf("it was overwritten: %s", data)
	}
}

func TestChangedAndGone(t *testing.T) {
	w := newWorld(t, apiKey("acme", "FAKE-stored"))
	w.want(Want{}, "FAKE-stored", FromStore)
	ch, gone := w.m.Changed(), w.m.Gone("acme")
	if err := w.m.Put(t.Context(), "other", apiKey("", "FAKE-other")); err != nil {
		t.Fatal(err)
	}
	isClosed(t, ch, "a login")
	ch = w.m.Changed()
	set(t, w.store, Credential{ID: "acme"}) // another process logs out
	w.wantErr(Want{}, ErrNone)
	isClosed(t, ch, "a logout elsewhere")
	isClosed(t, gone, "a logout elsewhere")
	select {
	case <-w.m.Gone("acme"):
		t.Error("the next credential is gone already")
	default:
	}
}

func TestCredentialEndsWithItsContext(t *testing.T) {
	w := newWorld(t, token(1, -time.Hour))
	hold := make(chan struct{})
	w.answer(func(n int64, _ Credential) (Credential, error) { <-hold; return token(2, time.Hour), nil })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := w.m.Credential(ctx, Want{Provider: "acme"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	close(hold)
	if err := w.m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c, _ := w.store.Get(t.Context(), "acme"); c.Refresh.Reveal() != "FAKE-refresh-2" {
		t.Error("a rotated token was thrown away with its caller")
	}
}
