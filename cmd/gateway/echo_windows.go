package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// setEcho switches the echo of what is typed. On what is no console it does nothing.
func setEcho(f *os.File, on bool) {
	var mode uint32
	h := windows.Handle(f.Fd())
	if windows.GetConsoleMode(h, &mode) != nil {
		return
	}
	if on {
		mode |= windows.ENABLE_ECHO_INPUT
	} else {
		mode &^= windows.ENABLE_ECHO_INPUT
	}
	_ = windows.SetConsoleMode(h, mode)
}
