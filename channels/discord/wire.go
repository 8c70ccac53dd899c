package discord

import (
	"encoding/json"
	"strconv"
	"time"
)

// What Discord sends and takes, as far as it is used here. discordgo's own structs are not used for events: it loses
// a whole message over one component that it does not know.

type wireUser struct {
	ID         string `json:"id"`
	Username   string `json:"username"`
	GlobalName string `json:"global_name"`
	Bot        bool   `json:"bot"`
	System     bool   `json:"system"`
}

func (u wireUser) name() string {
	if u.GlobalName != "" {
		return u.GlobalName
	}
	return u.Username
}

type wireMember struct {
	User  *wireUser `json:"user"`
	Nick  string    `json:"nick"`
	Roles []string  `json:"roles"`
}

type wireAttachment struct {
	ID          string `json:"id"`
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"`
	URL         string `json:"url"`
}

// Kinds of messages that a person wrote; all others are notices of Discord's.
const (
	messageDefault = 0
	messageReply   = 19
)

type wireMessage struct {
	ID           string           `json:"id"`
	Channel      string           `json:"channel_id"`
	Guild        string           `json:"guild_id"`
	Kind         *int             `json:"channel_type"` // of the channel; absent over REST
	Author       wireUser         `json:"author"`
	Member       *wireMember      `json:"member"`
	Content      string           `json:"content"`
	Time         time.Time        `json:"timestamp"`
	Edited       *time.Time       `json:"edited_timestamp"`
	Mentions     []wireUser       `json:"mentions"`
	MentionRoles []string         `json:"mention_roles"`
	Attachments  []wireAttachment `json:"attachments"`
	Type         int              `json:"type"`
	Webhook      string           `json:"webhook_id"`
	Flags        int              `json:"flags"`
	Reference    *struct {
		Type    int    `json:"type"` // 0: a reply, 1: forwarded
		Message string `json:"message_id"`
	} `json:"message_reference"`
	Replied   *wireReplied  `json:"referenced_message"`
	Stickers  []wireSticker `json:"sticker_items"`
	Poll      *wirePoll     `json:"poll"`
	Snapshots []struct {
		Message struct {
			Content     string           `json:"content"`
			Attachments []wireAttachment `json:"attachments"`
		} `json:"message"`
	} `json:"message_snapshots"`
}

type wireSticker struct {
	Name string `json:"name"`
}

type wirePoll struct {
	Question wirePollText `json:"question"`
	Answers  []struct {
		Media wirePollText `json:"poll_media"`
	} `json:"answers"`
}

type wirePollText struct {
	Text string `json:"text"`
}

type wireReplied struct {
	ID     string   `json:"id"`
	Author wireUser `json:"author"`
}

// Kinds of channels.
const (
	channelDM            = 1
	channelNewsThread    = 10
	channelPublicThread  = 11
	channelPrivateThread = 12
)

type wireChannel struct {
	ID     string `json:"id"`
	Type   int    `json:"type"`
	Guild  string `json:"guild_id"`
	Parent string `json:"parent_id"`
	Owner  string `json:"owner_id"`
}

func (c wireChannel) thread() bool {
	return c.Type == channelNewsThread || c.Type == channelPublicThread || c.Type == channelPrivateThread
}

type wireRole struct {
	ID   string `json:"id"`
	Tags struct {
		Bot string `json:"bot_id"`
	} `json:"tags"`
}

type wireGuild struct {
	ID       string        `json:"id"`
	Channels []wireChannel `json:"channels"`
	Threads  []wireChannel `json:"threads"`
	Roles    []wireRole    `json:"roles"`
}

// Kinds of interactions, and how they are answered.
const (
	interactionCommand  = 2
	interactionPress    = 3
	interactionComplete = 4
	interactionForm     = 5

	answerMessage = 4
	answerLater   = 5 // the person sees that an answer is being made
	answerNothing = 6 // to a press: the message stays as it is
	answerUpdate  = 7 // to a press: the message that bears the button changes
	answerChoices = 8
	answerForm    = 9

	contextBotDM = 1
)

// Flags of messages.
const (
	flagNoPreviews = 1 << 2 // Discord would fetch the addresses that a model wrote
	flagEphemeral  = 1 << 6
)

type wireOption struct {
	Name    string          `json:"name"`
	Value   json.RawMessage `json:"value"`
	Focused bool            `json:"focused"`
}

// text is the option's value, whatever its kind.
func (o wireOption) text() string {
	var s string
	if json.Unmarshal(o.Value, &s) == nil {
		return s
	}
	return string(o.Value)
}

type wireInteraction struct {
	ID      string       `json:"id"`
	App     string       `json:"application_id"`
	Type    int          `json:"type"`
	Token   string       `json:"token"`
	Guild   string       `json:"guild_id"`
	Channel string       `json:"channel_id"`
	Context *int         `json:"context"`
	Where   *wireChannel `json:"channel"`
	Member  *wireMember  `json:"member"`
	User    *wireUser    `json:"user"`
	Message *wireShown   `json:"message"`
	Data    struct {
		Name       string          `json:"name"`
		Type       int             `json:"type"`
		Options    []wireOption    `json:"options"`
		CustomID   string          `json:"custom_id"`
		Values     []string        `json:"values"`
		Components json.RawMessage `json:"components"` // of a form
	} `json:"data"`
}

// wireShown is a message of the bot's.
type wireShown struct {
	ID      string `json:"id"`
	Channel string `json:"channel_id"`
	Flags   int    `json:"flags"`
}

// Kinds of components.
const (
	componentRow    = 1
	componentButton = 2
	componentSelect = 3
	componentInput  = 4
	componentLabel  = 18

	buttonPlain = 2
	buttonFirst = 1
	buttonLink  = 5
)

// wireComponent is a component, sent or answered with.
type wireComponent struct {
	Type        int             `json:"type"`
	Style       int             `json:"style,omitempty"`
	Label       string          `json:"label,omitempty"`
	CustomID    string          `json:"custom_id,omitempty"`
	URL         string          `json:"url,omitempty"`
	Value       string          `json:"value,omitempty"`
	Placeholder string          `json:"placeholder,omitempty"`
	MaxLength   int             `json:"max_length,omitempty"`
	Required    *bool           `json:"required,omitempty"`
	Options     []wireChoice    `json:"options,omitempty"`
	Components  []wireComponent `json:"components,omitempty"`
	Component   *wireComponent  `json:"component,omitempty"`
}

// wireChoice is an option of a select menu.
type wireChoice struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// wirePost is the body of a message.
type wirePost struct {
	Content      string          `json:"content"`
	Components   []wireComponent `json:"components"` // never null: an edit without buttons takes them away
	Mentions     allowedMentions `json:"allowed_mentions"`
	Flags        int             `json:"flags"`
	Nonce        string          `json:"nonce,omitempty"`
	EnforceNonce bool            `json:"enforce_nonce,omitempty"`
	Reference    *wireReference  `json:"message_reference,omitempty"`
	Attachments  []wireFile      `json:"attachments,omitempty"`
}

// allowedMentions pings nobody: what a model writes must not.
type allowedMentions struct {
	Parse   []string `json:"parse"`
	Replied bool     `json:"replied_user"`
}

type wireReference struct {
	Message string `json:"message_id"`
	Fail    bool   `json:"fail_if_not_exists"`
}

type wireFile struct {
	ID       int    `json:"id"`
	Filename string `json:"filename"`
}

// epoch is the first millisecond of Discord's ids.
const epoch = 1420070400000

// snowflake reads an id; ok is false for what is none.
func snowflake(id string) (n uint64, ok bool) {
	n, err := strconv.ParseUint(id, 10, 64)
	return n, err == nil && n > 0
}

// madeAt tells when an id was made.
func madeAt(id string) time.Time {
	n, _ := snowflake(id)
	return time.UnixMilli(int64(n>>22) + epoch)
}

// idAt is the first id of a time.
func idAt(t time.Time) uint64 {
	ms := t.UnixMilli() - epoch
	if ms < 0 {
		return 0
	}
	return uint64(ms) << 22
}
