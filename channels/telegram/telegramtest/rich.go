package telegramtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	xhtml "golang.org/x/net/html"
)

// What a rich message may hold at the most.
const (
	richChars, richBlocks, richLevels, richColumns = 32768, 500, 16, 20
)

// richTags are the tags of the HTML of rich messages, without those of media; true: it is a block.
var richTags = map[string]bool{
	"p": true, "h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true, "pre": true, "blockquote": true, "ul": true, "ol": true,
	"li": true, "table": true, "tr": true, "hr": true, "tg-math-block": true, "details": true, "footer": true, "aside": true,
	"td": false, "th": false, "b": false, "strong": false, "i": false, "em": false, "u": false, "ins": false, "s": false, "strike": false,
	"del": false, "code": false, "a": false, "br": false, "tg-math": false, "mark": false, "sub": false, "sup": false, "tg-spoiler": false,
	"caption": false, "summary": false, "cite": false,
}

// richMessage reads the parameter rich_message, as strictly as its documentation: tags that are not listed, are not
// closed or are too many or too deep are refused.
func richMessage(p params) (*Rich, error) {
	var in struct {
		HTML     string `json:"html"`
		Markdown string `json:"markdown"`
	}
	if ok, err := p.object("rich_message", &in); !ok || err != nil || (in.HTML == "") == (in.Markdown == "") {
		return nil, bad("can't parse rich message")
	}
	text, err := richText(in.HTML)
	if err != nil {
		return nil, bad("RICH_MESSAGE_INVALID: " + err.Error())
	}
	if text += in.Markdown; strings.TrimSpace(text) == "" {
		return nil, bad("RICH_MESSAGE_EMPTY")
	}
	return &Rich{Blocks: []RichBlock{{"paragraph", text}}, HTML: in.HTML}, nil
}

// richText gives the text that s shows.
func richText(s string) (string, error) {
	var text strings.Builder
	var open []string
	blocks, columns := 0, 0
	for z := xhtml.NewTokenizer(strings.NewReader(s)); ; {
		kind := z.Next()
		t := z.Token()
		switch kind {
		case xhtml.ErrorToken:
			if len(open) > 0 || blocks > richBlocks || units(text.String()) > richChars {
				return "", fmt.Errorf("%v open, %d blocks, %d characters", open, blocks, units(text.String()))
			}
			return text.String(), nil
		case xhtml.TextToken:
			text.WriteString(t.Data)
		case xhtml.StartTagToken, xhtml.SelfClosingTagToken:
			block, known := richTags[t.Data]
			if !known || slices.Contains(open, "tg-math") || slices.Contains(open, "tg-math-block") {
				return "", fmt.Errorf("tag %q", t.Data)
			}
			if block {
				blocks++
			}
			if columns++; t.Data == "tr" {
				columns = 0
			}
			if kind == xhtml.StartTagToken {
				open = append(open, t.Data)
			}
			if len(open) > richLevels || (t.Data == "td" || t.Data == "th") && columns > richColumns {
				return "", fmt.Errorf("%d levels, %d columns", len(open), columns)
			}
		case xhtml.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != t.Data {
				return "", fmt.Errorf("</%s> closes %v", t.Data, open)
			}
			open = open[:len(open)-1]
		default:
			return "", fmt.Errorf("%q", t.Data)
		}
	}
}

func sameRich(a, b *Rich) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.HTML == b.HTML && slices.Equal(a.Blocks, b.Blocks)
}

func sendRich(s *Server, b *Bot, p params) (any, int64, error) {
	rich, err := richMessage(p)
	if err != nil {
		return nil, 0, err
	}
	to, err := s.prepare(b, p)
	if err != nil {
		return nil, 0, err
	}
	return b.post(to, &Message{Rich: rich}), to.chat.info.ID, nil
}

func editRich(s *Server, b *Bot, p params) (any, int64, error) {
	rich, err := richMessage(p)
	if err != nil {
		return nil, 0, err
	}
	c, m, k, err := s.editable(b, p)
	if err != nil {
		return nil, 0, err
	}
	if m.Text == "" && m.Rich == nil {
		return nil, 0, bad("there is no text in the message to edit")
	}
	n := *clone(m)
	n.Text, n.Entities, n.Keyboard, n.Rich = "", nil, k, rich
	return s.changed(c, m, n)
}

func sendRichDraft(s *Server, b *Bot, p params) (any, int64, error) {
	if p.num("draft_id") == 0 {
		return nil, 0, bad("RANDOM_ID_INVALID")
	}
	rich, err := richMessage(p)
	if err != nil {
		return nil, 0, err
	}
	return s.draft(b, p, rich.Blocks[0].Text)
}

// draft shows a draft in a private chat. The lock is held.
func (s *Server) draft(b *Bot, p params, text string) (any, int64, error) {
	c, err := s.lookup(b, p)
	if err != nil {
		return nil, 0, err
	}
	if c.info.Type != "private" {
		return nil, 0, bad("TEXTDRAFT_PEER_INVALID")
	}
	c.draft, c.draftID = text, 0
	if p.yes("can_stop") {
		c.draftID = p.num("draft_id")
	}
	return true, c.info.ID, nil
}

// StopDraft makes the person press the button under the draft that a private chat shows.
func (s *Server) StopDraft(c *Chat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.draft == "" || c.draftID == 0 {
		panic("telegramtest: there is no draft that can be stopped")
	}
	c.bot.push("stopped_message_generation", map[string]any{"chat": c.info, "draft_id": c.draftID}, 24*time.Hour)
}
