// Package browser opens a page in the browser of whoever sits at this host.
package browser

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// ErrNone is returned by Open where there is no display, or no program that opens pages: the page's address must be
// shown instead.
var ErrNone = errors.New("there is no browser here")

// startTime bounds the wait for the program that starts the browser; the browser itself runs on.
const startTime = 5 * time.Second

// Open opens an address with http or https, nothing else. It does not wait for the browser. The address reaches other
// programs' command lines on this host: it may be a sign-in's link, which is worth nothing alone, and no secret.
func Open(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("only pages with http or https are opened")
	}
	if !Available(os.Getenv) {
		return ErrNone
	}
	args := command(runtime.GOOS, u.String())
	if _, err := exec.LookPath(args[0]); err != nil {
		return ErrNone
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	cmd := exec.CommandContext(context.WithoutCancel(ctx), args[0], args[1:]...) //nolint:gosec // no shell, and a parsed address
	if err := cmd.Start(); err != nil {
		cancel()
		return err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }() // ends with the program, which some systems leave running as the browser
	defer cancel()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return nil // it runs: some starters become the browser
	}
}

// Available reports whether a page can be opened here: not over SSH, not in CI, not without a display.
func Available(env func(string) string) bool {
	switch {
	case env("SSH_CONNECTION") != "" || env("SSH_TTY") != "" || env("CI") != "":
		return false
	case runtime.GOOS == "windows" || runtime.GOOS == "darwin":
		return true
	}
	return env("DISPLAY") != "" || env("WAYLAND_DISPLAY") != "" || env("WSL_DISTRO_NAME") != ""
}

// command is the program that opens a page, with its arguments. None of them is a shell.
func command(system, address string) []string {
	switch system {
	case "darwin":
		return []string{"open", address}
	case "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler", address}
	}
	if os.Getenv("WSL_DISTRO_NAME") != "" {
		if _, err := exec.LookPath("wslview"); err == nil {
			return []string{"wslview", address}
		}
	}
	if b := os.Getenv("BROWSER"); b != "" && !strings.ContainsAny(b, " %:") {
		return []string{b, address}
	}
	return []string{"xdg-open", address}
}
