//go:build !unix

package main

import "net"

// listenPrivate opens a socket in the home folder, whose rights it takes.
func listenPrivate(path string) (net.Listener, error) { return net.Listen("unix", path) }
