//go:build unix

package jsonfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// LockFlags open a lock file; a symbolic link in its place is refused.
const LockFlags = os.O_CREATE | os.O_RDWR | syscall.O_NOFOLLOW

func openNoFollow(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

func rename(from, to string) error { return os.Rename(from, to) }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // only read from
	if err := d.Sync(); err != nil && !notForDirs(err) {
		return err
	}
	return nil
}

// notForDirs: some file systems do not sync folders.
func notForDirs(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP)
}

func inodeOf(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Ino)
	}
	return 0
}

var euid = os.Geteuid // tests are somebody else

// foreignOwner reports whether a file belongs neither to us nor to root, who could change it anyway.
func foreignOwner(info fs.FileInfo) (who string, foreign bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(st.Uid) == euid() || st.Uid == 0 {
		return "", false
	}
	return fmt.Sprintf("uid %d", st.Uid), true
}
