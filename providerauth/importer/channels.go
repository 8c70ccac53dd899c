package importer

import (
	"strings"

	"chatgateway/internal/secret"
)

// fields are the secrets of the chat services, as channels.json names them, with the names that OpenClaw has for them.
var fields = map[string]map[string][]string{
	"telegram": {"bot_token": {"bot_token", "botToken"}},
	"discord":  {"bot_token": {"bot_token", "token", "botToken"}},
	"slack":    {"bot_token": {"bot_token", "botToken"}, "app_token": {"app_token", "appToken"}},
	"twitch":   {"token": {"token", "accessToken"}},
	"email":    {"username": {"username"}, "password": {"password"}},
}

// services is the order in which they are listed.
var services = []string{"telegram", "discord", "slack", "twitch", "email"}

// names is the order of their fields.
var names = []string{"bot_token", "app_token", "token", "username", "password"}

// readChannels reads Operator's channels.json.
func readChannels(_ string, doc object) (items []Item) {
	for _, account := range doc.keys() {
		service, _, _ := strings.Cut(account, ":")
		items = append(items, tokens(service, account, doc.object(account))...)
	}
	return items
}

// readBots reads the bots of OpenSoul and OpenClaw, which stand in their configuration.
func readBots(_ string, doc object) (items []Item) {
	all := doc.object("channels")
	for _, service := range services {
		bot := all.object(service)
		items = append(items, tokens(service, service, bot)...)
		accounts := bot.object("accounts")
		for _, name := range accounts.keys() {
			account := service
			if name != "default" {
				account += ":" + strings.Trim(badAccount.ReplaceAllString(strings.ToLower(name), "-"), "-._@")
			}
			items = append(items, tokens(service, account, accounts.object(name))...)
		}
	}
	return items
}

func tokens(service, account string, record object) (items []Item) {
	for _, field := range names {
		value := record.text(fields[service][field]...)
		if value == "" {
			continue
		}
		if service == "discord" {
			value = strings.TrimPrefix(value, "Bot ")
		}
		items = append(items, Item{Account: account, Field: field, Token: secret.New(value)})
	}
	return items
}
