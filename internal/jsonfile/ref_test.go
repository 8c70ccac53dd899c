package jsonfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatgateway/internal/secret"
)

// TestHelper is no test: it is what exec: runs here, because every system has this binary.
func TestHelper(*testing.T) {
	switch os.Getenv("JSONFILE_TEST_HELPER") {
	case "print":
		_, _ = os.Stdout.WriteString("\n  123456:FAKE-from-command \n")
		os.Exit(0)
	case "fail":
		_, _ = os.Stdout.WriteString("123456:FAKE-half")
		_, _ = os.Stderr.WriteString("123456:FAKE-stderr")
		os.Exit(3)
	case "much":
		_, _ = os.Stdout.WriteString(strings.Repeat("x", refMaxSize+1))
		os.Exit(0)
	case "environ":
		_, _ = os.Stdout.WriteString(strings.Join(os.Environ(), "\n"))
		os.Exit(0)
	case "hang":
		time.Sleep(time.Minute) // until it is killed
	}
}

func helper() string { return "exec:'" + os.Args[0] + "' -test.run=^TestHelper$" }

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "token"), "\ufeff 123456:FAKE-from-file\r\n")
	write(t, filepath.Join(dir, "blank"), " \n")
	write(t, filepath.Join(dir, "huge"), strings.Repeat("x", refMaxSize+1))
	r := &Resolver{Dir: dir, Env: func(name string) string {
		return map[string]string{"TOKEN": " 123456:FAKE-from-env ", "BLANK": " "}[name]
	}}
	t.Setenv("JSONFILE_TEST_HELPER", "print")
	tests := []struct{ value, want, fails string }{
		{value: "123456:FAKE", want: "123456:FAKE"},
		{value: "", want: ""},
		{value: "literal:env:TOKEN", want: "env:TOKEN"},
		{value: "literal:", want: ""},
		{value: "env:TOKEN", want: "123456:FAKE-from-env"},
		{value: "env:BLANK", fails: "the variable BLANK is not set"},
		{value: "env:", fails: "the variable  is not set"},
		{value: "file:token", want: "123456:FAKE-from-file"},
		{value: "file:" + filepath.Join(dir, "token"), want: "123456:FAKE-from-file"},
		{value: "file:none", fails: "no such file"},
		{value: "file:blank", fails: "gives nothing"},
		{value: "file:huge", fails: "more than 64 KiB"},
		{value: "file:.", fails: "no regular file"},
		{value: helper(), want: "123456:FAKE-from-command"},
		{value: "exec:", fails: "empty"},
		{value: "exec:'open", fails: "not closed"},
		{value: "exec:no-such-command-here at all", fails: "no-such-command-here cannot be run"},
	}
	for _, tt := range tests {
		for range 2 { // the second time from memory
			got, err := r.Resolve(t.Context(), tt.value)
			if tt.fails == "" {
				if err != nil || got.Reveal() != tt.want {
					t.Errorf("%s: got %q, %v, want %q", tt.value, got.Reveal(), err, tt.want)
				}
				continue
			}
			if !errors.Is(err, ErrReference) || !strings.Contains(err.Error(), tt.fails) && runtime.GOOS != "windows" || !got.Empty() {
				t.Errorf("%s: got %q, %v, want an error with %q", tt.value, got.Reveal(), err, tt.fails)
			}
		}
	}
}

func TestCommandsThatFail(t *testing.T) {
	for role, want := range map[string]string{"fail": "failed (exit status 3)", "much": "more than 64 KiB"} {
		t.Setenv("JSONFILE_TEST_HELPER", role)
		_, err := (&Resolver{}).Resolve(t.Context(), helper())
		if !errors.Is(err, ErrReference) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "FAKE") {
			t.Errorf("%s: got %v", role, err)
		}
	}
	t.Setenv("JSONFILE_TEST_HELPER", "hang")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := (&Resolver{}).Resolve(ctx, helper()); !errors.Is(err, ErrReference) || !strings.Contains(err.Error(), "too long") {
		t.Errorf("hang: got %v", err)
	}
}

// TestCommandsDoNotGetTheKey: a command has what it needs of our environment, but not what opens our files.
func TestCommandsDoNotGetTheKey(t *testing.T) {
	t.Setenv("JSONFILE_TEST_HELPER", "environ")
	t.Setenv(KeyVariable, "FAKE-key-of-the-files")
	t.Setenv("THEIR_TOKEN", "FAKE-token-of-the-command")
	got, err := (&Resolver{}).Resolve(t.Context(), helper())
	if err != nil || !strings.Contains(got.Reveal(), "THEIR_TOKEN=FAKE-token-of-the-command") || strings.Contains(got.Reveal(), "FAKE-key-of-the-files") {
		t.Errorf("it has %s, %v", got.Reveal(), err)
	}
}

func TestTakeRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &found{turn: make(chan struct{}, 1)}
		runs, fails := 0, false
		take := func() (string, error) {
			v, err := f.take(t.Context(), execFresh, execGrace, execRetry, func(context.Context) (secret.String, error) {
				runs++
				time.Sleep(time.Second) // of the bubble's clock: commands are slow
				if fails {
					return secret.String{}, ErrReference
				}
				return secret.New("v"), nil
			})
			return v.Reveal(), err
		}
		want := func(value string, count int) {
			t.Helper()
			v, err := take()
			if v != value || (err != nil) != (value == "") || runs != count {
				t.Errorf("got %q, %v after %d runs, want %q after %d", v, err, runs, value, count)
			}
		}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { want("v", 1) }) // one runs it, all get it
		}
		wg.Wait()
		want("v", 1)
		time.Sleep(execFresh)
		want("v", 2)
		fails = true
		time.Sleep(execFresh)
		want("v", 3) // failed, but within its grace
		want("v", 3) // and is not tried at every use
		time.Sleep(execRetry)
		want("v", 4)
		time.Sleep(execGrace)
		want("", 5)
		want("", 5)
		fails = false
		time.Sleep(execRetry)
		want("v", 6)
	})
}

func TestFileReferenceFollowsTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "token")
	synctest.Test(t, func(t *testing.T) {
		r := &Resolver{Dir: dir}
		for _, want := range []string{"1", "2"} {
			if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
				t.Fatal(err)
			}
			time.Sleep(fileFresh) // of the bubble's clock
			if got, err := r.Resolve(t.Context(), "file:token"); err != nil || got.Reveal() != want {
				t.Errorf("got %q, %v, want %q", got.Reveal(), err, want)
			}
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(fileFresh)
		if got, err := r.Resolve(t.Context(), "file:token"); err == nil {
			t.Errorf("a secret whose file is gone is still %q", got.Reveal())
		}
	})
}

func TestLiteralIsNeverAReference(t *testing.T) {
	for _, v := range []string{"plain", "env:X", "file:/etc/passwd", "exec:rm -rf /", "literal:x", ""} {
		stored := Literal(secret.New(v))
		got, err := (&Resolver{}).Resolve(t.Context(), stored)
		if err != nil || got.Reveal() != v {
			t.Errorf("%q is stored as %q and comes back as %q, %v", v, stored, got.Reveal(), err)
		}
	}
}

func TestSplitWords(t *testing.T) {
	tests := map[string][]string{
		"":                          nil,
		"  pass  show gateway ":     {"pass", "show", "gateway"},
		`op read "op://My Vault/x"`: {"op", "read", "op://My Vault/x"},
		`a'b c'd ""`:                {"ab cd", ""},
		`C:\tools\x.exe a|b $X`:     {`C:\tools\x.exe`, "a|b", "$X"},
	}
	for in, want := range tests {
		if got, err := splitWords(in); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v, want %q", in, got, err, want)
		}
	}
}
