package telegram

import (
	"encoding/json"
	"fmt"
	"strings"

	"chatgateway/channels"
)

// Bounds of what is given of a message that another answers.
const (
	maxQuote = 8 << 10 // bytes
	maxOwn   = 400     // … of one of the bot's own: the model has said it, and needs to know which is meant
)

// quoted is what a message answers, as attachments: whoever answers "what is this?" to a picture means the picture.
// Of the bot's own messages in groups, where answering is the way to address it, only what was marked is given.
func (p *poller) quoted(m *message) []channels.Attachment {
	r := m.ReplyTo
	if r != nil && r.TopicCreated != nil {
		r = nil
	}
	own := r != nil && r.From != nil && r.From.ID == p.me().ID
	text, name := m.Quote.Text, "the passage that this answers"
	var files []channels.Attachment
	switch {
	case text != "":
	case r == nil, own && m.Chat.ID < 0:
		return nil
	default:
		text, name = r.words(), "the message that this answers"
	}
	if r != nil && !own {
		files = p.files(r)
		if by := r.author(); by != "" {
			name += ", by " + by
		}
	}
	most := maxQuote
	if own {
		most = maxOwn
	}
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + " …"
	}
	if strings.TrimSpace(text) != "" {
		files = append([]channels.Attachment{channels.AsText(name, text)}, files...)
	}
	return files
}

// words are what a message says, whatever its kind.
func (m *message) words() string {
	for _, s := range []string{m.Text, m.Caption} {
		if s != "" {
			return s
		}
	}
	var b strings.Builder
	if m.Rich != nil {
		flatten(&b, m.Rich)
	}
	return strings.TrimSpace(b.String())
}

// flatten writes what a rich message says, a line for each of its pieces that stand for themselves.
func flatten(b *strings.Builder, raw json.RawMessage) {
	var text string
	var list []json.RawMessage
	var block struct {
		Text, Summary, Blocks, Items, Cells, Expression, Caption json.RawMessage
	}
	switch {
	case json.Unmarshal(raw, &text) == nil:
		b.WriteString(text)
	case json.Unmarshal(raw, &list) == nil:
		for _, r := range list {
			flatten(b, r)
		}
	case json.Unmarshal(raw, &block) == nil:
		for _, r := range []json.RawMessage{block.Summary, block.Text, block.Expression, block.Cells, block.Blocks, block.Items, block.Caption} {
			if r != nil {
				flatten(b, r)
			}
		}
		var kind struct{ Type string }
		if _ = json.Unmarshal(raw, &kind); standing[kind.Type] {
			b.WriteByte('\n')
		} else if kind.Type == "" { // a cell
			b.WriteByte(' ')
		}
	}
}

// standing are the pieces of a rich message that end a line.
var standing = map[string]bool{
	"paragraph": true, "heading": true, "pre": true, "footer": true, "divider": true, "list": true,
	"blockquote": true, "pullquote": true, "table": true, "details": true,
}

// author is who wrote a message, by name.
func (m *message) author() string {
	switch {
	case m.SenderChat != nil:
		return m.SenderChat.Title
	case m.From != nil:
		return plainName(m.From)
	}
	return ""
}

// data are the things in a message that are no files, as text.
func (m *message) data() (list []channels.Attachment) {
	if v := m.Venue; v != nil {
		list = append(list, channels.AsText("a place", fmt.Sprintf("%s, %s (latitude %g, longitude %g)", v.Title, v.Address, v.Location.Latitude, v.Location.Longitude)))
	} else if l := m.Location; l != nil {
		list = append(list, channels.AsText("a place", fmt.Sprintf("latitude %g, longitude %g", l.Latitude, l.Longitude)))
	}
	if c := m.Contact; c != nil {
		list = append(list, channels.AsText("a contact", strings.TrimSpace(c.FirstName+" "+c.LastName)+", "+c.Phone))
	}
	if q := m.Poll; q != nil {
		text := q.Question
		for _, o := range q.Options {
			text += "\n- " + o.Text
		}
		list = append(list, channels.AsText("a poll", text))
	}
	for _, odd := range []struct {
		raw  json.RawMessage
		what string
	}{
		{m.Dice, "a dice"}, {m.Story, "a story"}, {m.Checklist, "a checklist"}, {m.PaidMedia, "paid media"}, {m.Game, "a game"}, {m.Invoice, "an invoice"},
	} {
		if odd.raw != nil {
			list = append(list, channels.Attachment{Name: odd.what, Note: "it cannot be read here"})
		}
	}
	return list
}
