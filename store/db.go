package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gofrs/flock"
	_ "modernc.org/sqlite" // the driver

	"chatgateway/internal/owner"
)

const memory = ":memory:"

// claim makes the file and its folder for us alone, if they are missing, and takes the lock beside it, so that two
// processes never write one store: each would schedule by what it read at its start.
func claim(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, typed(path, err)
	}
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		_ = lock.Close()
		return nil, &Error{Path: path, Kind: ErrUnwritable, Err: err}
	}
	if !ok {
		_ = lock.Close()
		return nil, &Error{Path: path, Kind: ErrInUse}
	}
	unlock = func() { _ = lock.Close() }
	err = private(path)
	for _, name := range []string{path, path + ".lock"} { // of -wal and -shm SQLite takes care
		if err == nil {
			err = typed(path, owner.Adopt(name))
		}
	}
	if err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// private makes the file with mode 0600, or narrows it to that. SQLite gives its -wal and -shm files the mode of the
// database.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return typed(path, err)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return typed(path, err)
		}
		if !info.Mode().IsRegular() {
			return &Error{Path: path, Kind: ErrUnwritable, Err: fmt.Errorf("%s is no regular file", filepath.Base(name))}
		}
		if who, foreign := owner.Foreign(name); foreign {
			return &Error{Path: path, Kind: ErrUnwritable, Err: fmt.Errorf("%s belongs to another user (%s)", filepath.Base(name), who)}
		}
		if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
			if err := os.Chmod(name, 0o600); err != nil {
				return typed(path, err)
			}
		}
	}
	return nil
}

// dsn names the database and what every connection to it is set to. The caches are small: what is undone is in
// memory anyway, and all else is read seldom.
func dsn(path string, sync string, reads bool) string {
	pragmas := []string{"busy_timeout(5000)", "temp_store(MEMORY)", "trusted_schema(OFF)"}
	if reads {
		pragmas = append(pragmas, "query_only(ON)", "cache_size(-256)")
	} else {
		pragmas = append(pragmas, "synchronous("+sync+")", "secure_delete(ON)", "cache_size(-512)", "journal_size_limit(1048576)")
		if sync == "FULL" {
			pragmas = append(pragmas, "fullfsync(ON)", "checkpoint_fullfsync(ON)") // what makes a sync real on macOS
		}
	}
	return uri(path, pragmas)
}

func uri(path string, pragmas []string) string {
	q := url.Values{"_pragma": pragmas}.Encode()
	if path == memory {
		return "file::memory:?" + q
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q}).String()
}

// fit refuses versions of SQLite that can corrupt a database in WAL mode when a checkpoint and a write meet
// (https://sqlite.org/wal.html, "WAL-reset bug", mended in 3.51.3).
func fit(ctx context.Context, c *sql.Conn) error {
	var version string
	if err := c.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return err
	}
	var major, minor, patch int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); err != nil {
		return fmt.Errorf("store: version of SQLite %q: %w", version, err)
	}
	if v := major*1_000_000 + minor*1_000 + patch; v < 3_051_003 {
		return fmt.Errorf("store: SQLite %s can corrupt databases, 3.51.3 or later is needed", version)
	}
	return nil
}
