package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"chatgateway/config"
	"chatgateway/internal/jsonfile"
)

// holdHome takes the home folder for this process, so that two gateways never share one bot. The lock dies with the
// process; who holds it stands in a file beside it.
func holdHome(_ context.Context, home config.Home) (release func(), err error) {
	l := flock.New(home.Lock(), flock.SetPermissions(0o600), flock.SetFlag(jsonfile.LockFlags))
	got, err := l.TryLock()
	if err != nil {
		return nil, exitError{exitConfig, fmt.Sprintf("The home folder %s cannot be locked: %v", home, err)}
	}
	if !got {
		return nil, errHeld(holder(home), home)
	}
	if err := writeAnew(pidFile(home), []byte(strconv.Itoa(os.Getpid())+"\n")); err != nil {
		return nil, exitError{exitConfig, fmt.Sprintf("The home folder %s cannot be written to: %v", home, err)}
	}
	return func() {
		_ = os.Remove(pidFile(home))
		_ = l.Unlock()
	}, nil
}

// writeAnew puts a new file, 0600, in the place of whatever is there, so that it writes through no link.
func writeAnew(path string, data []byte) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func pidFile(home config.Home) string { return filepath.Join(string(home), "gateway.pid") }

// holder gives the process that serves the home folder; 0 if nobody says.
func holder(home config.Home) int {
	data, err := os.ReadFile(pidFile(home))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	return pid
}
