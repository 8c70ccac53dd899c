// Package commands holds the slash commands. They know nothing of chats: a Call brings what they need, and the same
// code serves a chat, the page, the terminal and a menu's button.
package commands

import (
	"context"
	"strings"

	"chatgateway/internal/status"
	"chatgateway/login"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/catalog"
)

// Role says who may run a command.
type Role int

// The roles, each including the ones before it.
const (
	Anyone Role = iota // whoever may talk to the bot, and strangers in private
	User               // whoever may talk to the bot
	Owner              // who owns it
)

// String names the role for people.
func (r Role) String() string { return [...]string{"anyone", "user", "owner"}[r] }

// Where says where a command may be run, and who sees its answer.
type Where int

// The places.
const (
	Anywhere  Where = iota // answered where it was given
	Privately              // may be given anywhere; answered so that only the person sees it
	Private                // only in a private conversation
)

// String names the place for people.
func (w Where) String() string {
	return [...]string{"anywhere", "anywhere, answered privately", "in private"}[w]
}

// Command is one slash command.
type Command struct {
	Name    string // without the slash
	Aliases []string
	Help    string // one short sentence, for menus and /help
	Args    []Arg
	Role    Role
	Where   Where
	Asks    bool // opens a question: runs beside the conversation, so that nobody waits behind it
	Run     func(context.Context, *Call) error
	// Cut says in a sentence what is left of a call that the end of the program cut: of one that has Name, Args and
	// Host only. nil, or "": nothing, and it is to be sent again.
	Cut func(context.Context, *Call) string
}

// Arg is an argument of a command.
type Arg struct {
	Name     string
	Help     string
	Optional bool
	Secret   bool // never kept or logged; the message that held it is deleted
	// Complete lists values that fit what was typed so far; nil: free text.
	Complete func(ctx context.Context, h Host, prefix string) []string
}

// Usage writes the command as /help shows it: "/login [provider] [method]".
func (c Command) Usage() string {
	var b strings.Builder
	b.WriteString("/" + c.Name)
	for _, a := range c.Args {
		if a.Optional {
			b.WriteString(" [" + a.Name + "]")
		} else {
			b.WriteString(" <" + a.Name + ">")
		}
	}
	return b.String()
}

// Call is one run of a command.
type Call struct {
	Name    string   // the command as it was typed, without the slash
	Args    []string // the words behind it, secrets among them already taken out where the command has a Secret Arg
	Person  Person
	Private bool               // the conversation is seen by the person alone
	Pressed bool               // it came from a button: Say may replace the message that bore it
	Scope   providerauth.Scope // the conversation, as an order of accounts may be set for it
	Host    Host
	Session Session
	Prompt  login.Prompter
	// Say answers. The first Answer with Replace takes the place of the message that bore the button.
	Say func(ctx context.Context, a Answer) error
}

// Arg gives the n-th argument, "" if there are fewer.
func (c *Call) Arg(n int) string {
	if n < len(c.Args) {
		return c.Args[n]
	}
	return ""
}

// Rest gives the arguments from the n-th on, as one text.
func (c *Call) Rest(n int) string {
	if n < len(c.Args) {
		return strings.Join(c.Args[n:], " ")
	}
	return ""
}

// Sayf answers with a text.
func (c *Call) say(ctx context.Context, text string, choices ...Choice) error {
	return c.Say(ctx, Answer{Text: text, Choices: choices, Replace: c.Pressed})
}

// Person is who runs the command.
type Person struct {
	ID      string // as the service vouches for it
	Name    string
	Account string // the channel's account
	Role    Role
}

// Answer is what a command says.
type Answer struct {
	Text    string // Markdown
	Choices []Choice
	Replace bool // takes the place of the message that bore the pressed button, where that can be done
}

// Choice is a button under an answer: it runs a command as whoever presses it, after the same checks, or opens a page.
type Choice struct {
	Label string
	Run   string // "/model openai/gpt-…"
	URL   string
}

// Host is what commands may see and do of the gateway. It is safe for concurrent use.
type Host interface {
	Commands() []Command
	Auth() *providerauth.Manager
	Status(ctx context.Context) status.Gateway
	// Models lists the models of one provider that has a credential, or of all of them with ""; live lists are cached
	// for some minutes. What could not be asked is left out and named in the second result, a sentence each.
	Models(ctx context.Context, provider string) ([]Model, []string)
	// Match finds the model that a text means: exactly, by alias, then by parts of its name. One candidate is a match;
	// several are for the person to choose from; none says why in the error.
	Match(ctx context.Context, text string) ([]Model, error)
	// Default says which model begins a conversation, and why: "config.yaml", "/model default", "first login".
	Default(ctx context.Context) (providers.Ref, string)
	SetDefault(ctx context.Context, ref providers.Ref) error // the zero Ref takes it back
	// LoggedIn is told of every login and logout; it picks a first model if there is none, and says which.
	LoggedIn(ctx context.Context, id providerauth.ID) (first providers.Ref)
	// Endpoint says where a provider's requests go, for people.
	Endpoint(provider string) string
	// LocalServers lists model servers that run on this host and need no key.
	LocalServers(ctx context.Context) []Local
	// MayUse reports whether a role may use a model.
	MayUse(r Role, ref providers.Ref) bool
	// Record writes a line of the audit log.
	Record(ctx context.Context, p Person, deed, object, result string)
	// SecretsElsewhere names the places where a secret may be typed: "Telegram, the web page".
	SecretsElsewhere() string
	Claim(ctx context.Context, c *Call, code string) (string, error)
	Audit(ctx context.Context, n int) ([]string, error)
	Access(ctx context.Context, c *Call, words []string) (Answer, error)
}

// Local is a model server on this host.
type Local struct {
	Provider string // "ollama"
	Name     string // "Ollama"
	URL      string
	Models   int
}

// Model is a model with the provider that has it.
type Model struct {
	Ref providers.Ref
	catalog.Model
}

// Session is the conversation that a command was given in.
type Session interface {
	// Model says which model holds here, and why: "this conversation", or a source of Host.Default.
	Model(ctx context.Context) (providers.Ref, string)
	SetModel(ctx context.Context, ref providers.Ref) error // the zero Ref: back to the default
	Reset(ctx context.Context) error                       // forgets what was said
	Stop(ctx context.Context) (int, error)                 // stops what runs and waits; says how much
	Retry(ctx context.Context) error                       // asks the last question again
	Thinking(ctx context.Context) bool
	SetThinking(ctx context.Context, show bool) error
	Messages(ctx context.Context) int
}

// Parse reads a command line: "/name word word". ok is false for what is no command: a name is a letter followed by
// letters, digits, '-' and '_', so that "/usr/bin is slow", "//" and "/ x" are plain text. The seed's "/name:" is
// taken too, and "/name@bot", so that what follows a "/login@bot" never passes for a question to the model.
func Parse(text string) (name string, args []string, ok bool) {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "/") {
		return "", nil, false
	}
	words := strings.Fields(text[1:])
	if len(words) == 0 || text[1] == ' ' {
		return "", nil, false
	}
	name = strings.ToLower(strings.TrimSuffix(words[0], ":"))
	if head, bot, at := strings.Cut(name, "@"); at && bot != "" && !strings.ContainsAny(bot, "@/.") {
		name = head
	}
	for i, r := range name {
		if !(r >= 'a' && r <= 'z' || i > 0 && (r >= '0' && r <= '9' || r == '-' || r == '_')) {
			return "", nil, false
		}
	}
	if name == "" {
		return "", nil, false
	}
	return name, words[1:], true
}

// Find looks a command up by name or alias.
func Find(list []Command, name string) (Command, bool) {
	for _, c := range list {
		if c.Name == name {
			return c, true
		}
		for _, a := range c.Aliases {
			if a == name {
				return c, true
			}
		}
	}
	return Command{}, false
}

// Near finds the command that a mistyped name was meant to be; "" if none is near: then the text is no command.
func Near(list []Command, name string) string {
	best, at := "", 3
	for _, c := range list {
		for _, n := range append([]string{c.Name}, c.Aliases...) {
			limit := 2
			if len(n) < 5 {
				limit = 1
			}
			if d := distance(name, n); d <= limit && d < at {
				best, at = c.Name, d
			}
		}
	}
	return best
}

// distance counts the edits between two short words, a swap of neighbours as one (Damerau-Levenshtein, restricted).
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
