package telegramtest

import (
	"encoding/json"
	"time"
)

// The objects of the Bot API, as far as the fake makes them. Field names and meanings are those of
// https://core.telegram.org/bots/api.
type (
	// User is a person or a bot.
	User struct {
		ID        int64  `json:"id"`
		IsBot     bool   `json:"is_bot"`
		FirstName string `json:"first_name"`
		LastName  string `json:"last_name,omitempty"`
		Username  string `json:"username,omitempty"`
		Language  string `json:"language_code,omitempty"`
		// The rest is said by getMe alone.
		CanJoinGroups *bool `json:"can_join_groups,omitempty"`
		CanReadAll    *bool `json:"can_read_all_group_messages,omitempty"`
		Inline        *bool `json:"supports_inline_queries,omitempty"`
	}
	// ChatInfo is a chat as messages name it.
	ChatInfo struct {
		ID        int64  `json:"id"`
		Type      string `json:"type"` // private, group, supergroup, channel
		Title     string `json:"title,omitempty"`
		Username  string `json:"username,omitempty"`
		FirstName string `json:"first_name,omitempty"`
		LastName  string `json:"last_name,omitempty"`
		IsForum   bool   `json:"is_forum,omitempty"`
	}
	// Entity marks a part of a text; offset and length count UTF-16 code units.
	Entity struct {
		Type     string `json:"type"`
		Offset   int    `json:"offset"`
		Length   int    `json:"length"`
		URL      string `json:"url,omitempty"`
		User     *User  `json:"user,omitempty"`
		Language string `json:"language,omitempty"`
	}
	// File is a file as messages name it; Width and Height are a photo's.
	File struct {
		ID       string `json:"file_id"`
		UniqueID string `json:"file_unique_id"`
		Size     int64  `json:"file_size,omitempty"`
		Name     string `json:"file_name,omitempty"`
		Type     string `json:"mime_type,omitempty"`
		Width    int    `json:"width,omitempty"`
		Height   int    `json:"height,omitempty"`
		Duration int    `json:"duration,omitempty"`
		Path     string `json:"file_path,omitempty"` // getFile alone
	}
	// Button is a button of an inline keyboard.
	Button struct {
		Text string `json:"text"`
		Data string `json:"callback_data,omitempty"`
		URL  string `json:"url,omitempty"`
	}
	// Keyboard is an inline keyboard.
	Keyboard struct {
		Rows [][]Button `json:"inline_keyboard"`
	}
	// Origin says of what is forwarded who wrote it.
	Origin struct {
		Type string `json:"type"` // "hidden_user": only the name is told
		Name string `json:"sender_user_name,omitempty"`
		Date int64  `json:"date"`
	}
	// Message is a message, or a service message.
	Message struct {
		ID              int64           `json:"message_id"`
		Thread          int64           `json:"message_thread_id,omitempty"`
		From            *User           `json:"from,omitempty"`
		SenderChat      *ChatInfo       `json:"sender_chat,omitempty"`
		Date            int64           `json:"date"`
		Chat            ChatInfo        `json:"chat"`
		InTopic         bool            `json:"is_topic_message,omitempty"`
		AutoForward     bool            `json:"is_automatic_forward,omitempty"`
		Forward         *Origin         `json:"forward_origin,omitempty"`
		ReplyTo         *Message        `json:"reply_to_message,omitempty"`
		EditDate        int64           `json:"edit_date,omitempty"`
		Album           string          `json:"media_group_id,omitempty"`
		Text            string          `json:"text,omitempty"`
		Rich            *Rich           `json:"rich_message,omitempty"`
		Entities        []Entity        `json:"entities,omitempty"`
		Photo           []File          `json:"photo,omitempty"`
		Document        *File           `json:"document,omitempty"`
		Voice           *File           `json:"voice,omitempty"`
		Location        *Location       `json:"location,omitempty"`
		Caption         string          `json:"caption,omitempty"`
		CaptionEntities []Entity        `json:"caption_entities,omitempty"`
		TopicCreated    *Topic          `json:"forum_topic_created,omitempty"`
		MigrateTo       int64           `json:"migrate_to_chat_id,omitempty"`
		MigrateFrom     int64           `json:"migrate_from_chat_id,omitempty"`
		Extra           json.RawMessage `json:"x_extra,omitempty"` // for tests of what is not known
		Keyboard        *Keyboard       `json:"reply_markup,omitempty"`
	}
	// Rich is the content of a rich message; the blocks are one, whatever they were sent as.
	Rich struct {
		Blocks []RichBlock `json:"blocks"`
		HTML   string      `json:"-"` // as it was sent
	}
	// RichBlock is a paragraph.
	RichBlock struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	// Location is a place on earth.
	Location struct {
		Longitude float64 `json:"longitude"`
		Latitude  float64 `json:"latitude"`
	}
	// Topic is a topic of a forum, as its service message tells.
	Topic struct {
		Name  string `json:"name"`
		Color int    `json:"icon_color"`
	}
	// Callback is a press of a button.
	Callback struct {
		ID       string  `json:"id"`
		From     User    `json:"from"`
		Message  Message `json:"message"`
		Instance string  `json:"chat_instance"`
		Data     string  `json:"data,omitempty"`
	}
	// Command is an entry of a menu.
	Command struct {
		Name string `json:"command"`
		Help string `json:"description"`
	}
)

// update is one entry of a bot's queue.
type update struct {
	id    int64
	kind  string // "message", "callback_query", …
	body  json.RawMessage
	until time.Time // dropped from then on
}

// MarshalJSON implements json.Marshaler.
func (u update) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"update_id": u.id, u.kind: u.body})
}

// failure is an answer that says no.
type failure struct {
	Code       int    `json:"error_code"`
	Text       string `json:"description"`
	Parameters *struct {
		RetryAfter int   `json:"retry_after,omitempty"`
		MigrateTo  int64 `json:"migrate_to_chat_id,omitempty"`
	} `json:"parameters,omitempty"`
}

func (f *failure) Error() string { return f.Text }

func bad(text string) *failure    { return &failure{Code: 400, Text: "Bad Request: " + text} }
func forbid(text string) *failure { return &failure{Code: 403, Text: "Forbidden: " + text} }

func flood(seconds int) *failure {
	f := &failure{Code: 429, Text: "Too Many Requests: retry after " + itoa(int64(seconds))}
	f.Parameters = new(struct {
		RetryAfter int   `json:"retry_after,omitempty"`
		MigrateTo  int64 `json:"migrate_to_chat_id,omitempty"`
	})
	f.Parameters.RetryAfter = seconds
	return f
}

func migrated(to int64) *failure {
	f := bad("group chat was upgraded to a supergroup chat")
	f.Parameters = new(struct {
		RetryAfter int   `json:"retry_after,omitempty"`
		MigrateTo  int64 `json:"migrate_to_chat_id,omitempty"`
	})
	f.Parameters.MigrateTo = to
	return f
}
