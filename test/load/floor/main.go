// Command floor is the least that a chat bot between Telegram and a model can be: it polls, asks, and sends. It keeps
// nothing, checks nobody, remembers no conversation. It is the floor that the load generator measures against.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
)

type update struct {
	ID      int64 `json:"update_id"`
	Message *struct {
		Text string `json:"text"`
		Chat struct {
			ID int64 `json:"id"`
		} `json:"chat"`
	} `json:"message"`
}

func main() {
	t := &http.Transport{MaxIdleConnsPerHost: 256}
	b := bot{api: os.Getenv("FLOOR_API"), model: os.Getenv("FLOOR_MODEL"), http: &http.Client{Transport: t}}
	offset := int64(0)
	for {
		var list []update
		if err := b.call("getUpdates", map[string]any{"offset": offset, "timeout": 30}, &list); err != nil {
			fmt.Fprintln(os.Stderr, "getUpdates failed")
			os.Exit(1)
		}
		for _, u := range list {
			offset = u.ID + 1
			if u.Message != nil {
				go b.reply(u.Message.Chat.ID, u.Message.Text) // nobody waits for it: that is how little it is
			}
		}
	}
}

type bot struct {
	api, model string
	http       *http.Client
}

// reply asks the model and sends what it said, in one message.
func (b *bot) reply(chat int64, text string) {
	body, _ := json.Marshal(map[string]any{"model": "fake", "stream": true, "messages": []map[string]string{{"role": "user", "content": text}}})
	resp, err := b.http.Post(b.model+"/api/chat", "application/json", bytes.NewReader(body))
	if err != nil {
		return
	}
	defer resp.Body.Close() //nolint:errcheck // the answer was read
	var said strings.Builder
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		var l struct {
			Message struct {
				Content string `json:"content"`
			} `json:"message"`
		}
		if json.Unmarshal(lines.Bytes(), &l) == nil {
			said.WriteString(l.Message.Content)
		}
	}
	_ = b.call("sendMessage", map[string]any{"chat_id": chat, "text": said.String()}, nil)
}

func (b *bot) call(method string, params map[string]any, result any) error {
	body, _ := json.Marshal(params)
	resp, err := b.http.Post(b.api+"/"+method, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // the answer was read
	var a struct {
		Result json.RawMessage `json:"result"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil || result == nil {
		return err
	}
	return json.Unmarshal(a.Result, result)
}
