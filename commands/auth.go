package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chatgateway/internal/status"
	"chatgateway/providerauth"
)

// auth shows states, never a part of a secret.
func auth(ctx context.Context, c *Call) error {
	if c.Arg(0) == "" {
		return authAll(ctx, c)
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
		text = AuthText(st, time.Now())
		if len(st) > 1 {
			text += "\n" + OrderText(ctx, m, s, c.Scope, !c.Private)
		}
		return c.say(ctx, text, authButtons(s, id, st)...)
	case "enable", "disable":
		if err := m.Enable(ctx, id, deed == "enable"); err != nil {
			return err
		}
		text = fmt.Sprintf("%s is disabled: its sign-in is kept and skipped.", id)
		if deed == "enable" {
			text = fmt.Sprintf("%s is enabled.", id)
			if slices.Contains(m.SignInFirst(ctx), s.ID) {
				text += " Nobody is logged in to it: the first message for it starts an owner's sign-in."
			}
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
		if text, err = order(ctx, c, s, c.Args[2:]); err != nil {
			return err
		}
	default:
		return refusal("After the provider I know: enable, disable, renew, check, logout, order.")
	}
	c.Host.Record(ctx, c.Person, "auth "+c.Arg(1), string(id), "done")
	return c.say(ctx, text)
}

// authAll shows all sign-ins.
func authAll(ctx context.Context, c *Call) error {
	st, err := c.Host.Auth().Status(ctx, "")
	if err != nil {
		return err
	}
	text := AuthText(st, time.Now()) + orders(ctx, c)
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

// CheckText says what a live check found.
func CheckText(s providerauth.Scheme, f providerauth.Finding) string {
	switch {
	case f.Sure && f.Works:
		return strings.TrimSpace(fmt.Sprintf("%s takes this sign-in. %s", s.Name, f.Note))
	case f.Sure:
		return strings.TrimSpace(fmt.Sprintf("%s refuses this sign-in. Log in again with /login %s. %s", s.Name, s.ID, f.Note))
	case f.Note != "":
		return s.Name + ": " + f.Note
	}
	return fmt.Sprintf("%s could not be asked whether it takes this sign-in.", s.Name)
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
		if more := strings.TrimSpace(p.LastError + " " + p.Note); more != "" {
			b.WriteString(". " + more)
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
		return "expires in " + Span(p.Expires.Sub(now))
	case "expiring":
		s = "expires in " + Span(p.Expires.Sub(now))
	case "cooling":
		s = "passed over for " + Span(p.CoolUntil.Sub(now))
	case "needs-login":
		s = "ended: log in again"
	default:
		s = p.State
	}
	return s
}

// Span writes a duration in its largest unit.
func Span(d time.Duration) string {
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
