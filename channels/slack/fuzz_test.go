package slack

import (
	"context"
	"encoding/json"
	"testing"

	"chatgateway/channels/slack/slacktest"
)

// FuzzEvent: whatever Slack says that somebody wrote, nothing breaks, and nobody without an id is heard.
func FuzzEvent(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"type":"message","channel":"D1","channel_type":"im","user":"U1","text":"hi","ts":"1700000000.000100"}`,
		`{"type":"app_mention","channel":"C1","user":"U1","text":"<@UB> <https://x|y> &lt;","ts":"1700000000.000100","thread_ts":"1600000000.000100"}`,
		`{"type":"message","subtype":"message_changed","channel":"C1","message":{"user":"U1","text":"a","ts":"1.1","edited":{}},"previous_message":{"text":"b"}}`,
		`{"type":"message","channel":"C1","user":"U1","ts":"1.1","files":[{"id":"../x","size":-1,"name":"../x"}]}`,
	} {
		f.Add([]byte(s))
	}
	b := newBot(f, slacktest.Options{}, nil)
	over, cancel := context.WithCancel(f.Context())
	cancel() // nothing is looked up
	f.Fuzz(func(t *testing.T, data []byte) {
		var e event
		if json.Unmarshal(data, &e) != nil {
			return
		}
		if m, ok, err := b.c.message(over, "T1", e); ok && (err != nil || m.From == "" || m.Conversation == "") {
			t.Errorf("nobody is heard: %s", data)
		}
	})
}

// FuzzInteraction: whatever a press, a form or a command looks like, nobody but a named person is heard.
func FuzzInteraction(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"type":"block_actions","user":{"id":"U1","team_id":"T1"},"channel":{"id":"C1"},"container":{"channel_id":"C1","message_ts":"1.1","is_ephemeral":true},"actions":[{"action_id":"x","value":"p"}]}`,
		`{"type":"block_actions","user":{"id":"U1"},"actions":[{"selected_option":{"value":"p"}}],"message":{"ts":"1.1","thread_ts":"1.0"},"channel":{"id":"../x"}}`,
		`{"type":"view_submission","user":{"id":"U1"},"view":{"callback_id":"x","private_metadata":"y","state":{"values":{"a":{"b":{"value":"v"}}}}}}`,
	} {
		f.Add([]byte(s))
	}
	b := newBot(f, slacktest.Options{}, nil)
	over, cancel := context.WithCancel(f.Context())
	cancel() // nothing is looked up
	f.Fuzz(func(t *testing.T, data []byte) {
		var w wireAction
		if json.Unmarshal(data, &w) != nil {
			return
		}
		if w.Type == "view_submission" {
			_ = b.c.asks.submit(w)
			return
		}
		if len(w.Actions) == 0 {
			return
		}
		if m, ok := b.c.press(over, w); ok && (m.From == "" || m.Conversation == "" || m.Press == "" || m.Text != "") {
			t.Errorf("handed in: %+v", m)
		}
	})
}
