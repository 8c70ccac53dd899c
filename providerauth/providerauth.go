// Package providerauth holds the logins to model services: it finds the credential to use, renews it, logs in and
// logs out. Every channel, the command line and the page share one Manager.
package providerauth

import (
	"context"
	"errors"
	"strings"
	"time"

	"chatgateway/internal/secret"
	"chatgateway/login"
)

// ID names a credential: "anthropic" for the default account, "anthropic:work" for another.
type ID string

// MakeID puts an ID together; account "" and "default" are the default account.
func MakeID(provider, account string) ID {
	if account == "" || account == "default" {
		return ID(provider)
	}
	return ID(provider + ":" + account)
}

// Provider gives the part before the colon.
func (id ID) Provider() string { p, _, _ := strings.Cut(string(id), ":"); return p }

// Account gives the part behind the colon; "" for the default account.
func (id ID) Account() string { _, a, _ := strings.Cut(string(id), ":"); return a }

// Type is the kind of a credential, as providers.json has it.
type Type string

// The kinds.
const (
	OAuth Type = "oauth"
	Key   Type = "api_key"
	Token Type = "token"
)

// Credential is what opens a model service. It prints without its secrets.
type Credential struct {
	ID      ID
	Type    Type
	Key     secret.String     // Type Key and Token: the key or the token
	Access  secret.String     // Type OAuth
	Refresh secret.String     // Type OAuth; empty: it cannot renew itself
	Expires time.Time         // zero: it does not expire, or nobody said when
	Issued  time.Time         // when the token was given; zero: nobody knows
	Owner   string            // whose account it is, for people: a mail address, an organisation
	Extra   map[string]string // what the provider wants to know besides; shared, and never changed in place
	Source  Source            // where it came from; never written to disk
	Label   string            // the variable's name, or a key file's path; never written to disk
	Instead error             // why one that comes before it in the order is passed over; nil: none is; never written to disk
}

// Source says where a credential came from.
type Source string

// The sources, in the order in which they are tried. None is the source of a provider that needs no credential.
const (
	FromRuntime Source = "runtime"
	FromStore   Source = "stored"
	FromEnv     Source = "env"
	FromNone    Source = "none needed"
)

// Secret gives what a request carries: the access token, or the key.
func (c Credential) Secret() secret.String {
	if c.Type == OAuth {
		return c.Access
	}
	return c.Key
}

// IsZero reports whether there is no credential.
func (c Credential) IsZero() bool { return c.Type == "" && c.Source != FromNone }

// Method is one way to log in.
type Method struct {
	ID      string // "key", "token", "browser", "device"
	Name    string // for people: "API key", "Sign in with ChatGPT"
	Secret  bool   // it asks for a secret to be typed: not everywhere possible
	Browser bool   // it opens a page on the person's own device
	// Off says in one sentence why the method is off and which setting turns it on; "": it is on.
	Off string
	// Login runs the flow and gives the credential, without ID. It writes nothing.
	Login func(ctx context.Context, p login.Prompter) (Credential, error)
}

// Scheme is how one provider is logged in to.
type Scheme struct {
	ID      string   // "anthropic"
	Name    string   // "Anthropic"
	Aliases []string // other names that people type: "claude"
	Env     []string // variables that hold a key, first one first; besides {ID}_API_KEY
	KeyPage string   // where keys are made
	NoKey   bool     // works without any credential: a server on this host
	Usual   bool     // one of those that are offered first
	Methods []Method
	Hosts   []string // hosts that the credential may be sent to, its own base URL's included
	// Refresh renews an OAuth credential; nil: it cannot be renewed. It makes one exchange and no retry. An error that
	// wraps ErrNeedsLogin is definite; any other is worth another try.
	Refresh func(ctx context.Context, old Credential) (Credential, error)
	// Revoke ends the credential at the provider (RFC 7009); nil: it cannot be done from here.
	Revoke func(ctx context.Context, c Credential) error
	// Probe tries the credential with the provider's cheapest call; nil: that cannot be done.
	Probe func(ctx context.Context, c Credential) (Finding, error)
	// CheckKey looks at the shape of a key; it says what is wrong without repeating it. nil: DefaultCheckKey.
	CheckKey func(key string) error
}

// Finding is what a Probe found.
type Finding struct {
	Works  bool     // the provider took the credential
	Sure   bool     // false: it could not be checked, and Works says nothing
	Note   string   // a sentence for people: no credit left, list is public
	Owner  string   // whose account it is, if the provider said so
	Models []string // some models it may use
	// Extra is kept with a credential that is logged in: at which of a provider's sites the key is good.
	Extra map[string]string
}

// Errors that callers decide by.
var (
	// ErrNone: there is no credential for the provider.
	ErrNone = errors.New("no credential")
	// ErrNeedsLogin: there is one, but the provider will not renew it; only a new login helps.
	ErrNeedsLogin = errors.New("the sign-in has ended")
	// ErrCooling: every credential of the provider is cooling down after a refusal.
	ErrCooling = errors.New("cooling down")
	// ErrUnknown: no provider has this name.
	ErrUnknown = errors.New("unknown provider")
	// ErrUnreadable: the credentials file cannot be read, parsed or written; nothing is written to it.
	ErrUnreadable = errors.New("the credentials file cannot be used")
	// ErrRenewal: the credential has expired and could not be renewed just now; it is kept, and another try may help.
	ErrRenewal = errors.New("the sign-in could not be renewed just now")
)

// Store keeps credentials. Both implementations, File and Memory, pass one contract suite.
type Store interface {
	// Get gives one credential; ErrNone if there is none, ErrUnreadable if the file cannot be read. It is quick: a
	// read of memory, with a stat of the file at most once a second.
	Get(ctx context.Context, id ID) (Credential, error)
	// All lists the ids.
	All(ctx context.Context) ([]ID, error)
	// Update is the only way to write: it holds the credential's lock, across processes, reads it again, calls f with
	// it (zero if there is none), and writes what f gives; a zero result removes it. ctx bounds the wait for the lock
	// only; f's context has its own deadline, shorter than others' wait for the lock, and f's result is written even
	// if ctx has ended: a rotated token is never thrown away. If f fails, nothing is written and its error returned.
	Update(ctx context.Context, id ID, f func(ctx context.Context, old Credential) (Credential, error)) error
	// Try says what would keep Update from writing the credential now, without writing it; nil if nothing is known that
	// would. That others hold a lock is no reason.
	Try(ctx context.Context, id ID) error
	// Settings and UpdateSettings keep what stands under "@gateway".
	Settings(ctx context.Context) (Settings, error)
	UpdateSettings(ctx context.Context, f func(*Settings) error) error
	// Changed is closed at the next change, by this process or another; then ask again.
	Changed() <-chan struct{}
}

// Settings are the choices that belong to credentials but to no single one.
type Settings struct {
	Order    map[string][]ID           `json:"order,omitempty"`    // by provider; the word "env" stands for the environment
	OrderIn  map[Scope]map[string][]ID `json:"order_in,omitempty"` // the same for a chat account or a conversation
	Disabled []ID                      `json:"disabled,omitempty"` // kept, and skipped
	Enabled  []string                  `json:"enabled,omitempty"`  // providers to sign in to at the first message
	Latched  map[ID]Latch              `json:"latched,omitempty"`  // sign-ins that have ended
	Renewals map[ID]Latch              `json:"renewals,omitempty"` // the last renewal that was begun, by its refresh token
	Warned   map[ID]string             `json:"warned,omitempty"`   // fingerprints of what the owners know will expire
	Model    string                    `json:"model,omitempty"`    // `/model default`
}

// Latch remembers what became of a refresh token; it holds for that token alone. Under Settings.Latched it was
// definitely refused.
type Latch struct {
	Fingerprint string    `json:"fingerprint"`
	Since       time.Time `json:"since"`
	Reason      string    `json:"reason,omitempty"`  // a sentence for people
	Unknown     bool      `json:"unknown,omitempty"` // it was sent for renewal, and no answer is known
	Told        bool      `json:"told,omitempty"`    // the owners know
}

// CoolingRecord is why and until when a credential is passed over.
type CoolingRecord struct {
	Until  time.Time
	Reason string
}

// Want says which credential is asked for.
type Want struct {
	Provider string
	Account  string // "": any; else this one and no other
	Scope    Scope  // where it is wanted: an order set for that place goes before the one for everywhere
	Order    []ID   // an order for this once, in place of any that is set
	Not      []ID   // tried in this turn already
}

// Outcome is what a request with a credential came to; see Manager.Report.
type Outcome string

// The outcomes.
const (
	Worked       Outcome = "worked"
	RateLimited  Outcome = "rate limited"
	NoCredit     Outcome = "no credit"
	Unauthorized Outcome = "unauthorized"
	Forbidden    Outcome = "forbidden"
)
