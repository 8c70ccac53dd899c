package discord

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"chatgateway/channels"
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

// FuzzInteraction: whatever a command, a press or a form looks like, nobody but a named person is heard.
func FuzzInteraction(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"id":"1","type":2,"token":"t","channel_id":"2","user":{"id":"3"},"data":{"type":1,"name":"login","options":[{"name":"provider","type":3,"value":"x"},{"type":4,"value":1e99}]}}`,
		`{"id":"1","type":3,"token":"t","guild_id":"4","channel_id":"2","member":{"user":{"id":"3"},"nick":"n","roles":["r"]},"message":{"id":"9"},"data":{"custom_id":"p","values":["v"]}}`,
		`{"id":"1","type":5,"token":"t","user":{"id":"3"},"member":{"nick":"n"},"channel":{"id":"2","type":11,"parent_id":"1"},"data":{"components":[{"component":{"value":"v"}},{"components":[{"value":"w"}]}]}}`,
	} {
		f.Add([]byte(s))
	}
	b := newBot(f, discordtest.Options{}, nil)
	acked := make(chan struct{})
	close(acked)
	over, cancel := context.WithCancel(f.Context())
	cancel() // nothing is looked up
	f.Fuzz(func(t *testing.T, data []byte) {
		var w wireInteraction
		if json.Unmarshal(data, &w) != nil {
			return
		}
		_ = typed(w.Data.Components)
		from := w.person()
		if from == nil || from.ID == "" {
			return
		}
		i := &interaction{c: b.c, wire: w, user: channels.UserID(from.ID), acked: acked, turn: make(chan struct{}, 1)}
		if m, ok := i.message(over); ok && (m.From == "" || m.Press == "" && !strings.HasPrefix(m.Text, "/")) {
			t.Errorf("handed in: %+v", m)
		}
	})
}

// FuzzEvent: whatever an event of the gateway holds, it is taken in or left out.
func FuzzEvent(f *testing.F) {
	for kind, s := range map[string]string{
		"GUILD_CREATE":      `{"id":"1","roles":[{"id":"1","permissions":"8"}],"channels":[{"id":"2","type":0,"parent_id":"x"}],"threads":[{}]}`,
		"CHANNEL_DELETE":    `{"id":"2"}`,
		"THREAD_LIST_SYNC":  `{"threads":[{"id":"3","parent_id":"2"}]}`,
		"GUILD_ROLE_UPDATE": `{"guild_id":"1","role":{"id":"1","permissions":"-"}}`,
	} {
		f.Add(kind, []byte(s))
	}
	b := newBot(f, discordtest.Options{}, nil)
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		if strings.HasPrefix(kind, "MESSAGE") || kind == "INTERACTION_CREATE" {
			return // they wait for whoever takes them
		}
		b.c.dispatch(t.Context(), kind, data)
	})
}
