package access_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/access"
	"chatgateway/channels"
	"chatgateway/store"
)

// world is an Access on a real store, with a clock of its own.
type world struct {
	*testing.T
	*access.Access
	store  *store.Store
	path   string
	now    time.Time
	config access.Config
	deeds  []access.Deed
	asked  []access.Ask
	n      int
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, path: filepath.Join(t.TempDir(), "home", "gateway.db"), now: time.Now().Truncate(time.Second)}
	w.config = access.Config{Accounts: map[channels.AccountID]access.Account{
		"telegram": {Owners: []string{"1"}},
		"email":    {NeverPairs: true},
		"page":     {},
	}}
	w.open()
	t.Cleanup(func() { _ = w.store.Close() })
	return w
}

func (w *world) open() {
	w.Helper()
	var err error
	if w.store, err = store.Open(w.Context(), w.path, store.Options{Sync: "normal"}); err != nil {
		w.Fatal(err)
	}
	w.Access, err = access.New(w.Context(), access.Options{
		Store: w.store, Local: func(a channels.AccountID) bool { return a == "page" }, Now: func() time.Time { return w.now },
		Audit: func(_ context.Context, d access.Deed) { w.deeds = append(w.deeds, d) },
		Asked: func(a access.Ask) { w.asked = append(w.asked, a) },
	})
	if err != nil {
		w.Fatal(err)
	}
	w.SetConfig(w.config)
}

func (w *world) restart() {
	w.Helper()
	if err := w.store.Close(); err != nil {
		w.Fatal(err)
	}
	w.open()
}

// says is a private text, each with an id of its own.
func (w *world) says(account channels.AccountID, from channels.UserID) access.Decision {
	w.n++
	return w.Decide(w.Context(), account, channels.Message{
		Conversation: "c", ID: channels.MessageID(fmt.Sprint(w.n)), From: from, FromName: "Name of " + string(from), Text: "hi", Private: true, Addressed: true,
	})
}

var codes = regexp.MustCompile(`\b[A-HJKMNP-Z2-9]{8}\b`)

func (w *world) codeFrom(text string) string {
	w.Helper()
	code := codes.FindString(text)
	if code == "" {
		w.Fatalf("no code in %q", text)
	}
	return code
}

func (w *world) role(account channels.AccountID, from channels.UserID, want access.Role) {
	w.Helper()
	if d := w.says(account, from); d.Role != want {
		w.Errorf("%s in %s is %v (%s), want %v", from, account, d.Role, d.Why, want)
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
	if u, ok := errors.AsType[interface {
		error
		UserMessage() string
	}](want); ok && !strings.HasSuffix(u.UserMessage(), ".") {
		t.Errorf("no sentence: %q", u.UserMessage())
	}
}

// TestMatrix holds every kind of person against every kind of place and every surface.
func TestMatrix(t *testing.T) {
	const nobody, user, owner = access.Nobody, access.User, access.Owner
	private := channels.Message{Private: true, Addressed: true}
	inGroup := channels.Message{Places: []channels.PlaceID{"guild", "room"}, Addressed: true}
	overheard := channels.Message{Places: []channels.PlaceID{"guild", "room"}}
	elsewhere := channels.Message{Places: []channels.PlaceID{"other"}, Addressed: true}
	member := channels.Message{Places: []channels.PlaceID{"guild"}, Addressed: true, Roles: []string{"member"}}
	type row struct {
		name                                           string
		c                                              access.Account
		who                                            channels.UserID
		private, inGroup, overheard, elsewhere, member access.Role
	}
	w := newWorld(t)
	for _, r := range []row{
		{"nothing is configured", access.Account{}, "5", nobody, nobody, nobody, nobody, nobody},
		{"an empty list means nobody", access.Account{AllowFrom: []string{}, PrivatePolicy: "allowlist", Groups: []string{"guild"}}, "5", nobody, nobody, nobody, nobody, nobody},
		{"empty words are nobody's ids", access.Account{AllowFrom: []string{"", " "}, Owners: []string{"", " ", "*"}, Groups: []string{""}, Roles: []string{""}}, "5", nobody, nobody, nobody, nobody, nobody},
		{"in allow_from", access.Account{AllowFrom: []string{"5"}, Groups: []string{"room"}}, "5", user, user, nobody, nobody, nobody},
		{"another id that begins the same", access.Account{AllowFrom: []string{"5"}, Groups: []string{"room"}}, "55", nobody, nobody, nobody, nobody, nobody},
		{"a star", access.Account{AllowFrom: []string{"*"}, Groups: []string{"guild"}}, "5", user, user, nobody, nobody, user},
		{"open without a star", access.Account{PrivatePolicy: "open", AllowFrom: []string{"7"}}, "5", nobody, nobody, nobody, nobody, nobody},
		{"open with a star", access.Account{PrivatePolicy: "open", AllowFrom: []string{"*"}}, "5", user, nobody, nobody, nobody, nobody},
		{"private off", access.Account{PrivatePolicy: "off", AllowFrom: []string{"*"}, Groups: []string{"*"}}, "5", nobody, user, nobody, user, user},
		{"a policy that nobody knows", access.Account{PrivatePolicy: "opne", GroupPolicy: "opne", AllowFrom: []string{"7", "5"}, Groups: []string{"*"}}, "5", user, nobody, nobody, nobody, nobody},
		{"group open", access.Account{AllowFrom: []string{"5"}, Groups: []string{"guild"}, GroupPolicy: "open"}, "5", user, user, user, nobody, user},
		{"group off", access.Account{AllowFrom: []string{"5"}, Groups: []string{"guild"}, GroupPolicy: "off"}, "5", user, nobody, nobody, nobody, nobody},
		{"by role", access.Account{Groups: []string{"guild"}, Roles: []string{"member"}}, "5", nobody, nobody, nobody, nobody, user},
		{"whoever is there", access.Account{Groups: []string{"guild"}, Roles: []string{"*"}}, "5", nobody, user, nobody, nobody, user},
		{"an owner", access.Account{Owners: []string{"5"}}, "5", owner, owner, nobody, owner, owner},
		{"an owner, group open", access.Account{Owners: []string{"5"}, Groups: []string{"guild"}, GroupPolicy: "open"}, "5", owner, owner, owner, owner, owner},
		{"an owner, groups off", access.Account{Owners: []string{"5"}, GroupPolicy: "off", PrivatePolicy: "off"}, "5", owner, nobody, nobody, nobody, nobody},
		{"an id in other letters", access.Account{Owners: []string{"Ann@Example.org "}}, "ann@example.org", owner, owner, nobody, owner, owner},
		{"a letter that Unicode folds to k", access.Account{Owners: []string{"k@example.org"}}, "\u212a@example.org", nobody, nobody, nobody, nobody, nobody},
		{"not vouched for", access.Account{AllowFrom: []string{"*"}, Groups: []string{"*"}, Roles: []string{"*"}, GroupPolicy: "open"}, "", nobody, nobody, nobody, nobody, nobody},
	} {
		t.Run(r.name, func(t *testing.T) {
			w.SetConfig(access.Config{Accounts: map[channels.AccountID]access.Account{"x": r.c}})
			for place, c := range map[string]struct {
				m    channels.Message
				want access.Role
			}{"private": {private, r.private}, "group": {inGroup, r.inGroup}, "overheard": {overheard, r.overheard}, "elsewhere": {elsewhere, r.elsewhere}, "member": {member, r.member}} {
				for surface, set := range map[string]func(*channels.Message){
					"text":  func(m *channels.Message) { m.Text = "hi" },
					"edit":  func(m *channels.Message) { m.Text, m.Edited = "hi", true },
					"press": func(m *channels.Message) { m.Press = "P" },
					"slash": func(m *channels.Message) { m.Text = "/auth" },
				} {
					m := c.m
					m.From, m.FromName, m.ID = r.who, "1", channels.MessageID(place+surface)
					set(&m)
					want := c.want
					if place == "overheard" && surface == "press" {
						continue // a press is always to the bot
					}
					if d := w.Decide(t.Context(), "x", m); d.Role != want || d.Why == "" {
						t.Errorf("%s, %s: %v (%s), want %v", place, surface, d.Role, d.Why, want)
					}
					if d := w.Decide(t.Context(), "unknown", m); d.Role != nobody || d.Reply != "" {
						t.Errorf("%s, %s in an account that is not configured: %+v", place, surface, d)
					}
				}
			}
		})
	}
}

func TestLocalIsOwner(t *testing.T) {
	w := newWorld(t)
	w.role("page", "", access.Owner)
}

func TestPairing(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	d := w.says("telegram", "5")
	if d.Role != access.Nobody {
		t.Fatal("a stranger gets in")
	}
	code := w.codeFrom(d.Reply)

	// one answer, also after a restart; the message that made it may come again
	if d := w.says("telegram", "5"); d.Reply != "" {
		t.Errorf("answered twice: %q", d.Reply)
	}
	again := w.Decide(ctx, "telegram", channels.Message{ID: "1", From: "5", Text: "hi", Private: true})
	if again.Reply != d.Reply {
		t.Errorf("the same message again: %q", again.Reply)
	}
	w.restart()
	if d := w.says("telegram", "5"); d.Reply != "" {
		t.Errorf("answered after a restart: %q", d.Reply)
	}
	if len(w.asked) != 1 || w.asked[0].Name != "Name of 5" {
		t.Errorf("owners were told %v", w.asked)
	}

	// in small letters, with a dash, over the restart
	g, err := w.ApproveCode(ctx, "telegram 1", strings.ToLower(code[:4]+"-"+code[4:]))
	if err != nil {
		t.Fatal(err)
	}
	if g.Role != access.User || g.Person != (access.Person{Account: "telegram", ID: "5"}) {
		t.Errorf("granted %+v", g)
	}
	w.role("telegram", "5", access.User)
	_, err = w.ApproveCode(ctx, "telegram 1", code)
	wantErr(t, err, access.ErrWrongCode)

	// no group, and no other account
	w.config.Accounts["telegram"] = access.Account{Owners: []string{"1"}, Groups: []string{"*"}, GroupPolicy: "open"}
	w.config.Accounts["telegram:other"] = access.Account{PrivatePolicy: "allowlist"}
	w.SetConfig(w.config)
	if d := w.Decide(ctx, "telegram", channels.Message{From: "5", Text: "hi", Addressed: true, Places: []channels.PlaceID{"g"}}); d.Role != access.Nobody {
		t.Error("approval for private chat opened a group")
	}
	w.role("telegram:other", "5", access.Nobody)

	// revoked: at once, over a restart, and without another code
	if err := w.Revoke(ctx, "telegram 1", g.Person); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if d := w.says("telegram", "5"); d.Role != access.Nobody || d.Reply != "" {
			t.Errorf("after revoke: %+v", d)
		}
		if d := w.Decide(ctx, "telegram", channels.Message{From: "5", Press: "old button", Private: true}); d.Role != access.Nobody {
			t.Error("the old buttons live")
		}
		w.restart()
	}
	w.now = w.now.Add(31 * 24 * time.Hour)
	w.codeFrom(w.says("telegram", "5").Reply)
}

func TestPairingIsBounded(t *testing.T) {
	w := newWorld(t)
	for i, from := range []channels.UserID{"11", "12", "13", "14", "15"} {
		if d := w.says("telegram", from); (d.Reply != "") != (i < 3) {
			t.Errorf("stranger %d: %+v", i, d)
		}
	}
	w.restart()
	if d := w.says("telegram", "16"); d.Reply != "" {
		t.Error("a fourth after a restart")
	}
	if n := len(w.Waiting()); n != 3 {
		t.Errorf("%d wait", n)
	}
	// a denied one makes room, and stays denied
	if err := w.Deny(t.Context(), "telegram 1", access.Person{Account: "telegram", ID: "11"}); err != nil {
		t.Fatal(err)
	}
	w.codeFrom(w.says("telegram", "16").Reply)
	w.now = w.now.Add(time.Hour)
	if n := len(w.Waiting()); n != 0 {
		t.Errorf("%d wait after an hour", n)
	}
	if d := w.says("telegram", "11"); d.Reply != "" {
		t.Errorf("denied and answered: %q", d.Reply)
	}
	w.codeFrom(w.says("telegram", "12").Reply)
}

// An hour is an hour.
func TestCodeEnds(t *testing.T) {
	w := newWorld(t)
	code := w.codeFrom(w.says("telegram", "5").Reply)
	w.now = w.now.Add(time.Hour)
	_, err := w.ApproveCode(t.Context(), "telegram 1", code)
	wantErr(t, err, access.ErrWrongCode)
	wantErr(t, ignore(w.Approve(t.Context(), "x", access.Person{Account: "telegram", ID: "5"})), access.ErrUnknown)
}

func ignore(_ access.Grant, err error) error { return err }

func TestNoCodes(t *testing.T) {
	w := newWorld(t)
	w.config.Accounts["email"] = access.Account{PrivatePolicy: "pairing", NeverPairs: true}
	w.config.Accounts["list"] = access.Account{PrivatePolicy: "allowlist"}
	w.config.Accounts["off"] = access.Account{PrivatePolicy: "off"}
	w.config.Accounts["open"] = access.Account{PrivatePolicy: "open"}
	w.SetConfig(w.config)
	for account := range w.config.Accounts {
		if account == "telegram" || account == "page" {
			continue
		}
		if d := w.says(account, "5"); d.Role != access.Nobody || d.Reply != "" {
			t.Errorf("%s: %+v", account, d)
		}
	}
	for name, m := range map[string]channels.Message{
		"group": {From: "5", Text: "hi", Addressed: true, Places: []channels.PlaceID{"g"}},
		"press": {From: "5", Press: "P", Private: true},
		"edit":  {From: "5", Text: "hi", Edited: true, Private: true},
		"claim": {From: "5", Text: "/claim ABCDEFGH", Private: true},
		"":      {Text: "hi", Private: true},
	} {
		if d := w.Decide(t.Context(), "telegram", m); d.Role != access.Nobody || d.Reply != "" {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if n := len(w.Waiting()); n != 0 {
		t.Errorf("%d wait", n)
	}
}

// Five wrong codes lock every path, also over a restart, and also when they are tried at once.
func TestLockout(t *testing.T) {
	t.Run("approve", func(t *testing.T) {
		w := newWorld(t)
		code := w.codeFrom(w.says("telegram", "5").Reply)
		var wg sync.WaitGroup
		var mu sync.Mutex
		tried := map[error]int{}
		for range 20 {
			wg.Go(func() {
				_, err := w.ApproveCode(t.Context(), "telegram 1", "WRNGCDE2")
				mu.Lock()
				tried[err]++
				mu.Unlock()
			})
		}
		wg.Wait()
		if tried[access.ErrWrongCode] != 5 || tried[access.ErrLocked] != 15 {
			t.Errorf("got %v", tried)
		}
		w.restart()
		_, err := w.ApproveCode(t.Context(), "command line", code)
		wantErr(t, err, access.ErrLocked)
		if d := w.says("telegram", "6"); d.Reply != "" {
			t.Error("a code is given out while it is locked")
		}
		// a person is no code
		if _, err := w.Approve(t.Context(), "telegram 1", access.Person{Account: "telegram", ID: "5"}); err != nil {
			t.Error(err)
		}
		w.now = w.now.Add(time.Hour)
		if _, err := w.ApproveCode(t.Context(), "x", w.codeFrom(w.says("telegram", "6").Reply)); err != nil {
			t.Error(err)
		}
	})
	t.Run("claim", func(t *testing.T) {
		w := newWorld(t)
		w.config.Accounts["telegram"] = access.Account{}
		w.restart()
		code := w.ClaimCode()
		m := channels.Message{From: "5", Private: true}
		for i := range 7 {
			m.From = channels.UserID(fmt.Sprint(i)) // whoever they say they are
			_, err := w.Claim(t.Context(), "telegram", m, "WRNGCDE2")
			if want := map[bool]error{true: access.ErrWrongCode, false: access.ErrLocked}[i < 5]; !errors.Is(err, want) {
				t.Errorf("try %d: %v, want %v", i, err, want)
			}
		}
		_, err := w.Claim(t.Context(), "telegram", m, code)
		wantErr(t, err, access.ErrLocked)
		w.restart()
		_, err = w.Claim(t.Context(), "telegram", m, w.ClaimCode())
		wantErr(t, err, access.ErrLocked)
		w.now = w.now.Add(time.Hour)
		if _, err = w.Claim(t.Context(), "telegram", m, w.ClaimCode()); err != nil {
			t.Error(err)
		}
	})
}

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
	code := w.ClaimCode()
	if !codes.MatchString(code) || code != w.ClaimCode() {
		t.Fatalf("code %q, then %q", code, w.ClaimCode())
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
	if c := w.ClaimCode(); c != "" {
		t.Errorf("a code although there is an owner: %q", c)
	}
	first := w.Owners("telegram")[0]
	w.restart()
	w.role("telegram", first, access.Owner)
	_, err = w.Claim(ctx, "telegram", channels.Message{From: "77", Private: true}, code)
	wantErr(t, err, access.ErrOwned)
	w.codeFrom(w.says("telegram", "77").Reply)
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
