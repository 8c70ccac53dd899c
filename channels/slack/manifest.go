package slack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
	"chatgateway/internal/lazyregexp"
)

const slashMax = 25 // slash commands of an app

// reserved are slash commands of Slack's own, which no app can have.
var reserved = strings.Fields("help status who remind topic leave mute open join invite away active dnd feed me msg rename remove search shortcuts " +
	"shrug prefs call huddle archive apps collapse expand feedback kick star dm part hide show todo")

var slashShape = lazyregexp.New(`^[a-z0-9_-]{1,31}$`)

type slashCommand struct {
	Command string `json:"command"`
	Help    string `json:"description"`
	Hint    string `json:"usage_hint,omitempty"`
	Escape  bool   `json:"should_escape"`
}

// manifest makes the manifest that is pasted where a Slack app is made: https://docs.slack.dev/reference/app-manifest.
// The slash commands are the one for all and, as many as Slack takes, those of the menu.
func manifest(menu []channels.Command, settings any) ([]byte, error) {
	set, ok := settings.(*Settings)
	if !ok {
		return nil, fmt.Errorf("slack: settings are %T", settings)
	}
	umbrella := strings.ToLower(first(set.Command, "gateway"))
	if !slashShape.MatchString(umbrella) || slices.Contains(reserved, umbrella) {
		return nil, fmt.Errorf("slack: command: /%s is no slash command that an app can have", adapter.Clip(umbrella, 40))
	}
	commands := []slashCommand{{Command: "/" + umbrella, Help: "Everything that the bot can do", Hint: "help | login | model | …"}}
	knows := map[string]bool{}
	for _, m := range menu {
		name := strings.ToLower(m.Name)
		knows[name] = true
		if len(commands) == slashMax || name == umbrella || !slashShape.MatchString(name) || slices.Contains(reserved, name) {
			continue // it is given as /gateway name, or as !name
		}
		commands = append(commands, slashCommand{Command: "/" + name, Help: adapter.Clip(first(m.Help, m.Name), 100), Hint: hint(m.Args)})
	}
	var bot []string
	for _, s := range scopes {
		bot = append(bot, s.name)
	}
	var offers []map[string]string
	for _, p := range prompts(func(name string) bool { return knows[name] }) {
		offers = append(offers, map[string]string{"title": p[0], "message": p[1]})
	}
	type object = map[string]any
	return json.MarshalIndent(object{
		"_metadata":           object{"major_version": 1, "minor_version": 1},
		"display_information": object{"name": "Gateway", "description": "Talk to a model"},
		"features": object{
			"app_home":       object{"home_tab_enabled": false, "messages_tab_enabled": true, "messages_tab_read_only_enabled": false},
			"bot_user":       object{"display_name": "gateway", "always_online": true},
			"assistant_view": object{"assistant_description": "Talk to a model", "suggested_prompts": offers},
			"slash_commands": commands,
		},
		"oauth_config": object{"scopes": object{"bot": bot}},
		"settings": object{
			"event_subscriptions": object{"bot_events": []string{"app_mention", "app_uninstalled", "assistant_thread_context_changed", "assistant_thread_started",
				"message.channels", "message.groups", "message.im", "message.mpim", "tokens_revoked"}},
			"interactivity":          object{"is_enabled": true},
			"org_deploy_enabled":     false,
			"socket_mode_enabled":    true,
			"token_rotation_enabled": false,
		},
	}, "", "  ")
}

// hint shows what a command's arguments are. A secret is no argument here: Slack would keep it.
func hint(args []channels.Arg) string {
	var words []string
	for _, a := range args {
		switch {
		case a.Secret:
		case a.Optional:
			words = append(words, "["+a.Name+"]")
		default:
			words = append(words, a.Name)
		}
	}
	return adapter.Clip(strings.Join(words, " "), 100)
}
