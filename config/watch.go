package config

import (
	"context"
	"os"
	"reflect"
	"time"

	"chatgateway/internal/jsonfile"
)

// Watch reads the file again whenever it changes, and at once when something comes from again (a SIGHUP; nil: never),
// until ctx ends. It calls apply with the new Config if anything in it is different from the last good one (at first:
// now) or the file was bad before, or with the error if the file is bad: then the last good one stays in force, and
// each mistake is said once. Calls of apply come one after another. A file that is just being written is read when it is
// whole; one that vanishes, or becomes empty, is given a second before the defaults hold.
func Watch(ctx context.Context, path string, known Known, now *Config, again <-chan os.Signal, apply func(*Config, error)) {
	changed := jsonfile.Watch(ctx, path)
	defer func() {
		for range changed { // until the watch is over
		}
	}()
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
		if !settled(ctx, path) {
			return
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

const (
	beingSaved = 150 * time.Millisecond // a file that was written so recently may not be whole
	comesBack  = time.Second            // editors that remove or empty a file before they write it are faster
)

// settled waits until nobody seems to be saving the file; it is false if ctx ended first.
func settled(ctx context.Context, path string) bool {
	for waited := time.Duration(0); waited < comesBack; {
		pause := beingSaved
		info, err := os.Stat(path)
		if err == nil && info.Size() > 0 {
			if pause -= time.Since(info.ModTime()).Abs(); pause <= 0 {
				return true
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
			waited += pause
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
	return true
}

// equal reports whether two Configs say the same, wherever it stands in the file.
func (c *Config) equal(d *Config) bool {
	x, y := *c, *d
	x.at, y.at, x.file, y.file = nil, nil, "", ""
	return reflect.DeepEqual(x, y)
}
