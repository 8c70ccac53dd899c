package providerauth

import (
	"fmt"
	"testing"

	"chatgateway/internal/secret"
)

// TestA1SentinelIsNotStored: what views show in the place of a key never takes its place.
func TestA1SentinelIsNotStored(t *testing.T) {
	w := newWorld(t)
	set(t, w.store, apiKey("acme", "FAKE-stored"))
	for _, s := range []string{secret.Mask, "sk-" + secret.Mask} {
		if err := w.m.Put(t.Context(), "acme", Credential{Type: Key, Key: secret.New(s)}); err == nil {
			t.Errorf("%s was stored", s)
		}
	}
	w.want(Want{}, "FAKE-stored", FromStore)
}

// TestA9NoOtherAccountsKey: an account that is missing is an error, whatever else there is.
func TestA9NoOtherAccountsKey(t *testing.T) {
	w := newWorld(t)
	w.env["ACME_API_KEY"] = "FAKE-env"
	set(t, w.store, apiKey("acme", "FAKE-stored"))
	w.wantErr(Want{Account: "nobody"}, ErrNone)
}

// TestLearn: every key is told before it is given out: stored, of the environment, overriding, referred to, put.
func TestLearn(t *testing.T) {
	told := map[string]bool{}
	w := newWorld(t)
	w.m.learn = func(list ...secret.String) {
		for _, s := range list {
			told[s.Reveal()] = true
		}
	}
	w.env["ACME_API_KEY"], w.env["ELSEWHERE"] = "FAKE-env", "FAKE-referred"
	set(t, w.store, apiKey("acme:stored", "FAKE-stored"))
	set(t, w.store, apiKey("acme:ref", "env:ELSEWHERE"))
	w.m.Override("acme", secret.New("FAKE-runtime"), "/run/key")
	if _, err := w.m.Credential(t.Context(), Want{Provider: "acme", Account: "ref"}); err != nil {
		t.Fatal(err)
	}
	if err := w.m.Put(t.Context(), "acme:put", Credential{Type: Key, Key: secret.New("FAKE-put")}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"FAKE-env", "FAKE-stored", "FAKE-runtime", "FAKE-referred", "FAKE-put"} {
		if !told[want] {
			t.Errorf("%s was not told", want)
		}
	}
	if told["env:ELSEWHERE"] {
		t.Error("a reference was told")
	}
}

// TestLearnsAtOnce: what is new in the store is told in one call; with one for each, a hundred accounts took seconds.
func TestLearnsAtOnce(t *testing.T) {
	w := newWorld(t)
	calls := 0
	w.m.learn = func(...secret.String) { calls++ }
	for i := range 20 {
		set(t, w.store, apiKey(ID(fmt.Sprintf("acme:n%d", i)), fmt.Sprintf("FAKE-number-%d", i)))
	}
	w.m.look()
	if calls != 1 {
		t.Errorf("Learn was called %d times", calls)
	}
}
