package discord

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

const (
	commandsMax  = 100
	optionsMax   = 25
	commandChat  = 1
	optionString = 3
	bulkFrom     = 4 // that many differences are written in one request
)

// commandName reports whether Discord takes s as the name of a command: ^[-_\p{Ll}\p{Lo}\p{N}]{1,32}$. As a regular
// expression this took 2 MB and 4 ms at every start.
func commandName(s string) bool {
	n := utf8.RuneCountInString(s)
	return n >= 1 && n <= 32 && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && r != '_' && !unicode.In(r, unicode.Ll, unicode.Lo, unicode.N)
	})
}

// wireCommand is an application command.
type wireCommand struct {
	ID          string    `json:"id,omitempty"`
	Type        int       `json:"type"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Options     []wireArg `json:"options"`
	Contexts    []int     `json:"contexts"`          // where it can be given: guilds, the bot's direct messages
	Installs    []int     `json:"integration_types"` // installed in a guild
}

type wireArg struct {
	Type         int    `json:"type"`
	Name         string `json:"name"`
	Description  string `json:"description"`
	Required     bool   `json:"required,omitempty"`
	Autocomplete bool   `json:"autocomplete,omitempty"`
}

// command finds a command of the menu.
func (c *channel) command(name string) (channels.Command, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cmd := range c.menu {
		if strings.ToLower(cmd.Name) == name {
			return cmd, true
		}
	}
	return channels.Command{}, false
}

// syncMenu makes Discord's list of commands the wanted one. Only what differs is written: Discord allows 200 new
// commands a day.
func (c *channel) syncMenu(ctx context.Context, menu []channels.Command) error {
	me, err := c.whoami(ctx)
	if err != nil {
		return err
	}
	base := "/applications/" + me.app + "/commands"
	req := call{what: "read the commands", method: "GET", path: base, route: "/applications/#/commands"}
	var there []wireCommand
	if err := c.rest.do(ctx, req, &there); err != nil {
		return err
	}
	want := c.wanted(menu)
	var calls []call
	foreign := false
	old := map[string]wireCommand{}
	for _, o := range there {
		if o.Type != commandChat {
			foreign = true
			continue
		}
		old[o.Name] = o
	}
	for _, w := range want {
		o, ok := old[w.Name]
		delete(old, w.Name)
		switch {
		case !ok:
			calls = append(calls, call{what: "add /" + w.Name, method: "POST", path: base, route: "/applications/#/commands", body: w})
		case !same(o, w):
			calls = append(calls, call{what: "change /" + w.Name, method: "PATCH", path: base + "/" + o.ID, route: "/applications/#/commands/#", body: w})
		}
	}
	for _, o := range old {
		calls = append(calls, call{what: "remove /" + o.Name, method: "DELETE", path: base + "/" + o.ID, route: "/applications/#/commands/#"})
	}
	if len(calls) >= bulkFrom && !foreign {
		calls = []call{{what: "set the commands", method: "PUT", path: base, route: "/applications/#/commands", body: want}}
	}
	for _, cl := range calls {
		if err := c.rest.do(ctx, cl, nil); err != nil {
			return err
		}
	}
	if len(calls) > 0 {
		c.log.Info("discord: commands written", "requests", len(calls), "commands", len(want))
	}
	return nil
}

// wanted makes Discord's commands of a menu.
func (c *channel) wanted(menu []channels.Command) []wireCommand {
	want := []wireCommand{}
	for _, m := range menu {
		name := strings.ToLower(m.Name)
		if !commandName(name) || len(want) == commandsMax {
			c.log.Warn("discord: a command cannot be in the menu; it can still be typed", "command", m.Name)
			continue
		}
		w := wireCommand{Type: commandChat, Name: name, Description: describe(m.Help, m.Name), Options: []wireArg{}, Contexts: []int{0, 1}, Installs: []int{0}}
		for _, a := range m.Args {
			if a.Secret || len(w.Options) == optionsMax || optionName(a.Name) == "" {
				continue // what is typed into an option stays with Discord
			}
			w.Options = append(w.Options, wireArg{Type: optionString, Name: optionName(a.Name), Description: describe(a.Help, a.Name),
				Required: !a.Optional, Autocomplete: a.Complete != nil})
		}
		slices.SortStableFunc(w.Options, func(a, b wireArg) int { // Discord wants those that must be given first
			switch {
			case a.Required == b.Required:
				return 0
			case a.Required:
				return -1
			}
			return 1
		})
		want = append(want, w)
	}
	return want
}

func describe(help, name string) string {
	if help == "" {
		help = name
	}
	return adapter.Clip(help, 100)
}

// optionName makes an argument's name one that Discord takes; empty if there is none.
func optionName(name string) string {
	name = strings.ReplaceAll(strings.ToLower(name), " ", "-")
	if !commandName(name) {
		return ""
	}
	return name
}

// same reports whether Discord has a command as it is wanted.
func same(there, want wireCommand) bool {
	there.ID = ""
	if there.Options == nil {
		there.Options = []wireArg{}
	}
	slices.Sort(there.Contexts)
	slices.Sort(there.Installs)
	a, aerr := json.Marshal(there)
	b, berr := json.Marshal(want)
	return aerr == nil && berr == nil && string(a) == string(b)
}
