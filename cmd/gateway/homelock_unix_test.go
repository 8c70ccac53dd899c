//go:build unix

package main

import (
	"os"
	"path/filepath"
	"testing"

	"chatgateway/config"
)

// TestLocksWriteThroughNoLink: a link in the place of a lock, of the process's number, or of a bot's lock leads nowhere.
func TestLocksWriteThroughNoLink(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	home := config.Home(filepath.Join(dir, "home"))
	link := func(path string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(other, path); err != nil {
			t.Fatal(err)
		}
	}
	untouched := func(what string) {
		t.Helper()
		if _, err := os.Lstat(other); err == nil {
			t.Errorf("%s was written through a link", what)
			_ = os.Remove(other)
		}
	}
	link(home.Lock())
	if release, err := holdHome(t.Context(), home); err == nil {
		release()
		t.Error("the home folder was locked through a link")
	}
	untouched("the lock")
	if err := os.Remove(home.Lock()); err != nil {
		t.Fatal(err)
	}
	link(pidFile(home))
	release, err := holdHome(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	untouched("the process's number")
	if got := holder(home); got != os.Getpid() {
		t.Errorf("process %d holds it", got)
	}
	release()
	bot := filepath.Join(dir, "locks", "bot.lock")
	link(bot)
	if l, err := take(bot); err == nil {
		_ = l.Close()
		t.Error("a bot was locked through a link")
	}
	untouched("a bot's lock")
	link(holderFile(bot))
	if err := writeHolder(bot, botHolder{PID: 1}); err != nil {
		t.Error(err)
	}
	untouched("who has a bot")
}
