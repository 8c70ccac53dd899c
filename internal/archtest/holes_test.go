package archtest

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestHoles holds the table "Holes others had" of docs/security.md to the tests: every hole has a line, and every test
// that a line names is there.
func TestHoles(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n## Holes others had")
	if !ok {
		t.Fatal("docs/security.md has no table of holes")
	}
	table, _, _ = strings.Cut(table, "\n## ")
	tests := map[string]string{} // by folder: the text of its tests
	for _, f := range sources(t) {
		if strings.HasSuffix(f.name, "_test.go") {
			text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(f.name)))
			if err != nil {
				t.Fatal(err)
			}
			tests[path.Dir(f.name)] += string(text)
		}
	}
	line := regexp.MustCompile(`(?m)^\| ([A-Z]+[0-9]+) \|.*\|([^|]*)\|$`)
	named := regexp.MustCompile("`([a-z][a-z0-9/]*) (Test[A-Za-z0-9]+)`")
	var have []string
	for _, m := range line.FindAllStringSubmatch(table, -1) {
		have = append(have, m[1])
		names := named.FindAllStringSubmatch(m[2], -1)
		if len(names) == 0 {
			t.Errorf("%s names no test", m[1])
		}
		for _, n := range names {
			if !strings.Contains(tests[n[1]], "func "+n[2]+"(t *testing.T)") {
				t.Errorf("%s: there is no %s in %s", m[1], n[2], n[1])
			}
		}
	}
	for group, last := range map[string]int{"A": 11, "H": 5, "I": 7} {
		for n := range last {
			if id := fmt.Sprint(group, n+1); !slices.Contains(have, id) {
				t.Errorf("%s has no line", id)
			}
		}
	}
}

// TestFuzzTable holds the table "What strangers and services send" of docs/security.md to the fuzz tests: every one that
// there is stands there, is there, and has a corpus.
func TestFuzzTable(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n## What strangers and services send")
	if !ok {
		t.Fatal("docs/security.md has no table of fuzz tests")
	}
	table, _, _ = strings.Cut(table, "\n## ")
	var said, there []string
	for _, m := range regexp.MustCompile("`([a-z][a-z0-9/]*) (Fuzz[A-Za-z0-9]+)`").FindAllStringSubmatch(table, -1) {
		said = append(said, m[1]+" "+m[2])
	}
	fuzz := regexp.MustCompile(`(?m)^func (Fuzz[A-Za-z0-9]+)\(f \*testing\.F\)`)
	for _, f := range sources(t) {
		if !strings.HasSuffix(f.name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(f.name)))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fuzz.FindAllStringSubmatch(string(text), -1) {
			folder := path.Dir(f.name)
			there = append(there, folder+" "+m[1])
			corpus := filepath.Join("..", "..", filepath.FromSlash(folder), "testdata", "fuzz", m[1])
			if files, err := os.ReadDir(corpus); err != nil || len(files) == 0 {
				t.Errorf("%s %s has no corpus: run it with -fuzz, and keep some of what it finds in testdata/fuzz/%s", folder, m[1], m[1])
			}
		}
	}
	slices.Sort(said)
	slices.Sort(there)
	if !slices.Equal(said, there) {
		t.Errorf("the table has\n%q, and there are\n%q", said, there)
	}
}

// calls gives the files, without tests and what serves tests, whose text matches.
func calls(t *testing.T, pattern string) (files []string) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for _, f := range sources(t) {
		folder := path.Dir(f.name)
		if strings.HasSuffix(f.name, "_test.go") || strings.HasPrefix(f.name, "test/") || strings.HasSuffix(folder, "test") || folder == "internal/testpeers" {
			continue
		}
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(f.name)))
		if err != nil {
			t.Fatal(err)
		}
		if re.Match(text) {
			files = append(files, f.name)
		}
	}
	slices.Sort(files)
	return files
}

// TestI6Listeners: nothing listens but the page, the socket in the home folder, and a sign-in's loopback callback.
func TestI6Listeners(t *testing.T) {
	want := []string{"channels/web/listen.go", "cmd/gateway/listen_other.go", "cmd/gateway/listen_unix.go", "login/loopback/loopback.go"}
	if got := calls(t, `net\.Listen\(|ListenConfig|ListenPacket|ListenAndServe|ListenTCP|ListenUnix`); !slices.Equal(got, want) {
		t.Errorf("these listen: %q, want %q", got, want)
	}
}

// TestI7NoShell: nothing starts other programs but the owner's own exec: references and the browser that a sign-in opens;
// nothing that is said in a chat reaches either, and no chat command makes a reference or writes config.yaml or .env.
func TestI7NoShell(t *testing.T) {
	if got, want := calls(t, `"os/exec"|"plugin"|syscall\.Exec|os\.StartProcess`), []string{"internal/browser/browser.go", "internal/jsonfile/ref.go"}; !slices.Equal(got, want) {
		t.Errorf("these start programs: %q, want %q", got, want)
	}
	for _, f := range calls(t, `SetReference\(|internal/browser"`) {
		if dir := path.Dir(f); dir != "cmd/gateway" && dir != "channelauth" && dir != "internal/browser" {
			t.Errorf("%s makes references or opens a browser", f)
		}
	}
	for _, f := range calls(t, `os\.(WriteFile|Create|OpenFile|Rename|Remove)`) {
		if dir := path.Dir(f); slices.Contains([]string{"commands", "gateway", "console", "login"}, dir) {
			t.Errorf("%s writes files", f)
		}
	}
}

// TestI4NoFetchOfForeignAddresses: requests go where the configuration, a service's fixed hosts or a sign-in's endpoints
// say; nothing outside these folders makes any, so that no address in a message is ever fetched.
func TestI4NoFetchOfForeignAddresses(t *testing.T) {
	for _, f := range calls(t, `http\.(Get|Post|Head|PostForm)\(|http\.NewRequest|\.RoundTrip\(`) {
		dir := path.Dir(f)
		if !slices.Contains([]string{"providerauth", "cmd/gateway"}, dir) && !strings.HasPrefix(dir, "providers/") && !strings.HasPrefix(dir, "channels/") {
			t.Errorf("%s makes requests", f)
		}
	}
	if got := calls(t, `http\.(Get|Post|Head|PostForm)\(`); len(got) > 0 {
		t.Errorf("%q make requests without a context", got)
	}
}
