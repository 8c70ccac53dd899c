package providertest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"chatgateway/providers"
)

func ask(text string) providers.Request {
	return providers.Request{Model: "large", Messages: []providers.Message{{Role: providers.User, Parts: []providers.Part{{Text: text}}}}}
}

func collect(ctx context.Context, p providers.Provider, f *Fake, req providers.Request) (string, error) {
	s := ""
	for d, err := range p.Stream(ctx, f.Cred(), req) {
		if err != nil {
			return s, err
		}
		s += d.Part.Text
	}
	return s, nil
}

func TestFakeAnswersInOrder(t *testing.T) {
	f := New("fake")
	f.Answer("one ", "two")
	f.Fail(&providers.Error{Kind: providers.ErrOverloaded, Provider: "fake"})
	if got, err := collect(t.Context(), f, f, ask("x")); got != "one two" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := collect(t.Context(), f, f, ask("x")); !errors.Is(err, providers.ErrOverloaded) {
		t.Errorf("got %v, want ErrOverloaded", err)
	}
	if got, _ := collect(t.Context(), f, f, ask("hello")); got != "echo: hello" {
		t.Errorf("got %q", got)
	}
	if n := len(f.Calls()); n != 3 || f.Open() != 0 {
		t.Errorf("%d calls, %d open", n, f.Open())
	}
}

func TestFakeAccept(t *testing.T) {
	f := New("fake")
	f.Accept(Key("other"))
	if _, err := collect(t.Context(), f, f, ask("x")); !errors.Is(err, providers.ErrUnauthorized) {
		t.Errorf("got %v, want ErrUnauthorized", err)
	}
}

func TestFakeEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New("fake")
		f.Reply(append(Says("a"), Hold(nil))...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		got, err := collect(ctx, f, f, ask("x"))
		if got != "a" || !errors.Is(err, providers.ErrTimeout) {
			t.Errorf("got %q, %v", got, err)
		}
	})
}
