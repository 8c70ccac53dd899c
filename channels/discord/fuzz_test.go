package discord

import (
	"context"
	"encoding/json"
	"testing"

	"chatgateway/channels/discord/discordtest"
)

// FuzzMessage: whatever Discord says that somebody wrote, nothing breaks, and nobody without an id is heard.
func FuzzMessage(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"id":"1","channel_id":"2","author":{"id":"3"},"content":"hi"}`,
		`{"id":"1","channel_id":"2","guild_id":"4","author":{"id":"3"},"content":"<@9> hi","mentions":[{"id":"9"}],"type":19,"message_reference":{"message_id":"7"},"referenced_message":{"author":{"id":"9"}}}`,
		`{"id":"x","author":{"id":"3"},"attachments":[{"id":"..","filename":"../x","size":-1,"url":"file:///etc/passwd"}],"message_snapshots":[{"message":{}}]}`,
	} {
		f.Add([]byte(s))
	}
	b := newBot(f, discordtest.Options{}, nil)
	over, cancel := context.WithCancel(f.Context())
	cancel() // nothing is looked up
	f.Fuzz(func(t *testing.T, data []byte) {
		var m wireMessage
		if json.Unmarshal(data, &m) != nil {
			return
		}
		for _, fetched := range []bool{false, true} {
			if out, ok := b.c.message(over, m, fetched); ok && out.From == "" {
				t.Errorf("nobody is heard: %s", data)
			}
		}
	})
}
