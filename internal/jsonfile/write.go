package jsonfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// replace puts data in the place of path: a temporary file of mode 0600 in the same folder, synced, renamed, and the
// folder synced. The caller holds the lock of path.
func replace(path string, data []byte) error {
	tmp, err := beside(path, data)
	if err != nil {
		return unwritable(path, err)
	}
	if err := rename(tmp, path); err != nil {
		_ = os.Remove(tmp)
		return unwritable(path, err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return unwritable(path, err)
	}
	return nil
}

// beside writes data to a temporary file in the folder of path, synced, and gives its name; on an error there is none.
func beside(path string, data []byte) (name string, err error) {
	dir, base := filepath.Split(path)
	sweep(dir, base)
	tmp, err := os.CreateTemp(dir, tempPrefix(base)+"*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close() // closed already, or of no more use
			_ = os.Remove(tmp.Name())
		}
	}()
	if err := tmp.Chmod(0o600); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return "", err
	}
	if _, err := tmp.Write(data); err != nil {
		return "", err
	}
	if err := tmp.Sync(); err != nil {
		return "", err
	}
	return tmp.Name(), tmp.Close()
}

func tempPrefix(base string) string { return "." + base + ".new-" }

// sweep removes what a writer left that was killed before its rename. Nobody else writes while we hold the lock.
func sweep(dir, base string) {
	for _, name := range leftovers(dir, base) {
		_ = os.Remove(name)
	}
}

func leftovers(dir, base string) []string {
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasPrefix(e.Name(), tempPrefix(base)) {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	return names
}

// MakeDir makes the folder of path, for the owner alone.
func MakeDir(path string) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if err == nil && info.IsDir() {
		return nil
	}
	if err == nil {
		return &Error{Path: dir, Reason: "it is a file, and should be a folder", Do: "move it away", Err: ErrUntrusted}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return unwritable(path, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return unwritable(path, err)
	}
	_ = syncDir(filepath.Dir(dir)) // a new folder that a power cut takes away again has held nothing yet
	return nil
}
