package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chatgateway/channels"
)

// Button is a choice under what Run says: it runs "/access" with these words.
type Button struct {
	Label string
	Words []string
}

// Usage is the help of Run.
const Usage = "list · approve CODE · approve|deny [account] ID · grant [account] ID [user|owner] [groups] · revoke [account] ID"

// Run does what the words behind /access, /pairing or `gateway access` say and answers in Markdown. by is who gave
// them, an owner; that was checked. here is the account they were given in, for ids without an account; may be empty.
// An error has a UserMessage.
func (a *Access) Run(ctx context.Context, by string, here channels.AccountID, words []string) (text string, buttons []Button, err error) {
	deed, rest := "list", words
	if len(words) > 0 {
		deed, rest = strings.ToLower(words[0]), words[1:]
	}
	switch deed {
	case "list", "pairing":
		text, buttons = a.list(here)
		return text, buttons, nil
	case "approve":
		g, err := a.approve(ctx, by, here, rest)
		if err != nil {
			return "", nil, err
		}
		return fmt.Sprintf("%s may talk to the bot in private now, as a user. It opens no group.", who(g.Person, g.Name)), nil, nil
	case "deny":
		p, _, err := a.person(here, rest)
		if err == nil {
			err = a.Deny(ctx, by, p)
		}
		return "They are told nothing, and get no other code for a month.", nil, err
	case "grant":
		return a.grant(ctx, by, here, rest)
	case "revoke":
		p, _, err := a.person(here, rest)
		if err == nil {
			err = a.Revoke(ctx, by, p)
		}
		return who(p, "") + " may talk to the bot no more.", nil, err
	default:
		return "", nil, usage(fmt.Sprintf("I do not know %q.", deed))
	}
}

func usage(text string) error {
	return &refusal{"usage", text + " Say one of: " + Usage + "."}
}

// approve takes a code, or a person.
func (a *Access) approve(ctx context.Context, by string, here channels.AccountID, words []string) (Grant, error) {
	if p, _, err := a.person(here, words); err == nil {
		g, err := a.Approve(ctx, by, p)
		if !errors.Is(err, ErrUnknown) || len(tidy(strings.Join(words, ""))) != codeLength {
			return g, err
		}
	}
	if len(words) == 0 {
		return Grant{}, usage("Which code?")
	}
	return a.ApproveCode(ctx, by, strings.Join(words, ""))
}

func (a *Access) grant(ctx context.Context, by string, here channels.AccountID, words []string) (string, []Button, error) {
	p, rest, err := a.person(here, words)
	if err != nil {
		return "", nil, err
	}
	role, groups := User, false
	for _, w := range rest {
		switch strings.ToLower(w) {
		case "user":
		case "owner":
			role = Owner
		case "groups":
			groups = true
		default:
			return "", nil, usage(fmt.Sprintf("I do not know %q.", w))
		}
	}
	g, err := a.Grant(ctx, by, p, role, groups)
	if err != nil {
		return "", nil, err
	}
	switch {
	case role == Owner:
		return who(p, g.Name) + " owns the bot now, as you do.", nil, nil
	case groups:
		return who(p, g.Name) + " may talk to the bot now, in private and in its groups, as a user.", nil, nil
	default:
		return who(p, g.Name) + " may talk to the bot now, in private, as a user.", nil, nil
	}
}

// person reads "[account] ID" and gives the words behind it.
func (a *Access) person(here channels.AccountID, words []string) (Person, []string, error) {
	a.mu.Lock()
	_, named := a.config.Accounts[channels.AccountID(first(words))]
	a.mu.Unlock()
	if here == "" && !named && len(words) > 1 {
		return Person{}, nil, usage(fmt.Sprintf("There is no account %q; there is: %s.", words[0], strings.Join(a.accounts(), ", ")))
	}
	if named {
		here, words = channels.AccountID(first(words)), words[1:]
	}
	if len(words) == 0 || here == "" {
		return Person{}, nil, usage("Whom? Name the account and the person's id.")
	}
	return Person{here, channels.UserID(words[0])}, words[1:], nil
}

// accounts lists those where people are strangers at first.
func (a *Access) accounts() (names []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id := range a.config.Accounts {
		if !a.o.Local(id) {
			names = append(names, string(id))
		}
	}
	slices.Sort(names)
	return names
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// who names a person for people. What the name holds is a stranger's choice, so it is quoted.
func who(p Person, name string) string {
	if name == "" {
		return p.String()
	}
	return fmt.Sprintf("%s (%s)", p, strings.NewReplacer("`", "'", "*", "", "_", " ", "[", "(", "]", ")", "<", "(", ">", ")").Replace(name))
}

func (a *Access) list(here channels.AccountID) (string, []Button) {
	var b strings.Builder
	var buttons []Button
	waiting := a.Waiting()
	for _, ask := range waiting {
		left := ask.Until.Sub(a.o.Now()).Round(time.Minute)
		fmt.Fprintf(&b, "- waits: %s, for another %d min\n", who(ask.Person, ask.Name), int(left.Minutes()))
		id := []string{string(ask.Account), string(ask.ID)}
		buttons = append(buttons,
			Button{"Let in " + short(ask), slices.Concat([]string{"approve"}, id)},
			Button{"Deny " + short(ask), slices.Concat([]string{"deny"}, id)})
	}
	for _, l := range a.List() {
		where := ""
		if l.Groups && l.Role == User {
			where = ", in groups too"
		}
		fmt.Fprintf(&b, "- %s: %s%s, by %s\n", l.Role, who(l.Person, l.Name), where, l.By)
	}
	if b.Len() == 0 {
		return "Nobody may talk to the bot yet, besides the people of this host.", nil
	}
	if here != "" && len(waiting) > 0 {
		b.WriteString("\nLetting somebody in is for private chats only.\n")
	}
	return b.String(), buttons
}

func short(ask Ask) string {
	if ask.Name != "" {
		return ask.Name
	}
	return string(ask.ID)
}
