package slack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"chatgateway/channels"
)

// shape is what Slack publishes of manifests, as far as ours goes: github.com/slackapi/manifest-schema,
// schemas/manifest.schema.1.0.0.json. It takes no field that is not named there.
type shape struct {
	Metadata struct {
		Major int `json:"major_version"`
		Minor int `json:"minor_version"`
	} `json:"_metadata"`
	Display struct {
		Name string `json:"name"`
		Help string `json:"description"`
	} `json:"display_information"`
	Features struct {
		Home struct {
			Home     *bool `json:"home_tab_enabled"`
			Messages *bool `json:"messages_tab_enabled"`
			ReadOnly *bool `json:"messages_tab_read_only_enabled"`
		} `json:"app_home"`
		Bot struct {
			Name   string `json:"display_name"`
			Online *bool  `json:"always_online"`
		} `json:"bot_user"`
		Assistant struct {
			Help    string `json:"assistant_description"`
			Prompts []struct {
				Title   string `json:"title"`
				Message string `json:"message"`
			} `json:"suggested_prompts"`
		} `json:"assistant_view"`
		Slash []slashCommand `json:"slash_commands"`
	} `json:"features"`
	OAuth struct {
		Scopes struct {
			Bot []string `json:"bot"`
		} `json:"scopes"`
	} `json:"oauth_config"`
	Settings struct {
		Events struct {
			Bot []string `json:"bot_events"`
		} `json:"event_subscriptions"`
		Interactivity struct {
			On *bool `json:"is_enabled"`
		} `json:"interactivity"`
		Org    *bool `json:"org_deploy_enabled"`
		Socket *bool `json:"socket_mode_enabled"`
		Rotate *bool `json:"token_rotation_enabled"`
	} `json:"settings"`
}

// TestManifestKeepsToTheSchema: the manifest keeps to the fields and bounds of Slack's schema, however many commands there are and
// whatever they are called.
func TestManifestKeepsToTheSchema(t *testing.T) {
	t.Parallel()
	menu := []channels.Command{{Name: "help", Help: "Helps"}, {Name: "Ödd", Help: "x"}, {Name: strings.Repeat("n", 40), Help: "x"}, {Name: "bare"}}
	for n := range 80 {
		menu = append(menu, channels.Command{Name: fmt.Sprintf("command-%d", n), Help: strings.Repeat("long ", 900),
			Args: []channels.Arg{{Name: strings.Repeat("argument", 300)}, {Name: "key", Secret: true}}})
	}
	for _, list := range [][]channels.Command{nil, menu} {
		raw, err := manifest(list, &Settings{})
		if err != nil {
			t.Fatal(err)
		}
		var m shape
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&m); err != nil {
			t.Fatalf("the manifest is not as Slack's schema has it: %v", err)
		}
		within := func(what, s string, least, most int) {
			if n := len([]rune(s)); n < least || n > most {
				t.Errorf("%s has %d letters; %d to %d are allowed", what, n, least, most)
			}
		}
		within("name", m.Display.Name, 1, 35)
		within("description", m.Display.Help, 1, 140)
		within("display_name", m.Features.Bot.Name, 1, 80)
		within("assistant_description", m.Features.Assistant.Help, 1, 2000)
		if n := len(m.Features.Slash); n < 1 || n > 50 {
			t.Errorf("%d slash commands", n)
		}
		seen := map[string]bool{}
		for _, c := range m.Features.Slash {
			within(c.Command, c.Command, 2, 32)
			within("the description of "+c.Command, c.Help, 1, 2000)
			within("the usage hint of "+c.Command, c.Hint, 0, 1000)
			if seen[c.Command] || !regexp.MustCompile(`^/[a-z0-9_-]+$`).MatchString(c.Command) {
				t.Errorf("the command %q is odd, or there twice", c.Command)
			}
			seen[c.Command] = true
		}
		for what, list := range map[string][]string{"bot_events": m.Settings.Events.Bot, "scopes": m.OAuth.Scopes.Bot} {
			if len(list) == 0 || len(list) > 100 {
				t.Errorf("%d %s", len(list), what)
			}
			for _, s := range list {
				if within(s, s, 1, 50); seen[what+s] {
					t.Errorf("%s: %s stands there twice", what, s)
				}
				seen[what+s] = true
			}
		}
		if on := m.Settings.Interactivity.On; on == nil || !*on {
			t.Error("interactivity is off")
		}
		if m.Metadata.Major != 1 || len(m.Features.Assistant.Prompts) > 4 {
			t.Errorf("%+v", m)
		}
	}
}
