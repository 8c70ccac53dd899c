package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"chatgateway/login"
)

// pty opens a terminal: what is typed goes into master, and what it shows comes out there.
func pty(t *testing.T) (master, terminal *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close(); _ = master.Close() })
	return master, terminal
}

// read gathers what a terminal shows, until it is closed.
func (s *screen) read(f *os.File) {
	buf := make([]byte, 4096)
	for {
		n, err := f.Read(buf)
		_, _ = s.Write(buf[:n]) // never fails
		if err != nil {
			return
		}
	}
}

// wait waits until a text is shown.
func (s *screen) wait(t *testing.T, text string) {
	t.Helper()
	for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(time.Millisecond) {
		if strings.Contains(s.String(), text) {
			return
		}
	}
	t.Fatalf("%q was not shown:\n%s", text, s)
}

func TestTerminalPrompts(t *testing.T) {
	master, terminal := pty(t)
	s := &screen{}
	go s.read(master) // ends when the terminal is closed
	a := &app{in: terminal, out: terminal, err: terminal, env: func(string) string { return "" }}
	p := a.prompter()
	type answer struct {
		text string
		err  error
	}
	ask := func(ctx context.Context, step login.Step) <-chan answer {
		ch := make(chan answer, 1)
		go func() {
			v, err := p.Prompt(ctx, step)
			ch <- answer{v.Reveal(), err}
		}()
		return ch
	}
	typeIn := func(text string) {
		t.Helper()
		if _, err := master.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	check := func(text string) error {
		if len(text) < 4 {
			return errors.New("that is too short")
		}
		return nil
	}

	// A secret is not shown, also when it is asked again.
	got := ask(t.Context(), login.Step{Text: "First, please.", Field: &login.Field{Name: "Key", Secret: true, Check: check}})
	s.wait(t, "Key (not shown; empty: cancel): ")
	typeIn("abc\n")
	s.wait(t, "that is too short")
	typeIn("canary-secret\n")
	if a := <-got; a.text != "canary-secret" || a.err != nil {
		t.Fatalf("got %q, %v", a.text, a.err)
	}
	if strings.Contains(s.String(), "abc") || strings.Contains(s.String(), "canary") {
		t.Fatalf("the secret was shown:\n%s", s)
	}

	// What is no secret is shown, and a number chooses.
	got = ask(t.Context(), login.Step{
		Text: "Second, please.", Field: &login.Field{Name: "Way"},
		Choices: []login.Choice{{Label: "Browser", Value: "browser"}, {Label: "Key", Value: "key"}},
	})
	s.wait(t, "Way (empty: cancel): ")
	typeIn("2\n")
	if a := <-got; a.text != "key" || a.err != nil {
		t.Fatalf("got %q, %v", a.text, a.err)
	}
	s.wait(t, "2\r\n")

	// A question that is taken back leaves the terminal as it was, and its line to the next one.
	ctx, cancel := context.WithCancel(t.Context())
	got = ask(ctx, login.Step{Text: "Third, please.", Field: &login.Field{Name: "Secret", Secret: true}})
	s.wait(t, "Secret (not shown")
	cancel()
	if a := <-got; !errors.Is(a.err, context.Canceled) {
		t.Fatalf("got %q, %v", a.text, a.err)
	}
	term, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil || term.Lflag&unix.ECHO == 0 {
		t.Fatalf("the terminal does not echo any more (%v)", err)
	}
	got = ask(t.Context(), login.Step{Text: "Fourth, please.", Field: &login.Field{Name: "Code"}})
	s.wait(t, "Code (empty: cancel): ")
	typeIn("visible\n")
	if a := <-got; a.text != "visible" || a.err != nil {
		t.Fatalf("got %q, %v", a.text, a.err)
	}

	// While a browser may still answer, a bare Enter gives nothing up.
	got = ask(t.Context(), login.Step{Text: "Link.", URL: "https://example.org/", Field: &login.Field{Name: "Pasted"}})
	s.wait(t, "Pasted (Ctrl-C: cancel): ")
	typeIn("\n\ncode-1\n")
	if a := <-got; a.text != "code-1" || a.err != nil {
		t.Fatalf("got %q, %v", a.text, a.err)
	}

	// Time that has passed, an empty answer.
	got = ask(t.Context(), login.Step{Text: "Fifth.", Field: &login.Field{Name: "Late"}, Expires: time.Now().Add(time.Millisecond)})
	if a := <-got; !errors.Is(a.err, login.ErrExpired) {
		t.Fatalf("got %q, %v", a.text, a.err)
	}
	got = ask(t.Context(), login.Step{Text: "Sixth.", Field: &login.Field{Name: "None"}})
	s.wait(t, "None (empty: cancel): ")
	typeIn("\n")
	if a := <-got; !errors.Is(a.err, login.ErrCanceled) {
		t.Fatalf("got %q, %v", a.text, a.err)
	}
}
