package telegram

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

// target is a conversation: a chat, or a topic of a forum, "-1001234/56". The General topic of a forum is "-1001234/1".
type target struct{ chat, thread int64 }

const general = 1

func parseTarget(id channels.ConversationID) (target, error) {
	head, tail, threaded := strings.Cut(string(id), "/")
	chat, err := strconv.ParseInt(head, 10, 64)
	t := target{chat: chat}
	if err == nil && threaded {
		t.thread, err = strconv.ParseInt(tail, 10, 64)
	}
	if err != nil || chat == 0 {
		return t, fmt.Errorf("telegram: %q is no conversation here: %w", string(id), channels.ErrGone)
	}
	return t, nil
}

func (t target) conversation() channels.ConversationID {
	if t.thread == 0 {
		return channels.ConversationID(itoa(t.chat))
	}
	return channels.ConversationID(itoa(t.chat) + "/" + itoa(t.thread))
}

// private: a person's direct chat has the person's id; groups and channels have negative ones.
func (t target) private() bool { return t.chat > 0 }

// seenBy reports whether what is sent there is seen by that person alone, if that is asked for.
func (t target) seenBy(only channels.UserID) bool {
	return only == "" || (t.private() && itoa(t.chat) == string(only))
}

// params names the topic; messages to General must not name it.
func (t target) params() tgbotapi.Params {
	p := tgbotapi.Params{}
	if t.thread != general {
		p.AddNonZero64("message_thread_id", t.thread)
	}
	return p
}

// answer makes the message an answer, in groups alone: in a direct chat it is plain what is answered.
func (t target) answer(p tgbotapi.Params, id channels.MessageID) {
	if at, err := parseMessage(id); err == nil && !t.private() && at.chat == t.chat {
		p["reply_parameters"] = `{"message_id":` + itoa(at.message) + `,"allow_sending_without_reply":true}`
	}
}

// place is a message: Telegram numbers them by chat, "-1001234:56".
type place struct{ chat, message int64 }

func parseMessage(id channels.MessageID) (place, error) {
	head, tail, _ := strings.Cut(string(id), ":")
	chat, err1 := strconv.ParseInt(head, 10, 64)
	message, err2 := strconv.ParseInt(tail, 10, 64)
	if err1 != nil || err2 != nil {
		return place{}, fmt.Errorf("telegram: %q is no message here: %w", string(id), errors.ErrUnsupported)
	}
	return place{chat, message}, nil
}

func (p place) id() channels.MessageID {
	return channels.MessageID(itoa(p.chat) + ":" + itoa(p.message))
}

// sentMessage is what is of interest in a message that was sent.
type sentMessage struct {
	ID   int64 `json:"message_id"`
	Chat struct {
		ID int64 `json:"id"`
	} `json:"chat"`
}

func (m sentMessage) id() channels.MessageID { return place{m.Chat.ID, m.ID}.id() }

// moves are groups that became supergroups, as far as Telegram told when something was sent.
type moves struct {
	mu   sync.Mutex
	to   map[int64]int64                                     // guarded by mu
	news map[channels.ConversationID]channels.ConversationID // guarded by mu: not yet told to the core
}

func (m *moves) add(old, now int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.to == nil {
		m.to = map[int64]int64{}
	}
	if m.news == nil {
		m.news = map[channels.ConversationID]channels.ConversationID{}
	}
	m.to[old] = now
	m.news[target{chat: old}.conversation()] = target{chat: now}.conversation()
}

func (m *moves) now(chat int64) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if to, ok := m.to[chat]; ok {
		return to
	}
	return chat
}

// take gives what the core was not told yet.
func (m *moves) take() map[channels.ConversationID]channels.ConversationID {
	m.mu.Lock()
	defer m.mu.Unlock()
	news := m.news
	m.news = nil
	return news
}

// growing remembers what messages that grow show, so that the end of an answer that was shown whole costs no edit.
type growing struct {
	mu    sync.Mutex
	shown map[place]string // guarded by mu
}

// note says what a message shows now; only what grows is remembered.
func (g *growing) note(at place, text string, grows bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !grows {
		delete(g.shown, at)
		return
	}
	if g.shown == nil || len(g.shown) >= 1000 { // answers that were cut off left theirs
		g.shown = map[place]string{}
	}
	g.shown[at] = text
}

func (g *growing) shows(at place, text string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	was, ok := g.shown[at]
	return ok && was == text
}

// write carries out what puts something into a chat, within the chat's budget.
func (c *channel) write(ctx context.Context, chat int64, partial bool, do func(ctx context.Context, chat int64) error) error {
	leave, err := c.budgets.enter(ctx, c.moves.now(chat), partial)
	if err != nil {
		return err
	}
	defer leave()
	return c.retry(ctx, chat, partial, do)
}

// tries is how often something is tried again after a failure of the network or of Telegram's: for about a minute.
const tries = 7

// retry carries out a request. What is not partial waits as long as Telegram asks, and is tried again when it is not
// known to have failed for good: a message may come twice then, but is not lost.
func (c *channel) retry(ctx context.Context, chat int64, partial bool, do func(ctx context.Context, chat int64) error) error {
	for try := 0; ; {
		err := once(ctx, c.moves.now(chat), do)
		var r *reply
		if err == nil {
			return nil
		}
		switch errors.As(err, &r); {
		case ctx.Err() != nil:
			return err
		case r != nil && r.after > 0:
			c.budgets.pause(c.moves.now(chat), r.after)
			if partial {
				return &channels.Busy{After: r.after}
			}
			c.o.Log.Info("telegram asks to wait", "account", c.o.Account, "seconds", r.after.Seconds(), "method", r.method)
			if err := adapter.Pause(ctx, r.after); err != nil {
				return err
			}
		case r != nil && r.moved != 0 && c.moves.now(chat) != r.moved:
			c.moves.add(chat, r.moved)
		case errors.Is(err, errNotRich):
			return err
		case lasting(err):
			return verdict(r)
		case partial || try >= tries:
			return err
		default:
			if err := adapter.Pause(ctx, backoff(try, 16*time.Second)); err != nil {
				return err
			}
			try++
		}
	}
}

func once(ctx context.Context, chat int64, do func(ctx context.Context, chat int64) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	return do(ctx, chat)
}

// verdict says what an answer of Telegram's means to the core.
func verdict(r *reply) error {
	switch {
	case r.code == http.StatusUnauthorized:
		return &failure{err: fmt.Errorf("%w: %w", r, channels.ErrRejected), say: sayRejected}
	case r.code == http.StatusForbidden,
		r.says("chat not found", "peer_id_invalid", "user is deactivated", "group chat was deactivated", "chat_write_forbidden",
			"bot was kicked", "bot is not a member", "not enough rights to send", "have no rights to send",
			"message thread not found", "topic_closed", "topic_deleted"):
		return &failure{err: fmt.Errorf("%w: %w", r, channels.ErrGone), say: "Telegram does not let the bot write there: it was blocked or removed, or may not write."}
	case r.code == http.StatusBadRequest && r.says(refusals...):
		return &failure{err: fmt.Errorf("%w: %w", r, errors.ErrUnsupported), say: "Telegram does not take this text or its buttons."}
	}
	return r
}

// refusals are how Telegram says that a message is wrong in itself: it will not be taken the next time either.
var refusals = []string{
	"can't parse entities", "can't parse reply", "can't parse inline", "message is too long", "message_too_long", "caption is too long", "media_caption_too_long", "message text is empty",
	"text must be non-empty", "message must be non-empty", "text must be encoded in utf-8", "strings must be encoded in utf-8", "entities_too_long", "entity_bounds_invalid",
	"button_data_invalid", "button_url_invalid", "button_type_invalid", "button_invalid", "reply_markup_invalid", "reply_markup_too_long",
	"inline keyboard button", "wrong http url",
}

const sayRejected = "Telegram refused the bot token. Get a good one from @BotFather and store it: gateway channels set telegram bot_token"

// failure is an error with a sentence for people.
type failure struct {
	err error
	say string
}

func (f *failure) Error() string       { return f.err.Error() }
func (f *failure) Unwrap() error       { return f.err }
func (f *failure) UserMessage() string { return f.say }

// backoff is how long to wait before try n+1: half a second, doubled each time, with jitter.
func backoff(n int, most time.Duration) time.Duration {
	return adapter.Backoff(n, 500*time.Millisecond, most)
}

// reason says in a few words why the server cannot be reached. It holds no address but the server's name.
func reason(err error) string {
	var dns *net.DNSError
	var r *reply
	switch {
	case errors.As(err, &dns):
		return "the name " + dns.Name + " is not found"
	case errors.As(err, &r):
		return fmt.Sprintf("it answers %d %s", r.code, http.StatusText(r.code))
	case errors.Is(err, context.DeadlineExceeded):
		return "it does not answer"
	}
	return "the connection fails"
}

// maxButtons is what a keyboard holds; the rest is left out.
const maxButtons = 100

// buttons makes an inline keyboard; "" if there are no choices. A button whose address Telegram refuses, because its
// host has no dot, is left out: linked puts its address into the text.
func buttons(choices []channels.Choice) (string, error) {
	type button struct {
		Text string `json:"text"`
		Data string `json:"callback_data,omitempty"`
		URL  string `json:"url,omitempty"`
	}
	var rows [][]button
	width := 0
	for _, ch := range choices[:min(len(choices), maxButtons)] {
		b := button{Text: orDots(ch.Label), Data: string(ch.Press), URL: ch.URL}
		switch {
		case b.URL != "" && !linkable(b.URL):
			continue
		case b.URL != "":
			b.Data = ""
		case b.Data == "" || len(b.Data) > 64:
			return "", errors.New("telegram: a button needs a press of 1 to 64 bytes")
		}
		n := len([]rune(b.Text)) + 4
		if last := len(rows) - 1; last >= 0 && len(rows[last]) < 3 && width+n <= 36 {
			rows[last] = append(rows[last], b)
			width += n
			continue
		}
		rows, width = append(rows, []button{b}), n
	}
	if rows == nil {
		return "", nil
	}
	k, err := json.Marshal(map[string]any{"inline_keyboard": rows})
	return string(k), err
}

func linkable(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && strings.Contains(u.Hostname(), ".")
}

// linked is the text of a post with the addresses that no button can lead to.
func linked(p channels.Post) string {
	text := p.Text
	for _, ch := range p.Choices {
		if ch.URL != "" && !linkable(ch.URL) && !strings.Contains(text, ch.URL) {
			text += "\n\n" + ch.Label + ": " + ch.URL
		}
	}
	return text
}
