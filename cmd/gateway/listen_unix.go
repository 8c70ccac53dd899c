//go:build unix

package main

import (
	"context"
	"net"
	"os"
	"syscall"
)

// listenPrivate opens a socket that only its owner can open, from the first moment on.
func listenPrivate(ctx context.Context, path string) (net.Listener, error) {
	old := syscall.Umask(0o077)
	ln, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, err
	}
	return ln, os.Chmod(path, 0o600)
}
