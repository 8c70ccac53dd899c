package providers

import (
	"net/http"

	"chatgateway/internal/secret"
)

// Options is what a provider's New takes. The zero value is the provider as its documentation has it.
type Options struct {
	ID      string       // for a service that the owner added under a name of their own; empty: the provider's own
	Name    string       // the same, for people
	BaseURL string       // in place of the provider's; its host may then get the credential
	Client  *http.Client // nil: one that refuses redirects, asks for TLS 1.2 and honours the proxy variables
	SignIn  SignIn
	Models  []string // models to list besides, or instead where the service has no list
	Env     []string // variables that hold the key, for a service of one's own; besides {ID}_API_KEY
	NoKey   bool     // a service of one's own works without a key; one on this host always does
	// Getenv reads the variables that say where a service is (AZURE_OPENAI_ENDPOINT, AWS_REGION, OLLAMA_HOST), once, in
	// New; nil: os.Getenv.
	Getenv func(string) string
}

// SignIn changes how a provider is signed in to with OAuth. Empty fields keep the provider's own values.
type SignIn struct {
	Restricted   bool // turns on sign-ins that the provider restricts to its own programs
	Issuer       string
	AuthorizeURL string
	TokenURL     string
	DeviceURL    string
	RevokeURL    string
	RedirectURL  string
	ClientID     string
	ClientSecret secret.String
	Scopes       []string
	Flow         string // "code" or "device"; empty: both where both are known
}
