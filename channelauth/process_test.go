package channelauth

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatgateway/internal/jsonfile"
	"chatgateway/internal/secret"
)

const (
	writers   = 6
	writeTime = 1500 * time.Millisecond
)

// TestMain lets the test binary be another process that writes.
func TestMain(m *testing.M) {
	if id := os.Getenv("CHANNELAUTH_TEST_WRITER"); id != "" {
		os.Exit(writer(os.Getenv("CHANNELAUTH_TEST_PATH"), id))
	}
	os.Exit(m.Run())
}

// writer sets, sets again and unsets fields of its own account, and prints the last value when its time is over.
func writer(path, id string) int {
	f, ctx, last := Open(path, nil), context.Background(), ""
	for n, end := 0, time.Now().Add(writeTime); time.Now().Before(end); n++ {
		last = fmt.Sprintf("%d:FAKE", n)
		a := f.Account(id, nil)
		err := f.Set(ctx, id, "bot_token", secret.New(last))
		if err == nil && n%2 == 0 {
			err = a.Store(ctx, map[string]secret.String{"refresh": secret.New(last)})
		} else if err == nil {
			err = f.Unset(ctx, id, "refresh")
		}
		if err != nil || a.Secret("bot_token").Reveal() != last {
			fmt.Fprintln(os.Stderr, "lost at once:", err)
			return 1
		}
	}
	fmt.Print(last)
	return 0
}

func TestManyProcessesLoseNothing(t *testing.T) {
	f := open(t, `{"unknown": {"deep": [1, {"x": null}]}, "telegram": {"bot_token": "", "added_by_a_newer_version": true}}`, nil)
	outs := make([]strings.Builder, writers)
	cmds := make([]*exec.Cmd, writers)
	for i := range cmds {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), fmt.Sprintf("CHANNELAUTH_TEST_WRITER=telegram:w%d", i), "CHANNELAUTH_TEST_PATH="+f.Path)
		cmd.Stdout, cmd.Stderr = &outs[i], os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds[i] = cmd
	}
	mine, writes := "", 0
	for end := time.Now().Add(writeTime); time.Now().Before(end); writes++ {
		mine = fmt.Sprintf("%d:FAKE-mine", writes)
		if err := f.Set(t.Context(), "telegram", "bot_token", secret.New(mine)); err != nil {
			t.Fatal(err)
		}
		d, err := jsonfile.File{Path: f.Path}.Read()
		if err != nil || string(d.Raw("unknown")) == "" {
			t.Fatalf("read while written: %v", err)
		}
	}
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprintf("telegram:w%d", i)
		if got := Open(f.Path, nil).Account(id, nil).Secret("bot_token").Reveal(); got != outs[i].String() || got == "" {
			t.Errorf("%s wrote %q last, the file has %q", id, outs[i].String(), got)
		}
	}
	f.read(true)
	if got := f.Account("telegram", nil).Secret("bot_token").Reveal(); got != mine {
		t.Errorf("wrote %q last, the file has %q", mine, got)
	}
	text := strings.Join(strings.Fields(load(t, f)), "")
	for _, want := range []string{`"unknown":{"deep":[1,{"x":null}]}`, `"added_by_a_newer_version":true`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is gone from %s", want, text)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(f.Path)); err != nil || len(entries) != 3 { // the file, its lock, and the folder for those of renewals
		t.Errorf("left over: %v, %v", entries, err)
	}
}

func TestOtherProcessIsSeenWithinASecond(t *testing.T) {
	f := open(t, `{"telegram": {"bot_token": "1:FAKE"}}`, nil)
	a := f.Account("telegram", nil)
	for i := range 3 {
		want := fmt.Sprintf("%d:FAKE", i+2)
		if err := Open(f.Path, nil).Set(t.Context(), "telegram", "bot_token", secret.New(want)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for a.Secret("bot_token").Reveal() != want {
			if time.Since(start) > lookEvery+500*time.Millisecond {
				t.Fatalf("not seen after %s", time.Since(start))
			}
			<-time.After(5 * time.Millisecond)
		}
	}
}
