//go:build unix

package canary

import (
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestUmask: where new files are open to everybody, none of ours is: auth files and locks, database, audit log, page.
func TestUmask(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	g := newGateway(t, "channels: {telegram: {api_base: \"http://127.0.0.1:1\"}}\nproviders: {anthropic: {base_url: \"http://127.0.0.1:1\"}}\n")
	g.run(g.secret("the bot's token", "123456:"), "channels", "set", "telegram", "bot_token")
	g.Start()
	g.run(g.secret("the key", "sk-ant-api03-"), "auth", "set", "anthropic")
	g.run("hello", "chat")
	g.Enter()
	locks := ""
	for _, e := range g.Env {
		if dir, ok := strings.CutPrefix(e, "GATEWAY_LOCKS="); ok {
			locks = dir
		}
	}
	g.Stop(syscall.SIGTERM)
	g.run("", "auth", "encrypt", "--key-file", filepath.Join(g.Home, "the.key"))
	seen := map[string]bool{}
	for _, root := range []string{g.Home, locks} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %s", path, info.Mode())
			}
			seen[filepath.Base(path)] = true
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"providers.json", "channels.json", "providers.json.lock", "gateway.db", "audit.log", "web", "the.key"} {
		if !seen[name] {
			t.Errorf("there is no %s, but %v:\n%s", name, seen, g.Out)
		}
	}
}
