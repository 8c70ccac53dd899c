package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"chatgateway/login"
	"chatgateway/providerauth"
)

// claimStep asks for the claim code.
var claimStep = login.Step{Text: "The code on the gateway's console, please.", Field: &login.Field{Name: "Code", Secret: true}}

// loginPage is how many providers are offered at once.
const loginPage = 9

// logIn logs in to a provider, which asks through the call's Prompter.
func logIn(ctx context.Context, c *Call) error {
	if c.Arg(0) == "" {
		return offerLogins(ctx, c, 1)
	}
	if strings.EqualFold(c.Arg(0), "more") {
		return offerLogins(ctx, c, page(c.Arg(1)))
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
	ctx = context.WithoutCancel(ctx) // who gives up now is told that it is stored
	return c.say(ctx, text, Choice{Label: "Choose a model", Run: "/model " + s.ID})
}

// logInCut tells of the sign-in that a login had stored before it was cut, and does for it what was left to do.
func logInCut(ctx context.Context, c *Call) string {
	s, id, err := account(c.Host, c.Arg(0))
	if err != nil || !slices.Contains(c.Host.Auth().Accounts(ctx, s.ID), id) {
		return ""
	}
	text := fmt.Sprintf("You are logged in to %s: a sign-in is stored (%s). If that is an earlier one that you wanted to replace, send the command again.", s.Name, id)
	if first := c.Host.LoggedIn(ctx, id); !first.IsZero() {
		text += fmt.Sprintf("\n\nFrom now on %s answers; /model chooses another.", first)
	}
	return text
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
	if r.Unordered {
		text += fmt.Sprintf(" The order that is set for %s does not name it, so that it is used only where it is pinned: see /auth %s order.", s.Name, s.ID)
	}
	f := r.Finding
	switch {
	case f.Works && len(f.Models) > 0:
		text += fmt.Sprintf(" It works: %s, among them %s.", Models(len(f.Models)), strings.Join(some(f.Models, 3), ", "))
	case f.Works:
		text += " It works."
	case f.Sure:
		text += " But " + s.Name + " refuses it; it was stored because you said so."
	case f.Note != "":
		text += " It was stored."
	default:
		text += " It was stored, but could not be checked."
	}
	if f.Note != "" {
		text += " " + f.Note
	}
	return text
}

// Models counts models in words.
func Models(n int) string {
	if n == 1 {
		return "1 model"
	}
	return fmt.Sprintf("%d models", n)
}

func some(list []string, n int) []string { return list[:min(n, len(list))] }

// offerLogins offers a page of the providers: the usual ones come first.
func offerLogins(ctx context.Context, c *Call, page int) error {
	var list []providerauth.Scheme
	for _, s := range c.Host.Auth().Schemes() {
		if slices.ContainsFunc(s.Methods, func(m providerauth.Method) bool { return m.Off == "" }) {
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b providerauth.Scheme) int {
		switch {
		case a.Usual == b.Usual:
			return 0
		case a.Usual:
			return -1
		}
		return 1
	})
	pages := max((len(list)+loginPage-1)/loginPage, 1)
	page = min(page, pages)
	var cs []Choice
	if page == 1 {
		for _, l := range c.Host.LocalServers(ctx) {
			cs = append(cs, Choice{Label: fmt.Sprintf("Use %s on this host", l.Name), Run: "/model " + l.Provider})
		}
	}
	for _, s := range list[(page-1)*loginPage : min(page*loginPage, len(list))] {
		cs = append(cs, Choice{Label: s.Name, Run: "/login " + s.ID})
	}
	text := "Which provider do you want to log in to?"
	if pages > 1 {
		text += fmt.Sprintf(" There are %d; this is page %d of %d. If you know its name: `/login` and the name.", len(list), page, pages)
	}
	if page > 1 {
		cs = append(cs, Choice{Label: "« Back", Run: fmt.Sprintf("/login more %d", page-1)})
	}
	if page < pages {
		cs = append(cs, Choice{Label: "More »", Run: fmt.Sprintf("/login more %d", page+1)})
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
		text = fmt.Sprintf("Logged out of %s (%s): deleted here. The provider could not be told, so end it on the provider's page too.", s.Name, id)
	default:
		text = fmt.Sprintf("Logged out of %s (%s): deleted here. At the provider it stays valid; end it on the provider's page if nobody needs it any more.", s.Name, id)
	}
	if r.StillFrom != "" {
		text += fmt.Sprintf(" A key still comes from the variable %s.", r.StillFrom)
	}
	return text
}
