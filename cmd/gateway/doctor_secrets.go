package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"chatgateway/internal/jsonfile"
)

// othersMay looks at the bits of a mode. On Windows they say nothing.
func othersMay(info fs.FileInfo, bits fs.FileMode) bool {
	return runtime.GOOS != "windows" && info.Mode().Perm()&bits != 0
}

// keyFile looks at the file that holds the key of the auth files.
func (d *doctor) keyFile(v *vault) {
	data, err := os.ReadFile(v.pointer())
	path := strings.TrimSpace(string(data))
	if err != nil || path == inKeyring || path == "" {
		return
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		d.risk(warning, "files", "the key file "+path+" is not there; without it the auth files cannot be opened", "put it back from your copy, or set "+keyVariable)
		return
	case othersMay(info, 0o077):
		f := d.risk(severe, "files", fmt.Sprintf("%s: others may read the key of the auth files (mode %04o)", path, info.Mode().Perm()), "chmod 0600 "+path)
		f.Fixable, f.fix = true, narrow(path)
	}
	if rel, err := filepath.Rel(string(d.home), path); err == nil && filepath.IsLocal(rel) {
		d.risk(warning, "files", "the key of the encrypted auth files lies beside them: "+path, "move it elsewhere, and write its new path into "+v.pointer())
	}
}

// references looks at the files that file: references lead to.
func (d *doctor) references(v *vault) {
	for _, f := range v.files() {
		doc, err := f.Read()
		if err != nil {
			continue // said elsewhere
		}
		for _, key := range doc.Keys() {
			var value any
			if json.Unmarshal(doc.Raw(key), &value) == nil {
				d.reference(filepath.Base(f.Path)+": "+key, value)
			}
		}
	}
}

// reference looks at every text of a value.
func (d *doctor) reference(where string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			d.reference(where, v[k])
		}
	case string:
		path, ok := strings.CutPrefix(v, "file:")
		if !ok {
			return
		}
		path = jsonfile.ReferredPath(path, d.home.Auth())
		info, err := os.Stat(path)
		if err == nil && othersMay(info, 0o022) {
			d.risk(severe, "files", fmt.Sprintf("%s: others may change the secret in %s (mode %04o)", where, path, info.Mode().Perm()), "chmod 0600 "+path)
		} else if err == nil && othersMay(info, 0o044) {
			d.risk(warning, "files", fmt.Sprintf("%s: others may read the secret in %s (mode %04o)", where, path, info.Mode().Perm()), "chmod 0600 "+path)
		}
	}
}

// parents looks for folders above the home folder in which others could put another in its place.
func (d *doctor) parents() {
	for dir := filepath.Dir(string(d.home)); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil && othersMay(info, 0o022) && info.Mode()&fs.ModeSticky == 0 {
			d.risk(warning, "files", fmt.Sprintf("%s: others may put another folder in the place of the home folder (mode %04o)", dir, info.Mode().Perm()), "chmod go-w "+dir)
		}
		if dir == filepath.Dir(dir) {
			return
		}
	}
}
