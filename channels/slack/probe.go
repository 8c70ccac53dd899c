package slack

import (
	"context"
	"errors"
	"fmt"
	"strings"

	slackgo "github.com/slack-go/slack"

	"chatgateway/channels"
)

// identity is who the bot is.
type identity struct {
	user, bot, name string
	team, teamName  string
	app             string          // empty: it could not be read
	scopes          map[string]bool // nil: Slack did not tell
}

// scope is a right that the app uses, and what for.
type scope struct {
	name, why string
	needed    bool // nothing works without
}

var scopes = []scope{
	{"chat:write", "to answer", true},
	{"im:history", "to hear direct messages", true},
	{"app_mentions:read", "to hear mentions", true},
	{"commands", "for slash commands", false},
	{"channels:history", "to follow threads in public channels", false},
	{"groups:history", "to follow threads in private channels", false},
	{"mpim:history", "to hear group direct messages", false},
	{"im:write", "to write to people first", false},
	{"users:read", "to know how people are called", false},
	{"files:read", "to read files", false},
	{"files:write", "to send files", false},
	{"assistant:write", "for assistant threads: prompts, title, status", false},
}

// lacks names the scopes that are missing; with needed, those without which nothing works.
func (me identity) lacks(needed bool) (names []string) {
	for _, s := range scopes {
		if me.scopes != nil && !me.scopes[s.name] && (s.needed || !needed) {
			names = append(names, s.name)
		}
	}
	return names
}

// page is a page of the app's settings.
func (me identity) page(name string) string {
	if me.app == "" {
		return portal
	}
	return portal + "/" + me.app + "/" + name
}

// lookUp asks who the bot is.
func (c *channel) lookUp(ctx context.Context) (identity, error) {
	var r *slackgo.AuthTestResponse
	err := c.do(ctx, call{what: "log in", method: "auth.test"}, func(ctx context.Context, api *slackgo.Client) (err error) {
		r, err = api.AuthTestContext(ctx)
		return err
	})
	if err != nil {
		return identity{}, err
	}
	me := identity{user: r.UserID, bot: r.BotID, name: r.User, team: r.TeamID, teamName: r.Team, app: c.identity().app}
	if r.BotID == "" {
		return identity{}, state("The Slack bot token is a person's; copy the Bot User OAuth Token (xoxb-…) from "+portal+".", channels.ErrRejected)
	}
	if has := r.Header.Get("X-OAuth-Scopes"); has != "" {
		me.scopes = map[string]bool{}
		for s := range strings.SplitSeq(has, ",") {
			me.scopes[strings.TrimSpace(s)] = true
		}
	}
	if me.app == "" && (me.scopes == nil || me.scopes["users:read"]) {
		err := c.do(ctx, call{what: "read the app", method: "bots.info", partial: true}, func(ctx context.Context, api *slackgo.Client) error {
			b, err := api.GetBotInfoContext(ctx, slackgo.GetBotInfoParameters{Bot: r.BotID})
			if err == nil {
				me.app = b.AppID
			}
			return err
		})
		if err != nil {
			c.log.Debug("slack: it is not known which app the bot is", "err", err)
		}
	}
	c.mu.Lock()
	c.me = me
	c.mu.Unlock()
	return me, nil
}

// bot says who the bot is; empty before it is known.
func (c *channel) bot() string {
	me := c.identity()
	if me.user == "" {
		return ""
	}
	return fmt.Sprintf("@%s (%s) in %s", me.name, me.user, me.teamName)
}

// Test implements channels.Tester.
func (c *channel) Test(ctx context.Context) ([]string, error) {
	if err := c.checkTokens(); err != nil {
		return nil, err
	}
	me, err := c.lookUp(ctx)
	if err != nil {
		return nil, err
	}
	say := []string{fmt.Sprintf("The bot is %s (%s).", c.bot(), me.team)}
	if me.app != "" {
		say[0] = fmt.Sprintf("The bot is %s (%s), app %s.", c.bot(), me.team, me.app)
	}
	var missing []string
	for _, s := range scopes {
		if me.scopes != nil && !me.scopes[s.name] {
			missing = append(missing, s.name+" ("+s.why+")")
		}
	}
	switch {
	case me.scopes == nil:
		say = append(say, "Slack does not tell which scopes it has.")
	case len(missing) == 0:
		say = append(say, "It has all the scopes that it uses.")
	default:
		say = append(say, "It lacks the scopes "+strings.Join(missing, ", ")+". Add them at "+me.page("oauth")+" and install the app again.")
	}
	err = c.do(ctx, call{what: "check the app-level token", method: "apps.connections.open", once: true}, func(ctx context.Context, api *slackgo.Client) error {
		_, _, err := api.StartSocketModeContext(ctx)
		return err
	})
	if is(err, "missing_scope") {
		return say, state("The app-level token lacks the scope connections:write; make another at "+me.page("general")+", App-Level Tokens.", channels.ErrSetup)
	}
	if err != nil {
		return say, err
	}
	if app := appOf(c.appToken().Reveal()); app != "" && me.app != "" && app != me.app {
		return say, state("The Slack bot token and the app-level token belong to different apps; copy both from one app at "+portal+".", channels.ErrRejected)
	}
	return append(say, "The app-level token is good, and Socket Mode is on."), nil
}

// checkTokens finds tokens that are missing or of the wrong kind.
func (c *channel) checkTokens() error {
	for _, f := range Service.Secrets {
		s := c.o.Secrets.Secret(f.Name)
		if s.Empty() {
			return state("There is no "+f.Name+"; set it with `gateway channels set slack "+f.Name+"`.", channels.ErrRejected)
		}
		if err := f.Check(s.Reveal()); err != nil {
			return state("The Slack "+f.Name+" is not right: "+err.Error()+".", channels.ErrRejected)
		}
	}
	return nil
}

// checkBotToken says what is wrong with a bot token, without repeating it.
func checkBotToken(s string) error {
	if strings.HasPrefix(s, "xapp-") {
		return errors.New("this is the app-level token; the bot token begins with xoxb-")
	}
	return checkToken(s, "xoxb-", "xoxe.xoxb-")
}

// checkAppToken says what is wrong with an app-level token, without repeating it.
func checkAppToken(s string) error {
	if strings.HasPrefix(s, "xoxb-") {
		return errors.New("this is the bot token; the app-level token begins with xapp-")
	}
	return checkToken(s, "xapp-")
}

func checkToken(s string, begins ...string) error {
	if strings.ContainsAny(s, " \t\r\n") {
		return errors.New("a token has no spaces")
	}
	for _, b := range begins {
		if strings.HasPrefix(s, b) && len(s) >= len(b)+8 {
			return nil
		}
	}
	return fmt.Errorf("it should begin with %s and be longer; copy it whole", begins[0])
}
