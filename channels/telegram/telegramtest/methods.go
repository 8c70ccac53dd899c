package telegramtest

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"
)

type method struct {
	name string
	do   func(s *Server, ctx context.Context, b *Bot, p params) (any, error)
}

// methods by their names in lower case.
var methods = index(map[string]deed{
	"getMe": getMe, "getChat": getChat, "sendMessage": sendMessage, "editMessageText": editText,
	"editMessageCaption": editCaption, "editMessageReplyMarkup": editMarkup, "deleteMessage": deleteMessage,
	"sendChatAction": chatAction, "answerCallbackQuery": answerCallback, "sendMessageDraft": sendDraft, "sendRichMessage": sendRich, "sendRichMessageDraft": sendRichDraft,
	"sendPhoto": sendFile("photo"), "sendDocument": sendFile("document"), "sendVoice": sendFile("voice"), "getFile": getFile,
	"setMyCommands": setMenu, "getMyCommands": getMenu, "deleteMyCommands": deleteMenu,
	"setWebhook": setWebhook, "deleteWebhook": deleteWebhook, "getWebhookInfo": webhookInfo, "createForumTopic": createTopic,
})

// deed carries out a method; it holds the lock. chat is where it did so, for those who watch.
type deed func(s *Server, b *Bot, p params) (result any, chat int64, err error)

func index(deeds map[string]deed) map[string]method {
	list := map[string]method{"getupdates": {"getUpdates", getUpdates}}
	for name, f := range deeds {
		list[strings.ToLower(name)] = method{name, func(s *Server, _ context.Context, b *Bot, p params) (any, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			result, chat, err := f(s, b, p)
			m, _ := result.(*Message)
			if m != nil {
				m = clone(m) // what leaves the lock changes no more
				result = m
			}
			s.note(b, name, p, chat, m, err)
			return result, err
		}}
	}
	return list
}

func getMe(_ *Server, b *Bot, _ params) (any, int64, error) {
	u := b.user
	u.CanJoinGroups, u.CanReadAll, u.Inline = yes(true), yes(!b.private), yes(false)
	return u, 0, nil
}

func getChat(s *Server, b *Bot, p params) (any, int64, error) {
	c, err := s.lookup(b, p)
	if err != nil {
		return nil, 0, err
	}
	return c.info, c.info.ID, nil
}

// prepared is what a message of a bot's needs besides its content.
type prepared struct {
	chat     *Chat
	thread   int64
	reply    *Message
	keyboard *Keyboard
}

// prepare checks where a message goes. The lock is held.
func (s *Server) prepare(b *Bot, p params) (prepared, error) {
	var to prepared
	var err error
	if to.keyboard, err = keyboard(p); err != nil {
		return to, err
	}
	if to.chat, err = s.lookup(b, p); err != nil {
		return to, err
	}
	if in := to.chat.bots[b]; in != nil && in.mute {
		return to, bad("not enough rights to send text messages to the chat")
	}
	if to.chat.info.Type == "channel" && !to.chat.bots[b].admin {
		return to, forbid("bot is not a member of the channel chat")
	}
	var r struct {
		ID    int64 `json:"message_id"`
		Loose bool  `json:"allow_sending_without_reply"`
	}
	if _, err := p.object("reply_parameters", &r); err != nil {
		return to, bad("can't parse reply parameters JSON object")
	}
	if r.ID == 0 {
		r.ID, r.Loose = p.num("reply_to_message_id"), p.yes("allow_sending_without_reply")
	}
	if r.ID != 0 {
		if m := to.chat.find(r.ID); m != nil {
			to.reply = clone(m)
			to.reply.ReplyTo = nil
		} else if !r.Loose {
			return to, bad("message to be replied not found")
		}
	}
	to.thread = p.num("message_thread_id")
	if to.thread != 0 && to.chat.topics[to.thread] == "" {
		return to, bad("message thread not found") // so it is for the General topic, whose id is 1
	}
	if to.thread == 0 && to.reply != nil && to.reply.InTopic {
		to.thread = to.reply.Thread
	}
	return to, s.rate(to.chat)
}

// post puts a message of a bot's into its chat. The lock is held.
func (b *Bot) post(to prepared, m *Message) *Message {
	m.Keyboard, m.ReplyTo = to.keyboard, to.reply
	if to.thread != 0 {
		m.Thread, m.InTopic = to.thread, true
	}
	u := b.user
	m.From = &u
	c := to.chat
	if c.info.Type == "channel" {
		info := c.info
		m.From, m.SenderChat = nil, &info
	}
	c.add(m)
	c.draft, c.lastBot = "", b
	return m
}

func keyboard(p params) (*Keyboard, error) {
	var k Keyboard
	ok, err := p.object("reply_markup", &k)
	if err != nil {
		return nil, bad("can't parse reply keyboard markup JSON object")
	}
	n := 0
	for _, row := range k.Rows {
		for _, b := range row {
			n++
			switch {
			case b.Text == "":
				return nil, bad("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
			case b.URL != "":
				if u, err := url.Parse(b.URL); err != nil || !strings.Contains(u.Hostname(), ".") {
					return nil, bad("inline keyboard button URL '" + b.URL + "' is invalid: Wrong HTTP URL")
				}
			case len(b.Data) < 1 || len(b.Data) > 64:
				return nil, bad("BUTTON_DATA_INVALID")
			}
		}
	}
	if n > 100 {
		return nil, bad("reply markup is too long")
	}
	if !ok || n == 0 {
		return nil, nil //nolint:nilnil // no keyboard is no error
	}
	return &k, nil
}

// format reads a text with its parse_mode.
func format(p params, key string, limit int, tooLong string) (string, []Entity, error) {
	text := p.values[key]
	var entities []Entity
	switch mode := strings.ToLower(p.values["parse_mode"]); mode {
	case "":
		if _, err := p.object("entities", &entities); err != nil {
			return "", nil, bad("can't parse entities JSON object")
		}
	case "html":
		var err error
		if text, entities, err = parseHTML(text); err != nil {
			return "", nil, bad("can't parse entities: " + err.Error())
		}
	case "markdown", "markdownv2": // taken as it is: nobody here sends it
	default:
		return "", nil, bad("unsupported parse_mode")
	}
	whole := text
	text = strings.TrimRight(text, " \t\r\n")
	left := strings.TrimLeft(text, " \t\r\n")
	shift := units(whole[:len(text)-len(left)])
	for i := range entities {
		entities[i].Offset = max(0, entities[i].Offset-shift)
	}
	if units(left) > limit {
		return "", nil, bad(tooLong)
	}
	return left, entities, nil
}

func sendMessage(s *Server, b *Bot, p params) (any, int64, error) {
	if strings.TrimSpace(p.values["text"]) == "" {
		return nil, 0, bad("message text is empty")
	}
	text, entities, err := format(p, "text", 4096, "message is too long")
	if err != nil {
		return nil, 0, err
	}
	if text == "" {
		return nil, 0, bad("message text is empty")
	}
	to, err := s.prepare(b, p)
	if err != nil {
		return nil, 0, err
	}
	m := b.post(to, &Message{Text: text, Entities: entities})
	return m, to.chat.info.ID, nil
}

// editable finds a message of the bot's own to change.
func (s *Server) editable(b *Bot, p params) (*Chat, *Message, *Keyboard, error) {
	k, err := keyboard(p)
	if err != nil {
		return nil, nil, nil, err
	}
	c, err := s.lookup(b, p)
	if err != nil {
		return nil, nil, nil, err
	}
	m := c.find(p.num("message_id"))
	if m == nil {
		return nil, nil, nil, bad("message to edit not found")
	}
	if m.From != nil && m.From.ID != b.user.ID {
		return nil, nil, nil, bad("message can't be edited")
	}
	return c, m, k, nil
}

func (s *Server) changed(c *Chat, m *Message, n Message) (any, int64, error) {
	if n.Text == m.Text && sameRich(n.Rich, m.Rich) && n.Caption == m.Caption && slices.Equal(n.Entities, m.Entities) &&
		slices.Equal(n.CaptionEntities, m.CaptionEntities) && sameKeyboard(n.Keyboard, m.Keyboard) {
		return nil, 0, bad("message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message")
	}
	if err := s.rate(c); err != nil {
		return nil, 0, err
	}
	n.EditDate = time.Now().Unix()
	*m = n
	return m, c.info.ID, nil
}

func sameKeyboard(a, b *Keyboard) bool {
	if a == nil || b == nil {
		return a == b
	}
	return slices.EqualFunc(a.Rows, b.Rows, func(x, y []Button) bool { return slices.Equal(x, y) })
}

func editText(s *Server, b *Bot, p params) (any, int64, error) {
	if p.values["rich_message"] != "" && p.values["text"] == "" {
		return editRich(s, b, p)
	}
	text, entities, err := format(p, "text", 4096, "message is too long")
	if err != nil {
		return nil, 0, err
	}
	if text == "" {
		return nil, 0, bad("message text is empty")
	}
	c, m, k, err := s.editable(b, p)
	if err != nil {
		return nil, 0, err
	}
	if m.Text == "" && m.Rich == nil {
		return nil, 0, bad("there is no text in the message to edit")
	}
	n := *clone(m)
	n.Text, n.Entities, n.Keyboard, n.Rich = text, entities, k, nil
	return s.changed(c, m, n)
}

func editCaption(s *Server, b *Bot, p params) (any, int64, error) {
	text, entities, err := format(p, "caption", 1024, "message caption is too long")
	if err != nil {
		return nil, 0, err
	}
	c, m, k, err := s.editable(b, p)
	if err != nil {
		return nil, 0, err
	}
	if m.Text != "" {
		return nil, 0, bad("there is no caption in the message to edit")
	}
	n := *clone(m)
	n.Caption, n.CaptionEntities, n.Keyboard = text, entities, k
	return s.changed(c, m, n)
}

func editMarkup(s *Server, b *Bot, p params) (any, int64, error) {
	c, m, k, err := s.editable(b, p)
	if err != nil {
		return nil, 0, err
	}
	n := *clone(m)
	n.Keyboard = k
	return s.changed(c, m, n)
}

func deleteMessage(s *Server, b *Bot, p params) (any, int64, error) {
	c, err := s.lookup(b, p)
	if err != nil {
		return nil, 0, err
	}
	m := c.find(p.num("message_id"))
	if m == nil {
		return nil, 0, bad("message to delete not found")
	}
	own := m.From != nil && m.From.ID == b.user.ID
	in := c.bots[b]
	allowed := own || c.info.Type == "private" || (in != nil && in.deletes)
	if !allowed || time.Since(time.Unix(m.Date, 0)) > 48*time.Hour || m.MigrateFrom != 0 || m.TopicCreated != nil {
		return nil, 0, bad("message can't be deleted")
	}
	c.gone[m.ID] = true
	return true, c.info.ID, nil
}

func chatAction(s *Server, b *Bot, p params) (any, int64, error) {
	known := []string{"typing", "upload_photo", "record_voice", "upload_voice", "upload_document", "choose_sticker"}
	if !slices.Contains(known, p.values["action"]) {
		return nil, 0, bad("wrong parameter action in request")
	}
	c, err := s.lookup(b, p)
	if err != nil {
		return nil, 0, err
	}
	if t := p.num("message_thread_id"); t != 0 && c.topics[t] == "" && (t != 1 || !c.info.IsForum) {
		return nil, 0, bad("message thread not found") // an action in the General topic does name it
	}
	c.actions = append(c.actions, p.values["action"])
	return true, c.info.ID, nil
}

func answerCallback(s *Server, b *Bot, p params) (any, int64, error) {
	pr := s.presses[p.values["callback_query_id"]]
	if pr == nil || pr.bot != b.user.ID || pr.answered || time.Since(pr.at) > 15*time.Minute {
		return nil, 0, bad("query is too old and response timeout expired or query ID is invalid")
	}
	if units(p.values["text"]) > 200 {
		return nil, 0, bad("MESSAGE_TOO_LONG")
	}
	pr.answered, pr.text = true, p.values["text"]
	return true, 0, nil
}

func sendDraft(s *Server, b *Bot, p params) (any, int64, error) {
	if p.num("draft_id") == 0 {
		return nil, 0, bad("RANDOM_ID_INVALID")
	}
	text, _, err := format(p, "text", 4096, "message is too long")
	if err != nil {
		return nil, 0, err
	}
	return s.draft(b, p, text)
}

func createTopic(s *Server, b *Bot, p params) (any, int64, error) {
	c, err := s.lookup(b, p)
	if err != nil {
		return nil, 0, err
	}
	if !c.info.IsForum {
		return nil, 0, bad("the chat is not a forum")
	}
	u := b.user
	m := c.add(&Message{From: &u, InTopic: true, TopicCreated: &Topic{Name: p.values["name"], Color: 7322096}})
	m.Thread = m.ID
	c.topics[m.ID] = p.values["name"]
	return map[string]any{"message_thread_id": m.ID, "name": p.values["name"], "icon_color": 7322096}, c.info.ID, nil
}

func setWebhook(_ *Server, b *Bot, p params) (any, int64, error) {
	if p.values["url"] != "" && !strings.HasPrefix(p.values["url"], "https://") {
		return nil, 0, bad("bad webhook: An HTTPS URL must be provided for webhook")
	}
	b.setWebhook(p.values["url"])
	return true, 0, nil
}

func deleteWebhook(_ *Server, b *Bot, p params) (any, int64, error) {
	b.webhook = ""
	if p.yes("drop_pending_updates") {
		b.queue = nil
	}
	return true, 0, nil
}

func webhookInfo(_ *Server, b *Bot, _ params) (any, int64, error) {
	return map[string]any{"url": b.webhook, "has_custom_certificate": false, "pending_update_count": len(b.queue)}, 0, nil
}
