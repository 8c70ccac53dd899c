// Package store keeps what must survive a crash: messages that are not answered yet, the turns that answer them,
// conversations and their history, open questions, buttons. It is one SQLite file with one writer that commits
// together what comes together. What is undone is also held in memory, so that claiming work costs no query.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"chatgateway/channels"
)

// Options are how Open opens a store. The zero value is fit for use.
type Options struct {
	Sync string           // "full" (default): what was committed survives a power loss; "normal": it survives a crash of the program
	Log  *slog.Logger     // nil: nothing is logged
	Now  func() time.Time // nil: time.Now
}

// Incoming is a message as Keep takes it.
type Incoming struct {
	Message channels.Message
	Redact  bool // keep that it came, not what it says
	Done    bool // nothing remains to be done with it
}

// Item is a message that was kept.
type Item struct {
	Seq      int64 // grows in the order of keeping
	Account  channels.AccountID
	Message  channels.Message // if Redacted: without text, name and attachments
	Redacted bool
	Kept     time.Time
}

// Conv names a conversation among all accounts.
type Conv struct {
	Account      channels.AccountID
	Conversation channels.ConversationID
}

// TurnState says how far a turn is.
type TurnState string

// The states of a turn. The first two are undone: they come back from Undone after a restart.
const (
	Running  TurnState = "running"  // begun
	Answered TurnState = "answered" // its final text is there, not all of it delivered
	Done     TurnState = "done"
	Stopped  TurnState = "stopped"
)

// Turn is the answering of some messages of one conversation.
type Turn struct {
	ID    int64
	Conv  Conv
	Kind  string // "command", "model"
	State TurnState
	Items []Item
	Final string // from Answered on
	Model string
	Begun time.Time
	Parts []Part // what was shown of it, by N
}

// Part is a message that shows a part of an answer.
type Part struct {
	N    int // from 0
	ID   channels.MessageID
	Text string
}

// Conversation is what is remembered of a conversation besides its history.
type Conversation struct {
	Conv     Conv
	Title    string
	Model    string // empty: the gateway's
	Pin      string // the credential it is bound to; empty: any
	Thinking *bool  // show the model's thinking; nil: as the place has it
	Effort   string
	Epoch    int64     // grows with every Reset; SetConversation does not write it
	Updated  time.Time // last SetConversation or answer; written by the store
	Extra    map[string]string
}

// Question is a question that waits for a person's answer. Answers are never stored.
type Question struct {
	ID       int64
	Conv     Conv
	Person   channels.UserID
	Provider string
	Secret   bool // the answer is a secret
	Until    time.Time
}

// Press is what a button means.
type Press struct {
	ID     channels.PressID
	Conv   Conv
	Person channels.UserID // empty: anybody who may talk there
	Action string
	Until  time.Time
	Once   bool // it can be taken once
}

// Errors of TakePress.
var (
	// ErrNoPress: there is no such button in this conversation, or its time is over.
	ErrNoPress = errors.New("no such button")
	// ErrNotYours: the button is for somebody else.
	ErrNotYours = errors.New("the button is for somebody else")
	// ErrUsed: the button was pressed before and works once.
	ErrUsed = errors.New("the button was used")
)

var errUnbuilt = errors.New("store: this part is being built")

// Store is the open store. All its methods may be called from several goroutines.
type Store struct{}

// Open opens the store at path, and makes it if there is none. ":memory:" is for tests.
func Open(ctx context.Context, path string, o Options) (*Store, error) { return nil, errUnbuilt }

// Close writes what is still to be written, and closes.
func (s *Store) Close() error { return nil }

// Keep commits all of it or nothing, durably, and gives the new messages in order.
func (s *Store) Keep(ctx context.Context, account channels.AccountID, in []Incoming, marks map[string]string, moved map[channels.ConversationID]channels.ConversationID) ([]Item, error) {
	return nil, errUnbuilt
}

// Mark gives a mark that was kept; "" if there is none.
func (s *Store) Mark(ctx context.Context, account channels.AccountID, key string) (string, error) {
	return "", errUnbuilt
}

// Waiting gives the conversations with queued items or undone turns.
func (s *Store) Waiting() []Conv { return nil }

// Queue gives what was kept, is not done and in no turn, in order.
func (s *Store) Queue(c Conv) []Item { return nil }

// Queued counts what all queues hold.
func (s *Store) Queued() int { return 0 }

// Drop marks queued items done without a turn.
func (s *Store) Drop(ctx context.Context, seqs ...int64) error { return errUnbuilt }

// Begin makes a running turn of queued items. With wait it returns after the commit.
func (s *Store) Begin(ctx context.Context, c Conv, kind string, seqs []int64, wait bool) (Turn, error) {
	return Turn{}, errUnbuilt
}

// SetModel notes which model a turn asks. It returns at once.
func (s *Store) SetModel(turn int64, model string) {}

// SetPart notes what was shown. It returns at once.
func (s *Store) SetPart(turn int64, p Part) {}

// Answer notes the final text and appends to the history. It returns at once.
func (s *Store) Answer(turn int64, final string, history []json.RawMessage) {}

// Finish notes that a turn is done. It returns at once.
func (s *Store) Finish(turn int64) {}

// Stop stops every queued item up to upTo and every undone turn of the conversation.
func (s *Store) Stop(ctx context.Context, c Conv, upTo int64) (int, error) { return 0, errUnbuilt }

// Undone gives the running and answered turns.
func (s *Store) Undone(ctx context.Context) ([]Turn, error) { return nil, errUnbuilt }

// Flush returns when everything handed in before is committed.
func (s *Store) Flush(ctx context.Context) error { return errUnbuilt }

// Conversation gives what is remembered; the zero value with Conv if there is nothing.
func (s *Store) Conversation(ctx context.Context, c Conv) (Conversation, error) {
	return Conversation{}, errUnbuilt
}

// SetConversation writes all of it but Epoch and Updated.
func (s *Store) SetConversation(ctx context.Context, c Conversation) error { return errUnbuilt }

// Conversations gives an account's conversations, the last updated first.
func (s *Store) Conversations(ctx context.Context, account channels.AccountID) ([]Conversation, error) {
	return nil, errUnbuilt
}

// History gives the history of the present epoch, oldest first.
func (s *Store) History(ctx context.Context, c Conv) ([]json.RawMessage, error) {
	return nil, errUnbuilt
}

// AppendHistory adds to the history of the present epoch, without a turn.
func (s *Store) AppendHistory(ctx context.Context, c Conv, history ...json.RawMessage) error {
	return errUnbuilt
}

// Reset begins the next epoch: an empty history.
func (s *Store) Reset(ctx context.Context, c Conv) error { return errUnbuilt }

// TrimHistory removes the oldest entries: those before index keepFrom of what History gives.
func (s *Store) TrimHistory(ctx context.Context, c Conv, keepFrom int) error { return errUnbuilt }

// Forget removes a conversation with all of it.
func (s *Store) Forget(ctx context.Context, c Conv) error { return errUnbuilt }

// Ask stores a question and gives its id.
func (s *Store) Ask(ctx context.Context, q Question) (int64, error) { return 0, errUnbuilt }

// CloseQuestion removes a question.
func (s *Store) CloseQuestion(ctx context.Context, id int64) error { return errUnbuilt }

// Questions gives those of an earlier run.
func (s *Store) Questions(ctx context.Context) ([]Question, error) { return nil, errUnbuilt }

// NewPress stores buttons and gives them with their ids.
func (s *Store) NewPress(ctx context.Context, ps ...Press) ([]Press, error) { return nil, errUnbuilt }

// TakePress gives what a button means; with Once it is used up.
func (s *Store) TakePress(ctx context.Context, id channels.PressID, c Conv, person channels.UserID) (Press, error) {
	return Press{}, errUnbuilt
}

// Setting gives a setting; "" if there is none.
func (s *Store) Setting(ctx context.Context, key string) (string, error) { return "", errUnbuilt }

// SetSetting writes a setting; the value "" removes it.
func (s *Store) SetSetting(ctx context.Context, key, value string) error { return errUnbuilt }

// Prune removes what is done and older than olderThan, and counts it.
func (s *Store) Prune(ctx context.Context, olderThan time.Time) (int, error) { return 0, errUnbuilt }

// Backup writes a copy to a new file.
func (s *Store) Backup(ctx context.Context, path string) error { return errUnbuilt }

// Err gives the last write that failed in the background; nil after one that succeeded.
func (s *Store) Err() error { return nil }
