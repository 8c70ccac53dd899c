//go:build unix

package owner

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

var euid = os.Geteuid // tests are somebody else

func foreignOwner(path string) (who string, foreign bool) {
	file, err := stat(path)
	if err != nil || file.Uid == 0 || int(file.Uid) == euid() {
		return "", false
	}
	if folder, err := stat(filepath.Dir(path)); err == nil && euid() == 0 && folder.Uid == file.Uid {
		return "", false
	}
	return fmt.Sprintf("uid %d", file.Uid), true
}

func adopt(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	folder, err := stat(filepath.Dir(path))
	if err != nil || folder.Uid == 0 {
		return err
	}
	file, err := stat(path)
	if err != nil || file.Uid == folder.Uid {
		return err
	}
	if err := os.Lchown(path, int(folder.Uid), int(folder.Gid)); err != nil {
		return fmt.Errorf("give to its folder's owner: %w", err)
	}
	return nil
}

func stat(path string) (*syscall.Stat_t, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, fmt.Errorf("stat %s: %w", path, syscall.ENOTSUP)
	}
	return st, nil
}
