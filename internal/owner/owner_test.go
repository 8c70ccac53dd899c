//go:build unix

package owner

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAdopt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Adopt(path); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		return // the rest needs a second owner
	}
	if err := os.Chown(dir, 1234, 1235); err != nil {
		t.Fatal(err)
	}
	if err := Adopt(path); err != nil {
		t.Fatal(err)
	}
	if st, err := stat(path); err != nil || st.Uid != 1234 || st.Gid != 1235 {
		t.Errorf("owner %+v %v", st, err)
	}
	if err := Adopt(filepath.Join(dir, "none")); err == nil {
		t.Error("no error for no file")
	}
}
