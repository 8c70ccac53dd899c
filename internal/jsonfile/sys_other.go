//go:build !unix

package jsonfile

import (
	"io/fs"
	"os"
	"time"
)

const LockFlags = os.O_CREATE | os.O_RDWR

func openNoFollow(path string) (*os.File, error) { return os.Open(path) }

// rename tries for a while: on Windows a file cannot be replaced while a reader has it open.
func rename(from, to string) error {
	var err error
	for range 200 {
		if err = os.Rename(from, to); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

func syncDir(string) error { return nil }

func inodeOf(fs.FileInfo) uint64 { return 0 }

// foreignOwner knows nothing of access lists: whose a file is, the folder of the user's profile decides there.
func foreignOwner(fs.FileInfo) (string, bool) { return "", false }
