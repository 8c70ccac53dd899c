package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/login"
)

// Forms end with their time, with their context, once; and nobody answers twice.
func TestForms(t *testing.T) {
	h := run(t, "", nil)
	v := visit(t, h.Channel, Owner, "conversation1")
	v.say(t, "hello")
	step := login.Step{Text: "Which?", Field: &login.Field{Name: "Code"}, Choices: []login.Choice{{Label: "A", Value: "a"}}}
	ask := func(ctx context.Context, s login.Step) <-chan error {
		done := make(chan error, 1)
		go func() {
			got, err := h.Ask(ctx, channels.Post{To: v.conv, Only: Owner}, s)
			if err == nil && got.Reveal() != "a" {
				err = fmt.Errorf("the answer is %d long", len(got.Reveal()))
			}
			done <- err
		}()
		return done
	}
	done := ask(t.Context(), step)
	v.until(t, "the form is shown", func() bool { return len(v.forms) == 1 })
	url := v.base + "/forms/" + v.forms[0].ID
	for _, a := range []string{"", "  ", "b"} {
		v.want(t, 422, v.do(t, "POST", url, map[string]string{"answer": a}), nil)
	}
	v.want(t, 200, v.do(t, "POST", url, map[string]string{"answer": " a\n"}), nil)
	if err := <-done; err != nil {
		t.Error(err)
	}
	v.until(t, "the form is gone", func() bool { return len(v.forms) == 0 })
	v.want(t, 410, v.do(t, "POST", url, map[string]string{"answer": "a"}), nil)

	step.Expires = time.Now().Add(20 * time.Millisecond)
	if err := <-ask(t.Context(), step); !errors.Is(err, login.ErrExpired) {
		t.Errorf("after its time Ask gave %v; want ErrExpired", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	step.Expires = time.Time{}
	done = ask(ctx, step)
	v.until(t, "another form is shown", func() bool { return len(v.forms) == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Ask gave %v; want the context's error", err)
	}
	v.until(t, "it is taken back", func() bool { return len(v.forms) == 0 })
}

// A secret argument of a command, and what is shaped like a key, go to the core and nowhere else.
func TestSecretsAreNotKept(t *testing.T) {
	home := t.TempDir()
	h := run(t, home, func(s *Settings) { s.Core = secretive{} })
	menu := []channels.Command{{Name: "login", Args: []channels.Arg{{Name: "provider", Complete: func(context.Context, string) []string { return []string{"openai"} }}, {Name: "key", Secret: true,
		Complete: func(context.Context, string) []string { t.Error("a secret was completed"); return nil }}}}}
	if err := h.SetMenu(t.Context(), menu); err != nil {
		t.Fatal(err)
	}
	v := visit(t, h.Channel, Owner, "conversation1")
	for _, text := range []string{"/login openai CANARY-arg more", "/LOGIN openai CANARY-case", "CANARY-text"} {
		v.say(t, text)
	}
	v.until(t, "all are shown", func() bool { return len(v.have) == 3 })
	for i, want := range []string{"/login openai " + notKept, "/LOGIN openai " + notKept, notKept} {
		if got := v.shown()[i].Text; got != want {
			t.Errorf("shown %q; want %q", got, want)
		}
	}
	if got := h.messages()[0].Text; got != "/login openai CANARY-arg more" {
		t.Errorf("the core heard %q", got)
	}
	v.want(t, 200, v.do(t, "POST", v.base+"/complete", map[string]string{"text": "/login openai CANARY"}), nil)
	var values []string
	v.want(t, 200, v.do(t, "POST", v.base+"/complete", map[string]string{"text": "/login o"}), &values)
	if !slices.Equal(values, []string{"openai"}) {
		t.Errorf("completed %q", values)
	}
	h.stop()
	err := filepath.WalkDir(home, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte("CANARY")) {
			t.Errorf("%s holds a secret", path)
		}
		return err
	})
	if err != nil || strings.Contains(h.log.String(), "CANARY") {
		t.Errorf("the log holds a secret (%v)", err)
	}
}
