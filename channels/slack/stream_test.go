package slack

import (
	"errors"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/slack/slacktest"
)

// streams begins a draft in a thread of the channel.
func (b *bot) streams(text string) (channels.Draft, channels.Message) {
	b.t.Helper()
	b.s.Say(slacktest.Said{Person: "ann", Channel: b.s.Channel, Text: at(text)})
	m := b.Heard(text)
	d, err := b.c.Stream(b.t.Context(), channels.Post{To: m.Conversation, Answers: m.ID, Key: "k-" + text})
	if err != nil {
		b.t.Fatalf("Stream: %v", err)
	}
	return d, m
}

func TestStream(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	d, m := b.streams("tell me")
	for _, all := range []string{"**Hello** ", "**Hello** <", "**Hello** <!channel> and", "**Hello** <!channel> and more"} {
		if err := d.Show(t.Context(), all); err != nil {
			t.Fatal(err)
		}
	}
	if s := b.shows("bob", b.s.Channel); !s.Streaming || s.Text != "**Hello** <\u200b!channel> and more" || s.Thread == "" {
		t.Errorf("streamed: %+v", s)
	}
	id, err := d.Finish(t.Context(), "**Hello** <!channel> and more, at last")
	if err != nil {
		t.Fatal(err)
	}
	s := b.shows("bob", b.s.Channel)
	if s.Streaming || !strings.HasSuffix(s.Text, "at last") || id != messageID(b.s.Channel, s.TS) {
		t.Errorf("at the end: %+v", s)
	}
	if n := b.s.Calls("chat.stopStream"); n != 1 {
		t.Errorf("the stream was ended %d times", n)
	}
	if err := b.c.Edit(t.Context(), id, channels.Post{To: m.Conversation, Text: "with buttons", Choices: []channels.Choice{{Label: "Ok", Press: "p1"}}}); err != nil {
		t.Errorf("Edit: %v", err)
	}
	b.s.Say(slacktest.Said{Person: "ann", Text: "privately"})
	if _, err := b.c.Stream(t.Context(), channels.Post{To: b.Heard("privately").Conversation}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a stream without a thread: %v", err)
	}
}

func TestStreamLong(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	d, _ := b.streams("all of it")
	all := strings.Repeat("A sentence of some words. ", 1000)
	for n := 3000; n < len(all); n += 3000 {
		if err := d.Show(t.Context(), all[:n]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Finish(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, s := range b.s.See("ann", b.s.Channel) {
		if s.Streaming || len(s.Text) > streamMax {
			t.Errorf("a message of %d characters, streaming: %v", len(s.Text), s.Streaming)
		}
		text += s.Text + " "
	}
	if strings.Join(strings.Fields(text), " ") != strings.TrimSpace(all) {
		t.Errorf("%d characters of %d are shown, in %d messages", len(text), len(all), len(b.s.See("ann", b.s.Channel)))
	}
}

// TestStreamFails: whatever goes wrong, the whole answer is there once at the end.
func TestStreamFails(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*slacktest.Server){
		"cannot":       func(s *slacktest.Server) { s.Refuse("chat.startStream", "missing_recipient_team_id") },
		"no such":      func(s *slacktest.Server) { s.Refuse("chat.startStream", "unknown_method") },
		"stopped":      func(s *slacktest.Server) { s.Refuse("chat.appendStream", "message_not_in_streaming_state") },
		"start lost":   func(s *slacktest.Server) { s.Lose("chat.startStream", 1) },
		"start 503":    func(s *slacktest.Server) { s.Fail("chat.startStream", 503, 1) },
		"append lost":  func(s *slacktest.Server) { s.Lose("chat.appendStream", 1) },
		"append 503":   func(s *slacktest.Server) { s.Fail("chat.appendStream", 503, 1) },
		"stop lost":    func(s *slacktest.Server) { s.Lose("chat.stopStream", 1) },
		"stop 503":     func(s *slacktest.Server) { s.Fail("chat.stopStream", 503, 1) },
		"other text":   func(*slacktest.Server) {},
		"nothing seen": func(*slacktest.Server) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBot(t, slacktest.Options{}, nil).start()
			d, m := b.streams("go")
			spoil(b.s)
			if name != "nothing seen" {
				_ = d.Show(t.Context(), "one ") // some of these fail, and the answer goes on
				_ = d.Show(t.Context(), "one two ")
			}
			all := "one two three"
			if name == "other text" {
				all = "something else"
			}
			if _, err := d.Finish(t.Context(), all); err != nil {
				t.Fatalf("Finish: %v", err)
			}
			if s := b.shows("ann", b.s.Channel); s.Text != all || s.Streaming {
				t.Errorf("shown: %+v", s)
			}
			_, err := b.c.Stream(t.Context(), channels.Post{To: m.Conversation})
			if refused := errors.Is(err, errors.ErrUnsupported); refused != (name == "cannot" || name == "no such") {
				t.Errorf("the next stream: %v", err)
			}
		})
	}
}

func TestStreamWaits(t *testing.T) {
	t.Parallel()
	b := newBot(t, slacktest.Options{}, nil).start()
	d, _ := b.streams("slowly")
	if err := d.Show(t.Context(), "one "); err != nil {
		t.Fatal(err)
	}
	b.s.Limit(time.Second)
	var busy *channels.Busy
	if err := d.Show(t.Context(), "one two "); !errors.As(err, &busy) {
		t.Errorf("refused: %v", err)
	}
	if _, err := d.Finish(t.Context(), "one two three"); err != nil {
		t.Fatal(err)
	}
	if s := b.shows("ann", b.s.Channel); s.Text != "one two three" || s.Streaming {
		t.Errorf("shown: %+v", s)
	}
}
