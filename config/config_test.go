package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"chatgateway/internal/secret"
)

// common and chat are settings as an adapter has them.
type common struct {
	Enabled     *bool    `yaml:"enabled"`
	AllowFrom   []string `yaml:"allow_from"`
	GroupPolicy string   `yaml:"group_policy" enum:"mention,open,off"`
	Latency     *float64 `yaml:"streaming_latency"`
}

type chat struct {
	common `yaml:",inline"`
	Common `yaml:",inline"`
	Host   string        `yaml:"imap_host"`
	Port   int           `yaml:"imap_port"`
	Poll   time.Duration `yaml:"poll_interval"`
	Extra  any           `yaml:"extra"`
	_      string        // what yaml cannot reach
}

// Common is inlined with an exported name.
type Common struct {
	Model string `yaml:"model"`
}

var known = Known{
	Channels: map[string]func() any{
		"telegram": func() any { return &chat{Poll: 30 * time.Second, Port: 993} },
		"email":    func() any { return &chat{Port: 993} },
		"web":      nil,
	},
	Providers: []string{"anthropic", "openai", "google", "ollama"},
	Nicknames: []string{"claude"},
}

const full = `# everything
model: anthropic/claude-x
aliases: {fast: openai/gpt-x}
fallbacks: [openai/gpt-x, google/gemini-x, claude/claude-x]
system: |
  Be brief.
  Be kind.
effort: low
max_output: 4096
channels:
  telegram:
    enabled: true
    allow_from: [123456789, "987", '*', 007]
    group_policy: open
    streaming_latency: 0.5
    poll_interval: 45s
    model: openai/gpt-x
    extra: {a: [1, true, x, 1.5], b: }
  telegram:support: {poll_interval: 30, allow_from: *people}
  email:
  web: {}
providers:
  openai:
    base_url: https://example.org/v1
    models: [a, b]
    headers: {X-Org: env:CONFIG_TEST_ORG}
    enabled: false
    restricted_sign_in: true
    first_token_timeout: 90s
    token_timeout: 1m30s
    oauth: {client_id: abc, client_secret: "file:secret", scopes: [a, b], token_url: http://127.0.0.1:1/token}
  lab: {base_url: http://10.0.0.1:8000/v1, protocol: openai}
sign_in:
  acme: {issuer: https://id.example.org, client_id: gateway, flow: device, base_url: https://llm.example.org/v1, protocol: anthropic}
auth: {order: {anthropic: [work, default, env], acme: [a], lab: [env]}}
models: {allow: {user: [openai/*], owner: ['*']}}
access:
  owners: {telegram: [123], web: [me]}
  allow: {"telegram:support": [5]}
  places: {email: []}
limits: {turns_per_hour: 0, stale_after: 2h, queue: 5, attachments: 1, attachment_size: 1MB}
places:
  telegram: {"-100123": {system: Other., model: google/gemini-x}}
log: {level: debug, format: json}
page: {listen: "0.0.0.0:443", behind_proxy: true, names: [bot.example.org], enabled: true}
store: {sync: normal}
`

func TestFull(t *testing.T) {
	t.Setenv("CONFIG_TEST_ORG", "org-fake")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("cs-fake\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(full, "file:secret", "file:"+filepath.Join(dir, "secret"))
	text = strings.Replace(text, "[123456789", "&people [123456789", 1)
	for name, text := range map[string]string{
		"plain": text, "crlf": strings.ReplaceAll(text, "\n", "\r\n"), "bom": "\xef\xbb\xbf" + text, "document": "---\n" + text + "...\n",
	} {
		c, err := Parse("config.yaml", []byte(text), known)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		tg, support := c.Channels["telegram"].(*chat), c.Channels["telegram:support"].(*chat)
		openai := c.Providers["openai"]
		got := []any{
			c.Model, c.Aliases["fast"], c.Fallbacks, c.System, c.Effort, c.MaxOutput, *tg.Enabled, tg.AllowFrom, tg.GroupPolicy,
			*tg.Latency, tg.Poll, tg.Port, tg.Model, tg.Extra, support.Poll, support.AllowFrom, c.Channels["email"].(*chat).Port, len(c.Channels),
			openai.On(), openai.BaseURL, openai.Headers["X-Org"].Reveal(), openai.RestrictedSignIn, openai.FirstToken, openai.NextToken,
			openai.OAuth.ClientSecret.Reveal(), openai.OAuth.Scopes, c.SignIn["acme"].Flow, c.SignIn["acme"].ClientID,
			c.Auth.Order["anthropic"], c.Models.Allow["user"], c.Access.Owners["telegram"], c.Limits, c.Places["telegram"]["-100123"].Model,
			c.Log, c.Page.Listen, c.Store.Sync, c.Providers["lab"].On(),
		}
		people := []string{"123456789", "987", "*", "007"}
		want := []any{
			"anthropic/claude-x", "openai/gpt-x", []string{"openai/gpt-x", "google/gemini-x", "claude/claude-x"}, "Be brief.\nBe kind.\n", "low", 4096, true, people, "open",
			0.5, 45 * time.Second, 993, "openai/gpt-x", any(map[string]any{"a": []any{int64(1), true, "x", 1.5}, "b": nil}), 30 * time.Second, people, 993, 4,
			false, "https://example.org/v1", "org-fake", true, 90 * time.Second, 90 * time.Second,
			"cs-fake", []string{"a", "b"}, "device", "gateway",
			[]string{"work", "default", "env"}, []string{"openai/*"}, []string{"123"}, Limits{0, 2 * time.Hour, 5, 1, 1 << 20}, "google/gemini-x",
			Log{"debug", "json"}, "0.0.0.0:443", "normal", true,
		}
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Errorf("%s: %d: got %#v, want %#v", name, i, got[i], want[i])
			}
		}
		if got := c.Where("channels.telegram:support.poll_interval"); !strings.HasPrefix(got, "config.yaml:") || c.Where("nothing") != "config.yaml" {
			t.Errorf("%s: where: %s, %s", name, got, c.Where("nothing"))
		}
	}
}

func TestMistakesAreNamed(t *testing.T) {
	t.Setenv("CONFIG_TEST_EMPTY", "")
	tests := []struct{ text, want string }{
		{"modle: x", `config.yaml:1:1: modle: there is no such setting; did you mean "model"?`},
		{"zzz: x", `config.yaml:1:1: zzz: there is no such setting; there are model, aliases`},
		{"channels:\n  telegram:\n    allow-from: [1]", `config.yaml:3:5: channels.telegram.allow-from: there is no such setting; did you mean "allow_from"?`},
		{"channels:\n  telegram:\n    allowFrom: [1]", `did you mean "allow_from"?`},
		{"channels:\n  telegram: {imap_prot: 1}", `config.yaml:2:14: channels.telegram.imap_prot: there is no such setting; did you mean "imap_port"?`},
		{"channels:\n  telegram: {imap_port: abc}", `channels.telegram.imap_port: want a whole number, here is a text`},
		{"channels:\n  telegram: {imap_port: '1'}", `want a whole number, here is a text in quotation marks`},
		{"channels:\n  telegram: {imap_port: 1.5}", `want a whole number, here is a number`},
		{"channels:\n  telegram: {imap_port: 99999999999999999999}", `want a whole number`},
		{"channels:\n  telegram: {allow_from: 123}", `config.yaml:2:26: channels.telegram.allow_from: want a list, like [a, b], here is a number`},
		{"channels:\n  telegram: {allow_from: [1, [2]]}", `channels.telegram.allow_from[1]: want a text, here is a list`},
		{"channels:\n  telegram: {allow_from: [true]}", `allow_from[0]: want a text, here is true or false; put it in quotation marks`},
		{"channels:\n  telegram:\n    allow_from:\n      -\n      - 1", `allow_from[0]: there is nothing after the dash`},
		{"channels:\n  telegram: {enabled: yes}", `want true or false, here is a text; write true or false`},
		{"channels:\n  telegram: {enabled: 1}", `want true or false, here is a number`},
		{"channels:\n  telegram: {group_policy: mentoin}", `it may be mention, open, off; did you mean "mention"?`},
		{"channels:\n  telegram: {poll_interval: soon}", `want a time like 90s, 5m or 6h, here is a text`},
		{"channels:\n  telegram: {poll_interval: -5s}", `it cannot be less than nothing`},
		{"channels:\n  telegram: {hidden: 1}", `there is no such setting`},
		{"channels:\n  telegram: on", `channels.telegram: want settings with a name and a colon each, here is a text`},
		{"channels:\n  telegarm: {}", `config.yaml:2:3: channels.telegarm: there is no such chat service; did you mean "telegram"?`},
		{"channels:\n  matrix: {}", `there is no such chat service; there are email, telegram, web`},
		{"channels:\n  'telegram:': {}", `an account's name is made of`},
		{"channels: [telegram]", `channels: want accounts with a colon each, here is a list`},
		{"channels:\n  web: {x: 1}", `channels.web.x: there is no such setting`},
		{"providers:\n  opanai: {}", `there is no such provider; did you mean "openai"?`},
		{"providers:\n  mine: {base_url: https://x.example}", `there is no such provider`},
		{"providers:\n  mine: {protocol: openai}", `needs base_url`},
		{"providers:\n  openai: {protocol: openai}", `the protocol of openai is known`},
		{"providers:\n  openai: {base_url: example.org}", `config.yaml:2:12: providers.openai.base_url: want an address`},
		{"providers:\n  openai: {base_url: 'https://u:sk-fake@example.org'}", `no user name or password in an address`},
		{"providers:\n  openai: {base_url: 'https://example.org/?key=sk-fake'}", `nothing from ?`},
		{"providers:\n  openai: {headers: {'a b': c}}", `no name of a header`},
		{"providers:\n  openai: {headers: {a: \"b\\nsk-fake\"}}", `one line only`},
		{"providers:\n  openai: {headers: {a: env:CONFIG_TEST_EMPTY}}", `providers.openai.headers.a: the variable CONFIG_TEST_EMPTY is not set`},
		{"providers:\n  openai: {headers: {a: exec:pass sk-fake}}", `commands cannot be run from here`},
		{"providers:\n  openai: {oauth: {token_url: http://example.org}}", `over https:// only`},
		{"providers:\n  openai: {oauth: {client_secret: [sk-fake]}}", `want a text, here is a list`},
		{"providers:\n  openai: {token_timeout: '1 min'}", `want a time`},
		{"sign_in:\n  acme: {}", `base_url is missing`},
		{"sign_in:\n  openai: {base_url: https://x.example, client_id: a, issuer: https://x.example}", `there is a provider of this name already`},
		{"sign_in:\n  acme: {base_url: https://x.example, client_id: a}", `want issuer`},
		{"sign_in:\n  acme: {base_url: https://x.example, client_id: a, token_url: https://x.example}", `authorize_url is needed`},
		{"sign_in:\n  acme: {base_url: https://x.example, client_id: a, token_url: https://x.example, flow: device}", `device_url is needed`},
		{"sign_in:\n  acme: {flow: password}", `it may be code, device`},
		{"auth: {order: {antropic: [a]}}", `did you mean "anthropic"?`},
		{"models: {allow: {users: [a]}}", `did you mean "user"?`},
		{"access: {owners: {telegram: 5}}", `access.owners.telegram: want a list`},
		{"access: {owners: {telegrm: [5]}}", `did you mean "telegram"?`},
		{"aliases: {a/b: c}", `no slash`},
		{"aliases: {a: ''}", `stands for nothing`},
		{"fallbacks: [' ']", `it is empty`},
		{"effort: much", `it may be none, low, medium, high`},
		{"max_output: -1", `less than nothing`},
		{"limits: {queue: 0}", `limits.queue: it must be at least 1`},
		{"limits: {attachment_size: big}", `want a size like 500KB or 20MB, here is a text`},
		{"limits: {attachment_size: 99999999999GB}", `want a size`},
		{"limits: {stale_after: .inf}", `want a time`},
		{"log: {level: verbose}", `it may be debug, info, warn, error`},
		{"page: {listen: 8765}", `want a host and a port`},
		{"page: {listen: '127.0.0.1:99999'}", `want a host and a port`},
		{"page: {listen: ':8765'}", `beyond this host the page needs TLS`},
		{"page: {listen: '0.0.0.0:8765'}", `beyond this host the page needs TLS`},
		{"page: {tls_cert: a}", `go together`},
		{"page: {behind_proxy: true}", `names is missing`},
		{"page: {names: ['https://a.example']}", `page.names[0]: want a host's name`},
		{"model: [a", `config.yaml:1:8: a bracket is not closed`},
		{"model: 'a", `config.yaml:1:8: a quotation mark is not closed`},
		{"model:\n\tx: 1", `config.yaml:2:1: there is a tab; indent with spaces`},
		{"log:\n  level: info\n format: text", `config.yaml:3:2: this line is not indented`},
		{"system: Note: sk-fake", `config.yaml:1:9: a text with a colon in it must stand in quotation marks`},
		{"system: @sk-fake", `must stand in quotation marks`},
		{"model: a\nlog: {}\nmodel: b", `config.yaml:3:1: "model" stands there twice, in line 1 too`},
		{"just text", `want settings with a name and a colon each, here is a text`},
		{"- a", `here is a list`},
		{"a: 1\n---\nb: 2", `a second document begins here`},
		{"model: *none", `not defined before it`},
		{"model: !secret x", `tags like !secret have no meaning here`},
		{"log: &a\n  level: info\n  x: *a", `there is no such setting`},
		{"aliases: &a\n  x: *a", `want a text, here is a record`},
		{"channels:\n  telegram:\n    extra: &a\n      x: *a", `nested too deep`},
		{"channels:\n  telegram:\n    extra: &a [*a, *a, *a, *a]", `nested too deep`},
		{"model: opnai/gpt-x", `config.yaml:1:1: model: there is no such provider; did you mean "openai"?`},
		{"model: gpt-x", `config.yaml:1:1: model: want a provider and its model`},
		{"aliases: {fast: nope/x}", `config.yaml:1:11: aliases.fast: there is no such provider`},
		{"fallbacks: [openai/gpt-x, google]", `fallbacks[1]: want a provider and its model`},
		{"places: {telegram: {g1: {model: nope/x}}}", `model: there is no such provider`},
		{"model: \xff\xfe", `config.yaml:1:8: this is no UTF-8 text`},
		{"model: a\x00b", `config.yaml:1:9: there is a NUL character`},
		{"\xff\xfem\x00", `UTF-16`},
		{strings.Repeat("[", 5000), `nested too deep`},
		{strings.Repeat("- ", 5000), `nested too deep`},
		{"channels: {telegram: {extra: " + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "}}", `nested too deep`},
	}
	for _, tt := range tests {
		c, err := Parse("config.yaml", []byte(tt.text), known)
		e, ok := errors.AsType[*Error](err)
		if !ok || !strings.Contains(err.Error(), tt.want) || c != nil {
			t.Errorf("%.80q:\n got %v\nwant %s", tt.text, err, tt.want)
			continue
		}
		if m := e.UserMessage(); strings.Contains(m, "fake") || !strings.Contains(m, "config.yaml") {
			t.Errorf("%q: bad sentence: %s", tt.text, m)
		}
	}
}

func TestAllMistakesAreToldInOrder(t *testing.T) {
	_, err := Parse("config.yaml", []byte("logg: {}\nmodel: [a]\npage: {listn: x}\n"), known)
	e, ok := errors.AsType[*Error](err)
	if !ok || len(e.Problems) != 3 || e.Problems[0].Line != 1 || e.Problems[1].Line != 2 || e.Problems[2].Line != 3 {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(e.UserMessage(), "and 2 more") || !errors.As(err, new(Problem)) {
		t.Errorf("got %s", e.UserMessage())
	}
	_, err = Parse("config.yaml", []byte(strings.Repeat("x", 10)+": 1\n"+lines(100)), known)
	if e, ok := errors.AsType[*Error](err); !ok || len(e.Problems) != maxProblems {
		t.Errorf("got %v", err)
	}
}

func lines(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("y" + strings.Repeat("y", i) + ": 1\n")
	}
	return b.String()
}

func TestNothingIsFine(t *testing.T) {
	want := Defaults()
	for _, text := range []string{"", "\n", "# only a comment\n", "---\n", "\xef\xbb\xbf", "channels:\nmodel:\n", "{}"} {
		c, err := Parse("config.yaml", []byte(text), known)
		if err != nil || !c.equal(want) {
			t.Errorf("%q: got %+v, %v", text, c, err)
		}
	}
	c, err := Load(filepath.Join(t.TempDir(), "config.yaml"), known)
	if err != nil || !c.equal(want) {
		t.Errorf("a missing file: %+v, %v", c, err)
	}
	if err := want.Validate(known); err != nil {
		t.Errorf("the defaults are wrong: %v", err)
	}
	if addr, any := want.Page.Address(); addr != DefaultListen || !any {
		t.Errorf("got %s, %v", addr, any)
	}
}

func TestMerge(t *testing.T) {
	const text = "channels:\n  telegram: &base {imap_port: 1, imap_host: a}\n  telegram:b:\n    imap_port: 2\n    <<: *base\n"
	c, err := Parse("config.yaml", []byte(text), known)
	if err != nil {
		t.Fatal(err)
	}
	if b := c.Channels["telegram:b"].(*chat); b.Port != 2 || b.Host != "a" {
		t.Errorf("got %+v", b)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	huge := filepath.Join(dir, "huge")
	if err := os.WriteFile(huge, []byte(strings.Repeat("# x\n", maxSize)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{dir: "it is a folder", huge: "larger than 256 KiB", filepath.Join(huge, "x"): "cannot be read"} {
		_, err := Load(path, known)
		if e, ok := errors.AsType[*FolderError](err); !ok || !strings.Contains(e.UserMessage(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestNoSecretIsPrinted(t *testing.T) {
	c, err := Parse("config.yaml", []byte("providers: {openai: {headers: {a: sk-fake}, oauth: {client_secret: sk-fake}}}"), known)
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Providers["openai"].Headers["a"]; s.Reveal() != "sk-fake" || !s.Equal(secret.New("sk-fake")) {
		t.Errorf("got %s", s)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "17": 17, "17B": 17, "2k": 2 << 10, "2 KB": 2 << 10, "2KiB": 2 << 10, "20mb": 20 << 20, "1GB": 1 << 30} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s: got %d, %v", text, s, err)
		}
		var again Size
		if err := again.UnmarshalText([]byte(s.String())); err != nil || again != s {
			t.Errorf("%s is written %s", text, s)
		}
	}
	for _, text := range []string{"", "x", "-1", "1.5MB", "1TB", "9999999999GB"} {
		if new(Size).UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is a size", text)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.Setenv("CONFIG_TEST_ORG", "org-fake")
	text := []byte(strings.NewReplacer("file:secret", "env:CONFIG_TEST_ORG", "[123456789", "&people [123456789").Replace(full))
	for b.Loop() {
		if _, err := Parse("config.yaml", text, known); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("a: &a [*a]\n<<: *a\n? b\n: c\n"))
	f.Add([]byte("channels: {telegram: {extra: !!str ~}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("config.yaml", data, known)
		if (c == nil) == (err == nil) {
			t.Error("neither a Config nor an error")
		}
	})
}
