package config

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"chatgateway/internal/lazyregexp"
	"chatgateway/internal/owner"
)

// Variable is one line of a .env file.
type Variable struct {
	Name, Value string
	Line        int
}

const maxEnv = 1 << 20

var variableName = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// LoadEnv reads a .env file and sets, for this process, the variables that are not set yet; one that is set, be it to
// nothing, stays as it is. A missing file is fine. Lines that cannot be understood are told of in an *Error, without
// what stands there; the others hold all the same. A symbolic link in
// its place and a file of another user's are refused. Call it before anything reads the environment.
func LoadEnv(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return &FolderError{Path: path, Reason: "it is a symbolic link, which is never followed here", Do: "put the file itself there", Err: errNotAFile}
	}
	if who, foreign := owner.Foreign(path); foreign {
		return &FolderError{Path: path, Reason: "it belongs to another user (" + who + ")", Do: "make it your own with chown", Err: errNotAFile}
	}
	data, err := readFile(path, maxEnv)
	if err != nil {
		return err
	}
	variables, bad := ParseEnv(path, data)
	for _, v := range variables {
		if _, set := os.LookupEnv(v.Name); set {
			continue
		}
		if os.Setenv(v.Name, v.Value) != nil {
			bad = append(bad, Problem{File: path, Line: v.Line, Column: 1, Setting: v.Name, Text: "this cannot be the value of a variable"})
		}
	}
	return problems(path, bad)
}

// ParseEnv reads lines NAME=VALUE, with or without "export" before them. A value ends at " #" or at the end of the
// line, and white space around it does not count. In '…' everything is as it stands; in "…" \n, \r, \t, \", \\ and \$ mean
// what they mean in a shell; both may go over several lines. A later line wins. Nothing is expanded.
func ParseEnv(path string, data []byte) ([]Variable, []Problem) {
	text, bad := plain(path, data)
	if bad != nil {
		return nil, []Problem{*bad}
	}
	p := envParser{path: path, lines: strings.Split(text, "\n"), at: map[string]int{}}
	for p.next < len(p.lines) {
		p.line()
	}
	return p.found, p.bad
}

type envParser struct {
	path  string
	lines []string
	next  int            // line to read
	at    map[string]int // name → index in found
	found []Variable
	bad   []Problem
}

func (p *envParser) line() {
	number := p.next + 1
	line := strings.TrimSpace(p.lines[p.next])
	p.next++
	if line == "" || strings.HasPrefix(line, "#") {
		return
	}
	wrong := func(what string) {
		p.bad = append(p.bad, Problem{File: p.path, Line: number, Column: 1, Text: what})
	}
	if rest, ok := strings.CutPrefix(line, "export"); ok && strings.TrimLeft(rest, " \t") != rest {
		line = strings.TrimLeft(rest, " \t")
	}
	name, value, ok := strings.Cut(line, "=")
	name = strings.TrimSpace(name)
	if !ok || !variableName.MatchString(name) {
		wrong("want NAME=VALUE, with a name of letters, digits and _")
		return
	}
	value = strings.TrimLeft(value, " \t")
	if value != "" && (value[0] == '"' || value[0] == '\'') {
		var rest string
		if value, rest, ok = p.quoted(value[1:], value[0]); !ok {
			wrong("a quotation mark is not closed")
			return
		}
		if rest = strings.TrimSpace(rest); rest != "" && rest[0] != '#' {
			wrong("there is something behind the closing quotation mark")
			return
		}
	} else {
		value = uncommented(value)
	}
	v := Variable{Name: name, Value: value, Line: number}
	if i, again := p.at[name]; again {
		p.found[i] = v
		return
	}
	p.at[name] = len(p.found)
	p.found = append(p.found, v)
}

// uncommented ends a value without quotation marks at its comment.
func uncommented(value string) string {
	for i := range value {
		if value[i] == '#' && (i == 0 || value[i-1] == ' ' || value[i-1] == '\t') {
			return strings.TrimSpace(value[:i])
		}
	}
	return strings.TrimSpace(value)
}

// quoted reads up to the closing mark, over further lines if need be. If there is none, only the first line is spent.
func (p *envParser) quoted(s string, mark byte) (value, rest string, ok bool) {
	var b strings.Builder
	next := p.next
	for {
		for i := 0; i < len(s); i++ {
			switch c := s[i]; {
			case c == mark:
				p.next = next
				return b.String(), s[i+1:], true
			case c == '\\' && mark == '"' && i+1 < len(s):
				i++
				b.WriteString(escaped(s[i]))
			default:
				b.WriteByte(c)
			}
		}
		if next == len(p.lines) {
			return "", "", false
		}
		b.WriteByte('\n')
		s = p.lines[next]
		next++
	}
}

func escaped(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case '"', '\\', '$', '\'', '`':
		return string(c)
	}
	return `\` + string(c)
}
