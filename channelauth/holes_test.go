package channelauth

import (
	"path/filepath"
	"strings"
	"testing"

	"chatgateway/internal/secret"
)

// The tests here are named after the holes in docs/security.md.

// TestA1SentinelIsNotStored: what views show in the place of a token never takes its place.
func TestA1SentinelIsNotStored(t *testing.T) {
	f := open(t, `{"telegram": {"bot_token": "123456:FAKE-token-for-tests"}}`, nil)
	before := load(t, f)
	if err := f.Set(t.Context(), "telegram", "bot_token", secret.New(secret.Mask)); err == nil {
		t.Error("it was stored")
	}
	if load(t, f) != before {
		t.Errorf("the file is %s", load(t, f))
	}
}

// TestA2ReferencesStay: a write beside a reference leaves it a reference, and what it leads to is in no file.
func TestA2ReferencesStay(t *testing.T) {
	f := open(t, `{"telegram": {"bot_token": "env:MY_BOT"}, "slack": {"bot_token": "file:slack.txt"}}`, map[string]string{"MY_BOT": "123456:FAKE-token-for-tests"})
	save(t, filepath.Join(filepath.Dir(f.Path), "slack.txt"), "xoxb-FAKE-token-for-tests\n")
	if got := f.Account("telegram", telegram).Secret("bot_token").Reveal(); got != "123456:FAKE-token-for-tests" {
		t.Fatalf("the reference leads to %q", got)
	}
	f.Account("slack", slack).Secret("bot_token")
	if err := f.Set(t.Context(), "slack", "app_token", secret.New("xapp-FAKE-token-for-tests")); err != nil {
		t.Fatal(err)
	}
	text := load(t, f)
	for _, want := range []string{`"env:MY_BOT"`, `"file:slack.txt"`, `"xapp-FAKE-token-for-tests"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	for _, no := range []string{"123456:FAKE", "xoxb-FAKE"} {
		if strings.Contains(text, no) {
			t.Errorf("%s is in %s", no, text)
		}
	}
}

// TestA9NoOtherAccountsToken: an account that is missing has no token, whatever the default one and the environment have.
func TestA9NoOtherAccountsToken(t *testing.T) {
	f := open(t, `{"telegram": {"bot_token": "1:FAKE-default"}, "telegram:work": {"bot_token": ""}}`, map[string]string{"TELEGRAM_BOT_TOKEN": "2:FAKE-env"})
	for _, id := range []string{"telegram:nobody", "telegram:work", "telegram:", "Telegram:work", "telegra", ""} {
		if v := f.Account(id, telegram).Secret("bot_token"); !v.Empty() && id != "telegra" && id != "" {
			t.Errorf("%q has the token %s", id, v.Reveal())
		}
	}
}

// TestLearn: every secret that is given out is told before, and what is no secret is not.
func TestLearn(t *testing.T) {
	f := open(t, `{"email": {"username": "bot@example.org", "password": "FAKE-password"}, "telegram": {"bot_token": "env:MY_BOT"}}`,
		map[string]string{"MY_BOT": "1:FAKE-referred", "SLACK_BOT_TOKEN": "xoxb-FAKE-env"})
	told := map[string]bool{}
	f.Learn = func(list ...secret.String) {
		for _, s := range list {
			told[s.Reveal()] = true
		}
	}
	for id, fields := range map[string][]Field{"email": email, "telegram": telegram, "slack": slack} {
		for _, field := range fields {
			f.Account(id, fields).Secret(field.Name)
		}
	}
	for _, want := range []string{"FAKE-password", "1:FAKE-referred", "xoxb-FAKE-env"} {
		if !told[want] {
			t.Errorf("%q was not told", want)
		}
	}
	if told["bot@example.org"] {
		t.Error("a user name was told")
	}
}
