package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"chatgateway/internal/jsonfile"
	"chatgateway/internal/secret"
)

// homeFolder looks at the folder itself; false: there is nothing else to look at.
func (d *doctor) homeFolder() bool {
	info, err := os.Stat(string(d.home))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if !canWrite(existing(string(d.home))) {
			d.add(severe, "files", fmt.Sprintf("the home folder %s is not there, and cannot be made", d.home), "set GATEWAY_HOME to a folder of yours, or change the permissions of the one above it")
			return false
		}
		d.add(notice, "files", fmt.Sprintf("there is no home folder %s yet; the first `gateway serve` makes it", d.home), "")
		return false
	case err != nil:
		d.risk(severe, "files", fmt.Sprintf("the home folder %s cannot be looked at", d.home), "check its permissions, or set GATEWAY_HOME")
		return false
	case !info.IsDir():
		d.risk(severe, "files", fmt.Sprintf("the home folder %s is a file", d.home), "move it away, or set GATEWAY_HOME")
		return false
	}
	if !canWrite(string(d.home)) {
		d.add(severe, "files", fmt.Sprintf("the home folder %s cannot be written to", d.home), "change its permissions, make room on the disk, or set GATEWAY_HOME")
	}
	return true
}

// canWrite tries whether a file can be made in a folder.
func canWrite(dir string) bool {
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return false
	}
	_ = probe.Close()
	return os.Remove(probe.Name()) == nil
}

// existing is the nearest folder above dir that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// files looks at permissions, owners, links and leftovers, and whether the auth files can be read.
func (d *doctor) files() {
	seen := map[string]bool{}
	before := len(d.found)
	for _, path := range []string{d.home.Providers(), d.home.Channels()} {
		for _, f := range jsonfile.Check(path) {
			d.permission(f, seen, func(ctx context.Context) error { return jsonfile.Fix(ctx, path) })
		}
	}
	for _, path := range d.ownFiles() {
		for _, f := range jsonfile.Check(path) {
			if strings.Contains(f.Problem, "cut short") || filepath.Base(path) == "config.yaml" && !strings.Contains(f.Problem, "change it") && !strings.Contains(f.Problem, "belongs") {
				continue // settings may be read by others, and may be a link
			}
			d.permission(f, seen, narrow(f.Path))
		}
	}
	d.plainSecrets()
	d.parents()
	if len(d.found) == before {
		d.risk(notice, "files", "readable and writable by you alone", "")
	}
	for _, err := range []error{d.auth.StoreErr(), d.tokens.Err()} {
		d.unusable(err, seen)
	}
	switch {
	case sealed(d.home.Providers()) || sealed(d.home.Channels()):
		d.risk(notice, "files", "the auth files are encrypted", "")
		if strings.TrimSpace(d.app.env(keyVariable)) != "" && holds(d.home.DotEnv(), keyVariable) {
			d.risk(warning, "files", "the key of the encrypted auth files stands beside them, in .env", "keep "+keyVariable+" elsewhere: a keyring, a secret of the service manager")
		}
	default:
		d.risk(notice, "files", "the auth files are not encrypted (gateway auth encrypt does it)", "")
	}
}

// unusable adds why an auth file cannot be used, if that was not said yet.
func (d *doctor) unusable(err error, seen map[string]bool) {
	if file, ok := errors.AsType[*jsonfile.Error](err); ok {
		if text := file.Error(); !seen[text] {
			d.add(severe, "files", text, file.Do+", or put a backup in its place; nothing is written to it until then")
		}
		return
	}
	if err != nil {
		d.add(severe, "files", message(err), "mend it, or put a backup in its place; nothing is written to it until then")
	}
}

// ownFiles lists what else is in the home folder, down to its second level, and first gateway.db, whether it is there
// or not: with each file its folder is looked at.
func (d *doctor) ownFiles() []string {
	list := []string{d.home.Store()}
	_ = filepath.WalkDir(string(d.home), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what cannot be looked at is told of elsewhere
		}
		rel, _ := filepath.Rel(string(d.home), path)
		switch {
		case e.IsDir() && strings.Count(rel, string(filepath.Separator)) >= 2:
			return filepath.SkipDir
		case e.IsDir(), e.Type()&fs.ModeSocket != 0, strings.HasSuffix(path, ".lock"):
		case path != d.home.Providers() && path != d.home.Channels():
			list = append(list, path)
		}
		return nil
	})
	return list[:min(len(list), 500)]
}

// permission adds what jsonfile.Check found, once.
func (d *doctor) permission(f jsonfile.Finding, seen map[string]bool, fix func(context.Context) error) {
	text := f.Path + ": " + f.Problem
	if seen[text] {
		return
	}
	seen[text] = true
	got := d.risk(severe, "files", text, f.Do)
	if got.Fixable = f.Fixable; f.Fixable {
		got.fix = fix
	}
}

// narrow takes everybody else's rights from a file or a folder of ours; a link in its place is left alone.
func narrow(path string) func(context.Context) error {
	return func(context.Context) error {
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&fs.ModeSymlink != 0 || runtime.GOOS == "windows" {
			return err
		}
		return os.Chmod(path, info.Mode().Perm()&0o700)
	}
}

// plainSecrets looks for what is shaped like a secret where none belongs, or where others can read it.
func (d *doctor) plainSecrets() {
	data, err := os.ReadFile(d.home.Config())
	if err != nil || len(data) > 1<<20 {
		return
	}
	for i, line := range strings.Split(string(data), "\n") {
		if secret.Shaped(line) && !strings.HasPrefix(strings.TrimSpace(line), "#") {
			d.risk(warning, "files", fmt.Sprintf("config.yaml:%d holds something that is shaped like a secret", i+1),
				"store it with `gateway auth set` or `gateway channels set`, or write env:NAME or file:PATH in its place")
		}
	}
	if info, err := os.Stat(d.home.Config()); err == nil && othersMay(info, 0o044) && slices.ContainsFunc(strings.Split(string(data), "\n"), secret.Shaped) {
		f := d.risk(severe, "files", fmt.Sprintf("%s: others may read it (mode %04o), and there is a secret in it", d.home.Config(), info.Mode().Perm()), "chmod 0600 "+d.home.Config())
		f.Fixable, f.fix = true, narrow(d.home.Config())
	}
}

// holds reports whether a .env file sets a variable.
func holds(path, name string) bool {
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	for _, line := range strings.Split(string(data), "\n") {
		if strings.HasPrefix(strings.TrimPrefix(strings.TrimSpace(line), "export "), name+"=") {
			return true
		}
	}
	return false
}
