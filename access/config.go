package access

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"chatgateway/channels"
)

// Config is what config.yaml says of access.
type Config struct {
	// Accounts are those that are configured. Nobody but owners by grant may talk in another.
	Accounts     map[channels.AccountID]Account
	TurnsPerHour int               // see Allow; 0: any number
	Models       map[Role][]string // see MayUse; a role that is not there may use all
}

// Account is who may talk in one account. Ids are the service's; compared without regard to the case of ASCII letters.
type Account struct {
	Owners    []string // people who own the bot
	AllowFrom []string // people who may talk, in private and in Groups; "*": everybody
	Groups    []string // places where it may be talked to; "*": any
	Roles     []string // roles whose bearers may talk in Groups; "*": whoever is there
	// GroupPolicy is "mention" (or empty): only when addressed; "open": always; "off": never, owners neither.
	GroupPolicy string
	// PrivatePolicy is "pairing": strangers get a code; "allowlist": they get nothing; "open": everybody may, if
	// AllowFrom holds "*"; "off": nobody but owners. Empty: pairing, or allowlist with NeverPairs.
	PrivatePolicy string
	// NeverPairs: the service is none where codes are given out, such as e-mail and Twitch.
	NeverPairs bool
}

// Of makes an Account of a channel's settings.
func Of(c channels.Common, neverPairs bool) Account {
	return Account{
		Owners: c.Owners, AllowFrom: c.AllowFrom, Groups: c.Groups, Roles: c.Roles,
		GroupPolicy: c.GroupPolicy, PrivatePolicy: c.PrivatePolicy, NeverPairs: neverPairs,
	}
}

const star = "*"

// private gives the policy that is in force. What is not understood is closed.
func (a Account) private() string {
	p := a.PrivatePolicy
	if p == "" {
		p = "pairing"
	}
	switch p {
	case "pairing":
		if a.NeverPairs {
			return "allowlist"
		}
		return p
	case "off", "allowlist":
		return p
	default: // open is what "*" makes it, and a word that nobody knows lets nobody in
		return "allowlist"
	}
}

func (a Account) groups() string {
	switch a.GroupPolicy {
	case "", "mention":
		return "mention"
	case "open":
		return "open"
	default:
		return "off"
	}
}

// fold makes two spellings of an id one. Only ASCII is folded: Unicode has letters that fold to others.
func fold(id string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, strings.TrimSpace(id))
}

// has reports whether list names the id, or everybody by a star.
func has(list []string, id string) bool {
	id = fold(id)
	return slices.ContainsFunc(list, func(e string) bool { return e == star || e != "" && fold(e) == id })
}

// clean copies the configuration and takes out what can be no id, the star among owners above all.
func (c Config) clean() Config {
	accounts := make(map[channels.AccountID]Account, len(c.Accounts))
	for id, a := range c.Accounts {
		var owners []string
		for _, o := range a.Owners {
			if o = strings.TrimSpace(o); o != "" && o != star {
				owners = append(owners, o)
			}
		}
		a.Owners = owners
		a.AllowFrom, a.Groups, a.Roles = slices.Clone(a.AllowFrom), slices.Clone(a.Groups), slices.Clone(a.Roles)
		accounts[id] = a
	}
	c.Accounts = accounts
	return c
}

// Problems says, a sentence each, what in the configuration does not do what it seems to.
func (c Config) Problems() []string {
	var all []string
	for _, id := range slices.Sorted(maps.Keys(c.Accounts)) {
		a := c.Accounts[id]
		say := func(format string, args ...any) { all = append(all, string(id)+": "+fmt.Sprintf(format, args...)) }
		everybody := slices.Contains(a.AllowFrom, star)
		if a.PrivatePolicy == "open" && !everybody {
			say(`private_policy is open, but allow_from does not hold "*"; it is taken as allowlist. Write "*" into allow_from if everybody shall get in.`)
		}
		if a.PrivatePolicy == "pairing" && a.NeverPairs {
			say("there is no pairing here; it is taken as allowlist. Name people in allow_from.")
		}
		if slices.Contains(a.Owners, star) {
			say(`"*" among the owners means nobody; name them by their ids.`)
		}
		if len(a.Groups) > 0 && a.groups() != "off" && len(a.AllowFrom) == 0 && len(a.Roles) == 0 {
			say(`groups are listed, but only owners may talk in them; name people in allow_from, roles in roles, or write "*" into roles for whoever is there.`)
		}
		if everybody && a.PrivatePolicy != "off" {
			say(`allow_from holds "*": everybody may talk to the bot, at the owner's cost.`)
		}
		for _, e := range slices.Concat(a.Owners, a.AllowFrom) {
			if strings.HasPrefix(e, "@") {
				say("%s is a name, which people choose; write the id that /whoami shows.", e)
			}
		}
	}
	return all
}

// MayUse reports whether a role may use a model, given as "provider/model" or "provider:account/model". A pattern is
// such a name, or the beginning of one and a star: "openai/*". Without an account it stands for all of the provider's.
func (a *Access) MayUse(r Role, model string) bool {
	a.mu.Lock()
	patterns, limited := a.config.Models[r]
	a.mu.Unlock()
	if !limited {
		return true
	}
	model = fold(model)
	names := []string{model}
	if provider, name, ok := strings.Cut(model, "/"); ok {
		if bare, _, ok := strings.Cut(provider, ":"); ok {
			names = append(names, bare+"/"+name)
		}
	}
	for _, p := range patterns {
		start, open := strings.CutSuffix(fold(p), star)
		for _, n := range names {
			if open && strings.HasPrefix(n, start) || n == start {
				return true
			}
		}
	}
	return false
}
