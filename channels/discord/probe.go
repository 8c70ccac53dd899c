package discord

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/bwmarrin/discordgo"
)

// lookUp asks who the bot is.
func (c *channel) lookUp(ctx context.Context) (identity, error) {
	var u wireUser
	if err := c.rest.do(ctx, call{what: "log in", method: "GET", path: "/users/@me", route: "/users/@me"}, &u); err != nil {
		return identity{}, err
	}
	var app struct {
		ID    string `json:"id"`
		Flags int    `json:"flags"`
	}
	if err := c.rest.do(ctx, call{what: "log in", method: "GET", path: "/applications/@me", route: "/applications/@me"}, &app); err != nil {
		return identity{}, err
	}
	me := identity{id: u.ID, name: u.Username, app: app.ID, content: app.Flags&flagsContent != 0}
	c.mu.Lock()
	c.me = me
	c.mu.Unlock()
	return me, nil
}

// whoami gives who the bot is, asking if it is not known.
func (c *channel) whoami(ctx context.Context) (identity, error) {
	if me := c.identity(); me.id != "" {
		return me, nil
	}
	return c.lookUp(ctx)
}

// permissions that the bot uses in a guild, and what they are for.
var permissions = []struct {
	bit  int64
	name string
	why  string
}{
	{discordgo.PermissionViewChannel, "View Channels", "to hear anything"},
	{discordgo.PermissionSendMessages, "Send Messages", "to answer"},
	{discordgo.PermissionSendMessagesInThreads, "Send Messages in Threads", "to answer in threads"},
	{discordgo.PermissionReadMessageHistory, "Read Message History", "to read what was said while it was away"},
	{discordgo.PermissionAttachFiles, "Attach Files", "to send files"},
	{discordgo.PermissionManageMessages, "Manage Messages", "to delete messages in which people typed a secret"},
	{discordgo.PermissionCreatePublicThreads, "Create Public Threads", "to answer in a thread of its own (threads: true)"},
}

const guildsShown = 10

// Test implements channels.Tester.
func (c *channel) Test(ctx context.Context) ([]string, error) {
	me, err := c.lookUp(ctx)
	if err != nil {
		return nil, err
	}
	say := []string{fmt.Sprintf("The bot is %s, application %s.", c.bot(), me.app)}
	if me.content {
		say = append(say, "The Message Content intent is on.")
	} else {
		say = append(say, "The Message Content intent is off: in servers the bot hears only what mentions it. Switch it on at "+c.page("bot")+", Privileged Gateway Intents.")
	}
	var guilds []struct {
		ID, Name    string
		Permissions string
	}
	if err := c.rest.do(ctx, call{what: "list the servers", method: "GET", path: "/users/@me/guilds?limit=200", route: "/users/@me/guilds"}, &guilds); err != nil {
		return say, err
	}
	need := int64(0)
	for _, p := range permissions {
		if c.uses(p.bit) {
			need |= p.bit
		}
	}
	invite := fmt.Sprintf("https://discord.com/oauth2/authorize?client_id=%s&scope=bot+applications.commands&permissions=%d", me.app, need)
	if len(guilds) == 0 {
		return append(say, "It is in no server. Invite it with "+invite), nil
	}
	lacking := false
	for n, g := range guilds {
		if n == guildsShown {
			say = append(say, fmt.Sprintf("… and %d servers more.", len(guilds)-n))
			break
		}
		has, _ := strconv.ParseInt(g.Permissions, 10, 64)
		var missing []string
		for _, p := range permissions {
			if c.uses(p.bit) && has&(p.bit|discordgo.PermissionAdministrator) == 0 {
				missing = append(missing, p.name+" ("+p.why+")")
			}
		}
		if len(missing) == 0 {
			say = append(say, fmt.Sprintf("In the server %q (%s) it has all the permissions that it uses; a channel may take some away.", g.Name, g.ID))
			continue
		}
		lacking = true
		say = append(say, fmt.Sprintf("In the server %q (%s) it lacks %s.", g.Name, g.ID, strings.Join(missing, ", ")))
	}
	if lacking {
		say = append(say, "Give them to its role in the server's settings, or invite it again with "+invite)
	}
	return say, nil
}

// uses reports whether the bot, as it is set up, uses a permission.
func (c *channel) uses(bit int64) bool {
	return bit != discordgo.PermissionCreatePublicThreads || c.set.Threads
}
