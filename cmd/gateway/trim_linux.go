package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// trim gives back what only the start needed: its heap, and the pages of the program file that it touched. Those are
// clean: the system maps again what is used (madvise(2), MADV_DONTNEED on a private mapping of a file).
func trim() {
	debug.FreeOSMemory()
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer maps.Close() //nolint:errcheck // only read
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to uintptr
		var may string
		n, _ := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &may)
		if n == 3 && strings.HasSuffix(lines.Text(), " "+self) && !strings.Contains(may, "w") {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED) // a hint
		}
	}
}
