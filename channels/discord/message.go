package discord

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

// How a guild channel is listened to.
const (
	listenAlways  = "always"  // to everything that is said to nobody else
	listenMention = "mention" // to what mentions the bot or answers it
	listenOff     = "off"
)

// listen says how a place is listened to: the channel's own setting, else the thread's parent's, the guild's, the
// account's.
func (c *channel) listen(p place) string {
	for _, id := range []string{p.channel, p.parent, p.guild} {
		if m, ok := c.set.Channels[id]; ok && id != "" {
			return m
		}
	}
	switch c.set.GroupPolicy {
	case "open":
		return listenAlways
	case "off":
		return listenOff
	}
	return listenMention
}

// message makes a Message of what Discord tells; ok is false for what is not for the bot. The place is looked up if
// it is not known; fetched says that it was read over REST, which leaves out the sender's roles.
func (c *channel) message(ctx context.Context, m wireMessage, fetched bool) (out channels.Message, ok bool) {
	me := c.identity()
	if m.Author.Bot || m.Author.System || m.Author.ID == "" || m.Author.ID == me.id || m.Webhook != "" ||
		m.Type != messageDefault && m.Type != messageReply {
		return out, false
	}
	if m.Guild == "" && m.Kind != nil && *m.Kind != channelDM {
		return out, false // others would see what is answered
	}
	p := place{channel: m.Channel}
	addressed := true
	if m.Guild != "" {
		p = c.places.of(ctx, m.Guild, m.Channel)
		how := c.listen(p)
		if how == listenOff {
			return out, false
		}
		if addressed = c.addressed(m, p, me.id, how); !addressed {
			return out, false
		}
	}
	out = channels.Message{
		Conversation: p.conversation(), ID: channels.MessageID(m.ID), From: channels.UserID(m.Author.ID), FromName: m.Author.name(),
		Text: c.text(m, me.id), Places: p.ids(), Private: m.Guild == "", Addressed: addressed, Edited: m.Edited != nil && !fetched,
		Time: m.Time, Attachments: c.attachments(m),
	}
	if len(m.Snapshots) > 0 && strings.TrimSpace(m.Content) == "" {
		var beside []channels.Attachment
		out.Text, beside = channels.NoOrder(out.Text)
		out.Attachments = append(beside, out.Attachments...)
	}
	if m.Member != nil {
		out.Roles = m.Member.Roles
		if m.Member.Nick != "" {
			out.FromName = m.Member.Nick
		}
	} else if fetched && m.Guild != "" && len(c.set.Roles) > 0 {
		out.Roles = c.places.rolesOf(ctx, m.Guild, m.Author.ID)
	}
	if m.Reference != nil && m.Reference.Type == 0 && m.Type == messageReply {
		out.Answers = channels.MessageID(m.Reference.Message)
	}
	if out.Text == "" && len(out.Attachments) == 0 && !out.Edited && (m.Guild == "" || !c.mentioned(m, me.id)) {
		return out, false // it shows nothing that can be answered, or Discord hides the text: Run's state says so
	}
	if c.set.Threads && m.Guild != "" && !p.thread && c.mentioned(m, me.id) {
		out.Conversation = c.newThread(m, p)
	}
	return out, true
}

// addressed reports whether a guild message is for the bot.
func (c *channel) addressed(m wireMessage, p place, me, how string) bool {
	if c.mentioned(m, me) || m.Replied != nil && m.Replied.Author.ID == me {
		return true
	}
	others := len(m.Mentions) > 0 || len(m.MentionRoles) > 0 || m.Type == messageReply
	return !others && (how == listenAlways || p.thread && p.owner == me)
}

// mentioned reports whether the bot, or the role that is the bot, is mentioned.
func (c *channel) mentioned(m wireMessage, me string) bool {
	if slices.ContainsFunc(m.Mentions, func(u wireUser) bool { return u.ID == me }) {
		return true
	}
	role := c.places.ownRole(m.Guild)
	return role != "" && slices.Contains(m.MentionRoles, role)
}

// text is what was said, without the mention of the bot, with other people's names in place of their ids.
func (c *channel) text(m wireMessage, me string) string {
	s := m.Content
	for _, snap := range m.Snapshots {
		s = strings.TrimSpace(s + "\n\n" + snap.Message.Content)
	}
	s = strings.TrimSpace(s + "\n\n" + m.extras())
	for _, mention := range []string{"<@" + me + ">", "<@!" + me + ">", "<@&" + c.places.ownRole(m.Guild) + ">"} {
		s = strings.ReplaceAll(s, mention, "")
	}
	for _, u := range m.Mentions {
		s = strings.NewReplacer("<@"+u.ID+">", "@"+u.name(), "<@!"+u.ID+">", "@"+u.name()).Replace(s)
	}
	return strings.TrimSpace(s)
}

// extras tells in words what a message shows besides text and files.
func (m wireMessage) extras() string {
	var parts []string
	for _, s := range m.Stickers {
		parts = append(parts, "[sticker: "+s.Name+"]")
	}
	if m.Poll != nil {
		var answers []string
		for _, a := range m.Poll.Answers {
			if a.Media.Text != "" {
				answers = append(answers, a.Media.Text)
			}
		}
		parts = append(parts, strings.TrimSpace("[poll: "+m.Poll.Question.Text+" "+strings.Join(answers, " / "))+"]")
	}
	return strings.Join(parts, "\n")
}

// attachments lists the files of a message, and of what it forwards. A Ref names the message, for the addresses that
// Discord gives out end after a day.
func (c *channel) attachments(m wireMessage) []channels.Attachment {
	files := m.Attachments
	for _, s := range m.Snapshots {
		files = append(files, s.Message.Attachments...)
	}
	var out []channels.Attachment
	for _, f := range files {
		a := channels.Attachment{Name: f.Filename, Type: f.ContentType, Size: f.Size, Ref: m.Channel + "/" + m.ID + "/" + f.ID}
		if f.Size > c.fileMax() {
			a.Ref, a.Note = "", fmt.Sprintf("larger than %d MB", c.set.AttachmentLimit)
		}
		out = append(out, a)
	}
	return out
}

// newThread gives the conversation of an answer that opens a thread on m. It is opened with the first answer: a
// stranger's mention opens none.
func (c *channel) newThread(m wireMessage, p place) channels.ConversationID {
	c.mu.Lock()
	adapter.Remember(c.threads, 1000, m.ID, adapter.Clip(strings.Join(strings.Fields(c.text(m, c.me.id)), " "), 80))
	c.mu.Unlock()
	return place{guild: p.guild, channel: m.ID, parent: p.channel, thread: true}.conversation()
}
