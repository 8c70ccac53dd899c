//go:build !unix

package main

import (
	"context"
	"net"
)

// listenPrivate opens a socket in the home folder, whose rights it takes.
func listenPrivate(ctx context.Context, path string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "unix", path)
}
