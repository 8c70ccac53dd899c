package telegram

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/internal/status"
)

// FuzzUpdates: whatever Telegram says that somebody wrote, nothing breaks, and nobody without an id is heard.
func FuzzUpdates(f *testing.F) {
	for _, s := range []string{
		`[]`, `[{"update_id":1,"message":{"message_id":1,"from":{"id":5},"chat":{"id":5,"type":"private"},"text":"hi"}}]`,
		`[{"update_id":1,"message":{"message_id":1,"from":{"id":5},"chat":{"id":-100,"type":"supergroup","is_forum":true},"text":"@b hi","entities":[{"type":"mention","offset":9999,"length":-1}]}}]`,
		`[{"update_id":1,"edited_message":{"chat":{"id":1}}},{"callback_query":{"id":"1","data":"x","from":{"id":1}}}]`,
		`[{"update_id":2,"callback_query":{"id":"2","data":"p:x","from":{"id":1},"message":{"message_id":7,"date":0,"chat":{"id":-1,"type":"group"}}}}]`,
		`[{"message":{"chat":{"id":5},"from":{"id":5},"photo":[{}],"document":{"file_name":"../x","file_size":-1},"media_group_id":"a"}}]`,
		`[{"message":{"chat":{"id":5},"from":{"id":5},"quote":{"text":"x"},"rich_message":{"blocks":[{"text":["a",{"text":"b"}]}]},"reply_to_message":{"chat":{"id":5},"text":"q","photo":[{}],"sticker":{"emoji":"x","is_video":true}}}},{"stopped_message_generation":{"chat":{"id":5}}}]`,
		`[{"message":{"chat":{"id":5},"from":{"id":5},"venue":{"location":{"latitude":1}},"poll":{"question":"?","options":[{"text":"a"}]},"contact":{"phone_number":"1"}}}]`,
	} {
		f.Add([]byte(s))
	}
	ch, err := Service.Open(channels.Options{
		Account: "telegram", Secrets: channeltest.NewSecrets(map[string]string{"bot_token": "123456:FAKE-token-for-tests-aaaaaaaaaaaaaaa"}), Settings: Service.Settings(),
		Report: func(status.Channel) {}, Log: slog.New(slog.DiscardHandler), Client: &http.Client{},
		Mark: func(context.Context, string) (string, error) { return "", nil },
	})
	if err != nil {
		f.Fatal(err)
	}
	p := &poller{c: ch.(*channel), albums: map[string]time.Time{}, room: make(chan struct{}, 8)}
	f.Fuzz(func(t *testing.T, data []byte) {
		var list []update
		if json.Unmarshal(data, &list) != nil {
			return
		}
		for _, m := range p.batch(list).Messages {
			if m.From == "" && m.Press != "" { // a text of nobody has no right; the core sees to it
				t.Errorf("nobody is heard: %s", data)
			}
		}
	})
}
