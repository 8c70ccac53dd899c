//go:build unix

package jsonfile

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// foreign makes a file look as if it were another user's, for root as for everybody else.
func foreign(t *testing.T, path string) {
	t.Helper()
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 12345, 12345); err != nil {
			t.Fatal(err)
		}
		return
	}
	euid = func() int { return os.Geteuid() + 1 }
	t.Cleanup(func() { euid = os.Geteuid })
}

func TestUntrustedFilesAreRefused(t *testing.T) {
	tests := map[string]func(path, other string) error{
		"symbolic link": func(path, other string) error { return os.Symlink(other, path) },
		"dangling link": func(path, other string) error { return os.Symlink(other+"x", path) },
		"pipe":          func(path, _ string) error { return syscall.Mkfifo(path, 0o600) },
		"folder":        func(path, _ string) error { return os.Mkdir(path, 0o700) },
		"foreign": func(path, _ string) error {
			err := os.WriteFile(path, []byte("{}"), 0o644)
			foreign(t, path)
			return err
		},
	}
	for name, make := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, other := filepath.Join(dir, "f.json"), filepath.Join(dir, "other.json")
			write(t, other, `{"a": 1}`)
			if err := os.Chmod(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := make(path, other); err != nil {
				t.Fatal(err)
			}
			f := File{Path: path}
			if _, err := f.Read(); !errors.Is(err, ErrUntrusted) {
				t.Errorf("read: %v", err)
			}
			err := f.Update(t.Context(), func(d *Doc) error { return d.Set("b", 1) })
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Do == "" || !errors.Is(err, ErrUntrusted) {
				t.Fatalf("update: %v", err)
			}
			if strings.Contains(name, "link") != strings.Contains(e.Reason, "symbolic link") {
				t.Errorf("says %q", e.Reason)
			}
			if read(t, other) != `{"a": 1}` {
				t.Error("wrote through the link")
			}
			if found := Check(path); len(found) == 0 || found[0].Fixable {
				t.Errorf("check: %+v", found)
			}
			if err := Fix(t.Context(), path); !errors.Is(err, ErrUntrusted) {
				t.Errorf("fix: %v", err)
			}
		})
	}
}

func TestCheckTellsOfAForeignFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "auth")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	foreign(t, dir)
	if found := Check(filepath.Join(dir, "f.json")); len(found) != 1 || found[0].Path != dir || found[0].Fixable || !strings.Contains(found[0].Problem, "another user") {
		t.Errorf("got %+v", found)
	}
}

func TestLockFileIsNoLink(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "f.json"), filepath.Join(dir, "other")
	if err := os.Symlink(other, path+".lock"); err != nil {
		t.Fatal(err)
	}
	if err := (File{Path: path}).Update(t.Context(), func(d *Doc) error { return d.Set("b", 1) }); err == nil {
		t.Error("locked through a link")
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("made a file through the link")
	}
}

func TestCheckAndFix(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "auth")
	path := filepath.Join(dir, "f.json")
	if found := Check(path); found != nil {
		t.Errorf("nothing there: %+v", found)
	}
	if err := Fix(t.Context(), path); err != nil {
		t.Errorf("nothing there: %v", err)
	}
	f := File{Path: path}
	if err := f.Update(t.Context(), func(d *Doc) error { return d.Set("b", 1) }); err != nil {
		t.Fatal(err)
	}
	if found := Check(path); found != nil {
		t.Errorf("just made: %+v", found)
	}
	write(t, filepath.Join(dir, tempPrefix("f.json")+"1"), "half")
	for name, mode := range map[string]os.FileMode{path: 0o644, path + ".lock": 0o666, dir: 0o755} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	found := Check(path)
	if len(found) != 4 || !strings.Contains(found[1].Problem, "read it (mode 0644)") || !strings.Contains(found[2].Problem, "change it") {
		t.Errorf("got %+v", found)
	}
	if err := Fix(t.Context(), path); err != nil {
		t.Error(err)
	}
	if found := Check(path); found != nil {
		t.Errorf("mended: %+v", found)
	}
}

func TestUpdateNarrowsALooseFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.json")
	if err := os.WriteFile(path, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := (File{Path: path}).Update(t.Context(), func(d *Doc) error { return d.Set("b", 1) }); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: %v", info.Mode(), err)
	}
}

// TestFullDiskKeepsTheOldFile writes in a process of its own: the limit on the size of files holds for all of one, and so
// for what the testing package writes.
func TestFullDiskKeepsTheOldFile(t *testing.T) {
	if path := os.Getenv("JSONFILE_TEST_FULL"); path != "" {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 64, Max: 64}); err != nil {
			t.Fatal(err)
		}
		tried := File{Path: path}.Try(t.Context())
		err := File{Path: path}.Update(t.Context(), func(d *Doc) error { return d.Set("b", strings.Repeat("x", 100)) })
		if err != nil && tried != nil {
			os.Exit(3)
		}
		os.Exit(0)
	}
	path := filepath.Join(t.TempDir(), "f.json")
	write(t, path, `{"a": 1}`)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFullDiskKeepsTheOldFile$") //nolint:gosec // this program
	cmd.Env = append(os.Environ(), "JSONFILE_TEST_FULL="+path)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 3 || read(t, path) != `{"a": 1}` || len(leftovers(filepath.Dir(path), "f.json")) > 0 {
		t.Errorf("got %v, %q\n%s", err, read(t, path), out)
	}
}

func TestWatchFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	one, two, link := filepath.Join(dir, "1"), filepath.Join(dir, "2"), filepath.Join(dir, "link")
	write(t, one, "a: 1")
	write(t, two, "a: 22")
	if err := os.Symlink(one, link); err != nil {
		t.Fatal(err)
	}
	changed := Watch(t.Context(), link)
	write(t, one, "a: 333")
	next(t, changed, "a change of the link's target")
	if err := os.Symlink(two, link+"x"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+"x", link); err != nil {
		t.Fatal(err)
	}
	next(t, changed, "a link to another file")
}
