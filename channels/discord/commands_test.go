package discord

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"chatgateway/channels"
	"chatgateway/channels/discord/discordtest"
)

// TestMenu: what differs is written, and nothing else.
func TestMenu(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	writes := func() (n int) {
		for _, m := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			n += len(b.s.Requests(m, "/commands"))
		}
		return n
	}
	for _, c := range []struct {
		name string
		menu []channels.Command
		want int // requests that write
		have int
	}{
		{"the first time, at once", menu(), 1, 4},
		{"the same", menu(), 0, 4},
		{"one goes", menu()[:3], 1, 3},
		{"one comes", menu(), 1, 4},
		{"a text changes", append(menu()[:3], channels.Command{Name: "stop", Help: "Stops it"}), 1, 4},
		{"the same again", append(menu()[:3], channels.Command{Name: "stop", Help: "Stops it"}), 0, 4},
		{"one that Discord does not take", append(menu()[:3], channels.Command{Name: "stop", Help: "Stops it"}, channels.Command{Name: "a b"}), 0, 4},
	} {
		before := writes()
		b.setMenu(c.menu)
		if n := writes() - before; n != c.want || len(b.s.Commands()) != c.have {
			t.Errorf("%s: %d writes, %d commands; want %d and %d", c.name, n, len(b.s.Commands()), c.want, c.have)
		}
	}
	b.open(nil) // another process finds them as they are
	before := writes()
	b.setMenu(append(menu()[:3], channels.Command{Name: "stop", Help: "Stops it"}))
	if n := writes() - before; n != 0 {
		t.Errorf("after a restart %d requests wrote; want none", n)
	}
	for _, cmd := range b.s.Commands() {
		if cmd["name"] == "login" && len(cmd["options"].([]any)) != 1 {
			t.Errorf("a secret is an option: %v", cmd["options"])
		}
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.setMenu(menu())
	b.start()
	got, err := b.s.Complete("ann", b.s.Channel, "model", "model", "")
	if err != nil || len(got) != 25 || got[0] != "openai/model-00" {
		t.Errorf("%d completions: %q, %v", len(got), got, err)
	}
	got, err = b.s.Complete("ann", "", "model", "model", "-39")
	if err != nil || !slices.Equal(got, []string{"openai/model-39"}) {
		t.Errorf("completions: %q, %v", got, err)
	}
	if got, err = b.s.Complete("ann", "", "model", "scope", "h"); err != nil || len(got) != 0 {
		t.Errorf("completions of free text: %q, %v", got, err)
	}
}

// TestChoices: few are buttons, many are menus of 25, more than fit go into another message.
func TestChoices(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.start()
	m := b.says(discordtest.Said{Person: "ann", Text: "choose"})
	for _, n := range []int{1, 5, 6, 25, 26, 130, 260} {
		var choices []channels.Choice
		for i := range n {
			choices = append(choices, channels.Choice{Label: fmt.Sprintf("choice %d %s", i, strings.Repeat("é", 90)), Press: channels.PressID(fmt.Sprintf("p-%d-%d", n, i))})
		}
		choices = append(choices, channels.Choice{Label: "page", URL: "https://example.com/a?b=c"}, channels.Choice{Label: "no page", URL: "javascript:alert(1)"})
		before := len(b.s.See("ann", b.s.Direct("ann")))
		id := b.Send(channels.Post{To: m.Conversation, Text: fmt.Sprintf("%d choices", n), Choices: choices})
		all := b.s.See("ann", b.s.Direct("ann"))[before:]
		controls, links := 0, 0
		for _, s := range all {
			for _, c := range s.Controls {
				if c.URL != "" {
					links++
				} else {
					controls++
				}
			}
		}
		if controls != n || links != 1 || string(id) != all[len(all)-1].ID {
			t.Errorf("%d choices: %d controls, %d links in %d messages", n, controls, links, len(all))
		}
		last := all[len(all)-1]
		for _, c := range slices.Backward(last.Controls) {
			if c.URL != "" {
				continue
			}
			if _, err := b.s.Press("ann", "", last.ID, c.Label); err != nil {
				t.Fatalf("press: %v", err)
			}
			b.Until("the press is heard", func() bool { return slices.Contains(b.Texts(), fmt.Sprintf("press p-%d-%d", n, n-1)) })
			break
		}
	}
}
