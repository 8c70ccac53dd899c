package importer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Options say where to look.
type Options struct {
	Home  string              // whose files are looked for; "": os.UserHomeDir
	Env   func(string) string // variables that move such files; nil: os.Getenv
	Paths []string            // files to read in place of those that are looked for
}

// Problem is a file that could not be read.
type Problem struct {
	Path string
	Err  error // holds nothing of what is in the file
}

// maxFile is the most bytes that a file may have.
const maxFile = 16 << 20

// place is where one system keeps one kind of file.
type place struct {
	system string
	globs  []string // below the home folder, or absolute
	read   reader
}

// places are all that is known, in the order in which they are taken.
func places(env func(string) string) []place {
	moved := func(variable, rest, otherwise string) string {
		if dir := env(variable); dir != "" {
			return filepath.Join(dir, rest)
		}
		return otherwise
	}
	list := []place{
		{"Operator", []string{".operator/auth/providers.json"}, readFlat},
		{"Operator", []string{".operator/auth/channels.json", ".operator/profiles/*/auth/channels.json"}, readChannels},
		{"Duragent", []string{".duragent/auth.json"}, readFlat},
		{"pindus", []string{moved("INDUSAGI_CODING_AGENT_DIR", "auth.json", moved("INDUSAGI_HOME", "auth.json", ".pindusagi/auth.json")), ".indusagi/agent/auth.json"}, readNested},
		{"llxprt", []string{".llxprt/oauth/*.json"}, readToken},
		{"Codex", []string{moved("CODEX_HOME", "auth.json", ".codex/auth.json")}, readCodex},
	}
	for _, s := range []struct{ system, dir, config string }{{"OpenSoul", ".opensoul", "opensoul.json"}, {"OpenClaw", ".openclaw", "openclaw.json"}} {
		dir := moved(strings.ToUpper(s.system)+"_STATE_DIR", "", s.dir)
		list = append(list,
			place{s.system, []string{filepath.Join(dir, "agents/*/agent/auth-profiles.json")}, readProfiles},
			place{s.system, []string{filepath.Join(dir, s.config)}, readBots})
	}
	return list
}

// Find looks for the files of other systems, or reads those that are named, and lists what is in them. Files that are
// not there are no problem; files that cannot be read are, and the others are listed all the same.
func Find(o Options) ([]Item, []Problem) {
	if o.Env == nil {
		o.Env = os.Getenv
	}
	if o.Home == "" {
		o.Home, _ = os.UserHomeDir() // without one only named files are found
	}
	var items []Item
	var problems []Problem
	take := func(system, path string, read reader) {
		found, err := readFile(path, read)
		if errors.Is(err, fs.ErrNotExist) && len(o.Paths) == 0 {
			return
		}
		if err != nil {
			problems = append(problems, Problem{path, err})
			return
		}
		for _, i := range found {
			i.System, i.Path = system, path
			items = append(items, i)
		}
	}
	if len(o.Paths) > 0 {
		for _, path := range o.Paths {
			system, read := guess(path)
			take(system, path, read)
		}
		return items, problems
	}
	for _, p := range places(o.Env) {
		for _, g := range p.globs {
			if !filepath.IsAbs(g) {
				g = filepath.Join(o.Home, filepath.FromSlash(g))
			}
			matches, _ := filepath.Glob(g) // the patterns are ours
			slices.Sort(matches)
			for _, path := range matches {
				take(p.system, path, p.read)
			}
		}
	}
	return items, problems
}

// guess tells by its path and its name what a named file is.
func guess(path string) (system string, read reader) {
	slashed := filepath.ToSlash(path)
	for _, p := range places(func(string) string { return "" }) {
		for _, g := range p.globs {
			if dir, _, _ := strings.Cut(g, "/"); strings.Contains(slashed, "/"+dir+"/") && filepath.Base(g) == filepath.Base(path) {
				return p.system, p.read
			}
		}
	}
	switch name := filepath.Base(path); {
	case name == "auth-profiles.json":
		return "OpenClaw", readProfiles
	case name == "openclaw.json" || name == "opensoul.json":
		return "OpenClaw", readBots
	case name == "channels.json":
		return "Operator", readChannels
	case strings.Contains(slashed, "/oauth/"):
		return "llxprt", readToken
	}
	return "another program", readAny
}

func readFile(path string, read reader) ([]Item, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer func() { _ = f.Close() }() // only read from
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.New("it is a folder, or no regular file; name the files in it")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, withoutPath(err)
	case len(data) > maxFile:
		return nil, fmt.Errorf("it is larger than %d MiB", maxFile>>20)
	}
	doc, err := parse(data)
	if err != nil {
		return nil, err
	}
	items := read(path, doc)
	for i := range items {
		items[i].check()
	}
	return items, nil
}

func withoutPath(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}
