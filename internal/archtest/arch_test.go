// Package archtest holds the shape of the program: who may import whom, and what no package may do.
package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "chatgateway"

// allowed says what of ours a package may import; a "*" stands for one name, "/..." for everything below. A test
// file may also import what tests need: the suites, fakes and peers.
var allowed = []struct {
	pkg  string
	uses []string
}{
	{"internal/...", []string{"internal/..."}},
	{"config", []string{"internal/..."}},
	{"markdown", []string{"internal/..."}},
	{"providers/catalog", []string{"internal/..."}},
	{"login", []string{"internal/secret"}},
	{"login/loopback", []string{"login"}},
	{"channelauth", []string{"internal/jsonfile", "internal/lazyregexp", "internal/secret"}},
	{"channels", []string{"channelauth", "login", "internal/secret", "internal/status"}},
	{"channels/channeltest", []string{"channels", "channelauth", "login", "markdown", "internal/secret", "internal/status"}},
	{"channels/*", []string{"channels", "channelauth", "login", "login/loopback", "markdown", "internal/adapter", "internal/lazyregexp", "internal/secret", "internal/status"}},
	{"channels/*/*test", []string{"internal/secret"}},
	{"providerauth", []string{"login", "login/loopback", "internal/jsonfile", "internal/lazyregexp", "internal/secret", "internal/status"}},
	{"providerauth/importer", []string{"providerauth", "channelauth", "internal/jsonfile", "internal/lazyregexp", "internal/secret"}},
	{"providers", []string{"providerauth", "providers/catalog", "internal/secret"}},
	{"providers/wire", []string{"providers", "providers/catalog", "providerauth", "login", "internal/lazyregexp", "internal/secret", "internal/sse"}},
	{"providers/wire/*", []string{"providers", "providers/catalog", "providers/wire", "providerauth", "login", "internal/secret", "internal/sse"}},
	{"providers/providertest", []string{"providers", "providers/catalog", "providers/wire", "providerauth", "login", "internal/secret", "internal/sse"}},
	{"providers/*", []string{"providers", "providers/catalog", "providers/wire", "providers/wire/*", "providerauth", "login", "internal/lazyregexp", "internal/secret", "internal/sse"}},
	{"access", []string{"channels"}},
	{"store", []string{"channels", "access", "internal/..."}},
	{"commands", []string{"login", "providers", "providers/catalog", "providerauth", "internal/secret", "internal/status"}},
	{"console", []string{"commands", "internal/status"}},
	{"gateway", []string{"access", "channelauth", "channels", "commands", "login", "markdown", "providerauth", "providers", "providers/catalog", "store", "internal/..."}},
	{"cmd/gateway", []string{"..."}},
	{"test/...", []string{"..."}},
}

// forTests are what test files may import besides.
var forTests = []string{"channels/channeltest", "providers/providertest", "channels/*/*test", "internal/...", "channelauth", "channels", "providerauth", "providers", "providers/*", "login", "store", "access"}

// banned are packages that nobody may import, with the reason.
var banned = map[string]string{
	"html/template":               "it makes the linker keep every exported method; see docs/decisions.md",
	"text/template":               "it makes the linker keep every exported method; see docs/decisions.md",
	"log":                         "use log/slog, passed in",
	"github.com/stretchr/testify": "plain tests",
}

func TestImports(t *testing.T) {
	for _, f := range sources(t) {
		pkg := path.Dir(f.name)
		uses, ok := rule(pkg)
		if !ok {
			t.Errorf("%s: package %s is not in the table of internal/archtest; add it with what it may import", f.name, pkg)
			continue
		}
		test := strings.HasSuffix(f.name, "_test.go")
		for _, imp := range f.imports {
			if why, bad := banned[imp]; bad && !(imp == "log" && strings.HasSuffix(pkg, "test")) { // libraries want a *log.Logger to be silenced
				t.Errorf("%s imports %s: %s", f.name, imp, why)
			}
			ours, found := strings.CutPrefix(imp, module+"/")
			if !found || ours == pkg || test && matchesAny(forTests, ours) {
				continue
			}
			if strings.HasPrefix(ours, pkg+"/") && strings.HasSuffix(ours, "test") && test {
				continue
			}
			if !matchesAny(uses, ours) {
				t.Errorf("%s: %s may not import %s", f.name, pkg, ours)
			}
		}
	}
}

// TestEveryPackageSaysWhatItIs wants a package comment everywhere.
func TestEveryPackageSaysWhatItIs(t *testing.T) {
	said := map[string]bool{}
	for _, f := range sources(t) {
		pkg := path.Dir(f.name)
		said[pkg] = said[pkg] || f.doc
	}
	for pkg, ok := range said {
		if !ok {
			t.Errorf("package %s has no package comment", pkg)
		}
	}
}

// TestFilesAreShort bounds a file, so that it can be read at once.
func TestFilesAreShort(t *testing.T) {
	for _, f := range sources(t) {
		if f.lines > 400 && !strings.HasSuffix(f.name, "_test.go") {
			t.Errorf("%s has %d lines; more than 400 is a place to split", f.name, f.lines)
		}
	}
}

func rule(pkg string) ([]string, bool) {
	for _, a := range allowed {
		if a.pkg == pkg {
			return a.uses, true
		}
	}
	for _, a := range allowed {
		if matches(a.pkg, pkg) {
			return a.uses, true
		}
	}
	return nil, false
}

func matchesAny(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, pkg) })
}

func matches(pattern, pkg string) bool {
	if pattern == "..." {
		return true
	}
	if head, all := strings.CutSuffix(pattern, "/..."); all {
		return pkg == head || strings.HasPrefix(pkg, head+"/")
	}
	ok, err := path.Match(pattern, pkg)
	return err == nil && ok
}

type source struct {
	name    string // slash-separated, from the module's root
	imports []string
	doc     bool
	lines   int
}

func sources(t *testing.T) (out []source) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		name := filepath.ToSlash(rel)
		if d.IsDir() {
			if base := d.Name(); name != "." && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "testdata" || name == "tools" || name == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, data, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		s := source{name: name, doc: f.Doc != nil, lines: strings.Count(string(data), "\n")}
		for _, i := range f.Imports {
			s.imports = append(s.imports, strings.Trim(i.Path.Value, `"`))
		}
		out = append(out, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
