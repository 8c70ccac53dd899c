// Package access says who may talk to the bot and who owns it. People are known by the user id that their service
// vouches for, never by a name. It is closed by default.
package access

import (
	"context"

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
