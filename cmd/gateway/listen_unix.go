//go:build unix

package main

import (
	"net"
	"os"
	"syscall"
)

// listenPrivate opens a socket that only its owner can open, from the first moment on.
func listenPrivate(path string) (net.Listener, error) {
	old := syscall.Umask(0o077)
	ln, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, err
	}
	return ln, os.Chmod(path, 0o600)
}
