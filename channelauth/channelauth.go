// Package channelauth finds the bots' own tokens: for each field the value stored in channels.json, else the
// environment. It writes that file and nothing else does.
package channelauth

import (
	"context"

	"chatgateway/internal/secret"
)

// Field is one secret that a chat service needs. The list of them drives the command line, the warnings, the log and
// the tables in the docs.
type Field struct {
	Name     string             // its key in channels.json: "bot_token"
	Env      string             // the variable that holds it if the file does not; default account only
	Help     string             // what it is, for a prompt: "bot token from @BotFather"
	Page     string             // where to get one; empty if there is no such page
	Optional bool               // the channel starts without it
	Plain    bool               // not secret by itself, a user name for instance: may be echoed when typed
	Shared   bool               // an app's, which several accounts may have; what is not is one bot's
	Check    func(string) error // says what is wrong with a value, without repeating it; nil: anything goes
}

// Source gives an account's secrets. It may be read again at any time: it tells what holds now.
// It is safe for concurrent use.
type Source interface {
	// Secret gives the value of a field, trimmed; the empty secret if there is none.
	Secret(field string) secret.String
	// From says where the value comes from: "channels.json", the variable's name, or "" if there is none.
	From(field string) string
	// Store writes fields back, for a token that renews itself. Fields not named stay as they are. It fails, and
	// writes nothing, where the value in force comes from the environment (ErrFromEnvironment) or where the file
	// cannot be read (it is never overwritten then).
	Store(ctx context.Context, values map[string]secret.String) error
	// Alone runs f while no other process and no other goroutine is in Alone for this account, and gives its error; f
	// sees what is stored at that moment. It is how a token is renewed once only: read it again, exchange it if nobody
	// did, store what comes back. ctx bounds the wait alone: f's context does not end with it, and f bounds itself.
	Alone(ctx context.Context, f func(ctx context.Context) error) error
}
