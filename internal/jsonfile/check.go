package jsonfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Finding is something that leaves a file of secrets less safe than it should be.
type Finding struct {
	Path    string
	Problem string // "others may read it (mode 0644)"
	Do      string // the command or the deed that mends it
	Fixable bool   // Fix does it
}

// Check looks at a file, at its folder, at its lock, and at what a killed writer left beside it. It changes nothing.
// Nothing found, or no such file: nil. On Windows permissions are the folder's access list, which is not looked at.
func Check(path string) []Finding {
	var found []Finding
	dir, base := filepath.Split(path)
	dir = filepath.Clean(dir)
	if info, err := os.Stat(dir); err == nil {
		found = append(found, checkMode(dir, info, 0o700)...)
	}
	for _, name := range []string{path, path + ".lock"} {
		info, err := os.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			found = append(found, Finding{Path: name, Problem: "it cannot be looked at: " + cause(err), Do: "check the folder's permissions"})
			continue
		}
		if e, ok := errors.AsType[*Error](trusted(name, info)); ok {
			found = append(found, Finding{Path: name, Problem: e.Reason, Do: e.Do})
			continue
		}
		found = append(found, checkMode(name, info, 0o600)...)
	}
	for _, name := range leftovers(dir, base) {
		found = append(found, Finding{Path: name, Problem: "a write that was cut short left it; it may hold secrets", Do: "remove it", Fixable: true})
	}
	return found
}

func checkMode(path string, info fs.FileInfo, want fs.FileMode) []Finding {
	if runtime.GOOS == "windows" {
		return nil
	}
	if who, foreign := foreignOwner(info); foreign {
		return []Finding{{Path: path, Problem: "it belongs to another user (" + who + ")", Do: "make it your own with chown"}}
	}
	mode := info.Mode().Perm()
	if mode&^want == 0 {
		return nil
	}
	verb := "read"
	if mode&0o022 != 0 {
		verb = "change"
	}
	return []Finding{{
		Path: path, Problem: fmt.Sprintf("others may %s it (mode %04o)", verb, mode),
		Do: fmt.Sprintf("chmod %04o %s", want, path), Fixable: true,
	}}
}

// Fix mends what Check calls fixable: permissions are narrowed, leftovers removed. It follows no symbolic link in the
// file's place. ctx bounds the wait for the file's lock, which keeps a writer's temporary file from being taken for a
// leftover. What it could not mend is in the error.
func Fix(ctx context.Context, path string) error {
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	unlock, err := Lock(ctx, path)
	if err != nil {
		return err
	}
	defer unlock()
	var errs []error
	for _, f := range Check(path) {
		switch {
		case !f.Fixable:
			errs = append(errs, &Error{Path: f.Path, Reason: f.Problem, Do: f.Do, Err: ErrUntrusted})
		case f.Path == filepath.Dir(path):
			errs = append(errs, os.Chmod(f.Path, 0o700)) //nolint:gosec // a folder
		case f.Path == path || f.Path == path+".lock":
			errs = append(errs, os.Chmod(f.Path, 0o600))
		default:
			errs = append(errs, os.Remove(f.Path))
		}
	}
	return errors.Join(errs...)
}
