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
