package telegram_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/telegram"
	"chatgateway/channels/telegram/telegramtest"
)

// said is the text among a message's attachments, and its name.
func said(m channels.Message) (text, name string) {
	for _, a := range m.Attachments {
		if a.Data != nil {
			return string(a.Data), a.Name
		}
	}
	return "", ""
}

// TestQuoted: what a message answers comes with it, text and pictures; the bot's own words only where they are needed.
func TestQuoted(t *testing.T) {
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		g := r.s.Supergroup("team", r.bot)
		r.bot.SetPrivacy(false)
		r.run()
		bob := r.s.Person("Bob")
		long := r.s.Say(bob, g, telegramtest.Line{Text: "the plan is " + strings.Repeat("long ", 5000)})
		r.say(g, telegramtest.Line{Text: "@gateway_bot sum this up", ReplyTo: long})
		if text, name := said(r.Last()); !strings.HasPrefix(text, "the plan is long") || len(text) > 9000 || !strings.Contains(name, "by Bob") || r.Last().Text != "sum this up" {
			t.Errorf("%q by %q came with %q", text, name, r.Last().Text)
		}
		pic := r.s.Say(bob, g, telegramtest.Line{Photo: []byte("a picture of a cat"), Text: "caption"})
		r.say(g, telegramtest.Line{Text: "@gateway_bot", ReplyTo: pic})
		if m := r.Last(); len(m.Attachments) != 2 || m.Attachments[1].Type != "image/jpeg" || string(m.Attachments[0].Data) != "caption" {
			t.Errorf("an answer to a picture arrived as %+v", m)
		}
		key := r.s.Say(bob, g, telegramtest.Line{Text: "use sk-ant-api03-FAKE-quoted-000111222333444555"})
		r.say(g, telegramtest.Line{Text: "@gateway_bot what is this?", ReplyTo: key})
		if text, _ := said(r.Last()); strings.Contains(text, "quoted") || !strings.HasPrefix(text, "use ") {
			t.Errorf("a key that is quoted arrived: %q", text)
		}
		topics := r.s.Forum("forum", r.bot)
		r.say(topics, telegramtest.Line{Text: "@gateway_bot in a topic", Topic: topics.Topic(r.ann, "plans")})
		if m := r.Last(); m.Attachments != nil {
			t.Errorf("what stands in a topic came with %+v", m.Attachments)
		}
		r.Send(channels.Post{To: r.conv(g), Text: "my own words"})
		own := r.s.Shown(g)[0]
		r.say(g, telegramtest.Line{Text: "go on", ReplyTo: &own})
		if m := r.Last(); m.Attachments != nil || !m.Addressed {
			t.Errorf("an answer to the bot arrived as %+v", m)
		}
		r.say(r.dm, telegramtest.Line{Text: "hi"})
		r.Send(channels.Post{To: r.conv(r.dm), Text: strings.Repeat("my own words ", 200)})
		own = r.s.Shown(r.dm)[0]
		r.say(r.dm, telegramtest.Line{Text: "what do you mean?", ReplyTo: &own})
		if text, _ := said(r.Last()); !strings.HasPrefix(text, "my own words") || len(text) > 500 {
			t.Errorf("in a direct chat %q came with the answer to it", text)
		}
	})
}

// TestKinds: what Telegram lets people send arrives as what a model can read, and never as silence.
func TestKinds(t *testing.T) {
	file := map[string]any{"file_id": "f1", "file_unique_id": "u", "file_size": 10, "emoji": "👍"}
	moving := map[string]any{"file_id": "f1", "emoji": "🎉", "is_animated": true}
	place := map[string]any{"latitude": 59.9, "longitude": 10.7}
	rich := map[string]any{"blocks": []any{
		map[string]any{"type": "heading", "text": "News", "size": 1}, map[string]any{"type": "paragraph", "text": []any{"all ", map[string]any{"type": "bold", "text": "well"}}},
		map[string]any{"type": "table", "cells": []any{[]any{map[string]any{"text": "a"}, map[string]any{"text": "b"}}}},
		map[string]any{"type": "list", "items": []any{map[string]any{"label": "1", "blocks": []any{map[string]any{"type": "paragraph", "text": "item"}}}}},
	}}
	bubble(t, telegram.Settings{}, func(t *testing.T, r *rig) {
		r.run()
		for n, c := range []struct {
			body       map[string]any
			text, data string
			note       string
		}{
			{map[string]any{"location": place}, "", "latitude 59.9, longitude 10.7", ""},
			{map[string]any{"location": place, "venue": map[string]any{"location": place, "title": "Opera", "address": "Plass 1"}}, "", "Opera, Plass 1 (latitude 59.9", ""},
			{map[string]any{"contact": map[string]any{"phone_number": "+47 1", "first_name": "Ola"}}, "", "Ola, +47 1", ""},
			{map[string]any{"poll": map[string]any{"question": "when?", "options": []any{map[string]any{"text": "now"}, map[string]any{"text": "later"}}}}, "", "when?\n- now\n- later", ""},
			{map[string]any{"sticker": moving}, "🎉", "", ""},
			{map[string]any{"story": map[string]any{"id": 1}}, "", "", "cannot be read"},
			{map[string]any{"checklist": map[string]any{"title": "x"}}, "", "", "cannot be read"},
			{map[string]any{"rich_message": rich}, "News\nall well\na b \nitem", "", ""},
			{map[string]any{"text": "why?", "quote": map[string]any{"text": "the cause", "position": 3}, "external_reply": map[string]any{}}, "why?", "the cause", ""},
		} {
			m := map[string]any{"message_id": 700 + n, "date": time.Now().Unix(), "chat": map[string]any{"id": r.dm.ID(), "type": "private"}, "from": r.ann}
			maps.Copy(m, c.body)
			r.bot.Push("message", m)
			r.pass(time.Second)
			if len(r.Messages()) != n+1 {
				t.Fatalf("%v did not arrive", c.body)
			}
			got := r.Last()
			data, _ := said(got)
			note := ""
			for _, a := range got.Attachments {
				note += a.Note
			}
			if strings.TrimSpace(got.Text) != c.text || !strings.HasPrefix(data, c.data) || !strings.Contains(note, c.note) {
				t.Errorf("%v arrived as %+v, data %q", c.body, got, data)
			}
		}
		r.bot.Push("message", map[string]any{"message_id": 800, "date": 1, "chat": map[string]any{"id": r.dm.ID(), "type": "private"}, "from": r.ann, "sticker": file})
		r.pass(time.Second)
		if a := r.Last().Attachments; len(a) != 1 || a[0].Ref != "f1" || a[0].Name != "sticker 👍" {
			t.Errorf("a sticker arrived as %+v", a)
		}
		before := len(r.Messages())
		for _, service := range []string{"pinned_message", "new_chat_title", "message_auto_delete_timer_changed", "write_access_allowed", "something_new"} {
			r.bot.Push("message", map[string]any{"message_id": 900, "date": 1, "chat": map[string]any{"id": r.dm.ID(), "type": "private"}, "from": r.ann, service: map[string]any{}})
		}
		r.pass(time.Second)
		if got := len(r.Messages()) - before; got != 0 {
			t.Errorf("%d service messages were taken for messages", got)
		}
	})
}
