package importer

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

	"chatgateway/internal/secret"
	"chatgateway/providerauth"
)

// files are what other systems leave in a home folder.
var files = map[string]string{
	".operator/auth/providers.json": `{"openai":{"type":"api_key","key":"sk-FAKE-operator-openai-1"},
		"openai-codex":{"type":"oauth","access":"FAKE-codex-access","refresh":"FAKE-codex-refresh","expires":1900000000000,"extra":{"account_id":"acc-1"}},
		"google-antigravity":{"type":"oauth","access":"FAKE-anti","refresh":"FAKE-anti-refresh","expires":1},
		"groq":{"api_key":"gsk-FAKE-onboarding-wrote-this"},
		"mistral":{"type":"api_key","key":"your-api-key"},
		"elevenlabs":{"type":"api_key","key":"FAKE-not-a-chat-provider"}}`,
	".operator/auth/channels.json":      `{"telegram":{"bot_token":"123456:FAKE-operator"},"slack":{"bot_token":"","app_token":"xapp-FAKE"},"email":{"username":"a@example.org","password":"FAKE-pass"}}`,
	".duragent/auth.json":               `{"anthropic":{"type":"o_auth","access":"FAKE-dura-access","refresh":"FAKE-dura-refresh","expires":1900000000}}`,
	".pindusagi/auth.json":              `{"xai":{"default":{"kind":"apiKey","key":"xai-FAKE-pindus-default","isDefault":true},"work":{"kind":"apiKey","key":"xai-FAKE-pindus-work"}},"zai":{"apiKey":"FAKE-zai-old-shape-key.1","isDefault":true}}`,
	".indusagi/agent/auth.json":         `{"kimi":{"accessToken":"FAKE-kimi-access","refreshToken":"FAKE-kimi-refresh","expiresAt":1900000000000,"updatedAt":1}}`,
	".llxprt/oauth/anthropic-work.json": `{"access_token":"FAKE-llx-access","refresh_token":"FAKE-llx-refresh","expiry":1900000000,"token_type":"Bearer"}`,
	".llxprt/oauth/qwen.json":           `{"access_token":"FAKE-qwen","refresh_token":"FAKE-qwen-refresh","expiry":1}`,
	".codex/auth.json":                  `{"OPENAI_API_KEY":"sk-FAKE-codex-openai-22","tokens":{"id_token":"x","access_token":"FAKE-codex-2","refresh_token":"FAKE-codex-refresh-2","account_id":"acc-2"},"last_refresh":"2026-01-01T00:00:00Z"}`,
	".openclaw/agents/main/agent/auth-profiles.json": `{"version":1,"profiles":{
		"anthropic:default":{"type":"token","provider":"anthropic","token":"sk-ant-oat01-FAKE-claw-token","expires":1900000000000},
		"openrouter:Ann@Example.org":{"type":"api_key","provider":"openrouter","key":"sk-or-FAKE-claw-0123456789","email":"ann@example.org"},
		"groq:a b":{"type":"api_key","provider":"groq","key":"gsk-FAKE-claw-one-0123456"},"groq:two":{"type":"api_key","provider":"groq","key":"exec:touch /FAKE/never-run"},
		"deepseek:x":{"type":"api_key","provider":"deepseek","keyRef":{"source":"env","id":"X"}}},"order":{"groq":["groq:two"]}}`,
	".openclaw/openclaw.json": `{ // JSON5, as people write it
		channels: { telegram: { 'botToken': "123456:FAKE-claw", accounts: { Support: { botToken: '777:FAKE-claw-support' } }, },
		/* and */ discord: { token: "Bot FAKE-discord-token", }, slack: { botToken: "${SLACK_BOT_TOKEN}" }, port: 18789 } }`,
	".opensoul/opensoul.json": `{"channels":`,
}

func home(t *testing.T) string {
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tokensOf is a channels.json in memory.
type tokensOf map[string]secret.String

func (c tokensOf) Get(_ context.Context, account, field string) (secret.String, error) {
	return c[account+" "+field], nil
}

func (c tokensOf) Set(_ context.Context, account, field string, value secret.String) error {
	if account == "discord" {
		return errors.New("the disk is full")
	}
	c[account+" "+field] = value
	return nil
}

func target(t *testing.T) Target {
	store := providerauth.NewMemory(
		providerauth.Credential{ID: "openai", Type: providerauth.Key, Key: secret.New("sk-FAKE-operator-openai-1")},
		providerauth.Credential{ID: "xai", Type: providerauth.Key, Key: secret.New("xai-FAKE-another")})
	var schemes []providerauth.Scheme
	for _, id := range []string{"anthropic", "openai", "openai-codex", "google", "groq", "mistral", "xai", "zai", "kimi", "qwen", "openrouter", "deepseek"} {
		schemes = append(schemes, providerauth.Scheme{ID: id, Name: strings.ToUpper(id)})
	}
	return Target{Store: store, Manager: providerauth.New(providerauth.Options{Store: store, Schemes: schemes}),
		Channels: tokensOf{"telegram bot_token": secret.New("123456:FAKE-operator")}}
}

func TestFindAndPlan(t *testing.T) {
	items, problems := Find(Options{Home: home(t), Env: func(string) string { return "" }})
	if len(problems) != 1 || !strings.HasSuffix(problems[0].Path, "opensoul.json") {
		t.Errorf("problems: %v", problems)
	}
	steps, err := Plan(t.Context(), items, target(t))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range steps {
		got = append(got, fmt.Sprintf("%s: %s: %s", s.System, s.Name(), s.Does))
	}
	want := []string{
		"Operator: elevenlabs, API key: leave",
		"Operator: google-antigravity, sign-in: leave",
		"Operator: groq, API key: add",
		"Operator: mistral, API key: leave",
		"Operator: openai, API key: same",
		"Operator: openai-codex, sign-in: add",
		"Operator: telegram bot_token: same",
		"Operator: slack app_token: add",
		"Operator: email username: add",
		"Operator: email password: add",
		"Duragent: anthropic, sign-in: add",
		"pindus: xai, API key: replace",
		"pindus: xai:work, API key: add",
		"pindus: zai, API key: add",
		"pindus: kimi, sign-in: add",
		"llxprt: anthropic:work, sign-in: add",
		"llxprt: qwen, sign-in: leave",
		"Codex: openai, API key: leave",
		"Codex: openai-codex, sign-in: leave",
		"OpenClaw: anthropic, token: leave",
		"OpenClaw: deepseek:x: leave",
		"OpenClaw: groq:a-b, API key: add",
		"OpenClaw: groq:two, API key: leave",
		"OpenClaw: openrouter, API key: add",
		"OpenClaw: telegram bot_token: leave",
		"OpenClaw: telegram:support bot_token: add",
		"OpenClaw: discord bot_token: add",
		"OpenClaw: slack bot_token: leave",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, s := range steps {
		if (s.Does == Leave || s.Does == Replace) && s.Why == "" {
			t.Errorf("%s: no reason", s.Name())
		}
		if s.Does == Add && (s.Channel() || s.Credential.Type == providerauth.OAuth) && s.Warn == "" {
			t.Errorf("%s: no warning that it must have one owner", s.Name())
		}
		if all := fmt.Sprintf("%v %+v %#v %s", s, s, s, s.Name()); strings.Contains(all, "FAKE") {
			t.Errorf("a secret is printed: %.200s", all)
		}
	}
}

// A sign-in that was renewed since, here or there, is another one: it is neither "the same" nor put in the other's place.
func TestARenewedSignInIsAnother(t *testing.T) {
	signIn := func(access, refresh string) providerauth.Credential {
		return providerauth.Credential{Type: providerauth.OAuth, Access: secret.New(access), Refresh: secret.New(refresh)}
	}
	have := signIn("a", "r")
	for _, c := range []struct {
		c    providerauth.Credential
		same bool
	}{{signIn("a", "r"), true}, {signIn("b", "r"), false}, {signIn("a", "s"), false}} {
		if sameSecret(have, c.c) != c.same {
			t.Errorf("%s and %s: same is %v", c.c.Access.Reveal(), c.c.Refresh.Reveal(), !c.same)
		}
	}
}

func TestApply(t *testing.T) {
	to := target(t)
	items, _ := Find(Options{Home: home(t), Env: func(string) string { return "" }})
	steps, err := Plan(t.Context(), items, to)
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, s := range Apply(t.Context(), steps, to, false) {
		if s.Err != nil {
			failed++
		}
		if s.Done != (s.Does == Add && s.Err == nil) {
			t.Errorf("%s: %s, done is %v, %v", s.Name(), s.Does, s.Done, s.Err)
		}
	}
	if failed != 1 {
		t.Errorf("%d failures, want one, of Discord's", failed)
	}
	c, err := to.Store.Get(t.Context(), "anthropic")
	if err != nil || c.Refresh.Reveal() != "FAKE-dura-refresh" || !c.Expires.Equal(time.Unix(1_900_000_000, 0)) {
		t.Errorf("got %+v, %v", c, err)
	}
	if c, _ = to.Store.Get(t.Context(), "openai-codex"); c.Extra["account_id"] != "acc-1" {
		t.Errorf("got %+v", c)
	}
	if c, _ = to.Store.Get(t.Context(), "xai"); c.Key.Reveal() != "xai-FAKE-another" {
		t.Error("it was replaced unasked")
	}
	if got := to.Channels.(tokensOf)["telegram:support bot_token"]; got.Reveal() != "777:FAKE-claw-support" {
		t.Errorf("got %q", got.Reveal())
	}
	steps, err = Plan(t.Context(), items, to)
	if err != nil {
		t.Fatal(err)
	}
	same := map[providerauth.ID]bool{}
	for _, s := range steps {
		if same[s.ID] = same[s.ID] || s.Does == Same; s.ID != "" && same[s.ID] && s.Does == Replace {
			t.Errorf("%s from %s would replace what an earlier file gave", s.Name(), s.Path)
		}
	}
	Apply(t.Context(), steps, to, true)
	if c, _ = to.Store.Get(t.Context(), "xai"); c.Key.Reveal() != "xai-FAKE-pindus-default" {
		t.Error("it was not replaced")
	}
	// Nothing that another program kept is run here.
	if c, err := to.Manager.Credential(t.Context(), providerauth.Want{Provider: "groq", Account: "a-b"}); err != nil || c.Source != providerauth.FromStore {
		t.Errorf("got %v", err)
	}
}

func TestNamedFiles(t *testing.T) {
	dir := home(t)
	for name := range files {
		if strings.Contains(name, "opensoul") {
			continue
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		items, problems := Find(Options{Paths: []string{path}})
		if len(problems) > 0 || len(items) == 0 || items[0].System == "another program" {
			t.Errorf("%s: %d items, %v", name, len(items), problems)
		}
		elsewhere := filepath.Join(t.TempDir(), "copy.json")
		data, _ := os.ReadFile(path)
		if err := os.WriteFile(elsewhere, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if items, _ := Find(Options{Paths: []string{elsewhere}}); len(items) == 0 {
			t.Errorf("a copy of %s: nothing found", name)
		}
	}
	for _, bad := range []string{filepath.Join(dir, "nothing.json"), dir, filepath.Join(dir, ".opensoul/opensoul.json")} {
		if _, problems := Find(Options{Paths: []string{bad}}); len(problems) != 1 {
			t.Errorf("%s is no problem", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, content := range files {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := parse(data)
		if err != nil {
			return
		}
		for _, read := range []reader{readFlat, readNested, readToken, readCodex, readProfiles, readChannels, readBots, readAny} {
			for _, i := range read("/x/oauth/a-b.json", doc) {
				i.check()
				_ = i.Name()
			}
		}
	})
}
