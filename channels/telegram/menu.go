package telegram

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"chatgateway/channels"
)

const (
	maxMenu     = 100  // commands
	maxName     = 32   // letters, digits and underscores of a command
	menuBudget  = 5700 // bytes of JSON: Telegram refuses more than about that much, long before 100 commands
	maxHelp     = 100  // runes: the docs allow 256, screens do not
	menuBot     = "BOT_COMMANDS_TOO_MUCH"
	menuTimeout = time.Minute
)

// menu is what the core published.
type menu struct {
	mu    sync.Mutex
	names map[string]string // guarded by mu: as Telegram writes a command → its name
}

// known gives the command's own name for what was typed. Before the menu is set every command is known.
func (m *menu) known(typed string) (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.names == nil {
		return typed, true
	}
	if name, ok := m.names[strings.ToLower(typed)]; ok {
		return name, true
	}
	return typed, false
}

// SetMenu implements channels.MenuSetter. Direct chats show every command; groups those that may be answered in
// public. What Telegram does not take is cut from the end, and logged; /help tells the rest.
func (c *channel) SetMenu(ctx context.Context, list []channels.Command) error {
	ctx, cancel := context.WithTimeout(ctx, menuTimeout)
	defer cancel()
	names := map[string]string{}
	var private, groups []tgbotapi.BotCommand
	for _, cmd := range list {
		name := strings.ToLower(strings.ReplaceAll(cmd.Name, "-", "_"))
		if !plainWord(name) || len(name) > maxName {
			c.o.Log.Warn("telegram: a command has a name that menus cannot show", "account", c.o.Account, "command", cmd.Name)
			continue
		}
		names[name] = cmd.Name
		entry := tgbotapi.BotCommand{Command: name, Description: short(cmd.Help)}
		private = append(private, entry)
		if !cmd.Private && !cmd.Owner {
			groups = append(groups, entry)
		}
	}
	c.menu.mu.Lock()
	c.menu.names = names
	c.menu.mu.Unlock()
	err := c.publish(ctx, "all_private_chats", private)
	return errors.Join(err, c.publish(ctx, "all_group_chats", groups))
}

// publish sets the menu of one scope, unless it is set already.
func (c *channel) publish(ctx context.Context, scope string, want []tgbotapi.BotCommand) error {
	a := c.api(c.sends)
	params := tgbotapi.Params{"scope": `{"type":"` + scope + `"}`}
	want = c.cut(want, scope)
	var have []tgbotapi.BotCommand
	err := c.retry(ctx, 0, false, func(ctx context.Context, _ int64) error {
		return a.call(ctx, "getMyCommands", params, &have)
	})
	for err == nil && !slices.Equal(have, want) {
		var body []byte
		if body, err = json.Marshal(want); err != nil {
			break
		}
		params["commands"] = string(body)
		err = c.retry(ctx, 0, false, func(ctx context.Context, _ int64) error {
			return a.call(ctx, "setMyCommands", params, nil)
		})
		r := (*reply)(nil)
		if !errors.As(err, &r) || !strings.Contains(r.text, menuBot) || len(want) < 2 {
			break
		}
		want, err = want[:len(want)/2], nil
		c.o.Log.Warn("telegram takes fewer commands for its menu", "account", c.o.Account, "scope", scope, "shown", len(want))
	}
	if err != nil {
		return fmt.Errorf("telegram: set the menu: %w", err)
	}
	return nil
}

// cut leaves as many commands as fit.
func (c *channel) cut(list []tgbotapi.BotCommand, scope string) []tgbotapi.BotCommand {
	size := 2
	for i, e := range list {
		size += len(`{"command":"","description":""},`) + len(e.Command) + len(e.Description)
		if i == maxMenu || size > menuBudget {
			c.o.Log.Warn("telegram's menu does not hold every command", "account", c.o.Account, "scope", scope, "shown", i)
			return list[:i]
		}
	}
	return list
}

func short(help string) string {
	help = orDots(strings.Join(strings.Fields(help), " "))
	if utf8.RuneCountInString(help) <= maxHelp {
		return help
	}
	return string([]rune(help)[:maxHelp-1]) + "…"
}
