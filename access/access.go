// Package access says who may talk to the bot and who owns it. People are known by the user id that their service
// vouches for, never by a name. It is closed by default.
//
// The core asks a Policy about every message, edit, press and command alike. Access is the real one: what config.yaml
// says, what owners granted, and two ways in for those whom nobody has named yet: a stranger in a private chat gets a
// pairing code for an owner to approve, and the first owner shows the claim code that the program printed.
package access

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"chatgateway/channels"
)

// Role is what a person may do.
type Role int

// The roles. Each may do what those before it may.
const (
	Nobody Role = iota
	User        // may talk to the bot
	Owner       // may change it
)

// String names the role.
func (r Role) String() string {
	switch r {
	case User:
		return "user"
	case Owner:
		return "owner"
	default:
		return "nobody"
	}
}

// Decision is what a Policy says of a message. With Nobody the message is not to be kept.
type Decision struct {
	Role  Role
	Reply string // what a stranger is told; "": nothing
	Why   string // for the log
}

// Policy is asked for every message, edit, press and command, in the same way.
type Policy interface {
	// Decide does no I/O that can take long and may be called from several goroutines.
	Decide(ctx context.Context, account channels.AccountID, m channels.Message) Decision
}

// Person is one person in one account of a service.
type Person struct {
	Account channels.AccountID
	ID      channels.UserID
}

// String names the person: "telegram 123".
func (p Person) String() string { return string(p.Account) + " " + string(p.ID) }

// Grant is a role that an owner gave to a person.
type Grant struct {
	Person
	Role   Role
	Groups bool   // also in groups where the bot may be talked to; an Owner may in any case
	Name   string // as the service showed it then; for people only
	By     string // who gave it
	Since  time.Time
}

// Ask is a stranger's request to be let in, or the memory that they are not wanted.
type Ask struct {
	Person
	Name   string
	Hash   string    // of the code; empty if Denied
	Denied bool      // they get no other code before Until
	Until  time.Time // how long it holds
}

// Tries counts wrong codes.
type Tries struct {
	What  string // "approve", "claim"
	Wrong int
	Until time.Time // when they are forgotten, or the lockout ends
}

// Saved is what a Store holds.
type Saved struct {
	Grants []Grant
	Asks   []Ask
	Tries  []Tries
}

// Change is one thing to be saved: one of the three. Remove takes it away.
type Change struct {
	Grant  *Grant
	Ask    *Ask
	Tries  *Tries
	Remove bool
}

// Store keeps what must survive a restart.
type Store interface {
	LoadAccess(ctx context.Context) (Saved, error)
	// SaveAccess writes all changes in one commit.
	SaveAccess(ctx context.Context, changes ...Change) error
}

// Deed is something worth a line in the audit log.
type Deed struct {
	By     string // "telegram 123", "command line", "page"
	What   string // "grant", "revoke", "approve", "deny", "claim", "pairing"
	Whom   Person // the zero Person: nobody in particular
	Result string // "ok", "wrong code", "locked"
}

// Options is what New takes.
type Options struct {
	Store Store
	Local func(channels.AccountID) bool // accounts of this host, page and terminal: their people are owners
	Log   *slog.Logger                  // nil: nothing is logged
	Now   func() time.Time              // nil: time.Now
	Audit func(context.Context, Deed)   // nil: nothing is recorded
	// Asked is told of a stranger who was given a code, so that owners can be shown a button; it returns at once.
	Asked func(Ask)
	// Admitted is told of a person whose request was approved, so that they can be told; it returns at once.
	Admitted func(Grant)
}

// Access is the Policy of the program. It may be used from several goroutines.
type Access struct {
	o Options

	// codes guards claimCode, which makes the first owner and is in memory only, and how long it holds. It is held while a
	// code is tried, so that guesses come one after the other.
	codes      sync.Mutex
	claimCode  string
	claimUntil time.Time

	mu     sync.Mutex // guards what follows; it is never held over a write
	config Config
	grants map[Person]Grant
	asks   map[Person]*request
	tries  map[string]Tries
	told   map[Person]bool // who was told that there is no owner; at most maxTold
	turns  map[Person][]time.Time
	// faceless is where those for whom nobody vouches were told so; at most maxTold.
	faceless map[where]bool
}

// where is a conversation of an account.
type where struct {
	account channels.AccountID
	in      channels.ConversationID
}

// New reads what was granted. Before SetConfig nobody but owners by grant, and those of Local accounts, may talk.
func New(ctx context.Context, o Options) (*Access, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Local == nil {
		o.Local = func(channels.AccountID) bool { return false }
	}
	if o.Audit == nil {
		o.Audit = func(context.Context, Deed) {}
	}
	saved, err := o.Store.LoadAccess(ctx)
	if err != nil {
		return nil, err
	}
	a := &Access{
		o: o, grants: map[Person]Grant{}, asks: map[Person]*request{}, tries: map[string]Tries{},
		told: map[Person]bool{}, turns: map[Person][]time.Time{}, faceless: map[where]bool{},
	}
	for _, g := range saved.Grants {
		a.grants[g.Person] = g
	}
	for _, ask := range saved.Asks {
		a.asks[ask.Person] = &request{Ask: ask}
	}
	for _, t := range saved.Tries {
		a.tries[t.What] = t
	}
	return a, nil
}

// SetConfig puts another configuration in force, at once and for everybody.
func (a *Access) SetConfig(c Config) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.config = c.clean()
}

// Owners gives the people who own the bot in an account, without those of Local accounts.
func (a *Access) Owners(account channels.AccountID) []channels.UserID {
	a.mu.Lock()
	defer a.mu.Unlock()
	owners := map[channels.UserID]bool{}
	for _, id := range a.config.Accounts[account].Owners {
		owners[channels.UserID(id)] = true
	}
	for p, g := range a.grants {
		if p.Account == account && g.Role == Owner {
			owners[p.ID] = true
		}
	}
	return slices.Sorted(maps.Keys(owners))
}

// HasOwner reports whether anybody owns the bot besides the people of Local accounts.
func (a *Access) HasOwner() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.hasOwner()
}

func (a *Access) hasOwner() bool {
	for _, c := range a.config.Accounts {
		if len(c.Owners) > 0 {
			return true
		}
	}
	for _, g := range a.grants {
		if g.Role == Owner {
			return true
		}
	}
	return false
}

// Interface guards
var _ Policy = (*Access)(nil)
