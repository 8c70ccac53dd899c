package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"chatgateway/access"
	"chatgateway/channels"
	"chatgateway/commands"
	"chatgateway/config"
)

// rules are who may do what, and what is written down of it.
type rules struct {
	s      *server
	access access.Policy
}

type interim struct{ r *rules }

func (p interim) Decide(_ context.Context, account channels.AccountID, m channels.Message) access.Decision {
	for _, s := range services() {
		if s.Name == string(account) && s.Local {
			return access.Decision{Role: access.Owner, Why: "local"}
		}
	}
	c := p.r.s.config
	if slices.Contains(c.Access.Owners[string(account)], string(m.From)) {
		return access.Decision{Role: access.Owner}
	}
	return access.Decision{}
}

func newRules(_ context.Context, s *server) (*rules, error) {
	r := &rules{s: s}
	r.access = interim{r}
	return r, nil
}

func (r *rules) apply(*config.Config) {}

func (r *rules) record(p commands.Person, deed, object, result string) {}

func (r *rules) command(context.Context, *commands.Call, []string) (commands.Answer, error) {
	return commands.Answer{}, errors.ErrUnsupported
}

func (r *rules) claim(context.Context, channels.AccountID, channels.Message, string) (string, error) {
	return "", errors.ErrUnsupported
}
func (r *rules) auditLines(context.Context, int) ([]string, error) { return nil, errors.ErrUnsupported }
func (r *rules) allow(channels.AccountID, channels.UserID, access.Role) (bool, time.Duration) {
	return true, 0
}
func (r *rules) owners() map[channels.AccountID][]channels.UserID { return nil }
func (r *rules) claimCode() string                                { return "" }
