// Package status is plain data about what is going on: what channels report, and what `/status`, the command line
// and the page show. It holds no secret and imports nothing.
package status

import "time"

// State is what a channel account is doing.
type State string

// The states of a channel account.
const (
	Off        State = "off"        // not configured, or switched off; Detail says which
	Connecting State = "connecting" // starting, or trying again after a failure
	Connected  State = "connected"  // works: the last completed exchange with the service was good
	Degraded   State = "degraded"   // works in part; Detail says what is missing
	Rejected   State = "rejected"   // the service refused the credentials; waits for others
	Failed     State = "failed"     // cannot work as it is set up; waits for a change
)

// Channel is one account of a chat service.
type Channel struct {
	Account  string    `json:"account"` // "telegram", "telegram:support"
	Service  string    `json:"service"`
	State    State     `json:"state"`
	Detail   string    `json:"detail,omitempty"`   // a sentence: why it is in this state and what to do
	Bot      string    `json:"bot,omitempty"`      // who the bot is there: "@name (id)"
	Since    time.Time `json:"since,omitzero"`     // when the state began
	Alive    time.Time `json:"alive,omitzero"`     // last completed exchange with the service
	Restarts int       `json:"restarts,omitempty"` // since the program began
	Mended   bool      `json:"-"`                  // in a report: what failed for want of another set-up may work now
	Sources  []Source  `json:"sources,omitempty"`  // where each secret came from
	// Notices, in a report, are sentences that the owners are told in private. They stand in every report as long as they
	// hold; each text is told once, also after a restart.
	Notices []string `json:"-"`
}

// Works reports whether the service can be written to.
func (c Channel) Works() bool { return c.State == Connected || c.State == Degraded }

// Source says where one field of a credential came from, never what it is.
type Source struct {
	Field string `json:"field"`
	From  string `json:"from"` // "channels.json", the name of the variable, or "" where it is missing
}

// Provider is one credential of a model service, or the lack of one.
type Provider struct {
	ID         string    `json:"id"`      // "anthropic", "anthropic:work"
	Name       string    `json:"name"`    // "Anthropic"
	Account    string    `json:"account"` // "" for the default account
	Configured bool      `json:"configured"`
	Source     string    `json:"source,omitempty"` // "runtime", "stored", "env", "none needed"
	Label      string    `json:"label,omitempty"`  // the variable's name, the path of a key file, whose account it is
	Method     string    `json:"method,omitempty"` // "key", "token", "oauth"
	State      string    `json:"state"`            // ok, expiring, expired, needs-login, cooling, disabled, missing
	Expires    time.Time `json:"expires,omitzero"`
	Renews     bool      `json:"renews,omitempty"` // it renews itself
	CoolUntil  time.Time `json:"cool_until,omitzero"`
	LastError  string    `json:"last_error,omitempty"` // a sentence, no body of an answer
	Note       string    `json:"note,omitempty"`       // a sentence about it that is no failure
	InUse      bool      `json:"in_use,omitempty"`     // the model in force uses it
}

// Gateway is the whole of it.
type Gateway struct {
	Version   string     `json:"version"`
	PID       int        `json:"pid"`
	Home      string     `json:"home"`
	Started   time.Time  `json:"started"`
	Page      string     `json:"page,omitempty"` // the page's address, without a token
	Model     string     `json:"model,omitempty"`
	ModelFrom string     `json:"model_from,omitempty"` // config.yaml, /model default, first login
	Channels  []Channel  `json:"channels"`
	Providers []Provider `json:"providers"`
	Queued    int        `json:"queued"`  // messages kept and not yet answered
	Running   int        `json:"running"` // turns under way
	Warnings  []string   `json:"warnings,omitempty"`
}
