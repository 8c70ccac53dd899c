package slack

import (
	"html"
	"strings"

	"chatgateway/internal/lazyregexp"
)

var tag = lazyregexp.New(`<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>`)

// plain turns Slack's text into what the person typed: without the mentions of the bot, addresses and names in the
// open. nameOf gives a person's name, or nothing.
func plain(text, bot string, nameOf func(id string) string) string {
	text = tag.ReplaceAllStringFunc(text, func(s string) string {
		m := tag.FindStringSubmatch(s)
		kind, what, label := m[1], m[2], m[3]
		switch kind {
		case "@":
			if what == bot {
				return mentionMark
			}
			return "@" + first(label, nameOf(what), what)
		case "#":
			return "#" + first(label, what)
		case "!":
			if what == "here" || what == "channel" || what == "everyone" {
				return "@" + what
			}
			return first(label, what)
		}
		bareURL := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(what, "https://"), "http://"), "mailto:")
		switch {
		case label == "" || label == what:
			return what
		case label == bareURL && strings.HasPrefix(what, "mailto:"), label == bareURL && strings.HasPrefix(what, "http"):
			return label // Slack made a link of what was typed
		}
		return label + " (" + what + ")"
	})
	text = strings.ReplaceAll(text, mentionMark+" ", "")
	text = strings.ReplaceAll(text, " "+mentionMark, "")
	text = strings.ReplaceAll(text, mentionMark, "")
	return strings.TrimSpace(html.UnescapeString(text))
}

// mentionMark stands where the bot was mentioned; no text of Slack's holds it.
const mentionMark = "\x00"

// othersFirst reports whether a text begins by mentioning somebody other than the bot.
func othersFirst(text, bot string) bool {
	text = strings.TrimSpace(text)
	return strings.HasPrefix(text, "<@") && !mentions(text[:min(len(text), len(bot)+3)], bot)
}

// mentions reports whether a text mentions the bot.
func mentions(text, bot string) bool {
	return strings.Contains(text+">", "<@"+bot+">") || strings.Contains(text, "<@"+bot+"|")
}

// command makes a command of a text that gives one as !name: Slack takes no slash commands in threads.
func (c *channel) command(text string) string {
	word, _, _ := strings.Cut(text, " ")
	word, _, _ = strings.Cut(word, "\n")
	if len(word) > 1 && word[0] == '!' && c.knows(word[1:]) {
		return "/" + text[1:]
	}
	return text
}

// knows reports whether a name is one of the menu's.
func (c *channel) knows(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.menu {
		if strings.EqualFold(m.Name, name) {
			return true
		}
	}
	return false
}

// slash makes the text of a slash command: of the one for all, the command that follows it, if there is such a one.
func (c *channel) slash(command, args string) string {
	name := strings.TrimPrefix(command, "/")
	args = strings.TrimSpace(args)
	if !strings.EqualFold(name, first(c.set.Command, "gateway")) {
		return strings.TrimSpace("/" + name + " " + args)
	}
	word, _, _ := strings.Cut(strings.TrimLeft(args, "/!"), " ")
	switch {
	case args == "":
		return "/help"
	case strings.HasPrefix(args, "/"):
		return args
	case strings.HasPrefix(args, "!"):
		return "/" + args[1:]
	case c.knows(word):
		return "/" + args
	}
	return args
}
