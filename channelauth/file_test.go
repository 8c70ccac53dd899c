package channelauth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgateway/internal/jsonfile"
	"chatgateway/internal/secret"
)

var (
	telegram = []Field{{Name: "bot_token", Env: "TELEGRAM_BOT_TOKEN"}}
	slack    = []Field{{Name: "bot_token", Env: "SLACK_BOT_TOKEN"}, {Name: "app_token", Env: "SLACK_APP_TOKEN"}}
	email    = []Field{{Name: "username", Env: "EMAIL_USERNAME", Plain: true}, {Name: "password", Env: "EMAIL_PASSWORD"}}
)

// seedFile is the file as the seed has it.
const seedFile = `{ "telegram": {"bot_token": ""}, "discord": {"bot_token": ""}, "slack": {"bot_token": "", "app_token": ""},
  "twitch": {"token": ""}, "email": {"username": "", "password": ""} }`

func env(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

// open gives a File over text; a text of "-" is no file.
func open(t *testing.T, text string, vars map[string]string) *File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "auth", "channels.json")
	if text != "-" {
		save(t, path, text)
	}
	return Open(path, env(vars))
}

func save(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, f *File) string {
	t.Helper()
	b, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPrecedence(t *testing.T) {
	vars := map[string]string{
		"TELEGRAM_BOT_TOKEN": " 1:FAKE-env\n", "SLACK_BOT_TOKEN": "xoxb-FAKE-env", "SLACK_APP_TOKEN": "xapp-FAKE-env",
		"EMAIL_USERNAME": " ", "REF": "1:FAKE-ref",
	}
	tests := []struct {
		name, file, id, field string
		fields                []Field
		want, from, problem   string
	}{
		{"no file", "-", "telegram", "bot_token", telegram, "1:FAKE-env", "TELEGRAM_BOT_TOKEN", ""},
		{"empty file", "", "telegram", "bot_token", telegram, "1:FAKE-env", "TELEGRAM_BOT_TOKEN", ""},
		{"blank in the seed's file", seedFile, "telegram", "bot_token", telegram, "1:FAKE-env", "TELEGRAM_BOT_TOKEN", ""},
		{"white space", `{"telegram": {"bot_token": " \n"}}`, "telegram", "bot_token", telegram, "1:FAKE-env", "TELEGRAM_BOT_TOKEN", ""},
		{"null", `{"telegram": {"bot_token": null}}`, "telegram", "bot_token", telegram, "1:FAKE-env", "TELEGRAM_BOT_TOKEN", ""},
		{"null record", `{"telegram": null}`, "telegram", "bot_token", telegram, "1:FAKE-env", "TELEGRAM_BOT_TOKEN", ""},
		{"stored", `{"telegram": {"bot_token": " 1:FAKE-file "}}`, "telegram", "bot_token", telegram, "1:FAKE-file", "channels.json", ""},
		{"per field: file", `{"slack": {"bot_token": "xoxb-FAKE-file"}}`, "slack", "bot_token", slack, "xoxb-FAKE-file", "channels.json", ""},
		{"per field: environment", `{"slack": {"bot_token": "xoxb-FAKE-file"}}`, "slack", "app_token", slack, "xapp-FAKE-env", "SLACK_APP_TOKEN", ""},
		{"blank variable", "-", "email", "username", email, "", "", ""},
		{"no variable", "-", "email", "password", email, "", "", ""},
		{"further accounts have no environment", `{"telegram:support": {}}`, "telegram:support", "bot_token", telegram, "", "", ""},
		{"further account", `{"telegram:support": {"bot_token": "2:FAKE"}}`, "telegram:support", "bot_token", telegram, "2:FAKE", "channels.json", ""},
		{"unknown field", `{"telegram": {"other": "x"}}`, "telegram", "other", telegram, "x", "channels.json", ""},
		{"reference", `{"telegram:a": {"bot_token": "env:REF"}}`, "telegram:a", "bot_token", telegram, "1:FAKE-ref", "channels.json", ""},
		{"escaped", `{"telegram": {"bot_token": "literal:env:REF"}}`, "telegram", "bot_token", telegram, "env:REF", "channels.json", ""},
		{"nothing escaped", `{"telegram": {"bot_token": "literal:"}}`, "telegram", "bot_token", telegram, "1:FAKE-env", "TELEGRAM_BOT_TOKEN", ""},
		{"reference that leads nowhere", `{"telegram": {"bot_token": "env:NONE"}}`, "telegram", "bot_token", telegram, "", "", "The bot_token of telegram is a reference, and the variable NONE is not set."},
		{"a number", `{"telegram": {"bot_token": 123}}`, "telegram", "bot_token", telegram, "1:FAKE-env", "TELEGRAM_BOT_TOKEN", "is no text"},
		{"no record", `{"telegram": "123"}`, "telegram", "bot_token", telegram, "1:FAKE-env", "TELEGRAM_BOT_TOKEN", "is no record"},
		{"corrupt", `{"telegram": {"bot_token": "1:FAKE-file"}`, "telegram", "bot_token", telegram, "1:FAKE-env", "TELEGRAM_BOT_TOKEN", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := open(t, tt.file, vars)
			a := f.Account(tt.id, tt.fields)
			if got := a.Secret(tt.field).Reveal(); got != tt.want || a.From(tt.field) != tt.from {
				t.Errorf("got %q from %q, want %q from %q", got, a.From(tt.field), tt.want, tt.from)
			}
			for _, o := range f.Sources(tt.id, tt.fields) {
				if o.Field == tt.field && (o.From != tt.from || !strings.Contains(o.Problem, tt.problem) || (o.Problem == "") != (tt.problem == "")) {
					t.Errorf("got %+v", o)
				}
			}
			if (f.Err() != nil) != (tt.name == "corrupt") {
				t.Errorf("Err: %v", f.Err())
			}
		})
	}
}

func TestSetNeverWritesTheEnvironment(t *testing.T) {
	f := open(t, seedFile, map[string]string{"TELEGRAM_BOT_TOKEN": "1:FAKE-env", "SLACK_APP_TOKEN": "xapp-FAKE-env", "REF": "FAKE-ref"})
	if err := f.SetReference(t.Context(), "twitch", "token", "env:REF"); err != nil {
		t.Fatal(err)
	}
	if got := f.Account("twitch", nil).Secret("token").Reveal(); got != "FAKE-ref" {
		t.Errorf("the reference gives %q", got)
	}
	if err := f.Set(t.Context(), "slack", "bot_token", secret.New(" xoxb-FAKE \n")); err != nil {
		t.Fatal(err)
	}
	want := `{
  "telegram": {
    "bot_token": ""
  },
  "discord": {
    "bot_token": ""
  },
  "slack": {
    "bot_token": "xoxb-FAKE",
    "app_token": ""
  },
  "twitch": {
    "token": "env:REF"
  },
  "email": {
    "username": "",
    "password": ""
  }
}
`
	if got := load(t, f); got != want {
		t.Errorf("got %s", got)
	}
}

func TestSetAndUnset(t *testing.T) {
	f := open(t, "-", nil)
	set := func(id, field, v string) {
		t.Helper()
		if err := f.Set(t.Context(), id, field, secret.New(v)); err != nil {
			t.Fatal(err)
		}
		if got := f.Account(id, nil).Secret(field).Reveal(); got != v {
			t.Errorf("the change is not in force at the next use: %q", got)
		}
	}
	unset := func(id, field string) {
		t.Helper()
		if err := f.Unset(t.Context(), id, field); err != nil {
			t.Fatal(err)
		}
		if got := f.Account(id, nil).Secret(field); !got.Empty() {
			t.Errorf("the change is not in force at the next use: %q", got.Reveal())
		}
	}
	unset("telegram", "bot_token")
	if _, err := os.Stat(f.Path); err == nil {
		t.Error("unset made a file")
	}
	set("telegram", "bot_token", "1:FAKE")
	set("telegram:support", "bot_token", "2:FAKE")
	set("telegram:support", "bot_token", "exec:touch pwned")
	if !strings.Contains(load(t, f), `"literal:exec:touch pwned"`) {
		t.Errorf("a pasted value became a command: %s", load(t, f))
	}
	set("slack", "bot_token", "xoxb-FAKE")
	set("slack", "app_token", "xapp-FAKE")
	if got, want := f.Accounts(), []string{"telegram", "telegram:support", "slack"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	unset("slack", "app_token")
	unset("slack", "other")
	unset("telegram", "bot_token")
	unset("telegram:support", "")
	if got, want := load(t, f), "{\n  \"slack\": {\n    \"bot_token\": \"xoxb-FAKE\"\n  }\n}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRefusals(t *testing.T) {
	const file = `{"telegram": "text", "slack": {"bot_token": 1}, "@later": {"x": 1}}`
	f := open(t, file, nil)
	v := secret.New("1:FAKE")
	for what, err := range map[string]error{
		"blank value":    f.Set(t.Context(), "discord", "bot_token", secret.New(" \n")),
		"no record":      f.Set(t.Context(), "telegram", "bot_token", v),
		"unset there":    f.Unset(t.Context(), "telegram", "bot_token"),
		"reserved":       f.Set(t.Context(), "@later", "x", v),
		"upper case":     f.Set(t.Context(), "Telegram", "bot_token", v),
		"empty account":  f.Set(t.Context(), "", "bot_token", v),
		"half account":   f.Set(t.Context(), "telegram:", "bot_token", v),
		"odd field":      f.Set(t.Context(), "discord", "bot token", v),
		"no reference":   f.SetReference(t.Context(), "discord", "bot_token", "abc"),
		"store a number": f.Account("slack", slack).Store(t.Context(), map[string]secret.String{"bot_token": v}),
	} {
		if e, ok := errors.AsType[*Error](err); !ok || e.UserMessage() == "" || strings.Contains(err.Error(), "FAKE") {
			t.Errorf("%s: got %v", what, err)
		}
	}
	if load(t, f) != file {
		t.Error("something was written")
	}
	if got := f.Accounts(); slices.Contains(got, "@later") {
		t.Errorf("a reserved record is an account: %v", got)
	}
}

func TestUnreadableFileIsNeverOverwritten(t *testing.T) {
	for name, text := range map[string]string{
		"cut": `{"telegram": {"bot_token": "1:FAKE`, "array": "[]", "nul": "\x00\x00", "utf16": "\xff\xfe{\x00}\x00", "twice": `{"a": {}, "a": {}}`,
	} {
		f := open(t, text, map[string]string{"TELEGRAM_BOT_TOKEN": "1:FAKE-env"})
		a := f.Account("telegram", telegram)
		v := secret.New("2:FAKE")
		for what, err := range map[string]error{
			"set": f.Set(t.Context(), "telegram", "bot_token", v), "unset": f.Unset(t.Context(), "telegram", ""),
			"store": a.Store(t.Context(), map[string]secret.String{"bot_token": v}), "err": f.Err(),
		} {
			e, ok := errors.AsType[*jsonfile.Error](err)
			if !ok || strings.Contains(e.UserMessage(), "FAKE") || !strings.Contains(e.UserMessage(), ":1:") {
				t.Errorf("%s: %s: got %v", name, what, err)
			}
		}
		if load(t, f) != text {
			t.Errorf("%s: the file was changed", name)
		}
		if a.From("bot_token") != "TELEGRAM_BOT_TOKEN" || f.Accounts() != nil {
			t.Errorf("%s: got %s, %v", name, a.From("bot_token"), f.Accounts())
		}
	}
}

func TestFolderInThePlaceOfTheFile(t *testing.T) {
	f := Open(t.TempDir(), env(map[string]string{"TELEGRAM_BOT_TOKEN": "1:FAKE-env"}))
	if f.Account("telegram", telegram).Secret("bot_token").Empty() || !errors.Is(f.Err(), jsonfile.ErrUntrusted) {
		t.Errorf("got %v", f.Err())
	}
}

func TestStoreLeavesWhatComesFromOutside(t *testing.T) {
	const file = `{"twitch": {"token": "", "refresh": "old"}, "twitch:b": {"token": "file:x"}}`
	f := open(t, file, map[string]string{"TWITCH_TOKEN": "FAKE-env"})
	fields := []Field{{Name: "token", Env: "TWITCH_TOKEN"}}
	renewed := map[string]secret.String{"token": secret.New("FAKE-new"), "refresh": secret.New("FAKE-new")}
	for _, id := range []string{"twitch", "twitch:b"} {
		if err := f.Account(id, fields).Store(t.Context(), renewed); !errors.Is(err, ErrFromEnvironment) || strings.Contains(err.Error(), "FAKE") {
			t.Errorf("%s: got %v", id, err)
		}
	}
	if load(t, f) != file {
		t.Error("something was written")
	}
	if err := f.Account("twitch:c", fields).Store(t.Context(), renewed); err != nil {
		t.Fatal(err)
	}
	if got := f.Account("twitch:c", fields).Secret("refresh").Reveal(); got != "FAKE-new" {
		t.Errorf("got %q", got)
	}
	sent := map[string]secret.String{"refresh": secret.New("env:TWITCH_TOKEN")} // a service may send what it likes
	if err := f.Account("twitch:c", fields).Store(t.Context(), sent); err != nil || f.Account("twitch:c", fields).Secret("refresh").Reveal() != "env:TWITCH_TOKEN" {
		t.Errorf("what a service sent became a reference: %v", err)
	}
}

func TestNothingPrintsSecrets(t *testing.T) {
	f := open(t, `{"telegram": {"bot_token": "1:FAKE-file", "cmd": "exec:x FAKE-word"}}`, map[string]string{"A": "FAKE-env"})
	a := f.Account("telegram", telegram)
	_ = a.Secret("bot_token")
	for _, s := range []string{fmt.Sprintf("%+v %#v", a, f.current()), fmt.Sprint(f.Sources("telegram", telegram))} {
		if strings.Contains(s, "FAKE") {
			t.Errorf("printed: %s", s)
		}
	}
}

func TestWatchTellsAfterTheChangeHolds(t *testing.T) {
	f := open(t, "-", nil)
	other := Open(f.Path, nil) // as another process has it
	ctx, cancel := context.WithCancel(t.Context())
	changed := f.Watch(ctx)
	for i, set := range []func(context.Context, string, string, secret.String) error{other.Set, f.Set, other.Set} {
		want := fmt.Sprintf("%d:FAKE", i)
		start := time.Now()
		if err := set(ctx, "telegram", "bot_token", secret.New(want)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-changed:
			if got := f.Account("telegram", nil).Secret("bot_token").Reveal(); got != want || time.Since(start) > 2*time.Second {
				t.Errorf("got %q after %s, want %q", got, time.Since(start), want)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("nothing was told")
		}
	}
	cancel()
	for range changed {
	}
}

func TestHalfSavedFileChangesNothingYet(t *testing.T) {
	for _, half := range []string{`{"telegram": {"bot_`, ""} {
		f := open(t, `{"telegram": {"bot_token": "1:FAKE"}}`, map[string]string{"TELEGRAM_BOT_TOKEN": "2:FAKE"})
		a := f.Account("telegram", telegram)
		if a.Secret("bot_token").Reveal() != "1:FAKE" {
			t.Fatal("not read")
		}
		save(t, f.Path, half)
		for range 3 {
			f.read(true)
		}
		if a.From("bot_token") != FromFile || (f.Err() == nil) != (half == "") {
			t.Errorf("a file that is being saved: from %q, %v", a.From("bot_token"), f.Err())
		}
		old := time.Now().Add(-time.Minute)
		if err := os.Chtimes(f.Path, old, old); err != nil {
			t.Fatal(err)
		}
		f.read(true)
		if a.From("bot_token") != "TELEGRAM_BOT_TOKEN" {
			t.Errorf("a file that stays so: from %q", a.From("bot_token"))
		}
	}
}

func TestRemovingTheLastAccountHoldsAtOnce(t *testing.T) {
	f := open(t, `{"telegram": {"bot_token": "1:FAKE"}}`, nil)
	if err := f.Unset(t.Context(), "telegram", ""); err != nil {
		t.Fatal(err)
	}
	if !f.Account("telegram", telegram).Secret("bot_token").Empty() {
		t.Error("what was removed is still in force")
	}
}

func BenchmarkSecret(b *testing.B) {
	path := filepath.Join(b.TempDir(), "channels.json")
	if err := os.WriteFile(path, []byte(`{"telegram": {"bot_token": "1:FAKE"}}`), 0o600); err != nil {
		b.Fatal(err)
	}
	a := Open(path, nil).Account("telegram", telegram)
	for b.Loop() {
		if a.Secret("bot_token").Empty() {
			b.Fatal("empty")
		}
	}
}

// TestVersion: a token that an account renews itself is the same account, one that somebody else stores is another.
func TestVersion(t *testing.T) {
	f := Open(filepath.Join(t.TempDir(), "auth", "channels.json"), func(string) string { return "" })
	a := f.Account("mail", nil)
	version := func() string { return f.Version(a.Secret("token")) }
	if err := f.Set(t.Context(), "mail", "token", secret.New("first")); err != nil {
		t.Fatal(err)
	}
	first := version()
	for _, v := range []string{"second", "third"} {
		if err := a.Store(t.Context(), map[string]secret.String{"token": secret.New(v)}); err != nil {
			t.Fatal(err)
		}
		if a.Secret("token").Reveal() != v || version() != first {
			t.Errorf("renewed to %s: another version", v)
		}
	}
	for _, v := range []string{"fourth", "fifth"} {
		before := version()
		if err := f.Set(t.Context(), "mail", "token", secret.New(v)); err != nil {
			t.Fatal(err)
		}
		if version() == before {
			t.Errorf("%q was set: the same version", v)
		}
	}
}
