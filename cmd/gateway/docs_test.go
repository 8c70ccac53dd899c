package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"chatgateway/channels"
	"chatgateway/commands"
	"chatgateway/config"
	"chatgateway/providerauth"
)

var update = flag.Bool("update", false, "write the docs that are made of the code")

// docsFolder is where the docs are.
const docsFolder = "../../docs"

// TestDocs holds the docs that are made of the code to what the code says: go test ./cmd/gateway -run TestDocs -update
func TestDocs(t *testing.T) {
	for name, text := range map[string]string{
		"cli.md": cliDoc(), "providers.md": providersDoc(), "channels.md": channelsDoc(t), "commands.md": commandsDoc(),
	} {
		path := filepath.Join(docsFolder, name)
		if *update {
			if err := os.MkdirAll(docsFolder, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		have, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if have := strings.ReplaceAll(string(have), "\r\n", "\n"); have != text {
			t.Errorf("docs/%s is not what the code says. Make it anew: go test ./cmd/gateway -run TestDocs -update", name)
		}
	}
}

const made = "<!-- Made of the code by `go test ./cmd/gateway -run TestDocs -update`; change it there. -->\n\n"

func cliDoc() string {
	a := &app{in: strings.NewReader(""), out: io.Discard, err: io.Discard, env: func(string) string { return "" }}
	var b strings.Builder
	b.WriteString("# The command line\n\n" + made)
	b.WriteString("Exit codes: 0 all is well; 1 it did not work; 2 the command line was not understood; 78 it cannot run like this, and\ntrying again does not help; 130 interrupted. `gateway auth status --check` has its own.\n\n`gateway completion bash` (or zsh, fish, powershell) prints what makes the shell complete commands, providers, accounts and fields;\n`gateway completion bash --help` says where to put it.\n")
	writeCommand(&b, a.root(), 2)
	return b.String()
}

func writeCommand(b *strings.Builder, c *cobra.Command, level int) {
	c.InitDefaultHelpFlag()
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	fmt.Fprintf(b, "\n%s %s\n\n%s\n\n```\n%s\n", strings.Repeat("#", min(level, 4)), c.CommandPath(), strings.ReplaceAll(text, "\n  ", "\n- "), c.UseLine())
	if len(c.Aliases) > 0 {
		fmt.Fprintf(b, "also: %s\n", strings.Join(c.Aliases, ", "))
	}
	if flags := c.NonInheritedFlags().FlagUsages(); strings.Count(flags, "\n") > 1 || c.HasParent() && !strings.Contains(flags, "--help") {
		b.WriteString("\n" + flags)
	}
	b.WriteString("```\n")
	for _, sub := range c.Commands() {
		if sub.Name() != "help" && sub.Name() != "completion" && !sub.Hidden {
			writeCommand(b, sub, level+1)
		}
	}
}

func providersDoc() string {
	var b strings.Builder
	b.WriteString("# Model providers\n\n" + made)
	b.WriteString("Log in from a chat with `/login`, or on the host with `gateway login`. What is stored goes before the environment.\n\n")
	b.WriteString("| provider | id, other names | ways to log in | variables | keys are made at |\n|---|---|---|---|---|\n")
	var off []string
	all := schemes(makeProviders(config.Defaults()))
	m := providerauth.New(providerauth.Options{Store: providerauth.NewMemory(), Schemes: all})
	for _, s := range all {
		var ways []string
		for _, w := range s.Methods {
			way := w.Name + " (`" + w.ID + "`)"
			if w.Off != "" {
				way += " – off"
				off = append(off, fmt.Sprintf("- **%s, %s**: %s", s.Name, w.Name, w.Off))
			}
			ways = append(ways, way)
		}
		if s.NoKey {
			ways = append(ways, "needs none")
		}
		page := s.KeyPage
		if page == "" {
			page = "–"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", s.Name, code(append([]string{s.ID}, s.Aliases...)), strings.Join(ways, "<br>"), code(m.Variables(s.ID)), page)
	}
	if len(off) > 0 {
		b.WriteString("\nOff until they are turned on, and why:\n\n" + strings.Join(off, "\n") + "\n")
	}
	b.WriteString("\nA variable serves one provider: the one in whose row it stands.\n")
	return b.String()
}

func code(words []string) string {
	if len(words) == 0 {
		return "–"
	}
	return "`" + strings.Join(words, "`, `") + "`"
}

func channelsDoc(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Channels\n\n" + made)
	b.WriteString("A channel runs when its secrets are there and `enabled` is not false. Secrets: `gateway channels set`, else the\nvariable. Settings: under `channels:` in `config.yaml`; those of the page under\n`page:`. A further account has a name: `telegram:support`.\nTwitch and e-mail, step by step: [twitch-and-email.md](twitch-and-email.md).\n")
	common := reflect.TypeFor[channels.Common]()
	for _, s := range services() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", s.Title, s.Help)
		if len(s.Secrets) > 0 {
			b.WriteString("\n| secret | variable | what it is | |\n|---|---|---|---|\n")
			for _, f := range s.Secrets {
				need, page := "needed", ""
				if f.Optional {
					need = "optional"
				}
				if f.Page != "" {
					page = ", from " + f.Page
				}
				fmt.Fprintf(&b, "| `%s` | %s | %s%s | %s |\n", f.Name, code(nonEmpty(f.Env)), f.Help, page, need)
			}
		}
		if s.Local {
			continue // its settings stand elsewhere in config.yaml
		}
		settings := reflect.ValueOf(s.Settings()).Elem()
		if rows := settingRows(t, settings, filepath.Join("../../channels", s.Name), common); rows != "" {
			b.WriteString("\n| setting | kind | default | what it does |\n|---|---|---|---|\n" + rows)
		}
	}
	b.WriteString("\n## Settings of every channel\n\n| setting | kind | default | what it does |\n|---|---|---|---|\n")
	b.WriteString(settingRows(t, reflect.New(common).Elem(), "../../channels", nil))
	return b.String()
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// settingRows writes the fields of a struct of settings but those of leave. What a field does stands in its help tag, else in
// the comment behind it.
func settingRows(t *testing.T, v reflect.Value, folder string, leave reflect.Type) string {
	comments := fieldComments(t, folder, v.Type().Name())
	var b strings.Builder
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if f.Type == leave || name == "" || name == "-" {
			continue
		}
		help := f.Tag.Get("help")
		if help == "" {
			help = comments[f.Name]
		}
		if enum := f.Tag.Get("enum"); enum != "" && !strings.Contains(help, "(default)") {
			help = strings.TrimSuffix("one of "+strings.ReplaceAll(enum, ",", ", ")+"; "+help, "; ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, kindOf(f.Type), defaultOf(v.Field(i)), strings.ReplaceAll(help, "|", "\\|"))
	}
	return b.String()
}

// fieldComments reads the comments of a struct's fields from the source.
func fieldComments(t *testing.T, folder, name string) map[string]string {
	t.Helper()
	found := map[string]string{}
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || spec.Name.Name != name {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range s.Fields.List {
					for _, id := range f.Names {
						text := strings.Join(strings.Fields(f.Doc.Text()+" "+f.Comment.Text()), " ")
						found[id.Name] = regexp.MustCompile("^"+id.Name+"( is | are | says that | says |: )").ReplaceAllString(text, "")
					}
				}
			}
			return false
		})
	}
	return found
}

func kindOf(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "time"
	case t.Kind() == reflect.Bool:
		return "true, false"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.Map, t.Kind() == reflect.Struct:
		return "record"
	case t.Kind() == reflect.String:
		return "text"
	}
	return "number"
}

func defaultOf(v reflect.Value) string {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.IsZero() || (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0 {
		return "–"
	}
	return fmt.Sprintf("`%v`", v.Interface())
}

func commandsDoc() string {
	var b strings.Builder
	b.WriteString("# Commands in a chat\n\n" + made)
	b.WriteString("| command | what it does | who | where |\n|---|---|---|---|\n")
	for _, c := range commands.All() {
		name := "`" + strings.ReplaceAll(c.Usage(), "|", "\\|") + "`"
		if len(c.Aliases) > 0 {
			name += "<br>also `/" + strings.Join(c.Aliases, "`, `/") + "`"
		}
		help := c.Help
		for _, arg := range c.Args {
			help += fmt.Sprintf("<br>%s: %s", strings.ReplaceAll(arg.Name, "|", "\\|"), arg.Help)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, help, c.Role, c.Where)
	}
	return b.String()
}

// TestHelpOfEveryCommand looks that every command has help, and that asking for it does nothing else.
func TestHelpOfEveryCommand(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		var out bytes.Buffer
		a := &app{in: strings.NewReader(""), out: &out, err: &out, env: func(string) string { return t.TempDir() }}
		args := append(strings.Fields(c.CommandPath())[1:], "--help")
		if code := a.run(t.Context(), args); code != 0 || !strings.Contains(out.String(), "Usage:") {
			t.Errorf("%v: exit code %d\n%s", args, code, out.String())
		}
		if c.Short == "" {
			t.Errorf("%s has no short help", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	a := &app{in: strings.NewReader(""), out: io.Discard, err: io.Discard, env: func(string) string { return "" }}
	walk(a.root())
}
