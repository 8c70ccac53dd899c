//go:build unix

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLoadEnvTrustsOwnFilesOnly: what sets the environment of the gateway, and so of the commands it runs, is nobody
// else's, and no link to somewhere else.
func TestLoadEnvTrustsOwnFilesOnly(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "own"), filepath.Join(dir, ".env")
	if err := os.WriteFile(path, []byte("CONFIG_TEST_TRUST=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	refused := map[string]string{link: "symbolic link"}
	if os.Geteuid() == 0 { // root alone can give a file away
		foreign := filepath.Join(dir, "foreign")
		if err := os.WriteFile(foreign, []byte("CONFIG_TEST_TRUST=x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(foreign, 12345, 12345); err != nil {
			t.Fatal(err)
		}
		refused[foreign] = "another user"
	}
	for file, want := range refused {
		if err := LoadEnv(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", file, err, want)
		}
	}
	if got, set := os.LookupEnv("CONFIG_TEST_TRUST"); set {
		t.Errorf("it was read: %q", got)
	}
}
