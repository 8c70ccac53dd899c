// Package channels says what a chat service must do to be one of the gateway's channels: the messages, the contract
// of a Channel, and the abilities that some services have and others lack.
//
// The promises made here are checked by package channeltest, which every channel's tests run.
package channels

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"chatgateway/channelauth"
	"chatgateway/internal/secret"
	"chatgateway/internal/status"
	"chatgateway/login"
)

// IDs are made by the adapters and opaque to everybody else: compared and kept, never taken apart.
type (
	// AccountID is the service's name for the default account, "telegram", else with the account's: "telegram:support".
	AccountID string
	// ConversationID is one conversation, the thread included where the service has threads.
	ConversationID string
	// PlaceID is where conversations happen: a guild, a channel, a room, a group.
	PlaceID string
	// MessageID is one message; unique within its account.
	MessageID string
	// UserID is one person, as the service vouches for them; never a name that people choose.
	UserID string
	// PressID is what a button sends back; made by the store, opaque to adapters.
	PressID string
)

// Message is what a person sent, or a button they pressed.
type Message struct {
	Conversation ConversationID `json:"conversation"`
	ID           MessageID      `json:"id"`
	Answers      MessageID      `json:"answers,omitempty"` // the message it replies to
	From         UserID         `json:"from,omitempty"`    // empty: the service does not vouch for the sender, who has no right
	FromName     string         `json:"from_name,omitempty"`
	Text         string         `json:"text,omitempty"` // without the mention of the bot; a command begins with "/"
	// Places are where it was said, widest first: guild, channel. Empty for a private chat.
	Places []PlaceID `json:"places,omitempty"`
	// Roles are badges and roles that the service vouches for.
	Roles       []string     `json:"roles,omitempty"`
	Attachments []Attachment `json:"attachments,omitempty"`
	// Press is set if a button was pressed; there is no text then. Answers is the message that bears the button.
	Press PressID `json:"press,omitempty"`
	// Private: everything sent to Conversation is seen by From alone.
	Private bool `json:"private,omitempty"`
	// Addressed: private, or it mentions or answers the bot, or is a command to it.
	Addressed bool `json:"addressed,omitempty"`
	// Edited: it replaces the earlier text of the message with this ID, if that is still waiting.
	Edited bool `json:"edited,omitempty"`
	// Waits: the service shows From that an answer is being made, so that a refusal is told too, to From alone.
	Waits bool      `json:"-"`
	Time  time.Time `json:"time"`
}

// Attachment is a file that came with a message.
type Attachment struct {
	Name string `json:"name,omitempty"` // as the sender called it; never a path to write to
	Type string `json:"type,omitempty"` // MIME type
	Size int64  `json:"size,omitempty"` // bytes; 0: unknown
	Ref  string `json:"ref,omitempty"`  // for Fetcher; durable, without a token
	Data []byte `json:"data,omitempty"` // where there is no later: page, mail
	Note string `json:"note,omitempty"` // why it is not here: too large, could not be fetched
}

// Batch is what an adapter hands in at once; it is kept as a whole or not at all.
type Batch struct {
	Messages []Message
	Marks    map[string]string                 // how far the service has been read; see Options.Mark
	Moved    map[ConversationID]ConversationID // a conversation goes on under another id
}

// Handler takes a batch. When it returns nil the batch is kept, and only then may the adapter tell the service that
// it has it. On an error nothing of the batch is kept: the adapter confirms nothing, goes not past it, and hands in
// the same again after a pause. It never fails because of what a message says. A message whose ID was handed in
// before is taken once. It may be called at once from several goroutines, but the order of one conversation's
// messages is the order of the calls.
type Handler func(ctx context.Context, b Batch) error

// Post is what the bot says.
type Post struct {
	To      ConversationID
	Answers MessageID // the message it replies to; empty: none
	// Only is the one person who may see it. Where that cannot be done, or is too late, Send fails with
	// errors.ErrUnsupported; it is NEVER sent publicly. In a conversation that is private to that person it says
	// nothing more.
	Only UserID
	// Key is the same for the same part of the same answer, also after a crash. Where the service can, two posts with
	// one key are one message (a nonce, a Message-ID). At most 64 letters, digits, '-' and '.'. Empty: none.
	Key     string
	Text    string   // Markdown
	Choices []Choice // buttons; see Limits.Numbered for where the service has none
	// Partial: an answer that grows. It never waits for a rate limit but fails with *Busy; what is not Partial waits.
	Partial bool
}

// Choice is a button: it sends Press back, or opens URL.
type Choice struct {
	Label string
	Press PressID
	URL   string
}

// Channel is one account of a chat service.
type Channel interface {
	// Run connects, calls h with what comes in, and blocks until ctx ends or the connection is lost for good. It
	// returns nil if ctx ended; an error that wraps ErrRejected if the service refused the credentials; one that wraps
	// ErrSetup if something must be changed at the service first; any other error is worth another try, and the
	// caller tries again after a pause. All goroutines that it started have ended when it returns, and it may be
	// called again. Short losses it mends itself. It reports its state through Options.Report.
	Run(ctx context.Context, h Handler) error
	// Send posts p and returns its id. It may be called from several goroutines, and while Run runs. What cannot be
	// delivered because the conversation has gone fails with an error that wraps ErrGone. It takes any text that Limits.Fit
	// accepts whole; a longer one it cuts into several messages and returns the last one's id. What the service will never
	// take for what it says fails with an error that wraps errors.ErrUnsupported. No error of it holds a secret.
	Send(ctx context.Context, p Post) (MessageID, error)
	// Limits says what one message may hold there. It does no I/O.
	Limits(c ConversationID) Limits
}

// Limits are facts about a conversation.
type Limits struct {
	// Fit says how many bytes of md, counted from its start, one message can hold; len(md) if it fits whole. It cuts
	// at a paragraph, line, sentence or word, never inside a rune, and at least one rune. Use markdown.Split to close
	// what is open there. nil: everything fits.
	Fit func(md string) int
	// EditEvery is the least time between two edits of a growing answer; 0: the service does not edit, an answer is
	// sent when a part of it is whole.
	EditEvery time.Duration
	Verbatim  bool // shows Markdown as it is written; else a Partial text comes with what is open in it closed
	Parts     int  // messages an answer may take at the most; 0: any number
	NoSecrets bool // never ask for a secret here, although it may be private
	// Numbered: there are no buttons. Send shows Post.Choices as lines of text, numbered from 1, and a person chooses by
	// writing the number or the label.
	Numbered bool
}

// Errors that the core decides by.
var (
	// ErrRejected: the service refused the credentials. Nothing is tried again until they change.
	ErrRejected = errors.New("the service refused the credentials")
	// ErrSetup: something must be changed at the service, or in the settings, before this can work.
	ErrSetup = errors.New("the service needs another set-up")
	// ErrGone: the conversation cannot be written to any more: the bot was blocked or removed, the channel deleted.
	ErrGone = errors.New("the conversation is gone")
)

// Busy is returned for a Partial post or edit that the service, or its budget, does not allow now.
type Busy struct{ After time.Duration } // when to try again

// Error implements error.
func (b *Busy) Error() string {
	return fmt.Sprintf("the service asks to wait %s", b.After.Round(time.Millisecond))
}

// The abilities. A channel has those whose interface it implements; where it cannot do it in this conversation, or
// no more, it returns an error that wraps errors.ErrUnsupported.
type (
	// Editor replaces what a message of the bot's shows. An edit that changes nothing is no error.
	Editor interface {
		Edit(ctx context.Context, id MessageID, p Post) error
	}
	// Deleter removes a message, of the bot's or of a person's. One that is gone already is no error.
	Deleter interface {
		Delete(ctx context.Context, c ConversationID, id MessageID) error
	}
	// Typist shows for about five seconds that an answer is being made.
	Typist interface {
		Typing(ctx context.Context, c ConversationID) error
	}
	// MenuSetter publishes the commands, where the service has a menu of them. It sends nothing if the service has
	// them already, and remembers them for its own use: which are answered privately, what completes their arguments.
	// Before the first call it knows of no command.
	MenuSetter interface {
		SetMenu(ctx context.Context, menu []Command) error
	}
	// Uploader sends files with a post.
	Uploader interface {
		Upload(ctx context.Context, p Post, files []File) (MessageID, error)
	}
	// Asker asks p.Only for a secret in a form that leaves no message behind: the adapter shows p with a button of its
	// own, opens the form on the press, inside the service's event, runs s.Field.Check, and shows what it says. It
	// returns login.ErrCanceled, login.ErrExpired or the context's error as a Prompter does. Nobody but p.Only can
	// answer.
	Asker interface {
		Ask(ctx context.Context, p Post, s login.Step) (secret.String, error)
	}
	// Director finds the private conversation with a person.
	Director interface {
		Direct(ctx context.Context, u UserID) (ConversationID, error)
	}
	// Streamer shows a growing answer by a means of the service's own.
	Streamer interface {
		Stream(ctx context.Context, p Post) (Draft, error)
	}
	// Fetcher reads an attachment by its Ref. The reader fails after the adapter's size limit.
	Fetcher interface {
		Fetch(ctx context.Context, c ConversationID, ref string) (io.ReadCloser, error)
	}
	// Tester logs in without taking messages and says, a sentence a line, who the bot is there, what it may do and
	// what is missing.
	Tester interface {
		Test(ctx context.Context) ([]string, error)
	}
)

// Draft is an answer that grows. Both calls get the whole text so far; the adapter finds what is new.
// It is used by one goroutine.
type Draft interface {
	// Show shows the text so far. It never waits for a rate limit; it fails with *Busy instead.
	Show(ctx context.Context, all string) error
	// Finish shows the whole answer and ends the draft; after an error of Finish the answer may not be shown.
	Finish(ctx context.Context, all string) (MessageID, error)
}

// File is a file to send.
type File struct {
	Name string
	Type string // MIME type
	Data []byte
}

// Command is a command as a menu shows it.
type Command struct {
	Name    string // without the slash
	Help    string // one short sentence
	Args    []Arg
	Private bool // its answer is for the person who gave it alone
	Owner   bool // owners only
}

// Arg is an argument of a command.
type Arg struct {
	Name     string
	Help     string
	Optional bool
	Secret   bool // never offered as an option of a service's own: a service keeps those
	// Complete lists values that begin with prefix, or hold it; nil: free text. It answers within a second.
	Complete func(ctx context.Context, prefix string) []string
}

// Service is a kind of chat service: the one value that its package exports.
type Service struct {
	Name    string              // "telegram"
	Title   string              // "Telegram"
	Help    string              // how to get a bot there, in a sentence
	Secrets []channelauth.Field // what it needs from channels.json or the environment
	// Settings gives new settings with their defaults, to be filled from config.yaml: a pointer to a struct that
	// embeds Common with `yaml:",inline"`.
	Settings func() any
	// Open makes a channel; it does no I/O. It fails if a setting is missing or wrong, with a sentence that names it.
	Open func(Options) (Channel, error)
	// Manifest makes what is to be pasted into the service's own set-up page; nil: there is none.
	Manifest func(menu []Command, settings any) ([]byte, error)
	// Login gets the bot's own token by signing in, and stores it through Options.Secrets; nil: tokens are only pasted.
	Login func(ctx context.Context, o Options, p login.Prompter) error
	// Local: it is part of this host and needs no account: page, terminal. Its people are owners.
	Local bool
	// NeverPairs: strangers get no pairing code, because it is no place for one: mail, a public chat. What its
	// private_policy is by default is allowlist then.
	NeverPairs bool
}

// Common are the settings that every channel has. Names and defaults are those of the seed; see docs.
type Common struct {
	Enabled          *bool    `yaml:"enabled"`                                          // false: off; else it runs when its secrets are there
	AllowFrom        []string `yaml:"allow_from"`                                       // people who may talk to the bot; empty: nobody; "*": everybody
	Owners           []string `yaml:"owners"`                                           // people who own it, by the service's user id
	Groups           []string `yaml:"groups"`                                           // places where it may be talked to; "*": anywhere
	GroupPolicy      string   `yaml:"group_policy" enum:"mention,open,off"`             // mention (default): only when addressed; open: always; off: never
	PrivatePolicy    string   `yaml:"private_policy" enum:"pairing,allowlist,open,off"` // pairing, allowlist, open or off; the default is the service's
	Roles            []string `yaml:"roles"`                                            // roles the service vouches for that may talk in Groups
	Streaming        *bool    `yaml:"streaming"`                                        // false: answers are shown when they are whole
	StreamingLatency *float64 `yaml:"streaming_latency"`                                // least seconds between two edits; the default is the service's
	ShowThinking     *bool    `yaml:"show_thinking"`                                    // show the model's thinking by default
	System           string   `yaml:"system"`                                           // system prompt here, in place of the gateway's
	Model            string   `yaml:"model"`                                            // model here, in place of the gateway's
}

// Base gives the common settings; embedding Common gives it to every adapter's settings.
func (c *Common) Base() *Common { return c }

// Options is what Open gets.
type Options struct {
	Account  AccountID
	Secrets  channelauth.Source // can be read again and written back
	Settings any                // what Service.Settings made, filled
	// Mark reads a mark that was kept with a Batch; "" if there is none.
	Mark func(ctx context.Context, key string) (string, error)
	// Report tells what the account is doing; it returns at once. Account, Service, Since, Restarts and Sources are
	// filled in by the receiver.
	Report func(status.Channel)
	Client *http.Client // for requests; nil: http.DefaultClient. Adapters set their own time limits.
	Log    *slog.Logger
}
