package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"chatgateway/access"
	"chatgateway/channels"
	"chatgateway/commands"
	"chatgateway/config"
	"chatgateway/internal/audit"
	"chatgateway/internal/status"
)

// rules are who may do what, and what is written down of it.
type rules struct {
	s      *server
	access *access.Access
	log    *audit.Log
	said   atomic.Bool // that there is no owner yet
}

func newRules(ctx context.Context, s *server) (*rules, error) {
	r := &rules{s: s}
	var err error
	if r.log, err = audit.Open(s.home.Audit(), audit.Options{Redact: s.app.secrets.Clean}); err != nil {
		return nil, err
	}
	r.access, err = access.New(ctx, access.Options{
		Store: s.store, Local: localAccount, Log: s.host.log, Audit: r.deed, Asked: r.asked, Admitted: r.admitted,
	})
	if err != nil {
		return nil, err
	}
	r.apply(s.config)
	return r, nil
}

// serviceOf gives the service of an account.
func serviceOf(account string) (channels.Service, bool) {
	name, _, _ := strings.Cut(account, ":")
	for _, s := range services() {
		if s.Name == name {
			return s, true
		}
	}
	return channels.Service{}, false
}

// localAccount reports whether the people of an account are owners: those of the page and of the terminal.
func localAccount(account channels.AccountID) bool {
	s, ok := serviceOf(string(account))
	return ok && s.Local
}

// accessConfig is what config.yaml says of access: each channel's settings, and the lists at the top besides.
func accessConfig(c *config.Config, tokens []string) access.Config {
	out := access.Config{Accounts: map[channels.AccountID]access.Account{}, TurnsPerHour: c.Limits.TurnsPerHour, Models: map[access.Role][]string{}}
	ids := append(sortedKeys(c.Channels), tokens...)
	for _, s := range services() {
		ids = append(ids, s.Name)
	}
	for _, id := range ids {
		s, ok := serviceOf(id)
		if !ok {
			continue
		}
		settings := c.Channels[id]
		if settings == nil {
			settings = s.Settings()
		}
		base := channels.Common{}
		if b, ok := settings.(interface{ Base() *channels.Common }); ok {
			base = *b.Base()
		}
		a := access.Of(base, s.NeverPairs)
		a.Owners = append(a.Owners, c.Access.Owners[id]...)
		a.AllowFrom = append(a.AllowFrom, c.Access.Allow[id]...)
		a.Groups = append(a.Groups, c.Access.Places[id]...)
		out.Accounts[channels.AccountID(id)] = a
	}
	for name, list := range c.Models.Allow {
		switch name {
		case "user":
			out.Models[access.User] = list
		case "owner":
			out.Models[access.Owner] = list
		}
	}
	return out
}

// apply takes up a changed config.yaml.
func (r *rules) apply(c *config.Config) {
	conf := accessConfig(c, r.s.tokens.Accounts())
	r.access.SetConfig(conf)
	for _, p := range conf.Problems() {
		r.s.host.log.Warn("access", "problem", p)
	}
}

// record writes what a command did.
func (r *rules) record(p commands.Person, deed, object, result string) {
	r.write(audit.Entry{Who: strings.TrimSpace(p.Account + " " + p.ID), What: deed, Object: object, Result: result})
}

// deed writes what changed about who may talk.
func (r *rules) deed(_ context.Context, d access.Deed) {
	e := audit.Entry{Who: d.By, What: d.What, Result: d.Result}
	if d.Whom != (access.Person{}) {
		e.Object = d.Whom.String()
	}
	r.write(e)
}

func (r *rules) write(e audit.Entry) {
	if err := r.log.Record(context.Background(), e); err != nil {
		r.s.host.log.Error("audit.log not written", "err", err)
	}
}

// asked shows the owners a stranger who asks to be let in.
func (r *rules) asked(a access.Ask) {
	who := a.Name
	if who == "" {
		who = "Somebody"
	}
	text := fmt.Sprintf("%s (`%s`) asks to talk to me. The code is valid for an hour.", who, a.Person)
	r.s.core.Aside(func(ctx context.Context) {
		r.s.core.Tell(ctx, r.owners(), text, commands.Choice{Label: "Let in", Run: "/access approve " + a.Person.String()}, commands.Choice{Label: "Refuse", Run: "/access deny " + a.Person.String()})
	})
}

// admitted tells a person that they were let in.
func (r *rules) admitted(g access.Grant) {
	r.s.core.Aside(func(ctx context.Context) {
		r.s.core.Tell(ctx, map[channels.AccountID][]channels.UserID{g.Account: {g.ID}}, "You may talk to me now. /help shows what I can do.")
	})
}

// owners are the people who own the bot, by account.
func (r *rules) owners() map[channels.AccountID][]channels.UserID {
	out := map[channels.AccountID][]channels.UserID{}
	for _, l := range r.access.List() {
		if l.Role == access.Owner {
			out[l.Account] = append(out[l.Account], l.ID)
		}
	}
	return out
}

// command is /access and /pairing.
func (r *rules) command(ctx context.Context, c *commands.Call, words []string) (commands.Answer, error) {
	by := strings.TrimSpace(c.Person.Account + " " + c.Person.ID)
	text, buttons, err := r.access.Run(ctx, by, channels.AccountID(c.Person.Account), words)
	a := commands.Answer{Text: text}
	for _, b := range buttons {
		a.Choices = append(a.Choices, commands.Choice{Label: b.Label, Run: "/access " + strings.Join(b.Words, " ")})
	}
	if line := r.claimLine(ctx); err == nil && line != "" && (len(words) == 0 || words[0] == "list") {
		a.Text += "\n" + line
	}
	return a, err
}

func (r *rules) claim(ctx context.Context, account channels.AccountID, m channels.Message, code string) (string, error) {
	return r.access.Claim(ctx, account, m, code)
}

// claimLine says how the first owner becomes it; "" if there is one, or no channel on which the code could be sent.
func (r *rules) claimLine(ctx context.Context) string {
	if r.access.HasOwner() {
		return ""
	}
	for _, ch := range r.s.core.Status(ctx).Channels {
		if s, ok := serviceOf(ch.Account); ok && !s.Local && (ch.State != status.Off || ch.Detail == "") { // without a word it is about to start
			if code, left := r.access.ClaimCode(); code != "" {
				return fmt.Sprintf("no owner yet: send the bot, in private, within %d minutes: /claim %s\n", int(math.Ceil(left.Minutes())), code)
			}
		}
	}
	return ""
}

// sayClaim prints how the first owner becomes it, once: at the start, or when the first channel is set up.
func (r *rules) sayClaim(ctx context.Context, w io.Writer) {
	line := r.claimLine(ctx)
	if line == "" || !r.said.CompareAndSwap(false, true) {
		return
	}
	fmt.Fprint(w, line)
}

// auditLines are the last n lines of the audit log.
func (r *rules) auditLines(_ context.Context, n int) ([]string, error) {
	entries, err := audit.Read(r.s.home.Audit(), n)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, e := range entries {
		lines = append(lines, e.String())
	}
	return lines, nil
}

func (r *rules) allow(account channels.AccountID, user channels.UserID, role access.Role) (bool, time.Duration) {
	return r.access.Allow(account, user, role)
}
