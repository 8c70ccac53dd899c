package access_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/access"
	"chatgateway/channels"
	"chatgateway/store"
)

func TestClaim(t *testing.T) {
	w := newWorld(t)
	w.config.Accounts["telegram"] = access.Account{}
	w.restart()
	ctx := t.Context()

	// strangers are told how, once each, and get no pairing code
	if d := w.says("telegram", "5"); !strings.Contains(d.Reply, "/claim") || codes.MatchString(d.Reply) {
		t.Errorf("without an owner: %q", d.Reply)
	}
	if d := w.says("telegram", "5"); d.Reply != "" {
		t.Errorf("told twice: %q", d.Reply)
	}
	code := claimCode(w)
	if !codes.MatchString(code) || code != claimCode(w) {
		t.Fatalf("code %q, then %q", code, claimCode(w))
	}
	_, err := w.Claim(ctx, "telegram", channels.Message{From: "5"}, code)
	wantErr(t, err, access.ErrNotHere)
	_, err = w.Claim(ctx, "telegram", channels.Message{Private: true}, code)
	wantErr(t, err, access.ErrNotHere)

	var wg sync.WaitGroup
	var mu sync.Mutex
	owners := 0
	for i := range 10 {
		wg.Go(func() {
			if _, err := w.Claim(ctx, "telegram", channels.Message{From: channels.UserID(fmt.Sprint(i)), Private: true}, " "+strings.ToLower(code)); err == nil {
				mu.Lock()
				owners++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if owners != 1 || len(w.Owners("telegram")) != 1 {
		t.Errorf("%d owners by one code: %v", owners, w.Owners("telegram"))
	}
	if c := claimCode(w); c != "" {
		t.Errorf("a code although there is an owner: %q", c)
	}
	first := w.Owners("telegram")[0]
	w.restart()
	w.role("telegram", first, access.Owner)
	_, err = w.Claim(ctx, "telegram", channels.Message{From: "77", Private: true}, code)
	wantErr(t, err, access.ErrOwned)
	w.codeFrom(w.says("telegram", "77").Reply)
}

// A claim code holds for an hour, and then there is another.
func TestClaimCodeExpires(t *testing.T) {
	w := newWorld(t)
	w.config.Accounts["telegram"] = access.Account{}
	w.restart()
	code, left := w.ClaimCode()
	if left != time.Hour {
		t.Errorf("it holds for %v", left)
	}
	w.now = w.now.Add(time.Hour)
	m := channels.Message{From: "5", Private: true}
	_, err := w.Claim(t.Context(), "telegram", m, code)
	wantErr(t, err, access.ErrWrongCode)
	again, left := w.ClaimCode()
	if again == code || left != time.Hour {
		t.Errorf("the next code is %q, after %q, for %v", again, code, left)
	}
	if _, err := w.Claim(t.Context(), "telegram", m, again); err != nil {
		t.Error(err)
	}
}

// Who is granted something is found however their address is spelled; names and accounts that are not there are refused.
func TestWhomToGrant(t *testing.T) {
	w := newWorld(t)
	run := func(words ...string) error {
		_, _, err := w.Access.Run(t.Context(), "command line", "", words)
		return err
	}
	if err := run("grant", "email", "Bob@Example.org"); err != nil {
		t.Fatal(err)
	}
	w.role("email", "bob@example.org", access.User)
	if err := run("grant", "email", "bob@example.org", "owner"); err != nil {
		t.Fatal(err)
	}
	if n := len(w.List()); n != 2 {
		t.Errorf("%d people are listed: %+v", n, w.List())
	}
	if err := run("revoke", "email", "BOB@example.org"); err != nil {
		t.Fatal(err)
	}
	w.role("email", "bob@example.org", access.Nobody)
	wantErr(t, run("grant", "telegram", "@alice"), access.ErrName)
	err := run("grant", "telegramm", "5")
	if err == nil || !strings.Contains(fmt.Sprint(err.(interface{ UserMessage() string }).UserMessage()), `no account "telegramm"; there is: email, telegram.`) {
		t.Errorf("an account that is not there: %v", err)
	}
}

func TestGrants(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	p := access.Person{Account: "telegram", ID: "5"}
	for _, bad := range []access.Person{{}, {Account: "telegram"}, {ID: "5"}, {Account: "telegram", ID: "*"}} {
		wantErr(t, ignore(w.Grant(ctx, "x", bad, access.User, false)), access.ErrUnknown)
	}
	wantErr(t, ignore(w.Grant(ctx, "x", p, access.Nobody, false)), access.ErrUnknown)
	wantErr(t, w.Revoke(ctx, "x", p), access.ErrUnknown)
	wantErr(t, w.Revoke(ctx, "x", access.Person{Account: "telegram", ID: "1"}), access.ErrByConfig)

	if _, err := w.Grant(ctx, "telegram 1", p, access.User, true); err != nil {
		t.Fatal(err)
	}
	w.role("telegram", "5", access.User)
	group := channels.Message{From: "5", Addressed: true, Places: []channels.PlaceID{"g"}}
	if d := w.Decide(ctx, "telegram", group); d.Role != access.Nobody {
		t.Error("a group that is not listed")
	}
	w.config.Accounts["telegram"] = access.Account{Owners: []string{"1"}, Groups: []string{"g"}}
	w.SetConfig(w.config)
	if d := w.Decide(ctx, "telegram", group); d.Role != access.User {
		t.Errorf("granted for groups: %+v", d)
	}
	if _, err := w.Grant(ctx, "telegram 1", p, access.Owner, false); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.role("telegram", "5", access.Owner)
	if got := w.Owners("telegram"); !slices.Equal(got, []channels.UserID{"1", "5"}) {
		t.Errorf("owners %v", got)
	}
	list := w.List()
	if len(list) != 2 || !list[0].ByConfig || list[1].ByConfig || list[1].By != "telegram 1" {
		t.Errorf("list %+v", list)
	}
	if err := w.Revoke(ctx, "telegram 1", p); err != nil {
		t.Fatal(err)
	}
	w.role("telegram", "5", access.Nobody)
	var done []string
	for _, d := range w.deeds {
		done = append(done, d.What+" "+d.Whom.String()+" "+d.Result)
	}
	if want := []string{"grant telegram 5 user", "grant telegram 5 owner", "revoke telegram 5 ok"}; !slices.Equal(done, want) {
		t.Errorf("deeds %q, want %q", done, want)
	}
}

// A change of the configuration holds for the next message.
func TestDemotion(t *testing.T) {
	w := newWorld(t)
	w.role("telegram", "1", access.Owner)
	w.config.Accounts["telegram"] = access.Account{PrivatePolicy: "allowlist"}
	w.SetConfig(w.config)
	w.role("telegram", "1", access.Nobody)
}

func TestAllow(t *testing.T) {
	w := newWorld(t)
	w.config.TurnsPerHour = 3
	w.SetConfig(w.config)
	try := func(user channels.UserID, role access.Role, want bool, wait time.Duration) {
		t.Helper()
		if ok, left := w.Allow("telegram", user, role); ok != want || left != wait {
			t.Errorf("got %v %v, want %v %v", ok, left, want, wait)
		}
	}
	for range 3 {
		try("5", access.User, true, 0)
		w.now = w.now.Add(10 * time.Minute)
	}
	try("5", access.User, false, 30*time.Minute)
	try("6", access.User, true, 0)
	for range 10 {
		try("1", access.Owner, true, 0)
	}
	w.now = w.now.Add(30 * time.Minute)
	try("5", access.User, true, 0)
	try("5", access.User, false, 10*time.Minute)
	for i := range 30_000 { // bounded
		w.Allow("telegram", channels.UserID(fmt.Sprint(i)), access.User)
	}
	w.config.TurnsPerHour = 0
	w.SetConfig(w.config)
	try("5", access.User, true, 0)
}

func TestMayUse(t *testing.T) {
	w := newWorld(t)
	w.config.Models = map[access.Role][]string{access.User: {"openai/*", "anthropic/claude-haiku", "google:work/gemini-*"}}
	w.SetConfig(w.config)
	for model, want := range map[string]bool{
		"openai/gpt": true, "OpenAI/GPT": true, "openai:work/gpt": true, "openai2/gpt": false, "anthropic/claude-haiku": true,
		"anthropic:x/claude-haiku": true, "anthropic/claude-haiku-2": false, "anthropic/claude-opus": false,
		"google:work/gemini-pro": true, "google/gemini-pro": false, "google:home/gemini-pro": false, "": false,
	} {
		if got := w.MayUse(access.User, model); got != want {
			t.Errorf("%s: %v", model, got)
		}
		if !w.MayUse(access.Owner, model) {
			t.Errorf("%s: not for owners", model)
		}
	}
}

func TestProblems(t *testing.T) {
	c := access.Config{Accounts: map[channels.AccountID]access.Account{
		"a": {PrivatePolicy: "open", Owners: []string{"*", "@ann"}},
		"b": {PrivatePolicy: "pairing", NeverPairs: true, Groups: []string{"g"}},
		"c": {AllowFrom: []string{"*"}},
		"d": {Owners: []string{"1"}, AllowFrom: []string{"2"}, Groups: []string{"g"}, PrivatePolicy: "allowlist"},
	}}
	got := c.Problems()
	count := map[string]int{}
	for _, p := range got {
		count[p[:1]]++
	}
	if count["a"] != 3 || count["b"] != 2 || count["c"] != 1 || count["d"] != 0 {
		t.Errorf("got %q", got)
	}
}

// What the store cannot take is not in force.
func TestUnsaved(t *testing.T) {
	w := newWorld(t)
	code := w.codeFrom(w.says("telegram", "5").Reply)
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	if d := w.says("telegram", "6"); d.Reply != "" || d.Role != access.Nobody {
		t.Errorf("%+v", d)
	}
	_, err := w.ApproveCode(t.Context(), "x", code)
	wantErr(t, err, store.ErrClosed)
	w.role("telegram", "5", access.Nobody)
	if _, err := w.Grant(t.Context(), "x", access.Person{Account: "telegram", ID: "5"}, access.Owner, false); err == nil {
		t.Error("granted")
	}
	w.role("telegram", "5", access.Nobody)
}

func TestRun(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	run := func(words string) (string, []access.Button) {
		t.Helper()
		text, buttons, err := w.Access.Run(ctx, "telegram 1", "telegram", strings.Fields(words))
		var u interface{ UserMessage() string }
		if errors.As(err, &u) {
			return "error: " + u.UserMessage(), nil
		}
		if err != nil {
			t.Fatal(err)
		}
		return text, buttons
	}
	a, b := w.codeFrom(w.says("telegram", "5").Reply), w.codeFrom(w.says("telegram", "6").Reply)
	text, buttons := run("")
	for _, s := range []string{"waits: telegram 5 (Name of 5)", "for another 60 min", "owner: telegram 1, by config.yaml"} {
		if !strings.Contains(text, s) {
			t.Errorf("%q is not in %q", s, text)
		}
	}
	if strings.Contains(text, a) || strings.Contains(text, b) {
		t.Error("the list tells the codes")
	}
	if len(buttons) != 4 || strings.Join(buttons[0].Words, " ") != "approve telegram 5" {
		t.Fatalf("buttons %v", buttons)
	}
	if text, _ := run(strings.Join(buttons[0].Words, " ")); !strings.Contains(text, "telegram 5") {
		t.Error(text)
	}
	w.role("telegram", "5", access.User)
	if text, _ := run("approve " + b[:4] + " " + b[4:]); !strings.Contains(text, "telegram 6") {
		t.Error(text)
	}
	run("grant page 9 owner")
	run("grant 7 groups")
	w.role("telegram", "7", access.User)
	run("revoke telegram 7")
	w.role("telegram", "7", access.Nobody)
	w.says("telegram", "8")
	run("deny 8")
	if text, _ = run("list"); strings.Contains(text, "waits") || !strings.Contains(text, "owner: page 9, by telegram 1") {
		t.Error(text)
	}
	for _, bad := range []string{"approve", "approve XXXXXXXX", "approve 99", "deny 99", "revoke 99", "revoke 1", "grant", "grant 5 admin", "nonsense", "deny", "revoke"} {
		if text, _ := run(bad); !strings.HasPrefix(text, "error: ") {
			t.Errorf("%s: %q", bad, text)
		}
	}
}
