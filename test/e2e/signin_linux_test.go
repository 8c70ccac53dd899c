package e2e

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"

	"chatgateway/internal/testpeers"
	"chatgateway/test/program"
)

// TestSignInTerminal: in the chat of a terminal, by a link and by a code.
func TestSignInTerminal(t *testing.T) {
	c := newCompany(t, "")
	master, tty := openPTY(t)
	chat := c.Command(t.Context(), "chat")
	chat.Stdin, chat.Stdout, chat.Stderr = tty, tty, tty
	seen := program.NewOutput()
	go func() { _, _ = io.Copy(seen, master) }() // ends with the terminal
	if err := chat.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = chat.Process.Kill(); _ = chat.Wait() })
	seen.Find(t, 0, regexp.MustCompile("You are in the chat"))
	typed(t, master, "/login company browser")
	typed(t, master, mustOpen(c, seen.Find(t, 0, link)))
	seen.Find(t, 0, regexp.MustCompile("Logged in to Company AI"))
	typed(t, master, "hello")
	seen.Find(t, 0, regexp.MustCompile(`Hello from the company\.`))
	typed(t, master, "/login company:second device")
	code := seen.Find(t, 0, regexp.MustCompile(`\b[A-Z]{4}-[A-Z]{4}\b`))
	c.issuer.Enter(seen.Find(t, 0, regexp.MustCompile(`http://127\.0\.0\.1:\d+/device[^\s\x1b]*`)), code)
	seen.Find(t, 0, regexp.MustCompile("Logged in to Company AI as company:second"))

	// Declined, by either.
	c.issuer.Set(testpeers.IssuerSettings{Deny: true})
	for _, method := range []string{"browser", "device"} {
		from := len(seen.String())
		typed(t, master, "/login company:never "+method)
		if method == "browser" {
			typed(t, master, mustOpen(c, seen.Find(t, from, link)))
		} else {
			code := seen.Find(t, from, regexp.MustCompile(`\b[A-Z]{4}-[A-Z]{4}\b`))
			c.issuer.Enter(seen.Find(t, from, regexp.MustCompile(`http://127\.0\.0\.1:\d+/device[^\s\x1b]*`)), code)
		}
		seen.Find(t, from, regexp.MustCompile(`was declined on the page of Company AI\. Begin again with /login`))
	}
}

func typed(t *testing.T, master *os.File, text string) {
	t.Helper()
	if _, err := io.WriteString(master, text+"\r"); err != nil {
		t.Fatal(err)
	}
}

// openPTY opens a terminal that is wide enough for a link.
func openPTY(t *testing.T) (master, tty *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	err = errors.Join(err, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0),
		unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 2000}))
	if err != nil {
		t.Fatal(err)
	}
	if tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close(); _ = master.Close() })
	return master, tty
}
