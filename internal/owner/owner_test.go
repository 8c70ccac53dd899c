//go:build unix

package owner

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestForeign: a file is trusted if it is ours, root's, or, for root, of whoever has the folder.
func TestForeign(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if _, foreign := Foreign(path); foreign {
		t.Error("a missing file is somebody's")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, foreign := Foreign(path); foreign {
		t.Error("our own file is foreign")
	}
	euid = func() int { return 4321 }
	t.Cleanup(func() { euid = os.Geteuid })
	if _, foreign := Foreign(path); foreign != (os.Geteuid() != 0) {
		t.Errorf("a file of uid %d is foreign to another: %v", os.Geteuid(), foreign)
	}
	if os.Geteuid() != 0 {
		return // the rest needs a second owner
	}
	for _, c := range []struct {
		euid, folder, file int
		foreign            bool
	}{{4321, 4321, 1234, true}, {4321, 1234, 1234, true}, {0, 0, 1234, true}, {0, 1234, 1234, false}, {0, 1234, 4321, true}, {1234, 0, 1234, false}} {
		if err := errors.Join(os.Chown(dir, c.folder, 0), os.Chown(path, c.file, 0)); err != nil {
			t.Fatal(err)
		}
		euid = func() int { return c.euid }
		if who, foreign := Foreign(path); foreign != c.foreign {
			t.Errorf("%+v: %v (%s)", c, foreign, who)
		}
	}
}

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
	other, link := filepath.Join(t.TempDir(), "other"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(other, nil, 0o600), os.Symlink(other, link), Adopt(link)); err != nil {
		t.Fatal(err)
	}
	if st, err := stat(other); err != nil || st.Uid != 0 {
		t.Errorf("gave away what a link leads to: %+v %v", st, err)
	}
	if err := Adopt(filepath.Join(dir, "none")); err == nil {
		t.Error("no error for no file")
	}
}
