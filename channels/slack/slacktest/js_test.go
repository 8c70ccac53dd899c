package slacktest_test

import (
	"os"
	"os/exec"
	"slices"
	"testing"

	"chatgateway/channels/channeltest"
	"chatgateway/channels/slack/slacktest"
)

// startJS runs a bot on @slack/bolt.
func startJS(t *testing.T, s *slacktest.Server) *channeltest.Client {
	t.Helper()
	_, err := os.Stat("js/node_modules/@slack/bolt/package.json")
	if err == nil {
		_, err = exec.LookPath("node")
	}
	if err != nil {
		how := "@slack/bolt is not installed: run npm ci --prefix channels/slack/slacktest/js (needs Node 20)"
		if os.Getenv("CI") == "true" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	return channeltest.StartClient(t, "js/bot.mjs", "API="+s.URL, "BOT_TOKEN="+slacktest.BotToken, "APP_TOKEN="+slacktest.AppToken)
}

// TestBolt runs a client on the fake that knows nothing of ours: on a fake that serves one client alone, that client's
// mistakes are right.
func TestBolt(t *testing.T) {
	s := slacktest.New(t, slacktest.Options{})
	b := startJS(t, s)
	if ready := b.Event("ready", 1); ready["user"] != slacktest.BotUser {
		t.Errorf("ready: %v", ready)
	}
	shows := func(person, channel, text string) (found slacktest.Shown) {
		t.Helper()
		channeltest.Until(t, "the message "+text, func() bool {
			i := slices.IndexFunc(s.See(person, channel), func(m slacktest.Shown) bool { return m.Text == text })
			if i >= 0 {
				found = s.See(person, channel)[i]
			}
			return i >= 0
		})
		return found
	}

	s.Say(slacktest.Said{Person: "ann", Text: "buttons", Files: []slacktest.File{{Name: "x.txt", Type: "text/plain", Data: []byte("x")}}})
	if m := b.Event("message", 1); m["text"] != "buttons" || m["kind"] != "im" || m["files"] != 1.0 {
		t.Errorf("message: %v", m)
	}
	m := shows("ann", "", "choose")
	if _, err := s.Press("ann", "", m.TS, "Form"); err != nil {
		t.Fatal(err)
	}
	trigger, err := s.Press("ann", "", m.TS, "Form")
	if err != nil {
		t.Fatal(err)
	}
	var f *slacktest.Form
	channeltest.Until(t, "the form", func() bool { f = s.Form(trigger); return f != nil })
	if wrong, err := s.Submit("ann", f, "wrong"); err != nil || wrong["b"] != "not that" {
		t.Errorf("a wrong answer gave %v, %v", wrong, err)
	}
	if wrong, err := s.Submit("ann", f, "right"); err != nil || len(wrong) != 0 {
		t.Errorf("the right answer gave %v, %v", wrong, err)
	}
	if l := b.Event("form", 1); l["word"] != "right" || l["meta"] != "meta" {
		t.Errorf("form: %v", l)
	}
	if _, err := s.Press("ann", "", m.TS, "Update"); err != nil {
		t.Fatal(err)
	}
	shows("ann", "", "pressed")

	s.Slash("ann", s.Channel, "/ask", "why")
	if m := shows("ann", s.Channel, "answer to why"); !m.Hidden {
		t.Error("the answer to a command is seen by all")
	}
	s.Say(slacktest.Said{Person: "ann", Text: "stream"})
	if m := shows("ann", "", "**one** two three"); m.Streaming || m.Thread == "" {
		t.Errorf("streamed: %+v", m)
	}
	s.Say(slacktest.Said{Person: "ann", Text: "file"})
	channeltest.Until(t, "the file", func() bool {
		return slices.ContainsFunc(s.See("ann", ""), func(m slacktest.Shown) bool { return slices.Contains(m.Files, "a.txt=hello") })
	})
	s.Say(slacktest.Said{Person: "ann", Channel: s.Channel, Text: "hush"})
	shows("ann", s.Channel, "between us")
	if len(s.See("bob", s.Channel)) != 0 {
		t.Error("bob sees what is for ann")
	}
	s.Say(slacktest.Said{Person: "ann", Channel: s.Channel, Text: "<@" + slacktest.BotUser + "> hello"})
	b.Event("mention", 1)

	s.Disconnect("refresh_requested")
	b.Event("connected", 2)
	s.Cut()
	b.Event("connected", 3)
	s.Say(slacktest.Said{Person: "ann", Text: "after"})
	channeltest.Until(t, "what is said after a cut", func() bool {
		return slices.ContainsFunc(b.Lines(), func(l map[string]any) bool { return l["text"] == "after" })
	})
}
