package access_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
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

// claimCode is the code alone.
func claimCode(a interface {
	ClaimCode() (string, time.Duration)
}) string {
	code, _ := a.ClaimCode()
	return code
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
