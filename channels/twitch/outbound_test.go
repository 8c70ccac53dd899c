package twitch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"chatgateway/channels"
	"chatgateway/channels/twitch"
	"chatgateway/internal/status"
)

func TestReplies(t *testing.T) {
	bubble(t, twitch.Settings{}, nil, func(t *testing.T, r *rig) {
		r.run()
		m := r.ask("tell me all")
		text := strings.Repeat("# Head\n\nSome **bold** words in a paragraph.\n\n", 60)
		id := r.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: text})
		r.Send(channels.Post{To: m.Conversation, Text: "to nobody in particular"})
		list := r.s.Messages(r.room, "gateway_bot")
		if len(list) != 3 || string(id) != list[1].ID {
			t.Fatalf("%d messages, id %q", len(list), id)
		}
		for _, said := range list {
			if said.Reply != string(m.ID) {
				t.Errorf("%q answers %q; want %q", said.Text, said.Reply, m.ID)
			}
			if n := utf8.RuneCountInString(said.Text); n > 470 || strings.ContainsAny(said.Text, "*#\n") {
				t.Errorf("%d characters: %q", n, said.Text)
			}
		}
		if !strings.HasSuffix(list[1].Text, "(cut: this place takes no more)") {
			t.Errorf("the last part does not say that it was cut: %q", list[1].Text)
		}
	})
}

// TestOneLine: nothing that a model or a person says ends a line or becomes a chat command.
func TestOneLine(t *testing.T) {
	bubble(t, twitch.Settings{}, nil, func(t *testing.T, r *rig) {
		r.s.AddRoom("other")
		r.run()
		m := r.ask("hello")
		for _, text := range []string{
			"hello\r\nPRIVMSG #other :pwned", "hello\nJOIN #other", "hello\x00QUIT", "a\u2028PART #streamer", "```\nx\r\nQUIT\r\n```",
			"/ban ann", ".ban ann", " /ban ann", "\u200b/ban ann", "\u2060\u200d/timeout ann 1", "`/ban ann`", "**/ban** ann", "/me waves", "\\/ban ann",
			"> /ban ann", "!addcom x", "\x01ACTION x\x01", "", "\u200b", "...", "....ban",
		} {
			r.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: text})
		}
		for _, bad := range []channels.Post{
			{To: m.Conversation, Answers: "x\r\nPRIVMSG #other :pwned", Text: "1"},
			{To: m.Conversation, Answers: "x;y=1 PRIVMSG #other", Text: "2"},
		} {
			r.Send(bad)
		}
		for _, to := range []string{"streamer\r\nQUIT/1", "streamer #other/1", "other/1", "no", ""} {
			if _, err := r.ch.Send(t.Context(), channels.Post{To: channels.ConversationID(to), Text: "3"}); !errors.Is(err, channels.ErrGone) {
				t.Errorf("Send to %q gave %v; want ErrGone", to, err)
			}
		}
		for _, l := range r.s.Lines() {
			rest := l
			if strings.HasPrefix(l, "@") {
				_, rest, _ = strings.Cut(l, " ")
			}
			verb, args, _ := strings.Cut(rest, " ")
			if to, _, _ := strings.Cut(args, " "); verb == "QUIT" || verb == "PART" || (verb == "PRIVMSG" || verb == "JOIN") && to != "#streamer" {
				t.Errorf("the line %q was sent", l)
			}
		}
		if cmds := r.s.Commands(); len(cmds) > 0 {
			t.Errorf("Twitch took for commands: %q", cmds)
		}
		for _, said := range r.shown() {
			if strings.ContainsRune("!/", rune(said[0])) || strings.HasPrefix(said, ".") {
				t.Errorf("%q begins like a command", said)
			}
		}
	})
}

// TestOwnForm: what tells of our commands tells of them as they are given here.
func TestOwnForm(t *testing.T) {
	bubble(t, twitch.Settings{}, nil, func(t *testing.T, r *rig) {
		r.run()
		if err := r.ch.(channels.MenuSetter).SetMenu(t.Context(), []channels.Command{{Name: "login"}, {Name: "model"}}); err != nil {
			t.Fatal(err)
		}
		m := r.ask("hello")
		for text, want := range map[string]string{
			"Say `/login openai` or /model fast (/login).":   "Say !login openai or !model fast (!login).",
			"See /etc/model, /model/x, a/login and /models.": "See /etc/model, /model/x, a/login and /models.",
			"/login is for owners":                           "› !login is for owners",
			"/ban is Twitch's":                               "› /ban is Twitch's",
		} {
			r.Send(channels.Post{To: m.Conversation, Text: text})
			if got := r.shown(); got[len(got)-1] != want {
				t.Errorf("%q is shown as %q; want %q", text, got[len(got)-1], want)
			}
		}
	})
}

// TestFlood: many answers at once stay within the limits, so that Twitch refuses none.
func TestFlood(t *testing.T) {
	bubble(t, twitch.Settings{}, nil, func(t *testing.T, r *rig) {
		r.run()
		m := r.ask("hello")
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() { r.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: fmt.Sprintf("answer %d", i)}) })
		}
		wg.Wait()
		took := time.Since(start)
		if got := len(r.shown()); got != 50 {
			t.Errorf("%d messages are shown; want 50", got)
		}
		if bad := r.s.Refused(); len(bad) > 0 {
			t.Errorf("Twitch refused %q", bad)
		}
		if took < time.Minute || took > 2*time.Minute {
			t.Errorf("50 messages took %v; 20 in 30 seconds are allowed", took)
		}
	})
}

func TestModeratorIsFaster(t *testing.T) {
	bubble(t, twitch.Settings{}, func(r *rig) { r.room.Mods = []string{"gateway_bot"} }, func(t *testing.T, r *rig) {
		r.run()
		m := r.ask("hello")
		start := time.Now()
		for i := range 90 {
			r.Send(channels.Post{To: m.Conversation, Text: fmt.Sprintf("answer %d", i)})
		}
		if d := time.Since(start); d > 5*time.Second || len(r.s.Refused()) > 0 {
			t.Errorf("90 messages took %v, refused: %q", d, r.s.Refused())
		}
	})
}

func TestSameWords(t *testing.T) {
	bubble(t, twitch.Settings{}, nil, func(t *testing.T, r *rig) {
		r.run()
		m := r.ask("hello")
		for i := range 4 {
			r.Send(channels.Post{To: m.Conversation, Key: fmt.Sprint("k", i), Text: "Done."})
		}
		r.Send(channels.Post{To: m.Conversation, Key: "k0", Text: "Done."})
		if got := r.shown(); len(got) != 4 || len(r.s.Refused()) > 0 {
			t.Errorf("shown %q, refused %q; want four different", got, r.s.Refused())
		}
	})
}

// TestCutWhileSending: where nobody knows whether a message was sent, it is tried again, and Twitch tells.
func TestCutWhileSending(t *testing.T) {
	bubble(t, twitch.Settings{}, nil, func(t *testing.T, r *rig) {
		r.run()
		m := r.ask("hello")
		p := channels.Post{To: m.Conversation, Answers: m.ID, Key: "turn-1.0", Text: "only once"}
		r.s.CutNext()
		if _, err := r.ch.Send(t.Context(), p); err == nil {
			t.Fatal("Send gave no error although the connection was cut")
		}
		r.Send(p)
		r.Send(p)
		if got := r.shown(); len(got) != 1 {
			t.Errorf("shown %q; want it once", got)
		}
	})
}

func TestLostWithoutAWord(t *testing.T) {
	bubble(t, twitch.Settings{}, nil, func(t *testing.T, r *rig) {
		r.run()
		m := r.ask("hello")
		r.s.Lose(1)
		start := time.Now()
		r.Send(channels.Post{To: m.Conversation, Text: "into the void"})
		if d := time.Since(start); d > 30*time.Second {
			t.Errorf("it took %v to go on", d)
		}
		r.Send(channels.Post{To: m.Conversation, Text: "and on"})
	})
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		id, text string
		want     error
		state    string
	}{
		{"msg_banned", "You are permanently banned from talking in streamer.", channels.ErrGone, "The bot is banned from #streamer"},
		{"msg_channel_suspended", "This channel does not exist or has been suspended.", channels.ErrGone, "suspended"},
		{"msg_followersonly", "This room is in 10 minutes followers-only mode.", channels.ErrSetup, "Only followers may write in #streamer"},
		{"msg_subsonly", "This room is in subscribers only mode.", channels.ErrSetup, "Only subscribers"},
		{"msg_rejected_mandatory", "Your message wasn't posted due to conflicts with the channel's moderation settings.", errors.ErrUnsupported, ""},
		{"msg_something_new", "No.", errors.ErrUnsupported, ""},
	} {
		t.Run(c.id, func(t *testing.T) {
			bubble(t, twitch.Settings{}, nil, func(t *testing.T, r *rig) {
				r.run()
				m := r.ask("hello")
				r.s.Refuse(c.id, c.text)
				_, err := r.ch.Send(t.Context(), channels.Post{To: m.Conversation, Text: "no"})
				var sentence interface{ UserMessage() string }
				if !errors.Is(err, c.want) || !errors.As(err, &sentence) {
					t.Errorf("Send gave %v; want %v with a sentence", err, c.want)
				}
				if c.state != "" {
					r.Want(status.Degraded, c.state)
				}
			})
		})
	}
}

func TestWaits(t *testing.T) {
	for _, c := range []struct {
		id, text string
		wait     time.Duration
	}{
		{"msg_slowmode", "This room is in slow mode and you are sending messages too quickly. You will be able to talk again in 12 seconds.", 12 * time.Second},
		{"msg_ratelimit", "Your message was not sent because you are sending messages too quickly.", 30 * time.Second},
		{"msg_timedout", "You are timed out for 52 more seconds.", 52 * time.Second},
	} {
		t.Run(c.id, func(t *testing.T) {
			bubble(t, twitch.Settings{}, nil, func(t *testing.T, r *rig) {
				r.run()
				m := r.ask("hello")
				start := time.Now()
				r.s.Refuse(c.id, c.text)
				r.Send(channels.Post{To: m.Conversation, Text: "later"})
				if d := time.Since(start); d < c.wait || d > c.wait+3*time.Second {
					t.Errorf("it waited %v; want %v", d, c.wait)
				}
				r.s.Refuse(c.id, c.text)
				var busy *channels.Busy
				r.pass(2 * time.Second)
				if _, err := r.ch.Send(t.Context(), channels.Post{To: m.Conversation, Text: "now", Partial: true}); !errors.As(err, &busy) {
					t.Errorf("a partial post gave %v; want Busy", err)
				}
			})
		})
	}
}

func TestSlowRoom(t *testing.T) {
	bubble(t, twitch.Settings{}, func(r *rig) { r.room.Slow = 20 }, func(t *testing.T, r *rig) {
		r.run()
		m := r.ask("hello")
		for i := range 4 {
			r.Send(channels.Post{To: m.Conversation, Text: fmt.Sprint("slowly ", i)})
		}
		if bad := r.s.Refused(); len(bad) > 0 {
			t.Errorf("Twitch refused %q", bad)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := r.ch.Send(ctx, channels.Post{To: m.Conversation, Text: "too soon"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Send gave %v when its context ended", err)
		}
	})
}
