package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chatgateway/internal/status"
	"chatgateway/login"
	"chatgateway/providerauth"
)

// claimStep asks for the claim code.
var claimStep = login.Step{Text: "The code on the gateway's console, please.", Field: &login.Field{Name: "Code", Secret: true}}

// offered are the providers that get a button; the others are named.
var offered = []string{"anthropic", "openai", "google", "openrouter", "openai-codex", "github-copilot", "ollama", "groq", "mistral"}

// logIn logs in to a provider, which asks through the call's Prompter.
func logIn(ctx context.Context, c *Call) error {
	if c.Arg(0) == "" {
		return offerLogins(ctx, c)
	}
	s, id, err := account(c.Host, c.Arg(0))
	if err != nil {
		return err
	}
	method := strings.ToLower(c.Arg(1))
	if method != "" && !slices.ContainsFunc(s.Methods, func(m providerauth.Method) bool { return m.ID == method }) {
		var ids []string
		for _, m := range s.Methods {
			ids = append(ids, m.ID)
		}
		return refusal(fmt.Sprintf("%s has no way to log in called %q. It has: %s.", s.Name, method, strings.Join(ids, ", ")))
	}
	if s.NoKey && len(s.Methods) == 0 {
		return c.say(ctx, fmt.Sprintf("%s needs no login. Choose one of its models.", s.Name), Choice{Label: "Choose a model", Run: "/model " + s.ID})
	}
	result, err := c.Host.Auth().Login(ctx, id, method, c.Prompt)
	if err != nil {
		c.Host.Record(ctx, c.Person, "login", string(id), outcome(err))
		return err
	}
	c.Host.Record(ctx, c.Person, "login", string(id), "done")
	text := LoggedInText(s, id, result)
	if first := c.Host.LoggedIn(ctx, id); !first.IsZero() {
		text += fmt.Sprintf("\n\nFrom now on %s answers; /model chooses another.", first)
	}
	return c.say(ctx, text, Choice{Label: "Choose a model", Run: "/model " + s.ID})
}

// outcome names the end of a login for the audit log.
func outcome(err error) string {
	switch {
	case errors.Is(err, login.ErrCanceled):
		return "canceled"
	case errors.Is(err, login.ErrExpired):
		return "expired"
	}
	return "failed"
}

// LoggedInText says what a login came to.
func LoggedInText(s providerauth.Scheme, id providerauth.ID, r providerauth.Login) string {
	text := fmt.Sprintf("Logged in to %s", s.Name)
	if id.Account() != "" {
		text += fmt.Sprintf(" as %s", id)
	}
	if r.Credential.Owner != "" {
		text += " (" + r.Credential.Owner + ")"
	}
	text += "."
	if r.Replaced {
		text += " The earlier sign-in of this account was replaced."
	}
	f := r.Finding
	switch {
	case f.Works && len(f.Models) > 0:
		text += fmt.Sprintf(" It works: %d models, among them %s.", len(f.Models), strings.Join(some(f.Models, 3), ", "))
	case f.Works:
		text += " It works."
	case f.Sure:
		text += " But " + s.Name + " refuses it; it was stored because you said so."
	default:
		text += " It was stored, but could not be checked."
	}
	if f.Note != "" {
		text += " " + f.Note
	}
	return text
}

func some(list []string, n int) []string { return list[:min(n, len(list))] }

// offerLogins lists the providers.
func offerLogins(ctx context.Context, c *Call) error {
	var cs []Choice
	var others []string
	schemes := map[string]providerauth.Scheme{}
	for _, s := range c.Host.Auth().Schemes() {
		schemes[s.ID] = s
		if !slices.Contains(offered, s.ID) {
			others = append(others, "`"+s.ID+"`")
		}
	}
	for _, l := range c.Host.LocalServers(ctx) {
		cs = append(cs, Choice{Label: fmt.Sprintf("Use %s on this host", l.Name), Run: "/model " + l.Provider})
	}
	for _, id := range offered {
		if s, ok := schemes[id]; ok && len(s.Methods) > 0 {
			cs = append(cs, Choice{Label: s.Name, Run: "/login " + id})
		}
	}
	text := "Which provider do you want to log in to?"
	if len(others) > 0 {
		text += " Besides these: " + strings.Join(others, ", ") + " — with `/login` and the name."
	}
	return c.say(ctx, text, cs...)
}

// logOut asks before a credential goes, unless its account was named.
func logOut(ctx context.Context, c *Call) error {
	var ids []providerauth.ID
	if c.Arg(0) == "" {
		for _, s := range c.Host.Auth().Schemes() {
			ids = append(ids, c.Host.Auth().Accounts(ctx, s.ID)...)
		}
		if len(ids) == 0 {
			return c.say(ctx, "Nobody is logged in anywhere: nothing is stored.")
		}
		return askLogout(ctx, c, "Which sign-in shall go?", ids)
	}
	s, id, err := account(c.Host, c.Arg(0))
	if err != nil {
		return err
	}
	stored := c.Host.Auth().Accounts(ctx, s.ID)
	switch named := strings.Contains(c.Arg(0), ":"); {
	case c.Arg(1) == "all":
		ids = stored
	case named:
		ids = []providerauth.ID{id}
	case len(stored) == 0:
		return c.say(ctx, nothingStored(ctx, c, s))
	default:
		return askLogout(ctx, c, fmt.Sprintf("This logs the gateway out of %s. Which sign-in shall go?", s.Name), stored)
	}
	var lines []string
	for _, id := range ids {
		line, err := LogOut(ctx, c.Host, c.Person, s, id)
		if err != nil {
			return err
		}
		lines = append(lines, line)
	}
	return c.say(ctx, strings.Join(lines, "\n"))
}

func nothingStored(ctx context.Context, c *Call, s providerauth.Scheme) string {
	st, err := c.Host.Auth().Status(ctx, s.ID)
	if err == nil {
		for _, p := range st {
			if p.Source == string(providerauth.FromEnv) {
				return fmt.Sprintf("Nothing is stored for %s. Its key comes from the variable %s; take it out there and restart the gateway.", s.Name, p.Label)
			}
		}
	}
	return fmt.Sprintf("Nobody is logged in to %s.", s.Name)
}

func askLogout(ctx context.Context, c *Call, text string, ids []providerauth.ID) error {
	var cs []Choice
	for _, id := range ids {
		name := id.Account()
		if name == "" {
			name = "default"
		}
		cs = append(cs, Choice{Label: string(id), Run: "/logout " + id.Provider() + ":" + name})
	}
	if p := ids[0].Provider(); len(ids) > 1 && !slices.ContainsFunc(ids, func(id providerauth.ID) bool { return id.Provider() != p }) {
		cs = append(cs, Choice{Label: "All of them", Run: "/logout " + p + " all"})
	}
	return c.say(ctx, text, cs...)
}

// LogOut logs one account out and says what happened.
func LogOut(ctx context.Context, h Host, p Person, s providerauth.Scheme, id providerauth.ID) (string, error) {
	r, err := h.Auth().Logout(ctx, id)
	if err != nil {
		h.Record(ctx, p, "logout", string(id), "failed")
		return "", err
	}
	h.Record(ctx, p, "logout", string(id), "done")
	h.LoggedIn(ctx, id)
	return LogoutText(s, id, r), nil
}

// LogoutText says what a logout came to.
func LogoutText(s providerauth.Scheme, id providerauth.ID, r providerauth.Logout) string {
	var text string
	switch {
	case !r.Removed:
		text = fmt.Sprintf("Nothing is stored for %s.", id)
	case r.Revoked:
		text = fmt.Sprintf("Logged out of %s (%s): deleted here, and ended at the provider.", s.Name, id)
	case r.RevokeErr != nil:
		text = fmt.Sprintf("Logged out of %s (%s): deleted here. The provider could not be told; end it on its page too.", s.Name, id)
	default:
		text = fmt.Sprintf("Logged out of %s (%s): deleted here. At the provider it goes on to hold; end it on its page if it is no longer needed.", s.Name, id)
	}
	if r.StillFrom != "" {
		text += fmt.Sprintf(" A key still comes from the variable %s.", r.StillFrom)
	}
	return text
}

// auth shows states, never a part of a secret.
func auth(ctx context.Context, c *Call) error {
	if c.Arg(0) == "" {
		st, err := c.Host.Auth().Status(ctx, "")
		if err != nil {
			return err
		}
		text := AuthText(st, time.Now())
		if err := c.Host.Auth().StoreErr(); err != nil {
			var u interface{ UserMessage() string }
			if errors.As(err, &u) {
				text += "\n\n⚠ " + u.UserMessage()
			}
		}
		if !c.Private {
			return c.say(ctx, text)
		}
		return c.say(ctx, text, Choice{Label: "Log in", Run: "/login"}, Choice{Label: "Log out", Run: "/logout"})
	}
	s, id, err := account(c.Host, c.Arg(0))
	if err != nil {
		return err
	}
	m := c.Host.Auth()
	var text string
	switch deed := strings.ToLower(c.Arg(1)); deed {
	case "":
		st, err := m.Status(ctx, s.ID)
		if err != nil {
			return err
		}
		return c.say(ctx, AuthText(st, time.Now()), authButtons(s, id, st)...)
	case "enable", "disable":
		if err := m.Enable(ctx, id, deed == "enable"); err != nil {
			return err
		}
		text = fmt.Sprintf("%s is disabled: its sign-in is kept and skipped.", id)
		if deed == "enable" {
			text = fmt.Sprintf("%s is enabled.", id)
		}
	case "logout":
		if text, err = LogOut(ctx, c.Host, c.Person, s, id); err != nil {
			return err
		}
		return c.say(ctx, text)
	case "renew":
		cred, err := m.Credential(ctx, providerauth.Want{Provider: s.ID, Account: id.Account()})
		if err != nil {
			return err
		}
		if _, err := m.Renew(ctx, cred); err != nil {
			return err
		}
		text = fmt.Sprintf("%s is renewed.", id)
	case "check":
		f, err := m.Check(ctx, id)
		if err != nil {
			return err
		}
		text = CheckText(s, f)
	case "order":
		if text, err = setOrder(ctx, c, s); err != nil {
			return err
		}
	default:
		return refusal("After the provider I know: enable, disable, renew, check, logout, order.")
	}
	c.Host.Record(ctx, c.Person, "auth "+c.Arg(1), string(id), "done")
	return c.say(ctx, text)
}

func setOrder(ctx context.Context, c *Call, s providerauth.Scheme) (string, error) {
	m := c.Host.Auth()
	if words := c.Args[2:]; len(words) > 0 {
		var order []providerauth.ID
		for _, w := range words {
			if w != "clear" {
				order = append(order, providerauth.ID(w))
			}
		}
		if err := m.SetOrder(ctx, s.ID, order); err != nil {
			return "", err
		}
	}
	order := m.Order(ctx, s.ID)
	if len(order) == 0 {
		return fmt.Sprintf("%s has no set order: the default account comes first, then the others.", s.Name), nil
	}
	var names []string
	for _, id := range order {
		names = append(names, string(id))
	}
	return fmt.Sprintf("%s is tried in this order: %s.", s.Name, strings.Join(names, ", ")), nil
}

// CheckText says what a live check found.
func CheckText(s providerauth.Scheme, f providerauth.Finding) string {
	text := fmt.Sprintf("%s could not be asked whether it takes this sign-in.", s.Name)
	if f.Sure && f.Works {
		text = fmt.Sprintf("%s takes this sign-in.", s.Name)
	} else if f.Sure {
		text = fmt.Sprintf("%s refuses this sign-in. Log in again with /login %s.", s.Name, s.ID)
	}
	if f.Note != "" {
		text += " " + f.Note
	}
	return text
}

func authButtons(s providerauth.Scheme, id providerauth.ID, st []status.Provider) []Choice {
	cs := []Choice{{Label: "Log in", Run: "/login " + string(id)}}
	for _, p := range st {
		if p.ID != string(id) || !p.Configured {
			continue
		}
		cs = append(cs, Choice{Label: "Check", Run: "/auth " + p.ID + " check"})
		if p.Renews {
			cs = append(cs, Choice{Label: "Renew now", Run: "/auth " + p.ID + " renew"})
		}
		if p.State == "disabled" {
			cs = append(cs, Choice{Label: "Enable", Run: "/auth " + p.ID + " enable"})
		} else if p.Source == string(providerauth.FromStore) {
			cs = append(cs, Choice{Label: "Disable", Run: "/auth " + p.ID + " disable"})
		}
		if p.Source == string(providerauth.FromStore) {
			cs = append(cs, Choice{Label: "Log out", Run: "/logout " + s.ID})
		}
	}
	return cs
}

// AuthText lists the states of sign-ins: the ones that there are, then in one line the providers without one.
func AuthText(st []status.Provider, now time.Time) string {
	var b strings.Builder
	b.WriteString("**Sign-ins**\n")
	var without []string
	n := 0
	for _, p := range st {
		if !p.Configured && p.LastError == "" && p.State != "needs-login" && p.State != "disabled" {
			without = append(without, p.ID)
			continue
		}
		n++
		mark := "✗"
		switch p.State {
		case "ok", "expiring":
			mark = "✓"
		case "cooling", "disabled":
			mark = "–"
		}
		fmt.Fprintf(&b, "- %s **%s** (`%s`)", mark, p.Name, p.ID)
		for _, w := range []string{p.Method, source(p), stateText(p, now)} {
			if w != "" {
				b.WriteString(", " + w)
			}
		}
		if p.InUse {
			b.WriteString(", in use")
		}
		if p.LastError != "" {
			b.WriteString(". " + p.LastError)
		}
		b.WriteString("\n")
	}
	if n == 0 {
		b.WriteString("none yet; begin with /login\n")
	}
	if len(without) > 0 {
		fmt.Fprintf(&b, "\n✗ Without one: %s", strings.Join(without, ", "))
	}
	return b.String()
}

func source(p status.Provider) string {
	switch providerauth.Source(p.Source) {
	case providerauth.FromEnv:
		return "from " + p.Label
	case providerauth.FromRuntime:
		return "given at the start"
	case providerauth.FromStore:
		if p.Label != "" {
			return "stored, " + p.Label
		}
		return "stored"
	case providerauth.FromNone:
		return "needs none"
	}
	return ""
}

func stateText(p status.Provider, now time.Time) string {
	var s string
	switch p.State {
	case "ok":
		if p.Expires.IsZero() || p.Renews {
			return ""
		}
		return "expires in " + span(p.Expires.Sub(now))
	case "expiring":
		s = "expires in " + span(p.Expires.Sub(now))
	case "cooling":
		s = "passed over for " + span(p.CoolUntil.Sub(now))
	case "needs-login":
		s = "ended: log in again"
	default:
		s = p.State
	}
	return s
}

// span writes a duration in its largest unit.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	}
	return fmt.Sprintf("%d seconds", max(0, int(d.Seconds())))
}
