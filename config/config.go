// Package config reads what a person sets: config.yaml, the .env file, and where the home folder is. It knows no chat
// service and no model service by name; the program tells it which there are.
package config

import (
	"time"

	"chatgateway/internal/secret"
)

// Config is config.yaml. Times are written like "90s" or "6h" (a plain number is seconds), sizes like "20MB".
type Config struct {
	Model     string            `yaml:"model" help:"the model to begin with, like anthropic/claude-sonnet-4-5"`
	Aliases   map[string]string `yaml:"aliases" help:"short names for models: fast: openai/gpt-5-mini"`
	Fallbacks []string          `yaml:"fallbacks" help:"models to try in turn when the chosen one is rate limited or fails before its first word"`
	System    string            `yaml:"system" help:"the system prompt"`
	Effort    string            `yaml:"effort" enum:"none,low,medium,high" help:"how much a model thinks; left out: as it does by itself"`
	MaxOutput int               `yaml:"max_output" help:"the most tokens of one answer; 0: the model's own limit"`

	Channels  map[string]any              `yaml:"channels" help:"settings of each account of a chat service: telegram, telegram:support"`
	Providers map[string]Provider         `yaml:"providers" help:"settings of each model service"`
	SignIn    map[string]SignIn           `yaml:"sign_in" help:"model services of your own behind an OAuth or OpenID Connect sign-in"`
	Auth      Auth                        `yaml:"auth" help:"which login is taken first"`
	Models    Models                      `yaml:"models" help:"who may use which models"`
	Access    Access                      `yaml:"access" help:"who may talk to the bot"`
	Limits    Limits                      `yaml:"limits" help:"how much of everything"`
	Places    map[string]map[string]Place `yaml:"places" help:"what is different in one place: account, then the place's id"`
	Page      Page                        `yaml:"page" help:"the web page"`
	Log       Log                         `yaml:"log" help:"what is logged, and how"`
	Store     Store                       `yaml:"store" help:"how messages are kept"`

	file string              // where it was read from
	at   map[string]position // where each setting stands: "page.listen"
}

// Provider is what is set for a model service. An id that the program does not know is a service of your own, taken
// with a key: it needs BaseURL and Protocol.
type Provider struct {
	Enabled          *bool                    `yaml:"enabled" help:"false: it is not offered"`
	BaseURL          string                   `yaml:"base_url" help:"its address, in place of the usual one"`
	Protocol         string                   `yaml:"protocol" enum:"openai,responses,anthropic,google" help:"the wire format of a service of your own"`
	Models           []string                 `yaml:"models" help:"models to offer besides, or in place of, its own list"`
	Headers          map[string]secret.String `yaml:"headers" help:"further headers of each request; env:NAME and file:PATH are looked up"`
	RestrictedSignIn bool                     `yaml:"restricted_sign_in" help:"true: offer sign-ins that the provider means for its own apps only"`
	OAuth            OAuth                    `yaml:"oauth" help:"the sign-in, in place of the built-in one"`
	// FirstToken and NextToken bound the wait for an answer; 0: the gateway's own limits.
	FirstToken time.Duration `yaml:"first_token_timeout" help:"how long to wait for the first word of an answer"`
	NextToken  time.Duration `yaml:"token_timeout" help:"how long to wait for each further word"`
}

// On reports whether the provider is offered.
func (p Provider) On() bool { return p.Enabled == nil || *p.Enabled }

// OAuth overrides what a provider's sign-in is made of. Empty fields stay as they are built in.
type OAuth struct {
	AuthorizeURL string        `yaml:"authorize_url"`
	TokenURL     string        `yaml:"token_url"`
	DeviceURL    string        `yaml:"device_url"`
	RevokeURL    string        `yaml:"revoke_url"`
	ClientID     string        `yaml:"client_id"`
	ClientSecret secret.String `yaml:"client_secret" help:"better env:NAME or file:PATH than the secret itself"`
	Scopes       []string      `yaml:"scopes"`
	RedirectURL  string        `yaml:"redirect_url"`
}

// SignIn is a model service of one's own behind an OAuth 2.0 or OpenID Connect issuer. Either Issuer is set, and the
// endpoints are asked of it, or the endpoints are.
type SignIn struct {
	Name     string `yaml:"name" help:"what people see; left out: the id"`
	Issuer   string `yaml:"issuer" help:"the issuer's address; the endpoints are asked of it"`
	OAuth    `yaml:",inline"`
	Flow     string   `yaml:"flow" enum:"code,device" help:"code: in a browser, the default; device: with a code to enter"`
	BaseURL  string   `yaml:"base_url" help:"the model service's address"`
	Protocol string   `yaml:"protocol" enum:"openai,responses,anthropic,google" help:"its wire format; openai by default"`
	Models   []string `yaml:"models" help:"models to offer, if it has no list"`
}

// Auth says which credential of a provider is taken.
type Auth struct {
	Order map[string][]string `yaml:"order" help:"per provider: the logins in the order they are tried; env is the environment"`
}

// Models says who may use which models. A role that is not named may use all.
type Models struct {
	Allow map[string][]string `yaml:"allow" help:"per role (user, owner): models, or a provider's with a star: openai/*"`
}

// Access says who may talk to the bot, besides what each channel's own settings and pairing allow. Keys are accounts:
// "telegram", "telegram:support"; people and places are the service's ids, never names.
type Access struct {
	Owners map[string][]string `yaml:"owners" help:"per account: who owns the bot"`
	Allow  map[string][]string `yaml:"allow" help:"per account: who may talk to it"`
	Places map[string][]string `yaml:"places" help:"per account: groups and channels where it may be talked to"`
}

// Limits say how much of everything.
type Limits struct {
	TurnsPerHour   int           `yaml:"turns_per_hour" help:"answers per person and hour, owners excepted; 0: any number"`
	StaleAfter     time.Duration `yaml:"stale_after" help:"what waited longer gets a notice in place of an answer"`
	Queue          int           `yaml:"queue" help:"messages of one conversation that may wait"`
	Attachments    int           `yaml:"attachments" help:"files per message"`
	AttachmentSize Size          `yaml:"attachment_size" help:"the largest file taken from a message"`
}

// Place is what is different in one place.
type Place struct {
	System string `yaml:"system" help:"the system prompt there"`
	Model  string `yaml:"model" help:"the model to begin with there"`
}

// DefaultListen is where the page is served if nothing is set. If somebody else has the port, any free one is taken.
const DefaultListen = "127.0.0.1:8765"

// Page is the web page.
type Page struct {
	Enabled     bool     `yaml:"enabled" help:"false: there is no page"`
	Listen      string   `yaml:"listen" help:"host:port; left out: 127.0.0.1:8765, or another port if that is taken"`
	Names       []string `yaml:"names" help:"host names, with a port if it is not the usual one, by which the page may be asked for besides localhost"`
	TLSCert     string   `yaml:"tls_cert" help:"a certificate file, to serve HTTPS"`
	TLSKey      string   `yaml:"tls_key" help:"its key file"`
	BehindProxy bool     `yaml:"behind_proxy" help:"true: a proxy of yours has TLS for names, and nobody else reaches the page"`
}

// Address gives where to listen, and whether another port will do if that one is taken.
func (p Page) Address() (addr string, anyPort bool) {
	if p.Listen == "" {
		return DefaultListen, true
	}
	return p.Listen, false
}

// Log says what is logged.
type Log struct {
	Level  string `yaml:"level" enum:"debug,info,warn,error" help:"the least that is logged"`
	Format string `yaml:"format" enum:"text,json" help:"for people or for machines"`
}

// Store says how messages are kept.
type Store struct {
	Sync string `yaml:"sync" enum:"full,normal" help:"full: safe against a power cut; normal: only against a crash"`
}

// Defaults gives what holds where nothing is set.
func Defaults() *Config {
	return &Config{
		Limits: Limits{TurnsPerHour: 60, StaleAfter: 6 * time.Hour, Queue: 100, Attachments: 10, AttachmentSize: 20 << 20},
		Page:   Page{Enabled: true},
		Log:    Log{Level: "info", Format: "text"},
		Store:  Store{Sync: "full"},
	}
}

// Where says where a setting stands, "config.yaml:12:5", for a mistake that only the program can see; the file's name
// alone if it does not stand there. Names are joined by dots: "providers.openai.base_url".
func (c *Config) Where(setting string) string { return c.problem(setting, "").where() }
