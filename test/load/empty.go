package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// emptyStarts is how often a start with an empty home is measured in each round.
const emptyStarts = 9

// emptyStart gives how long the gateway takes, with an empty home, until the page is there and the start is told: the
// median of some starts.
func emptyStart(ctx context.Context, bin, dir string) (time.Duration, error) {
	var took []time.Duration
	for n := range emptyStarts {
		home := filepath.Join(dir, fmt.Sprint("empty", n))
		if err := os.MkdirAll(home, 0o700); err != nil {
			return 0, err
		}
		// any free port: another gateway may run on this machine
		if err := os.WriteFile(filepath.Join(home, "config.yaml"), []byte("page:\n  listen: 127.0.0.1:0\n"), 0o600); err != nil {
			return 0, err
		}
		d, err := startAlone(ctx, bin, home)
		if err != nil {
			return 0, err
		}
		took = append(took, d)
	}
	return percentile(took, 50), nil
}

// startAlone runs the gateway until it has printed its start block.
func startAlone(ctx context.Context, bin, home string) (took time.Duration, err error) {
	c := exec.CommandContext(ctx, bin, "serve")
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + os.TempDir(), "GATEWAY_HOME=" + home, "GATEWAY_LOCKS=" + home}
	out, err := c.StdoutPipe()
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := c.Start(); err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(out)
	for took == 0 && lines.Scan() {
		if strings.HasPrefix(lines.Text(), "gateway ") {
			took = time.Since(begin)
		}
	}
	_ = c.Process.Signal(syscall.SIGTERM)
	for lines.Scan() { // until it has ended
	}
	err = c.Wait()
	if took == 0 {
		return 0, errors.Join(errors.New("the gateway did not start in an empty home"), err)
	}
	return took, nil
}
