package config

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"reflect"
	"time"

	"chatgateway/internal/jsonfile"
)

// Watch reads the file again whenever it changes, and at once when something comes from again (a SIGHUP; nil: never),
// until ctx ends. It calls apply with the new Config if anything in it is different from the last good one (at first:
// now) or the file was bad before, or with the error if the file is bad: then the last good one stays in force, and
// each mistake is said once. Calls of apply come one after another. A file that vanishes is given a second to come back
// before the defaults hold.
func Watch(ctx context.Context, path string, known Known, now *Config, again <-chan os.Signal, apply func(*Config, error)) {
	changed := jsonfile.Watch(ctx, path)
	told := "" // the mistake that was said last
	first := make(chan struct{}, 1)
	first <- struct{}{} // it may have changed since now was read
	for {
		asked := false
		select {
		case <-first:
		case _, ok := <-changed:
			if !ok {
				return
			}
		case <-again:
			asked = true
		}
		if vanished(path) && !settled(ctx) {
			continue // over: the channel is closed soon
		}
		next, err := Load(path, known)
		switch {
		case err != nil && (asked || err.Error() != told):
			told = err.Error()
			apply(nil, err)
		case err == nil && (told != "" || !now.equal(next)):
			told, now = "", next
			apply(next, nil)
		}
	}
}

func vanished(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// settled waits a second, for an editor that removes a file before it writes it.
func settled(ctx context.Context) bool {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// equal reports whether two Configs say the same, wherever it stands in the file.
func (c *Config) equal(d *Config) bool {
	x, y := *c, *d
	x.at, y.at, x.file, y.file = nil, nil, "", ""
	return reflect.DeepEqual(x, y)
}
