package telegram

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"unicode"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"chatgateway/channels"
	"chatgateway/markdown"
)

// richMethods are the methods that take a rich message in place of a text.
var richMethods = map[string]string{
	"sendMessage": "sendRichMessage", "sendMessageDraft": "sendRichMessageDraft", "editMessageText": "editMessageText",
}

// errNotRich: the server refused a rich message, and the text is too long for an ordinary one.
var errNotRich = errors.New("refused as a rich message")

// rich reports whether texts may be rich messages: the setting is on, and the server did not say that it has none.
func (c *channel) rich() bool { return c.set.RichMessages && !c.plain.Load() }

// wantsRich reports whether a text is to be a rich message: it is too long for another, or has a table or a formula.
// The rest stays an ordinary message, which every app shows.
func (c *channel) wantsRich(md string) bool {
	return c.rich() && (len(md) > maxText/10 && markdown.TelegramLen(md) > maxText || markdown.NeedsRich(md)) && markdown.TelegramRich(md) != ""
}

// asRich carries out a method with md as a rich message. It reports false if the server refused that: because it
// knows none, or for something in this one.
func (c *channel) asRich(ctx context.Context, method string, params tgbotapi.Params, md string, result any) (bool, error) {
	body, err := json.Marshal(map[string]any{"html": markdown.TelegramRich(md), "skip_entity_detection": true, "is_rtl": rightToLeft(md)})
	if err != nil {
		return false, fmt.Errorf("rich message: %w", err)
	}
	p := maps.Clone(params)
	for _, key := range []string{"text", "parse_mode", "link_preview_options"} {
		delete(p, key)
	}
	p["rich_message"] = string(body)
	err = c.api(c.sends).call(ctx, richMethods[method], p, result)
	r := (*reply)(nil)
	if !errors.As(err, &r) || r.moved != 0 || (r.code != http.StatusBadRequest && r.code != http.StatusNotFound) ||
		r.says("message is not modified", "message to edit not found", "message can't be edited", "message thread not found") {
		return true, err
	}
	c.o.Log.Warn("telegram took no rich message", "account", c.o.Account, "method", richMethods[method], "err", err)
	if r.code == http.StatusNotFound || r.says("message text is empty") { // the method, or the parameter, is not known there
		c.plain.Store(true)
	}
	return false, nil
}

// rightToLeft reports whether the first letter is of a script that is written so.
func rightToLeft(s string) bool {
	for _, r := range s {
		if unicode.IsLetter(r) {
			return unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko)
		}
	}
	return false
}

// editInParts puts the beginning of a text that was refused as a rich message where that stands, and sends the rest.
func (c *channel) editInParts(ctx context.Context, id channels.MessageID, p channels.Post) error {
	text := linked(p)
	head, rest := markdown.Split(text, fitPlain(text))
	if err := c.Edit(ctx, id, channels.Post{To: p.To, Text: head}); err != nil {
		return err
	}
	_, err := c.Send(ctx, channels.Post{To: p.To, Only: p.Only, Text: rest, Choices: p.Choices})
	return err
}
