package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"unicode/utf8"

	yaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"chatgateway/internal/lazyregexp"
)

// maxSize is the most bytes of config.yaml; the YAML parser takes its time with large files.
const maxSize = 256 << 10

// maxDepth is how deep lists and records may be nested.
const maxDepth = 100

// Known is what the program has; settings for anything else are mistakes.
type Known struct {
	// Channels makes new settings, with their defaults, for each chat service: a pointer to a struct with yaml tags.
	// It is asked once for every account.
	Channels map[string]func() any
	// Providers are the ids of the model services; nil: any.
	Providers []string
	// Nicknames are other names that a model's provider may be called by, like "claude".
	Nicknames []string
}

// Load reads config.yaml over the Defaults. A missing or empty file is fine. The error is an *Error that holds all
// mistakes with their places, or a *FolderError if the file cannot be read. It holds no value of the file.
func Load(path string, known Known) (*Config, error) {
	data, err := readFile(path, maxSize)
	if errors.Is(err, fs.ErrNotExist) {
		data = nil
	} else if err != nil {
		return nil, err
	}
	return Parse(path, data, known)
}

// Parse reads what Load would find in the file at path.
func Parse(path string, data []byte, known Known) (*Config, error) {
	c := Defaults()
	c.file, c.at = path, map[string]position{}
	root, err := parse(path, data)
	if err != nil {
		return nil, err
	}
	d := &decoder{known: known, at: c.at, file: path, anchors: map[string]ast.Node{}}
	if root != nil {
		d.value(root, reflect.ValueOf(c).Elem(), "", 0)
	}
	found := d.found
	if len(found) == 0 { // what was not understood cannot be judged
		found = c.check(known)
	}
	if err := problems(path, found); err != nil {
		return nil, err
	}
	return c, nil
}

// readFile reads a regular file; links are followed. A missing one wraps fs.ErrNotExist.
func readFile(path string, limit int64) ([]byte, error) {
	refuse := func(reason, do string, err error) error {
		return &FolderError{Path: path, Reason: reason, Do: do, Err: err}
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, refuse("it cannot be read: "+cause(err), "check its permissions", err)
	}
	if info.IsDir() {
		return nil, refuse("it is a folder, not a file", "move it away", errNotAFile)
	}
	if !info.Mode().IsRegular() {
		return nil, refuse("it is no regular file", "move it away", errNotAFile)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, refuse("it cannot be read: "+cause(err), "check its permissions", err)
	}
	defer func() { _ = file.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, refuse("it cannot be read: "+cause(err), "check the disk", err)
	}
	if int64(len(data)) > limit {
		return nil, refuse(fmt.Sprintf("it is larger than %d KiB", limit>>10), "shorten it", errNotAFile)
	}
	return data, nil
}

var errNotAFile = errors.New("not a file of settings")

// cause is the system's word for an error, without the path.
func cause(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

// plain turns data into text with Unix line ends, or says where it is none.
func plain(path string, data []byte) (string, *Problem) {
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		return "", &Problem{File: path, Line: 1, Column: 1, Text: "the file is saved as UTF-16; save it as UTF-8"}
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // Windows' Notepad puts it there
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	for i, line := range bytes.Split(data, []byte("\n")) {
		if !utf8.Valid(line) {
			column := bytes.IndexFunc(line, func(r rune) bool { return r == utf8.RuneError }) + 1
			return "", &Problem{File: path, Line: i + 1, Column: column, Text: "this is no UTF-8 text; save the file as UTF-8"}
		}
		if column := bytes.IndexByte(line, 0) + 1; column > 0 {
			return "", &Problem{File: path, Line: i + 1, Column: column, Text: "there is a NUL character; the file seems to be damaged"}
		}
	}
	return string(data), nil
}

// parse reads YAML; nil if there is nothing in it.
func parse(path string, data []byte) (root ast.Node, err error) {
	one := func(p *Problem) error { p.File = path; return &Error{Path: path, Problems: []Problem{*p}} }
	text, bad := plain(path, data)
	if bad == nil {
		bad = tooDeep(text)
	}
	if bad != nil {
		return nil, one(bad)
	}
	defer func() {
		if r := recover(); r != nil { // a parser of somebody else's, fed by hand
			root, err = nil, one(&Problem{Text: "this is not valid YAML"})
		}
	}()
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		return nil, one(syntaxProblem(err))
	}
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.NullType:
		case root != nil:
			return nil, one(&Problem{Line: doc.Body.GetToken().Position.Line, Column: 1, Text: "a second document begins here; there must be one"})
		default:
			root = doc.Body
		}
	}
	return root, nil
}

// tooDeep keeps from the parser what would take it minutes: it looks at brackets and at dashes in a row.
func tooDeep(text string) *Problem {
	depth := 0
	for i, line := range strings.Split(text, "\n") {
		depth += strings.Count(line, "[") + strings.Count(line, "{") - strings.Count(line, "]") - strings.Count(line, "}")
		depth = max(depth, 0)
		for _, again := range []string{"- ", "&", "!", "? "} {
			if strings.Count(line, again) > 10*maxDepth {
				depth = 10*maxDepth + 1
			}
		}
		if depth > 10*maxDepth {
			return &Problem{Line: i + 1, Column: 1, Text: "this is nested too deep"}
		}
	}
	return nil
}

var alreadyDefined = lazyregexp.New(`^mapping key "(.*)" already defined at \[(\d+):`)

// syntaxProblem says what the parser found. Its own report quotes the source, which may hold a secret.
func syntaxProblem(err error) *Problem {
	p := &Problem{Text: "this is not valid YAML"}
	se, ok := errors.AsType[*yaml.SyntaxError](err)
	if !ok {
		return p
	}
	if se.Token != nil && se.Token.Position != nil {
		p.Line, p.Column = se.Token.Position.Line, max(se.Token.Position.Column, 1)
	}
	if m := alreadyDefined.FindStringSubmatch(se.Message); m != nil {
		p.Text = fmt.Sprintf("%q stands there twice, in line %s too; keep one of them", m[1], m[2])
		return p
	}
	for _, h := range syntaxHints {
		if strings.Contains(se.Message, h.has) {
			p.Text = h.say
			return p
		}
	}
	p.Text = "this is not valid YAML: " + se.Message
	return p
}

var syntaxHints = []struct{ has, say string }{
	{"'\t'", "there is a tab; indent with spaces"},
	{"tab character", "there is a tab; indent with spaces"},
	{"mapping value is not allowed", "a text with a colon in it must stand in quotation marks, or the line is indented too far"},
	{"reserved character", "a text that begins with this character must stand in quotation marks"},
	{"directive", "a text that begins with % must stand in quotation marks"},
	{"quoted text", "a quotation mark is not closed"},
	{"must be specified", "a bracket is not closed, or a comma is missing"},
	{"not found", "a bracket is not closed"},
	{"end token", "a brace is not closed"},
	{"value is not allowed in this context", "this line is not indented as the ones before it"},
	{"non-map value is specified", "there should be a name and a colon"},
	{"unexpected key name", "there should be a name and a colon"},
	{"escape character", `there is no such \ sequence; in quotation marks of the other kind ('…') a \ is only a \`},
	{"undefined anchor", "this stands for something that is not defined before it; a text that begins with * must stand in quotation marks"},
	{"could not find alias", "a text that begins with * must stand in quotation marks"},
}
