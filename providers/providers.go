// Package providers says what a model service must do to be one of the gateway's providers: requests and answers in
// parts, a stream that is ranged over, and errors that the core can decide by.
//
// The promises made here are checked by package providertest, which every provider's tests run.
package providers

import (
	"context"
	"encoding/json"
	"iter"
	"strings"

	"chatgateway/providerauth"
	"chatgateway/providers/catalog"
)

// Ref names a model: "anthropic/claude-…", or with an account "anthropic:work/claude-…".
type Ref struct {
	Provider string
	Account  string // "": any account of the provider
	Model    string
}

// String writes the ref as people type it.
func (r Ref) String() string {
	p := r.Provider
	if r.Account != "" {
		p += ":" + r.Account
	}
	if r.Model == "" {
		return p
	}
	return p + "/" + r.Model
}

// IsZero reports whether the ref names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// ParseRef reads "provider/model" and "provider:account/model". The model may hold slashes. ok is false where there
// is no slash or an empty side.
func ParseRef(s string) (r Ref, ok bool) {
	p, m, found := strings.Cut(strings.TrimSpace(s), "/")
	if !found || p == "" || m == "" {
		return Ref{}, false
	}
	r.Provider, r.Account, _ = strings.Cut(p, ":")
	r.Model = m
	return r, r.Provider != ""
}

// Role says whose message it is.
type Role string

// The roles. A tool's result is a Part of a user's message.
const (
	User      Role = "user"
	Assistant Role = "assistant"
)

// Message is one turn's worth of parts.
type Message struct {
	Role  Role   `json:"role"`
	Parts []Part `json:"parts"`
}

// Part is a piece of a message: exactly one of Text, Thought, Blob, Call, Result or Raw alone is set, but Raw may go
// with a Thought, whose verbatim form it is then.
type Part struct {
	Text    string          `json:"text,omitempty"`
	Thought string          `json:"thought,omitempty"` // the model's thinking, as far as it is shown
	Blob    *Blob           `json:"blob,omitempty"`
	Call    *Call           `json:"call,omitempty"`
	Result  *Result         `json:"result,omitempty"`
	Raw     json.RawMessage `json:"raw,omitempty"` // goes back verbatim, to provider By only; others leave it out
	By      string          `json:"by,omitempty"`
}

// Blob is an image or another file.
type Blob struct {
	Type string `json:"type"` // MIME type
	Name string `json:"name,omitempty"`
	Data []byte `json:"data"`
}

// Call is a tool call that the model makes.
type Call struct {
	ID   string          `json:"id"`
	Name string          `json:"name"`
	Args json.RawMessage `json:"args"`
}

// Result answers a Call.
type Result struct {
	ID    string `json:"id"`
	Text  string `json:"text"`
	Error bool   `json:"error,omitempty"`
}

// Tool is a tool that the model may call.
type Tool struct {
	Name, Help string
	Schema     json.RawMessage // JSON schema of the arguments
}

// Request is what the model is asked.
type Request struct {
	Model    string
	System   string
	Messages []Message // begins with the user's
	Tools    []Tool
	Effort   string // none, low, medium, high; "": the model's own default
	MaxOut   int    // tokens; 0: the model's own limit
}

// Stop says why an answer ended.
type Stop string

// The reasons.
const (
	StopEnd     Stop = "end"     // the model was done
	StopLength  Stop = "length"  // the limit of output was reached
	StopCall    Stop = "call"    // it waits for the results of its calls
	StopRefused Stop = "refused" // a safety filter, or the model, declined
)

// Usage is what a request cost, in tokens. In includes what was read from a cache.
type Usage struct {
	In     int `json:"in"`
	Out    int `json:"out"`
	Cached int `json:"cached,omitempty"`
}

// Delta is the next piece of an answer. Text and Thought of a Part are to be appended to what came before; a Call and
// a Raw come whole. Usage and Stop come last, once.
type Delta struct {
	Part  Part
	Usage *Usage
	Stop  Stop
}

// Provider is a model service. It keeps no state: every call gets the credential to use. It is safe for concurrent use.
type Provider interface {
	// Auth says how to log in to it. It does no I/O and is the same at every call.
	Auth() providerauth.Scheme
	// Models lists the models that cred may use, what is known of them filled in from the catalog.
	Models(ctx context.Context, cred providerauth.Credential) ([]catalog.Model, error)
	// Stream asks the model and yields the answer as it comes. It makes no retry. The loop ends with the answer, or
	// with one pair that holds an error: one of this package's, see Error. Breaking the loop closes the connection, as
	// ctx does. An answer cut in the middle is an error that wraps ErrCut, also where the service ended its stream
	// without saying that it was done. It runs in the caller's goroutine and leaves none behind.
	Stream(ctx context.Context, cred providerauth.Credential, req Request) iter.Seq2[Delta, error]
}
