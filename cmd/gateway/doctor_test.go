package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"chatgateway/internal/redact"
)

// TestDoctorBeforeTheFirstStart: it says whether a home folder can be made, and takes no setting for granted that it could
// not read.
func TestDoctorBeforeTheFirstStart(t *testing.T) {
	work := t.TempDir()
	broken := filepath.Join(work, "broken")
	if err := os.MkdirAll(filepath.Join(broken, "auth"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"config.yaml": "modle: x", "auth/providers.json": "{"} {
		if err := os.WriteFile(filepath.Join(broken, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for home, want := range map[string][]string{
		filepath.Join(work, "a", "b"): {"info: there is no home folder"},
		broken: {
			"error: config.yaml:1:1: modle", "warning: who may talk to the bot, and where the page is open to, is not known",
			"error: " + filepath.Join(broken, "auth", "providers.json") + ":1:2: it ends in the middle",
		},
	} {
		env := map[string]string{"GATEWAY_HOME": home, "HOME": work}
		a := &app{out: io.Discard, err: io.Discard, env: func(name string) string { return env[name] }, secrets: new(redact.Redactor)}
		d, err := a.examine(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !slices.ContainsFunc(d.found, func(f finding) bool { return strings.HasPrefix(string(f.Severity)+": "+f.Text, w) }) {
				t.Errorf("%s: not found: %s in %+v", home, w, d.found)
			}
		}
		for _, f := range d.found {
			if home == broken && f.Severity == notice && (f.Area == "access" || f.Area == "page") {
				t.Errorf("taken for granted: %s", f.Text)
			}
		}
	}
	if !canWrite(existing(filepath.Join(work, "a", "b"))) || existing(filepath.Join(work, "a", "b")) != work || canWrite(filepath.Join(work, "none")) {
		t.Error("where a folder can be made is not known")
	}
}

// TestDoctorFindsRisks: each thing that makes a host less safe is found, with a severity and what mends it; --fix mends
// what it says it does.
func TestDoctorFindsRisks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing there")
	}
	work := t.TempDir()
	home := filepath.Join(work, "open", "home")
	write := func(mode os.FileMode, text string, name ...string) string {
		path := filepath.Join(append([]string{home}, name...)...)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key := write(0o644, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "key")
	readable, writable := write(0o644, "FAKE-key", "..", "readable"), write(0o666, "FAKE-key", "..", "writable")
	write(0o600, key, "auth", "key-location")
	write(0o644, `{"openai": {"type": "api_key", "key": "file:`+readable+`"}, "xai": {"type": "api_key", "key": "file:../../writable"}}`, "auth", "providers.json")
	write(0o600, `{"telegram": {"bot_token": "1:FAKE"}, "telegram:two": {"bot_token": "1:FAKE"}, "slack": {"bot_token": "xoxb-FAKE"}}`, "auth", "channels.json")
	write(0o600, "", "audit.log")
	write(0o666, "", "gateway.db")
	certKey := write(0o644, "", "..", "tls.key")
	write(0o600, strings.NewReplacer("KEY", certKey).Replace(`
model: groq/x
limits: {turns_per_hour: 0}
providers: {openai: {base_url: "http://models.example.org/v1"}, groq: {enabled: false}}
channels: {telegram: {private_policy: open, owners: ["*"], allow_from: ["@alice"], groups: [g]}, discord: {allow_from: ["*"]}}
page: {listen: "0.0.0.0:8765", tls_cert: KEY, tls_key: KEY, names: [bot.example.org]}
`), "config.yaml")
	if err := os.Chmod(filepath.Dir(home), 0o777); err != nil { //nolint:gosec // that it is found is the test
		t.Fatal(err)
	}
	env := map[string]string{"GATEWAY_HOME": home, "HOME": work}
	a := &app{out: io.Discard, err: io.Discard, env: func(name string) string { return env[name] }, secrets: new(redact.Redactor)}
	d, err := a.examine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		severity severity
		text     string
		security bool
	}{
		{severe, "key: others may read the key of the auth files (mode 0644)", true},
		{warning, "the key of the encrypted auth files lies beside them", true},
		{warning, "openai: others may read the secret in " + readable, true},
		{severe, "xai: others may change the secret in " + writable, true},
		{severe, "providers.json: others may read it (mode 0644)", true},
		{severe, "gateway.db: others may change it (mode 0666)", true},
		{severe, "tls.key: others may read the key of the certificate", true},
		{warning, "others may put another folder in the place of the home folder", true},
		{warning, "keys and messages go to models.example.org in the clear", true},
		{notice, "users may use every model", true},
		{warning, "users may ask as often as they like", true},
		{warning, `telegram: private_policy is open, but allow_from does not hold "*"`, true},
		{warning, `telegram: "*" among the owners means nobody`, true},
		{warning, "telegram: @alice is a name", true},
		{warning, `discord: allow_from holds "*"`, true},
		{warning, "open beyond this host (0.0.0.0:8765)", true},
		{severe, "telegram and telegram:two have the same token", false},
		{severe, `there is no provider "groq"`, false},
		{warning, "slack does not run", false},
	} {
		i := slices.IndexFunc(d.found, func(f finding) bool { return strings.Contains(f.Text, want.text) })
		if i < 0 {
			t.Errorf("not found: %s", want.text)
			continue
		}
		if f := d.found[i]; f.Severity != want.severity || f.security != want.security {
			t.Errorf("%s: %s, security %v", f.Text, f.Severity, f.security)
		}
	}
	for _, f := range d.found {
		if f.Severity != notice && f.Do == "" {
			t.Errorf("what mends it is not said: %s", f.Text)
		}
		if f.Fixable != (f.fix != nil) {
			t.Errorf("fixable or not: %s", f.Text)
		}
	}
	_, errs := d.mend(context.WithoutCancel(t.Context()), true)
	if len(errs) > 0 {
		t.Errorf("not mended: %v", errs)
	}
	again, err := a.examine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range again.found {
		if f.Fixable {
			t.Errorf("left after --fix: %s", f.Text)
		}
	}
	if info, err := os.Stat(writable); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("a file that is not ours to change: %v, %v", info.Mode(), err)
	}
}
