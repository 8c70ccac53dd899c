package telegram

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"
)

// Test implements channels.Tester.
func (c *channel) Test(ctx context.Context) ([]string, error) {
	a := c.api(c.sends)
	me, err := c.whoami(ctx, a)
	if err != nil {
		return nil, err
	}
	lines := []string{"The bot is " + me.String() + ", called " + me.FirstName + "."}
	if me.CanReadAllGroupMessages {
		lines = append(lines, "Privacy mode is off: in groups it gets every message.")
	} else {
		lines = append(lines, "Privacy mode is on: in groups it gets commands, mentions and answers to it. @BotFather changes that with /setprivacy.")
	}
	if !me.CanJoinGroups {
		lines = append(lines, "It cannot be added to groups; @BotFather changes that with /setjoingroups.")
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var hook struct {
		URL string `json:"url"`
	}
	if err := a.call(ctx, "getWebhookInfo", nil, &hook); err != nil {
		return lines, fmt.Errorf("telegram: %w", err)
	}
	if hook.URL != "" {
		return append(lines, "A webhook is set, so another program gets its messages. The gateway removes it when it starts."), nil
	}
	// Without an offset a poll confirms nothing. It is held for long enough that another poller comes back.
	err = a.call(ctx, "getUpdates", tgbotapi.Params{"timeout": "8", "limit": "1"}, nil)
	var r *reply
	if errors.As(err, &r) && r.code == http.StatusConflict {
		return append(lines, "Something reads its messages already: this gateway, if it runs now, else another program that must be stopped."), nil
	}
	if err != nil {
		return lines, fmt.Errorf("telegram: %w", err)
	}
	return append(lines, "Nothing else reads its messages."), nil
}
