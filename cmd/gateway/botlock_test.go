package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"chatgateway/channelauth"
	"chatgateway/channels"
	"chatgateway/channels/email"
	"chatgateway/config"
	"chatgateway/gateway"
)

// testBot is an account with these variables, of a home folder.
func testBot(t *testing.T, s channels.Service, id string, env map[string]string) gateway.Account {
	file := channelauth.Open(filepath.Join(t.TempDir(), "channels.json"), func(name string) string { return env[name] })
	return gateway.Account{ID: channels.AccountID(id), Service: s, Secrets: file.Account(s.Name, s.Secrets)}
}

// TestBotLocks: of many that want a bot at once one has it, the next has it when that one ends, and nothing is left
// behind. What an app's accounts share locks nobody out, nor does a password that another mailbox has too.
func TestBotLocks(t *testing.T) {
	t.Setenv("GATEWAY_LOCKS", t.TempDir())
	locks := newBotLocks(config.Home("/one"), slog.New(slog.DiscardHandler))
	mailbox := func(user, password string) gateway.Account {
		return testBot(t, email.Service, "email", map[string]string{"EMAIL_USERNAME": user, "EMAIL_PASSWORD": password, "EMAIL_CLIENT_SECRET": "FAKE-app"})
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var releases []func()
	for range 20 {
		wg.Go(func() {
			release, err := locks.hold(mailbox("a@example.org", "FAKE-password"))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				releases = append(releases, release)
			case !errors.Is(err, gateway.ErrHeld):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(releases) != 1 {
		t.Fatalf("%d have the bot", len(releases))
	}
	if other, err := locks.hold(mailbox("b@example.org", "FAKE-password")); err != nil {
		t.Errorf("another mailbox: %v", err)
	} else {
		other()
	}
	files, err := os.ReadDir(locks.dir)
	if err != nil || len(files) != 2 {
		t.Errorf("files %v, %v", files, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(locks.dir, f.Name()))
		if err != nil || strings.Contains(string(data)+f.Name(), "FAKE") {
			t.Errorf("%s holds %q, %v", f.Name(), data, err)
		}
	}
	elsewhere := &botLocks{dir: locks.dir, home: "/two", log: locks.log}
	if who, held := elsewhere.heldBy(email.Service, mailbox("a@example.org", "FAKE-password").Secrets); !held || who.Home != "/one" || who.PID != os.Getpid() {
		t.Errorf("held %v by %+v", held, who)
	}
	releases[0]()
	again, err := locks.hold(mailbox("a@example.org", "FAKE-password"))
	if err != nil {
		t.Fatal(err)
	}
	again()
	if files, err := os.ReadDir(locks.dir); err != nil || len(files) != 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

// TestLockFolders: two gateways of one person look in one folder, whatever they take for their home.
func TestLockFolders(t *testing.T) {
	var first []string
	for range 2 {
		for _, name := range []string{"HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "LocalAppData", "TMPDIR"} {
			t.Setenv(name, t.TempDir())
		}
		first = append(first, lockFolders()[0])
	}
	if first[0] != first[1] {
		t.Errorf("two folders: %q", first)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GATEWAY_LOCKS", filepath.Join(file, "none"))
	var b bytes.Buffer
	locks := newBotLocks("/one", slog.New(slog.NewTextHandler(&b, nil)))
	if release, err := locks.hold(testBot(t, email.Service, "email", nil)); err != nil || !strings.Contains(b.String(), "would not be noticed") {
		t.Errorf("without a folder: %v, %s", err, &b)
	} else {
		release()
	}
}

// TestBotHeldSays names who has the bot, if they said it.
func TestBotHeldSays(t *testing.T) {
	for _, c := range []struct{ holder, want string }{
		{`{"pid":77,"home":"/h","account":"telegram"}`, "(process 77, home folder /h, account telegram)"},
		{`{"pid":7`, "Another gateway on this host serves"},
	} {
		var h botHolder
		_ = json.Unmarshal([]byte(c.holder), &h)
		if got := (&botHeld{h}).UserMessage(); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", c.holder, got)
		}
	}
}
