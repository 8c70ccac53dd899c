package slack

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	slackgo "github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

// A command or a press brings an address (response_url) at which it can be answered five times within thirty minutes,
// also to one person alone, and also where the bot is no member.

const (
	replyTime  = 30*time.Minute - 30*time.Second
	replyTimes = 5
	repliesMax = 5000

	pressMark = "press." // begins the action ids of choices
	linkMark  = "link."
	askMark   = "ask."
)

// reply is the right to answer a command or a press.
type reply struct {
	url     string
	user    channels.UserID
	conv    channels.ConversationID
	until   time.Time
	foreign bool // given where the bot is not: in the direct messages of two people

	mu   sync.Mutex
	left int // guarded by mu
}

// use takes one of the times that a reply can be used.
func (r *reply) use() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left <= 0 || time.Now().After(r.until) {
		return false
	}
	r.left--
	return true
}

// wireSlash is a slash command.
type wireSlash struct {
	Command  string `json:"command"`
	Text     string `json:"text"`
	User     string `json:"user_id"`
	UserName string `json:"user_name"`
	Channel  string `json:"channel_id"`
	Thread   string `json:"thread_ts"`
	Team     string `json:"team_id"`
	Trigger  string `json:"trigger_id"`
	URL      string `json:"response_url"`
}

// wireAction is an interaction: a press, or a form.
type wireAction struct {
	Type    string `json:"type"`
	Trigger string `json:"trigger_id"`
	URL     string `json:"response_url"`
	User    struct {
		ID       string `json:"id"`
		Name     string `json:"name"`
		UserName string `json:"username"`
		Team     string `json:"team_id"`
	} `json:"user"`
	Team *struct {
		ID string `json:"id"`
	} `json:"team"`
	Channel struct {
		ID string `json:"id"`
	} `json:"channel"`
	Message struct {
		TS     string `json:"ts"`
		Thread string `json:"thread_ts"`
	} `json:"message"`
	Container struct {
		Message string `json:"message_ts"`
		Channel string `json:"channel_id"`
		Thread  string `json:"thread_ts"`
		Hidden  bool   `json:"is_ephemeral"`
	} `json:"container"`
	Actions []struct {
		ID       string `json:"action_id"`
		Value    string `json:"value"`
		Selected *struct {
			Value string `json:"value"`
		} `json:"selected_option"`
	} `json:"actions"`
	View struct {
		Callback string `json:"callback_id"`
		Private  string `json:"private_metadata"`
		State    struct {
			Values map[string]map[string]struct {
				Value string `json:"value"`
			} `json:"values"`
		} `json:"state"`
	} `json:"view"`
}

// takeSlash hands in a slash command.
func (c *channel) takeSlash(in *inbox, cn *conn, r socketmode.Request) {
	var w wireSlash
	if err := json.Unmarshal(r.Payload, &w); err != nil || w.User == "" || !idShape.MatchString(w.Channel) {
		c.log.Warn("slack: a command is not as it should be", "err", err)
		cn.ack(r.EnvelopeID, nil)
		return
	}
	in.put(envelope{cn, r.EnvelopeID, func(ctx context.Context) (channels.Message, bool, error) {
		m := channels.Message{Conversation: conversation(w.Channel, w.Thread), ID: "s." + digest(w.Trigger, r.EnvelopeID), From: channels.UserID(w.User),
			FromName: w.UserName, Addressed: true, Time: time.Now()}
		m.Private = c.ownDirect(ctx, w.Channel, m.From)
		if !m.Private {
			m.Places = places(w.Team, w.Channel)
		}
		m.Text = c.slash(w.Command, plain(w.Text, c.identity().user, func(id string) string { return c.people.name(ctx, id) }))
		c.keep(m.ID, &reply{url: w.URL, user: m.From, conv: m.Conversation, until: m.Time.Add(replyTime), left: replyTimes,
			foreign: !m.Private && w.Channel[0] == 'D'})
		c.heard(m, w.Team)
		return m, true, nil
	}})
}

// takeInteraction deals with a form at once, and hands in a press.
func (c *channel) takeInteraction(ctx context.Context, in *inbox, cn *conn, r socketmode.Request) {
	var w wireAction
	if err := json.Unmarshal(r.Payload, &w); err != nil {
		c.log.Warn("slack: an interaction is not as it should be", "type", w.Type)
		cn.ack(r.EnvelopeID, nil)
		return
	}
	switch {
	case w.Type == "view_submission":
		c.tasks.Go(func() { cn.ack(r.EnvelopeID, c.asks.submit(w)) })
	case w.Type == "block_actions" && len(w.Actions) > 0 && strings.HasPrefix(w.Actions[0].ID, askMark):
		cn.ack(r.EnvelopeID, nil)
		c.tasks.Go(func() { c.asks.press(ctx, w) })
	case w.Type == "block_actions" && len(w.Actions) > 0 && strings.HasPrefix(w.Actions[0].ID, pressMark):
		in.put(envelope{cn, r.EnvelopeID, func(ctx context.Context) (channels.Message, bool, error) {
			m, ok := c.press(ctx, w)
			return m, ok, nil
		}})
	default:
		cn.ack(r.EnvelopeID, nil) // a link was opened, or what the bot does not show
	}
}

// press makes a Message of a press.
func (c *channel) press(ctx context.Context, w wireAction) (channels.Message, bool) {
	a := w.Actions[0]
	value := a.Value
	if a.Selected != nil {
		value = a.Selected.Value
	}
	ch, id := w.where()
	if value == "" || w.User.ID == "" || !idShape.MatchString(ch) {
		return channels.Message{}, false
	}
	m := channels.Message{Conversation: c.convOf(w), ID: "p." + channels.MessageID(digest(w.Trigger, a.ID+string(id))), Answers: id,
		From: channels.UserID(w.User.ID), FromName: first(w.User.Name, w.User.UserName), Press: channels.PressID(value), Addressed: true, Time: time.Now()}
	m.Private = c.ownDirect(ctx, ch, m.From)
	team := w.User.Team
	if w.Team != nil {
		team = first(w.Team.ID, team)
	}
	if !m.Private {
		m.Places = places(team, ch)
	}
	c.keepPress(w, m.ID)
	c.heard(m, first(w.User.Team, team))
	return m, true
}

// where gives the channel of an interaction and the message that bears the button.
func (w wireAction) where() (ch string, id channels.MessageID) {
	ch = first(w.Container.Channel, w.Channel.ID)
	id = messageID(ch, first(w.Container.Message, w.Message.TS))
	if w.Container.Hidden {
		id = hiddenMark + id
	}
	return ch, id
}

// convOf gives the conversation in which a button was pressed.
func (c *channel) convOf(w wireAction) channels.ConversationID {
	ch, id := w.where()
	if conv, ok := c.sent.conv(id); ok {
		return conv
	}
	return conversation(ch, first(w.Container.Thread, w.Message.Thread))
}

// keepPress remembers that a press can be answered, and that by it the message which bears the button can be changed.
func (c *channel) keepPress(w wireAction, ids ...channels.MessageID) {
	ch, id := w.where()
	r := &reply{url: w.URL, user: channels.UserID(w.User.ID), conv: c.convOf(w), until: time.Now().Add(replyTime), left: replyTimes,
		foreign: ch[0] == 'D' && hidden(id)}
	for _, of := range ids {
		c.keep(of, r)
	}
	if hidden(id) {
		c.keep(id, r)
	}
}

// keep remembers a reply.
func (c *channel) keep(id channels.MessageID, r *reply) {
	if r.url == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.replies) > repliesMax {
		now := time.Now()
		for k, r := range c.replies {
			if now.After(r.until) {
				delete(c.replies, k)
			}
		}
		if len(c.replies) > repliesMax {
			clear(c.replies)
		}
	}
	c.replies[id] = r
}

// replyFor finds the reply by which a post can be shown: that of what it answers, else the last one of its person
// there. nil: none.
func (c *channel) replyFor(p channels.Post) *reply {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if r, ok := c.replies[p.Answers]; ok && now.Before(r.until) && (p.Only == "" || r.user == p.Only) {
		return r
	}
	if p.Only == "" {
		return nil
	}
	var last *reply
	for _, r := range c.replies {
		if r.user == p.Only && r.conv == p.To && now.Before(r.until) && (last == nil || r.until.After(last.until)) {
			last = r
		}
	}
	return last
}

// ownDirect reports whether a channel is the bot's direct conversation with a person. Commands can be given in the
// direct conversations of others too.
func (c *channel) ownDirect(ctx context.Context, ch string, user channels.UserID) bool {
	if ch[0] != 'D' {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	conv, err := c.Direct(ctx, user)
	if err != nil {
		c.log.Warn("slack: it is not known if a conversation is private; taken as if it were not", "err", err)
		return false
	}
	return conv == channels.ConversationID(ch)
}

// digest makes an id of what is a secret for a while; other is taken where that is missing.
func digest(secret, other string) channels.MessageID {
	sum := sha256.Sum256([]byte(first(secret, other)))
	return channels.MessageID(base64.RawURLEncoding.EncodeToString(sum[:12]))
}

// greet offers something to begin with in a new assistant thread, and notes that it has no title yet.
func (c *channel) greet(ctx context.Context, ch, thread string) {
	c.mu.Lock()
	adapter.Remember(c.untold, 1000, conversation(ch, thread), true)
	c.mu.Unlock()
	params := slackgo.AssistantThreadsSetSuggestedPromptsParameters{ChannelID: ch, ThreadTS: thread}
	for _, p := range prompts(c.knows) {
		params.AddPrompt(p[0], p[1])
	}
	err := c.do(ctx, call{what: "offer prompts", method: "assistant.threads.setSuggestedPrompts"}, func(ctx context.Context, api *slackgo.Client) error {
		return api.SetAssistantThreadsSuggestedPromptsContext(ctx, params)
	})
	if err != nil {
		c.log.Warn("slack: a new thread has no suggested prompts", "err", err)
	}
}

// prompts are what a new assistant thread offers: title and message.
func prompts(knows func(string) bool) [][2]string {
	list := [][2]string{{"What can you do?", "What can you help me with?"}}
	for _, p := range [][2]string{{"Sign in to a model", "login"}, {"Choose a model", "model"}, {"List the commands", "help"}} {
		if knows(p[1]) {
			list = append(list, [2]string{p[0], "!" + p[1]})
		}
	}
	return list
}

const titleTime = 5 * time.Second

// title names an assistant thread by the first thing that is said in it and is no command.
func (c *channel) title(ctx context.Context, m channels.Message) {
	to, err := parseConversation(m.Conversation)
	if err != nil || m.Text == "" || strings.HasPrefix(m.Text, "/") {
		return
	}
	c.mu.Lock()
	untold := c.untold[m.Conversation]
	delete(c.untold, m.Conversation)
	c.mu.Unlock()
	if !untold {
		return
	}
	line, _, _ := strings.Cut(m.Text, "\n")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), titleTime) // the message is handed in meanwhile
	c.tasks.Go(func() {
		defer cancel()
		err := c.do(ctx, call{what: "title a thread", method: "assistant.threads.setTitle"}, func(ctx context.Context, api *slackgo.Client) error {
			return api.SetAssistantThreadsTitleContext(ctx, slackgo.AssistantThreadsSetTitleParameters{ChannelID: to.channel, ThreadTS: to.thread, Title: adapter.Clip(line, 60)})
		})
		if err != nil {
			c.log.Debug("slack: a thread has no title", "err", fmt.Sprint(err))
		}
	})
}
